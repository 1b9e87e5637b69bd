//! Every bound of the server in one table, each with its unit and where its default comes from.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The bounds. `Default` is what a server without configuration uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest envelope on the native door, in bytes. 64 MiB: large SBOM attestations are 3 to 50 MB.
    pub max_envelope_bytes: usize,
    /// The largest body at the door of Rekor v1, in bytes. 32 MiB: rekor-server's own default.
    pub max_rekor_v1_bytes: usize,
    /// The most items of one batch call.
    pub max_batch_items: usize,
    /// The largest body of one batch call, in bytes. 64 MiB: as much as one large envelope.
    pub max_batch_bytes: usize,
    /// The most verifiers (keys, certificates) given beside an envelope.
    pub max_verifiers: usize,
    /// The largest verifier, in bytes. 64 KiB: a chain of 16 certificates of 4 KiB.
    pub max_verifier_bytes: usize,
    /// Envelope bytes admitted and not yet answered. 256 MiB: four of the largest, or 256 Ki of 1 KiB.
    pub max_bytes_in_flight: usize,
    /// Submissions admitted and not yet answered. 16 Ki: at 10,000/s a wait of 1.6 s; beyond that a 503 is kinder.
    pub max_submissions_in_flight: usize,
    /// The most entries of one commit. 4,096: about 40 ms of one synced write.
    pub max_commit_entries: usize,
    /// The most envelope and leaf bytes of one commit. 8 MiB: about 40 ms of disk at 200 MB/s.
    pub max_commit_bytes: usize,
    /// The shortest time from the start of one commit to the start of the next, while there is load. An idle log
    /// commits at once. 2 ms: an fsync takes 0.3 ms, so smaller batches would spend their CPU on syncing.
    pub min_commit_gap: Duration,
    /// How long a call may wait for an index to be covered.
    pub max_wait: Duration,
    /// `/readyz` is false when the oldest admitted entry has waited for longer.
    pub ready_oldest: Duration,
    /// How long a stopping server waits for open requests before it cuts them.
    pub drain_timeout: Duration,
    /// Free disk space below which nothing is written any more, in bytes. 1 GiB: more than the storage engine's
    /// buffers, logs and one compaction take, so that the disk is never full inside a commit.
    pub disk_reserve_bytes: u64,
    /// Parsed keys and certificates that are kept.
    pub max_cached_verifiers: usize,
    /// Full tiles and bundles that each log keeps ready for readers, in bytes. 32 MiB: the newest 25,000 entries of
    /// 1 KiB with their tiles.
    pub tile_cache_bytes: usize,
    /// Entries that one tail may be behind in memory.
    pub tail_chunk_entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_envelope_bytes: 64 * MIB,
            max_rekor_v1_bytes: 32 * MIB,
            max_batch_items: 1_024,
            max_batch_bytes: 64 * MIB,
            max_verifiers: 16,
            max_verifier_bytes: 64 * KIB,
            max_bytes_in_flight: 256 * MIB,
            max_submissions_in_flight: 16 * 1_024,
            max_commit_entries: 4_096,
            max_commit_bytes: 8 * MIB,
            min_commit_gap: Duration::from_millis(2),
            max_wait: Duration::from_secs(60),
            ready_oldest: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(10),
            disk_reserve_bytes: 1 << 30,
            max_cached_verifiers: 4_096,
            tile_cache_bytes: 32 * MIB,
            tail_chunk_entries: 256,
        }
    }
}
