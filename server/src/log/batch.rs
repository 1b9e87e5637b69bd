//! From waiting entries to a staged record. Pure: no I/O, no clock.

use std::collections::HashMap;

use bytes::Bytes;
use tokio::sync::oneshot;
use treering_api::reject::Reject;
use treering_attest::KeyDigest;
use treering_rekor::Canonical;
use treering_storage::apply::stage;
use treering_storage::record::{EnvelopeRef, RecordEntry};
use treering_storage::term::TERMS_MAX;
use treering_storage::{Edge, Gitoid, LogId, Staged, Term};
use treering_tlog::{Hash, LeafIndex};

use super::admission::Permit;
use super::commit::Sequenced;
use super::following;

/// The most terms of one entry: as many digests as an index keeps of one, and what its keys and certificates add.
pub const MAX_ENTRY_TERMS: usize = 110_000;
/// A batch with so many terms takes no further entry: whatever that had, the record would have room for it.
pub const FULL_TERMS: usize = TERMS_MAX - MAX_ENTRY_TERMS;

/// An entry whose signature is verified and that has no index yet.
pub struct PendingEntry {
    /// The leaf.
    pub canonical: Canonical,
    /// What is kept with it.
    pub envelope: Option<EnvelopeRef>,
    /// What it is found by, at most [`MAX_ENTRY_TERMS`].
    pub terms: Vec<Term>,
    /// The keys among whose terms these are, to be remembered once they are durable.
    pub keys: Vec<KeyDigest>,
    /// The address that Archivista gives the envelope kept with it.
    pub gitoid: Option<Gitoid>,
}

/// A submission that waits for its indexes: the entries of one envelope, and who waits for them.
pub struct Pending {
    /// One for each signature of the envelope.
    pub entries: Vec<PendingEntry>,
    /// The address of the kept envelope.
    pub envelope_sha256: Option<Hash>,
    /// The envelope's and the leaves' bytes.
    pub bytes: usize,
    /// Frees the place in the admission when the answer has been sent.
    pub permit: Permit,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Sequenced, Reject>>,
}

impl Pending {
    /// What all its entries are found by.
    #[must_use]
    pub fn terms(&self) -> usize {
        self.entries.iter().map(|entry| entry.terms.len()).sum()
    }
}

/// Where an entry stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The leaf.
    pub leaf: Bytes,
    /// Its index.
    pub index: LeafIndex,
    /// Its leaf hash.
    pub leaf_hash: Hash,
    /// It was submitted before: earlier, or earlier in this batch.
    pub duplicate: bool,
}

/// What is to be done for a batch.
pub struct Plan {
    /// The new entries, staged; `None` if all entries are duplicates.
    pub staged: Option<Staged>,
    /// The keys whose terms are staged.
    pub keys: Vec<KeyDigest>,
    /// For each submission, where its entries stand once `staged` is committed.
    pub placed: Vec<Vec<Placed>>,
}

/// Gives every entry of a batch its index: the known one, that of an equal entry earlier in the batch, or the next.
/// `known` are the indexes in the log of all entries in order.
pub fn plan(
    edge: &Edge,
    log: LogId,
    now: u64,
    batch: &mut [Pending],
    known: &[Option<LeafIndex>],
) -> Plan {
    let mut known = known.iter().copied();
    let mut fresh: HashMap<Hash, LeafIndex> = HashMap::with_capacity(known.len());
    let mut records = Vec::with_capacity(known.len());
    let (mut terms, mut documents, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    let mut next = edge.size().next_index();
    let mut placed = Vec::with_capacity(batch.len());
    for pending in batch {
        let mut places = Vec::with_capacity(pending.entries.len());
        for entry in pending.entries.drain(..) {
            let leaf_hash = entry.canonical.leaf_hash();
            let leaf = Bytes::from(entry.canonical.into_leaf());
            let before = known
                .next()
                .flatten()
                .or_else(|| fresh.get(&leaf_hash).copied());
            let index = before.unwrap_or(next);
            if before.is_none() {
                fresh.insert(leaf_hash, index);
                next = following(next);
                terms.extend(entry.terms.iter().map(|term| (*term, index)));
                documents.extend(entry.gitoid.map(|gitoid| (gitoid, index)));
                keys.extend(entry.keys);
                records.push(RecordEntry {
                    leaf: leaf.clone(),
                    leaf_hash,
                    envelope: entry.envelope,
                });
            }
            places.push(Placed {
                leaf,
                index,
                leaf_hash,
                duplicate: before.is_some(),
            });
        }
        placed.push(places);
    }
    let staged = (!records.is_empty()).then(|| {
        stage(edge, log, now, records)
            .with_terms(terms)
            .expect("terms are of these records, and whoever closes a batch counts them")
            .with_documents(documents)
            .expect("a gitoid is given for an entry of these records, once and with an envelope")
    });
    Plan {
        staged,
        keys,
        placed,
    }
}
