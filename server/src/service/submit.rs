//! The write path before the log's thread: check, admit, verify, hand over; and after it: the receipts.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use treering_api::log::{LogName, Receipt, SignedInclusion, Submission, Submitted};
use treering_api::reject::{Reject, RejectKind};
use treering_storage::envelopes::{EnvelopeFiles, INLINE_MAX};
use treering_storage::record::EnvelopeRef;
use treering_tlog::Hash;

use super::content::{Checked, CheckedEntry, Content};
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
    content: Content,
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
        self.admit(handle, Content::Submission(submission))
    }

    /// Admits what a door has bounded, and queues its verification.
    pub(super) fn admit(
        &self,
        handle: &Arc<LogHandle>,
        content: Content,
    ) -> Result<Answer, Reject> {
        handle.check_writable()?;
        let permit = self.admission.admit(content.len())?;
        let (reply, answer) = oneshot::channel();
        let job = Job {
            handle: Arc::clone(handle),
            content,
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
        let sequenced = sequenced(answer).await?;
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

/// Waits for the log's thread.
pub(super) async fn sequenced(answer: Answer) -> Result<Sequenced, Reject> {
    // The reply is only ever dropped unsent by a panic.
    answer.await.map_err(|_| {
        Reject::new(
            RejectKind::Internal,
            "the submission was dropped; submit it again",
        )
    })?
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
        let Checked { entries, envelope } = match self.check() {
            Ok(checked) => checked,
            Err(reject) => return self.refuse(reject),
        };
        match envelope {
            None => self.enqueue(entries, None),
            Some(bytes) if bytes.len() <= INLINE_MAX => {
                let envelope = EnvelopeRef::Inline {
                    sha256: Hash::of(&bytes),
                    bytes,
                };
                self.enqueue(entries, Some(envelope));
            }
            Some(bytes) => {
                // Hundreds of milliseconds of disk: not on a worker that others wait for.
                let runtime = self.runtime.clone();
                runtime.spawn_blocking(move || match spool(&self.envelopes, &bytes) {
                    Ok(envelope) => self.enqueue(entries, Some(envelope)),
                    Err(reject) => self.refuse(reject),
                });
            }
        }
    }

    fn refuse(self, reject: Reject) {
        // The place is free before the answer is out.
        drop(self.permit);
        // The submitter may have gone away; then nobody waits for this answer.
        let _ = self.reply.send(Err(reject));
    }

    fn check(&self) -> Result<Checked, Reject> {
        let begin = self.clock.monotonic();
        let checked = self.content.check(
            self.handle.dialect(),
            &self.verifiers,
            self.clock.unix_secs(),
        );
        self.metrics
            .verified(self.clock.monotonic().saturating_sub(begin));
        checked
    }

    fn enqueue(self, entries: Vec<CheckedEntry>, envelope: Option<EnvelopeRef>) {
        let leaves = entries.iter().map(|entry| entry.canonical.leaf().len());
        let leaves: usize = leaves.sum();
        let inline = match &envelope {
            Some(EnvelopeRef::Inline { bytes, .. }) => bytes.len(),
            _ => 0,
        };
        let pending = Pending {
            envelope_sha256: envelope.as_ref().map(EnvelopeRef::sha256),
            entries: entries
                .into_iter()
                .map(|entry| pending(&self.handle, entry, envelope.as_ref()))
                .collect(),
            bytes: leaves + inline,
            permit: self.permit,
            reply: self.reply,
        };
        self.handle.enqueue(pending);
    }
}

/// An entry with what it is found by; of keys that the log has met before that costs nothing.
fn pending(log: &LogHandle, checked: CheckedEntry, envelope: Option<&EnvelopeRef>) -> PendingEntry {
    let (keys, of_keys) = log.signer_keys.missing(&checked.keys);
    let mut terms = checked.terms;
    terms.extend(of_keys);
    PendingEntry {
        canonical: checked.canonical,
        terms,
        keys,
        gitoid: checked.gitoid.filter(|_| envelope.is_some()),
        envelope: envelope.cloned(),
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
        proof: prove_fresh(handle, placed, published)
            .ok_or_else(|| Reject::new(RejectKind::Internal, "no proof for a new entry"))?,
    })
}

fn prove_fresh(
    handle: &LogHandle,
    placed: &Placed,
    published: &Published,
) -> Option<SignedInclusion> {
    let inclusion = published.growth.as_ref()?.prove(placed.index)?;
    Some(SignedInclusion {
        inclusion,
        checkpoint: handle.note_of(published),
    })
}

/// The receipt of any entry; that of a duplicate says what the first submitter was told.
fn receipt(handle: &LogHandle, placed: &Placed, sequenced: &Sequenced) -> Result<Receipt, Reject> {
    if !placed.duplicate {
        return fresh_receipt(handle, placed, sequenced);
    }
    let entry = handle.read_at(placed.index, &sequenced.published)?;
    let proof = match prove_fresh(handle, placed, &sequenced.published) {
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
