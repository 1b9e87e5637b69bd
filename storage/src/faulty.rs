//! A decorator that injects faults, in pairs: failed and lost, failed but kept.

use parking_lot::Mutex;

use bytes::Bytes;
use treering_tlog::{Hash, LeafIndex};

use crate::record::EnvelopeRef;
use crate::{
    Attached, BatchRow, CommitError, Document, Documents, EntryRow, Event, Gitoid, Head, Held,
    Journal, LogId, Order, Record, Staged, Store, StoreError, Term, View,
};

/// How a commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `Unknown`, and nothing of it is there.
    Lost,
    /// `Unknown`, and all of it is there.
    Kept,
    /// `Full`, and nothing of it is there.
    Full,
}

/// The free bytes and the reserve that an injected `Full` names.
const FULL: CommitError = CommitError::Full {
    free: 1,
    reserve: 2,
};

/// A store that does what its inner one does, unless it is told to fail. All methods take `&self`, so that a test can
/// keep a handle while the server has the store.
#[derive(Debug, Default)]
pub struct Faulty<S> {
    inner: S,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    commit: Plan,
    event: Plan,
    document: Plan,
    reads_fail: bool,
    late_rows_fail: bool,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Plan {
    once: Option<Fault>,
    always: Option<Fault>,
}

impl Plan {
    fn next(&mut self) -> Option<Fault> {
        self.once.take().or(self.always)
    }
}

/// How often each kind of call was made, failed ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `commit`.
    pub commits: u64,
    /// Calls of `append_event`.
    pub events: u64,
    /// Calls of `hold`, `attach` and `expire`.
    pub documents: u64,
    /// Calls of everything else but `apply` and what [`Faulty::fail_late_rows`] fails.
    pub reads: u64,
}

impl<S: Store> Faulty<S> {
    /// Around `inner`, without any fault yet.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            state: Mutex::default(),
        }
    }

    /// The store inside, past all faults.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The next commit fails this way; those after it don't.
    pub fn fail_commit(&self, fault: Fault) {
        self.state.lock().commit.once = Some(fault);
    }

    /// Every commit from now on fails this way.
    pub fn fail_commits(&self, fault: Fault) {
        self.state.lock().commit.always = Some(fault);
    }

    /// The next event fails this way.
    pub fn fail_event(&self, fault: Fault) {
        self.state.lock().event.once = Some(fault);
    }

    /// The next `hold`, `attach` or `expire` fails this way; those after it don't.
    pub fn fail_document(&self, fault: Fault) {
        self.state.lock().document.once = Some(fault);
    }

    /// Every `hold`, `attach` and `expire` from now on fails this way.
    pub fn fail_documents(&self, fault: Fault) {
        self.state.lock().document.always = Some(fault);
    }

    /// Whether reads are `Unavailable` from now on.
    pub fn fail_reads(&self, fail: bool) {
        self.state.lock().reads_fail = fail;
    }

    /// Whether `put_terms`, `keep_timestamps` and `flush` are `Unavailable` from now on, and write nothing.
    pub fn fail_late_rows(&self, fail: bool) {
        self.state.lock().late_rows_fail = fail;
    }

    /// No faults from now on.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        *state = State {
            counts: state.counts,
            ..State::default()
        };
    }

    /// The calls so far.
    pub fn counts(&self) -> Counts {
        self.state.lock().counts
    }

    fn write<T>(
        fault: Option<Fault>,
        inner: impl FnOnce() -> Result<T, CommitError>,
    ) -> Result<T, CommitError> {
        match fault {
            None => inner(),
            Some(Fault::Full) => Err(FULL),
            Some(Fault::Lost) => Err(CommitError::unknown("injected", "failed and lost")),
            Some(Fault::Kept) => {
                inner().and_then(|_| Err(CommitError::unknown("injected", "failed but kept")))
            }
        }
    }

    /// The fault of the next change to documents.
    fn document_fault(&self) -> Option<Fault> {
        let mut state = self.state.lock();
        state.counts.documents += 1;
        state.document.next()
    }

    /// The inner store, unless reads are to fail.
    fn read(&self) -> Result<&S, StoreError> {
        let mut state = self.state.lock();
        state.counts.reads += 1;
        match state.reads_fail {
            true => Err(StoreError::unavailable("injected", "reads fail")),
            false => Ok(&self.inner),
        }
    }

    /// The inner store, unless writing rows after their record is to fail.
    fn late_rows(&self) -> Result<&S, StoreError> {
        match self.state.lock().late_rows_fail {
            true => Err(StoreError::unavailable("injected", "late rows fail")),
            false => Ok(&self.inner),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store> Journal for Faulty<S> {
    fn commit(&self, staged: &Staged) -> Result<(), CommitError> {
        let fault = {
            let mut state = self.state.lock();
            state.counts.commits += 1;
            state.commit.next()
        };
        Self::write(fault, || self.inner.commit(staged))
    }

    fn head(&self, log: LogId) -> Result<Head, StoreError> {
        self.read()?.head(log)
    }

    fn record(&self, log: LogId, first: LeafIndex) -> Result<Option<Record>, StoreError> {
        self.read()?.record(log, first)
    }

    fn append_event(&self, number: u64, event: &Event) -> Result<(), CommitError> {
        let fault = {
            let mut state = self.state.lock();
            state.counts.events += 1;
            state.event.next()
        };
        Self::write(fault, || self.inner.append_event(number, event))
    }

    fn events(&self) -> Result<Vec<Event>, StoreError> {
        self.read()?.events()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store> View for Faulty<S> {
    fn apply(&self, staged: &Staged) -> Result<(), StoreError> {
        self.inner.apply(staged)
    }

    fn entries(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.read()?.entries(log, from, count)
    }

    fn indexes(
        &self,
        log: LogId,
        leaf_hashes: &[Hash],
    ) -> Result<Vec<Option<LeafIndex>>, StoreError> {
        self.read()?.indexes(log, leaf_hashes)
    }

    fn tile(&self, log: LogId, level: u8, index: u64) -> Result<Option<Bytes>, StoreError> {
        self.read()?.tile(log, level, index)
    }

    fn batch(&self, log: LogId, index: LeafIndex) -> Result<Option<BatchRow>, StoreError> {
        self.read()?.batch(log, index)
    }

    fn envelope(&self, sha256: Hash) -> Result<Option<Bytes>, StoreError> {
        self.read()?.envelope(sha256)
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.read()?.size_on_disk()
    }

    fn find(
        &self,
        log: LogId,
        term: &Term,
        order: Order,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, StoreError> {
        self.read()?.find(log, term, order, limit)
    }

    fn put_terms(&self, log: LogId, terms: &[(Term, LeafIndex)]) -> Result<(), StoreError> {
        self.late_rows()?.put_terms(log, terms)
    }

    fn keep_timestamps(
        &self,
        log: LogId,
        timestamps: &[(LeafIndex, Bytes)],
    ) -> Result<Vec<Bytes>, StoreError> {
        self.late_rows()?.keep_timestamps(log, timestamps)
    }

    fn timestamps(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.read()?.timestamps(log, from, count)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.late_rows()?.flush()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store> Documents for Faulty<S> {
    fn hold(&self, held: &Held, body: &EnvelopeRef) -> Result<(), CommitError> {
        Self::write(self.document_fault(), || self.inner.hold(held, body))
    }

    fn attach(&self, attached: &Attached, body: Option<&EnvelopeRef>) -> Result<(), CommitError> {
        Self::write(self.document_fault(), || self.inner.attach(attached, body))
    }

    fn expire(&self, gitoid: Gitoid) -> Result<bool, CommitError> {
        Self::write(self.document_fault(), || self.inner.expire(gitoid))
    }

    fn held(&self) -> Result<Vec<Held>, StoreError> {
        self.read()?.held()
    }

    fn document(&self, gitoid: Gitoid) -> Result<Option<Document>, StoreError> {
        self.read()?.document(gitoid)
    }

    fn attachments(&self, log: LogId, index: LeafIndex) -> Result<Vec<Attached>, StoreError> {
        self.read()?.attachments(log, index)
    }

    fn held_body(&self, gitoid: Gitoid) -> Result<Option<Bytes>, StoreError> {
        self.read()?.held_body(gitoid)
    }
}
