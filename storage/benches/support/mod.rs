//! Entries of about 1 kB of leaf and 1 kB of envelope.

use std::sync::LazyLock;

use bytes::Bytes;
use treering_storage::record::{EnvelopeRef, RecordEntry};

const LEN: usize = 1000;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Base64 of noise, as in signatures, digests and certificates.
static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| noise(1 << 20));

/// `count` entries from `first` on, no two alike; making one costs little beside committing it.
pub(crate) fn entries(first: u64, count: usize) -> Vec<RecordEntry> {
    (first..).take(count).map(entry).collect()
}

fn entry(index: u64) -> RecordEntry {
    let leaf = text(r#"{"apiVersion":"0.0.1","kind":"dsse","spec":{"#, index);
    let envelope = text(
        r#"{"payloadType":"application/vnd.in-toto+json","payload":""#,
        index,
    );
    RecordEntry::new(leaf, Some(EnvelopeRef::inline(envelope)))
}

fn text(start: &str, index: u64) -> Bytes {
    let mut text = format!("{start}{index:016x}").into_bytes();
    let rest = LEN - text.len();
    let from = usize::try_from(index.wrapping_mul(977)).expect("64 bits") % (NOISE.len() - rest);
    text.extend_from_slice(&NOISE[from..from + rest]);
    text.into()
}

/// xorshift64* (Vigna 2016), one character a step.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut step = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 58;
        BASE64[usize::try_from(bits).expect("six bits")]
    };
    (0..len).map(|_| step()).collect()
}
