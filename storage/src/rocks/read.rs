//! The view: every read is cut at the head that readers may see, so that a record shows as a whole or not at all.

use std::fmt::Display;

use bytes::Bytes;
use rocksdb::{DBPinnableSlice, ErrorKind, ReadOptions};
use treering_tlog::tile::{TILE_HEIGHT, TILE_WIDTH};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::RocksStore;
use super::rows::{self, StoredEntry};
use crate::{BatchRow, EntryRow, LogId, Staged, StoreError, View, directory, keys};

/// The bytes of a full tile.
const TILE_LEN: usize = TILE_WIDTH as usize * Hash::LEN;

impl View for RocksStore {
    /// Nothing: `commit` has written these rows.
    fn apply(&self, _: &Staged) -> Result<(), StoreError> {
        Ok(())
    }

    fn entries(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        let head = self.visible_head(log).size;
        let end = from.get().saturating_add(count as u64).min(head.get());
        let end = LeafIndex::new(end).unwrap_or_else(|| head.next_index());
        let mut found =
            Vec::with_capacity(end.get().saturating_sub(from.get()).try_into().unwrap_or(0));
        self.scan_entries(log, from, end, |entry| {
            found.push(EntryRow {
                leaf: entry.leaf,
                envelope_sha256: entry.envelope.map(|kept| kept.sha256()),
            });
            Ok(())
        })?;
        Ok(found)
    }

    fn indexes(
        &self,
        log: LogId,
        leaf_hashes: &[Hash],
    ) -> Result<Vec<Option<LeafIndex>>, StoreError> {
        let head = self.visible_head(log).size;
        let wanted: Vec<_> = leaf_hashes
            .iter()
            .map(|hash| keys::dedup(log, hash))
            .collect();
        let rows = self
            .db
            .batched_multi_get_cf(self.family(keys::DEDUP), &wanted, false);
        let parse = |row: Result<Option<DBPinnableSlice<'_>>, rocksdb::Error>| {
            let row = row.map_err(|error| failed("dedup", &error))?;
            let index = row.map(|value| keys::parse_index(&value)).transpose()?;
            Ok(index.filter(|index| head.contains(*index)))
        };
        rows.into_iter().map(parse).collect()
    }

    fn tile(&self, log: LogId, level: u8, index: u64) -> Result<Option<Bytes>, StoreError> {
        if !is_full(level, index, self.visible_head(log).size) {
            return Ok(None);
        }
        let value = self.get(keys::TILES, &keys::tile(log, level, index))?;
        let found = value.as_ref().map_or(0, |bytes| bytes.len());
        match value {
            Some(bytes) if found == TILE_LEN => Ok(Some(Bytes::copy_from_slice(&bytes))),
            _ => {
                let key = format!("tile of log {} at level {level}, index {index}", log.0);
                Err(StoreError::corrupt(
                    key,
                    format_args!("{TILE_LEN} bytes"),
                    found,
                ))
            }
        }
    }

    fn batch(&self, log: LogId, index: LeafIndex) -> Result<Option<BatchRow>, StoreError> {
        if !self.visible_head(log).size.contains(index) {
            return Ok(None);
        }
        match self.batch_before(log, index)? {
            Some(batch) if batch.size.contains(index) => Ok(Some(batch)),
            found => {
                let key = format!("batch of log {} with entry {index}", log.0);
                Err(StoreError::corrupt(key, "a row", format_args!("{found:?}")))
            }
        }
    }

    fn envelope(&self, sha256: Hash) -> Result<Option<Bytes>, StoreError> {
        match self.inline_envelope(sha256)? {
            Some(body) => Ok(Some(body)),
            None => self.files.read(sha256),
        }
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(directory::bytes_below(&self.folder)? + self.files.size_on_disk()?)
    }
}

impl RocksStore {
    fn get(&self, family: &str, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, StoreError> {
        self.db
            .get_pinned_cf(self.family(family), key)
            .map_err(|error| failed(family, &error))
    }

    /// Hands over the entries from `from` up to `end`, and refuses a gap.
    pub(super) fn scan_entries(
        &self,
        log: LogId,
        from: LeafIndex,
        end: LeafIndex,
        mut take: impl FnMut(StoredEntry) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(keys::indexed(log, end));
        let mut rows = self
            .db
            .raw_iterator_cf_opt(self.family(keys::ENTRIES), options);
        rows.seek(keys::indexed(log, from));
        for index in from.get()..end.get() {
            let Some((key, value)) = rows.item() else {
                rows.status().map_err(|error| failed("entries", &error))?;
                return Err(missing_entry(log, index, "the end"));
            };
            let (_, found) = keys::parse_indexed(key)?;
            if found.get() != index {
                return Err(missing_entry(log, index, found));
            }
            take(rows::parse_entry(value)?)?;
            rows.next();
        }
        Ok(())
    }

    /// The batch that starts at `first`.
    pub(super) fn batch_at(
        &self,
        log: LogId,
        first: LeafIndex,
    ) -> Result<Option<BatchRow>, StoreError> {
        if !self.visible_head(log).size.contains(first) {
            return Ok(None);
        }
        let value = self.get(keys::BATCHES, &keys::indexed(log, first))?;
        value
            .map(|value| keys::parse_batch(first, &value))
            .transpose()
    }

    /// The newest batch that is stored, whatever the head says.
    pub(super) fn newest_batch(&self, log: LogId) -> Result<Option<BatchRow>, StoreError> {
        let last = LeafIndex::new(i64::MAX.unsigned_abs()).expect("2^63-1 is the largest index");
        self.batch_before(log, last)
    }

    /// The last batch that starts at `index` or before it.
    fn batch_before(&self, log: LogId, index: LeafIndex) -> Result<Option<BatchRow>, StoreError> {
        let mut rows = self.db.raw_iterator_cf(self.family(keys::BATCHES));
        rows.seek_for_prev(keys::indexed(log, index));
        let Some((key, value)) = rows.item() else {
            rows.status().map_err(|error| failed("batches", &error))?;
            return Ok(None);
        };
        let (found, first) = keys::parse_indexed(key)?;
        if found == log {
            keys::parse_batch(first, value).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The body of a small envelope.
    pub(super) fn inline_envelope(&self, sha256: Hash) -> Result<Option<Bytes>, StoreError> {
        let value = self.get(keys::ENVELOPES, keys::envelope(&sha256))?;
        value.map(|value| rows::unpack(sha256, &value)).transpose()
    }
}

/// Whether all leaves below that tile are there.
fn is_full(level: u8, index: u64, size: TreeSize) -> bool {
    let hashes = level
        .checked_mul(TILE_HEIGHT)
        .and_then(|shift| size.get().checked_shr(shift.into()));
    let (Some(hashes), Some(end)) = (hashes, index.checked_add(1)) else {
        return false;
    };
    end.checked_mul(TILE_WIDTH.into())
        .is_some_and(|end| end <= hashes)
}

fn missing_entry(log: LogId, index: u64, found: impl Display) -> StoreError {
    StoreError::corrupt(
        format_args!("entries of log {}", log.0),
        format_args!("entry {index}"),
        found,
    )
}

/// RocksDB's refusal, sorted by whose fault it is.
pub(super) fn failed(reading: impl Display, error: &rocksdb::Error) -> StoreError {
    match error.kind() {
        ErrorKind::Corruption => StoreError::corrupt(reading, "what was written", error),
        _ => StoreError::unavailable(reading, error),
    }
}
