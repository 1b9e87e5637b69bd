//! The nodes of a published tree: full tiles from the store, the right edge from memory.

use std::cell::RefCell;

use treering_storage::{Edge, LogId, StoreError, View};
use treering_tlog::Hash;
use treering_tlog::merkle::{NodeId, Nodes};
use treering_tlog::tile::{HashTile, TILE_HEIGHT, Width};

/// The complete subtrees of the tree that ends at `edge`. A tile is read once for as long as this lives.
pub struct StoreNodes<'a> {
    view: &'a dyn View,
    log: LogId,
    edge: &'a Edge,
    tiles: RefCell<Vec<((u8, u64), HashTile)>>,
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
        }
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
        let width = u16::try_from(hashes.len())
            .ok()
            .and_then(Width::new)
            .ok_or_else(missing)?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        HashTile::parse(&bytes, width).map_err(|error| {
            StoreError::corrupt(
                format!("partial tile {level}/{index}"),
                format!("{} hashes", width.get()),
                error,
            )
        })
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
        let key = (tile_level, tile_index);
        let mut tiles = self.tiles.borrow_mut();
        if !tiles.iter().any(|(have, _)| *have == key) {
            let tile = self.load(tile_level, tile_index)?;
            tiles.push((key, tile));
        }
        tiles
            .iter()
            .find(|(have, _)| *have == key)
            .and_then(|(_, tile)| tile.node(within, position))
            .ok_or_else(|| StoreError::Missing {
                what: format!("node {} of level {}", id.index, id.level),
            })
    }
}
