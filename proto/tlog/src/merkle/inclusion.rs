//! Inclusion proofs: RFC 9162 sections 2.1.3.1 and 2.1.3.2.

use crate::merkle::{NodeId, Nodes, ProofError, ProveError, path, path_len};
use crate::{Hash, LeafIndex, TreeSize};

/// A claim that a leaf is at `index` in a tree of `size` leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The position of the leaf.
    pub index: LeafIndex,
    /// The leaves of the tree.
    pub size: TreeSize,
    /// The siblings on the way from the leaf to the root, the leaf's own first.
    pub hashes: Vec<Hash>,
}

/// Proves that the leaf at `index` is in the tree of `size` leaves.
///
/// # Errors
/// If the tree has no such leaf, or a node cannot be read.
pub fn prove<N: Nodes>(
    index: LeafIndex,
    size: TreeSize,
    nodes: &N,
) -> Result<InclusionProof, ProveError<N::Error>> {
    if !size.contains(index) {
        return Err(ProveError::NoSuchLeaf { index, size });
    }
    let from = NodeId {
        level: 0,
        index: index.get(),
    };
    let mut hashes = Vec::with_capacity(path_len(from, size.get()));
    path(from, size.get(), nodes, &mut hashes).map_err(ProveError::Nodes)?;
    Ok(InclusionProof {
        index,
        size,
        hashes,
    })
}

impl InclusionProof {
    /// The root that the proof leads to from a leaf's hash.
    ///
    /// # Errors
    /// If the proof has the wrong number of hashes, or the tree no such leaf.
    pub fn root(&self, leaf: &Hash) -> Result<Hash, ProofError> {
        climb(self.index.get(), self.size.get(), &self.hashes, leaf)
    }

    /// Checks that the proof leads from `leaf` to `root`.
    ///
    /// # Errors
    /// If it does not, whatever the reason.
    pub fn verify(&self, leaf: &Hash, root: &Hash) -> Result<(), ProofError> {
        expect(root, &self.root(leaf)?)
    }
}

/// The root of the tree of `size` leaves with `leaf` at `index` and these siblings.
pub(super) fn climb(
    index: u64,
    size: u64,
    hashes: &[Hash],
    leaf: &Hash,
) -> Result<Hash, ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange {
            index,
            start: 0,
            end: size,
        });
    }
    let expected = path_len(NodeId { level: 0, index }, size);
    if hashes.len() != expected {
        return Err(ProofError::Length {
            expected,
            found: hashes.len(),
        });
    }
    let (mut node, mut last, mut root) = (index, size - 1, *leaf);
    for sibling in hashes {
        if node & 1 == 1 || node == last {
            root = Hash::node(sibling, &root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = Hash::node(&root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    Ok(root)
}

/// Compares what a proof leads to with what it must lead to.
pub(super) fn expect(expected: &Hash, found: &Hash) -> Result<(), ProofError> {
    if expected == found {
        return Ok(());
    }
    Err(ProofError::Mismatch {
        expected: *expected,
        found: *found,
    })
}

/// Refuses any hash where there is nothing to prove.
pub(super) fn check_empty(hashes: &[Hash]) -> Result<(), ProofError> {
    match hashes.len() {
        0 => Ok(()),
        found => Err(ProofError::Length { expected: 0, found }),
    }
}
