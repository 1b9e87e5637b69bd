#![doc = include_str!("../README.md")]

pub mod apply;
#[cfg(any(test, feature = "test-util"))]
pub mod contract;
mod derived;
pub mod directory;
pub mod documents;
pub mod edge;
pub mod envelopes;
pub mod error;
#[cfg(any(test, feature = "test-util"))]
pub mod faulty;
pub mod keys;
pub mod memory;
pub mod published;
pub mod record;
#[cfg(feature = "rocksdb")]
pub mod rocks;
pub mod term;
mod tiles;

use bytes::Bytes;
use treering_tlog::{Hash, LeafIndex, TreeSize};

pub use apply::{Rows, Staged};
pub use documents::{Attached, Document, Documents, Gitoid, Held};
pub use edge::Edge;
pub use error::{CommitError, StoreError};
pub use record::{Event, Record};
pub use term::{Order, Term};

/// The number of a log within its store: given once, in the event that adds the log, and never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub u32);

/// Where a log's journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of leaves that are durable.
    pub size: TreeSize,
    /// The root over them.
    pub root: Hash,
    /// The integrated time of the newest record, in seconds since the Unix epoch; zero for an empty log.
    pub integrated_time: u64,
}

/// An entry as the view keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// The bytes that the tree hashes.
    pub leaf: Bytes,
    /// The address of the envelope kept with it, if one was.
    pub envelope_sha256: Option<Hash>,
}

/// The batch that an entry came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchRow {
    /// The index of its first entry.
    pub first: LeafIndex,
    /// The size of the tree after it.
    pub size: TreeSize,
    /// The root of the tree after it.
    pub root: Hash,
    /// The time of the batch, in seconds since the Unix epoch.
    pub integrated_time: u64,
}

/// What happened, and nothing else: one record a batch of one log, and a numbered list of events that make no leaf.
///
/// What every implementation MUST keep, and what `contract` (feature `test-util`) tries to break:
/// 1. **Exclusive.** Of any number of commits at the same `first` of a log at most one succeeds; the others get
///    [`CommitError::Conflict`]. A commit whose `first` is not the head's size gets `Conflict`. The same for the
///    number of an event.
/// 2. **Durable.** When `commit` returns `Ok`, the record survives the loss of power. Nothing of it can be lost
///    while a later record is kept.
/// 3. **Whole.** After a crash at any moment a record is there with all its rows, or not at all.
/// 4. **Immutable.** What was committed is never changed and never taken back.
/// 5. **Honest errors.** `Full` and `Conflict` say that nothing of this call landed. Every other error says nothing: the record may
///    be there. The caller must not go on; whoever opens the store next sees which it was.
///
/// What callers owe: no leaf is committed to a log twice (ask `indexes` first), a record without entries is nothing and
/// writes nothing, and a body that is [`Spooled`](record::EnvelopeRef::Spooled) is durable before the commit.
///
/// There is no read-modify-write and no assumption of a local file: creating the object `journal/<first>` where none
/// is (one conditional PUT) is enough to implement `commit`. Calls block; the sequencer has a thread of its own.
pub trait Journal: Send + Sync {
    /// Creates the record of a batch, exclusively and durably. Implementations that keep journal and view in one place
    /// write the rows of the view in the same step, and with them those of [`Documents`] that the record was staged
    /// with; what is held under their gitoids is held no longer.
    ///
    /// # Errors
    /// See the contract above.
    fn commit(&self, staged: &Staged) -> Result<(), CommitError>;

    /// Where a log ends; the head of an empty log if nothing was committed to it yet.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable`.
    fn head(&self, log: LogId) -> Result<Head, StoreError>;

    /// The record that starts at `first`, or `None` if no record starts there.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable`.
    fn record(&self, log: LogId, first: LeafIndex) -> Result<Option<Record>, StoreError>;

    /// Creates the event with that number (the number of events before it), exclusively and durably.
    ///
    /// # Errors
    /// As `commit`.
    fn append_event(&self, number: u64, event: &Event) -> Result<(), CommitError>;

    /// All events in order.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable`.
    fn events(&self) -> Result<Vec<Event>, StoreError>;
}

/// All that follows from the journal, kept ready to be read. It can be lost and made again.
///
/// MUST: show all rows of a record or none; show a record's rows no later than `commit` (or `apply`) returns; never
/// show rows of a record that is not durable.
pub trait View: Send + Sync {
    /// Adds the rows of a committed record. A store whose `commit` has done so does nothing here. Applying the same
    /// record twice changes nothing.
    ///
    /// # Errors
    /// `Conflict`-free by construction; `Full` or `Unavailable`.
    fn apply(&self, staged: &Staged) -> Result<(), StoreError>;

    /// The entries from `from` on, at most `count`, in order without a gap; fewer at the end of the log.
    ///
    /// # Errors
    /// `Corrupt` if a row below the head is not there.
    fn entries(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<EntryRow>, StoreError>;

    /// The index of each leaf hash, where the log holds it. Exact: no false answers either way.
    ///
    /// # Errors
    /// `Corrupt` if the row of one of them is no index; `Unavailable`.
    fn indexes(
        &self,
        log: LogId,
        leaf_hashes: &[Hash],
    ) -> Result<Vec<Option<LeafIndex>>, StoreError>;

    /// The 8,192 bytes of a full hash tile, or `None` if that tile is not full yet. Partial tiles are not stored.
    ///
    /// # Errors
    /// `Corrupt` if a tile that is full at the head is not there or has another length; `Unavailable`.
    fn tile(&self, log: LogId, level: u8, index: u64) -> Result<Option<Bytes>, StoreError>;

    /// The batch that holds an index, or `None` at or beyond the head.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable`.
    fn batch(&self, log: LogId, index: LeafIndex) -> Result<Option<BatchRow>, StoreError>;

    /// The bytes of a kept envelope, checked against their hash. A spooled body is given out from the moment it is
    /// finished, and also if no record came to name it; [`EntryRow::envelope_sha256`] tells what an entry names.
    ///
    /// # Errors
    /// `Corrupt` if they do not hash to their address.
    fn envelope(&self, sha256: Hash) -> Result<Option<Bytes>, StoreError>;

    /// The bytes the store takes on its medium, as far as it knows.
    ///
    /// # Errors
    /// `Unavailable`.
    fn size_on_disk(&self) -> Result<u64, StoreError>;

    /// The entries of a log that have a term, in that order, at most `limit` and none beyond the head: those whose
    /// record was staged with it, and those that [`put_terms`](Self::put_terms) was given. Takes time for what it
    /// answers, however many more there are.
    ///
    /// # Errors
    /// `Missing` if the store keeps no terms, so that nothing found never means nothing kept; `Corrupt` or
    /// `Unavailable`.
    fn find(
        &self,
        log: LogId,
        term: &Term,
        order: Order,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, StoreError> {
        let _ = (log, term, order, limit);
        Err(keeps_no("terms"))
    }

    /// Adds terms to entries that were committed before, for a rebuild of the view in chunks; what is there already
    /// stays. In any order, as often as wanted, beside commits and readers. Durable only after
    /// [`flush`](Self::flush): a crash before may lose any part of them. A failure leaves none or all of this call,
    /// and the journal as it was.
    ///
    /// # Errors
    /// `Refused` if an entry is not below the head, and `Full`: nothing was written. `Missing` or `Unavailable`.
    fn put_terms(&self, log: LogId, terms: &[(Term, LeafIndex)]) -> Result<(), StoreError> {
        let _ = (log, terms);
        Err(keeps_no("terms"))
    }

    /// Keeps a signature over each of these entries (the signed entry timestamp of Rekor v1, at most
    /// [`TIMESTAMP_LEN_MAX`] bytes), unless one is kept already: **the first one stays**. Returns in the same order
    /// which ones are kept now; that is what to hand out. Of callers at the same time one is first, and all of them
    /// are told which; no reader ever sees another one, as long as the store is open.
    ///
    /// A cache: not synced, and a crash may lose any of them, after which another one can be first. A failure keeps
    /// nothing, and hinders neither commits nor the next call.
    ///
    /// # Errors
    /// `Refused` if an entry is not below the head or a signature is too long, and `Full`: nothing was written.
    /// `Missing` or `Unavailable`.
    fn keep_timestamps(
        &self,
        log: LogId,
        timestamps: &[(LeafIndex, Bytes)],
    ) -> Result<Vec<Bytes>, StoreError> {
        let _ = (log, timestamps);
        Err(keeps_no("timestamps"))
    }

    /// What is kept for the entries from `from` on, one answer an entry, at most `count`; fewer at the end of the log.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable`.
    fn timestamps(
        &self,
        log: LogId,
        from: LeafIndex,
        count: usize,
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let _ = (log, from, count);
        Err(keeps_no("timestamps"))
    }

    /// Makes durable what [`put_terms`](Self::put_terms) and [`keep_timestamps`](Self::keep_timestamps) have written
    /// before. Slow: call it at the end of a rebuild, not after each chunk.
    ///
    /// # Errors
    /// `Missing` or `Unavailable`: some of it may not be durable; put it again.
    fn flush(&self) -> Result<(), StoreError> {
        Err(keeps_no("terms"))
    }
}

/// The most bytes of a kept signature. An ECDSA signature in DER takes at most 72 on P-256, an RSA one 512.
pub const TIMESTAMP_LEN_MAX: usize = 1024;

/// The answer of a view that was written before there was such a thing to ask.
fn keeps_no(what: &str) -> StoreError {
    StoreError::Missing {
        what: format!("the part of the view that keeps {what}"),
    }
}

/// A journal with its view and its documents: what the server is built on.
pub trait Store: Journal + View + Documents {}
impl<T: Journal + View + Documents> Store for T {}
