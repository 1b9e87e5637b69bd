//! Witnesses: c2sp.org/tlog-witness. The newest checkpoint of each log is sent to the witnesses of a policy, and what they
//! cosign stands beside it, behind the log's own signature. Writing never waits for them, unless a caller asks for it.
//!
//! What witnesses answer is bounded, read strictly and verified with their keys; what does not verify is never shown.

mod attempt;
mod feeder;
mod schedule;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

pub use setup::{MAX_WITNESSES, Setup, SetupError, Witness};

use crate::clock::Clock;
use crate::log::SharedLog;
use crate::metrics::Metrics;
use feeder::Feeder;

/// The feeders of a server's logs.
pub(crate) struct Feeders {
    setup: Arc<Setup>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    closing: CancellationToken,
    runtime: Handle,
    /// Held by every feeder while it works.
    alive: Sender<()>,
    ended: Receiver<()>,
}

impl Feeders {
    /// None yet. To be called on a thread of the runtime that they are to work on.
    pub(crate) fn new(
        setup: Setup,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        closing: CancellationToken,
    ) -> Self {
        let (alive, ended) = bounded(0);
        Self {
            setup: Arc::new(setup),
            clock,
            metrics,
            closing,
            runtime: Handle::current(),
            alive,
            ended,
        }
    }

    /// The policy and how it is followed.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Feeds a log from now on, if the policy is for it.
    pub(crate) fn feed(&self, log: &Arc<SharedLog>) {
        if !self.setup.is_for(&log.identity) {
            tracing::warn!(log = %log.name(), "the witness policy lists other logs, nobody cosigns this one");
            return;
        }
        let feeder = Feeder::new(
            Arc::clone(log),
            Arc::clone(&self.setup),
            Arc::clone(&self.clock),
            &self.metrics,
        );
        let (closing, alive) = (self.closing.clone(), self.alive.clone());
        self.runtime.spawn(async move {
            feeder.run(closing).await;
            drop(alive);
        });
        tracing::info!(log = %log.name(), witnesses = self.setup.witnesses.len(), "log is fed to witnesses");
    }

    /// Waits until those that were told to stop hold nothing of their logs any more, for at most `limit`. Blocks.
    pub(crate) fn wait(self, limit: Duration) {
        let Self { alive, ended, .. } = self;
        drop(alive);
        // Nothing is ever sent: it is over when the last sender is gone.
        if ended.recv_timeout(limit) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
            tracing::warn!(?limit, "feeders of witnesses still at work");
        }
    }
}
