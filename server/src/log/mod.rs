//! One log: who may write, what is published, and the thread between them.

pub mod admission;
pub mod batch;
pub mod commit;
pub mod events;
pub mod nodes;
pub mod recover;
pub mod sequencer;
pub mod signer;
mod tile_cache;
pub mod tiles;
pub mod verify;

use std::sync::Arc;

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::{oneshot, watch};
use treering_api::log::{Dialect, LogInfo, LogName};
use treering_api::reject::{Reject, RejectKind};
use treering_storage::{LogId, Store, StoreError};
use treering_tlog::{LeafIndex, TreeSize};

use batch::Pending;
use commit::Published;
use sequencer::Command;

/// What a log is, for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    /// Its number in the store.
    pub id: LogId,
    /// Its name on this server.
    pub name: LogName,
    /// What its leaves are.
    pub dialect: Dialect,
    /// The first line of its checkpoints.
    pub origin: String,
    /// Its checkpoint key in C2SP's vkey form.
    pub vkey: String,
}

/// Whether a log takes entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Active,
    /// It does not, for ever; it keeps answering.
    Frozen {
        /// Its final size.
        size: TreeSize,
        /// The log that new entries go to.
        successor: Option<String>,
    },
    /// It does not, until the server is restarted: a commit failed and what it left is unknown.
    Failed {
        /// What failed.
        reason: String,
    },
}

/// A log of a running server, for everybody but its own thread.
pub struct LogHandle {
    pub(crate) identity: Arc<LogIdentity>,
    pub(crate) store: Arc<dyn Store>,
    published: ArcSwap<Published>,
    state: ArcSwap<State>,
    sizes: watch::Sender<TreeSize>,
    failure: watch::Sender<Option<String>>,
    cache: tile_cache::TileCache,
    queue: Sender<Command>,
}

impl LogHandle {
    pub(crate) fn new(
        identity: Arc<LogIdentity>,
        store: Arc<dyn Store>,
        published: Published,
        state: State,
        queue: Sender<Command>,
        failure: watch::Sender<Option<String>>,
        cache_bytes: usize,
    ) -> Arc<Self> {
        let sizes = watch::Sender::new(published.checkpoint.size);
        Arc::new(Self {
            identity,
            store,
            published: ArcSwap::from_pointee(published),
            state: ArcSwap::from_pointee(state),
            sizes,
            failure,
            cache: tile_cache::TileCache::new(cache_bytes),
            queue,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &LogName {
        &self.identity.name
    }

    /// What its leaves are.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.identity.dialect
    }

    /// The first line of its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.identity.origin
    }

    /// Its checkpoint key in C2SP's vkey form.
    #[must_use]
    pub fn vkey(&self) -> &str {
        &self.identity.vkey
    }

    /// Whether it takes entries.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Whether it was frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        matches!(**self.state.load(), State::Frozen { .. })
    }

    /// The newest tree that is durable and signed.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// Tells of every new published size.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<TreeSize> {
        self.sizes.subscribe()
    }

    /// As the list of logs shows it.
    #[must_use]
    pub fn info(&self) -> LogInfo {
        LogInfo {
            name: self.identity.name.clone(),
            dialect: self.identity.dialect,
            origin: self.identity.origin.clone(),
            vkey: self.identity.vkey.clone(),
            frozen: self.is_frozen(),
            size: self.published().checkpoint.size,
        }
    }

    /// Refuses when the log takes no entries.
    ///
    /// # Errors
    /// `Frozen` with the final size and the successor, `Unavailable` after a failed commit.
    pub fn check_writable(&self) -> Result<(), Reject> {
        match &**self.state.load() {
            State::Active => Ok(()),
            State::Frozen { size, successor } => Err(Reject::new(
                RejectKind::Frozen,
                match successor {
                    Some(successor) => format!(
                        "log {} is frozen at size {size}, new entries go to log {successor}",
                        self.identity.name
                    ),
                    None => format!("log {} is frozen at size {size}", self.identity.name),
                },
            )),
            State::Failed { .. } => Err(Reject::new(
                RejectKind::Unavailable,
                format!(
                    "log {} stopped after a failed commit; the operator must restart the server",
                    self.identity.name
                ),
            )),
        }
    }

    /// Hands a submission to the log's thread. The answer comes by its `reply`.
    pub(crate) fn enqueue(&self, pending: Pending) {
        if let Err(error) = self.queue.try_send(Command::Append(pending)) {
            let reject = match error {
                TrySendError::Full(_) => Reject::new(
                    RejectKind::Busy,
                    "too many entries wait for their index; ask again in a moment",
                ),
                TrySendError::Disconnected(_) => {
                    Reject::new(RejectKind::Unavailable, "the server is stopping")
                }
            };
            if let Command::Append(pending) = error.into_inner() {
                // The submitter may have gone away; then nobody waits for this answer.
                let _ = pending.reply.send(Err(reject));
            }
        }
    }

    pub(crate) async fn freeze(&self, successor: Option<String>) -> Result<TreeSize, Reject> {
        let stopping = || Reject::new(RejectKind::Unavailable, "the server is stopping");
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Command::Freeze { successor, reply })
            .map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    pub(crate) fn stop(&self) {
        // Without a receiver the thread has ended already. A full queue is worked off by the thread.
        let _ = self.queue.send(Command::Stop);
    }

    pub(crate) fn publish(&self, published: Published) -> Arc<Published> {
        let published = Arc::new(published);
        let size = published.checkpoint.size;
        self.published.store(Arc::clone(&published));
        self.sizes.send_replace(size);
        published
    }

    pub(crate) fn set_state(&self, state: State) {
        if let State::Failed { reason } = &state {
            let reason = format!("log {}: {reason}", self.identity.name);
            self.failure.send_replace(Some(reason));
        }
        self.state.store(Arc::new(state));
    }
}

/// The index after one that an entry has.
pub(crate) fn following(index: LeafIndex) -> LeafIndex {
    index.next().expect("an entry's index is far below 2^63: at a million entries a second that takes 292,000 years")
}

/// What a fault of the store means to a reader: the detail is for the server's own log.
pub(crate) fn read_fault(log: &LogName, error: &StoreError) -> Reject {
    tracing::error!(%log, %error, "store read failed");
    match error {
        StoreError::Unavailable { .. } => Reject::new(
            RejectKind::Unavailable,
            "the store does not answer; ask again",
        ),
        _ => Reject::new(
            RejectKind::Internal,
            "the store is damaged; the operator must run fsck",
        ),
    }
}
