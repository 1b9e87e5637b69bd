//! A store of which a part is broken: rows that are not what was written, and a bug that panics.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use treering_storage::record::EnvelopeRef;
use treering_storage::{
    Attached, BatchRow, CommitError, Document, Documents, EntryRow, Event, Gitoid, Head, Held,
    Journal, LogId, Record, Staged, Store, StoreError, View,
};
use treering_tlog::{Hash, LeafIndex};

/// Which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Commits panic.
    Commit,
    /// Heads are corrupt.
    Head,
    /// Records are corrupt.
    Record,
    /// Rows of entries are corrupt.
    Entries,
    /// Rows of leaf hashes are corrupt.
    Indexes,
    /// Tiles are corrupt.
    Tile,
    /// Rows of batches are corrupt.
    Batch,
    /// Envelopes are corrupt.
    Envelope,
}

/// A store that is broken in one part, or in none.
pub(crate) struct Broken {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) part: Mutex<Option<Part>>,
}

impl Broken {
    pub(crate) fn new(inner: Arc<dyn Store>, part: Option<Part>) -> Self {
        Self {
            inner,
            part: Mutex::new(part),
        }
    }

    fn read(&self, part: Part) -> Result<&dyn Store, StoreError> {
        if *self.part.lock() == Some(part) {
            return Err(StoreError::corrupt(
                format!("{part:?}"),
                "what was written",
                "a flipped bit",
            ));
        }
        Ok(self.inner.as_ref())
    }
}

impl Journal for Broken {
    fn commit(&self, staged: &Staged) -> Result<(), CommitError> {
        assert_ne!(*self.part.lock(), Some(Part::Commit), "a bug in the store");
        self.inner.commit(staged)
    }

    fn head(&self, log: LogId) -> Result<Head, StoreError> {
        self.read(Part::Head)?.head(log)
    }

    fn record(&self, log: LogId, first: LeafIndex) -> Result<Option<Record>, StoreError> {
        self.read(Part::Record)?.record(log, first)
    }

    fn append_event(&self, number: u64, event: &Event) -> Result<(), CommitError> {
        self.inner.append_event(number, event)
    }

    fn events(&self) -> Result<Vec<Event>, StoreError> {
        self.inner.events()
    }
}

impl View for Broken {
    fn apply(&self, staged: &Staged) -> Result<(), StoreError> {
        self.inner.apply(staged)
    }

    fn entries(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.read(Part::Entries)?.entries(log, from, count)
    }

    fn indexes(
        &self,
        log: LogId,
        leaf_hashes: &[Hash],
    ) -> Result<Vec<Option<LeafIndex>>, StoreError> {
        self.read(Part::Indexes)?.indexes(log, leaf_hashes)
    }

    fn tile(&self, log: LogId, level: u8, index: u64) -> Result<Option<Bytes>, StoreError> {
        self.read(Part::Tile)?.tile(log, level, index)
    }

    fn batch(&self, log: LogId, index: LeafIndex) -> Result<Option<BatchRow>, StoreError> {
        self.read(Part::Batch)?.batch(log, index)
    }

    fn envelope(&self, sha256: Hash) -> Result<Option<Bytes>, StoreError> {
        self.read(Part::Envelope)?.envelope(sha256)
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.inner.size_on_disk()
    }
}

impl Documents for Broken {
    fn hold(&self, held: &Held, body: &EnvelopeRef) -> Result<(), CommitError> {
        self.inner.hold(held, body)
    }

    fn attach(&self, attached: &Attached, body: Option<&EnvelopeRef>) -> Result<(), CommitError> {
        self.inner.attach(attached, body)
    }

    fn expire(&self, gitoid: Gitoid) -> Result<bool, CommitError> {
        self.inner.expire(gitoid)
    }

    fn held(&self) -> Result<Vec<Held>, StoreError> {
        self.inner.held()
    }

    fn document(&self, gitoid: Gitoid) -> Result<Option<Document>, StoreError> {
        self.inner.document(gitoid)
    }

    fn attachments(&self, log: LogId, index: LeafIndex) -> Result<Vec<Attached>, StoreError> {
        self.inner.attachments(log, index)
    }

    fn held_body(&self, gitoid: Gitoid) -> Result<Option<Bytes>, StoreError> {
        self.inner.held_body(gitoid)
    }
}
