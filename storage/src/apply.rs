//! From a record to the rows of the view. Commit, recovery, followers, reindexing and fsck all come through here.

use bytes::{BufMut, Bytes, BytesMut};
use treering_tlog::{Growth, Hash};

use crate::record::RecordEntry;
use crate::{Edge, LogId, Record, StoreError};

/// The rows of the view that take computing. Those of entries, dedup, batch and envelopes stand in the record itself.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Hash tiles that this batch fills: tile level, tile index, 8,192 bytes.
    pub tiles: Vec<(u8, u64, Bytes)>,
}

/// A record together with all that follows from it, ready to be committed. Only [`stage`] and [`restage`] make one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Staged {
    /// What happens.
    pub record: Record,
    /// The rows that it adds.
    pub rows: Rows,
    /// The right edge of the tree after it.
    pub edge: Edge,
    /// The nodes that it adds: enough to prove every new entry without storage.
    pub growth: Growth,
}

/// Puts `entries` behind `edge`. Pure: nothing is written, nothing can fail.
///
/// The entries' leaf hashes are trusted: whoever makes a [`RecordEntry`] computes them once, with the signature check.
#[must_use]
pub fn stage(edge: &Edge, log: LogId, integrated_time: u64, entries: Vec<RecordEntry>) -> Staged {
    let growth = Growth::new(edge.range(), entries.iter().map(|entry| entry.leaf_hash));
    let mut rows = Rows::default();
    let edge_after = edge.grow(&growth, |level, index, hashes| {
        rows.tiles.push((level, index, tile_bytes(hashes)))
    });
    let record = Record {
        log,
        first: edge.size().next_index(),
        integrated_time,
        entries,
        root: growth.root(),
    };
    Staged {
        record,
        rows,
        edge: edge_after,
        growth,
    }
}

/// The same for a record that was read back. The leaf hashes are those that decoding computed.
///
/// # Errors
/// `Corrupt` if the record does not start where the edge ends, or its root is not the one that its leaves give.
pub fn restage(edge: &Edge, record: Record) -> Result<Staged, StoreError> {
    let Record {
        log,
        first,
        integrated_time,
        entries,
        root,
    } = record;
    let key = || format!("record of log {} at {first}", log.0);
    if first != edge.size().next_index() {
        return Err(StoreError::corrupt(
            key(),
            format_args!("a record at {}", edge.size()),
            first,
        ));
    }
    let staged = stage(edge, log, integrated_time, entries);
    if staged.record.root != root {
        return Err(StoreError::corrupt(
            key(),
            format_args!("root {}", staged.record.root),
            root,
        ));
    }
    Ok(staged)
}

/// The bytes of a tile: its hashes one after the other.
fn tile_bytes(hashes: &[Hash]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(hashes.len() * Hash::LEN);
    for hash in hashes {
        bytes.put_slice(hash.as_bytes());
    }
    bytes.freeze()
}
