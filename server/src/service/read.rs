//! The read path: entries with proofs, consistency, envelopes, waiting and following.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use treering_api::log::{Entry, EntryId, EntryStream, SignedCheckpoint, SignedInclusion};
use treering_api::reject::{Reject, RejectKind};
use treering_storage::envelopes::EnvelopeFiles;
use treering_storage::{Store, StoreError};
use treering_tlog::merkle::{ConsistencyProof, ProveError, consistency, inclusion};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::Service;
use crate::log::commit::Published;
use crate::log::nodes::StoreNodes;
use crate::log::{LogHandle, following, read_fault};

/// Runs what reads the store on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Reject> + Send + 'static,
) -> Result<T, Reject> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result,
        Err(_) => Err(Reject::new(RejectKind::Internal, "a read panicked")),
    }
}

pub(super) fn signed_checkpoint(published: &Published) -> SignedCheckpoint {
    SignedCheckpoint {
        note: published.note.clone(),
        checkpoint: published.checkpoint.clone(),
    }
}

pub(super) fn envelope(
    store: &dyn Store,
    files: &EnvelopeFiles,
    sha256: Hash,
) -> Result<Bytes, Reject> {
    let fault = |error| read_fault(format_args!("envelope {sha256}"), &error);
    if let Some(bytes) = store.envelope(sha256).map_err(fault)? {
        return Ok(bytes);
    }
    let kept = files.read(sha256).map_err(fault)?;
    kept.ok_or_else(|| {
        Reject::new(
            RejectKind::NotFound,
            format!("no envelope with sha256 {sha256} is kept here"),
        )
    })
}

impl LogHandle {
    pub(super) fn read_entry(&self, id: EntryId, size: Option<TreeSize>) -> Result<Entry, Reject> {
        let published = self.published();
        let index = match id {
            EntryId::Index(index) => index,
            EntryId::LeafHash(hash) => self.find(&hash)?,
        };
        let newest = published.checkpoint.size;
        if !newest.contains(index) {
            let wanted = match id {
                EntryId::Index(_) => format!("an index below size {newest} of log {}", self.name()),
                EntryId::LeafHash(_) => format!(
                    "an entry under the newest checkpoint (size {newest}) of log {}",
                    self.name()
                ),
            };
            return Err(Reject::mismatch(
                RejectKind::NotFound,
                wanted,
                index.to_string(),
            ));
        }
        let size = size.unwrap_or(newest);
        if size > newest || !size.contains(index) {
            let expected = format!(
                "a size from {} to {newest} for index {index}",
                following(index)
            );
            return Err(Reject::mismatch(
                RejectKind::OutOfRange,
                expected,
                size.to_string(),
            ));
        }
        let mut entry = self.read_at(index, &published)?;
        entry.proof = Some(self.prove_in(index, size, &published)?);
        Ok(entry)
    }

    pub(super) fn find(&self, leaf_hash: &Hash) -> Result<LeafIndex, Reject> {
        let found = self
            .store
            .indexes(self.identity.id, std::slice::from_ref(leaf_hash))
            .map_err(|error| read_fault(self.name(), &error))?;
        found.first().copied().flatten().ok_or_else(|| {
            Reject::mismatch(
                RejectKind::NotFound,
                format!("a leaf hash of log {}", self.name()),
                leaf_hash.to_string(),
            )
        })
    }

    /// The entry without a proof. The index is below the published size.
    pub(super) fn read_at(&self, index: LeafIndex, published: &Published) -> Result<Entry, Reject> {
        debug_assert!(
            published.checkpoint.size.contains(index),
            "callers check the size"
        );
        self.read_range(index, 1)?.pop().ok_or_else(|| {
            Reject::new(
                RejectKind::Internal,
                format!("entry {index} is not in the store"),
            )
        })
    }

    /// Entries without proofs, from `from` on, at most `count`.
    pub(super) fn read_range(&self, from: LeafIndex, count: usize) -> Result<Vec<Entry>, Reject> {
        let fault = |error: &_| read_fault(self.name(), error);
        let rows = self
            .store
            .entries(self.identity.id, from, count)
            .map_err(|error| fault(&error))?;
        let mut entries = Vec::with_capacity(rows.len());
        let mut index = from;
        let mut batch = None;
        for row in rows {
            let known =
                batch.filter(|batch: &treering_storage::BatchRow| batch.size.contains(index));
            let current = match known {
                Some(known) => Some(known),
                None => self
                    .store
                    .batch(self.identity.id, index)
                    .map_err(|error| fault(&error))?,
            };
            let integrated_time = current
                .ok_or_else(|| {
                    Reject::new(
                        RejectKind::Internal,
                        format!("entry {index} is in no batch"),
                    )
                })?
                .integrated_time;
            batch = current;
            entries.push(Entry {
                log: self.name().clone(),
                index,
                leaf: row.leaf,
                envelope_sha256: row.envelope_sha256,
                integrated_time,
                proof: None,
            });
            index = following(index);
        }
        Ok(entries)
    }

    /// The inclusion proof of an index in the tree of `size`, which is at most the published one.
    pub(super) fn prove_in(
        &self,
        index: LeafIndex,
        size: TreeSize,
        published: &Published,
    ) -> Result<SignedInclusion, Reject> {
        let nodes = self.tree_of(published);
        let inclusion =
            inclusion::prove(index, size, &nodes).map_err(|error| self.proof_fault(&error))?;
        let checkpoint = if size == published.checkpoint.size {
            self.note_of(published)
        } else {
            String::new()
        };
        Ok(SignedInclusion {
            inclusion,
            checkpoint,
        })
    }

    /// The inclusion proof of an index in the newest tree of `published`, with its note as it is there.
    pub(super) fn prove_exactly(
        &self,
        index: LeafIndex,
        published: &Published,
    ) -> Result<SignedInclusion, Reject> {
        let proof = self.prove_in(index, published.checkpoint.size, published)?;
        Ok(SignedInclusion {
            checkpoint: published.note.clone(),
            ..proof
        })
    }

    pub(super) fn prove_consistency(
        &self,
        from: TreeSize,
        to: Option<TreeSize>,
    ) -> Result<ConsistencyProof, Reject> {
        let published = self.published();
        let newest = published.checkpoint.size;
        let to = to.unwrap_or(newest);
        if from > to || to > newest {
            let expected = format!("from <= to <= {newest}, the size of the newest checkpoint");
            return Err(Reject::mismatch(
                RejectKind::OutOfRange,
                expected,
                format!("from {from} to {to}"),
            ));
        }
        let nodes = self.tree_of(&published);
        consistency::prove(from, to, &nodes).map_err(|error| self.proof_fault(&error))
    }

    /// The nodes of a published tree.
    pub(super) fn tree_of<'a>(&'a self, published: &'a Published) -> StoreNodes<'a> {
        let nodes = StoreNodes::new(self.store.as_ref(), self.identity.id, &published.edge);
        nodes.cached(&self.nodes)
    }

    fn proof_fault(&self, error: &ProveError<StoreError>) -> Reject {
        if let ProveError::Nodes(error) = error {
            return read_fault(self.name(), error);
        }
        tracing::error!(log = %self.name(), %error, "proof failed");
        Reject::new(
            RejectKind::Internal,
            "the tree could not be read; the operator must run fsck",
        )
    }
}

impl Service {
    pub(super) async fn wait_for(
        &self,
        handle: &LogHandle,
        index: LeafIndex,
    ) -> Result<SignedCheckpoint, Reject> {
        let mut sizes = handle.watch();
        let limit = self.parts.limits.max_wait;
        tokio::select! {
            covered = sizes.wait_for(|size| size.contains(index)) => match covered {
                Ok(_) => Ok(signed_checkpoint(&handle.current())),
                Err(_) => Err(Reject::new(RejectKind::Unavailable, "the server is stopping")),
            },
            () = self.closing.cancelled() => Err(Reject::new(RejectKind::Unavailable, "the server is stopping")),
            () = tokio::time::sleep(limit) => {
                let expected = format!("a checkpoint that covers index {index} within {limit:?}");
                Err(Reject::mismatch(RejectKind::DeadlineExceeded, expected, format!("size {}", handle.published().checkpoint.size)))
            }
        }
    }

    pub(super) fn tail_from(&self, handle: Arc<LogHandle>, from: LeafIndex) -> EntryStream {
        let tail = Tail {
            sizes: handle.watch(),
            handle,
            next: from,
            ready: VecDeque::new(),
            chunk: self.parts.limits.tail_chunk_entries,
            closing: self.closing.clone(),
            failed: false,
        };
        Box::pin(stream::unfold(tail, |mut tail| async move {
            tail.step().await.map(|item| (item, tail))
        }))
    }
}

/// A reader that follows a log.
struct Tail {
    handle: Arc<LogHandle>,
    sizes: watch::Receiver<TreeSize>,
    next: LeafIndex,
    ready: VecDeque<Entry>,
    chunk: usize,
    closing: CancellationToken,
    failed: bool,
}

impl Tail {
    /// The next entry; `None` when the server stops or after an error.
    async fn step(&mut self) -> Option<Result<Entry, Reject>> {
        if let Some(entry) = self.ready.pop_front() {
            return Some(Ok(entry));
        }
        if self.failed {
            return None;
        }
        let next = self.next;
        let size = tokio::select! {
            covered = self.sizes.wait_for(|size| size.contains(next)) => *covered.ok()?,
            () = self.closing.cancelled() => return None,
        };
        let handle = Arc::clone(&self.handle);
        // Never beyond what is signed, whatever the store holds already.
        let signed = usize::try_from(size.get() - next.get()).unwrap_or(usize::MAX);
        let count = self.chunk.min(signed);
        match blocking(move || handle.read_range(next, count)).await {
            Ok(entries) => {
                self.next = entries.last().map_or(next, |entry| following(entry.index));
                self.ready.extend(entries);
                match self.ready.pop_front() {
                    Some(entry) => Some(Ok(entry)),
                    None => self.fail(Reject::new(
                        RejectKind::Internal,
                        format!("entry {next} is not in the store"),
                    )),
                }
            }
            Err(reject) => self.fail(reject),
        }
    }

    fn fail(&mut self, reject: Reject) -> Option<Result<Entry, Reject>> {
        self.failed = true;
        Some(Err(reject))
    }
}
