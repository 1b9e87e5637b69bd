//! Entries of the same payload: whether an envelope is another spelling of what is logged.

use treering_api::reject::Reject;
use treering_attest::Envelope;
use treering_rekor::v1::{Entry, MAX_ATTEMPTS};
use treering_storage::{EntryRow, LogId, Order, Term};
use treering_tlog::LeafIndex;

use super::evaluate::Signed;
use super::leaf::Pair;
use super::{Archivista, leaf, store_fault};

/// The most entries of one payload that are compared, the newest first.
const MAX_COMPARED: usize = 64;

/// The most documents of one entry: another encoding of the same statement is another document.
const MAX_ATTACHED: usize = 64;

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) log: LogId,
    pub(super) index: LeafIndex,
}

impl Archivista {
    /// The entry of the same payload and one of the same signatures, if it is found with [`MAX_ATTEMPTS`] verifications. Blocks.
    pub(super) fn join(
        &self,
        signed: &Signed<'_>,
        first: Option<Place>,
    ) -> Result<Option<Place>, Reject> {
        let most = signed.attempts() + MAX_ATTEMPTS;
        if let Some(place) = first
            && self.is_same(signed, place, most)?
        {
            return Ok(Some(place));
        }
        let key = format!("sha256:{}", signed.payload.to_hex());
        let term = Term::new(Term::REKOR_V1_INDEX_KEY, &key);
        let mut left = MAX_COMPARED;
        for log in self.logs() {
            let log = log.identity.id;
            let found = self.service.store().find(log, &term, Order::NEWEST, left);
            for index in found.map_err(|error| store_fault(&error))? {
                left -= 1;
                let place = Place { log, index };
                if self.is_same(signed, place, most)? {
                    return Ok(Some(place));
                }
                if signed.attempts() >= most {
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Whether an entry may have one more document. Blocks.
    ///
    /// # Errors
    /// `Malformed`, for ever: documents are never removed from an entry.
    pub(super) fn has_room(&self, place: Place) -> Result<(), Reject> {
        let attached = self.service.store().attachments(place.log, place.index);
        let found = attached.map_err(|error| store_fault(&error))?.len();
        if found >= MAX_ATTACHED {
            return Err(Reject::malformed(
                format!("at most {MAX_ATTACHED} encodings of one signed statement"),
                format!("one more than the {found} of entry {}", place.index.get()),
            ));
        }
        Ok(())
    }

    /// Whether an entry is about this payload and has one of these signatures, by a key that verifies it here too: a payload of
    /// another type is signed otherwise. `false` as well once there were `most` attempts.
    fn is_same(&self, signed: &Signed<'_>, place: Place, most: usize) -> Result<bool, Reject> {
        let rows = self.service.store().entries(place.log, place.index, 1);
        let rows = rows.map_err(|error| store_fault(&error))?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        let Ok(entry) = Entry::parse(&row.leaf) else {
            return Ok(false);
        };
        if leaf::payload(&entry) != Some(signed.payload) {
            return Ok(false);
        }
        match leaf::pairs(&entry) {
            Some(pairs) => Ok(self.has_pair(signed, &pairs, most)),
            None => self.has_kept(signed, &entry, row, most),
        }
    }

    /// Whether the envelope has one of the signatures of a leaf. The key of a signature is the one that the leaf pairs it with.
    fn has_pair(&self, signed: &Signed<'_>, pairs: &[Pair<'_>], most: usize) -> bool {
        let signatures = signed.envelope.signatures();
        let same = |pair: &&Pair<'_>| signatures.iter().any(|one| one.sig == pair.sig);
        pairs.iter().filter(same).any(|pair| {
            leaf::key(pair.key, self.service.key_cache())
                .is_some_and(|key| signed.attempts() < most && signed.verifies(&key, &pair.sig))
        })
    }

    /// Whether the envelope has one of the signatures of the one that is kept with an entry, which is read only if the key of the
    /// entry verifies any.
    fn has_kept(
        &self,
        signed: &Signed<'_>,
        entry: &Entry,
        row: &EntryRow,
        most: usize,
    ) -> Result<bool, Reject> {
        let Some(sha256) = row.envelope_sha256 else {
            return Ok(false);
        };
        let keys = leaf::keys(entry, self.service.key_cache());
        let verifies = |sig: &[u8]| {
            let mut keys = keys.iter();
            keys.any(|key| signed.attempts() < most && signed.verifies(key, sig))
        };
        let signatures = signed.envelope.signatures().iter();
        let verified: Vec<_> = signatures.filter(|one| verifies(&one.sig)).collect();
        if verified.is_empty() {
            return Ok(false);
        }
        let bytes = self.service.read_envelope(sha256)?;
        let envelope = Envelope::parse(&bytes);
        Ok(envelope.is_ok_and(|envelope| {
            let mut kept = envelope.signatures().iter();
            kept.any(|kept| verified.iter().any(|one| one.sig == kept.sig))
        }))
    }
}
