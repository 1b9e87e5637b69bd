//! A 64 MiB body costs less than twice its size in memory, from the first byte to reading it back. Alone in its
//! binary, so that nothing else grows the process.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use treering_storage::envelopes::EnvelopeFiles;

const BODY: u64 = 64 << 20;
const CHUNK: usize = 64 * 1024;

/// A line of /proc/self/status, in bytes.
fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap();
    let kib: u64 = line
        .trim_start_matches(':')
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kib * 1024
}

/// Bytes that do not compress (xorshift64*, Vigna 2016).
fn fill(chunk: &mut [u8], state: &mut u64) {
    for part in chunk.chunks_exact_mut(8) {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        part.copy_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
}

#[test]
fn a_large_body_is_never_in_memory_twice() {
    let dir = tempfile::tempdir().unwrap();
    let files = EnvelopeFiles::open(dir.path()).unwrap();
    let before = status("VmRSS");
    let mut spool = files.spool(BODY).unwrap();
    let (mut chunk, mut state) = (vec![0; CHUNK], 1);
    for _ in 0..BODY / CHUNK as u64 {
        fill(&mut chunk, &mut state);
        spool.write(&chunk).unwrap();
    }
    let (sha256, len) = spool.finish().unwrap();
    assert_eq!(len, BODY);
    let written = status("VmHWM") - before;
    assert!(written < BODY / 4, "writing took {written} bytes of memory");
    assert!(
        files.size_on_disk().unwrap() >= BODY,
        "the body does not compress"
    );
    let body = files.read(sha256).unwrap().unwrap();
    assert_eq!(body.len() as u64, BODY);
    let read = status("VmHWM") - before;
    assert!(read >= BODY, "the peak is measured: {read}");
    assert!(
        read < BODY + BODY / 4,
        "reading took {read} bytes of memory"
    );
}
