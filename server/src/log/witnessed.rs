//! What the witnesses of a log have said, for everybody who reads its checkpoints. The feeder alone writes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::watch;
use treering_tlog::checkpoint::Checkpoint;
use treering_tlog::{LeafIndex, TreeSize};

use super::commit::Published;

/// The cosigned trees of a log under a witness policy.
#[derive(Default)]
pub struct Witnessed {
    /// The newest tree that some witness cosigned; its note has the cosignatures behind the log's signature.
    newest: ArcSwapOption<Published>,
    /// The newest tree that the quorum cosigned.
    quorum: ArcSwapOption<Published>,
    /// The size of the latter; 0 before the first.
    sizes: watch::Sender<TreeSize>,
    /// The largest size that somebody waits for.
    wanted: watch::Sender<TreeSize>,
    /// Which witnesses contradict the log, and how.
    alarms: Mutex<BTreeMap<String, String>>,
}

impl Witnessed {
    /// The tree of that very checkpoint (that of a frozen log may be marked later) with its cosignatures, if it is the
    /// newest that has any.
    #[must_use]
    pub fn of(&self, checkpoint: &Checkpoint) -> Option<Arc<Published>> {
        self.newest().filter(|tree| tree.checkpoint == *checkpoint)
    }

    /// The newest tree that a witness cosigned.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Published>> {
        self.newest.load_full()
    }

    /// The newest tree that the quorum cosigned.
    #[must_use]
    pub fn quorum(&self) -> Option<Arc<Published>> {
        self.quorum.load_full()
    }

    /// Asks for a round at once, until the quorum has cosigned a tree with that index. The index is in the log.
    pub fn want(&self, index: LeafIndex) {
        let size = super::following(index).as_size_before();
        self.wanted.send_if_modified(|wanted| {
            let more = size > *wanted;
            *wanted = size.max(*wanted);
            more
        });
    }

    /// Waits until the quorum has cosigned a tree that has the index.
    pub async fn covering(&self, index: LeafIndex) -> Arc<Published> {
        let mut sizes = self.sizes.subscribe();
        loop {
            // The sender lives in `self`; and what it tells of is stored before.
            if sizes.wait_for(|size| size.contains(index)).await.is_ok()
                && let Some(tree) = self.quorum()
            {
                return tree;
            }
        }
    }

    /// Which witnesses contradict the log, and how.
    #[must_use]
    pub fn alarms(&self) -> Vec<String> {
        self.alarms.lock().values().cloned().collect()
    }

    /// Tells of the largest size that somebody waits for.
    pub(crate) fn wanted(&self) -> watch::Receiver<TreeSize> {
        self.wanted.subscribe()
    }

    /// Puts a tree with its cosignatures in the place of an older one, or of itself with fewer of them.
    pub(crate) fn offer(&self, tree: Arc<Published>, satisfied: bool) {
        let size = tree.checkpoint.size;
        let at_most = |slot: &ArcSwapOption<Published>| {
            slot.load()
                .as_ref()
                .is_none_or(|held| held.checkpoint.size <= size)
        };
        let completes = satisfied && at_most(&self.quorum);
        // What readers of the newest tree see is never more than what those of the quorum's get after it.
        if completes {
            self.quorum.store(Some(Arc::clone(&tree)));
        }
        if at_most(&self.newest) {
            self.newest.store(Some(tree));
        }
        if completes {
            self.sizes.send_replace(size);
        }
    }

    pub(crate) fn set_alarm(&self, witness: &str, alarm: Option<String>) {
        let mut alarms = self.alarms.lock();
        match alarm {
            Some(alarm) => _ = alarms.insert(witness.to_owned(), alarm),
            None => _ = alarms.remove(witness),
        }
    }
}
