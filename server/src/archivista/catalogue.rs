//! The documents as queries go through them: those of the logs in the order of their entries, and then what is held.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use treering_api::reject::Reject;
use treering_storage::{Attached, Document, Gitoid, LogId, Order};
use treering_tlog::{Hash, LeafIndex};

use super::join::Place;
use super::query::{Candidate, Catalogue, CatalogueError, Cursor, Hint};
use super::read::envelope_in;
use super::{Archivista, store_fault};
use crate::log::following;
use crate::service::blocking;
use crate::service::subject_terms;

/// The most entries that one step of a query without a digest goes through: most have documents.
const MAX_ENTRIES: usize = 100_000;
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
    ) -> Result<Vec<Candidate>, CatalogueError> {
        let after = after.map(|cursor| Position::parse(cursor.as_bytes()));
        let after = match after {
            Some(None) => return Err(CatalogueError::Cursor),
            after => after.flatten(),
        };
        let (documents, hint) = (self.documents(), hint.clone());
        let found = blocking(move || documents.find(&hint, after, limit)).await;
        let found = found.map_err(|reject| CatalogueError::Unavailable(reject.message))?;
        let candidate = |(position, envelope): Found| Candidate {
            cursor: position.cursor(),
            gitoid: *position.gitoid().as_hash(),
            envelope,
        };
        Ok(found.into_iter().map(candidate).collect())
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

/// The documents of a server, for a thread that may block.
struct Documents(Arc<Archivista>);

impl Archivista {
    fn documents(&self) -> Documents {
        let archivista = self.myself.upgrade();
        Documents(archivista.expect("whoever asks holds it"))
    }
}

impl Documents {
    fn find(
        &self,
        hint: &Hint,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Found>, Reject> {
        if let Hint::Gitoid(hash) = hint {
            let found = self.by_gitoid(Gitoid::from_hash(*hash))?;
            let found = found.filter(|(position, _)| after.is_none_or(|after| after < *position));
            return Ok(found.into_iter().take(limit).collect());
        }
        let mut found = Vec::new();
        let terms = match hint {
            Hint::SubjectDigests(values) => Some(values),
            Hint::All | Hint::Gitoid(_) => None,
        };
        let mut logs = self.0.logs();
        logs.sort_by_key(|log| log.identity.id);
        for log in logs {
            self.of_log(log.identity.id, terms, after, limit, &mut found)?;
        }
        self.held(terms, after, limit, &mut found)?;
        Ok(found)
    }

    fn by_gitoid(&self, gitoid: Gitoid) -> Result<Option<Found>, Reject> {
        let store = self.0.service.store();
        let document = store.document(gitoid);
        Ok(match document.map_err(|error| store_fault(&error))? {
            None => None,
            Some(Document::Attached(attached)) => Some(self.attached(&attached)?),
            Some(Document::Held(held)) => {
                let body = store.held_body(gitoid);
                let body = body.map_err(|error| store_fault(&error))?;
                body.map(|body| (Position::Held(held.arrived, gitoid), body))
            }
        })
    }

    fn attached(&self, attached: &Attached) -> Result<Found, Reject> {
        let kept = self.0.service.read_envelope(attached.envelope_sha256)?;
        let Attached {
            gitoid, log, index, ..
        } = *attached;
        Ok((Position::Entry(log, index, gitoid), envelope_in(kept)))
    }

    /// Adds documents of a log's entries until there are `limit`.
    fn of_log(
        &self,
        log: LogId,
        values: Option<&Vec<String>>,
        after: Option<Position>,
        limit: usize,
        found: &mut Vec<Found>,
    ) -> Result<(), Reject> {
        let mut next = match after {
            None => LeafIndex::ZERO,
            Some(Position::Entry(at, index, _)) if at == log => index,
            Some(Position::Entry(at, ..)) if at < log => LeafIndex::ZERO,
            Some(_) => return Ok(()),
        };
        let mut looked_at = 0;
        while found.len() < limit {
            let (indexes, end) = match values {
                Some(values) => self.with_subjects(log, values, next, limit)?,
                None => self.with_envelopes(log, next)?,
            };
            for index in indexes {
                self.of_entry(Place { log, index }, after, limit, found)?;
            }
            let Some(end) = end else {
                return Ok(());
            };
            looked_at += CHUNK;
            if values.is_none() && looked_at > MAX_ENTRIES && found.len() < limit {
                return Err(Reject::malformed(
                    format!(
                        "a document among {MAX_ENTRIES} entries, or a query by the digest of a subject"
                    ),
                    "fewer",
                ));
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
    ) -> Result<(Vec<LeafIndex>, Option<LeafIndex>), Reject> {
        let rows = self.0.service.store().entries(log, from, CHUNK);
        let (mut indexes, mut index) = (Vec::new(), from);
        for row in rows.map_err(|error| store_fault(&error))? {
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
        limit: usize,
    ) -> Result<(Vec<LeafIndex>, Option<LeafIndex>), Reject> {
        let mut all = BTreeSet::new();
        let store = self.0.service.store();
        for term in values.iter().flat_map(|value| subject_terms(value)) {
            let found = store.find(log, &term, Order::OldestFrom(from), limit);
            all.extend(found.map_err(|error| store_fault(&error))?);
        }
        // Each term gave its oldest ones, so that the oldest of all are complete.
        let oldest: Vec<_> = all.into_iter().take(limit).collect();
        let end = oldest.last().map(|last| following(*last));
        Ok((oldest, end))
    }

    /// Adds the documents that belong to an entry before any other.
    fn of_entry(
        &self,
        place: Place,
        after: Option<Position>,
        limit: usize,
        found: &mut Vec<Found>,
    ) -> Result<(), Reject> {
        let store = self.0.service.store();
        let fault = |error| store_fault(&error);
        let attachments = store.attachments(place.log, place.index).map_err(fault)?;
        for attached in attachments {
            let position = Position::Entry(place.log, place.index, attached.gitoid);
            if found.len() >= limit {
                return Ok(());
            }
            if after.is_some_and(|after| position <= after) {
                continue;
            }
            let document = store.document(attached.gitoid).map_err(fault)?;
            if document == Some(Document::Attached(attached)) {
                found.push(self.attached(&attached)?);
            }
        }
        Ok(())
    }

    /// Adds what is held until there are `limit`.
    fn held(
        &self,
        values: Option<&Vec<String>>,
        after: Option<Position>,
        limit: usize,
        found: &mut Vec<Found>,
    ) -> Result<(), Reject> {
        let store = self.0.service.store();
        let mut from = match after {
            Some(Position::Held(arrived, gitoid)) => Some((arrived, gitoid)),
            _ => None,
        };
        while found.len() < limit {
            let left = limit - found.len();
            let candidates = self
                .0
                .registry
                .listed(from, values.map(Vec::as_slice), left);
            let Some(last) = candidates.last() else {
                return Ok(());
            };
            from = Some(*last);
            for (arrived, gitoid) in candidates {
                let body = store.held_body(gitoid);
                // Promoted or expired meanwhile.
                if let Some(body) = body.map_err(|error| store_fault(&error))? {
                    found.push((Position::Held(arrived, gitoid), body));
                }
            }
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
}
