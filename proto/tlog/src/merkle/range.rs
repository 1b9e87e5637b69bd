//! The right edge of a tree: the roots of its largest complete subtrees, enough to grow it.

use crate::merkle::{NodeId, set_bits, to_usize};
use crate::{Hash, TreeSize};

/// Why hashes are not the right edge of a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// A tree has one hash for each bit that is set in its size.
    #[error("{found} hashes for the right edge of a tree of {size}, expected {expected}")]
    Count {
        /// The size of the tree.
        size: TreeSize,
        /// How many it needs.
        expected: usize,
        /// How many there were.
        found: usize,
    },
}

/// The right edge of the tree of the leaves `0..size`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    size: TreeSize,
    /// The roots of the largest complete subtrees from left to right, that is from high to low.
    hashes: Vec<Hash>,
}

impl CompactRange {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of `size` leaves whose largest complete subtrees have these roots, high to low.
    ///
    /// # Errors
    /// If there are not as many hashes as bits set in `size`.
    pub fn from_parts(size: TreeSize, hashes: Vec<Hash>) -> Result<Self, RangeError> {
        let (expected, found) = (to_usize(size.get().count_ones()), hashes.len());
        if found != expected {
            return Err(RangeError::Count {
                size,
                expected,
                found,
            });
        }
        Ok(Self { size, hashes })
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The roots of the largest complete subtrees, high to low.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Adds a leaf, given by its hash.
    ///
    /// # Panics
    /// If the tree already has 2^63 - 1 leaves.
    pub fn append(&mut self, leaf: Hash) {
        self.append_visiting(leaf, |_, _| ());
    }

    /// Adds a leaf and shows every node that it completes, the leaf itself (level 0) first.
    ///
    /// # Panics
    /// If the tree already has 2^63 - 1 leaves.
    pub fn append_visiting(&mut self, leaf: Hash, mut visit: impl FnMut(NodeId, Hash)) {
        let size = self.size.get();
        let (mut id, mut hash) = (
            NodeId {
                level: 0,
                index: size,
            },
            leaf,
        );
        visit(id, hash);
        for _ in 0..size.trailing_ones() {
            let left = self
                .hashes
                .pop()
                .expect("one hash for each bit of the size");
            hash = Hash::node(&left, &hash);
            id = NodeId {
                level: id.level + 1,
                index: id.index >> 1,
            };
            visit(id, hash);
        }
        self.hashes.push(hash);
        self.size = self.size.plus(1).expect("a tree of fewer than 2^63 leaves");
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut from_right = self.hashes.iter().rev();
        let Some(last) = from_right.next() else {
            return Hash::empty_root();
        };
        from_right.fold(*last, |right, left| Hash::node(left, &right))
    }

    /// The hash of one of the largest complete subtrees; `None` if `id` is not one of them.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<Hash> {
        let width = self.size.get().checked_shr(u32::from(id.level))?;
        if width & 1 == 0 || width - 1 != id.index {
            return None;
        }
        // One hash stands before it for each higher bit of the size.
        self.hashes
            .get(to_usize((width >> 1).count_ones()))
            .copied()
    }

    /// The nodes that [`Self::hashes`] are the hashes of, high to low.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        let size = self.size.get();
        let mut levels: Vec<u8> = set_bits(size).collect();
        levels.reverse();
        levels.into_iter().map(move |level| NodeId {
            level,
            index: (size >> level) - 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_holds_exactly_its_own_nodes() {
        let mut range = CompactRange::new();
        for i in 0u32..300 {
            range.append(Hash::leaf(&i.to_be_bytes()));
            let ids: Vec<_> = range.ids().collect();
            let found: Vec<_> = ids.iter().map(|id| range.node(*id).unwrap()).collect();
            assert_eq!(found, range.hashes());
            for level in 0..70 {
                let id = NodeId { level, index: 1000 };
                assert_eq!(range.node(id), None);
            }
        }
    }

    #[test]
    fn visited_nodes_are_every_complete_subtree_once() {
        let (mut range, mut seen) = (CompactRange::new(), Vec::new());
        for i in 0u8..100 {
            range.append_visiting(Hash::leaf(&[i]), |id, _| seen.push(id));
        }
        let mut expected: Vec<_> = (0..7u8)
            .flat_map(|level| (0..100u64 >> level).map(move |index| NodeId { level, index }))
            .collect();
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_wrong_number_of_hashes_is_refused() {
        let size = TreeSize::new(5).unwrap();
        let refused = CompactRange::from_parts(size, vec![Hash::of(b"")]);
        assert_eq!(
            refused,
            Err(RangeError::Count {
                size,
                expected: 2,
                found: 1
            })
        );
    }
}
