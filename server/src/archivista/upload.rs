//! From uploaded bytes to an entry, to a document of one, or to what is held.

use std::sync::Arc;

use bytes::Bytes;
use treering_api::reject::{Reject, RejectKind};
use treering_attest::{Envelope, VerifierMaterial};
use treering_storage::envelopes::{EnvelopeFiles, INLINE_MAX};
use treering_storage::record::EnvelopeRef;
use treering_storage::{Attached, Gitoid, Held};
use treering_tlog::Hash;

use super::evaluate::{Signed, Verdict};
use super::join::Place;
use super::registry::Registry;
use super::{Archivista, store_fault};
use crate::config::UnknownKeys;
use crate::log::LogHandle;
use crate::metrics::UploadOutcome;
use crate::service::blocking;

/// What the bytes of an upload are.
enum Seen {
    /// Here already.
    Known,
    Envelope {
        sha256: Hash,
        payload: Hash,
        key_ids: Vec<String>,
        verdict: Verdict,
    },
}

impl Archivista {
    /// Takes an envelope. The same bytes again are the same document.
    ///
    /// # Errors
    /// `Malformed` for what is no envelope, `Unverified` if a known key contradicts a signature (or no key is known, if the settings
    /// refuse that), `Unsupported` without a log of Rekor v1, `Unavailable` and `Busy` for want of room, and those of a submission.
    pub async fn upload(self: &Arc<Self>, bytes: Bytes) -> Result<Gitoid, Reject> {
        let taken = self.take(bytes).await;
        self.metrics().uploaded(match &taken {
            Ok((_, outcome)) => *outcome,
            Err(reject) if reject.kind.wire().status.is_server_error() => UploadOutcome::Failed,
            Err(_) => UploadOutcome::Refused,
        });
        taken.map(|(gitoid, _)| gitoid)
    }

    async fn take(self: &Arc<Self>, bytes: Bytes) -> Result<(Gitoid, UploadOutcome), Reject> {
        let log = self.log()?;
        let (archivista, read) = (Arc::clone(self), bytes.clone());
        let (gitoid, seen) = blocking(move || archivista.see(&read)).await?;
        let Seen::Envelope {
            sha256,
            payload,
            key_ids,
            verdict,
        } = seen
        else {
            return Ok((gitoid, UploadOutcome::Known));
        };
        let outcome = match verdict {
            Verdict::Log(verifiers) => {
                self.log_new(log, gitoid, bytes, verifiers).await?;
                UploadOutcome::Logged
            }
            Verdict::Attach(place) => {
                self.attach_new(gitoid, sha256, place, bytes).await?;
                UploadOutcome::Attached
            }
            Verdict::Unknown(_) => {
                let held = Held {
                    gitoid,
                    envelope_sha256: sha256,
                    len: bytes.len() as u64,
                    arrived: self.service.clock().unix_secs(),
                    payload_sha256: payload,
                    key_ids,
                };
                self.hold(held, bytes).await?;
                UploadOutcome::Held
            }
        };
        Ok((gitoid, outcome))
    }

    fn see(&self, bytes: &[u8]) -> Result<(Gitoid, Seen), Reject> {
        let gitoid = Gitoid::of(bytes);
        let document = self.service.store().document(gitoid);
        if document.map_err(|error| store_fault(&error))?.is_some() {
            return Ok((gitoid, Seen::Known));
        }
        let envelope = Envelope::parse(bytes)
            .map_err(|error| Reject::new(RejectKind::Malformed, error.to_string()))?;
        let signed = Signed::new(&envelope);
        let verdict = self.evaluate(&signed, None)?;
        let signatures = envelope.signatures().iter();
        let seen = Seen::Envelope {
            sha256: Hash::of(bytes),
            payload: signed.payload,
            key_ids: signatures
                .map(|signature| signature.keyid.clone())
                .collect(),
            verdict,
        };
        Ok((gitoid, seen))
    }

    /// Logs it, in the next log if a rotation comes between.
    async fn log_new(
        self: &Arc<Self>,
        log: Arc<LogHandle>,
        gitoid: Gitoid,
        bytes: Bytes,
        verifiers: Vec<VerifierMaterial>,
    ) -> Result<(), Reject> {
        let sha256 = Hash::of(&bytes);
        let first = self
            .service
            .log_envelope(&log, bytes.clone(), verifiers.clone())
            .await;
        let (log, placed) = match first {
            Err(reject) if reject.kind == RejectKind::Frozen => {
                let next = self.service.successor(&log).await.ok_or(reject)?;
                let logged = self.service.log_envelope(&next, bytes.clone(), verifiers);
                let placed = logged.await?;
                (next, placed)
            }
            first => (log, first?),
        };
        if placed.duplicate {
            // An entry of before there were documents.
            let place = Place {
                log: log.identity.id,
                index: placed.index,
            };
            self.attach_new(gitoid, sha256, place, bytes).await?;
        }
        Ok(())
    }

    async fn attach_new(
        self: &Arc<Self>,
        gitoid: Gitoid,
        sha256: Hash,
        place: Place,
        bytes: Bytes,
    ) -> Result<(), Reject> {
        let permit = self.service.admission().admit(bytes.len())?;
        let archivista = Arc::clone(self);
        blocking(move || {
            let _permit = permit;
            let body = kept(archivista.service.envelope_files(), sha256, bytes, false)?;
            let attached = Attached {
                gitoid,
                envelope_sha256: sha256,
                log: place.log,
                index: place.index,
            };
            let written = archivista.service.store().attach(&attached, Some(&body));
            written.map_err(|error| archivista.write_fault(&error))?;
            archivista.metrics().joined();
            Ok(())
        })
        .await
    }

    async fn hold(self: &Arc<Self>, held: Held, bytes: Bytes) -> Result<(), Reject> {
        if self.settings.unknown_keys == UnknownKeys::Refuse {
            return Err(Reject::mismatch(
                RejectKind::Unverified,
                "an envelope whose keys are known here (log an entry of that key first, or have the operator add it to archivista.keys)",
                format!("key ids {:?}", held.key_ids),
            ));
        }
        let permit = self.service.admission().admit(bytes.len())?;
        let archivista = Arc::clone(self);
        blocking(move || {
            let _permit = permit;
            let room = archivista.registry.room(held.len)?;
            let files = archivista.service.envelope_files();
            let body = kept(files, held.envelope_sha256, bytes, true)?;
            let written = archivista.service.store().hold(&held, &body);
            written.map_err(|error| archivista.write_fault(&error))?;
            // Die here: held and not looked up; the next start does.
            Registry::fill(room, held, || archivista.published_sizes());
            archivista.show_held();
            Ok(())
        })
        .await
    }
}

/// A body as the store takes it: a large one is durable first.
fn kept(
    files: &EnvelopeFiles,
    sha256: Hash,
    bytes: Bytes,
    held: bool,
) -> Result<EnvelopeRef, Reject> {
    if bytes.len() <= INLINE_MAX {
        return Ok(EnvelopeRef::Inline { sha256, bytes });
    }
    let write = || {
        let mut spool = files.spool(bytes.len() as u64)?;
        for chunk in bytes.chunks(1 << 20) {
            spool.write(chunk)?;
        }
        if held {
            spool.finish_held()
        } else {
            spool.finish()
        }
    };
    let (sha256, len) = write().map_err(|error| {
        tracing::error!(%error, "envelope not kept");
        Reject::new(
            RejectKind::Unavailable,
            "the envelope could not be stored; upload it again",
        )
    })?;
    Ok(EnvelopeRef::Spooled { sha256, len })
}
