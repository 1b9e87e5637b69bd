//! What waits for witnesses: submissions with `wait=cosigned`, and who asks for the newest cosigned tree.

use std::sync::Arc;

use treering_api::log::{
    Log as _, LogName, Receipt, SignedCheckpoint, SignedInclusion, Submission, Submitted, Wait,
};
use treering_api::reject::{Reject, RejectKind};
use treering_tlog::LeafIndex;

use super::{Service, read};
use crate::log::LogHandle;
use crate::log::commit::Published;
use crate::log::witnessed::Witnessed;
use crate::witness::{Feeders, Setup, SetupError};

impl Service {
    /// Has the checkpoints of the logs cosigned, of those that are added later too. To be called once, on a thread of the
    /// runtime.
    ///
    /// # Errors
    /// If the policy is for other logs, or a log would be its own witness.
    pub fn begin_witnessing(&self, setup: Setup) -> Result<(), SetupError> {
        let _one_at_a_time = self.adding.lock();
        let handles = self.handles();
        let identities: Vec<_> = handles.iter().map(|log| log.identity.as_ref()).collect();
        setup.check_logs(&identities)?;
        let parts = &self.parts;
        let (clock, metrics) = (Arc::clone(&parts.clock), Arc::clone(&parts.metrics));
        let feeders = Feeders::new(setup, clock, metrics, self.closing.clone());
        handles.iter().for_each(|log| feeders.feed(log.shared()));
        *self.feeders.lock() = Some(feeders);
        Ok(())
    }

    /// A tree with that index that the quorum of the log's witnesses cosigned, as soon as there is one: the newest such
    /// tree, its note with the cosignatures. [`Service::prove_in_tree`] proves entries in it.
    ///
    /// # Errors
    /// `Unsupported` if the log is under no witness policy, `DeadlineExceeded` after `witness.max_wait`, `Unavailable` when
    /// the server stops. After the last two the entry is in the log if its index was given.
    pub async fn cosigned(
        &self,
        handle: &LogHandle,
        index: LeafIndex,
    ) -> Result<Arc<Published>, Reject> {
        let witnessed = witnessed(handle)?;
        let limit = self.feeders.lock().as_ref().map(|all| all.setup().max_wait);
        let mut sizes = handle.watch();
        let covered = async {
            // Witnesses are not hurried for what the log does not have.
            if sizes.wait_for(|size| size.contains(index)).await.is_err() {
                return Err(not_cosigned(
                    handle,
                    index,
                    RejectKind::Unavailable,
                    "the server is stopping",
                ));
            }
            witnessed.want(index);
            Ok(witnessed.covering(index).await)
        };
        tokio::select! {
            tree = covered => tree,
            () = self.closing.cancelled() => Err(not_cosigned(handle, index, RejectKind::Unavailable, "the server is stopping")),
            () = tokio::time::sleep(limit.unwrap_or_default()) => {
                let size = witnessed.quorum().map_or(0, |tree| tree.checkpoint.size.get());
                let found = format!("after {:?} the quorum has cosigned size {size}", limit.unwrap_or_default());
                Err(not_cosigned(handle, index, RejectKind::DeadlineExceeded, &found))
            }
        }
    }

    /// The newest tree that the quorum of the log's witnesses cosigned.
    ///
    /// # Errors
    /// `Unsupported` if the log is under no witness policy, `NotFound` before the first one.
    pub fn newest_cosigned(&self, log: Option<&LogName>) -> Result<SignedCheckpoint, Reject> {
        let handle = self.log(log)?;
        let tree = witnessed(&handle)?.quorum().ok_or_else(|| {
            Reject::mismatch(
                RejectKind::NotFound,
                format!(
                    "a checkpoint of log {} that the quorum cosigned",
                    handle.name()
                ),
                "none yet",
            )
        })?;
        Ok(read::signed_checkpoint(&tree))
    }

    /// The newest checkpoint of a log, or the first that covers an index; of those that the quorum of its witnesses
    /// cosigned, if that is asked.
    ///
    /// # Errors
    /// Those of `Log::checkpoint` and `Log::wait`, or of [`Service::newest_cosigned`] and [`Service::cosigned`].
    pub async fn checkpoint_of(
        &self,
        log: &LogName,
        covers: Option<LeafIndex>,
        cosigned: bool,
    ) -> Result<SignedCheckpoint, Reject> {
        match (covers, cosigned) {
            (Some(index), false) => self.wait(Some(log), index).await,
            (None, false) => self.checkpoint(Some(log)).await,
            (Some(index), true) => self.wait_cosigned(Some(log), index).await,
            (None, true) => self.newest_cosigned(Some(log)),
        }
    }

    /// As [`Service::cosigned`], for who wants the checkpoint alone.
    ///
    /// # Errors
    /// As there.
    pub async fn wait_cosigned(
        &self,
        log: Option<&LogName>,
        index: LeafIndex,
    ) -> Result<SignedCheckpoint, Reject> {
        let handle = self.log(log)?;
        let tree = self.cosigned(&handle, index).await?;
        Ok(read::signed_checkpoint(&tree))
    }

    /// The inclusion proof of an index in exactly that published tree, with the tree's note: what
    /// [`Service::cosigned`] gave, for one. The tree must have the index.
    ///
    /// # Errors
    /// `Unavailable` or `Internal` for faults of the store.
    pub async fn prove_in_tree(
        &self,
        handle: &Arc<LogHandle>,
        index: LeafIndex,
        tree: Arc<Published>,
    ) -> Result<SignedInclusion, Reject> {
        let handle = Arc::clone(handle);
        read::blocking(move || handle.prove_exactly(index, &tree)).await
    }

    /// As `Log::submit`, and waits for what the caller wants to wait for.
    ///
    /// # Errors
    /// As there, and those of [`Service::cosigned`]; of these `Unsupported` before anything is logged.
    pub async fn submit_and_wait(
        &self,
        log: Option<&LogName>,
        submission: Submission,
        wait: Wait,
    ) -> Submitted {
        let handle = self.log(log)?;
        if wait == Wait::Cosigned {
            witnessed(&handle)?;
        }
        let answer = self.begin(&handle, submission)?;
        let receipts = self.finish(&handle, answer).await?;
        match (wait, last(&receipts)) {
            (Wait::Cosigned, Some(index)) => {
                let tree = self.cosigned(&handle, index).await?;
                prove_all(&handle, receipts, tree).await
            }
            _ => Ok(receipts),
        }
    }

    /// As `Log::submit_batch`, and waits for what the caller wants to wait for: once for all entries.
    pub async fn submit_batch_and_wait(
        &self,
        log: Option<&LogName>,
        submissions: Vec<Submission>,
        wait: Wait,
    ) -> Vec<Submitted> {
        if wait == Wait::Published {
            return self.submit_all(log, submissions).await;
        }
        let handle = match self
            .log(log)
            .and_then(|log| witnessed(&log).map(|_| log.clone()))
        {
            Ok(handle) => handle,
            Err(reject) => return submissions.iter().map(|_| Err(reject.clone())).collect(),
        };
        let submitted = self.submit_all(Some(handle.name()), submissions).await;
        let newest = submitted
            .iter()
            .flatten()
            .filter_map(|receipts| last(receipts))
            .max();
        let waited = match newest {
            Some(index) => self.cosigned(&handle, index).await,
            None => return submitted,
        };
        let mut results = Vec::with_capacity(submitted.len());
        for result in submitted {
            results.push(match result {
                Ok(receipts) => answer_one(&handle, receipts, &waited).await,
                Err(reject) => Err(reject),
            });
        }
        results
    }
}

/// What witnesses said of a log; the refusal of a log that has none.
fn witnessed(handle: &LogHandle) -> Result<&Witnessed, Reject> {
    handle.witnessed().ok_or_else(|| {
        Reject::mismatch(
            RejectKind::Unsupported,
            format!(
                "log {} to be under a witness policy (witness.policy)",
                handle.name()
            ),
            "none: nobody cosigns its checkpoints",
        )
    })
}

/// Says that the entry is logged all the same, where it is, and how to ask again.
fn not_cosigned(handle: &LogHandle, index: LeafIndex, kind: RejectKind, found: &str) -> Reject {
    let log = handle.name();
    if !handle.published().checkpoint.size.contains(index) {
        return Reject::mismatch(kind, format!("log {log} to have index {index}"), found);
    }
    let expected =
        format!("a checkpoint of log {log} that covers index {index} and that the quorum cosigned");
    let message = format!(
        "the entry is logged at index {index} of log {log}, but not cosigned yet: {found}; submit it again with wait=cosigned, or ask \
         for /v1/checkpoint?log={log}&covers={index}&cosigned=true"
    );
    Reject {
        kind,
        message,
        expected: Some(expected),
        found: Some(found.to_owned()),
    }
}

fn last(receipts: &[Receipt]) -> Option<LeafIndex> {
    receipts.iter().map(|receipt| receipt.index).max()
}

/// The receipts of one envelope of a batch, after the wait for the whole of it: older trees may cover this one.
async fn answer_one(
    handle: &Arc<LogHandle>,
    receipts: Vec<Receipt>,
    waited: &Result<Arc<Published>, Reject>,
) -> Submitted {
    let Some(index) = last(&receipts) else {
        return Ok(receipts);
    };
    match waited {
        Ok(tree) => prove_all(handle, receipts, Arc::clone(tree)).await,
        Err(reject) => {
            let quorum = handle.witnessed().and_then(Witnessed::quorum);
            match quorum.filter(|tree| tree.checkpoint.size.contains(index)) {
                Some(tree) => prove_all(handle, receipts, tree).await,
                None => {
                    let found = reject.found.as_deref().unwrap_or_default();
                    Err(not_cosigned(handle, index, reject.kind, found))
                }
            }
        }
    }
}

/// The receipts with their proofs in one tree.
async fn prove_all(
    handle: &Arc<LogHandle>,
    receipts: Vec<Receipt>,
    tree: Arc<Published>,
) -> Submitted {
    let handle = Arc::clone(handle);
    read::blocking(move || {
        let prove = |receipt: Receipt| {
            let proof = handle.prove_exactly(receipt.index, &tree)?;
            Ok(Receipt { proof, ..receipt })
        };
        receipts.into_iter().map(prove).collect()
    })
    .await
}
