//! The write path before the log's thread: check, admit, verify, hand over; and after it: the receipts.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use treering_api::log::{Dialect, LogName, Receipt, SignedInclusion, Submission, Submitted};
use treering_api::reject::{Reject, RejectKind};
use treering_attest::VerifierMaterial;
use treering_rekor::Canonical;
use treering_rekor::v2::{Refusal, RefusedEntry, VerifiedRequest, requests_from_submission};
use treering_storage::envelopes::{EnvelopeFiles, INLINE_MAX};
use treering_storage::record::EnvelopeRef;
use treering_tlog::Hash;

use super::verifiers::VerifierCache;
use super::{Service, read};
use crate::clock::Clock;
use crate::limits::Limits;
use crate::log::LogHandle;
use crate::log::admission::Permit;
use crate::log::batch::{Pending, PendingEntry, Placed};
use crate::log::commit::{Published, Sequenced};
use crate::metrics::Metrics;

/// Where the answer of the log's thread will come.
pub(super) type Answer = oneshot::Receiver<Result<Sequenced, Reject>>;

/// One admitted submission on its way to the log's thread.
struct Job {
    handle: Arc<LogHandle>,
    submission: Submission,
    verifiers: Arc<VerifierCache>,
    envelopes: Arc<EnvelopeFiles>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    runtime: tokio::runtime::Handle,
    permit: Permit,
    reply: oneshot::Sender<Result<Sequenced, Reject>>,
}

impl Service {
    /// Checks and admits a submission and queues its verification.
    pub(super) fn begin(
        &self,
        handle: &Arc<LogHandle>,
        submission: Submission,
    ) -> Result<Answer, Reject> {
        check_bounds(&self.parts.limits, &submission)?;
        handle.check_writable()?;
        let verifiers: usize = submission.verifiers.iter().map(Bytes::len).sum();
        let permit = self
            .admission
            .admit(submission.envelope.len() + verifiers)?;
        let (reply, answer) = oneshot::channel();
        let job = Job {
            handle: Arc::clone(handle),
            submission,
            verifiers: Arc::clone(&self.verifiers),
            envelopes: Arc::clone(&self.parts.envelopes),
            metrics: Arc::clone(&self.parts.metrics),
            clock: Arc::clone(&self.parts.clock),
            runtime: tokio::runtime::Handle::current(),
            permit,
            reply,
        };
        self.pool.submit(move || job.run())?;
        Ok(answer)
    }

    /// Waits for the log's thread and makes the receipts.
    pub(super) async fn finish(&self, handle: &Arc<LogHandle>, answer: Answer) -> Submitted {
        // The reply is only ever dropped unsent by a panic.
        let sequenced = answer.await.map_err(|_| {
            Reject::new(
                RejectKind::Internal,
                "the submission was dropped; submit it again",
            )
        })??;
        let fresh = sequenced.placed.iter().all(|placed| !placed.duplicate);
        if fresh {
            return sequenced
                .placed
                .iter()
                .map(|placed| fresh_receipt(handle, placed, &sequenced))
                .collect();
        }
        let handle = Arc::clone(handle);
        read::blocking(move || {
            sequenced
                .placed
                .iter()
                .map(|placed| receipt(&handle, placed, &sequenced))
                .collect()
        })
        .await
    }

    pub(super) async fn submit_all(
        &self,
        log: Option<&LogName>,
        submissions: Vec<Submission>,
    ) -> Vec<Submitted> {
        let handle = match self.log(log) {
            Ok(handle) => handle,
            Err(reject) => return submissions.iter().map(|_| Err(reject.clone())).collect(),
        };
        let limit = self.parts.limits.max_batch_items;
        if submissions.len() > limit {
            let reject = Reject::mismatch(
                RejectKind::TooLarge,
                format!("at most {limit} entries in one call"),
                submissions.len().to_string(),
            );
            return submissions.iter().map(|_| Err(reject.clone())).collect();
        }
        let begun: Vec<_> = submissions
            .into_iter()
            .map(|submission| self.begin(&handle, submission))
            .collect();
        let mut results = Vec::with_capacity(begun.len());
        for answer in begun {
            results.push(match answer {
                Ok(answer) => self.finish(&handle, answer).await,
                Err(reject) => Err(reject),
            });
        }
        results
    }
}

fn check_bounds(limits: &Limits, submission: &Submission) -> Result<(), Reject> {
    let over = |limit: usize, what: &str, found: usize| {
        Err(Reject::mismatch(
            RejectKind::TooLarge,
            format!("at most {limit} {what}"),
            found.to_string(),
        ))
    };
    if submission.envelope.len() > limits.max_envelope_bytes {
        return over(
            limits.max_envelope_bytes,
            "bytes of envelope",
            submission.envelope.len(),
        );
    }
    if submission.verifiers.len() > limits.max_verifiers {
        return over(
            limits.max_verifiers,
            "verifiers",
            submission.verifiers.len(),
        );
    }
    match submission
        .verifiers
        .iter()
        .map(Bytes::len)
        .find(|len| *len > limits.max_verifier_bytes)
    {
        Some(len) => over(limits.max_verifier_bytes, "bytes of verifier", len),
        None => Ok(()),
    }
}

impl Job {
    /// On a worker: verify, canonicalise, and hand over. Large bodies are first made durable beside the store.
    fn run(self) {
        let canonical = match self.canonicalize() {
            Ok(canonical) => canonical,
            Err(reject) => return self.refuse(reject),
        };
        if self.submission.envelope.len() <= INLINE_MAX {
            let bytes = self.submission.envelope.clone();
            let envelope = EnvelopeRef::Inline {
                sha256: Hash::of(&bytes),
                bytes,
            };
            self.enqueue(canonical, envelope);
        } else {
            // Hundreds of milliseconds of disk: not on a worker that others wait for.
            let runtime = self.runtime.clone();
            runtime.spawn_blocking(move || {
                match spool(&self.envelopes, &self.submission.envelope) {
                    Ok(envelope) => self.enqueue(canonical, envelope),
                    Err(reject) => self.refuse(reject),
                }
            });
        }
    }

    fn refuse(self, reject: Reject) {
        // The place is free before the answer is out.
        drop(self.permit);
        // The submitter may have gone away; then nobody waits for this answer.
        let _ = self.reply.send(Err(reject));
    }

    fn canonicalize(&self) -> Result<Vec<Canonical>, Reject> {
        let verifiers = self
            .submission
            .verifiers
            .iter()
            .map(|bytes| self.verifiers.parse(bytes))
            .collect::<Result<Vec<_>, _>>()?;
        let begin = self.clock.monotonic();
        let result = match self.handle.dialect() {
            Dialect::RekorV2 => rekor_v2_leaves(&self.submission.envelope, &verifiers)
                .map_err(|error| refusal(&error)),
            Dialect::RekorV1 => Err(Reject::new(
                RejectKind::Unsupported,
                "this version writes no entries of dialect rekor-v1",
            )),
        };
        self.metrics
            .verified(self.clock.monotonic().saturating_sub(begin));
        result
    }

    fn enqueue(self, canonical: Vec<Canonical>, envelope: EnvelopeRef) {
        let leaves: usize = canonical.iter().map(|entry| entry.leaf().len()).sum();
        let inline = if matches!(envelope, EnvelopeRef::Inline { .. }) {
            self.submission.envelope.len()
        } else {
            0
        };
        let pending = Pending {
            envelope_sha256: Some(envelope.sha256()),
            entries: canonical
                .into_iter()
                .map(|canonical| PendingEntry {
                    canonical,
                    envelope: Some(envelope.clone()),
                })
                .collect(),
            bytes: leaves + inline,
            permit: self.permit,
            reply: self.reply,
        };
        self.handle.enqueue(pending);
    }
}

fn spool(files: &EnvelopeFiles, body: &Bytes) -> Result<EnvelopeRef, Reject> {
    let write = || {
        let mut spool = files.spool(u64::try_from(body.len()).unwrap_or(u64::MAX))?;
        for chunk in body.chunks(1 << 20) {
            spool.write(chunk)?;
        }
        spool.finish()
    };
    let (sha256, len) = write().map_err(|error| {
        tracing::error!(%error, "envelope not kept");
        Reject::new(
            RejectKind::Unavailable,
            "the envelope could not be stored; nothing was logged, submit it again",
        )
    })?;
    Ok(EnvelopeRef::Spooled { sha256, len })
}

/// The leaves of an envelope or bundle on a log of dialect rekor-v2: one for each signature.
fn rekor_v2_leaves(
    bytes: &[u8],
    verifiers: &[VerifierMaterial],
) -> Result<Vec<Canonical>, RefusedEntry> {
    let requests = requests_from_submission(bytes, verifiers)?;
    if requests.is_empty() {
        return Err(RefusedEntry::Missing {
            expected: "at least one signature",
        });
    }
    requests.iter().map(VerifiedRequest::canonical).collect()
}

fn refusal(error: &RefusedEntry) -> Reject {
    let kind = match error.refusal() {
        Refusal::Malformed => RejectKind::Malformed,
        Refusal::Unverified => RejectKind::Unverified,
        Refusal::Unsupported => RejectKind::Unsupported,
        Refusal::TooLarge => RejectKind::TooLarge,
    };
    Reject::new(kind, error.to_string())
}

/// The receipt of an entry of the newest batch: everything is in memory.
fn fresh_receipt(
    handle: &LogHandle,
    placed: &Placed,
    sequenced: &Sequenced,
) -> Result<Receipt, Reject> {
    let published = &sequenced.published;
    Ok(Receipt {
        log: handle.name().clone(),
        index: placed.index,
        leaf_hash: placed.leaf_hash,
        envelope_sha256: sequenced.envelope_sha256,
        integrated_time: published.integrated_time,
        duplicate: false,
        proof: prove_fresh(placed, published)
            .ok_or_else(|| Reject::new(RejectKind::Internal, "no proof for a new entry"))?,
    })
}

fn prove_fresh(placed: &Placed, published: &Published) -> Option<SignedInclusion> {
    let inclusion = published.growth.as_ref()?.prove(placed.index)?;
    Some(SignedInclusion {
        inclusion,
        checkpoint: published.note.clone(),
    })
}

/// The receipt of any entry; that of a duplicate says what the first submitter was told.
fn receipt(handle: &LogHandle, placed: &Placed, sequenced: &Sequenced) -> Result<Receipt, Reject> {
    if !placed.duplicate {
        return fresh_receipt(handle, placed, sequenced);
    }
    let entry = handle.read_at(placed.index, &sequenced.published)?;
    let proof = match prove_fresh(placed, &sequenced.published) {
        Some(proof) => proof,
        None => handle.prove_in(
            placed.index,
            sequenced.published.checkpoint.size,
            &sequenced.published,
        )?,
    };
    Ok(Receipt {
        log: entry.log,
        index: placed.index,
        leaf_hash: placed.leaf_hash,
        envelope_sha256: entry.envelope_sha256,
        integrated_time: entry.integrated_time,
        duplicate: true,
        proof,
    })
}
