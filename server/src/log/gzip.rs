//! Full entry bundles as gzip: made once, when a bundle has become full or is first asked for, and kept in the log's
//! cache, whose bytes are bounded.
//!
//! One thread makes them for all logs, one after another. So the same bundle is never compressed by two at a time, and
//! compressing takes one core at most, of which the commits and the threads that do I/O see nothing. Whoever finds the
//! queue full gets the bundle as it is: that is always right.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use treering_api::reject::Reject;
use treering_tlog::tile::TILE_WIDTH;
use treering_tlog::{Hash, TreeSize};

use super::SharedLog;
use super::tile_cache::Full;
use crate::metrics::LogMetrics;

/// Bundles that may wait to be compressed. They are numbers, not bytes: 256 bundles are 65,536 entries.
const QUEUE: usize = 256;
/// Bundles that may wait before those that nobody has asked for yet are left to their first reader.
const QUEUE_AHEAD: usize = QUEUE / 2;
/// Bytes of the tag that stand before the compressed bytes in the cache.
const TAG: usize = 8;
/// Twice the time of level 1 and a quarter less bytes; what is above it takes longer and saves nothing.
const LEVEL: u32 = 2;

/// A full bundle as gzip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gzipped {
    /// The compressed bytes.
    pub bytes: Bytes,
    /// What tells these bytes from those that another version of the encoder makes of the same bundle: the beginning of
    /// their SHA-256 in hex.
    pub tag: String,
}

impl Gzipped {
    fn make(bundle: &[u8]) -> io::Result<Bytes> {
        let mut out = vec![0; TAG];
        out.reserve(bundle.len() / 2);
        let mut encoder = GzEncoder::new(out, Compression::new(LEVEL));
        encoder.write_all(bundle)?;
        let mut out = encoder.finish()?;
        if let Some((tag, bytes)) = out.split_at_mut_checked(TAG) {
            let hash = Hash::of(bytes);
            tag.copy_from_slice(hash.as_bytes().first_chunk::<TAG>().expect("a hash has 32"));
        }
        Ok(out.into())
    }

    fn of(cached: &Bytes) -> Option<Self> {
        let tag = hex::encode(cached.get(..TAG)?);
        let bytes = cached.slice(TAG..);
        Some(Self { bytes, tag })
    }
}

/// The thread that compresses, and what waits for it.
pub struct Compressor {
    queue: Mutex<Option<Sender<Job>>>,
    worker: Mutex<Option<JoinHandle<()>>>,
    stopping: Arc<AtomicBool>,
}

struct Job {
    log: Arc<SharedLog>,
    index: u64,
}

/// What one log has waiting: by bundle, who wants it.
pub(super) struct Gzip {
    compressor: Arc<Compressor>,
    metrics: LogMetrics,
    waiting: Mutex<HashMap<u64, Vec<oneshot::Sender<Gzipped>>>>,
}

impl Gzip {
    pub(super) fn new(compressor: Arc<Compressor>, metrics: LogMetrics) -> Self {
        Self {
            compressor,
            metrics,
            waiting: Mutex::default(),
        }
    }
}

impl Compressor {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn start() -> io::Result<Self> {
        let (sender, receiver) = bounded(QUEUE);
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let worker = std::thread::Builder::new()
            .name("gzip".into())
            .spawn(move || work(&receiver, &stop))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            worker: Mutex::new(Some(worker)),
            stopping,
        })
    }

    /// Whether the job has a place in the queue, in which at most `most` may wait.
    fn submit(&self, job: Job, most: usize) -> bool {
        let queue = self.queue.lock().clone();
        queue.is_some_and(|queue| queue.len() < most && queue.try_send(job).is_ok())
    }

    /// Ends the thread after the bundle that it is at; what waits is given up. Blocks.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(self.queue.lock().take());
        if let Some(worker) = self.worker.lock().take() {
            // It catches the panics of its jobs, so there is nothing to learn from its end.
            let _ = worker.join();
        }
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(queue: &Receiver<Job>, stopping: &AtomicBool) {
    for job in queue {
        if stopping.load(Ordering::SeqCst) {
            job.log.answer(job.index, None);
            continue;
        }
        let done = catch_unwind(AssertUnwindSafe(|| job.log.compress(job.index)));
        let gzipped = match done {
            Ok(Ok(gzipped)) => gzipped,
            // A fault of the store was told where it was read; the reader who gets the bundle as it is hears of it.
            Ok(Err(_)) => None,
            Err(_) => {
                tracing::error!(log = %job.log.name(), bundle = job.index, "compressing panicked");
                None
            }
        };
        job.log.answer(job.index, gzipped);
    }
}

impl SharedLog {
    /// A full bundle as gzip: from the cache, or from the thread that makes it. `None` if it cannot be had so now; then
    /// it is served as it is.
    pub async fn gzipped(self: &Arc<Self>, index: u64) -> Option<Gzipped> {
        if let Some(cached) = self.cache.get(Full::Gzip { index }) {
            return Gzipped::of(&cached);
        }
        let (reply, answer) = oneshot::channel();
        if !self.queue_bundle(index, Some(reply), QUEUE) {
            return None;
        }
        answer.await.ok()
    }

    /// Has the bundles compressed that became full since `before`. Never blocks; those for which there is no room are
    /// compressed when somebody asks for them.
    pub(super) fn compress_new(self: &Arc<Self>, before: TreeSize, after: TreeSize) {
        let width = u64::from(TILE_WIDTH);
        for index in before.get() / width..after.get() / width {
            self.queue_bundle(index, None, QUEUE_AHEAD);
        }
    }

    /// Whether the bundle is being compressed, or waits for it.
    fn queue_bundle(
        self: &Arc<Self>,
        index: u64,
        reply: Option<oneshot::Sender<Gzipped>>,
        most: usize,
    ) -> bool {
        let mut waiting = self.gzip.waiting.lock();
        match waiting.entry(index) {
            Slot::Occupied(mut already) => already.get_mut().extend(reply),
            Slot::Vacant(free) => {
                let log = Arc::clone(self);
                if !self.gzip.compressor.submit(Job { log, index }, most) {
                    return false;
                }
                free.insert(reply.into_iter().collect());
            }
        }
        true
    }

    fn compress(&self, index: u64) -> Result<Option<Gzipped>, Reject> {
        // It may have been made between a reader's look into the cache and its place in the queue.
        let key = Full::Gzip { index };
        if let Some(cached) = self.cache.get(key) {
            return Ok(Gzipped::of(&cached));
        }
        let Some(bundle) = self.full_bundle(index)? else {
            return Ok(None);
        };
        let made = Gzipped::make(&bundle).expect("writing to memory does not fail");
        self.gzip.metrics.bundle_compressed();
        self.cache.insert(key, made.clone());
        Ok(Gzipped::of(&made))
    }

    /// Gives all who wait for a bundle what became of it.
    fn answer(&self, index: u64, gzipped: Option<Gzipped>) {
        let waiting = self.gzip.waiting.lock().remove(&index).unwrap_or_default();
        for reply in waiting {
            if let Some(gzipped) = &gzipped {
                // Whoever went away needs none.
                let _ = reply.send(gzipped.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
