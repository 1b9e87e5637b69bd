//! From uploaded bytes to an entry, to a document of one, or to what is held.

use std::sync::Arc;

use bytes::Bytes;
use tracing::Instrument as _;
use treering_api::reject::{Reject, RejectKind};
use treering_attest::{Envelope, VerifierMaterial};
use treering_storage::envelopes::{EnvelopeFiles, INLINE_MAX};
use treering_storage::record::EnvelopeRef;
use treering_storage::{Attached, Gitoid, Held};
use treering_tlog::Hash;

use super::evaluate::{ECHO, Signed, Verdict, payload_hash};
use super::join::Place;
use super::registry::Registry;
use super::{Archivista, store_fault};
use crate::config::UnknownKeys;
use crate::log::LogHandle;
use crate::metrics::UploadOutcome;
use crate::service::blocking;

/// As many key ids as an error repeats.
const MOST_ECHOED: usize = 4;

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
    /// Takes an envelope. The same bytes again are the same document. It is taken to the end, whether whoever sent it waits or not;
    /// until then `held` is kept.
    ///
    /// # Errors
    /// `Malformed` for what is no envelope, `Unverified` if a known key contradicts a signature (or no key is known, if the settings
    /// refuse that), `Unsupported` without a log of Rekor v1, `Unavailable` and `Busy` for want of room, `TooLarge` for what there is
    /// never room for, and those of a submission.
    pub async fn upload<H: Send + 'static>(
        self: &Arc<Self>,
        bytes: Bytes,
        held: H,
    ) -> Result<Gitoid, Reject> {
        let archivista = Arc::clone(self);
        let taking = async move {
            let taken = archivista.take(bytes).await;
            drop(held);
            archivista.metrics().uploaded(match &taken {
                Ok((_, outcome)) => *outcome,
                Err(reject) if reject.kind.wire().status.is_server_error() => UploadOutcome::Failed,
                Err(_) => UploadOutcome::Refused,
            });
            taken.map(|(gitoid, _)| gitoid)
        };
        let taken = tokio::spawn(taking.in_current_span());
        let panicked = |_| Reject::new(RejectKind::Internal, "an upload panicked");
        taken.await.map_err(panicked)?
    }

    async fn take(self: &Arc<Self>, bytes: Bytes) -> Result<(Gitoid, UploadOutcome), Reject> {
        let log = self.log()?;
        let (archivista, read) = (Arc::clone(self), bytes.clone());
        let (gitoid, payload) = blocking(move || archivista.identify(&read)).await?;
        let Some(payload) = payload else {
            return Ok((gitoid, UploadOutcome::Known));
        };
        // Another spelling that comes at the same time sees the entry of this one.
        let _turn = self.turns.of(payload).await?;
        let first = self.place(&log, gitoid, bytes.clone()).await;
        let outcome = match first {
            Err(reject) if reject.kind == RejectKind::Frozen => {
                let next = self.service.successor(&log).await.ok_or(reject)?;
                self.place(&next, gitoid, bytes).await?
            }
            first => first?,
        };
        Ok((gitoid, outcome))
    }

    /// Its gitoid, and the SHA-256 of its payload if it is not here yet.
    fn identify(&self, bytes: &[u8]) -> Result<(Gitoid, Option<Hash>), Reject> {
        let gitoid = Gitoid::of(bytes);
        if self.is_here(gitoid)? {
            return Ok((gitoid, None));
        }
        Ok((gitoid, Some(payload_hash(&parse(bytes)?))))
    }

    fn is_here(&self, gitoid: Gitoid) -> Result<bool, Reject> {
        let document = self.service.store().document(gitoid);
        Ok(document.map_err(|error| store_fault(&error))?.is_some())
    }

    /// Looks it up, and puts it where it belongs.
    async fn place(
        self: &Arc<Self>,
        log: &Arc<LogHandle>,
        gitoid: Gitoid,
        bytes: Bytes,
    ) -> Result<UploadOutcome, Reject> {
        let (archivista, read) = (Arc::clone(self), bytes.clone());
        let seen = blocking(move || archivista.see(gitoid, &read)).await?;
        let Seen::Envelope {
            sha256,
            payload,
            key_ids,
            verdict,
        } = seen
        else {
            return Ok(UploadOutcome::Known);
        };
        match verdict {
            Verdict::Log(verifiers) => {
                self.log_new(log, gitoid, sha256, bytes, verifiers).await?;
                Ok(UploadOutcome::Logged)
            }
            Verdict::Attach(place) => {
                self.attach_new(gitoid, sha256, place, bytes).await?;
                Ok(UploadOutcome::Attached)
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
                Ok(UploadOutcome::Held)
            }
        }
    }

    fn see(&self, gitoid: Gitoid, bytes: &[u8]) -> Result<Seen, Reject> {
        if self.is_here(gitoid)? {
            return Ok(Seen::Known);
        }
        let envelope = parse(bytes)?;
        let signed = Signed::new(&envelope);
        let verdict = self.evaluate(&signed, None)?;
        let signatures = envelope.signatures().iter();
        Ok(Seen::Envelope {
            sha256: Hash::of(bytes),
            payload: signed.payload,
            key_ids: signatures
                .map(|signature| signature.keyid.clone())
                .collect(),
            verdict,
        })
    }

    async fn log_new(
        self: &Arc<Self>,
        log: &Arc<LogHandle>,
        gitoid: Gitoid,
        sha256: Hash,
        bytes: Bytes,
        verifiers: Vec<VerifierMaterial>,
    ) -> Result<(), Reject> {
        let logged = self.service.log_envelope(log, bytes.clone(), verifiers);
        let placed = logged.await?;
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
            archivista.has_room(place)?;
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
                format!("key ids {}", shortened(&held.key_ids)),
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

fn parse(bytes: &[u8]) -> Result<Envelope<'_>, Reject> {
    Envelope::parse(bytes).map_err(|error| Reject::new(RejectKind::Malformed, error.to_string()))
}

/// The first key ids, for an error.
fn shortened(key_ids: &[String]) -> String {
    let first: Vec<String> = (key_ids.iter().take(MOST_ECHOED))
        .map(|key_id| key_id.chars().take(ECHO).collect())
        .collect();
    let others = key_ids.len() - first.len();
    match others {
        0 => format!("{first:?}"),
        others => format!("{first:?} and {others} others"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_repeats_little_of_key_ids() {
        assert_eq!(shortened(&["a".to_owned()]), r#"["a"]"#);
        let many = vec!["\u{1f511}".repeat(1000); 64];
        let text = shortened(&many);
        assert!(text.ends_with(" and 60 others"), "{text}");
        assert!(text.chars().count() < 5 * ECHO, "{text}");
    }
}
