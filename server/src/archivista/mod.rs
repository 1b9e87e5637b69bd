//! Archivista's interface: what witness and Tekton Chains speak to a store of attestations.
//!
//! An uploaded envelope names its keys and does not bring them. If all are known it becomes an entry of the newest log of Rekor
//! v1; if an entry has its payload and one of its signatures already, it is attached to that; else it is held, outside every
//! log, until its keys are known or its time is over. `README.md` says which keys are known.

mod catalogue;
mod evaluate;
mod join;
pub mod keys;
mod leaf;
mod promoter;
pub mod query;
mod read;
mod registry;
mod settle;
mod turns;
mod upload;

use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use treering_api::log::Dialect;
use treering_api::reject::{Reject, RejectKind};
use treering_storage::CommitError;

pub use read::Download;

use crate::config::ArchivistaConfig;
use crate::log::{LogHandle, read_fault};
use crate::metrics::ArchivistaMetrics;
use crate::service::Service;
use keys::KnownKeys;
use registry::Registry;
use turns::Turns;

/// Uploads, what is held, and how it becomes an entry.
pub struct Archivista {
    /// For what outlives the call.
    myself: Weak<Self>,
    service: Arc<Service>,
    settings: ArchivistaConfig,
    known: KnownKeys,
    registry: Registry,
    turns: Turns,
    /// Dropped by the promoter when it ends.
    promoter: Mutex<Option<Receiver<()>>>,
}

impl Archivista {
    /// Of a service, with what is held in its store. Blocks.
    ///
    /// # Errors
    /// Those of the store.
    pub fn open(
        service: Arc<Service>,
        settings: ArchivistaConfig,
        known: KnownKeys,
    ) -> Result<Arc<Self>, treering_storage::StoreError> {
        let held = service.store().held()?;
        let registry = Registry::new(settings.max_held, settings.max_held_bytes);
        let archivista = Arc::new_cyclic(|myself| Self {
            myself: Weak::clone(myself),
            service,
            settings,
            known,
            registry,
            turns: Turns::default(),
            promoter: Mutex::new(None),
        });
        let starts = archivista.published_sizes();
        for held in held {
            archivista.registry.insert(held, || starts.clone());
        }
        archivista.show_held();
        Ok(archivista)
    }

    /// Has what is held promoted and expired from now on, until the service closes. To be called once, on a thread of the runtime.
    pub fn begin(self: &Arc<Self>) {
        let (alive, ended): (Sender<()>, _) = bounded(0);
        let archivista = Arc::clone(self);
        tokio::spawn(async move {
            promoter::run(&archivista).await;
            drop(archivista);
            drop(alive);
        });
        *self.promoter.lock() = Some(ended);
    }

    /// Waits until the promoter has ended, which the closing service tells it to, for at most `limit`. Blocks.
    pub fn wait(&self, limit: Duration) {
        let ended = self.promoter.lock().take();
        // Nothing is ever sent: it is over when the sender is gone.
        let late = Some(Err(crossbeam_channel::RecvTimeoutError::Timeout));
        if ended.map(|ended| ended.recv_timeout(limit)) == late {
            tracing::warn!(?limit, "archivista's promoter still at work");
        }
    }

    /// The log that uploads go to.
    fn log(&self) -> Result<Arc<LogHandle>, Reject> {
        self.service.default_log(Dialect::RekorV1).ok_or_else(|| {
            Reject::mismatch(
                RejectKind::Unsupported,
                "a log of dialect rekor-v1 to put envelopes in (the operator adds one: treering-server log add --dialect rekor-v1)",
                "none on this server",
            )
        })
    }

    /// The logs whose entries envelopes are compared with, the newest first.
    fn logs(&self) -> Vec<Arc<LogHandle>> {
        let mut logs = self.service.handles();
        logs.retain(|log| log.dialect() == Dialect::RekorV1);
        logs.reverse();
        logs
    }

    fn metrics(&self) -> &ArchivistaMetrics {
        self.service.metrics().archivista()
    }

    fn show_held(&self) {
        let (envelopes, bytes) = self.registry.held();
        self.metrics().set_held(envelopes, bytes);
    }

    /// What a write of a document means to whoever asked for it. One whose outcome is unknown stops the service.
    fn write_fault(&self, error: &CommitError) -> Reject {
        if let CommitError::Full { free, reserve } = error {
            return Reject::mismatch(
                RejectKind::Unavailable,
                format!("at least {reserve} bytes of free disk"),
                free.to_string(),
            );
        }
        tracing::error!(%error, "document not written");
        if error.is_final() {
            self.service.give_up(format!("documents: {error}"));
        }
        Reject::new(
            RejectKind::Unavailable,
            "the envelope could not be stored; upload it again",
        )
    }
}

fn store_fault(error: &treering_storage::StoreError) -> Reject {
    read_fault("documents", error)
}
