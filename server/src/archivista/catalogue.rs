//! The documents as queries go through them: those of the logs in the order of their entries, and then what is held.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use treering_api::reject::Reject;
use treering_storage::{Attached, Document, Gitoid, LogId, Order};
use treering_tlog::{Hash, LeafIndex};

use super::join::Place;
use super::query::limits::{BATCH_BYTES, MAX_GAP};
use super::query::{Candidate, Catalogue, CatalogueError, Cursor, Hint, Work};
use super::read::envelope_in;
use super::{Archivista, store_fault};
use crate::log::following;
use crate::service::blocking;
use crate::service::subject_terms;

/// Entries that are read at once.
const CHUNK: usize = 256;

/// Where a document is in the order of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Position {
    /// Of an entry.
    Entry(LogId, LeafIndex, Gitoid),
    /// Held since that second.
    Held(u64, Gitoid),
}

/// A document and where it is.
type Found = (Position, Bytes);

#[async_trait]
impl Catalogue for Archivista {
    async fn candidates(
        &self,
        hint: &Hint,
        after: Option<Cursor>,
        limit: usize,
        work: &Arc<Work>,
    ) -> Result<Vec<Candidate>, CatalogueError> {
        let after = after.map(|cursor| Position::parse(cursor.as_bytes()));
        let after = match after {
            Some(None) => return Err(CatalogueError::Cursor),
            after => after.flatten(),
        };
        let (documents, hint) = (self.documents(), hint.clone());
        let step = Step::new(after, limit, Arc::clone(work));
        let found = blocking(move || Ok(documents.find(&hint, step))).await??;
        let candidate = |(position, envelope): Found| Candidate {
            cursor: position.cursor(),
            gitoid: *position.gitoid().as_hash(),
            envelope,
        };
        Ok(found.into_iter().map(candidate).collect())
    }
}

impl From<Reject> for CatalogueError {
    fn from(reject: Reject) -> Self {
        Self::Unavailable(reject.message)
    }
}

impl Position {
    const fn gitoid(&self) -> Gitoid {
        match self {
            Self::Entry(_, _, gitoid) | Self::Held(_, gitoid) => *gitoid,
        }
    }

    fn cursor(&self) -> Cursor {
        let bytes = match self {
            Self::Entry(log, index, gitoid) => [
                &[0],
                log.0.to_be_bytes().as_slice(),
                &index.get().to_be_bytes(),
                gitoid.as_hash().as_bytes(),
            ]
            .concat(),
            Self::Held(arrived, gitoid) => [
                &[1],
                arrived.to_be_bytes().as_slice(),
                gitoid.as_hash().as_bytes(),
            ]
            .concat(),
        };
        Cursor::new(&bytes).expect("45 bytes at most")
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match kind {
            0 => {
                let (log, rest) = rest.split_first_chunk()?;
                let (index, gitoid) = rest.split_first_chunk()?;
                let index = LeafIndex::new(u64::from_be_bytes(*index))?;
                let log = LogId(u32::from_be_bytes(*log));
                Some(Self::Entry(log, index, parse_gitoid(gitoid)?))
            }
            1 => {
                let (arrived, gitoid) = rest.split_first_chunk()?;
                Some(Self::Held(
                    u64::from_be_bytes(*arrived),
                    parse_gitoid(gitoid)?,
                ))
            }
            _ => None,
        }
    }
}

fn parse_gitoid(bytes: &[u8]) -> Option<Gitoid> {
    let hash: [u8; 32] = bytes.try_into().ok()?;
    Some(Gitoid::from_hash(Hash::new(hash)))
}

/// What one step of a query finds.
struct Step {
    after: Option<Position>,
    limit: usize,
    found: Vec<Found>,
    /// Of what was found.
    bytes: usize,
    work: Arc<Work>,
}

impl Step {
    const fn new(after: Option<Position>, limit: usize, work: Arc<Work>) -> Self {
        Self {
            after,
            limit,
            found: Vec::new(),
            bytes: 0,
            work,
        }
    }

    /// Whether the next document is for the next step.
    const fn is_full(&self) -> bool {
        self.found.len() >= self.limit || self.bytes >= BATCH_BYTES
    }

    /// Whether an earlier step came by.
    fn is_behind(&self, position: Position) -> bool {
        self.after.is_some_and(|after| position <= after)
    }

    /// Whether it was found already.
    fn has(&self, gitoid: Gitoid) -> bool {
        let mut found = self.found.iter();
        found.any(|(position, _)| position.gitoid() == gitoid)
    }

    fn push(&mut self, found: Found) {
        self.bytes += found.1.len();
        self.found.push(found);
    }
}

/// The documents of a server, for a thread that may block.
struct Documents(Arc<Archivista>);

impl Archivista {
    fn documents(&self) -> Documents {
        let archivista = self.myself.upgrade();
        Documents(archivista.expect("whoever asks holds it"))
    }
}

impl Documents {
    fn find(&self, hint: &Hint, mut step: Step) -> Result<Vec<Found>, CatalogueError> {
        if let Hint::Gitoid(hash) = hint {
            step.work.spend(1)?;
            let found = self.by_gitoid(Gitoid::from_hash(*hash))?;
            let found = found.filter(|(position, _)| !step.is_behind(*position));
            return Ok(found.into_iter().take(step.limit).collect());
        }
        let terms = match hint {
            Hint::SubjectDigests(values) => Some(values.as_slice()),
            Hint::All | Hint::Gitoid(_) => None,
        };
        let from = match step.after {
            Some(Position::Held(arrived, gitoid)) => Some((arrived, gitoid)),
            _ => None,
        };
        // Before the logs are read: what is promoted while they are is in here, or in them.
        let held = self.still_held(from, terms, &step)?;
        let mut logs = self.0.logs();
        logs.sort_by_key(|log| log.identity.id);
        for log in logs {
            self.of_log(log.identity.id, terms, &mut step)?;
        }
        self.held(held, terms, &mut step)?;
        Ok(step.found)
    }

    fn by_gitoid(&self, gitoid: Gitoid) -> Result<Option<Found>, Reject> {
        let store = self.0.service.store();
        let document = store.document(gitoid);
        Ok(match document.map_err(|error| store_fault(&error))? {
            None => None,
            Some(Document::Attached(attached)) => Some(self.attached(&attached)?),
            Some(Document::Held(held)) => self.once_held(held.arrived, gitoid)?,
        })
    }

    /// What was held a moment ago: held still, or attached to an entry since, and then found where it was held.
    fn once_held(&self, arrived: u64, gitoid: Gitoid) -> Result<Option<Found>, Reject> {
        let store = self.0.service.store();
        let position = Position::Held(arrived, gitoid);
        let body = store.held_body(gitoid);
        if let Some(body) = body.map_err(|error| store_fault(&error))? {
            return Ok(Some((position, body)));
        }
        let document = store.document(gitoid);
        match document.map_err(|error| store_fault(&error))? {
            Some(Document::Attached(attached)) => {
                let (_, envelope) = self.attached(&attached)?;
                Ok(Some((position, envelope)))
            }
            // Expired.
            Some(Document::Held(_)) | None => Ok(None),
        }
    }

    fn attached(&self, attached: &Attached) -> Result<Found, Reject> {
        let kept = self.0.service.read_envelope(attached.envelope_sha256)?;
        let Attached {
            gitoid, log, index, ..
        } = *attached;
        Ok((Position::Entry(log, index, gitoid), envelope_in(kept)))
    }

    /// Adds documents of a log's entries until the step is full.
    fn of_log(
        &self,
        log: LogId,
        values: Option<&[String]>,
        step: &mut Step,
    ) -> Result<(), CatalogueError> {
        let mut next = match step.after {
            None => LeafIndex::ZERO,
            Some(Position::Entry(at, index, _)) if at == log => index,
            Some(Position::Entry(at, ..)) if at < log => LeafIndex::ZERO,
            Some(_) => return Ok(()),
        };
        // Entries since the last document.
        let mut gap = 0;
        while !step.is_full() {
            let (indexes, end) = match values {
                Some(values) => self.with_subjects(log, values, next, step)?,
                None => self.with_envelopes(log, next, step)?,
            };
            let before = step.found.len();
            for index in indexes {
                self.of_entry(Place { log, index }, step)?;
            }
            let Some(end) = end else {
                return Ok(());
            };
            gap = if step.found.len() > before {
                0
            } else {
                gap + CHUNK
            };
            if values.is_none() && gap > MAX_GAP {
                return Err(CatalogueError::Gap);
            }
            next = end;
        }
        Ok(())
    }

    /// Entries that keep an envelope, and where to go on if there are more.
    fn with_envelopes(
        &self,
        log: LogId,
        from: LeafIndex,
        step: &Step,
    ) -> Result<(Vec<LeafIndex>, Option<LeafIndex>), CatalogueError> {
        let rows = self.0.service.store().entries(log, from, CHUNK);
        let rows = rows.map_err(|error| store_fault(&error))?;
        step.work.spend(rows.len())?;
        let (mut indexes, mut index) = (Vec::new(), from);
        for row in rows {
            if row.envelope_sha256.is_some() {
                indexes.push(index);
            }
            index = following(index);
        }
        Ok((indexes, (index > from).then_some(index)))
    }

    /// The oldest entries with a subject of one of these digests, and where to go on if there may be more.
    fn with_subjects(
        &self,
        log: LogId,
        values: &[String],
        from: LeafIndex,
        step: &Step,
    ) -> Result<(Vec<LeafIndex>, Option<LeafIndex>), CatalogueError> {
        let mut all = BTreeSet::new();
        let store = self.0.service.store();
        for term in values.iter().flat_map(|value| subject_terms(value)) {
            let found = store.find(log, &term, Order::OldestFrom(from), step.limit);
            let found = found.map_err(|error| store_fault(&error))?;
            step.work.spend(1 + found.len())?;
            all.extend(found);
        }
        // Each term gave its oldest ones, so that the oldest of all are complete.
        let oldest: Vec<_> = all.into_iter().take(step.limit).collect();
        let end = oldest.last().map(|last| following(*last));
        Ok((oldest, end))
    }

    /// Adds the documents that belong to an entry before any other.
    fn of_entry(&self, place: Place, step: &mut Step) -> Result<(), Reject> {
        if step.is_full() {
            return Ok(());
        }
        let store = self.0.service.store();
        let fault = |error| store_fault(&error);
        let attachments = store.attachments(place.log, place.index).map_err(fault)?;
        for attached in attachments {
            let position = Position::Entry(place.log, place.index, attached.gitoid);
            if step.is_full() {
                return Ok(());
            }
            if step.is_behind(position) {
                continue;
            }
            let document = store.document(attached.gitoid).map_err(fault)?;
            if document == Some(Document::Attached(attached)) {
                step.push(self.attached(&attached)?);
            }
        }
        Ok(())
    }

    /// Some of what is held behind `from`; nothing if there is none. What became a document of an entry already is left to its log.
    fn still_held(
        &self,
        mut from: Option<(u64, Gitoid)>,
        values: Option<&[String]>,
        step: &Step,
    ) -> Result<Vec<(u64, Gitoid)>, CatalogueError> {
        let store = self.0.service.store();
        loop {
            let listed = self.0.registry.listed(from, values, step.limit);
            step.work.spend(listed.len())?;
            let Some(last) = listed.last() else {
                return Ok(listed);
            };
            from = Some(*last);
            let mut held = Vec::new();
            for (arrived, gitoid) in listed {
                let document = store.document(gitoid);
                if let Some(Document::Held(_)) = document.map_err(|error| store_fault(&error))? {
                    held.push((arrived, gitoid));
                }
            }
            if !held.is_empty() {
                return Ok(held);
            }
        }
    }

    /// Adds what is held, or was when it was listed, until the step is full.
    fn held(
        &self,
        mut listed: Vec<(u64, Gitoid)>,
        values: Option<&[String]>,
        step: &mut Step,
    ) -> Result<(), CatalogueError> {
        while let Some(last) = listed.last().copied() {
            for (arrived, gitoid) in listed {
                if step.is_full() {
                    return Ok(());
                }
                if step.has(gitoid) {
                    continue;
                }
                if let Some(found) = self.once_held(arrived, gitoid)? {
                    step.push(found);
                }
            }
            if step.is_full() {
                return Ok(());
            }
            listed = self.still_held(Some(last), values, step)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_its_position() {
        let gitoid = Gitoid::of(b"a");
        let entry = Position::Entry(LogId(3), LeafIndex::new(70_000).unwrap(), gitoid);
        let held = Position::Held(1_700_000_000, gitoid);
        assert!(entry < held);
        for position in [entry, held] {
            let cursor = position.cursor();
            let bytes = cursor.as_bytes();
            assert_eq!(Position::parse(bytes), Some(position));
            assert_eq!(Position::parse(&bytes[1..]), None);
            assert_eq!(Position::parse(&[bytes, &[0]].concat()), None);
        }
        assert_eq!(Position::parse(&[]), None);
        assert_eq!(Position::parse(&[2; 45]), None);
    }

    #[test]
    fn a_step_is_full_by_documents_or_by_bytes() {
        let found = |len: usize| {
            let position = Position::Held(1, Gitoid::of(b"a"));
            (position, Bytes::from(vec![0; len]))
        };
        let mut step = Step::new(None, 3, Arc::default());
        step.push(found(BATCH_BYTES - 1));
        assert!(!step.is_full());
        step.push(found(1));
        assert!(step.is_full(), "bytes");
        let mut step = Step::new(None, 3, Arc::default());
        for _ in 0..3 {
            assert!(!step.is_full());
            step.push(found(1));
        }
        assert!(step.is_full(), "documents");
    }
}
