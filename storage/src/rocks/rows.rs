//! The values of entries and envelopes. Their byte tables are in the README.
#![deny(clippy::indexing_slicing)]

use bytes::Bytes;
use treering_tlog::Hash;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe;

use crate::StoreError;
use crate::record::{EnvelopeRef, RecordEntry};

const PLAIN: u8 = 0;
const INLINE: u8 = 1;
const SPOOLED: u8 = 2;

const RAW: u8 = 0;
const ZSTD: u8 = 1;
/// The fastest of zstd's regular levels: 9 us for 3 kB, which it halves.
const LEVEL: i32 = 1;
/// Shorter bodies stay as they are: at 1 kB of mostly base64, 5.5 us would win 200 bytes.
const COMPRESS_MIN: usize = 2048;

/// An entry as it is stored: the envelope by its address only.
#[derive(Debug)]
pub(super) struct StoredEntry {
    pub(super) leaf: Bytes,
    pub(super) envelope: Option<StoredEnvelope>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum StoredEnvelope {
    Inline { sha256: Hash },
    Spooled { sha256: Hash, len: u64 },
}

impl StoredEnvelope {
    pub(super) const fn sha256(self) -> Hash {
        match self {
            Self::Inline { sha256 } | Self::Spooled { sha256, .. } => sha256,
        }
    }
}

/// The value of a row of entries, into `out`.
pub(super) fn write_entry(entry: &RecordEntry, out: &mut Vec<u8>) {
    out.clear();
    match &entry.envelope {
        None => out.push(PLAIN),
        Some(EnvelopeRef::Inline { sha256, .. }) => {
            out.push(INLINE);
            out.extend_from_slice(sha256.as_bytes());
        }
        Some(EnvelopeRef::Spooled { sha256, len }) => {
            out.push(SPOOLED);
            out.extend_from_slice(sha256.as_bytes());
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    out.extend_from_slice(&entry.leaf);
}

/// Reads a row of entries.
pub(super) fn parse_entry(value: &[u8]) -> Result<StoredEntry, StoreError> {
    let parsed = parse_envelope(value);
    let (envelope, leaf) = parsed.ok_or_else(|| {
        let start = hex::encode(value.get(..8).unwrap_or(value));
        StoreError::corrupt(
            "row of an entry",
            "flags 0, 1 or 2 and what they ask for",
            start,
        )
    })?;
    Ok(StoredEntry {
        leaf: Bytes::copy_from_slice(leaf),
        envelope,
    })
}

fn parse_envelope(value: &[u8]) -> Option<(Option<StoredEnvelope>, &[u8])> {
    let (flags, rest) = value.split_first()?;
    if *flags == PLAIN {
        return Some((None, rest));
    }
    let (sha256, rest) = rest.split_first_chunk::<{ Hash::LEN }>()?;
    let sha256 = Hash::new(*sha256);
    match *flags {
        INLINE => Some((Some(StoredEnvelope::Inline { sha256 }), rest)),
        SPOOLED => {
            let (len, leaf) = rest.split_first_chunk::<8>()?;
            let len = u64::from_be_bytes(*len);
            Some((Some(StoredEnvelope::Spooled { sha256, len }), leaf))
        }
        _ => None,
    }
}

/// Makes the values of envelopes; keeps zstd's working memory from one to the next.
pub(super) struct Packer {
    /// `None` if zstd has no memory: then nothing is compressed.
    compressor: Option<Compressor<'static>>,
    packed: Vec<u8>,
    out: Vec<u8>,
}

impl Default for Packer {
    fn default() -> Self {
        Self {
            compressor: Compressor::new(LEVEL).ok(),
            packed: Vec::new(),
            out: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

impl Packer {
    /// The value of a row of envelopes: compressed, if that makes it smaller.
    pub(super) fn pack(&mut self, body: &[u8]) -> &[u8] {
        self.out.clear();
        match self.compress(body) {
            Some(len) => {
                self.out.push(ZSTD);
                self.out.extend_from_slice(&len.to_be_bytes());
                self.out.extend_from_slice(&self.packed);
            }
            None => {
                self.out.push(RAW);
                self.out.extend_from_slice(body);
            }
        }
        &self.out
    }

    /// Compresses into `packed`, and returns the length of the body; `None` if that gains nothing.
    fn compress(&mut self, body: &[u8]) -> Option<u32> {
        if body.len() < COMPRESS_MIN {
            return None;
        }
        let len = u32::try_from(body.len()).ok()?;
        let compressor = self.compressor.as_mut()?;
        self.packed.clear();
        self.packed.reserve(zstd_safe::compress_bound(body.len()));
        compressor.compress_to_buffer(body, &mut self.packed).ok()?;
        // The four bytes of the length have to be won back too.
        (self.packed.len() + size_of::<u32>() < body.len()).then_some(len)
    }
}

/// Reads a row of envelopes, whose body has to hash to `sha256`.
pub(super) fn unpack(sha256: Hash, value: &[u8]) -> Result<Bytes, StoreError> {
    let corrupt = |found: String| {
        StoreError::corrupt(
            "row of an envelope",
            format_args!("a body of {sha256}"),
            found,
        )
    };
    let body = match value.split_first() {
        Some((&RAW, body)) => body.to_vec(),
        Some((&ZSTD, rest)) => decompress(rest).map_err(corrupt)?,
        _ => return Err(corrupt(format!("flag {:?}", value.first()))),
    };
    let found = Hash::of(&body);
    if found != sha256 {
        return Err(corrupt(format!("one of {found}")));
    }
    Ok(body.into())
}

fn decompress(rest: &[u8]) -> Result<Vec<u8>, String> {
    let (len, frame) = rest.split_first_chunk::<4>().ok_or("no length")?;
    let capacity = usize::try_from(u32::from_be_bytes(*len)).map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    body.try_reserve_exact(capacity)
        .map_err(|error| error.to_string())?;
    let mut decompressor = Decompressor::new().map_err(|error| error.to_string())?;
    decompressor
        .decompress_to_buffer(frame, &mut body)
        .map_err(|error| error.to_string())?;
    Ok(body)
}
