//! The log's leaves and the hashes above them, by tile level.

use treering_tlog::tile::{TILE_WIDTH, Tile, Width, width_at};
use treering_tlog::{CompactRange, Hash, TreeSize, entry_bundle};

#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    leaves: Vec<Vec<u8>>,
    /// `levels[0]` are the leaf hashes; `levels[l]` the roots of the full tiles of the level below.
    levels: Vec<Vec<Hash>>,
}

const WIDTH: usize = TILE_WIDTH as usize;

impl Tree {
    pub(super) fn size(&self) -> u64 {
        u64::try_from(self.leaves.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn append(&mut self, leaf: Vec<u8>) {
        let mut hash = Hash::leaf(&leaf);
        self.leaves.push(leaf);
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(level) else {
                return;
            };
            hashes.push(hash);
            if hashes.len() % WIDTH != 0 {
                return;
            }
            hash = root(hashes.get(hashes.len() - WIDTH..).unwrap_or_default());
        }
    }

    /// Adds so many entries, each with its position and a word in it.
    pub(super) fn grow(&mut self, entries: u64, word: &str) {
        for _ in 0..entries {
            let leaf = format!("{{\"entry\":{}{word}}}", self.size());
            self.append(leaf.into_bytes());
        }
    }

    /// Replaces every entry from `at` on by another one.
    pub(super) fn fork(&mut self, at: u64) {
        let size = self.size();
        let kept = usize::try_from(at.min(size)).unwrap_or(usize::MAX);
        let leaves: Vec<Vec<u8>> = self.leaves.drain(..kept).collect();
        *self = Self::default();
        leaves.into_iter().for_each(|leaf| self.append(leaf));
        self.grow(size - self.size(), ",\"other\":true");
    }

    pub(super) fn leaf_hash(&self, index: u64) -> Option<Hash> {
        let index = usize::try_from(index).ok()?;
        self.levels.first()?.get(index).copied()
    }

    pub(super) fn root(&self, size: u64) -> Hash {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let hashes = self.levels.first().map(Vec::as_slice).unwrap_or_default();
        root(hashes.get(..size).unwrap_or(hashes))
    }

    pub(super) fn tile(&self, tile: Tile) -> Option<Vec<u8>> {
        let start = usize::try_from(tile.index()).ok()?.checked_mul(WIDTH)?;
        let range = start..start.checked_add(tile.width().count())?;
        match tile {
            Tile::Entries { .. } => {
                let leaves = self.leaves.get(range)?.iter().map(Vec::as_slice);
                entry_bundle::encode(leaves).ok()
            }
            Tile::Hash { level, .. } => {
                let hashes = self.levels.get(usize::from(level))?.get(range)?;
                Some(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
            }
        }
    }

    /// What a tree of this size has of tiles and bundles.
    pub(super) fn paths(&self, size: u64) -> Vec<String> {
        let size = TreeSize::new(size).unwrap_or_default();
        let mut paths = Vec::new();
        for level in 0_u8..8 {
            for index in 0.. {
                let Some(width) = width_at(level, index, size) else {
                    break;
                };
                let tile = Tile::Hash {
                    level,
                    index,
                    width,
                };
                paths.push(tile.path());
                if level == 0 {
                    paths.push(Tile::Entries { index, width }.path());
                }
            }
        }
        debug_assert!(Width::FULL.count() == WIDTH);
        paths
    }
}

fn root(hashes: &[Hash]) -> Hash {
    let mut range = CompactRange::new();
    hashes.iter().for_each(|hash| range.append(*hash));
    range.root()
}
