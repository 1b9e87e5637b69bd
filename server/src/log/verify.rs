//! The workers that verify signatures: as many as there are cores, never on the threads that do I/O.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::Mutex;
use treering_api::reject::{Reject, RejectKind};

use crate::metrics::Metrics;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads with one bounded queue. Dropping it ends the threads after the queued work.
pub struct VerifyPool {
    queue: Mutex<Option<Sender<Job>>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    metrics: Arc<Metrics>,
}

impl VerifyPool {
    /// Starts the workers; `queue_len` jobs may wait.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(workers: usize, queue_len: usize, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (sender, receiver) = bounded::<Job>(queue_len);
        let workers = (0..workers.max(1))
            .map(|number| {
                let receiver = receiver.clone();
                std::thread::Builder::new()
                    .name(format!("verify-{number}"))
                    .spawn(move || work(&receiver))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            workers: Mutex::new(workers),
            metrics,
        })
    }

    /// Queues a job, or refuses it at once.
    ///
    /// # Errors
    /// `Busy` when the queue is full, `Unavailable` after [`VerifyPool::stop`].
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Reject> {
        let Some(queue) = self.queue.lock().clone() else {
            return Err(Reject::new(
                RejectKind::Unavailable,
                "the server is stopping",
            ));
        };
        match queue.try_send(Box::new(job)) {
            Ok(()) => {
                self.metrics.set_verify_queue(queue.len());
                Ok(())
            }
            Err(TrySendError::Full(_)) => Err(Reject::new(
                RejectKind::Busy,
                "too many signatures wait to be verified; ask again in a moment",
            )),
            Err(TrySendError::Disconnected(_)) => Err(Reject::new(
                RejectKind::Unavailable,
                "the server is stopping",
            )),
        }
    }

    /// Does what is queued and ends the threads.
    pub fn stop(&self) {
        drop(self.queue.lock().take());
        for worker in self.workers.lock().drain(..) {
            // A worker catches the panics of its jobs, so there is nothing to learn from its end.
            let _ = worker.join();
        }
    }
}

impl Drop for VerifyPool {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(queue: &Receiver<Job>) {
    for job in queue {
        // The job owns its reply; if it panics the reply is dropped and the waiting side answers with an internal error.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("verification panicked");
        }
    }
}
