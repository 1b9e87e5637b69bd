//! The reference model: the contract in the plainest data structures, checked against itself.
//!
//! A clone shares the state, so dropping a store and going on with its clone is a restart that loses nothing.

mod documents;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::envelopes::EnvelopeFiles;
use crate::record::{EnvelopeRef, RecordEntry};
use crate::{
    BatchRow, CommitError, EntryRow, Event, Head, Journal, LogId, Order, Record, Staged,
    StoreError, Term, View, derived, tiles,
};

/// A store in memory. It panics where a caller breaks what the contract asks of callers: a row that changes, a leaf
/// that is committed twice.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    files: Option<Arc<EnvelopeFiles>>,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Bytes>,
    logs: BTreeMap<LogId, Log>,
    envelopes: BTreeMap<Hash, Bytes>,
    documents: documents::Rows,
}

#[derive(Debug, Default)]
struct Log {
    /// Encoded, so that a record which does not survive its encoding is noticed.
    records: BTreeMap<LeafIndex, Bytes>,
    batches: BTreeMap<LeafIndex, BatchRow>,
    entries: BTreeMap<LeafIndex, EntryRow>,
    dedup: BTreeMap<Hash, LeafIndex>,
    tiles: BTreeMap<(u8, u64), Bytes>,
    terms: BTreeSet<(Term, LeafIndex)>,
    timestamps: BTreeMap<LeafIndex, Bytes>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store whose spooled envelopes are in `files`.
    #[must_use]
    pub fn with_envelope_files(files: Arc<EnvelopeFiles>) -> Self {
        Self {
            files: Some(files),
            ..Self::default()
        }
    }

    /// What `read` makes of a log; of an empty one if there is none yet.
    fn log<T>(&self, log: LogId, read: impl FnOnce(&Log) -> T) -> T {
        match self.state.lock().logs.get(&log) {
            Some(log) => read(log),
            None => read(&Log::default()),
        }
    }
}

/// Adds a row that must not change: the same again is nothing new.
fn insert<K: Ord + Debug, V: PartialEq + Debug>(rows: &mut BTreeMap<K, V>, key: K, value: V) {
    match rows.entry(key) {
        Entry::Vacant(row) => {
            row.insert(value);
        }
        Entry::Occupied(row) => assert_eq!(
            row.get(),
            &value,
            "the row {:?} must never change",
            row.key()
        ),
    }
}

impl Log {
    fn head(&self) -> Head {
        let empty = Head {
            size: TreeSize::ZERO,
            root: Hash::empty_root(),
            integrated_time: 0,
        };
        self.batches
            .values()
            .next_back()
            .map_or(empty, |batch| Head {
                size: batch.size,
                root: batch.root,
                integrated_time: batch.integrated_time,
            })
    }

    fn apply(&mut self, staged: &Staged) {
        let record = &staged.record;
        let mut at = record.first;
        for entry in &record.entries {
            insert(&mut self.entries, at, entry_row(entry));
            insert(&mut self.dedup, entry.leaf_hash, at);
            at = at.next().expect("the record's size is an index too");
        }
        for (level, index, bytes) in &staged.rows.tiles {
            insert(&mut self.tiles, (*level, *index), bytes.clone());
        }
        self.terms.extend(&staged.rows.terms);
        insert(&mut self.records, record.first, record.encode());
        insert(&mut self.batches, record.first, batch_row(record));
    }

    fn find(&self, term: Term, order: Order, limit: usize) -> Vec<LeafIndex> {
        let Some((first, last)) = order.span(self.head().size) else {
            return Vec::new();
        };
        let rows = self.terms.range((term, first)..=(term, last));
        let rows = rows.map(|(_, index)| *index);
        match order {
            Order::OldestFrom(_) => rows.take(limit).collect(),
            Order::NewestFrom(_) => rows.rev().take(limit).collect(),
        }
    }
}

fn entry_row(entry: &RecordEntry) -> EntryRow {
    EntryRow {
        leaf: entry.leaf.clone(),
        envelope_sha256: entry.envelope.as_ref().map(EnvelopeRef::sha256),
    }
}

fn batch_row(record: &Record) -> BatchRow {
    let Record {
        first,
        root,
        integrated_time,
        ..
    } = *record;
    BatchRow {
        first,
        size: record.size(),
        root,
        integrated_time,
    }
}

impl Journal for MemoryStore {
    fn commit(&self, staged: &Staged) -> Result<(), CommitError> {
        let record = &staged.record;
        if record.entries.is_empty() {
            return Ok(());
        }
        let state = &mut *self.state.lock();
        let log = state.logs.entry(record.log).or_default();
        let (expected, found) = (log.head().size.get(), record.first.get());
        if expected != found {
            return Err(CommitError::Conflict { expected, found });
        }
        log.apply(staged);
        for envelope in record
            .entries
            .iter()
            .filter_map(|entry| entry.envelope.as_ref())
        {
            if let EnvelopeRef::Inline { sha256, bytes } = envelope {
                insert(&mut state.envelopes, *sha256, bytes.clone());
            }
        }
        self.attach_own(state, &staged.rows.documents)
    }

    fn head(&self, log: LogId) -> Result<Head, StoreError> {
        Ok(self.log(log, Log::head))
    }

    fn record(&self, log: LogId, first: LeafIndex) -> Result<Option<Record>, StoreError> {
        self.log(log, |log| {
            log.records.get(&first).map(Record::decode).transpose()
        })
    }

    fn append_event(&self, number: u64, event: &Event) -> Result<(), CommitError> {
        let mut state = self.state.lock();
        let expected = state.events.len() as u64;
        if expected != number {
            return Err(CommitError::Conflict {
                expected,
                found: number,
            });
        }
        state.events.push(event.encode());
        Ok(())
    }

    fn events(&self) -> Result<Vec<Event>, StoreError> {
        self.state.lock().events.iter().map(Event::decode).collect()
    }
}

impl View for MemoryStore {
    fn apply(&self, _: &Staged) -> Result<(), StoreError> {
        Ok(())
    }

    fn entries(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        Ok(self.log(log, |log| {
            log.entries
                .range(from..)
                .map(|(_, row)| row.clone())
                .take(count)
                .collect()
        }))
    }

    fn indexes(
        &self,
        log: LogId,
        leaf_hashes: &[Hash],
    ) -> Result<Vec<Option<LeafIndex>>, StoreError> {
        Ok(self.log(log, |log| {
            leaf_hashes
                .iter()
                .map(|hash| log.dedup.get(hash).copied())
                .collect()
        }))
    }

    fn tile(&self, log: LogId, level: u8, index: u64) -> Result<Option<Bytes>, StoreError> {
        let (size, row) = self.log(log, |log| {
            (log.head().size, log.tiles.get(&(level, index)).cloned())
        });
        if !tiles::is_full(level, index, size) {
            return Ok(None);
        }
        tiles::full(log, level, index, row).map(Some)
    }

    fn batch(&self, log: LogId, index: LeafIndex) -> Result<Option<BatchRow>, StoreError> {
        let newest = |log: &Log| log.batches.range(..=index).next_back().map(|(_, row)| *row);
        Ok(self.log(log, newest).filter(|row| row.size.contains(index)))
    }

    fn envelope(&self, sha256: Hash) -> Result<Option<Bytes>, StoreError> {
        let inline = self.state.lock().envelopes.get(&sha256).cloned();
        match (inline, &self.files) {
            (None, Some(files)) => files.read(sha256),
            (inline, _) => Ok(inline),
        }
    }

    fn find(
        &self,
        log: LogId,
        term: &Term,
        order: Order,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, StoreError> {
        Ok(self.log(log, |log| log.find(*term, order, limit)))
    }

    fn put_terms(&self, log: LogId, terms: &[(Term, LeafIndex)]) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let rows = state.logs.entry(log).or_default();
        derived::check_terms(log, rows.head().size, terms)?;
        rows.terms.extend(terms);
        Ok(())
    }

    fn keep_timestamps(
        &self,
        log: LogId,
        timestamps: &[(LeafIndex, Bytes)],
    ) -> Result<Vec<Bytes>, StoreError> {
        let mut state = self.state.lock();
        let rows = state.logs.entry(log).or_default();
        derived::check_timestamps(log, rows.head().size, timestamps)?;
        let keep = |(index, bytes): &(LeafIndex, Bytes)| {
            let kept = rows.timestamps.entry(*index);
            kept.or_insert_with(|| bytes.clone()).clone()
        };
        Ok(timestamps.iter().map(keep).collect())
    }

    fn timestamps(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        Ok(self.log(log, |log| {
            let indexes = log.entries.range(from..).map(|(index, _)| index);
            let kept = indexes.map(|index| log.timestamps.get(index).cloned());
            kept.take(count).collect()
        }))
    }

    /// Nothing: there is no medium.
    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        let state = self.state.lock();
        let logs = state
            .logs
            .values()
            .flat_map(|log| log.records.values().chain(log.tiles.values()));
        Ok(logs
            .chain(state.events.iter())
            .map(|bytes| bytes.len() as u64)
            .sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Model;

    /// A full tile that is not there is no partial one.
    #[test]
    fn a_lost_tile_is_corrupt() {
        let (store, log) = (MemoryStore::new(), LogId(1));
        store.commit(&Model::new(log).stage(300)).unwrap();
        let kept = |level, index| store.tile(log, level, index).map(|row| row.is_some());
        assert_eq!((kept(0, 0), kept(0, 1)), (Ok(true), Ok(false)));
        let row = store
            .state
            .lock()
            .logs
            .get_mut(&log)
            .unwrap()
            .tiles
            .remove(&(0, 0));
        assert!(row.is_some());
        let lost = StoreError::corrupt("tile of log 1 at level 0, index 0", "8192 bytes", "no row");
        assert_eq!((kept(0, 0), kept(0, 1)), (Err(lost), Ok(false)));
    }
}
