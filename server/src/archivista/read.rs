//! Giving envelopes out by Archivista's address.

use std::sync::Arc;

use bytes::Bytes;
use treering_api::reject::{Reject, RejectKind};
use treering_attest::bundle::{BundleContent, SigstoreBundle};
use treering_attest::container::{Container, guess};
use treering_storage::{Document, Gitoid};
use treering_tlog::Hash;

use super::{Archivista, store_fault};

/// An envelope as it was uploaded.
#[derive(Clone, Debug)]
pub struct Download {
    /// Its bytes.
    pub bytes: Bytes,
    /// Whether it is held: nobody knows who signed it.
    pub unverified: bool,
}

impl Archivista {
    /// The envelope with that gitoid: of an entry, attached to one, or held. Blocks.
    ///
    /// # Errors
    /// `NotFound`; those of the store.
    pub fn download(&self, gitoid: Gitoid) -> Result<Download, Reject> {
        let store = self.service.store();
        let document = store.document(gitoid);
        match document.map_err(|error| store_fault(&error))? {
            None => Err(not_found(gitoid)),
            Some(Document::Attached(attached)) => {
                let kept = self.service.read_envelope(attached.envelope_sha256)?;
                Ok(Download {
                    bytes: envelope_in(kept),
                    unverified: false,
                })
            }
            Some(Document::Held(_)) => self.download_held(gitoid),
        }
    }

    /// The held envelope with that SHA-256. Blocks.
    ///
    /// # Errors
    /// `NotFound`; those of the store.
    pub fn download_unverified(&self, sha256: Hash) -> Result<Download, Reject> {
        match self.registry.by_envelope(&sha256) {
            Some(gitoid) => self.download_held(gitoid),
            None => Err(Reject::new(
                RejectKind::NotFound,
                format!("no envelope with sha256 {sha256} is kept or held here"),
            )),
        }
    }

    /// Whether an envelope with that SHA-256 is held.
    #[must_use]
    pub fn holds(&self, sha256: &Hash) -> bool {
        self.registry.by_envelope(sha256).is_some()
    }

    fn download_held(&self, gitoid: Gitoid) -> Result<Download, Reject> {
        let body = self.service.store().held_body(gitoid);
        match body.map_err(|error| store_fault(&error))? {
            Some(bytes) => Ok(Download {
                bytes,
                unverified: true,
            }),
            // Between the two questions it was promoted, or expired.
            None => match self.service.store().document(gitoid) {
                Ok(Some(Document::Attached(attached))) => Ok(Download {
                    bytes: envelope_in(self.service.read_envelope(attached.envelope_sha256)?),
                    unverified: false,
                }),
                Ok(_) => Err(not_found(gitoid)),
                Err(error) => Err(store_fault(&error)),
            },
        }
    }

    /// The same on a thread that may block.
    ///
    /// # Errors
    /// As [`download`](Self::download).
    pub async fn read(self: &Arc<Self>, gitoid: Gitoid) -> Result<Download, Reject> {
        let archivista = Arc::clone(self);
        crate::service::blocking(move || archivista.download(gitoid)).await
    }

    /// The same on a thread that may block.
    ///
    /// # Errors
    /// As [`download_unverified`](Self::download_unverified).
    pub async fn read_unverified(self: &Arc<Self>, sha256: Hash) -> Result<Download, Reject> {
        let archivista = Arc::clone(self);
        crate::service::blocking(move || archivista.download_unverified(sha256)).await
    }
}

fn not_found(gitoid: Gitoid) -> Reject {
    let message = format!("no envelope with gitoid {gitoid} is kept or held here");
    Reject::new(RejectKind::NotFound, message)
}

/// What is kept with an entry is what was submitted; of a bundle, the gitoid is that of the envelope in it.
pub(super) fn envelope_in(kept: Bytes) -> Bytes {
    if guess(&kept) != Some(Container::SigstoreBundle) {
        return kept;
    }
    let Ok(bundle) = SigstoreBundle::parse(&kept) else {
        return kept;
    };
    match bundle.content() {
        BundleContent::Dsse(raw) => kept.slice_ref(raw.get().as_bytes()),
        BundleContent::Message(_) => kept.clone(),
    }
}
