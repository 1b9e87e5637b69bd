//! The resources of tlog-tiles out of a log: any tile or bundle of a width that the published tree has.

use bytes::Bytes;
use treering_api::reject::Reject;
use treering_tlog::entry_bundle;
use treering_tlog::tile::{self, TILE_WIDTH, Tile, Width};
use treering_tlog::{Hash, LeafIndex};

use super::commit::Published;
use super::{LogHandle, read_fault};

impl LogHandle {
    /// The bytes of a tile or entry bundle. A partial one is the beginning of what is there now: any width up to the
    /// live edge, and any width of a full tile. `None` beyond.
    ///
    /// # Errors
    /// `Unavailable` or `Internal` for faults of the store.
    pub fn tile(&self, tile: Tile) -> Result<Option<Bytes>, Reject> {
        let published = self.published();
        let (level, index, width) = match tile {
            Tile::Hash {
                level,
                index,
                width,
            } => (level, index, width),
            Tile::Entries { index, width } => (0, index, width),
        };
        let live = tile::width_at(level, index, published.checkpoint.size);
        if live.is_none_or(|live| live < width) {
            return Ok(None);
        }
        match tile {
            Tile::Hash { .. } => self.hash_tile(&published, level, index, width),
            Tile::Entries { .. } => self.bundle(index, width).map(Some),
        }
    }

    fn hash_tile(
        &self,
        published: &Published,
        level: u8,
        index: u64,
        width: Width,
    ) -> Result<Option<Bytes>, Reject> {
        let len = usize::from(width.get()) * Hash::LEN;
        let stored = self
            .store
            .tile(self.identity.id, level, index)
            .map_err(|error| read_fault(self.name(), &error))?;
        if let Some(full) = stored {
            return Ok(full.get(..len).map(|_| full.slice(..len)));
        }
        let hashes = published
            .edge
            .partial(level)
            .get(..usize::from(width.get()));
        Ok(hashes.map(|hashes| hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()))
    }

    fn bundle(&self, index: u64, width: Width) -> Result<Bytes, Reject> {
        let damaged = |error: &dyn std::fmt::Display| {
            read_fault(
                self.name(),
                &treering_storage::StoreError::corrupt(
                    format!("bundle {index}"),
                    format!("{} entries", width.get()),
                    error,
                ),
            )
        };
        let from = index
            .checked_mul(u64::from(TILE_WIDTH))
            .and_then(LeafIndex::new)
            .ok_or_else(|| damaged(&"index beyond the largest tree"))?;
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
