//! The nodes of a tree, read from its tiles.

use std::cell::RefCell;

use crate::merkle::{NodeId, Nodes};
use crate::tile::{HashTile, TILE_HEIGHT, Width, width_at};
use crate::{Hash, TreeSize};

/// How many tiles are kept: an inclusion proof touches at most one of each of the eight levels, and one
/// more of each where the way to the root and the right edge part.
const CACHED: usize = 16;

/// Why a node could not be read from tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileNodesError<E> {
    /// The tree has no such complete subtree.
    #[error("no node {index} of level {level} in a tree of {size}", index = .id.index, level = .id.level)]
    NoSuchNode {
        /// The node asked for.
        id: NodeId,
        /// The leaves of the tree.
        size: TreeSize,
    },
    /// The tile that was fetched is too narrow for the tree.
    #[error("tile {index} of level {level} has {found} hashes, expected at least {expected}")]
    Narrow {
        /// The tile level.
        level: u8,
        /// The index on that level.
        index: u64,
        /// The width it has in the tree.
        expected: usize,
        /// The width it has.
        found: usize,
    },
    /// The tile could not be fetched.
    #[error("cannot fetch a tile")]
    Fetch(#[source] E),
}

/// The complete subtrees of the tree of `size` leaves, out of the tiles that `fetch` returns.
///
/// `fetch` is given the tile level, the index and the width that the tile has in that tree; it may
/// return a wider one (a full tile where the partial one is gone). The last few tiles are kept.
#[derive(Debug)]
pub struct TileNodes<F> {
    size: TreeSize,
    fetch: F,
    recent: RefCell<Vec<((u8, u64), HashTile)>>,
}

impl<F> TileNodes<F> {
    /// Reads the tree of `size` leaves by `fetch`.
    #[must_use]
    pub fn new<E>(size: TreeSize, fetch: F) -> Self
    where
        F: Fn(u8, u64, Width) -> Result<HashTile, E>,
    {
        Self {
            size,
            fetch,
            recent: RefCell::default(),
        }
    }

    /// The leaves of the tree.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.size
    }
}

impl<F, E> Nodes for TileNodes<F>
where
    F: Fn(u8, u64, Width) -> Result<HashTile, E>,
{
    type Error = TileNodesError<E>;

    fn node(&self, id: NodeId) -> Result<Hash, TileNodesError<E>> {
        let (level, inside) = (id.level / TILE_HEIGHT, id.level % TILE_HEIGHT);
        let missing = TileNodesError::NoSuchNode {
            id,
            size: self.size,
        };
        let (index, at) = (
            id.index >> (TILE_HEIGHT - inside),
            id.index & (0xff >> inside),
        );
        let (Some(width), Ok(at)) = (width_at(level, index, self.size), usize::try_from(at)) else {
            return Err(missing);
        };
        if (at + 1) << inside > width.count() {
            return Err(missing);
        }
        let hash = |tile: &HashTile| tile.node(inside, at);
        let key = (level, index);
        let mut recent = self.recent.borrow_mut();
        if let Some((_, tile)) = recent.iter().find(|(cached, _)| *cached == key) {
            return hash(tile).ok_or(missing);
        }
        let tile = (self.fetch)(level, index, width).map_err(TileNodesError::Fetch)?;
        let (expected, found) = (width.count(), tile.hashes().len());
        if found < expected {
            return Err(TileNodesError::Narrow {
                level,
                index,
                expected,
                found,
            });
        }
        let found = hash(&tile).ok_or(missing);
        if recent.len() == CACHED {
            recent.remove(0);
        }
        recent.push((key, tile));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{self, inclusion};
    use crate::{CompactRange, Growth, LeafIndex};

    fn size(leaves: u64) -> TreeSize {
        TreeSize::new(leaves).unwrap()
    }

    fn fetch(growth: &Growth, level: u8, index: u64, width: Width) -> HashTile {
        let start = usize::try_from(index).unwrap() * 256;
        HashTile::new(
            growth
                .nodes(level * 8)
                .iter()
                .skip(start)
                .take(width.count())
                .copied()
                .collect(),
        )
        .unwrap()
    }

    #[test]
    fn trees_of_three_tile_levels_prove_as_in_memory() {
        let leaves = (0..70_000u32).map(|i| Hash::leaf(&i.to_be_bytes()));
        let growth = Growth::new(&CompactRange::new(), leaves);
        let tiles = TileNodes::new(size(70_000), |l, i, w| {
            Ok::<_, std::convert::Infallible>(fetch(&growth, l, i, w))
        });
        assert_eq!(merkle::root(size(70_000), &tiles), Ok(growth.root()));
        for index in [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
            let index = LeafIndex::new(index).unwrap();
            assert_eq!(
                inclusion::prove(index, size(70_000), &tiles).ok(),
                growth.prove(index)
            );
        }
    }

    #[test]
    fn nodes_outside_the_tree_and_narrow_tiles_are_refused() {
        let narrow = |_, _, _| HashTile::new(vec![Hash::of(b"")]);
        let tiles = TileNodes::new(size(5), narrow);
        for (level, index) in [
            (0, 5),
            (1, 2),
            (2, 1),
            (3, 0),
            (8, 0),
            (255, 0),
            (0, u64::MAX),
        ] {
            let id = NodeId { level, index };
            assert_eq!(
                tiles.node(id),
                Err(TileNodesError::NoSuchNode { id, size: size(5) })
            );
        }
        let refused = tiles.node(NodeId { level: 0, index: 0 });
        assert_eq!(
            refused,
            Err(TileNodesError::Narrow {
                level: 0,
                index: 0,
                expected: 5,
                found: 1
            })
        );
    }

    #[test]
    fn a_tile_is_fetched_once() {
        let fetched = std::cell::Cell::new(0);
        let tiles = TileNodes::new(size(200), |_, _, width: Width| {
            fetched.set(fetched.get() + 1);
            HashTile::new(vec![Hash::of(b""); width.count()])
        });
        for index in 0..200 {
            let index = LeafIndex::new(index).unwrap();
            inclusion::prove(index, size(200), &tiles).unwrap();
        }
        assert_eq!(fetched.get(), 1);
    }
}
