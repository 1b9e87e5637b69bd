//! The Merkle tree of RFC 6962 section 2.1: growing it, proving from it, verifying what others prove.
//!
//! Nothing here stores a tree. A prover asks [`Nodes`] for complete subtrees, which never change once
//! the log has grown past them; the right edge of a tree, which does change, is computed from those.

pub mod consistency;
pub mod growth;
pub mod inclusion;
pub mod range;
pub mod subtree;

pub use consistency::ConsistencyProof;
pub use growth::Growth;
pub use inclusion::InclusionProof;
pub use range::CompactRange;

use crate::{Hash, LeafIndex, TreeSize};

/// A complete subtree: the `2^level` leaves from `index * 2^level` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The height over the leaves, which are level 0.
    pub level: u8,
    /// The position among the nodes of that level, from zero.
    pub index: u64,
}

/// Where the hashes of complete subtrees come from.
pub trait Nodes {
    /// Why there is no such hash.
    type Error;

    /// The hash of a complete subtree.
    ///
    /// # Errors
    /// If it is not there, or cannot be read.
    fn node(&self, id: NodeId) -> Result<Hash, Self::Error>;
}

impl<N: Nodes + ?Sized> Nodes for &N {
    type Error = N::Error;

    fn node(&self, id: NodeId) -> Result<Hash, N::Error> {
        (**self).node(id)
    }
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError<E> {
    /// The tree has no such leaf.
    #[error("no leaf {index} in a tree of {size}")]
    NoSuchLeaf {
        /// The leaf asked for.
        index: LeafIndex,
        /// The leaves that there are.
        size: TreeSize,
    },
    /// A tree does not shrink.
    #[error("no growth from {from} to {to} leaves")]
    Shrinks {
        /// The older size asked for.
        from: TreeSize,
        /// The newer size asked for.
        to: TreeSize,
    },
    /// A node could not be read.
    #[error("a node is missing")]
    Nodes(#[source] E),
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The claimed tree has no such leaf.
    #[error("leaf {index} outside the range from {start} to {end}")]
    OutOfRange {
        /// The leaf of the proof.
        index: u64,
        /// The first leaf of the tree or subtree.
        start: u64,
        /// One after its last.
        end: u64,
    },
    /// Two ranges of leaves of which the first must lie inside the second, or one that is no subtree.
    #[error("no subtree from {start} to {end} in a tree of {size}")]
    Range {
        /// The first leaf.
        start: u64,
        /// One after the last leaf.
        end: u64,
        /// The leaves of the tree.
        size: u64,
    },
    /// No proof of that statement has this many hashes.
    #[error("a proof of {found} hashes, expected {expected}")]
    Length {
        /// The one length that is right.
        expected: usize,
        /// The length of the proof.
        found: usize,
    },
    /// The proof leads to another hash.
    #[error("the proof leads to {found}, expected {expected}")]
    Mismatch {
        /// The hash that was to be reached.
        expected: Hash,
        /// The hash that the proof leads to.
        found: Hash,
    },
    /// RFC 9162 defines no proof from the empty tree.
    #[error("no consistency proof from the empty tree to {to} leaves is defined")]
    FromEmpty {
        /// The newer size.
        to: TreeSize,
    },
}

/// The root of a tree of `size` leaves, out of its complete subtrees.
///
/// # Errors
/// If a node cannot be read.
pub fn root<N: Nodes>(size: TreeSize, nodes: &N) -> Result<Hash, N::Error> {
    range_root(0, size.get(), nodes)
}

/// The hash of the subtree of the leaves `start..end`, where `start` is a multiple of the smallest power
/// of two that is not less than their number: what every node of every tree is, complete or not.
fn range_root<N: Nodes>(start: u64, end: u64, nodes: &N) -> Result<Hash, N::Error> {
    let len = end - start;
    let mut root = None;
    // From the smallest complete subtree, which is the rightmost, leftwards.
    for level in set_bits(len) {
        let first = start + (len & !low_mask(level + 1));
        let left = nodes.node(NodeId {
            level,
            index: first >> level,
        })?;
        root = Some(root.map_or(left, |right| Hash::node(&left, &right)));
    }
    Ok(root.unwrap_or_else(Hash::empty_root))
}

/// The siblings on the way from a node to the root of a tree of `size` leaves, lowest first.
fn path<N: Nodes>(from: NodeId, size: u64, nodes: &N, out: &mut Vec<Hash>) -> Result<(), N::Error> {
    let (mut index, last) = (from.index, size - 1);
    for level in from.level.. {
        if last >> level == 0 {
            break;
        }
        let start = (index ^ 1) << level;
        if start < size {
            let end = size.min(start.saturating_add(1 << level));
            out.push(range_root(start, end, nodes)?);
        }
        index >>= 1;
    }
    Ok(())
}

/// How many hashes [`path`] yields.
fn path_len(from: NodeId, size: u64) -> usize {
    let Some(last) = size.checked_sub(1) else {
        return 0;
    };
    let top = last >> from.level;
    // Below the level where the way meets the right edge every level has a sibling; above it, only
    // where the edge is a right child.
    let inner = bit_len(from.index ^ top);
    let border = (from.index.checked_shr(inner).unwrap_or(0)).count_ones();
    to_usize(inner + border)
}

/// The positions of the bits that are set, lowest first.
fn set_bits(value: u64) -> impl Iterator<Item = u8> {
    (0u8..64).filter(move |bit| (value >> bit) & 1 == 1)
}

/// The `bits` lowest bits set; `bits` up to 64.
const fn low_mask(bits: u8) -> u64 {
    match 1u64.checked_shl(bits as u32) {
        Some(bit) => bit - 1,
        None => u64::MAX,
    }
}

/// The number of binary digits of `value`.
const fn bit_len(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// A count of at most 128 as a length.
const fn to_usize(count: u32) -> usize {
    count as usize
}
