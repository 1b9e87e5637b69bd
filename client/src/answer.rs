//! What every answer must be: about what was asked.

use bytes::Bytes;
use treering_api::log::{Entry, EntryId, SignedCheckpoint};
use treering_api::{Reject, RejectKind};
use treering_tlog::merkle::ConsistencyProof;
use treering_tlog::{Hash, LeafIndex, TreeSize};

/// What is wrong with an answer is the server's fault, not the caller's.
pub(crate) fn answer(reject: Reject) -> Reject {
    Reject {
        kind: RejectKind::Internal,
        message: format!("the server's answer: {}", reject.message),
        ..reject
    }
}

/// Refuses an answer about something that was not asked for.
pub(crate) fn same<T: PartialEq + std::fmt::Display>(
    what: &str,
    expected: T,
    found: T,
) -> Result<(), Reject> {
    if expected == found {
        return Ok(());
    }
    Err(answer(Reject::malformed(
        format!("{what} {expected}"),
        found.to_string(),
    )))
}

/// Refuses an entry that is not the one asked for, or not proven in the tree asked for.
pub(crate) fn check_asked(
    entry: &Entry,
    id: EntryId,
    size: Option<TreeSize>,
) -> Result<(), Reject> {
    match id {
        EntryId::Index(index) => same("index", index, entry.index)?,
        EntryId::LeafHash(hash) => same("leaf hash", hash, Hash::leaf(&entry.leaf))?,
    }
    let Some(proof) = &entry.proof else {
        return Err(answer(Reject::malformed("an inclusion proof", "none")));
    };
    match size {
        Some(size) => same("a proof of size", size, proof.inclusion.size),
        None => Ok(()),
    }
}

/// Refuses a consistency proof of other sizes than asked for.
pub(crate) fn check_sizes(
    proof: &ConsistencyProof,
    from: TreeSize,
    to: Option<TreeSize>,
) -> Result<(), Reject> {
    same("a proof from size", from, proof.from)?;
    to.map_or(Ok(()), |to| same("a proof to size", to, proof.to))
}

/// Refuses an envelope that has another hash than asked for.
pub(crate) fn check_envelope(bytes: Bytes, sha256: Hash) -> Result<Bytes, Reject> {
    same("an envelope of sha256", sha256, Hash::of(&bytes))?;
    Ok(bytes)
}

/// Refuses a checkpoint that does not cover the index waited for.
pub(crate) fn check_covers(
    signed: SignedCheckpoint,
    index: LeafIndex,
) -> Result<SignedCheckpoint, Reject> {
    if signed.checkpoint.size.contains(index) {
        return Ok(signed);
    }
    let found = format!("one of size {}", signed.checkpoint.size);
    Err(answer(Reject::malformed(
        format!("a checkpoint that covers index {index}"),
        found,
    )))
}
