//! One log: who may write, what is published, and the thread between them.

pub mod admission;
pub mod batch;
pub mod commit;
pub mod events;
pub mod gzip;
pub mod mark;
mod node_cache;
pub mod nodes;
pub mod recover;
pub mod rekor_v1;
pub mod sequencer;
pub mod signer;
pub(crate) mod signer_keys;
mod tile_cache;
pub mod tiles;
pub mod verify;
pub mod witnessed;

use std::fmt::Display;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::{oneshot, watch};
use treering_api::log::{Dialect, LogInfo, LogName};
use treering_api::reject::{Reject, RejectKind};
use treering_storage::{LogId, Store, StoreError};
use treering_tlog::{LeafIndex, TreeSize};

use batch::Pending;
use commit::Published;
use gzip::{Compressor, Gzip, Gzipped};
use sequencer::{Command, Freeze};
use witnessed::Witnessed;

use crate::metrics::LogMetrics;

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
    /// The whole C2SP id of that key.
    pub key_id: [u8; 32],
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

/// What the thread of a log and everybody else share.
pub struct SharedLog {
    pub(crate) identity: Arc<LogIdentity>,
    pub(crate) store: Arc<dyn Store>,
    published: ArcSwap<Published>,
    state: ArcSwap<State>,
    sizes: watch::Sender<TreeSize>,
    failure: watch::Sender<Option<String>>,
    cache: tile_cache::TileCache,
    /// For proofs.
    pub(crate) nodes: node_cache::NodeCache,
    /// Set once the log is fed to witnesses.
    witnessed: OnceLock<Witnessed>,
    gzip: Gzip,
    rekor_v1: Option<Arc<rekor_v1::RekorV1>>,
    pub(crate) signer_keys: signer_keys::SignerKeys,
}

/// What a log keeps ready for its readers.
pub(crate) struct Ready {
    /// Bytes of full tiles and bundles, compressed ones among them.
    pub(crate) cache_bytes: usize,
    /// What compresses bundles.
    pub(crate) compressor: Arc<Compressor>,
    /// Where it is counted.
    pub(crate) metrics: LogMetrics,
    /// The second key, of a log of dialect rekor-v1.
    pub(crate) rekor_v1: Option<Arc<rekor_v1::RekorV1>>,
}

/// A log of a running server, for everybody but its own thread. The thread ends when the last handle is dropped, which
/// is why it holds none.
pub struct LogHandle {
    log: Arc<SharedLog>,
    queue: Sender<Command>,
}

impl Deref for LogHandle {
    type Target = SharedLog;

    fn deref(&self) -> &SharedLog {
        &self.log
    }
}

impl SharedLog {
    pub(crate) fn new(
        identity: Arc<LogIdentity>,
        store: Arc<dyn Store>,
        published: Published,
        state: State,
        failure: watch::Sender<Option<String>>,
        ready: Ready,
    ) -> Arc<Self> {
        let sizes = watch::Sender::new(published.checkpoint.size);
        Arc::new(Self {
            identity,
            store,
            published: ArcSwap::from_pointee(published),
            state: ArcSwap::from_pointee(state),
            sizes,
            failure,
            cache: tile_cache::TileCache::new(ready.cache_bytes),
            nodes: node_cache::NodeCache::default(),
            gzip: Gzip::new(ready.compressor, ready.metrics),
            rekor_v1: ready.rekor_v1,
            signer_keys: signer_keys::SignerKeys::default(),
            witnessed: OnceLock::new(),
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

    /// The whole C2SP id of its checkpoint key, which Rekor v2 calls the log id.
    #[must_use]
    pub fn key_id(&self) -> &[u8; 32] {
        &self.identity.key_id
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

    /// The newest tree that is durable and signed, with the cosignatures that it has got until now.
    #[must_use]
    pub fn current(&self) -> Arc<Published> {
        // In this order: what is cosigned was published before, so that what is loaded second is never older.
        let cosigned = self.witnessed().and_then(Witnessed::newest);
        let published = self.published();
        cosigned
            .filter(|cosigned| cosigned.checkpoint == published.checkpoint)
            .unwrap_or(published)
    }

    /// The note of a published tree, with the cosignatures that it has got until now.
    #[must_use]
    pub fn note_of(&self, published: &Published) -> String {
        let cosigned = self
            .witnessed()
            .and_then(|witnessed| witnessed.of(&published.checkpoint));
        match cosigned {
            Some(cosigned) => cosigned.note.clone(),
            None => published.note.clone(),
        }
    }

    /// What witnesses have said of it; `None` if it is under no witness policy.
    #[must_use]
    pub fn witnessed(&self) -> Option<&Witnessed> {
        self.witnessed.get()
    }

    /// Puts it under a witness policy, for as long as it runs.
    pub(crate) fn begin_witnessed(&self) -> &Witnessed {
        self.witnessed.get_or_init(Witnessed::default)
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

impl LogHandle {
    pub(crate) fn new(log: Arc<SharedLog>, queue: Sender<Command>) -> Arc<Self> {
        Arc::new(Self { log, queue })
    }

    /// What it shares with its thread.
    pub(crate) const fn shared(&self) -> &Arc<SharedLog> {
        &self.log
    }

    /// A full bundle as gzip; see [`SharedLog::gzipped`].
    pub async fn gzipped(&self, index: u64) -> Option<Gzipped> {
        self.log.gzipped(index).await
    }

    /// Hands a submission to the log's thread. The answer comes by its `reply`.
    pub(crate) fn enqueue(&self, pending: Pending) {
        if let Err(error) = self.queue.try_send(Command::Append(pending)) {
            let reject = match error {
                TrySendError::Full(_) => full(),
                TrySendError::Disconnected(_) => stopping(),
            };
            if let Command::Append(pending) = error.into_inner() {
                drop(pending.permit);
                // The submitter may have gone away; then nobody waits for this answer.
                let _ = pending.reply.send(Err(reject));
            }
        }
    }

    pub(crate) async fn freeze(&self, freeze: Freeze) -> Result<TreeSize, Reject> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Command::Freeze { freeze, reply })
            .map_err(|error| match error {
                TrySendError::Full(_) => full(),
                TrySendError::Disconnected(_) => stopping(),
            })?;
        answer.await.map_err(|_| stopping())?
    }

    pub(crate) fn stop(&self) {
        // Without a receiver the thread has ended already. A full queue is worked off by the thread.
        let _ = self.queue.send(Command::Stop);
    }
}

fn full() -> Reject {
    Reject::new(
        RejectKind::Busy,
        "too many entries wait for their index; ask again in a moment",
    )
}

fn stopping() -> Reject {
    Reject::new(RejectKind::Unavailable, "the server is stopping")
}

/// The index after one that an entry has.
pub(crate) fn following(index: LeafIndex) -> LeafIndex {
    index.next().expect("an entry's index is far below 2^63: at a million entries a second that takes 292,000 years")
}

/// What a fault of the store means to a reader: the detail is for the server's own log.
pub(crate) fn read_fault(what: impl Display, error: &StoreError) -> Reject {
    tracing::error!(%what, %error, "store read failed");
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

#[cfg(test)]
mod tests {
    use treering_storage::Edge;
    use treering_storage::memory::MemoryStore;

    use super::*;

    fn handle(queue: Sender<Command>) -> Arc<LogHandle> {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let signer = signer::Signer::new("log.example.org", key).unwrap();
        let (checkpoint, note) = signer.sign(&Edge::new());
        let identity = LogIdentity {
            id: LogId(0),
            name: LogName::new("a").unwrap(),
            dialect: Dialect::RekorV2,
            origin: "log.example.org".to_owned(),
            vkey: signer.verifier().to_string(),
            key_id: signer.verifier().full_id(),
        };
        let published = Published {
            note,
            checkpoint,
            edge: Edge::new(),
            growth: None,
            integrated_time: 0,
            rekor_v1_note: OnceLock::new(),
        };
        let log = SharedLog::new(
            Arc::new(identity),
            Arc::new(MemoryStore::new()),
            published,
            State::Active,
            watch::Sender::new(None),
            Ready {
                cache_bytes: 0,
                compressor: Arc::new(Compressor::start().unwrap()),
                metrics: crate::metrics::Metrics::new().log(&LogName::new("a").unwrap()),
                rekor_v1: None,
            },
        );
        LogHandle::new(log, queue)
    }

    #[tokio::test]
    async fn a_freeze_that_finds_no_room_is_told_to_come_again() {
        let (queue, receiver) = crossbeam_channel::bounded(0);
        let handle = handle(queue);
        let full = handle.freeze(Freeze::default()).await.unwrap_err();
        assert_eq!(full.kind, RejectKind::Busy, "{full}");
        drop(receiver);
        let stopping = handle.freeze(Freeze::default()).await.unwrap_err();
        assert_eq!(stopping.kind, RejectKind::Unavailable, "{stopping}");
    }
}
