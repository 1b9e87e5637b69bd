//! Feeds one log to its witnesses: carries out what [`Schedule`] says and puts the cosignatures beside the published
//! tree. The log's own thread knows nothing of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use treering_tlog::TreeSize;
use treering_tlog::note::NoteSignature;
use treering_tlog::witness::encode_cosignatures;

use super::attempt::{Failure, Outcome, attempt};
use super::schedule::Schedule;
use super::setup::Setup;
use crate::clock::Clock;
use crate::log::SharedLog;
use crate::log::commit::Published;
use crate::log::witnessed::Witnessed;
use crate::metrics::{Metrics, WitnessFailure, WitnessMetrics};

/// One attempt that has ended.
struct Done {
    witness: usize,
    size: TreeSize,
    elapsed: Duration,
    outcome: Outcome,
}

/// A tree with the cosignatures that came for it.
struct Gathering {
    tree: Arc<Published>,
    lines: BTreeMap<usize, NoteSignature>,
}

/// The feeder of one log.
pub(super) struct Feeder {
    log: Arc<SharedLog>,
    setup: Arc<Setup>,
    clock: Arc<dyn Clock>,
    metrics: Vec<WitnessMetrics>,
    quorum_size: IntGauge,
    schedule: Schedule,
    gatherings: BTreeMap<TreeSize, Gathering>,
    attempts: JoinSet<Done>,
    /// Whom an attempt asks, should it panic.
    asked: HashMap<Id, usize>,
}

impl Feeder {
    /// Of a log that is under the policy from now on.
    pub(super) fn new(
        log: Arc<SharedLog>,
        setup: Arc<Setup>,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        log.begin_witnessed();
        let names = setup.witnesses.iter().map(|witness| &witness.name);
        Self {
            metrics: names
                .map(|name| metrics.witness(log.name(), name))
                .collect(),
            quorum_size: metrics.quorum_size(log.name()),
            schedule: Schedule::new(setup.witnesses.len(), setup.interval),
            gatherings: BTreeMap::new(),
            attempts: JoinSet::new(),
            asked: HashMap::new(),
            log,
            setup,
            clock,
        }
    }

    /// Works until the server begins to stop; then nobody is being asked any more.
    pub(super) async fn run(mut self, closing: CancellationToken) {
        let mut sizes = self.log.watch();
        let mut wanted = self.witnessed().wanted();
        loop {
            // Before the tree is looked at, so that no change after it goes unseen.
            sizes.mark_unchanged();
            let want = *wanted.borrow_and_update();
            let now = self.clock.monotonic();
            let (idle, wake) = self.advance(now, want);
            let pause = wake.map(|at| at.saturating_sub(now));
            tokio::select! {
                () = closing.cancelled() => break,
                Some(ended) = self.attempts.join_next_with_id() => self.ended(ended),
                _ = sizes.changed(), if idle => {}
                _ = wanted.changed() => {}
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
        self.attempts.shutdown().await;
    }

    fn witnessed(&self) -> &Witnessed {
        self.log.begin_witnessed()
    }

    /// Begins a round if it is time for one and asks whoever is to be asked. Whether a newer tree is waited for, and when
    /// to look again.
    fn advance(&mut self, now: Duration, wanted: TreeSize) -> (bool, Option<Duration>) {
        let published = self.log.published();
        let satisfied = self.is_satisfied(self.schedule.target());
        let size = if published.checkpoint.extensions.is_empty() {
            published.checkpoint.size
        } else {
            // The mark of a log's end is no news: most witnesses refuse a checkpoint with a line more.
            self.schedule.target()
        };
        let step = self.schedule.step(now, size, wanted, satisfied);
        if step.begins {
            let gathering = Gathering {
                tree: published,
                lines: BTreeMap::new(),
            };
            self.gatherings.insert(size, gathering);
            self.prune();
            if self.is_satisfied(size) {
                // A policy that asks for nobody.
                self.show(size);
            }
        }
        for (witness, old) in step.ask {
            self.ask(witness, old);
        }
        (step.idle, step.wake)
    }

    fn ask(&mut self, witness: usize, old: TreeSize) {
        let Some(gathering) = self.gatherings.get(&self.schedule.target()) else {
            return;
        };
        let (setup, log) = (Arc::clone(&self.setup), Arc::clone(&self.log));
        let (tree, clock) = (Arc::clone(&gathering.tree), Arc::clone(&self.clock));
        let task = self.attempts.spawn(async move {
            let begin = clock.monotonic();
            let outcome = match setup.witnesses.get(witness) {
                Some(known) => attempt(&setup, known, &log, &tree, old).await,
                None => Outcome::Failed(Failure::new(WitnessFailure::Internal, "no such witness")),
            };
            Done {
                witness,
                size: tree.checkpoint.size,
                elapsed: clock.monotonic().saturating_sub(begin),
                outcome,
            }
        });
        self.asked.insert(task.id(), witness);
    }

    fn ended(&mut self, ended: Result<(Id, Done), JoinError>) {
        match ended {
            Ok((id, done)) => {
                self.asked.remove(&id);
                self.settle(done);
            }
            Err(error) => {
                if let Some(witness) = self.asked.remove(&error.id()) {
                    let failure = Failure::new(WitnessFailure::Internal, error.to_string());
                    self.failed(witness, failure);
                }
            }
        }
        self.prune();
    }

    fn settle(&mut self, done: Done) {
        let Done { witness, size, .. } = done;
        match done.outcome {
            Outcome::Cosigned(line) => {
                self.schedule.cosigned(witness, size);
                if let Some(metrics) = self.metrics.get(witness) {
                    metrics.cosigned(size.get(), done.elapsed);
                }
                self.witnessed().set_alarm(self.name(witness), None);
                if let Some(gathering) = self.gatherings.get_mut(&size) {
                    gathering.lines.insert(witness, line);
                    self.show(size);
                }
            }
            Outcome::Newer(held) => {
                tracing::debug!(log = %self.log.name(), witness = self.name(witness), held = held.get(), "witness was fed by somebody else");
                self.schedule.is_newer(witness, held);
            }
            Outcome::Failed(failure) => self.failed(witness, failure),
        }
    }

    fn failed(&mut self, witness: usize, failure: Failure) {
        let Failure {
            reason,
            detail,
            held,
        } = failure;
        self.schedule.failed(witness, self.clock.monotonic(), held);
        if let Some(metrics) = self.metrics.get(witness) {
            metrics.failed(reason);
        }
        let (log, name) = (self.log.name(), self.name(witness));
        if reason.is_alarm() {
            tracing::error!(%log, witness = name, reason = reason.label(), detail, "a witness contradicts the log");
            let alarm = format!("witness {name} contradicts log {log}: {detail}");
            self.witnessed().set_alarm(name, Some(alarm));
        } else {
            tracing::warn!(%log, witness = name, reason = reason.label(), detail, "no cosignature");
        }
    }

    fn name(&self, witness: usize) -> &str {
        let known = self.setup.witnesses.get(witness);
        known.map_or("", |witness| witness.name.as_str())
    }

    fn is_satisfied(&self, size: TreeSize) -> bool {
        let gathering = self.gatherings.get(&size);
        gathering.is_some_and(|gathering| {
            let policy = &self.setup.policy;
            policy.is_satisfied(|witness| gathering.lines.contains_key(&witness))
        })
    }

    /// Shows a tree with the cosignatures that it has.
    fn show(&self, size: TreeSize) {
        let Some(gathering) = self.gatherings.get(&size) else {
            return;
        };
        let lines = encode_cosignatures(gathering.lines.values());
        let tree = gathering.tree.with_cosignatures(&lines);
        let satisfied = self.is_satisfied(size);
        self.witnessed().offer(Arc::new(tree), satisfied);
        if let Some(quorum) = self.witnessed().quorum() {
            let size = i64::try_from(quorum.checkpoint.size.get()).unwrap_or(i64::MAX);
            self.quorum_size.set(size);
        }
    }

    /// Forgets the trees that nobody is asked for any more.
    fn prune(&mut self) {
        let schedule = &self.schedule;
        self.gatherings
            .retain(|size, _| *size == schedule.target() || schedule.asks_for(*size));
    }
}
