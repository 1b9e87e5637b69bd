//! The one thread of a log that gives indexes. It takes what waits, commits it as one batch and answers; the next
//! batch is what has come meanwhile. An idle log commits at once, a busy one at most every `min_commit_gap`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tokio::sync::oneshot;
use treering_api::reject::{Reject, RejectKind};
use treering_storage::{CommitError, Event};
use treering_tlog::{Hash, TreeSize};

use super::batch::{FULL_TERMS, Pending, Placed, plan};
use super::commit::{Committer, Published, Sequenced};
use super::events::EventLog;
use super::mark::Mark;
use super::{SharedLog, State};
use crate::clock::Clock;
use crate::limits::Limits;
use crate::metrics::LogMetrics;

/// What a log's thread is asked to do.
pub enum Command {
    /// Give indexes to the entries of a submission.
    Append(Pending),
    /// Take no more entries, for ever.
    Freeze {
        /// How.
        freeze: Freeze,
        /// Answered with the final size.
        reply: oneshot::Sender<Result<TreeSize, Reject>>,
    },
    /// End the thread. Whoever sends it has drained the admission before.
    Stop,
}

/// How a log is to be frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freeze {
    /// The name and the origin of the log that new entries go to from now on.
    pub successor: Option<(String, String)>,
    /// Its final checkpoint is to say so in an extension line.
    pub mark: bool,
}

/// The state of the thread.
pub struct Sequencer {
    pub(crate) handle: Arc<SharedLog>,
    pub(crate) committer: Committer,
    pub(crate) events: Arc<EventLog>,
    pub(crate) queue: Receiver<Command>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: LogMetrics,
    pub(crate) last_commit: Duration,
}

enum Next {
    Batch(Vec<Pending>, Option<Command>),
    Command(Command),
    End,
}

impl Sequencer {
    /// Works until it is told to stop. A panic stops the log as a failed commit does: what it left is unknown.
    pub fn run(self) {
        let (handle, queue) = (Arc::clone(&self.handle), self.queue.clone());
        if catch_unwind(AssertUnwindSafe(|| self.work())).is_err() {
            tracing::error!(log = %handle.name(), "the log's thread panicked, the log stops");
            let reason = "a bug: the log's thread panicked".to_owned();
            handle.set_state(State::Failed { reason });
            // Whoever is in the queue, or comes into it before he hears of the stop, is answered.
            refuse_rest(&queue, &handle);
        }
    }

    fn work(mut self) {
        loop {
            let command = match self.next() {
                Next::Batch(batch, command) => {
                    self.sequence(batch);
                    command
                }
                Next::Command(command) => Some(command),
                Next::End => return,
            };
            match command {
                None => {}
                Some(Command::Freeze { freeze, reply }) => {
                    // The receiver may be gone; the freeze stands all the same.
                    let _ = reply.send(self.freeze(freeze));
                }
                Some(Command::Append(_)) => unreachable!("appends are collected into batches"),
                Some(Command::Stop) => return,
            }
        }
    }

    /// Waits for work and collects a batch: until a bound is reached, another command comes, or nothing waits and the
    /// gap since the last commit has passed.
    fn next(&self) -> Next {
        let first = match self.queue.recv() {
            Ok(Command::Append(pending)) => pending,
            Ok(command) => return Next::Command(command),
            Err(_) => return Next::End,
        };
        let deadline = self.last_commit + self.limits.min_commit_gap;
        let (mut entries, mut bytes) = (first.entries.len(), first.bytes);
        let mut terms = first.terms();
        let mut batch = vec![first];
        while entries < self.limits.max_commit_entries
            && bytes < self.limits.max_commit_bytes
            && terms < FULL_TERMS
        {
            let wait = deadline.saturating_sub(self.clock.monotonic());
            match self.queue.recv_timeout(wait) {
                Ok(Command::Append(pending)) => {
                    entries += pending.entries.len();
                    bytes += pending.bytes;
                    terms += pending.terms();
                    batch.push(pending);
                }
                Ok(command) => return Next::Batch(batch, Some(command)),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return Next::Batch(batch, Some(Command::Stop));
                }
            }
        }
        Next::Batch(batch, None)
    }

    fn sequence(&mut self, mut batch: Vec<Pending>) {
        self.last_commit = self.clock.monotonic();
        match self.place(&mut batch) {
            Ok((placed, published)) => answer_all(batch, placed, &published),
            Err(reject) => refuse(batch, &reject),
        }
    }

    /// Gives every entry of a batch its index and makes the new ones durable and published.
    fn place(&self, batch: &mut [Pending]) -> Result<(Vec<Vec<Placed>>, Arc<Published>), Reject> {
        self.handle.check_writable()?;
        let id = self.handle.identity.id;
        let entries = batch.iter().flat_map(|pending| &pending.entries);
        let hashes: Vec<Hash> = entries.map(|entry| entry.canonical.leaf_hash()).collect();
        let known = self.committer.store.indexes(id, &hashes).map_err(|error| {
            tracing::error!(log = %self.handle.name(), %error, "dedup lookup failed");
            Reject::new(
                RejectKind::Unavailable,
                "the store does not answer; ask again",
            )
        })?;
        let before = self.handle.published();
        // A clock that was set back does not take the log with it.
        let now = self.clock.unix_secs().max(before.integrated_time);
        let plan = plan(&before.edge, id, now, batch, &known);
        let added = plan
            .staged
            .as_ref()
            .map_or(0, |staged| staged.record.entries.len());
        let published = match plan.staged {
            None => before,
            Some(staged) => self.commit(staged)?,
        };
        self.handle.signer_keys.committed(plan.keys);
        self.metrics.batch_sequenced(added, hashes.len() - added);
        Ok((plan.placed, published))
    }

    fn commit(&self, staged: treering_storage::Staged) -> Result<Arc<Published>, Reject> {
        let begin = self.clock.monotonic();
        let entries = staged.record.entries.len();
        let before = self.handle.published().checkpoint.size;
        match self.committer.commit(staged) {
            Ok(published) => {
                let elapsed = self.clock.monotonic().saturating_sub(begin);
                let published = self.handle.publish(published);
                let size = published.checkpoint.size.get();
                self.metrics.batch_committed(entries, elapsed, size);
                self.metrics.published(size);
                self.handle.compress_new(before, published.checkpoint.size);
                let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
                tracing::debug!(log = %self.handle.name(), size, entries, elapsed_us, "batch committed");
                Ok(published)
            }
            Err(CommitError::Full { free, reserve }) => {
                tracing::error!(log = %self.handle.name(), free, reserve, "disk is full, batch refused");
                Err(Reject::mismatch(
                    RejectKind::Unavailable,
                    format!("at least {reserve} bytes of free disk"),
                    free.to_string(),
                ))
            }
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// What landed is unknown, so this log must not go on before it has been read again from the store.
    fn fail(&self, error: &CommitError) -> Reject {
        tracing::error!(log = %self.handle.name(), %error, "commit failed, the log stops");
        self.handle.set_state(State::Failed {
            reason: error.to_string(),
        });
        Reject::new(
            RejectKind::Unavailable,
            "a commit failed and the log stops; whether the entry was kept shows after the server's restart, submit it again then",
        )
    }

    fn freeze(&self, freeze: Freeze) -> Result<TreeSize, Reject> {
        self.handle.check_writable()?;
        let (size, at) = (
            self.handle.published().checkpoint.size,
            self.clock.unix_secs(),
        );
        let (successor, origin) = freeze.successor.unzip();
        let mark = freeze.mark.then(|| Mark::new(at, origin.as_deref()));
        let event = Event::LogFrozen {
            id: self.handle.identity.id,
            size,
            successor: successor.clone(),
            mark: mark.as_ref().map(|mark| mark.as_str().to_owned()),
            at,
        };
        // Die here: nothing happened.
        match self.events.append(&event) {
            Ok(()) => {
                // Die here: frozen for ever. At the next start the mark is signed as the event has it.
                self.handle.set_state(State::Frozen { size, successor });
                if let Some(mark) = mark {
                    self.publish_final(&mark);
                }
                tracing::info!(log = %self.handle.name(), size = size.get(), "log frozen");
                Ok(size)
            }
            Err(CommitError::Full { free, reserve }) => Err(Reject::mismatch(
                RejectKind::Unavailable,
                format!("at least {reserve} bytes of free disk"),
                free.to_string(),
            )),
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Shows the checkpoint of the same tree again, with the mark.
    fn publish_final(&self, mark: &Mark) {
        let before = self.handle.published();
        let (edge, time) = (before.edge.clone(), before.integrated_time);
        let published = self.committer.sign_final(edge, time, mark);
        self.committer.remember(&published);
        self.handle.publish(published);
    }
}

fn answer_all(batch: Vec<Pending>, placed: Vec<Vec<Placed>>, published: &Arc<Published>) {
    for (pending, placed) in batch.into_iter().zip(placed) {
        let envelope_sha256 = pending.envelope_sha256;
        let published = Arc::clone(published);
        answer(
            pending,
            Ok(Sequenced {
                placed,
                envelope_sha256,
                published,
            }),
        );
    }
}

/// Refuses what comes for a log that has stopped, until the service ends.
fn refuse_rest(queue: &Receiver<Command>, log: &SharedLog) {
    let stopped = || {
        Reject::new(
            RejectKind::Unavailable,
            "the log has stopped; restart the server",
        )
    };
    for command in queue {
        let reject = log.check_writable().err().unwrap_or_else(stopped);
        match command {
            Command::Append(pending) => answer(pending, Err(reject)),
            Command::Freeze { reply, .. } => {
                let _ = reply.send(Err(reject));
            }
            Command::Stop => return,
        }
    }
}

fn refuse(batch: Vec<Pending>, reject: &Reject) {
    for pending in batch {
        answer(pending, Err(reject.clone()));
    }
}

/// Frees the place and then sends the answer: who has it may submit again and finds room. A stop waits for this thread
/// too, so that the answer is out. A submitter who went away is no fault: the entry stays.
fn answer(pending: Pending, answer: Result<Sequenced, Reject>) {
    drop(pending.permit);
    let _ = pending.reply.send(answer);
}
