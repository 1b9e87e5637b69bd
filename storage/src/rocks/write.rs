//! The journal: one synced write a record.

use std::collections::HashSet;

use parking_lot::Mutex;
use rocksdb::{WriteBatch, WriteOptions};
use treering_tlog::LeafIndex;

use super::rows::{self, StoredEnvelope};
use super::{RocksStore, Writer};
use crate::record::{EnvelopeRef, RecordEntry};
use crate::{
    BatchRow, CommitError, Event, Head, Journal, LogId, Record, Staged, StoreError, directory, keys,
};

/// What an entry adds to a batch besides leaf and envelope: keys, hashes, lengths.
const ENTRY_OVERHEAD: usize = 192;
/// A term in a batch: its key, its kind and lengths.
const TERM_BYTES: usize = 32;

impl Journal for RocksStore {
    /// Die before the write: nothing of it is there. Die in it: the write-ahead log ends in a torn record, which the
    /// next start drops; nobody was told. Die after it: all of it is there, and the caller finds out at the next start.
    fn commit(&self, staged: &Staged) -> Result<(), CommitError> {
        let record = &staged.record;
        if record.entries.is_empty() {
            return Ok(());
        }
        let mut batch = self.batch_of(staged);
        let mut writer = self.writer()?.lock();
        writer.refuse_if_failed()?;
        let (expected, found) = (self.visible_head(record.log).size.get(), record.first.get());
        if expected != found {
            return Err(CommitError::Conflict { expected, found });
        }
        let released = self.put_documents(&mut batch, &staged.rows.documents)?;
        self.check_room(&batch)?;
        for sha256 in &released {
            self.keep_file(*sha256)?;
        }
        self.write_synced(&mut writer, batch)?;
        self.heads.write().insert(record.log, head_of(record));
        released
            .into_iter()
            .for_each(|sha256| self.files.remove_held(sha256));
        Ok(())
    }

    fn head(&self, log: LogId) -> Result<Head, StoreError> {
        Ok(self.visible_head(log))
    }

    fn record(&self, log: LogId, first: LeafIndex) -> Result<Option<Record>, StoreError> {
        let Some(batch) = self.batch_at(log, first)? else {
            return Ok(None);
        };
        let mut entries = Vec::new();
        self.scan_entries(log, first, batch.size.next_index(), |entry| {
            let envelope = entry
                .envelope
                .map(|stored| self.envelope_ref(stored))
                .transpose()?;
            entries.push(RecordEntry::new(entry.leaf, envelope));
            Ok(())
        })?;
        let BatchRow {
            root,
            integrated_time,
            ..
        } = batch;
        Ok(Some(Record {
            log,
            first,
            integrated_time,
            entries,
            root,
        }))
    }

    fn append_event(&self, number: u64, event: &Event) -> Result<(), CommitError> {
        let mut writer = self.writer()?.lock();
        writer.refuse_if_failed()?;
        if writer.next_event != number {
            return Err(CommitError::Conflict {
                expected: writer.next_event,
                found: number,
            });
        }
        let mut batch = WriteBatch::default();
        batch.put_cf(
            self.family(keys::EVENTS),
            keys::event(number),
            event.encode(),
        );
        self.write(&mut writer, batch)?;
        writer.next_event += 1;
        Ok(())
    }

    fn events(&self) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        self.scan_events(|bytes| {
            events.push(Event::decode(&bytes)?);
            Ok(())
        })?;
        Ok(events)
    }
}

impl Writer {
    pub(super) fn refuse_if_failed(&self) -> Result<(), CommitError> {
        match &self.failed {
            None => Ok(()),
            Some(why) => Err(CommitError::unknown(
                "an earlier commit failed, open the store again",
                why,
            )),
        }
    }
}

impl RocksStore {
    pub(super) fn writer(&self) -> Result<&Mutex<Writer>, CommitError> {
        self.writer
            .as_ref()
            .ok_or_else(|| CommitError::unknown("commit", "the store is open for reading only"))
    }

    /// Writes and waits for the disk. After a failure nobody knows what the disk holds, so nothing is written again.
    pub(super) fn write(&self, writer: &mut Writer, batch: WriteBatch) -> Result<(), CommitError> {
        self.check_room(&batch)?;
        self.write_synced(writer, batch)
    }

    /// Refuses what would leave less disk free than must stay free.
    pub(super) fn check_room(&self, batch: &WriteBatch) -> Result<(), CommitError> {
        let reserve = self
            .reserve_bytes
            .saturating_add(batch.size_in_bytes() as u64);
        directory::check_free(&self.folder, reserve).map_err(|error| match error {
            StoreError::Full { free, reserve } => CommitError::Full { free, reserve },
            other => CommitError::unknown("free disk", other),
        })
    }

    /// The same as [`write`](Self::write) whatever room there is.
    pub(super) fn write_synced(
        &self,
        writer: &mut Writer,
        batch: WriteBatch,
    ) -> Result<(), CommitError> {
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        self.db.write_opt(batch, &synced).map_err(|error| {
            writer.failed = Some(error.to_string());
            CommitError::unknown("write", error)
        })
    }

    /// All rows of a record and of what follows from it.
    fn batch_of(&self, staged: &Staged) -> WriteBatch {
        let record = &staged.record;
        let mut batch = WriteBatch::with_capacity_bytes(estimate(staged));
        let head = head_of(record);
        batch.put_cf(
            self.family(keys::HEADS),
            keys::head(record.log),
            keys::encode_head(&head),
        );
        let row = BatchRow {
            first: record.first,
            size: head.size,
            root: head.root,
            integrated_time: head.integrated_time,
        };
        batch.put_cf(
            self.family(keys::BATCHES),
            keys::indexed(record.log, record.first),
            keys::encode_batch(&row),
        );
        self.put_entries(&mut batch, record);
        self.put_envelopes(&mut batch, record);
        let terms = self.family(keys::TERMS);
        for (term, index) in &staged.rows.terms {
            batch.put_cf(terms, keys::term(term, record.log, *index), []);
        }
        let tiles = self.family(keys::TILES);
        for (level, index, bytes) in &staged.rows.tiles {
            batch.put_cf(tiles, keys::tile(record.log, *level, *index), bytes);
        }
        batch
    }

    fn put_entries(&self, batch: &mut WriteBatch, record: &Record) {
        let (entries, dedup) = (self.family(keys::ENTRIES), self.family(keys::DEDUP));
        let mut value = Vec::new();
        for (index, entry) in (record.first.get()..).zip(&record.entries) {
            let index = LeafIndex::new(index).expect("the record's size is below 2^63");
            rows::write_entry(entry, &mut value);
            batch.put_cf(entries, keys::indexed(record.log, index), &value);
            batch.put_cf(
                dedup,
                keys::dedup(record.log, &entry.leaf_hash),
                keys::encode_index(index),
            );
        }
    }

    /// The value of a row of envelopes, to `use_it`.
    pub(super) fn packed<T>(&self, body: &[u8], use_it: impl FnOnce(&[u8]) -> T) -> T {
        let mut packer = self.packers.lock().pop().unwrap_or_default();
        let result = use_it(packer.pack(body));
        self.packers.lock().push(packer);
        result
    }

    /// Each body once, however many entries of the batch name it.
    fn put_envelopes(&self, batch: &mut WriteBatch, record: &Record) {
        let envelopes = self.family(keys::ENVELOPES);
        let mut packer = self.packers.lock().pop().unwrap_or_default();
        let mut seen = HashSet::new();
        for envelope in record
            .entries
            .iter()
            .filter_map(|entry| entry.envelope.as_ref())
        {
            if let EnvelopeRef::Inline { sha256, bytes } = envelope
                && seen.insert(*sha256)
            {
                batch.put_cf(envelopes, keys::envelope(sha256), packer.pack(bytes));
            }
        }
        self.packers.lock().push(packer);
    }

    /// An envelope of a record as the record had it.
    fn envelope_ref(&self, stored: StoredEnvelope) -> Result<EnvelopeRef, StoreError> {
        match stored {
            StoredEnvelope::Spooled { sha256, len } => Ok(EnvelopeRef::Spooled { sha256, len }),
            StoredEnvelope::Inline { sha256 } => {
                let bytes = self.inline_envelope(sha256)?;
                let missing =
                    || StoreError::corrupt(format_args!("envelope {sha256}"), "its row", "none");
                Ok(EnvelopeRef::Inline {
                    sha256,
                    bytes: bytes.ok_or_else(missing)?,
                })
            }
        }
    }
}

fn head_of(record: &Record) -> Head {
    Head {
        size: record.size(),
        root: record.root,
        integrated_time: record.integrated_time,
    }
}

/// About the bytes of a batch, so that it is allocated once.
fn estimate(staged: &Staged) -> usize {
    let inline = |entry: &RecordEntry| match &entry.envelope {
        Some(EnvelopeRef::Inline { bytes, .. }) => bytes.len(),
        _ => 0,
    };
    let entries = staged
        .record
        .entries
        .iter()
        .map(|entry| ENTRY_OVERHEAD + entry.leaf.len() + inline(entry));
    let tiles = staged
        .rows
        .tiles
        .iter()
        .map(|(_, _, bytes)| bytes.len() + ENTRY_OVERHEAD);
    let terms = staged.rows.terms.len() * TERM_BYTES;
    entries.sum::<usize>() + tiles.sum::<usize>() + terms
}
