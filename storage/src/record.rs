//! What happened, as bytes: one batch of one log, or one event that makes no leaf.
//!
//! Nothing that follows from it (hashes of nodes, tiles, index rows) is in it. The encoding is our own: a magic, a
//! version, fixed-width big-endian numbers, length-prefixed byte strings and a CRC-32C over everything before it.

pub(crate) mod codec;
mod event;

use bytes::Bytes;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::{LogId, StoreError};
use codec::{Reader, Writer};

pub use event::Event;

/// Four bytes at the start of an encoded record: `TRB` and the version.
const MAGIC: &[u8; 4] = b"TRB\x01";
/// What an entry takes at least: flags and the length of its leaf.
const ENTRY_LEN_MIN: usize = 5;

/// An envelope that a record names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvelopeRef {
    /// The body travels with the record.
    Inline {
        /// SHA-256 of the bytes, and their address.
        sha256: Hash,
        /// The envelope as it arrived.
        bytes: Bytes,
    },
    /// The body is durable in the envelope files already; the record only names it.
    Spooled {
        /// SHA-256 of the bytes, and their address.
        sha256: Hash,
        /// The number of bytes.
        len: u64,
    },
}

impl EnvelopeRef {
    /// A small body that travels with its record.
    #[must_use]
    pub fn inline(bytes: Bytes) -> Self {
        Self::Inline {
            sha256: Hash::of(&bytes),
            bytes,
        }
    }

    /// The address of the envelope.
    #[must_use]
    pub const fn sha256(&self) -> Hash {
        match self {
            Self::Inline { sha256, .. } | Self::Spooled { sha256, .. } => *sha256,
        }
    }

    /// The number of bytes of the envelope.
    #[must_use]
    pub const fn len(&self) -> u64 {
        match self {
            Self::Inline { bytes, .. } => bytes.len() as u64,
            Self::Spooled { len, .. } => *len,
        }
    }

    /// Whether the envelope has no bytes at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One entry of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEntry {
    /// The bytes that the tree hashes.
    pub leaf: Bytes,
    /// Their leaf hash. It follows from `leaf`, so it is not stored: decoding computes it again.
    pub leaf_hash: Hash,
    /// The envelope that is kept with the entry.
    pub envelope: Option<EnvelopeRef>,
}

impl RecordEntry {
    /// An entry whose leaf hash is computed here.
    #[must_use]
    pub fn new(leaf: Bytes, envelope: Option<EnvelopeRef>) -> Self {
        Self {
            leaf_hash: Hash::leaf(&leaf),
            leaf,
            envelope,
        }
    }
}

/// One batch of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The log.
    pub log: LogId,
    /// The index of the first entry: the size of the tree before the batch.
    pub first: LeafIndex,
    /// When the batch was integrated, in seconds since the Unix epoch.
    pub integrated_time: u64,
    /// The entries in order. Never empty in a journal.
    pub entries: Vec<RecordEntry>,
    /// The root of the tree after the batch.
    pub root: Hash,
}

impl Record {
    /// The size of the tree after the batch.
    ///
    /// # Panics
    /// Beyond 2^63-1 leaves, which cannot be reached: at a million a second that takes 292,000 years.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        let before = self.first.as_size_before();
        before
            .plus(self.entries.len() as u64)
            .expect("no log grows to 2^63 leaves")
    }

    /// The bytes of the record.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::new(MAGIC);
        out.u32(self.log.0);
        out.u64(self.first.get());
        out.u64(self.integrated_time);
        out.array(self.root.as_bytes());
        out.count(self.entries.len());
        for entry in &self.entries {
            encode_entry(&mut out, entry);
        }
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) wrote, all of it; leaf hashes are computed again, envelopes checked.
    ///
    /// # Errors
    /// `Corrupt`, naming what is wrong.
    pub fn decode(bytes: &Bytes) -> Result<Self, StoreError> {
        let mut input = Reader::new("record", bytes, MAGIC)?;
        let log = LogId(input.u32()?);
        let first = input.u64()?;
        let first =
            LeafIndex::new(first).ok_or_else(|| input.corrupt("an index below 2^63", first))?;
        let integrated_time = input.u64()?;
        let root = Hash::new(input.array()?);
        let count = input.count(ENTRY_LEN_MIN)?;
        let entries = (0..count)
            .map(|_| decode_entry(&mut input))
            .collect::<Result<Vec<_>, _>>()?;
        if first.as_size_before().plus(count as u64).is_none() {
            return Err(input.corrupt("at most 2^63-1 leaves", count));
        }
        input.end()?;
        Ok(Self {
            log,
            first,
            integrated_time,
            entries,
            root,
        })
    }
}

/// Flag of an entry without an envelope, with an inline one, with a spooled one.
const PLAIN: u8 = 0;
const INLINE: u8 = 1;
const SPOOLED: u8 = 2;

fn encode_entry(out: &mut Writer, entry: &RecordEntry) {
    match &entry.envelope {
        None => out.u8(PLAIN),
        Some(EnvelopeRef::Inline { sha256, bytes }) => {
            out.u8(INLINE);
            out.array(sha256.as_bytes());
            out.bytes(bytes);
        }
        Some(EnvelopeRef::Spooled { sha256, len }) => {
            out.u8(SPOOLED);
            out.array(sha256.as_bytes());
            out.u64(*len);
        }
    }
    out.bytes(&entry.leaf);
}

fn decode_entry(input: &mut Reader) -> Result<RecordEntry, StoreError> {
    let envelope = match input.u8()? {
        PLAIN => None,
        INLINE => {
            let sha256 = Hash::new(input.array()?);
            let bytes = input.bytes()?;
            let found = Hash::of(&bytes);
            if found != sha256 {
                return Err(
                    input.corrupt(format_args!("an envelope that hashes to {sha256}"), found)
                );
            }
            Some(EnvelopeRef::Inline { sha256, bytes })
        }
        SPOOLED => Some(EnvelopeRef::Spooled {
            sha256: Hash::new(input.array()?),
            len: input.u64()?,
        }),
        flag => return Err(input.corrupt("flag 0, 1 or 2 of an entry", flag)),
    };
    Ok(RecordEntry::new(input.bytes()?, envelope))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever stands between the magic and a right CRC is refused, or is the one encoding of a value.
        #[test]
        fn bytes_are_refused_or_canonical(fields in prop::collection::vec(any::<u8>(), 0..200), zeros in 0_usize..80) {
            let mut fields = fields;
            // Zeros make lengths and flags that are in range.
            fields.iter_mut().skip(4).take(zeros).for_each(|byte| *byte = 0);
            let mut out = Writer::new(MAGIC);
            out.array(&fields);
            let bytes = out.finish();
            if let Ok(record) = Record::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes);
            }
            let mut out = Writer::new(b"TRE\x01");
            out.array(&fields);
            let bytes = out.finish();
            if let Ok(event) = Event::decode(&bytes) {
                prop_assert_eq!(event.encode(), bytes);
            }
        }
    }
}
