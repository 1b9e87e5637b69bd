//! What a batch of new leaves adds to a tree, and the proofs of those leaves, without any storage.
//!
//! Why the old tree's right edge is enough: take a new leaf's way to the root. A sibling on the left of
//! it that is not new itself covers only old leaves and ends where new ones begin at that level, so it
//! is the last complete old node of its level, and its parent is not complete in the old tree: it is
//! one of the edge's nodes.

use crate::merkle::{CompactRange, InclusionProof, NodeId, Nodes, set_bits};
use crate::{Hash, LeafIndex, TreeSize};

/// The node is neither new in this batch nor on the edge of the tree before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no node {index} of level {level} in a growth of {old} to {new} leaves", index = .id.index, level = .id.level)]
pub struct NotInGrowth {
    /// The node asked for.
    pub id: NodeId,
    /// The size before.
    pub old: TreeSize,
    /// The size after.
    pub new: TreeSize,
}

/// The complete nodes that a batch of leaves adds to a tree: 2n hashes for n leaves, level by level.
#[derive(Debug, Clone)]
pub struct Growth {
    before: CompactRange,
    after: CompactRange,
    /// `levels[l]` are the nodes `old >> l .. new >> l` of level `l`; levels that gained none are left out.
    levels: Vec<Vec<Hash>>,
    /// `ragged[l]` is the hash of the leaves after the last complete node of level `l`, if there are any.
    ragged: Vec<Option<Hash>>,
}

impl Growth {
    /// The tree whose right edge is `edge`, grown by these leaf hashes.
    ///
    /// # Panics
    /// If the tree would have more than 2^63 - 1 leaves.
    #[must_use]
    pub fn new(edge: &CompactRange, leaves: impl IntoIterator<Item = Hash>) -> Self {
        let old = edge.size();
        let mut levels: Vec<Vec<Hash>> = Vec::with_capacity(24);
        let mut below: Vec<Hash> = leaves.into_iter().collect();
        let added = u64::try_from(below.len()).expect("a length fits in 64 bits");
        let new = old.plus(added).expect("a tree of fewer than 2^63 leaves");
        let mut id = NodeId {
            level: 0,
            index: old.get(),
        };
        while !below.is_empty() {
            let next = parents(edge, id, &below);
            levels.push(below);
            below = next;
            id = NodeId {
                level: id.level + 1,
                index: id.index >> 1,
            };
        }
        let mut growth = Self {
            before: edge.clone(),
            after: CompactRange::new(),
            levels,
            ragged: Vec::new(),
        };
        growth.finish(new);
        growth
    }

    /// Computes the right edge, and the incomplete nodes on it, of the tree of `new` leaves.
    fn finish(&mut self, new: TreeSize) {
        let size = new.get();
        let mut edge = Vec::with_capacity(8);
        let mut ragged: Option<Hash> = None;
        for level in 0..=set_bits(size).last().unwrap_or(0) {
            self.ragged.push(ragged);
            let width = size >> level;
            if width & 1 == 1 {
                let id = NodeId {
                    level,
                    index: width - 1,
                };
                let hash = self
                    .lookup(id)
                    .expect("an edge node is either new or on the old edge");
                edge.push(hash);
                ragged = Some(ragged.map_or(hash, |right| Hash::node(&hash, &right)));
            }
        }
        edge.reverse();
        self.after = CompactRange::from_parts(new, edge)
            .expect("one hash was pushed for each bit of the size");
    }

    /// The size of the tree before the batch.
    #[must_use]
    pub fn old_size(&self) -> TreeSize {
        self.before.size()
    }

    /// The size of the tree after the batch.
    #[must_use]
    pub fn new_size(&self) -> TreeSize {
        self.after.size()
    }

    /// The right edge of the tree after the batch.
    #[must_use]
    pub fn edge(&self) -> &CompactRange {
        &self.after
    }

    /// The root of the tree after the batch.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.after.root()
    }

    /// The new nodes of a level, the first of which is [`Self::first_index`]; empty if there are none.
    #[must_use]
    pub fn nodes(&self, level: u8) -> &[Hash] {
        self.levels
            .get(usize::from(level))
            .map_or(&[], Vec::as_slice)
    }

    /// The index that the first new node of a level has, or would have.
    #[must_use]
    pub fn first_index(&self, level: u8) -> u64 {
        self.old_size()
            .get()
            .checked_shr(u32::from(level))
            .unwrap_or(0)
    }

    /// The hash of a new leaf; `None` if the index is not of this batch.
    #[must_use]
    pub fn leaf_hash(&self, index: LeafIndex) -> Option<Hash> {
        self.fresh(NodeId {
            level: 0,
            index: index.get(),
        })
    }

    /// The inclusion proof of a new leaf in the tree after the batch; `None` if it is not of this batch.
    #[must_use]
    pub fn prove(&self, index: LeafIndex) -> Option<InclusionProof> {
        self.leaf_hash(index)?;
        let size = self.new_size();
        let last = size.last()?.get();
        let mut hashes = Vec::with_capacity(self.ragged.len());
        for level in 0u8..64 {
            if last >> level == 0 {
                break;
            }
            let sibling = NodeId {
                level,
                index: (index.get() >> level) ^ 1,
            };
            if sibling.index < size.get() >> level {
                hashes.push(self.lookup(sibling)?);
            } else if sibling.index << level < size.get() {
                hashes.push((*self.ragged.get(usize::from(level))?)?);
            }
        }
        Some(InclusionProof {
            index,
            size,
            hashes,
        })
    }

    fn lookup(&self, id: NodeId) -> Option<Hash> {
        self.fresh(id).or_else(|| self.before.node(id))
    }

    /// A node of this batch.
    fn fresh(&self, id: NodeId) -> Option<Hash> {
        let at = id.index.checked_sub(self.first_index(id.level))?;
        self.nodes(id.level).get(usize::try_from(at).ok()?).copied()
    }
}

impl Nodes for Growth {
    type Error = NotInGrowth;

    fn node(&self, id: NodeId) -> Result<Hash, NotInGrowth> {
        let missing = || NotInGrowth {
            id,
            old: self.old_size(),
            new: self.new_size(),
        };
        self.lookup(id).ok_or_else(missing)
    }
}

/// The nodes that `below`, whose first is `first`, completes one level up.
fn parents(edge: &CompactRange, first: NodeId, below: &[Hash]) -> Vec<Hash> {
    let mut out = Vec::with_capacity(below.len().div_ceil(2));
    let mut rest = below;
    if first.index & 1 == 1
        && let Some((right, after)) = below.split_first()
    {
        let left = NodeId {
            level: first.level,
            index: first.index - 1,
        };
        let left = edge
            .node(left)
            .expect("the left sibling of the first new node is on the old edge");
        out.push(Hash::node(&left, right));
        rest = after;
    }
    let (pairs, _) = rest.as_chunks::<2>();
    out.extend(pairs.iter().map(|[left, right]| Hash::node(left, right)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_batch_changes_nothing() {
        let mut edge = CompactRange::new();
        assert_eq!(Growth::new(&edge, []).root(), Hash::empty_root());
        for i in 0u8..20 {
            edge.append(Hash::leaf(&[i]));
            let growth = Growth::new(&edge, []);
            assert_eq!((growth.edge(), growth.root()), (&edge, edge.root()));
            assert_eq!(growth.prove(LeafIndex::ZERO), None);
        }
    }

    #[test]
    fn grown_edges_are_those_of_appending() {
        for old in 0u64..40 {
            for added in 0u64..40 {
                let mut edge = CompactRange::new();
                (0..old).for_each(|i| edge.append(Hash::leaf(&i.to_be_bytes())));
                let growth = Growth::new(
                    &edge,
                    (old..old + added).map(|i| Hash::leaf(&i.to_be_bytes())),
                );
                (old..old + added).for_each(|i| edge.append(Hash::leaf(&i.to_be_bytes())));
                assert_eq!(growth.edge(), &edge, "{old} and {added}");
                for level in 0..8 {
                    let first = growth.first_index(level);
                    let count = u64::try_from(growth.nodes(level).len()).unwrap();
                    assert_eq!(
                        (first, first + count),
                        (old >> level, (old + added) >> level)
                    );
                }
            }
        }
    }
}
