//! Entries of the same payload: whether an envelope is another spelling of what is logged.

use treering_api::reject::Reject;
use treering_attest::Envelope;
use treering_rekor::v1::Entry;
use treering_storage::{EntryRow, LogId, Order, Term};
use treering_tlog::LeafIndex;

use super::evaluate::Signed;
use super::{Archivista, leaf, store_fault};

/// The most entries of one payload that are compared, the newest first.
const MAX_COMPARED: usize = 64;

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) log: LogId,
    pub(super) index: LeafIndex,
}

impl Archivista {
    /// The entry of the same payload and one of the same signatures. Blocks.
    pub(super) fn join(
        &self,
        signed: &Signed<'_>,
        first: Option<Place>,
    ) -> Result<Option<Place>, Reject> {
        if let Some(place) = first
            && self.is_same(signed, place)?
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
                if self.is_same(signed, place)? {
                    return Ok(Some(place));
                }
            }
        }
        Ok(None)
    }

    /// Whether an entry is about this payload and has one of these signatures, by a key that verifies it here too: a payload of
    /// another type is signed otherwise.
    fn is_same(&self, signed: &Signed<'_>, place: Place) -> Result<bool, Reject> {
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
        let in_leaf = leaf::signatures(&entry);
        let keys = leaf::keys(&entry, self.service.key_cache());
        for signature in signed.envelope.signatures() {
            let sig = &signature.sig;
            // What is not in the leaf must be read, and is only if it can be the same.
            if in_leaf.as_ref().is_some_and(|known| !known.contains(sig)) {
                continue;
            }
            if !keys.iter().any(|key| signed.verifies(key, sig)) {
                continue;
            }
            if in_leaf.is_some() || self.kept_has(row, sig)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the envelope that is kept with an entry has a signature.
    fn kept_has(&self, row: &EntryRow, sig: &[u8]) -> Result<bool, Reject> {
        let Some(sha256) = row.envelope_sha256 else {
            return Ok(false);
        };
        let bytes = self.service.read_envelope(sha256)?;
        let envelope = Envelope::parse(&bytes);
        Ok(envelope.is_ok_and(|envelope| {
            let mut signatures = envelope.signatures().iter();
            signatures.any(|signature| signature.sig == sig)
        }))
    }
}
