//! The rows of documents, one by one.

use std::collections::HashSet;

use bytes::Bytes;
use rocksdb::{IteratorMode, ReadOptions, WriteBatch};
use treering_tlog::{Hash, LeafIndex};

use crate::documents::codec::HeldIn;
use crate::documents::{self, Attached, Gitoid, Held};
use crate::record::EnvelopeRef;
use crate::rocks::read::failed;
use crate::rocks::{RocksStore, rows};
use crate::{CommitError, LogId, StoreError, keys};

/// A change that has to know what is there, and could not read it. Nothing was written; the caller stops all the same.
pub(super) fn unread(error: StoreError) -> CommitError {
    CommitError::unknown("documents", error)
}

fn name(gitoid: Gitoid) -> String {
    format!("document {gitoid}")
}

impl RocksStore {
    /// The row of a held document, and where its body is.
    pub(super) fn held_row(&self, gitoid: Gitoid) -> Result<Option<(Held, HeldIn)>, StoreError> {
        let value = self.document_row(keys::HELD, gitoid)?;
        let held = value.map(|value| Held::decode(gitoid, &value)).transpose();
        held.map_err(|error| error.of_row(name(gitoid)))
    }

    /// A row whose key is a gitoid. A database of an earlier version, open for reading, has none.
    fn document_row(&self, family: &str, gitoid: Gitoid) -> Result<Option<Bytes>, StoreError> {
        if self.db.cf_handle(family).is_none() {
            return Ok(None);
        }
        let value = self.get(family, keys::gitoid(&gitoid), || name(gitoid))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    /// Hands over all that is held, by gitoid.
    pub(super) fn scan_held(&self, mut take: impl FnMut(Held, HeldIn)) -> Result<(), StoreError> {
        let Some(family) = self.db.cf_handle(keys::HELD) else {
            return Ok(());
        };
        for row in self.db.iterator_cf(family, IteratorMode::Start) {
            let (key, value) = row.map_err(|error| failed("held documents", &error))?;
            let gitoid = keys::parse_gitoid(&key)?;
            let decoded = Held::decode(gitoid, &value.into());
            let (held, body) = decoded.map_err(|error| error.of_row(name(gitoid)))?;
            take(held, body);
        }
        Ok(())
    }

    /// Removes the files that a crash has left among the held ones.
    pub(in crate::rocks) fn sweep_held(&self) -> Result<(), StoreError> {
        let mut named = HashSet::new();
        self.scan_held(|held, body| {
            if body == HeldIn::File {
                named.insert(held.envelope_sha256);
            }
        })?;
        self.files.sweep_held(&named)
    }

    /// A held body as its row names it. If that changes meanwhile, it can be `Corrupt`.
    pub(super) fn read_held(&self, gitoid: Gitoid) -> Result<Option<Bytes>, StoreError> {
        let Some((held, place)) = self.held_row(gitoid)? else {
            return Ok(None);
        };
        let sha256 = held.envelope_sha256;
        let body = match place {
            HeldIn::File => self.files.read_held(sha256)?,
            HeldIn::Row => {
                let value = self.document_row(keys::HELD_BODIES, gitoid)?;
                let body = value.map(|value| rows::unpack(sha256, &value)).transpose();
                body.map_err(|error| error.of_row(format_args!("body of {gitoid}")))?
            }
        };
        // A server beside this reader removes files whose rows it still sees.
        if body.is_none() && self.writer.is_some() {
            let key = format!("body of {gitoid}");
            return Err(StoreError::corrupt(
                key,
                format_args!("one of {sha256}"),
                "none",
            ));
        }
        Ok(body)
    }

    /// The entry that a gitoid was attached to first.
    pub(super) fn attached_to(
        &self,
        gitoid: Gitoid,
    ) -> Result<Option<(LogId, LeafIndex)>, StoreError> {
        let value = self.document_row(keys::DOCUMENTS, gitoid)?;
        let entry = value.map(|value| keys::parse_indexed(&value)).transpose();
        entry.map_err(|error| error.of_row(name(gitoid)))
    }

    /// Whether readers may see an entry that has rows. A commit that has written them and is about to show them is
    /// waited for, as what it has released is held no longer.
    pub(super) fn is_shown(&self, log: LogId, index: LeafIndex) -> bool {
        let shown = || self.visible_head(log).size.contains(index);
        shown()
            || self.writer.as_ref().is_some_and(|writer| {
                drop(writer.lock());
                shown()
            })
    }

    /// Whether exactly this was attached before.
    pub(super) fn is_attached(&self, attached: &Attached) -> Result<bool, StoreError> {
        let Attached {
            gitoid, log, index, ..
        } = *attached;
        let key = keys::attachment(log, index, &gitoid);
        let row = self.get(keys::ATTACHMENTS, &key, || name(gitoid))?;
        Ok(row.is_some())
    }

    /// The document of an entry that has to be one.
    pub(super) fn attached_row(
        &self,
        log: LogId,
        index: LeafIndex,
        gitoid: Gitoid,
    ) -> Result<Attached, StoreError> {
        let key = keys::attachment(log, index, &gitoid);
        let value = self.get(keys::ATTACHMENTS, &key, || name(gitoid))?;
        let expected = || format!("an attachment of entry {index} of log {}", log.0);
        let value = value.ok_or_else(|| StoreError::corrupt(name(gitoid), expected(), "none"))?;
        parse_attached(&key, &value)
    }

    pub(super) fn scan_attachments(
        &self,
        log: LogId,
        index: LeafIndex,
    ) -> Result<Vec<Attached>, StoreError> {
        let Some(family) = self.db.cf_handle(keys::ATTACHMENTS) else {
            return Ok(Vec::new());
        };
        let [first, last] = [[0; Hash::LEN], [255; Hash::LEN]]
            .map(|bytes| keys::attachment(log, index, &Gitoid::from_hash(Hash::new(bytes))));
        let mut options = ReadOptions::default();
        // One byte more than the last key: the bound itself is not read.
        options.set_iterate_upper_bound([last.as_slice(), &[0]].concat());
        let mut rows = self.db.raw_iterator_cf_opt(family, options);
        rows.seek(first);
        let mut found = Vec::new();
        while let Some((key, value)) = rows.item() {
            found.push(parse_attached(key, value)?);
            rows.next();
        }
        let name = format_args!("documents of entry {index} of log {}", log.0);
        rows.status().map_err(|error| failed(name, &error))?;
        Ok(found)
    }

    /// The rows of a new held document, whose large body has to be there.
    pub(super) fn batch_of_held(
        &self,
        held: &Held,
        body: &EnvelopeRef,
    ) -> Result<WriteBatch, CommitError> {
        let (mut batch, key) = (WriteBatch::default(), keys::gitoid(&held.gitoid));
        let place = match body {
            EnvelopeRef::Inline { bytes, .. } => {
                let family = self.family(keys::HELD_BODIES);
                self.packed(bytes, |value| batch.put_cf(family, key, value));
                HeldIn::Row
            }
            EnvelopeRef::Spooled { sha256, .. } => {
                if !self.files.has_held(*sha256).map_err(unread)? {
                    return Err(documents::no_body(held.gitoid, *sha256));
                }
                HeldIn::File
            }
        };
        batch.put_cf(self.family(keys::HELD), key, held.encode(place));
        Ok(batch)
    }

    /// Makes a kept envelope of a body that is to be attached; `false` if it is a file, or nowhere.
    pub(super) fn put_body(
        &self,
        batch: &mut WriteBatch,
        attached: &Attached,
        body: Option<&EnvelopeRef>,
    ) -> Result<bool, CommitError> {
        let (family, key) = (
            self.family(keys::ENVELOPES),
            keys::envelope(&attached.envelope_sha256),
        );
        if let Some(EnvelopeRef::Inline { bytes, .. }) = body {
            self.packed(bytes, |value| batch.put_cf(family, key, value));
            return Ok(true);
        }
        let held = self.document_row(keys::HELD_BODIES, attached.gitoid);
        if let Some(value) = held.map_err(unread)? {
            batch.put_cf(family, key, value);
            return Ok(true);
        }
        let kept = self.get(keys::ENVELOPES, key, || name(attached.gitoid));
        Ok(kept.map_err(unread)?.is_some())
    }

    /// Adds the rows of documents that are attached, and takes away what is held under their gitoids. Returns the
    /// large bodies that were held: to be kept before the write, and removed from among the held ones after it.
    pub(in crate::rocks) fn put_documents(
        &self,
        batch: &mut WriteBatch,
        all: &[Attached],
    ) -> Result<Vec<Hash>, CommitError> {
        let (documents, attachments) =
            (self.family(keys::DOCUMENTS), self.family(keys::ATTACHMENTS));
        let (known, held) = (
            self.are_there(keys::DOCUMENTS, all)?,
            self.are_there(keys::HELD, all)?,
        );
        let (mut seen, mut files) = (HashSet::new(), Vec::new());
        for ((attached, known), held) in all.iter().zip(known).zip(held) {
            let Attached {
                gitoid,
                envelope_sha256,
                log,
                index,
            } = *attached;
            let key = keys::attachment(log, index, &gitoid);
            batch.put_cf(attachments, key, envelope_sha256.as_bytes());
            if seen.insert(gitoid) && !known {
                batch.put_cf(documents, keys::gitoid(&gitoid), keys::indexed(log, index));
            }
            if !held {
                continue;
            }
            self.release(batch, gitoid);
            let row = self.held_row(gitoid).map_err(unread)?;
            files.extend(
                row.filter(|(_, place)| *place == HeldIn::File)
                    .map(|(held, _)| held.envelope_sha256),
            );
        }
        Ok(files)
    }

    /// Which of these have a row in a family of gitoids.
    fn are_there(&self, family: &str, all: &[Attached]) -> Result<Vec<bool>, CommitError> {
        let wanted = all.iter().map(|attached| keys::gitoid(&attached.gitoid));
        let rows = self
            .db
            .batched_multi_get_cf(self.family(family), wanted, false);
        let there = rows.into_iter().map(|row| row.map(|row| row.is_some()));
        there
            .collect::<Result<_, _>>()
            .map_err(|error| unread(failed(family, &error)))
    }

    /// Takes away the rows of what is held under a gitoid.
    pub(super) fn release(&self, batch: &mut WriteBatch, gitoid: Gitoid) {
        for family in [keys::HELD, keys::HELD_BODIES] {
            batch.delete_cf(self.family(family), keys::gitoid(&gitoid));
        }
    }

    /// Makes a kept envelope of a large held body, unless there is one; whether there is one now.
    pub(in crate::rocks) fn keep_file(&self, sha256: Hash) -> Result<bool, CommitError> {
        let kept = self.files.keep_held(sha256);
        kept.map_err(|error| CommitError::unknown("keep a held body", error))
    }
}

fn parse_attached(key: &[u8], value: &[u8]) -> Result<Attached, StoreError> {
    let (log, index, gitoid) = keys::parse_attachment(key)?;
    let envelope_sha256 = Hash::try_from(value)
        .map_err(|_| StoreError::corrupt(name(gitoid), "a hash of 32 bytes", hex::encode(value)))?;
    Ok(Attached {
        gitoid,
        envelope_sha256,
        log,
        index,
    })
}
