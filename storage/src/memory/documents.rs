//! The reference model of documents.

use std::collections::BTreeMap;

use bytes::Bytes;
use treering_tlog::{Hash, LeafIndex};

use super::{MemoryStore, State, insert};
use crate::documents::{self, Attached, Document, Documents, Gitoid, Held};
use crate::record::EnvelopeRef;
use crate::{CommitError, LogId, StoreError};

#[derive(Debug, Default)]
pub(super) struct Rows {
    /// With their bodies; `None`: in a file.
    held: BTreeMap<Gitoid, (Held, Option<Bytes>)>,
    /// The entry that a gitoid was attached to first.
    attached: BTreeMap<Gitoid, (LogId, LeafIndex)>,
    /// The SHA-256 of each document of each entry.
    attachments: BTreeMap<(LogId, LeafIndex, Gitoid), Hash>,
}

impl Rows {
    fn of_entry(&self, log: LogId, index: LeafIndex) -> Vec<Attached> {
        let [first, last] = [[0; Hash::LEN], [255; Hash::LEN]]
            .map(|bytes| (log, index, Gitoid::from_hash(Hash::new(bytes))));
        let rows = self.attachments.range(first..=last);
        let attached =
            |((log, index, gitoid), sha256): (&(LogId, LeafIndex, Gitoid), &Hash)| Attached {
                gitoid: *gitoid,
                envelope_sha256: *sha256,
                log: *log,
                index: *index,
            };
        rows.map(attached).collect()
    }

    fn attach(&mut self, attached: &Attached) {
        let Attached {
            gitoid,
            envelope_sha256,
            log,
            index,
        } = *attached;
        self.attached.entry(gitoid).or_insert((log, index));
        insert(&mut self.attachments, (log, index, gitoid), envelope_sha256);
    }
}

impl MemoryStore {
    /// The rows of documents in a record's own step.
    pub(super) fn attach_own(
        &self,
        state: &mut State,
        own: &[Attached],
    ) -> Result<(), CommitError> {
        for attached in own {
            if let Some((_, None)) = state.documents.held.get(&attached.gitoid) {
                self.keep_file(attached.envelope_sha256)?;
            }
            state.documents.attach(attached);
            self.release(state, attached.gitoid);
        }
        Ok(())
    }

    /// Holds a document no longer; whether it was held.
    fn release(&self, state: &mut State, gitoid: Gitoid) -> bool {
        let held = state.documents.held.remove(&gitoid);
        if let Some((held, None)) = &held {
            self.remove_file(held.envelope_sha256);
        }
        held.is_some()
    }

    /// Puts the body where [`View::envelope`](crate::View::envelope) finds it; whether there is one.
    fn keep(
        &self,
        state: &mut State,
        attached: &Attached,
        body: Option<&EnvelopeRef>,
    ) -> Result<bool, CommitError> {
        let sha256 = attached.envelope_sha256;
        let held = state.documents.held.get(&attached.gitoid);
        let inline = match (body, held) {
            (Some(EnvelopeRef::Inline { bytes, .. }), _) | (None, Some((_, Some(bytes)))) => {
                Some(bytes.clone())
            }
            _ => None,
        };
        match inline {
            Some(bytes) => insert(&mut state.envelopes, sha256, bytes),
            None if state.envelopes.contains_key(&sha256) => {}
            None => return self.keep_file(sha256),
        }
        Ok(true)
    }

    fn keep_file(&self, sha256: Hash) -> Result<bool, CommitError> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        files
            .keep_held(sha256)
            .map_err(|error| CommitError::unknown("keep", error))
    }

    fn remove_file(&self, sha256: Hash) {
        if let Some(files) = &self.files {
            files.remove_held(sha256);
        }
    }

    fn has_file(&self, sha256: Hash) -> Result<bool, CommitError> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        files
            .has_held(sha256)
            .map_err(|error| CommitError::unknown("hold", error))
    }
}

impl Documents for MemoryStore {
    fn hold(&self, held: &Held, body: &EnvelopeRef) -> Result<(), CommitError> {
        documents::check_body(held.envelope_sha256, body)?;
        let state = &mut *self.state.lock();
        let bytes = match body {
            EnvelopeRef::Inline { bytes, .. } => Some(bytes.clone()),
            EnvelopeRef::Spooled { .. } => None,
        };
        let rows = &mut state.documents;
        let in_file = match (rows.attached.get(&held.gitoid), rows.held.get(&held.gitoid)) {
            (Some(_), _) => false,
            (None, Some((_, there))) => there.is_none(),
            (None, None) => {
                if bytes.is_none() && !self.has_file(held.envelope_sha256)? {
                    return Err(documents::no_body(held.gitoid, held.envelope_sha256));
                }
                rows.held.insert(held.gitoid, (held.clone(), bytes.clone()));
                return Ok(());
            }
        };
        if bytes.is_none() && !in_file {
            self.remove_file(held.envelope_sha256);
        }
        Ok(())
    }

    fn attach(&self, attached: &Attached, body: Option<&EnvelopeRef>) -> Result<(), CommitError> {
        if let Some(body) = body {
            documents::check_body(attached.envelope_sha256, body)?;
        }
        let state = &mut *self.state.lock();
        let log = state.logs.entry(attached.log).or_default();
        documents::check_entry(attached, log.head().size)?;
        if !self.keep(state, attached, body)? {
            return Err(documents::no_body(
                attached.gitoid,
                attached.envelope_sha256,
            ));
        }
        state.documents.attach(attached);
        self.release(state, attached.gitoid);
        if let Some(EnvelopeRef::Spooled { sha256, .. }) = body {
            self.remove_file(*sha256);
        }
        Ok(())
    }

    fn expire(&self, gitoid: Gitoid) -> Result<bool, CommitError> {
        Ok(self.release(&mut self.state.lock(), gitoid))
    }

    fn held(&self) -> Result<Vec<Held>, StoreError> {
        let state = self.state.lock();
        let held = state.documents.held.values().map(|(held, _)| held.clone());
        Ok(documents::oldest_first(held.collect()))
    }

    fn document(&self, gitoid: Gitoid) -> Result<Option<Document>, StoreError> {
        let state = self.state.lock();
        let rows = &state.documents;
        if let Some((held, _)) = rows.held.get(&gitoid) {
            return Ok(Some(Document::Held(held.clone())));
        }
        let attached = rows.attached.get(&gitoid).and_then(|(log, index)| {
            let of_entry = rows.of_entry(*log, *index);
            of_entry
                .into_iter()
                .find(|attached| attached.gitoid == gitoid)
        });
        Ok(attached.map(Document::Attached))
    }

    fn attachments(&self, log: LogId, index: LeafIndex) -> Result<Vec<Attached>, StoreError> {
        Ok(self.state.lock().documents.of_entry(log, index))
    }

    fn held_body(&self, gitoid: Gitoid) -> Result<Option<Bytes>, StoreError> {
        let state = self.state.lock();
        match (state.documents.held.get(&gitoid), &self.files) {
            (Some((_, Some(body))), _) => Ok(Some(body.clone())),
            (Some((held, None)), Some(files)) => files.read_held(held.envelope_sha256),
            _ => Ok(None),
        }
    }
}
