//! Consistency proofs: RFC 9162 sections 2.1.4.1 and 2.1.4.2.

use crate::merkle::inclusion::{check_empty, expect};
use crate::merkle::{NodeId, Nodes, ProofError, ProveError, path, path_len};
use crate::{Hash, TreeSize};

/// A claim that the tree of `to` leaves begins with the tree of `from` leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The leaves of the older tree.
    pub from: TreeSize,
    /// The leaves of the newer tree.
    pub to: TreeSize,
    /// The hashes in the order of RFC 9162.
    pub hashes: Vec<Hash>,
}

/// Proves that the tree of `to` leaves begins with the tree of `from` leaves.
///
/// From the empty tree, and from a tree to itself, the proof is empty.
///
/// # Errors
/// If `from` is the larger, or a node cannot be read.
pub fn prove<N: Nodes>(
    from: TreeSize,
    to: TreeSize,
    nodes: &N,
) -> Result<ConsistencyProof, ProveError<N::Error>> {
    if from > to {
        return Err(ProveError::Shrinks { from, to });
    }
    let mut hashes = Vec::new();
    if from != to && !from.is_empty() {
        let edge = last_complete(from.get());
        if !from.get().is_power_of_two() {
            hashes.push(nodes.node(edge).map_err(ProveError::Nodes)?);
        }
        path(edge, to.get(), nodes, &mut hashes).map_err(ProveError::Nodes)?;
    }
    Ok(ConsistencyProof { from, to, hashes })
}

impl ConsistencyProof {
    /// Checks that the proof connects the two roots.
    ///
    /// Every tree begins with the empty one: from size 0 only the empty proof holds, and only with the
    /// empty tree's root. That is the rule of the witness protocol (c2sp.org/tlog-witness); see
    /// [`Self::verify_rfc9162`] for the one of the RFC, which defines no such proof.
    ///
    /// # Errors
    /// If it does not, whatever the reason.
    pub fn verify(&self, old_root: &Hash, new_root: &Hash) -> Result<(), ProofError> {
        if !self.from.is_empty() {
            return self.verify_rfc9162(old_root, new_root);
        }
        check_empty(&self.hashes)?;
        expect(&Hash::empty_root(), old_root)?;
        if self.to.is_empty() {
            expect(&Hash::empty_root(), new_root)
        } else {
            Ok(())
        }
    }

    /// Checks that the proof connects the two roots, and refuses to say anything about growth from the
    /// empty tree, for which RFC 9162 defines no proof.
    ///
    /// # Errors
    /// If it does not, whatever the reason.
    pub fn verify_rfc9162(&self, old_root: &Hash, new_root: &Hash) -> Result<(), ProofError> {
        let (from, to) = (self.from.get(), self.to.get());
        if from > to {
            return Err(ProofError::Range {
                start: 0,
                end: from,
                size: to,
            });
        }
        if from == to {
            check_empty(&self.hashes)?;
            let old_is_right = if from == 0 {
                expect(&Hash::empty_root(), old_root)
            } else {
                Ok(())
            };
            return old_is_right.and_then(|()| expect(old_root, new_root));
        }
        if from == 0 {
            return Err(ProofError::FromEmpty { to: self.to });
        }
        self.verify_growth(old_root, new_root)
    }

    /// Both trees rebuilt from the proof; RFC 9162 section 2.1.4.2 for `0 < from < to`.
    fn verify_growth(&self, old_root: &Hash, new_root: &Hash) -> Result<(), ProofError> {
        let (from, to) = (self.from.get(), self.to.get());
        let edge = last_complete(from);
        let seeded = from.is_power_of_two();
        let expected = path_len(edge, to) + usize::from(!seeded);
        if self.hashes.len() != expected {
            return Err(ProofError::Length {
                expected,
                found: self.hashes.len(),
            });
        }
        let mut hashes = self.hashes.iter();
        let seed = if seeded {
            *old_root
        } else {
            hashes.next().copied().unwrap_or(*old_root)
        };
        let (mut node, mut last) = (edge.index, (to - 1) >> edge.level);
        let (mut old, mut new) = (seed, seed);
        for sibling in hashes {
            if node & 1 == 1 || node == last {
                old = Hash::node(sibling, &old);
                new = Hash::node(sibling, &new);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                new = Hash::node(&new, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        expect(old_root, &old)?;
        expect(new_root, &new)
    }
}

/// The last complete subtree of a tree of `size` leaves, as large as its size allows.
fn last_complete(size: u64) -> NodeId {
    let level = u8::try_from(size.trailing_zeros().min(63)).expect("at most 63");
    NodeId {
        level,
        index: (size >> level) - 1,
    }
}
