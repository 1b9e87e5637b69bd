//! Each entry of a record: in the view, canonical, and what its envelope yields.

use treering_api::log::Dialect;
use treering_attest::Envelope;
use treering_rekor::v2::Entry;
use treering_storage::StoreError;
use treering_storage::record::{EnvelopeRef, Record};
use treering_tlog::{Hash, LeafIndex};

use super::Pass;
use crate::log::following;

impl Pass<'_> {
    /// Each entry: in the view, found by its leaf hash, with the envelope it was made from.
    pub(super) fn check_entries(&mut self, record: &Record) -> Result<(), StoreError> {
        let (store, log, first) = (self.audited.store, self.log.id, record.first);
        let rows = store.entries(log, first, record.entries.len());
        let rows = self.found(format_args!("entries from {first} on"), rows)?;
        if let Some(rows) = &rows {
            self.expect("entries of the record", &record.entries.len(), &rows.len());
        }
        let hashes: Vec<Hash> = record.entries.iter().map(|entry| entry.leaf_hash).collect();
        let indexes = store.indexes(log, &hashes);
        let indexes = self.found(format_args!("leaf hashes from entry {first} on"), indexes)?;
        let mut index = first;
        for (number, entry) in record.entries.iter().enumerate() {
            let row = rows.as_ref().map(|rows| rows.get(number));
            if row.is_some_and(|row| row.is_none_or(|row| row.leaf != entry.leaf)) {
                self.damage(format!(
                    "entry {index}: the view holds other bytes than the journal"
                ));
            }
            if let Some(indexes) = &indexes {
                self.check_dedup(index, indexes.get(number).copied().flatten());
            }
            self.check_leaf(index, &entry.leaf, entry.envelope.as_ref());
            index = following(index);
        }
        Ok(())
    }

    fn check_dedup(&mut self, index: LeafIndex, found: Option<LeafIndex>) {
        if found != Some(index) {
            let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
            self.damage(format!(
                "entry {index}: expected its leaf hash to lead to it, found {found}"
            ));
        }
    }

    /// The leaf is canonical in its dialect, and is what its envelope yields.
    fn check_leaf(&mut self, index: LeafIndex, leaf: &[u8], envelope: Option<&EnvelopeRef>) {
        if self.log.dialect != Dialect::RekorV2 {
            return;
        }
        let entry = match Entry::parse(leaf) {
            Ok(entry) => entry,
            Err(error) => return self.damage(format!("entry {index}: {error}")),
        };
        if let Err(error) = entry.verify() {
            self.damage(format!("entry {index}: {error}"));
        }
        if let Some(envelope) = envelope {
            self.check_envelope(index, &entry, envelope);
        }
    }

    /// The envelope is there, has the entry's signature, and its PAE the entry's digest.
    fn check_envelope(&mut self, index: LeafIndex, entry: &Entry, kept: &EnvelopeRef) {
        let sha256 = kept.sha256();
        let bytes = match self.envelope_bytes(kept) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                return self.damage(format!(
                    "entry {index}: expected envelope {sha256}, found none"
                ));
            }
            Err(error) => return self.damage(format!("entry {index}: envelope {sha256}: {error}")),
        };
        // Bundles of message signatures hold no envelope to be hashed again.
        let Ok(envelope) = Envelope::parse(&bytes) else {
            return;
        };
        if envelope.pae_digest(entry.algorithm) != entry.digest {
            self.damage(format!(
                "entry {index}: expected the digest of its envelope's PAE, found another"
            ));
        }
        if !envelope
            .signatures()
            .iter()
            .any(|signature| signature.sig == entry.signature)
        {
            self.damage(format!(
                "entry {index}: expected its signature in its envelope, found others"
            ));
        }
    }

    fn envelope_bytes(&self, envelope: &EnvelopeRef) -> Result<Option<bytes::Bytes>, StoreError> {
        match (envelope, self.audited.envelopes) {
            (EnvelopeRef::Spooled { sha256, .. }, Some(files)) => files.read(*sha256),
            (envelope, _) => self.audited.store.envelope(envelope.sha256()),
        }
    }
}
