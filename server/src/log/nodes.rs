//! The nodes of a published tree: full tiles from the store, the right edge from memory.

use std::cell::RefCell;

use treering_storage::{Edge, LogId, StoreError, View};
use treering_tlog::Hash;
use treering_tlog::merkle::{NodeId, Nodes};
use treering_tlog::tile::{HashTile, TILE_HEIGHT, TILE_WIDTH, Width};

use super::node_cache::{self, NodeCache, TileKey};

/// The complete subtrees of the tree that ends at `edge`. A tile is read once for as long as this lives.
pub struct StoreNodes<'a> {
    view: &'a dyn View,
    log: LogId,
    edge: &'a Edge,
    tiles: RefCell<Vec<((u8, u64), HashTile)>>,
    cache: Option<&'a NodeCache>,
}

impl<'a> StoreNodes<'a> {
    /// The nodes of a log's tree up to an edge that is durable.
    #[must_use]
    pub fn new(view: &'a dyn View, log: LogId, edge: &'a Edge) -> Self {
        Self {
            view,
            log,
            edge,
            tiles: RefCell::new(Vec::new()),
            cache: None,
        }
    }

    /// The same, with what the log keeps of tiles.
    #[must_use]
    pub(crate) fn cached(mut self, cache: &'a NodeCache) -> Self {
        self.cache = Some(cache);
        self
    }

    fn load(&self, level: u8, index: u64) -> Result<HashTile, StoreError> {
        let missing = || StoreError::Missing {
            what: format!("tile {index} of level {level}"),
        };
        let hashes = match self.view.tile(self.log, level, index)? {
            Some(bytes) => {
                return HashTile::parse(&bytes, Width::FULL).map_err(|error| {
                    StoreError::corrupt(format!("tile {level}/{index}"), "256 hashes", error)
                });
            }
            None if Some(index) == last_tile(self.edge, level) => self.edge.partial(level),
            None => return Err(missing()),
        };
        HashTile::new(hashes.to_vec()).map_err(|_| missing())
    }

    /// The tile, from memory if it was asked for before.
    fn tile<T>(
        &self,
        (level, index): (u8, u64),
        read: impl FnOnce(&HashTile) -> T,
    ) -> Result<T, StoreError> {
        let mut tiles = self.tiles.borrow_mut();
        let at = match tiles.iter().position(|(have, _)| *have == (level, index)) {
            Some(at) => at,
            None => {
                tiles.push(((level, index), self.load(level, index)?));
                tiles.len() - 1
            }
        };
        Ok(read(&tiles[at].1))
    }

    /// How many hashes a tile has in this tree.
    fn width(&self, level: u8, index: u64) -> usize {
        match last_tile(self.edge, level) {
            Some(last) if index < last => usize::from(TILE_WIDTH),
            Some(last) if index == last => self.edge.partial(level).len(),
            _ => 0,
        }
    }
}

/// The index of the tile of that level that the edge is writing.
fn last_tile(edge: &Edge, level: u8) -> Option<u64> {
    edge.size()
        .get()
        .checked_shr(u32::from(TILE_HEIGHT) * (u32::from(level) + 1))
}

impl Nodes for StoreNodes<'_> {
    type Error = StoreError;

    fn node(&self, id: NodeId) -> Result<Hash, StoreError> {
        let (tile_level, within) = (id.level / TILE_HEIGHT, id.level % TILE_HEIGHT);
        // A tile holds 256 >> within nodes of that height.
        let shift = u32::from(TILE_HEIGHT - within);
        let tile_index = id.index >> shift;
        let position = usize::try_from(id.index & ((1 << shift) - 1)).expect("below 256");
        let tile = (tile_level, tile_index);
        let found = match self.cache {
            Some(cache) if within >= node_cache::LOWEST => {
                let key = TileKey {
                    level: tile_level,
                    index: tile_index,
                    width: self.width(tile_level, tile_index),
                };
                let load = || self.tile(tile, HashTile::clone);
                cache.node(key, (within, position), load)?
            }
            _ => self.tile(tile, |tile| tile.node(within, position))?,
        };
        found.ok_or_else(|| StoreError::Missing {
            what: format!("node {} of level {}", id.index, id.level),
        })
    }
}
