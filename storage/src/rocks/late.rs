//! Rows that are found by term, and rows that are written after their record: terms of a rebuild, timestamps.
//!
//! What comes late goes past the write-ahead log, into the memtable only. So it is lost in a crash unless it was
//! flushed, and in turn no failure of it can tear the log in front of a later commit, or stop the store. A store that
//! is closed writes it to tables.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::Bytes;
#[cfg(feature = "test-util")]
use rocksdb::{BottommostLevelCompaction, CompactOptions, properties::LIVE_SST_FILES_SIZE};
use rocksdb::{ColumnFamily, DBRawIterator, ReadOptions, WriteBatch, WriteOptions};
use treering_tlog::LeafIndex;

use super::RocksStore;
use super::read::failed;
use crate::{LogId, Order, StoreError, Term, derived, directory, keys};

impl RocksStore {
    /// Reads the rows of a term in order. Those beyond the visible head are outside the bounds of the search.
    pub(super) fn scan_term(
        &self,
        log: LogId,
        term: &Term,
        order: Order,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, StoreError> {
        let family = self.later_family(keys::TERMS)?;
        let Some((first, last)) = order.span(self.visible_head(log).size) else {
            return Ok(Vec::new());
        };
        let end = last.next().expect("an index below a size is not the last");
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        options.set_iterate_lower_bound(keys::term(term, log, first));
        options.set_iterate_upper_bound(keys::term(term, log, end));
        let mut rows = self.db.raw_iterator_cf_opt(family, options);
        let step = match order {
            Order::OldestFrom(_) => {
                rows.seek(keys::term(term, log, first));
                DBRawIterator::next
            }
            Order::NewestFrom(_) => {
                rows.seek_for_prev(keys::term(term, log, last));
                DBRawIterator::prev
            }
        };
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(key) = rows.key()
        {
            let (_, _, index) = keys::parse_term(key)?;
            found.push(index);
            step(&mut rows);
        }
        rows.status()
            .map_err(|error| failed(format_args!("term {term} of log {}", log.0), &error))?;
        Ok(found)
    }

    pub(super) fn write_terms(
        &self,
        log: LogId,
        terms: &[(Term, LeafIndex)],
    ) -> Result<(), StoreError> {
        derived::check_terms(log, self.visible_head(log).size, terms)?;
        let family = self.later_family(keys::TERMS)?;
        let mut batch = WriteBatch::default();
        for (term, index) in terms {
            batch.put_cf(family, keys::term(term, log, *index), []);
        }
        self.write_late(batch)
    }

    /// Die after it: what was kept may be gone, and another one will be the first.
    pub(super) fn write_timestamps(
        &self,
        log: LogId,
        timestamps: &[(LeafIndex, Bytes)],
    ) -> Result<Vec<Bytes>, StoreError> {
        derived::check_timestamps(log, self.visible_head(log).size, timestamps)?;
        let family = self.later_family(keys::TIMESTAMPS)?;
        let _one_at_a_time = self.keeping.lock();
        let mut kept = self.kept_timestamps(log, timestamps)?;
        let mut batch = WriteBatch::default();
        let mut answer = Vec::with_capacity(timestamps.len());
        for (index, bytes) in timestamps {
            let bytes = match kept.entry(*index) {
                Entry::Occupied(kept) => kept.get().clone(),
                Entry::Vacant(free) => {
                    batch.put_cf(family, keys::indexed(log, *index), bytes);
                    free.insert(bytes.clone()).clone()
                }
            };
            answer.push(bytes);
        }
        self.write_late(batch)?;
        Ok(answer)
    }

    /// Those of these entries that have a row.
    fn kept_timestamps(
        &self,
        log: LogId,
        timestamps: &[(LeafIndex, Bytes)],
    ) -> Result<HashMap<LeafIndex, Bytes>, StoreError> {
        let family = self.later_family(keys::TIMESTAMPS)?;
        let wanted = timestamps
            .iter()
            .map(|(index, _)| (family, keys::indexed(log, *index)));
        let rows = self.db.multi_get_cf(wanted);
        let mut kept = HashMap::new();
        for (row, (index, _)) in rows.into_iter().zip(timestamps) {
            let row = row.map_err(|error| failed(name(log, *index), &error))?;
            kept.extend(row.map(|bytes| (*index, Bytes::from(bytes))));
        }
        Ok(kept)
    }

    pub(super) fn scan_timestamps(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let (end, count) = self.end(log, from, count);
        let mut found = Vec::with_capacity(count);
        // Of a database of an earlier version nobody has asked yet.
        let Ok(family) = self.later_family(keys::TIMESTAMPS) else {
            found.resize(count, None);
            return Ok(found);
        };
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(keys::indexed(log, end));
        let mut rows = self.db.raw_iterator_cf_opt(family, options);
        rows.seek(keys::indexed(log, from));
        for index in from.get()..end.get() {
            let next = rows.item().map(|(key, value)| {
                let (_, found) = keys::parse_indexed(key)?;
                Ok((found.get() == index).then(|| Bytes::copy_from_slice(value)))
            });
            let kept = next.transpose()?.flatten();
            if kept.is_some() {
                rows.next();
            }
            found.push(kept);
        }
        rows.status()
            .map_err(|error| failed(name(log, from), &error))?;
        Ok(found)
    }

    pub(super) fn flush_late(&self) -> Result<(), StoreError> {
        self.may_write()?;
        for name in keys::LATE {
            let family = self.later_family(name)?;
            self.db
                .flush_cf(family)
                .map_err(|error| StoreError::unavailable(format_args!("flush {name}"), error))?;
        }
        Ok(())
    }

    /// Writes rows that may be lost, past the write-ahead log.
    fn write_late(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.may_write()?;
        if batch.is_empty() {
            return Ok(());
        }
        let bytes = batch.size_in_bytes() as u64;
        directory::check_free(&self.folder, self.reserve_bytes.saturating_add(bytes))?;
        let mut unlogged = WriteOptions::default();
        unlogged.disable_wal(true);
        self.db
            .write_opt(batch, &unlogged)
            .map_err(|error| StoreError::unavailable("write", error))
    }

    /// Merges all tables of a column family into one run, and returns the bytes that they take then: for measuring.
    ///
    /// # Errors
    /// `Missing` or `Unavailable`.
    #[cfg(feature = "test-util")]
    pub fn compacted_bytes(&self, name: &str) -> Result<u64, StoreError> {
        let family = self.later_family(name)?;
        let refused = |error| StoreError::unavailable(format_args!("merge {name}"), error);
        self.db.flush_cf(family).map_err(refused)?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.db
            .compact_range_cf_opt(family, None::<&[u8]>, None::<&[u8]>, &options);
        let bytes = self.db.property_int_value_cf(family, LIVE_SST_FILES_SIZE);
        Ok(bytes.map_err(refused)?.unwrap_or(0))
    }

    fn may_write(&self) -> Result<(), StoreError> {
        match self.writer {
            Some(_) => Ok(()),
            None => Err(StoreError::unavailable(
                "write",
                "the store is open for reading only",
            )),
        }
    }

    /// A family that a database of an earlier version may lack while it is read.
    fn later_family(&self, name: &str) -> Result<&ColumnFamily, StoreError> {
        self.db.cf_handle(name).ok_or_else(|| StoreError::Missing {
            what: format!(
                "column family {name} of {}, which an earlier version wrote; it is made when a server opens it",
                self.folder.display()
            ),
        })
    }
}

/// What a timestamp is called in a message.
fn name(log: LogId, index: LeafIndex) -> String {
    format!("timestamp of entry {index} of log {}", log.0)
}
