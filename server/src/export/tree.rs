//! The tree on its way into files: one bundle at a time, and of every level the tile that is not full yet.

use std::io::Write;

use treering_storage::View as _;
use treering_storage::rocks::RocksStore;
use treering_tlog::entry_bundle::{self, EntryBundle, MAX_BUNDLE_LEN};
use treering_tlog::merkle::CompactRange;
use treering_tlog::tile::{HashTile, TILE_HEIGHT, TILE_WIDTH, Tile, Width, width_at};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::target::Target;
use super::{ExportError, damaged, fault};
use crate::inspect::PROGRESS_ENTRIES;
use crate::log::recover::LogDescription;

/// A tree that is being written.
pub(super) struct Tree<'a> {
    store: &'a RocksStore,
    log: &'a LogDescription,
    size: TreeSize,
    target: &'a mut Target,
    range: CompactRange,
    /// By tile level: how many tiles are written, and the hashes of the next.
    levels: Vec<(u64, Vec<Hash>)>,
}

impl<'a> Tree<'a> {
    /// A log's tree at a size that the store holds.
    pub(super) fn new(
        store: &'a RocksStore,
        log: &'a LogDescription,
        size: TreeSize,
        target: &'a mut Target,
    ) -> Self {
        Self {
            store,
            log,
            size,
            target,
            range: CompactRange::new(),
            levels: Vec::new(),
        }
    }

    /// Writes what is not there yet, and returns the root over all of it.
    pub(super) fn write(mut self, progress: &mut impl Write) -> Result<Hash, ExportError> {
        let mut told = 0;
        for index in 0.. {
            let Some(width) = width_at(0, index, self.size) else {
                break;
            };
            for hash in self.bundle(index, width)? {
                self.append(hash)?;
            }
            let done = self.range.size();
            if done.get() / PROGRESS_ENTRIES != told || done == self.size {
                told = done.get() / PROGRESS_ENTRIES;
                // Nobody reads it; the export goes on.
                let _ = writeln!(
                    progress,
                    "log {}: {done} of {} entries",
                    self.log.name, self.size
                );
            }
        }
        for (level, (index, hashes)) in (0_u8..).zip(std::mem::take(&mut self.levels)) {
            if !hashes.is_empty() {
                self.put(level, index, hashes)?;
            }
        }
        Ok(self.range.root())
    }

    /// Sees to it that a bundle is there and holds the leaves under the store's tile; returns their hashes.
    fn bundle(&mut self, index: u64, width: Width) -> Result<Vec<Hash>, ExportError> {
        let tile = Tile::Entries { index, width };
        let expected = self.stored_hashes(index, width)?;
        if let Some(expected) = &expected {
            let there = self.target.read(&tile.path(), MAX_BUNDLE_LEN)?;
            if there.is_some_and(|there| leaf_hashes(&there, width).as_ref() == Some(expected)) {
                self.target.keep();
                return Ok(expected.clone());
            }
        }
        let bytes = self.stored_bundle(index, width)?;
        let hashes = leaf_hashes(&bytes, width).unwrap_or_default();
        if expected.is_some_and(|expected| expected != hashes) {
            return Err(damaged(
                self.log,
                format!("{tile}: expected the leaves under tile {index} of level 0, found others"),
            ));
        }
        self.target.put(&tile.path(), &bytes)?;
        Ok(hashes)
    }

    /// The leaf hashes of a bundle as the store's tile has them; `None` if that tile is not full yet.
    fn stored_hashes(&self, index: u64, width: Width) -> Result<Option<Vec<Hash>>, ExportError> {
        let stored = self.store.tile(self.log.id, 0, index);
        let Some(bytes) = stored.map_err(|error| fault(self.log, error))? else {
            return Ok(None);
        };
        let tile = HashTile::parse(&bytes, Width::FULL)
            .map_err(|error| damaged(self.log, format!("tile {index} of level 0: {error}")))?;
        Ok(tile.hashes().get(..width.count()).map(<[Hash]>::to_vec))
    }

    fn stored_bundle(&self, index: u64, width: Width) -> Result<Vec<u8>, ExportError> {
        let wrong = |found: &dyn std::fmt::Display| {
            let tile = Tile::Entries { index, width };
            let expected = width.get();
            damaged(
                self.log,
                format!("{tile}: expected {expected} leaves, found {found}"),
            )
        };
        let from = index
            .checked_mul(u64::from(TILE_WIDTH))
            .and_then(LeafIndex::new)
            .ok_or_else(|| wrong(&"an index beyond the largest tree"))?;
        let rows = self
            .store
            .entries(self.log.id, from, width.count())
            .map_err(|error| fault(self.log, error))?;
        if rows.len() != width.count() {
            return Err(wrong(&rows.len()));
        }
        entry_bundle::encode(rows.iter().map(|row| row.leaf.as_ref()))
            .map_err(|error| wrong(&error))
    }

    /// Adds a leaf to the tree and writes every tile that it fills.
    fn append(&mut self, leaf: Hash) -> Result<(), ExportError> {
        let mut nodes = Vec::new();
        self.range.append_visiting(leaf, |id, hash| {
            if id.level % TILE_HEIGHT == 0 {
                nodes.push((id.level / TILE_HEIGHT, hash));
            }
        });
        for (level, hash) in nodes {
            let slot = usize::from(level);
            if self.levels.len() == slot {
                self.levels.push((0, Vec::with_capacity(TILE_WIDTH.into())));
            }
            let Some((index, hashes)) = self.levels.get_mut(slot) else {
                continue; // the levels below are there: a node has nodes under it
            };
            hashes.push(hash);
            if hashes.len() == usize::from(TILE_WIDTH) {
                let (index, full) = (*index, std::mem::take(hashes));
                self.put(level, index, full)?;
                if let Some((index, _)) = self.levels.get_mut(slot) {
                    *index += 1;
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, level: u8, index: u64, hashes: Vec<Hash>) -> Result<(), ExportError> {
        let wrong = |error: &dyn std::fmt::Display| damaged(self.log, error.to_string());
        let width = u16::try_from(hashes.len()).ok().and_then(Width::new);
        let width = width.ok_or_else(|| wrong(&"a tile of no width"))?;
        let tile = HashTile::new(hashes).map_err(|error| wrong(&error))?;
        let path = Tile::Hash {
            level,
            index,
            width,
        }
        .path();
        self.target.put(&path, &tile.encode())
    }
}

/// The hashes of the leaves of a bundle; `None` if it is none of that width.
fn leaf_hashes(bytes: &[u8], width: Width) -> Option<Vec<Hash>> {
    let bundle = EntryBundle::parse(bytes, width).ok()?;
    Some(bundle.leaves().map(Hash::leaf).collect())
}
