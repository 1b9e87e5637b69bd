//! Following until stopped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::admin::{self, Health};
use super::args::{Format, Run};
use super::setup::{Setup, setup};
use super::{Exit, Failure, report};
use crate::clock::Time;
use crate::findings::open_findings;
use crate::follow::{Follow, Reach};
use crate::state::StateError;

/// Entries that a pass reads at most before the next checkpoint is looked at.
const REACH: u64 = 256 * 256;

/// Follows every log by itself: one that is slow holds up no other.
pub(super) fn run(args: &Run, format: Format) -> Result<Exit, Failure> {
    let said = |e: std::io::Error| Failure::Operational(e.into());
    report::logging();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(1)
        .build()
        .map_err(said)?;
    runtime.block_on(async {
        let setup = setup(&args.follow).await?;
        let listener = tokio::net::TcpListener::bind(args.admin)
            .await
            .map_err(said)?;
        let address = listener.local_addr().map_err(said)?;
        tracing::info!(admin = %address, logs = setup.logs.len(), "following");
        let origins = setup.logs.iter().map(|log| log.origin().to_owned());
        let health = Arc::new(Health::new(origins, &setup.shared, stale_after(args)));
        let (stop, stopped) = watch::channel(false);
        let admin = tokio::spawn(admin::serve(listener, Arc::clone(&health), stopped.clone()));
        let told = Mutex::new(BTreeSet::new());
        let following = setup.logs.iter().map(|log| {
            let follow = One {
                log: &**log,
                setup: &setup,
                health: &health,
                told: &told,
                format,
            };
            follow.until(args.poll, stopped.clone())
        });
        let following = join_all(following);
        tokio::pin!(following);
        let outcome = tokio::select! {
            outcomes = &mut following => outcomes,
            () = signalled() => {
                // A pass that runs ends at its next step; what it has kept is kept.
                let _ = stop.send(true);
                following.await
            }
        };
        let _ = stop.send(true);
        let _ = admin.await;
        let _: Vec<()> = outcome.into_iter().collect::<Result<_, StateError>>()?;
        for row in setup.shared.state.logs()? {
            report::coverage(format, &row);
        }
        Ok(Exit::Clean)
    })
}

/// How old the last pass over a log may be while the monitor says that it is ready.
fn stale_after(args: &Run) -> Duration {
    (args.poll * 10).max(Duration::from_secs(60)) + args.follow.limits.timeout * 4
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// One log that is followed.
struct One<'a> {
    log: &'a dyn Follow,
    setup: &'a Setup,
    health: &'a Health,
    /// The fingerprints of the findings that were printed and are open.
    told: &'a Mutex<BTreeSet<String>>,
    format: Format,
}

impl One<'_> {
    async fn until(
        self,
        poll: Duration,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), StateError> {
        let clock = &self.setup.shared.clock;
        loop {
            let pass = tokio::select! {
                pass = self.log.pass(Reach::Entries(REACH)) => pass,
                _ = stopped.wait_for(|stop| *stop) => return Ok(()),
            };
            let now = clock.now();
            let metrics = &self.setup.shared.metrics;
            metrics.passed(self.log.origin(), pass.is_ok(), now.secs());
            let pass = pass.inspect_err(|error| self.health.broke(error))?;
            self.health.passed(self.log.origin(), now);
            self.tell()?;
            if pass.behind() > 0 && !self.holds() {
                continue;
            }
            tokio::select! {
                () = clock.sleep(poll) => {}
                _ = stopped.wait_for(|stop| *stop) => return Ok(()),
            }
        }
    }

    /// Whether something stands in the way of reading on, so that asking at once again is of no use.
    fn holds(&self) -> bool {
        let open = self
            .setup
            .shared
            .state
            .read(|connection| open_findings(connection, self.setup.began));
        open.is_ok_and(|open| {
            open.iter()
                .any(|line| line.log == self.log.origin() && line.kind != "monitor-behind")
        })
    }

    /// Prints what is open and was not printed yet.
    fn tell(&self) -> Result<(), StateError> {
        let shared = &self.setup.shared;
        let open = shared
            .state
            .read(|connection| open_findings(connection, Time::default()))?;
        shared.metrics.findings(&open);
        let mut told = self.told.lock();
        let now: BTreeSet<String> = open.iter().map(|line| line.fingerprint.clone()).collect();
        // What was resolved is told again when it comes back.
        told.retain(|known| now.contains(known));
        for line in &open {
            if told.insert(line.fingerprint.clone()) {
                report::finding(self.format, line);
            }
        }
        Ok(())
    }
}
