//! What the server does, whatever the door: `treering_api::Log` over its logs.

mod add;
mod archivista;
mod content;
mod cosign;
mod read;
pub mod rekor_v1;
mod rekor_v1_search;
pub mod rekor_v2;
mod retire;
mod subjects;
mod submit;
mod verifiers;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use treering_api::log::{
    Dialect, Entry, EntryId, EntryStream, Log, LogInfo, LogName, SignedCheckpoint, Submission,
    Submitted,
};
use treering_api::reject::{Reject, RejectKind};
use treering_storage::Store;
use treering_storage::envelopes::EnvelopeFiles;
use treering_storage::published::PublishedFiles;
use treering_tlog::merkle::ConsistencyProof;
use treering_tlog::{Hash, LeafIndex, TreeSize};

pub use content::{RekorV2Request, RekorV2Rules};
pub(crate) use read::blocking;
pub use retire::{FINAL_CHECKPOINT_SUFFIX, final_checkpoint};
pub(crate) use subjects::subject_terms;

use crate::clock::Clock;
use crate::keys::ecdsa::SecondKey;
use crate::limits::Limits;
use crate::log::LogHandle;
use crate::log::admission::{Admission, FreeDisk};
use crate::log::events::EventLog;
use crate::log::gzip::Compressor;
use crate::log::recover::{OpenError, check_names, describe};
use crate::log::sequencer::Freeze;
use crate::log::verify::VerifyPool;
use crate::log::witnessed::Witnessed;
use crate::metrics::Metrics;
use crate::witness::Feeders;
use verifiers::VerifierCache;

/// Loads the checkpoint key of a log by the log's name; the error is text for the operator.
pub type KeyLoader = Box<dyn Fn(&LogName) -> Result<SigningKey, String> + Send + Sync>;

/// Loads the second key of a log of dialect rekor-v1.
pub type SecondKeyLoader = Box<dyn Fn(&LogName) -> Result<SecondKey, String> + Send + Sync>;

/// What a service is made of.
pub struct ServiceParts {
    /// Journal and view.
    pub store: Arc<dyn Store>,
    /// Bodies over [`treering_storage::envelopes::INLINE_MAX`].
    pub envelopes: Arc<EnvelopeFiles>,
    /// What was last published, outside the store.
    pub published: Arc<PublishedFiles>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The bounds.
    pub limits: Limits,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
    /// Checkpoint keys.
    pub keys: KeyLoader,
    /// The second keys of rekor-v1 logs.
    pub second_keys: SecondKeyLoader,
    /// The data directory, where the final checkpoints of rekor-v1 logs are put.
    pub root: PathBuf,
    /// Free bytes where the store lives.
    pub free_disk: FreeDisk,
    /// How many threads verify signatures.
    pub verify_workers: usize,
}

/// How the service is, for `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How long the oldest admitted submission has waited.
    pub oldest_waiting: Duration,
    /// A log that stopped after a failed commit, or that was not added as a whole, and why.
    pub failed: Option<String>,
    /// Free bytes and the reserve, when the former is below the latter.
    pub disk_low: Option<(u64, u64)>,
    /// Why the newest try failed to keep published checkpoints outside the store: one that goes back now goes back unnoticed.
    pub published_failed: Option<String>,
    /// Which witnesses hold what contradicts a log: it went back, or shows them and others different trees.
    pub witness_alarms: Vec<String>,
    /// The service is stopping.
    pub stopping: bool,
}

/// The logs of a server and what they share.
pub struct Service {
    pub(super) parts: ServiceParts,
    pub(super) admission: Arc<Admission>,
    pub(super) pool: VerifyPool,
    pub(super) compressor: Arc<Compressor>,
    pub(super) verifiers: Arc<VerifierCache>,
    pub(super) closing: CancellationToken,
    logs: RwLock<Vec<Arc<LogHandle>>>,
    /// Tells of every log that was added.
    added: watch::Sender<usize>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    events: Arc<EventLog>,
    failure: watch::Sender<Option<String>>,
    /// Held while a log is added, so that numbers are given once.
    adding: Mutex<()>,
    feeders: Mutex<Option<Feeders>>,
}

impl Service {
    /// Reads every log back from the store, checks it against what was published, signs its head and starts its
    /// thread. Blocks; a large log takes milliseconds, not minutes, for only its right edge is read.
    ///
    /// # Errors
    /// [`OpenError`]: nothing is served from a store that went back or is damaged.
    pub fn open(parts: ServiceParts) -> Result<Arc<Self>, OpenError> {
        let events = parts.store.events()?;
        let descriptions = describe(&events)?;
        check_names(&parts.published.names()?, &descriptions)?;
        let queue_len = parts.limits.max_submissions_in_flight;
        let pool = VerifyPool::start(parts.verify_workers, queue_len, Arc::clone(&parts.metrics))?;
        let free = {
            let probe = Arc::new(parts.free_disk);
            let for_admission = Arc::clone(&probe);
            (
                Box::new(move || probe()) as FreeDisk,
                Box::new(move || for_admission()) as FreeDisk,
            )
        };
        let parts = ServiceParts {
            free_disk: free.0,
            ..parts
        };
        let admission = Admission::new(
            parts.limits.clone(),
            Arc::clone(&parts.clock),
            Arc::clone(&parts.metrics),
            free.1,
        );
        let service = Self {
            admission,
            pool,
            compressor: Arc::new(Compressor::start()?),
            verifiers: Arc::new(VerifierCache::new(parts.limits.max_cached_verifiers)),
            closing: CancellationToken::new(),
            logs: RwLock::new(Vec::new()),
            added: watch::Sender::new(0),
            threads: Mutex::new(Vec::new()),
            events: Arc::new(EventLog::new(Arc::clone(&parts.store), events.len())),
            failure: watch::Sender::new(None),
            adding: Mutex::new(()),
            feeders: Mutex::new(None),
            parts,
        };
        for description in descriptions {
            let key = (service.parts.keys)(&description.name).map_err(|reason| OpenError::Key {
                name: description.name.to_string(),
                reason,
            })?;
            service.launch(service.prepare(description, key)?)?;
        }
        Ok(Arc::new(service))
    }

    /// The log of that name, or the default one: the newest active log of dialect rekor-v1, else of rekor-v2; where all are frozen
    /// the newest of these.
    ///
    /// # Errors
    /// `NotFound`, which names what there is.
    pub fn log(&self, name: Option<&LogName>) -> Result<Arc<LogHandle>, Reject> {
        let logs = self.logs.read();
        let found = match name {
            Some(name) => logs.iter().find(|log| log.name() == name),
            None => newest(&logs, Dialect::RekorV1, true)
                .or_else(|| newest(&logs, Dialect::RekorV2, true))
                .or_else(|| newest(&logs, Dialect::RekorV1, false))
                .or_else(|| newest(&logs, Dialect::RekorV2, false)),
        };
        found.cloned().ok_or_else(|| {
            let names: Vec<&str> = logs.iter().map(|log| log.name().as_str()).collect();
            let found = name.map_or("no log", LogName::as_str);
            Reject::mismatch(
                RejectKind::NotFound,
                format!("one of the logs {names:?}"),
                found,
            )
        })
    }

    /// Waits until there is a log of that name, for at most `limit`; whether there is.
    pub async fn wait_for_log(&self, name: &str, limit: Duration) -> bool {
        let mut added = self.added.subscribe();
        let there = |_: &usize| {
            self.logs
                .read()
                .iter()
                .any(|log| log.name().as_str() == name)
        };
        let waited = tokio::time::timeout(limit, added.wait_for(there)).await;
        matches!(waited, Ok(Ok(_)))
    }

    /// The newest active log of a dialect, or the newest frozen one if none is active.
    #[must_use]
    pub fn default_log(&self, dialect: Dialect) -> Option<Arc<LogHandle>> {
        let logs = self.logs.read();
        newest(&logs, dialect, true)
            .or_else(|| newest(&logs, dialect, false))
            .cloned()
    }

    /// All logs in the order they were added.
    #[must_use]
    pub fn handles(&self) -> Vec<Arc<LogHandle>> {
        self.logs.read().clone()
    }

    /// Freezes a log after what it has accepted; answers with its final size.
    ///
    /// # Errors
    /// `Frozen` if it is frozen already, `NotFound`, `Unavailable`.
    pub async fn freeze(
        &self,
        name: &LogName,
        successor: Option<&LogName>,
    ) -> Result<TreeSize, Reject> {
        self.freeze_as(name, successor, false).await
    }

    /// As [`freeze`](Self::freeze), and has the final checkpoint say so: see [`Mark`](crate::log::mark::Mark).
    ///
    /// # Errors
    /// As `freeze`.
    pub async fn freeze_marked(
        &self,
        name: &LogName,
        successor: Option<&LogName>,
    ) -> Result<TreeSize, Reject> {
        self.freeze_as(name, successor, true).await
    }

    /// Freezes a log of dialect rekor-v1 for a successor that is added right after it: its indexes begin where these end.
    ///
    /// # Errors
    /// As `freeze`.
    pub async fn freeze_for(
        &self,
        name: &LogName,
        successor: &LogName,
    ) -> Result<TreeSize, Reject> {
        let freeze = Freeze {
            successor: Some((successor.to_string(), successor.to_string())),
            mark: false,
        };
        let log = self.log(Some(name))?;
        let size = log.freeze(freeze).await?;
        self.sign_ahead(&log);
        Ok(size)
    }

    async fn freeze_as(
        &self,
        name: &LogName,
        successor: Option<&LogName>,
        mark: bool,
    ) -> Result<TreeSize, Reject> {
        let successor = match successor {
            None => None,
            Some(successor) => {
                let handle = self.log(Some(successor))?;
                handle.check_writable()?;
                if handle.dialect() == Dialect::RekorV1 {
                    return Err(Reject::malformed(
                        "no successor that is there already, for the indexes of a rekor-v1 log begin where its predecessor ends (log rotate adds one)",
                        successor.to_string(),
                    ));
                }
                Some((successor.to_string(), handle.origin().to_owned()))
            }
        };
        let freeze = Freeze { successor, mark };
        let log = self.log(Some(name))?;
        let size = log.freeze(freeze).await?;
        self.sign_ahead(&log);
        Ok(size)
    }

    /// How the service is.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            oldest_waiting: self.admission.oldest_waiting(),
            failed: self.failure.borrow().clone(),
            disk_low: self.admission.disk_low(),
            published_failed: self
                .parts
                .published
                .last_error()
                .map(|error| error.to_string()),
            witness_alarms: self.witness_alarms(),
            stopping: self.admission.is_stopping(),
        }
    }

    fn witness_alarms(&self) -> Vec<String> {
        let handles = self.handles();
        let witnessed = handles.iter().filter_map(|log| log.witnessed());
        witnessed.flat_map(Witnessed::alarms).collect()
    }

    /// Waits until a log has failed; the process should then stop, for only a restart reads the truth from the store.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        // The sender lives as long as the service.
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends the open tails and waits at once; submissions are still answered. The first step of a stop.
    pub fn close_streams(&self) {
        self.closing.cancel();
    }

    /// Refuses new submissions, answers those that were accepted (for at most `limit`), ends the threads and makes the
    /// published checkpoints durable. Blocks. Says whether everybody was answered.
    pub fn stop(&self, limit: Duration) -> bool {
        self.close_streams();
        let answered = self.admission.drain(limit);
        self.pool.stop();
        if let Some(feeders) = self.feeders.lock().take() {
            feeders.wait(limit);
        }
        for log in self.handles() {
            log.stop();
        }
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a log's thread panicked");
            }
        }
        self.compressor.stop();
        if let Err(error) = self.parts.published.flush() {
            tracing::error!(%error, "published checkpoints not flushed");
        }
        answered
    }
}

/// Whoever gives up without a stop (a start that failed half way) leaves no thread behind that holds the store: a
/// database that is open while the process ends is torn down under the hands of its users.
impl Drop for Service {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

fn newest(logs: &[Arc<LogHandle>], dialect: Dialect, active: bool) -> Option<&Arc<LogHandle>> {
    logs.iter()
        .rev()
        .find(|log| log.dialect() == dialect && (!active || !log.is_frozen()))
}

#[async_trait]
impl Log for Service {
    async fn submit(&self, log: Option<&LogName>, submission: Submission) -> Submitted {
        let handle = self.log(log)?;
        let answer = self.begin(&handle, submission)?;
        self.finish(&handle, answer).await
    }

    async fn submit_batch(
        &self,
        log: Option<&LogName>,
        submissions: Vec<Submission>,
    ) -> Vec<Submitted> {
        self.submit_all(log, submissions).await
    }

    async fn entry(
        &self,
        log: Option<&LogName>,
        id: EntryId,
        size: Option<TreeSize>,
    ) -> Result<Entry, Reject> {
        let handle = self.log(log)?;
        blocking(move || handle.read_entry(id, size)).await
    }

    async fn consistency(
        &self,
        log: Option<&LogName>,
        from: TreeSize,
        to: Option<TreeSize>,
    ) -> Result<ConsistencyProof, Reject> {
        let handle = self.log(log)?;
        blocking(move || handle.prove_consistency(from, to)).await
    }

    async fn checkpoint(&self, log: Option<&LogName>) -> Result<SignedCheckpoint, Reject> {
        Ok(read::signed_checkpoint(&self.log(log)?.current()))
    }

    async fn wait(
        &self,
        log: Option<&LogName>,
        index: LeafIndex,
    ) -> Result<SignedCheckpoint, Reject> {
        let handle = self.log(log)?;
        self.wait_for(&handle, index).await
    }

    async fn tail(&self, log: Option<&LogName>, from: LeafIndex) -> Result<EntryStream, Reject> {
        Ok(self.tail_from(self.log(log)?, from))
    }

    async fn logs(&self) -> Result<Vec<LogInfo>, Reject> {
        Ok(self.handles().iter().map(|log| log.info()).collect())
    }

    async fn envelope(&self, sha256: Hash) -> Result<Bytes, Reject> {
        let (store, files) = (
            Arc::clone(&self.parts.store),
            Arc::clone(&self.parts.envelopes),
        );
        blocking(move || read::envelope(store.as_ref(), &files, sha256)).await
    }
}
