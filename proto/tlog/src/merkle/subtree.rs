//! Proofs about subtrees (the Merkle Tree Certificates draft, which c2sp.org/tlog-cosignature builds on).
//!
//! A subtree is the leaves `start..end` of a log, where `start` is a multiple of the smallest power of
//! two that is not less than their number; the range from 0 to any size is one, and so, trivially, is an
//! empty range, which is part of every tree that reaches so far.

use crate::merkle::inclusion::{check_empty, climb, expect};
use crate::merkle::{ProofError, to_usize};
use crate::{Hash, LeafIndex, TreeSize};

/// The leaves `start..end` of a log, if they form a subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subtree {
    start: u64,
    end: u64,
}

impl Subtree {
    /// The leaves before `end` from `start` on.
    ///
    /// # Errors
    /// If the range ends before it begins, or is not aligned to a subtree.
    pub fn new(start: LeafIndex, end: TreeSize) -> Result<Self, ProofError> {
        let (start, end) = (start.get(), end.get());
        let refused = ProofError::Range {
            start,
            end,
            size: end,
        };
        let len = end.checked_sub(start).ok_or(refused.clone())?;
        // At most 2^63, so the power of two exists; of an empty range it is 1.
        if start & (len.next_power_of_two() - 1) != 0 {
            return Err(refused);
        }
        Ok(Self { start, end })
    }

    /// The first leaf.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// One after the last leaf.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Checks that `hashes` lead from the leaf at `index` of the log to the subtree's root.
    ///
    /// # Errors
    /// If they do not, whatever the reason.
    pub fn verify_inclusion(
        &self,
        index: LeafIndex,
        hashes: &[Hash],
        leaf: &Hash,
        root: &Hash,
    ) -> Result<(), ProofError> {
        let refused = ProofError::OutOfRange {
            index: index.get(),
            start: self.start,
            end: self.end,
        };
        let within = index.get().checked_sub(self.start).ok_or(refused.clone())?;
        if within >= self.end - self.start {
            return Err(refused);
        }
        expect(root, &climb(within, self.end - self.start, hashes, leaf)?)
    }

    /// Checks that `hashes` prove the subtree with root `subtree_root` to be part of the tree of `size`
    /// leaves with root `root`.
    ///
    /// # Errors
    /// If they do not, whatever the reason.
    pub fn verify_consistency(
        &self,
        size: TreeSize,
        hashes: &[Hash],
        subtree_root: &Hash,
        root: &Hash,
    ) -> Result<(), ProofError> {
        let size = size.get();
        if self.end > size {
            return Err(ProofError::Range {
                start: self.start,
                end: self.end,
                size,
            });
        }
        if self.start == self.end {
            check_empty(hashes)?;
            return expect(&Hash::empty_root(), subtree_root);
        }
        let walk = Walk::new(self, size);
        let seeded = walk.first == walk.node;
        let expected = walk.siblings() + usize::from(!seeded);
        if hashes.len() != expected {
            return Err(ProofError::Length {
                expected,
                found: hashes.len(),
            });
        }
        let mut hashes = hashes.iter();
        let seed = if seeded {
            *subtree_root
        } else {
            hashes.next().copied().unwrap_or(*subtree_root)
        };
        let (found_subtree, found_root) = walk.climb(seed, hashes);
        expect(subtree_root, &found_subtree)?;
        expect(root, &found_root)
    }
}

/// The way from the subtree's last leaf to the root: the nodes of one level over the subtree's first
/// leaf, its last leaf, and the tree's last leaf.
#[derive(Clone)]
struct Walk {
    first: u64,
    node: u64,
    last: u64,
}

impl Walk {
    /// From the largest node of the tree that ends where the subtree ends and is not larger than it.
    fn new(subtree: &Subtree, size: u64) -> Self {
        let mut walk = Self {
            first: subtree.start,
            node: subtree.end - 1,
            last: size - 1,
        };
        if walk.node == walk.last {
            while walk.first != walk.node {
                walk.up();
            }
        } else {
            while walk.first != walk.node && walk.node & 1 == 1 {
                walk.up();
            }
        }
        walk
    }

    fn up(&mut self) {
        self.first >>= 1;
        self.node >>= 1;
        self.last >>= 1;
    }

    /// Whether the next sibling is on the left.
    fn goes_left(&self) -> bool {
        self.node & 1 == 1 || self.node == self.last
    }

    /// Past the levels of the right edge that have no sibling, then one level up.
    fn step(&mut self) {
        if self.goes_left() {
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
        }
        self.up();
    }

    /// How many siblings there are up to the root.
    fn siblings(&self) -> usize {
        let (mut walk, mut count) = (self.clone(), 0);
        while walk.last != 0 {
            walk.step();
            count += 1;
        }
        to_usize(count)
    }

    /// The subtree's root and the tree's root, from the hash of the node where the walk begins.
    fn climb<'a>(mut self, seed: Hash, siblings: impl Iterator<Item = &'a Hash>) -> (Hash, Hash) {
        let (mut subtree, mut root) = (seed, seed);
        for sibling in siblings {
            if self.goes_left() {
                if self.first < self.node {
                    subtree = Hash::node(sibling, &subtree);
                }
                root = Hash::node(sibling, &root);
            } else {
                root = Hash::node(&root, sibling);
            }
            self.step();
        }
        (subtree, root)
    }
}
