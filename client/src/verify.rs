//! Proofs, checked against a log's key.

use treering_api::log::{Entry, Receipt, SignedInclusion};
use treering_tlog::checkpoint::{CheckpointError, Opened};
use treering_tlog::merkle::{ConsistencyProof, InclusionProof, ProofError};
use treering_tlog::proof_file::TlogProof;
use treering_tlog::{Hash, TreeSize};

use crate::trust::LogKey;

/// Why a proof does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFailure {
    /// The checkpoint is not the log's.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The proof comes without a checkpoint.
    #[error("expected a checkpoint of size {size} with the proof, found none")]
    NoCheckpoint {
        /// The proof's size.
        size: TreeSize,
    },
    /// Proof and checkpoint are of different trees.
    #[error("expected a proof of the checkpoint's size {expected}, found one of size {found}")]
    Size {
        /// The checkpoint's.
        expected: TreeSize,
        /// The proof's.
        found: TreeSize,
    },
    /// The proof leads elsewhere.
    #[error("inclusion: {0}")]
    Inclusion(#[source] ProofError),
    /// The older tree is no beginning of the newer one.
    #[error("consistency: {0}")]
    Consistency(#[source] ProofError),
    /// The receipt is for something that was not submitted.
    #[error("expected leaf hash {expected} of what was submitted, found {found}")]
    OtherLeaf {
        /// The hashes of the leaves that follow from the submission.
        expected: String,
        /// The receipt's.
        found: Hash,
    },
}

/// Checks that a leaf is in the tree of a checkpoint that the log signed, and returns that checkpoint.
///
/// # Errors
/// [`ProofFailure`].
pub fn inclusion(
    leaf: &Hash,
    proof: &SignedInclusion,
    key: &LogKey,
) -> Result<Opened, ProofFailure> {
    let size = proof.inclusion.size;
    if proof.checkpoint.is_empty() {
        return Err(ProofFailure::NoCheckpoint { size });
    }
    let opened = key.open(proof.checkpoint.as_bytes())?;
    included(leaf, &proof.inclusion, &opened)?;
    Ok(opened)
}

/// Checks that a leaf is in the tree of a checkpoint that was opened before.
///
/// # Errors
/// [`ProofFailure`].
pub fn included(leaf: &Hash, proof: &InclusionProof, opened: &Opened) -> Result<(), ProofFailure> {
    let signed = opened.checkpoint();
    if proof.size != signed.size {
        return Err(ProofFailure::Size {
            expected: signed.size,
            found: proof.size,
        });
    }
    proof
        .verify(leaf, &signed.root)
        .map_err(ProofFailure::Inclusion)
}

/// Checks a receipt's proof. That the receipt's leaf is what was submitted is for [`expected_leaf`].
///
/// # Errors
/// [`ProofFailure`].
pub fn receipt(receipt: &Receipt, key: &LogKey) -> Result<Opened, ProofFailure> {
    inclusion(&receipt.leaf_hash, &receipt.proof, key)
}

/// Checks that receipts are for the leaves that follow from a submission, one each, in any order.
///
/// # Errors
/// [`ProofFailure::OtherLeaf`] for the first receipt of another leaf.
pub fn expected_leaf(receipts: &[Receipt], expected: &[Hash]) -> Result<(), ProofFailure> {
    let other = receipts
        .iter()
        .find(|receipt| !expected.contains(&receipt.leaf_hash));
    other.map_or(Ok(()), |receipt| {
        let expected = expected
            .iter()
            .map(Hash::to_hex)
            .collect::<Vec<_>>()
            .join(" or ");
        Err(ProofFailure::OtherLeaf {
            expected,
            found: receipt.leaf_hash,
        })
    })
}

/// Checks an entry's proof against its leaf.
///
/// # Errors
/// [`ProofFailure`]; an entry without a proof fails as one without a checkpoint.
pub fn entry(entry: &Entry, key: &LogKey) -> Result<Opened, ProofFailure> {
    let proof = entry.proof.as_ref().ok_or(ProofFailure::NoCheckpoint {
        size: TreeSize::ZERO,
    })?;
    inclusion(&Hash::leaf(&entry.leaf), proof, key)
}

/// Checks an entry whose proof is of an older tree than the checkpoint: its leaf leads to the older tree's root, and a
/// consistency proof leads from there to the checkpoint's.
///
/// # Errors
/// [`ProofFailure`].
pub fn entry_in_older_tree(
    leaf: &Hash,
    older: &InclusionProof,
    consistency: &ConsistencyProof,
    opened: &Opened,
) -> Result<(), ProofFailure> {
    let newest = opened.checkpoint();
    for (expected, found) in [
        (older.size, consistency.from),
        (newest.size, consistency.to),
    ] {
        if expected != found {
            return Err(ProofFailure::Size { expected, found });
        }
    }
    let root = older.root(leaf).map_err(ProofFailure::Inclusion)?;
    consistency
        .verify(&root, &newest.root)
        .map_err(ProofFailure::Consistency)
}

/// The proof as a `.tlog-proof` file, for verification without the log.
#[must_use]
pub fn proof_file(proof: &SignedInclusion) -> TlogProof {
    TlogProof {
        extra: None,
        index: proof.inclusion.index,
        hashes: proof.inclusion.hashes.clone(),
        checkpoint: proof.checkpoint.clone(),
    }
}

/// Checks a `.tlog-proof` file for a leaf.
///
/// # Errors
/// [`ProofFailure`].
pub fn file(file: &TlogProof, leaf: &Hash, key: &LogKey) -> Result<Opened, ProofFailure> {
    let opened = key.open(file.checkpoint.as_bytes())?;
    let size = opened.checkpoint().size;
    let proof = InclusionProof {
        index: file.index,
        size,
        hashes: file.hashes.clone(),
    };
    included(leaf, &proof, &opened)?;
    Ok(opened)
}
