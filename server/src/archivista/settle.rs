//! What becomes of a held envelope when something may be known of its keys.

use std::sync::Arc;

use bytes::Bytes;
use treering_api::reject::{Reject, RejectKind};
use treering_attest::{Envelope, KeyDigest, VerifierMaterial};
use treering_storage::{Attached, Document, Gitoid, Held};

use super::evaluate::{Signed, Verdict};
use super::join::Place;
use super::registry::subjects_of;
use super::{Archivista, store_fault};
use crate::service::blocking;

/// What a look at a held envelope says.
enum Look {
    /// It is held no longer: an entry of the same bytes came, or its time was over.
    Gone { promoted: bool },
    /// It belongs to this entry now.
    Attached,
    /// It is to be logged.
    Log(Bytes, Vec<VerifierMaterial>),
    /// It still waits for these keys.
    Waits(Vec<KeyDigest>),
    /// It can never be logged.
    Never(Reject),
}

impl Archivista {
    /// Looks a held envelope up in the store, and has it become an entry or a document of one if it can.
    ///
    /// # Errors
    /// What hindered it; to be tried again.
    pub(super) async fn settle(
        self: &Arc<Self>,
        gitoid: Gitoid,
        first: Option<Place>,
    ) -> Result<(), Reject> {
        let Some(payload) = self.registry.payload(gitoid) else {
            return Ok(());
        };
        // No upload of the same payload comes between the look and what becomes of it.
        let _turn = self.turns.of(payload).await?;
        let archivista = Arc::clone(self);
        let look = blocking(move || archivista.look(gitoid, first)).await?;
        match look {
            Look::Gone { promoted } => self.released(gitoid, promoted),
            Look::Attached => {
                self.metrics().joined();
                self.released(gitoid, true);
            }
            Look::Log(bytes, verifiers) => self.log_held(gitoid, bytes, verifiers).await?,
            Look::Waits(keys) => self.registry.wait_for(gitoid, keys, true),
            Look::Never(reject) => self.given_up(gitoid, &reject),
        }
        Ok(())
    }

    fn look(&self, gitoid: Gitoid, first: Option<Place>) -> Result<Look, Reject> {
        let store = self.service.store();
        let document = store.document(gitoid);
        let held = match document.map_err(|error| store_fault(&error))? {
            None => return Ok(Look::Gone { promoted: false }),
            Some(Document::Attached(_)) => return Ok(Look::Gone { promoted: true }),
            Some(Document::Held(held)) => held,
        };
        let body = store.held_body(gitoid);
        let Some(body) = body.map_err(|error| store_fault(&error))? else {
            return Ok(Look::Gone { promoted: false });
        };
        let verdict = {
            let envelope = Envelope::parse(&body)
                .map_err(|error| Reject::new(RejectKind::Malformed, error.to_string()));
            envelope.and_then(|envelope| {
                self.registry.about(gitoid, subjects_of(&envelope));
                self.evaluate(&Signed::new(&envelope), first)
            })
        };
        match verdict {
            Ok(Verdict::Log(verifiers)) => Ok(Look::Log(body, verifiers)),
            Ok(Verdict::Unknown(keys)) => Ok(Look::Waits(keys)),
            Ok(Verdict::Attach(place)) => match self.attach_held(&held, place) {
                Ok(()) => Ok(Look::Attached),
                Err(reject) if is_permanent(&reject) => Ok(Look::Never(reject)),
                Err(reject) => Err(reject),
            },
            Err(reject) if is_permanent(&reject) => Ok(Look::Never(reject)),
            Err(reject) => Err(reject),
        }
    }

    fn attach_held(&self, held: &Held, place: Place) -> Result<(), Reject> {
        self.has_room(place)?;
        let attached = Attached {
            gitoid: held.gitoid,
            envelope_sha256: held.envelope_sha256,
            log: place.log,
            index: place.index,
        };
        // Die here: still held, and looked up at the next start.
        let written = self.service.store().attach(&attached, None);
        written.map_err(|error| self.write_fault(&error))
    }

    async fn log_held(
        self: &Arc<Self>,
        gitoid: Gitoid,
        bytes: Bytes,
        verifiers: Vec<VerifierMaterial>,
    ) -> Result<(), Reject> {
        let log = self.log()?;
        // Die here: still held. In the commit of the entry it is held no longer.
        let placed = match self.service.log_envelope(&log, bytes, verifiers).await {
            Ok(placed) => placed,
            Err(reject) if is_permanent(&reject) => {
                self.given_up(gitoid, &reject);
                return Ok(());
            }
            Err(reject) => return Err(reject),
        };
        if placed.duplicate {
            let place = Place {
                log: log.identity.id,
                index: placed.index,
            };
            let archivista = Arc::clone(self);
            match blocking(move || archivista.attach_duplicate(gitoid, place)).await {
                Err(reject) if is_permanent(&reject) => {
                    self.given_up(gitoid, &reject);
                    return Ok(());
                }
                attached => attached?,
            }
        }
        self.released(gitoid, true);
        Ok(())
    }

    /// An entry of the same bytes was there, of before there were documents.
    fn attach_duplicate(&self, gitoid: Gitoid, place: Place) -> Result<(), Reject> {
        let document = self.service.store().document(gitoid);
        match document.map_err(|error| store_fault(&error))? {
            Some(Document::Held(held)) => self.attach_held(&held, place),
            Some(Document::Attached(_)) | None => Ok(()),
        }
    }

    fn released(&self, gitoid: Gitoid, promoted: bool) {
        if self.registry.remove(gitoid) {
            if promoted {
                self.metrics().promoted();
                tracing::info!(%gitoid, "held envelope promoted");
            }
            self.show_held();
        }
    }

    /// It stays where it is until its time is over, and nothing that comes is compared with it.
    fn given_up(&self, gitoid: Gitoid, reject: &Reject) {
        tracing::warn!(%gitoid, reason = reject.message, "held envelope will never be logged");
        self.registry.wait_for(gitoid, Vec::new(), false);
    }
}

/// Whether the same envelope would be refused again.
fn is_permanent(reject: &Reject) -> bool {
    matches!(
        reject.kind,
        RejectKind::Malformed | RejectKind::Unverified | RejectKind::TooLarge
    )
}
