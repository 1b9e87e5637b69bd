//! The ordered steps that turn a staged batch into a published one. Each step says what a crash there leaves behind.

use std::sync::{Arc, OnceLock};

use treering_storage::published::PublishedFiles;
use treering_storage::{CommitError, Edge, Staged, Store};
use treering_tlog::Hash;
use treering_tlog::checkpoint::Checkpoint;
use treering_tlog::merkle::Growth;

use super::LogIdentity;
use super::batch::Placed;
use super::mark::Mark;
use super::signer::Signer;

/// A tree that is durable and signed, and that readers see.
pub struct Published {
    /// The note with the log's signature, and in what [`super::SharedLog::current`] gives with its cosignatures behind it.
    pub note: String,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The right edge of the tree, for partial tiles and proofs.
    pub edge: Edge,
    /// The nodes that the newest batch added: proofs for its entries need nothing else. `None` after a start.
    pub growth: Option<Growth>,
    /// The integrated time of the newest batch, in seconds since the Unix epoch.
    pub integrated_time: u64,
    /// Rekor v1's checkpoint of the tree, once somebody asked for it.
    pub(crate) rekor_v1_note: OnceLock<String>,
}

impl Published {
    /// The same tree with cosignature lines behind the log's signature. Its proofs come from the store.
    pub(crate) fn with_cosignatures(&self, lines: &str) -> Self {
        Self {
            note: format!("{}{lines}", self.note),
            checkpoint: self.checkpoint.clone(),
            edge: self.edge.clone(),
            growth: None,
            integrated_time: self.integrated_time,
            rekor_v1_note: self.rekor_v1_note.clone(),
        }
    }
}

/// The answer to a submission: where its entries stand, and the tree that holds them.
pub struct Sequenced {
    /// One for each entry, in order.
    pub placed: Vec<Placed>,
    /// The address of the kept envelope.
    pub envelope_sha256: Option<Hash>,
    /// A published tree that covers them.
    pub published: Arc<Published>,
}

/// What commits, signs and publishes for one log.
pub struct Committer {
    pub(crate) identity: Arc<LogIdentity>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) signer: Signer,
    pub(crate) files: Arc<PublishedFiles>,
}

impl Committer {
    /// Commits a staged batch and publishes the tree after it.
    ///
    /// # Errors
    /// The store's. After `Full` or `Conflict` nothing of the batch landed; after any other error that is unknown, so
    /// the caller must stop: whoever opens the store next sees which it was.
    pub fn commit(&self, staged: Staged) -> Result<Published, CommitError> {
        // Die here: nothing is durable; callers get no answer and may submit again.
        self.store.commit(&staged)?;
        // Die here: durable and unsigned. At the next start the same head is signed, never another root for its size.
        let integrated_time = staged.record.integrated_time;
        let published = self.sign(staged.edge, Some(staged.growth), integrated_time);
        // Die here: signed and unseen. A submitter who asks again gets the same index.
        self.remember(&published);
        // Die here: seen by readers perhaps, remembered outside the store perhaps; the store is never behind either.
        Ok(published)
    }

    /// Signs a tree that is durable.
    pub fn sign(&self, edge: Edge, growth: Option<Growth>, integrated_time: u64) -> Published {
        let (checkpoint, note) = self.signer.sign(&edge);
        Published {
            note,
            checkpoint,
            edge,
            growth,
            integrated_time,
            rekor_v1_note: OnceLock::new(),
        }
    }

    /// Signs the tree that a log ends with, marked as such.
    pub fn sign_final(&self, edge: Edge, integrated_time: u64, mark: &Mark) -> Published {
        let (checkpoint, note) = self.signer.sign_final(&edge, mark);
        Published {
            note,
            checkpoint,
            ..self.sign(edge, None, integrated_time)
        }
    }

    /// Keeps the checkpoint outside the store, so that a store which went back is noticed at the next start.
    pub fn remember(&self, published: &Published) {
        self.files
            .record(self.identity.name.as_str(), &published.note);
    }
}
