//! A monitor, its clock, its state folder, and the logs that it follows, without sockets.

use std::sync::Arc;
use std::time::Duration;

use treering_client::LogKey;
use treering_client::evidence::{Evidence, Verdict, verify};
use treering_monitor::clock::Time;
use treering_monitor::evil::{EvilLog, Net, Step, VirtualClock};
use treering_monitor::examine::{Examine, LogOnly};
use treering_monitor::findings::{Line, open_findings};
use treering_monitor::follow::{Clocks, Follow as _, Pass, Reach, Shared, TileLog};
use treering_monitor::judge::Limits;
use treering_monitor::metrics::Metrics;
use treering_monitor::source::{FetchLimits, Fetcher, TileSource};
use treering_monitor::state::{Access, State, StateError};
use treering_tlog::policy::Policy;

/// The log's origin.
pub(crate) const NAME: &str = "evil.example.org";
/// When everything begins: 2026-01-01.
pub(crate) const BEGIN: u64 = 1_767_225_600;

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) net: Arc<Net>,
    pub(crate) log: Arc<EvilLog>,
    pub(crate) vantages: Vec<String>,
    pub(crate) gossip: Vec<String>,
    pub(crate) policy: Option<Policy>,
    pub(crate) examiner: Arc<dyn Examine>,
    pub(crate) first: u64,
}

impl World {
    /// A monitor that has seen nothing, and an honest log.
    pub(crate) fn new(size: u64) -> Self {
        let log = Arc::new(EvilLog::new(NAME, 9, size));
        let net = Net::default().with("log", Arc::clone(&log));
        Self::with_net(log, net)
    }

    pub(crate) fn with_net(log: Arc<EvilLog>, net: Net) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: Arc::new(VirtualClock::new(Time::from_secs(BEGIN))),
            net: Arc::new(net),
            log,
            vantages: Vec::new(),
            gossip: Vec::new(),
            policy: None,
            examiner: Arc::new(LogOnly),
            first: 0,
        }
    }

    pub(crate) fn source(&self, host: &str) -> TileSource {
        let clock: Arc<VirtualClock> = Arc::clone(&self.clock);
        let net: Arc<Net> = Arc::clone(&self.net);
        let fetcher = Fetcher::new(net, clock, FetchLimits::default());
        TileSource::new(Arc::new(fetcher), format!("http://{host}").parse().unwrap())
    }

    pub(crate) fn open(&self) -> Result<State, StateError> {
        State::open(&self.dir.path().join("state"), Access::Follow)
    }

    /// A monitor that starts anew from its state folder.
    pub(crate) fn start(&self) -> TileLog {
        let clock: Arc<VirtualClock> = Arc::clone(&self.clock);
        let shared = Shared {
            state: Arc::new(self.open().unwrap()),
            clock,
            limits: Limits::default(),
            policy: self.policy.clone().map(Arc::new),
            examiner: Arc::clone(&self.examiner),
            clocks: Arc::new(Clocks::default()),
            metrics: Arc::new(Metrics::new()),
        };
        let key = LogKey::from_vkey(&EvilLog::new(NAME, 9, 0).vkey()).unwrap();
        let vantages = self.vantages.iter().map(|host| self.source(host)).collect();
        let mut log = TileLog::new(shared, self.source("log"), key, vantages, self.first).unwrap();
        for note in &self.gossip {
            assert!(log.hear(note.as_bytes(), "a friend"), "{note}");
        }
        log
    }

    /// One run of `once`, by a process of its own.
    pub(crate) async fn pass(&self) -> Pass {
        self.start().pass(Reach::Head).await.unwrap()
    }

    pub(crate) fn step(&self, line: &str) {
        self.log.step(&line.parse::<Step>().unwrap());
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// What is open, a name each.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = self.open_findings().into_iter().map(|f| f.kind).collect();
        kinds.sort();
        kinds
    }

    pub(crate) fn open_findings(&self) -> Vec<Line> {
        let state = self.open().unwrap();
        state
            .read(|connection| open_findings(connection, Time::from_secs(BEGIN)))
            .unwrap()
    }

    /// The one open finding of a kind.
    pub(crate) fn finding(&self, kind: &str) -> Line {
        let findings = self.open_findings();
        let mut of_kind = findings.iter().filter(|finding| finding.kind == kind);
        let found = of_kind
            .next()
            .unwrap_or_else(|| panic!("no {kind} in {findings:?}"));
        assert!(of_kind.next().is_none(), "{findings:?}");
        found.clone()
    }

    /// The evidence of the one open finding of a kind, checked offline.
    pub(crate) fn evidence(&self, kind: &str) -> (Evidence, Verdict) {
        let finding = self.finding(kind);
        let path = finding
            .evidence
            .unwrap_or_else(|| panic!("{kind} without evidence"));
        let evidence = Evidence::parse(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(evidence.kind, kind);
        let verdict = verify(&evidence).unwrap();
        (evidence, verdict)
    }

    pub(crate) fn persistence(&self) -> Duration {
        Limits::default().persistence
    }
}
