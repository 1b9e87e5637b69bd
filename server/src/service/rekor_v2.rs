//! Rekor v2's one operation: log an entry, or say where it is.

use std::sync::Arc;

use bytes::Bytes;
use treering_api::reject::{Reject, RejectKind};
use treering_tlog::LeafIndex;
use treering_tlog::merkle::InclusionProof;

use super::Service;
use super::content::{Content, RekorV2Request, RekorV2Rules};
use super::submit::sequenced;
use crate::log::LogHandle;
use crate::log::commit::Published;

/// What became of a request.
pub enum Logged {
    /// It has an index now.
    New(NewEntry),
    /// It had one before.
    Duplicate(LeafIndex),
}

/// An entry that was logged just now.
pub struct NewEntry {
    /// The leaf.
    pub leaf: Bytes,
    /// The way from it to the root of `published`.
    pub proof: InclusionProof,
    /// The tree that holds it.
    pub published: Arc<Published>,
}

impl Service {
    /// Logs an entry of a log of dialect rekor-v2. Answers when a signed checkpoint covers it.
    ///
    /// # Errors
    /// As for a submission.
    pub async fn log_rekor_v2(
        &self,
        handle: &Arc<LogHandle>,
        request: RekorV2Request,
        rules: RekorV2Rules,
    ) -> Result<Logged, Reject> {
        let answer = self.admit(handle, Content::RekorV2(request, rules))?;
        let sequenced = sequenced(answer).await?;
        let published = sequenced.published;
        let no_proof = || Reject::new(RejectKind::Internal, "no proof for a new entry");
        let placed = sequenced.placed.into_iter().next().ok_or_else(no_proof)?;
        if placed.duplicate {
            return Ok(Logged::Duplicate(placed.index));
        }
        let growth = published.growth.as_ref();
        let proof = growth.and_then(|growth| growth.prove(placed.index));
        let proof = proof.ok_or_else(|| {
            self.parts.metrics.rekor_v2().inclusion_proof_failed();
            no_proof()
        })?;
        self.parts.metrics.rekor_v2().entry_logged();
        Ok(Logged::New(NewEntry {
            leaf: placed.leaf,
            proof,
            published,
        }))
    }
}
