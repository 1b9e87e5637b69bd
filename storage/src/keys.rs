//! Typed keys and their bytes. No other module makes or takes apart a key; the README has the same as tables.
//!
//! All numbers are big endian, so that the order of the bytes is the order of the numbers.

use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::{BatchRow, Gitoid, Head, LogId, StoreError, Term};

/// Column family: log -> [`Head`].
pub const HEADS: &str = "heads";
/// Column family: number -> event.
pub const EVENTS: &str = "events";
/// Column family: log, first index -> what the batch did.
pub const BATCHES: &str = "batches";
/// Column family: log, index -> leaf bytes and the address of the envelope.
pub const ENTRIES: &str = "entries";
/// Column family: SHA-256 -> envelope bytes.
pub const ENVELOPES: &str = "envelopes";
/// Column family: log, leaf hash -> index.
pub const DEDUP: &str = "dedup";
/// Column family: log, tile level, tile index -> 8,192 bytes.
pub const TILES: &str = "tiles";
/// Column family: term, log, index -> nothing.
pub const TERMS: &str = "terms";
/// Column family: log, index -> the signed entry timestamp that is given out.
pub const TIMESTAMPS: &str = "timestamps";

/// Column family: gitoid -> the entry that it was attached to first.
pub const DOCUMENTS: &str = "documents";
/// Column family: log, index, gitoid -> SHA-256 of the envelope.
pub const ATTACHMENTS: &str = "attachments";
/// Column family: gitoid -> a document that is held.
pub const HELD: &str = "held";
/// Column family: gitoid -> the body of a document that is held.
pub const HELD_BODIES: &str = "held_bodies";

/// All column families, in the order in which they are opened.
pub const ALL: [&str; 13] = [
    HEADS,
    EVENTS,
    BATCHES,
    ENTRIES,
    ENVELOPES,
    DEDUP,
    TILES,
    TERMS,
    TIMESTAMPS,
    DOCUMENTS,
    ATTACHMENTS,
    HELD,
    HELD_BODIES,
];

/// Those that a database of an earlier version lacks until it is opened for writing.
pub const LATER: [&str; 6] = [TERMS, TIMESTAMPS, DOCUMENTS, ATTACHMENTS, HELD, HELD_BODIES];

/// Those whose rows can be written past the write-ahead log, and are durable after a flush.
pub const LATE: [&str; 2] = [TERMS, TIMESTAMPS];

/// Key of a row of [`HEADS`].
#[must_use]
pub fn head(log: LogId) -> [u8; 4] {
    log.0.to_be_bytes()
}

/// The log of a key of [`HEADS`].
///
/// # Errors
/// `Corrupt` if it is not four bytes.
pub fn parse_head(key: &[u8]) -> Result<LogId, StoreError> {
    let bytes = key
        .try_into()
        .map_err(|_| StoreError::corrupt("key of a head", "4 bytes", hex::encode(key)))?;
    Ok(LogId(u32::from_be_bytes(bytes)))
}

/// Key of a row of [`EVENTS`].
#[must_use]
pub fn event(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Key of a row of [`BATCHES`] (its first index), of [`ENTRIES`] and of [`TIMESTAMPS`] (its index).
#[must_use]
pub fn indexed(log: LogId, index: LeafIndex) -> [u8; 12] {
    join(&log.0.to_be_bytes(), &index.get().to_be_bytes())
}

/// The log and the index of a key of [`BATCHES`], [`ENTRIES`] or [`TIMESTAMPS`].
///
/// # Errors
/// `Corrupt` if it is not twelve bytes, or not an index.
pub fn parse_indexed(key: &[u8]) -> Result<(LogId, LeafIndex), StoreError> {
    let parsed = key.split_first_chunk::<4>().and_then(|(log, rest)| {
        let index = LeafIndex::new(u64::from_be_bytes(rest.try_into().ok()?))?;
        Some((LogId(u32::from_be_bytes(*log)), index))
    });
    parsed.ok_or_else(|| {
        StoreError::corrupt(
            "key of an entry or batch",
            "log and index",
            hex::encode(key),
        )
    })
}

/// Key of a row of [`ENVELOPES`].
#[must_use]
pub fn envelope(sha256: &Hash) -> &[u8] {
    sha256.as_bytes()
}

/// Key of a row of [`DEDUP`].
#[must_use]
pub fn dedup(log: LogId, leaf_hash: &Hash) -> [u8; 36] {
    join(&log.0.to_be_bytes(), leaf_hash.as_bytes())
}

/// Key of a row of [`TILES`].
#[must_use]
pub fn tile(log: LogId, level: u8, index: u64) -> [u8; 13] {
    let [a, b, c, d] = log.0.to_be_bytes();
    join(&[a, b, c, d, level], &index.to_be_bytes())
}

/// The bytes at the start of a key of [`TERMS`] that all entries of a log with that term share.
pub const TERM_PREFIX_LEN: usize = Term::LEN + 4;

/// Key of a row of [`TERMS`].
#[must_use]
pub fn term(term: &Term, log: LogId, index: LeafIndex) -> [u8; 28] {
    join(term.as_bytes(), &indexed(log, index))
}

/// The parts of a key of [`TERMS`].
///
/// # Errors
/// `Corrupt` if it is not 28 bytes, or does not end with an index.
pub fn parse_term(key: &[u8]) -> Result<(Term, LogId, LeafIndex), StoreError> {
    let parsed = key.split_first_chunk().and_then(|(term, rest)| {
        let (log, index) = parse_indexed(rest).ok()?;
        Some((Term::from_bytes(*term), log, index))
    });
    parsed.ok_or_else(|| {
        StoreError::corrupt("key of a term", "term, log and index", hex::encode(key))
    })
}

/// Key of a row of [`DOCUMENTS`], [`HELD`] and [`HELD_BODIES`].
#[must_use]
pub fn gitoid(gitoid: &Gitoid) -> &[u8] {
    gitoid.as_hash().as_bytes()
}

/// The gitoid of a key of [`DOCUMENTS`], [`HELD`] or [`HELD_BODIES`].
///
/// # Errors
/// `Corrupt` if it is not 32 bytes.
pub fn parse_gitoid(key: &[u8]) -> Result<Gitoid, StoreError> {
    let hash = Hash::try_from(key);
    hash.map(Gitoid::from_hash)
        .map_err(|_| StoreError::corrupt("key of a document", "a gitoid", hex::encode(key)))
}

/// Key of a row of [`ATTACHMENTS`].
#[must_use]
pub fn attachment(log: LogId, index: LeafIndex, gitoid: &Gitoid) -> [u8; 44] {
    join(&indexed(log, index), gitoid.as_hash().as_bytes())
}

/// The parts of a key of [`ATTACHMENTS`].
///
/// # Errors
/// `Corrupt` if it is not 44 bytes, or does not begin with an index.
pub fn parse_attachment(key: &[u8]) -> Result<(LogId, LeafIndex, Gitoid), StoreError> {
    let parsed = key.split_first_chunk::<12>().and_then(|(entry, rest)| {
        let (log, index) = parse_indexed(entry).ok()?;
        Some((log, index, parse_gitoid(rest).ok()?))
    });
    parsed.ok_or_else(|| {
        let found = hex::encode(key);
        StoreError::corrupt("key of an attachment", "log, index and gitoid", found)
    })
}

/// Value of a row of [`HEADS`]: size, root, integrated time.
#[must_use]
pub fn encode_head(head: &Head) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&head.size.get().to_be_bytes());
    bytes[8..40].copy_from_slice(head.root.as_bytes());
    bytes[40..].copy_from_slice(&head.integrated_time.to_be_bytes());
    bytes
}

/// The value of a row of [`HEADS`].
///
/// # Errors
/// `Corrupt` if it is not 48 bytes, or not a size.
pub fn parse_head_value(value: &[u8]) -> Result<Head, StoreError> {
    let parsed = value.split_first_chunk::<8>().and_then(|(size, rest)| {
        let (root, time) = rest.split_first_chunk::<32>()?;
        Some(Head {
            size: TreeSize::new(u64::from_be_bytes(*size))?,
            root: Hash::new(*root),
            integrated_time: u64::from_be_bytes(time.try_into().ok()?),
        })
    });
    parsed.ok_or_else(|| {
        StoreError::corrupt("row", "size, root and time in 48 bytes", hex::encode(value))
    })
}

/// Value of a row of [`BATCHES`]: the head after it.
#[must_use]
pub fn encode_batch(batch: &BatchRow) -> [u8; 48] {
    encode_head(&Head {
        size: batch.size,
        root: batch.root,
        integrated_time: batch.integrated_time,
    })
}

/// The value of a row of [`BATCHES`] that starts at `first`.
///
/// # Errors
/// `Corrupt` if it is not 48 bytes, or does not end behind its start.
pub fn parse_batch(first: LeafIndex, value: &[u8]) -> Result<BatchRow, StoreError> {
    let Head {
        size,
        root,
        integrated_time,
    } = parse_head_value(value)?;
    if size.get() <= first.get() {
        return Err(StoreError::corrupt(
            format_args!("batch at {first}"),
            "a size beyond its start",
            size,
        ));
    }
    Ok(BatchRow {
        first,
        size,
        root,
        integrated_time,
    })
}

/// Value of a row of [`DEDUP`].
#[must_use]
pub fn encode_index(index: LeafIndex) -> [u8; 8] {
    index.get().to_be_bytes()
}

/// The value of a row of [`DEDUP`].
///
/// # Errors
/// `Corrupt` if it is not an index in eight bytes.
pub fn parse_index(value: &[u8]) -> Result<LeafIndex, StoreError> {
    let index = value
        .try_into()
        .ok()
        .and_then(|bytes| LeafIndex::new(u64::from_be_bytes(bytes)));
    index.ok_or_else(|| StoreError::corrupt("dedup row", "an index in 8 bytes", hex::encode(value)))
}

/// `a` and then `b`.
fn join<const A: usize, const B: usize, const C: usize>(a: &[u8; A], b: &[u8; B]) -> [u8; C] {
    const { assert!(A + B == C, "the parts fill the key") };
    let mut key = [0; C];
    key[..A].copy_from_slice(a);
    key[A..].copy_from_slice(b);
    key
}
