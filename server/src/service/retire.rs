//! What a frozen log of dialect rekor-v1 signs while it still has its key: every entry timestamp and the last
//! checkpoint. When all of it is durable the file with the checkpoint is written, and the key may go.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use treering_api::reject::{Reject, RejectKind};
use treering_tlog::LeafIndex;

use super::Service;
use super::rekor_v1::{Found, Shard};
use crate::files;
use crate::log::{LogHandle, read_fault};

/// Entries that are looked at in one read.
const CHUNK: usize = 1_024;
/// Entries between two events that tell how far it is.
const REPORT_EVERY: u64 = 1 << 17;

/// Behind the name of a log: its last checkpoint of Rekor v1, which is there when nothing is left to be signed.
pub const FINAL_CHECKPOINT_SUFFIX: &str = ".final-checkpoint";

/// The file of a log's last checkpoint.
#[must_use]
pub fn final_checkpoint(root: &Path, log: &str) -> PathBuf {
    root.join(format!("{log}{FINAL_CHECKPOINT_SUFFIX}"))
}

/// One log whose signatures are made ahead.
struct Ahead {
    shard: Shard,
    file: PathBuf,
    closing: CancellationToken,
}

impl Service {
    /// Goes on where an earlier process has left frozen logs of dialect rekor-v1.
    pub fn finish_frozen(&self) {
        for log in self.handles() {
            self.sign_ahead(&log);
        }
    }

    /// Has a frozen log sign what is still to be signed, on a thread of its own; a stop interrupts it and the next start
    /// goes on. Does nothing for a log that has no second key, takes entries or is done.
    pub(super) fn sign_ahead(&self, log: &Arc<LogHandle>) {
        let file = final_checkpoint(&self.parts.root, log.name().as_str());
        if log.rekor_v1().is_none() || !log.is_frozen() || file.exists() {
            return;
        }
        let Ok(shards) = self.shards(log) else { return };
        let ahead = Ahead {
            shard: shards.active().clone(),
            file,
            closing: self.closing.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("sign-{}", log.name()))
            .spawn(move || ahead.run());
        match thread {
            Ok(thread) => self.threads.lock().push(thread),
            Err(error) => {
                tracing::error!(log = %log.name(), %error, "timestamps of the frozen log are not made; the next start tries again")
            }
        }
    }
}

impl Ahead {
    fn run(self) {
        let log = self.shard.log.name().clone();
        match self.sign() {
            Ok(true) => {
                tracing::info!(%log, file = %self.file.display(), "every timestamp of the frozen log is kept; its second key may go")
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%log, %error, "timestamps of the frozen log are not complete; the next start goes on")
            }
        }
    }

    /// Whether it came to the end.
    fn sign(&self) -> Result<bool, Reject> {
        let (log, published) = (&self.shard.log, self.shard.log.published());
        let fault = |error| read_fault(log.name(), &error);
        let size = published.checkpoint.size;
        for first in (0..size.get()).step_by(CHUNK) {
            if self.closing.is_cancelled() {
                return Ok(false);
            }
            self.sign_chunk(first)?;
            if first % REPORT_EVERY == 0 {
                tracing::info!(log = %log.name(), done = first, of = size.get(), "timestamps of a frozen log");
            }
        }
        log.store.flush().map_err(fault)?;
        let note = log.rekor_v1_note(&self.shard.v1, &published)?;
        files::replace(&self.file, note.as_bytes(), files::PUBLIC)
            .map_err(|error| Reject::new(RejectKind::Unavailable, error.to_string()))?;
        Ok(true)
    }

    fn sign_chunk(&self, first: u64) -> Result<(), Reject> {
        let log = &self.shard.log;
        let from = LeafIndex::new(first).expect("it is below the size of a log");
        let kept = log.store.timestamps(log.identity.id, from, CHUNK);
        let kept = kept.map_err(|error| read_fault(log.name(), &error))?;
        for (index, kept) in (first..).zip(kept) {
            if kept.is_none() {
                let entry = Found {
                    shard: self.shard.clone(),
                    index: LeafIndex::new(index).expect("it is below the size of a log"),
                };
                entry.keep_timestamp()?;
            }
        }
        Ok(())
    }
}
