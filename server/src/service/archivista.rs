//! What Archivista's part of the server needs of the service.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use treering_api::log::Dialect;
use treering_api::reject::{Reject, RejectKind};
use treering_attest::VerifierMaterial;
use treering_rekor::v1;
use treering_storage::Store;
use treering_storage::envelopes::EnvelopeFiles;
use treering_tlog::Hash;

use super::content::Content;
use super::submit::sequenced;
use super::{Service, read};
use crate::clock::Clock;
use crate::log::admission::Admission;
use crate::log::batch::Placed;
use crate::log::{LogHandle, State};
use crate::metrics::Metrics;

/// How long a submission that a rotation met waits for the next log.
const ROTATION: Duration = Duration::from_secs(5);

impl Service {
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    pub(crate) fn envelope_files(&self) -> &Arc<EnvelopeFiles> {
        &self.parts.envelopes
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.parts.metrics
    }

    /// The gate of all that writes.
    pub(crate) fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// Cancelled when the service begins to stop.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Changes with every log that is added.
    pub(crate) fn logs_added(&self) -> watch::Receiver<usize> {
        self.added.subscribe()
    }

    /// Where parsed keys are kept.
    pub(crate) fn key_cache(&self) -> &dyn v1::Keys {
        self.verifiers.as_ref()
    }

    /// An envelope that is kept. Blocks.
    pub(crate) fn read_envelope(&self, sha256: Hash) -> Result<Bytes, Reject> {
        read::envelope(self.parts.store.as_ref(), &self.parts.envelopes, sha256)
    }

    /// The store must be opened again before anything else is written: the process is to stop.
    pub(crate) fn give_up(&self, reason: String) {
        self.failure.send_replace(Some(reason));
    }

    /// The log that follows a frozen one, which a rotation adds some milliseconds later.
    pub(crate) async fn successor(&self, log: &LogHandle) -> Option<Arc<LogHandle>> {
        let state = log.state();
        let State::Frozen {
            successor: Some(name),
            ..
        } = &*state
        else {
            return None;
        };
        self.wait_for_log(name, ROTATION).await;
        let next = self.default_log(log.dialect())?;
        (!next.is_frozen()).then_some(next)
    }

    /// Logs an envelope whose every signature one of the verifiers, or a certificate in it, is known to verify. Answers when a
    /// signed checkpoint covers it.
    ///
    /// # Errors
    /// As for a submission.
    pub(crate) async fn log_envelope(
        &self,
        log: &Arc<LogHandle>,
        envelope: Bytes,
        verifiers: Vec<VerifierMaterial>,
    ) -> Result<Placed, Reject> {
        debug_assert_eq!(log.dialect(), Dialect::RekorV1, "callers choose the log");
        let answer = self.admit(log, Content::Envelope(envelope, verifiers))?;
        let placed = sequenced(answer).await?.placed.into_iter().next();
        placed.ok_or_else(|| Reject::new(RejectKind::Internal, "an envelope without an entry"))
    }
}
