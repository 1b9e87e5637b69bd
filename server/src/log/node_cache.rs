//! The upper nodes of tiles. A tile is kept as its 256 lowest hashes, so a proof makes all the others on its way anew: some 250
//! hashes a tile, which is more than all else that a read costs. What stands high in a tile is made once and kept here.

use std::sync::{Arc, Mutex, PoisonError};

use treering_storage::StoreError;
use treering_tlog::Hash;
use treering_tlog::tile::{HashTile, TILE_HEIGHT};

/// Nodes of this height and above are kept: 30 of a full tile, about 1 kB. Each below costs at most 7 hashes.
pub(super) const LOWEST: u8 = 4;

/// So many tiles, of which the lowest stand for 1,048,576 entries; all together 4 to 5 MB a log.
const SLOTS: u64 = 4096;

/// Which tile, and how much of it there is: a partial one of the same width always has the same hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TileKey {
    pub(super) level: u8,
    pub(super) index: u64,
    pub(super) width: usize,
}

/// The nodes of one tile, from the height [`LOWEST`] up.
#[derive(Debug)]
struct Upper {
    key: TileKey,
    nodes: Vec<Hash>,
}

impl Upper {
    /// Of as many hashes of the tile as the key says: what is stored may be ahead of the tree. `None` if it has fewer.
    fn new(key: TileKey, tile: &HashTile) -> Option<Self> {
        let mut nodes = Vec::new();
        let mut row = tile.hashes().get(..key.width)?.to_vec();
        for height in 1..TILE_HEIGHT {
            let (pairs, _) = row.as_chunks::<2>();
            row = pairs
                .iter()
                .map(|[left, right]| Hash::node(left, right))
                .collect();
            if height >= LOWEST {
                nodes.extend_from_slice(&row);
            }
        }
        Some(Self { key, nodes })
    }

    fn node(&self, height: u8, position: usize) -> Option<Hash> {
        let row = |height: u8| self.key.width >> height;
        let before: usize = (LOWEST..height).map(row).sum();
        let there = height >= LOWEST && position < row(height);
        self.nodes.get(before + position).copied().filter(|_| there)
    }
}

/// The nodes of the tiles that were asked for last, of one log. A tile has one place, which it shares with others.
pub(crate) struct NodeCache(Box<[Mutex<Option<Arc<Upper>>>]>);

impl Default for NodeCache {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Mutex::default()).collect())
    }
}

impl NodeCache {
    /// A node of a tile, which `load` reads if its nodes are not here; `None` if the tile has no such node.
    ///
    /// # Errors
    /// Those of `load`.
    pub(super) fn node(
        &self,
        key: TileKey,
        (height, position): (u8, usize),
        load: impl FnOnce() -> Result<HashTile, StoreError>,
    ) -> Result<Option<Hash>, StoreError> {
        // Levels begin at different places, for their first tiles are asked for most.
        let place = key.index.wrapping_add(u64::from(key.level) * (SLOTS / 8)) % SLOTS;
        let place = usize::try_from(place).expect("it is below 4096");
        let slot = || self.0[place].lock().unwrap_or_else(PoisonError::into_inner);
        let kept = slot().clone().filter(|kept| kept.key == key);
        let upper = match kept {
            Some(kept) => kept,
            None => {
                let Some(made) = Upper::new(key, &load()?).map(Arc::new) else {
                    return Ok(None);
                };
                *slot() = Some(Arc::clone(&made));
                made
            }
        };
        Ok(upper.node(height, position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(seed: u8, width: usize) -> HashTile {
        let hash = |number: usize| Hash::of(&[seed, number.to_le_bytes()[0]]);
        HashTile::new((0..width).map(hash).collect()).unwrap()
    }

    #[test]
    fn the_nodes_are_those_of_the_tile_whatever_is_kept() {
        let cache = NodeCache::default();
        // The second has the place of the first, the third is the first when it had grown.
        let places = [(0, 1, 256), (0, 1 + SLOTS, 256), (0, 1, 200), (1, 0, 37)];
        for round in 0..2 {
            for (level, index, width) in places {
                let key = TileKey {
                    level,
                    index,
                    width,
                };
                let seed = u8::try_from(index % 251).unwrap() + level;
                for height in LOWEST..TILE_HEIGHT {
                    for position in 0..=256 >> height {
                        let of = tile(seed, width);
                        let expected = of.node(height, position);
                        let found = cache.node(key, (height, position), || Ok(of)).unwrap();
                        assert_eq!(found, expected, "{key:?} {height} {position} {round}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_stored_tile_that_is_ahead_of_the_tree_is_cut_and_one_behind_it_is_none() {
        let cache = NodeCache::default();
        let key = TileKey {
            level: 1,
            index: 0,
            width: 100,
        };
        for (position, there) in [(0, true), (5, true), (6, false)] {
            let found = cache.node(key, (4, position), || Ok(tile(1, 256))).unwrap();
            let expected = tile(1, 256).node(4, position).filter(|_| there);
            assert_eq!(found, expected, "{position}");
        }
        let wider = TileKey { width: 120, ..key };
        let behind = cache.node(wider, (4, 0), || Ok(tile(1, 100))).unwrap();
        assert_eq!(behind, None);
    }

    #[test]
    fn a_tile_is_loaded_once_and_a_failure_is_not_kept() {
        let cache = NodeCache::default();
        let key = TileKey {
            level: 0,
            index: 7,
            width: 256,
        };
        let missing = || StoreError::Missing {
            what: "it".to_owned(),
        };
        assert!(cache.node(key, (5, 0), || Err(missing())).is_err());
        let first = cache.node(key, (5, 0), || Ok(tile(1, 256))).unwrap();
        assert_eq!(first, tile(1, 256).node(5, 0));
        let again = cache.node(key, (5, 0), || Err(missing())).unwrap();
        assert_eq!(again, first);
    }
}
