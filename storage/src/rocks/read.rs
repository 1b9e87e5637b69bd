//! The view: every read is cut at the head that readers may see, so that a record shows as a whole or not at all.

use std::fmt::Display;

use bytes::Bytes;
use rocksdb::{DBPinnableSlice, ErrorKind, ReadOptions};
use treering_tlog::{Hash, LeafIndex};

use super::RocksStore;
use super::rows::{self, StoredEntry};
use crate::{
    BatchRow, EntryRow, LogId, Order, Staged, StoreError, Term, View, directory, keys, tiles,
};

/// How RocksDB's messages say it; the kind of an error does not tell.
const FILE_IS_GONE: &str = "No such file or directory";

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
        let (end, count) = self.end(log, from, count);
        let mut found = Vec::with_capacity(count);
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
        let parse = |(row, hash): (Result<Option<DBPinnableSlice<'_>>, _>, _)| {
            let name = || format!("index of leaf hash {hash} of log {}", log.0);
            let row = row.map_err(|error| failed(name(), &error))?;
            let index = row.map(|value| keys::parse_index(&value)).transpose();
            let index = index.map_err(|error| error.of_row(name()))?;
            Ok(index.filter(|index| head.contains(*index)))
        };
        rows.into_iter().zip(leaf_hashes).map(parse).collect()
    }

    fn tile(&self, log: LogId, level: u8, index: u64) -> Result<Option<Bytes>, StoreError> {
        if !tiles::is_full(level, index, self.visible_head(log).size) {
            return Ok(None);
        }
        let name = || tiles::name(log, level, index);
        let row = self.get(keys::TILES, &keys::tile(log, level, index), name)?;
        tiles::full(log, level, index, row).map(|row| Some(Bytes::copy_from_slice(&row)))
    }

    fn batch(&self, log: LogId, index: LeafIndex) -> Result<Option<BatchRow>, StoreError> {
        if !self.visible_head(log).size.contains(index) {
            return Ok(None);
        }
        match self.batch_before(log, index)? {
            Some(batch) if batch.size.contains(index) => Ok(Some(batch)),
            found => {
                let key = format!("batch of log {} with entry {index}", log.0);
                let found = found.map_or_else(
                    || "none".to_owned(),
                    |batch| format!("one that ends at {}", batch.size),
                );
                Err(StoreError::corrupt(key, "a batch that holds it", found))
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

    fn find(
        &self,
        log: LogId,
        term: &Term,
        order: Order,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, StoreError> {
        self.scan_term(log, term, order, limit)
    }

    fn put_terms(&self, log: LogId, terms: &[(Term, LeafIndex)]) -> Result<(), StoreError> {
        self.write_terms(log, terms)
    }

    fn keep_timestamps(
        &self,
        log: LogId,
        timestamps: &[(LeafIndex, Bytes)],
    ) -> Result<Vec<Bytes>, StoreError> {
        self.write_timestamps(log, timestamps)
    }

    fn timestamps(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.scan_timestamps(log, from, count)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.flush_late()
    }
}

impl RocksStore {
    /// Where `count` entries from `from` on end in the log as it is visible, and how many they are.
    pub(super) fn end(&self, log: LogId, from: LeafIndex, count: usize) -> (LeafIndex, usize) {
        let head = self.visible_head(log).size;
        let end = from.get().saturating_add(count as u64).min(head.get());
        let end = LeafIndex::new(end).unwrap_or_else(|| head.next_index());
        let count = end.get().saturating_sub(from.get());
        (end, count.try_into().unwrap_or(0))
    }

    /// The row with that key; `name` is what a message calls it.
    pub(super) fn get(
        &self,
        family: &str,
        key: &[u8],
        name: impl FnOnce() -> String,
    ) -> Result<Option<DBPinnableSlice<'_>>, StoreError> {
        self.db
            .get_pinned_cf(self.family(family), key)
            .map_err(|error| failed(name(), &error))
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
            let name = || format!("entry {index} of log {}", log.0);
            let Some((key, value)) = rows.item() else {
                rows.status().map_err(|error| failed(name(), &error))?;
                return Err(StoreError::corrupt(name(), "its row", "the end"));
            };
            let (_, found) = keys::parse_indexed(key)?;
            if found.get() != index {
                let found = format!("the row of entry {found}");
                return Err(StoreError::corrupt(name(), "its row", found));
            }
            let entry = rows::parse_entry(value).map_err(|error| error.of_row(name()))?;
            take(entry)?;
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
        let name = || format!("batch of log {} at {first}", log.0);
        let value = self.get(keys::BATCHES, &keys::indexed(log, first), name)?;
        value
            .map(|value| keys::parse_batch(first, &value))
            .transpose()
            .map_err(|error| error.of_row(name()))
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
            let batch = keys::parse_batch(first, value)
                .map_err(|error| error.of_row(format_args!("batch of log {} at {first}", log.0)))?;
            Ok(Some(batch))
        } else {
            Ok(None)
        }
    }

    /// The body of a small envelope.
    pub(super) fn inline_envelope(&self, sha256: Hash) -> Result<Option<Bytes>, StoreError> {
        let name = || format!("envelope {sha256}");
        let value = self.get(keys::ENVELOPES, keys::envelope(&sha256), name)?;
        value.map(|value| rows::unpack(sha256, &value)).transpose()
    }
}

/// RocksDB's refusal to read a row, sorted by whose fault it is. That a file is gone which it counts on is the
/// medium's, but not one that passes.
pub(super) fn failed(reading: impl Display, error: &rocksdb::Error) -> StoreError {
    match error.kind() {
        ErrorKind::IOError if error.as_ref().contains(FILE_IS_GONE) => {
            StoreError::corrupt(reading, "the file of the row", error)
        }
        _ => failed_to_open(reading, error),
    }
}

/// RocksDB's refusal to open. A file that is gone may have been merged away by a server while a reader opened it.
pub(super) fn failed_to_open(opening: impl Display, error: &rocksdb::Error) -> StoreError {
    match error.kind() {
        ErrorKind::Corruption => StoreError::corrupt(opening, "what was written", error),
        _ => StoreError::unavailable(opening, error),
    }
}
