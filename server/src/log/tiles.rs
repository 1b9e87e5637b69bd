//! The resources of tlog-tiles out of a log: any tile or bundle of a width that the published tree has.

use bytes::Bytes;
use treering_api::reject::Reject;
use treering_storage::StoreError;
use treering_tlog::entry_bundle;
use treering_tlog::tile::{self, TILE_WIDTH, Tile, Width};
use treering_tlog::{Hash, LeafIndex};

use super::commit::Published;
use super::tile_cache::Full;
use super::{SharedLog, read_fault};

/// What is at hand without a read of the store.
pub enum AtHand {
    /// The bytes.
    Bytes(Bytes),
    /// The published tree has no such tile.
    Nothing,
    /// The store has to be asked: [`SharedLog::tile`].
    Elsewhere,
}

impl SharedLog {
    /// A tile or bundle if it is in memory. Never blocks.
    #[must_use]
    pub fn tile_at_hand(&self, tile: Tile) -> AtHand {
        let published = self.published();
        if !has(&published, tile) {
            return AtHand::Nothing;
        }
        let (key, width) = key(tile);
        if let Some(full) = self.cache.get(key) {
            return prefix(tile, &full).map_or(AtHand::Elsewhere, AtHand::Bytes);
        }
        match tile {
            Tile::Hash { level, index, .. } if live(&published, level) == Some(index) => {
                edge_tile(&published, level, width).map_or(AtHand::Elsewhere, AtHand::Bytes)
            }
            _ => AtHand::Elsewhere,
        }
    }

    /// The bytes of a tile or entry bundle. A partial one is the beginning of what is there now: any width up to the
    /// live edge, and any width of a full tile. `None` beyond. Reads the store.
    ///
    /// # Errors
    /// `Unavailable` or `Internal` for faults of the store.
    pub fn tile(&self, tile: Tile) -> Result<Option<Bytes>, Reject> {
        match self.tile_at_hand(tile) {
            AtHand::Bytes(bytes) => Ok(Some(bytes)),
            AtHand::Nothing => Ok(None),
            AtHand::Elsewhere => self.stored(tile),
        }
    }

    fn stored(&self, tile: Tile) -> Result<Option<Bytes>, Reject> {
        let (key, width) = key(tile);
        let published = self.published();
        let full = match tile {
            Tile::Hash { level, index, .. } => {
                let stored = self
                    .store
                    .tile(self.identity.id, level, index)
                    .map_err(|error| read_fault(self.name(), &error))?;
                match stored {
                    Some(full) => full,
                    // It became full between two looks at the tree, or is the live one.
                    None => return Ok(edge_tile(&published, level, width)),
                }
            }
            Tile::Entries { index, .. } => {
                let whole =
                    tile::width_at(0, index, published.checkpoint.size).is_some_and(Width::is_full);
                if !whole {
                    return self.bundle(index, width).map(Some);
                }
                self.bundle(index, Width::FULL)?
            }
        };
        self.cache.insert(key, full.clone());
        Ok(prefix(tile, &full))
    }

    /// A full bundle, out of the cache or the store; the cache stays as it is. `None` if it is not full yet.
    pub(super) fn full_bundle(&self, index: u64) -> Result<Option<Bytes>, Reject> {
        if let Some(cached) = self.cache.get(Full::Bundle { index }) {
            return Ok(Some(cached));
        }
        let size = self.published().checkpoint.size;
        if !tile::width_at(0, index, size).is_some_and(Width::is_full) {
            return Ok(None);
        }
        self.bundle(index, Width::FULL).map(Some)
    }

    fn bundle(&self, index: u64, width: Width) -> Result<Bytes, Reject> {
        let damaged = |error: &dyn std::fmt::Display| {
            let error = StoreError::corrupt(
                format!("bundle {index}"),
                format!("{} entries", width.get()),
                error,
            );
            read_fault(self.name(), &error)
        };
        let from = index
            .checked_mul(u64::from(TILE_WIDTH))
            .and_then(LeafIndex::new);
        let from = from.ok_or_else(|| damaged(&"an index beyond the largest tree"))?;
        let rows = self
            .store
            .entries(self.identity.id, from, usize::from(width.get()))
            .map_err(|error| read_fault(self.name(), &error))?;
        if rows.len() != usize::from(width.get()) {
            return Err(damaged(&rows.len()));
        }
        let bytes = entry_bundle::encode(rows.iter().map(|row| row.leaf.as_ref()))
            .map_err(|error| damaged(&error))?;
        Ok(bytes.into())
    }
}

const fn key(tile: Tile) -> (Full, Width) {
    match tile {
        Tile::Hash {
            level,
            index,
            width,
        } => (Full::Tile { level, index }, width),
        Tile::Entries { index, width } => (Full::Bundle { index }, width),
    }
}

/// Whether the published tree has that tile in that width.
fn has(published: &Published, tile: Tile) -> bool {
    let (level, index, width) = match tile {
        Tile::Hash {
            level,
            index,
            width,
        } => (level, index, width),
        Tile::Entries { index, width } => (0, index, width),
    };
    tile::width_at(level, index, published.checkpoint.size).is_some_and(|live| live >= width)
}

/// The index of the tile of that level that is being written.
fn live(published: &Published, level: u8) -> Option<u64> {
    published
        .checkpoint
        .size
        .get()
        .checked_shr(8 * (u32::from(level) + 1))
}

fn edge_tile(published: &Published, level: u8, width: Width) -> Option<Bytes> {
    let hashes = published
        .edge
        .partial(level)
        .get(..usize::from(width.get()))?;
    Some(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
}

/// The first entries or hashes of a full bundle or tile.
fn prefix(tile: Tile, full: &Bytes) -> Option<Bytes> {
    let end = match tile {
        Tile::Hash { width, .. } => usize::from(width.get()) * Hash::LEN,
        Tile::Entries { width, .. } if width.is_full() => full.len(),
        Tile::Entries { width, .. } => bundle_end(full, width)?,
    };
    full.get(..end).map(|_| full.slice(..end))
}

/// Where the first `width` entries of a bundle end.
fn bundle_end(bundle: &[u8], width: Width) -> Option<usize> {
    (0..width.get()).try_fold(0_usize, |end, _| {
        let len = bundle.get(end..)?.first_chunk::<2>()?;
        end.checked_add(2 + usize::from(u16::from_be_bytes(*len)))
    })
}
