//! Following logs: one [`Pass`] after the other over each, whoever starts them.
//!
//! A pass looks at the log's checkpoint and at other views of it, grows the kept tree where the log has grown, reads the
//! entries that are bound to it and not examined yet, and keeps what it found. It waits for nobody: what must last before
//! it counts is remembered ([`crate::judge`]).

mod accuse;
mod blame;
mod contradict;
mod entries;
mod extend;
mod insist;
mod look;
mod receipts;
mod rekor_v1;
mod round;
mod scan;
mod times;

use std::sync::Arc;

use async_trait::async_trait;
use treering_client::LogKey;
use treering_tlog::checkpoint::Opened;
use treering_tlog::policy::Policy;

use crate::clock::Clock;
use crate::examine::Examine;
use crate::findings::{Finding, Kind};
use crate::judge::Limits;
use crate::metrics::Metrics;
use crate::source::TileSource;
use crate::state::{LogKind, LogRow, NewLog, State, StateError};

pub use rekor_v1::{RekorV1, RekorV1Error};
pub use times::Clocks;

use blame::Blame;
use round::Round;

/// What everybody who follows a log shares.
#[derive(Clone)]
pub struct Shared {
    /// What is remembered.
    pub state: Arc<State>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How patient.
    pub limits: Limits,
    /// Whose cosignatures are needed.
    pub policy: Option<Arc<Policy>>,
    /// What becomes of entries.
    pub examiner: Arc<dyn Examine>,
    /// Other parties' clocks.
    pub clocks: Arc<Clocks>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What a pass reads of the entries that are not examined yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Head,
    /// So many at most, so that the next checkpoint is not long in coming.
    Entries(u64),
}

/// How far a log is after a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Positions, size and root.
    pub row: LogRow,
}

impl Pass {
    /// Entries that are signed for and not examined yet.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.row.size.get().saturating_sub(self.row.cursor)
    }
}

/// A log that is followed, by whatever protocol. Logs are followed side by side by one thread: what takes time is the
/// network, and hashing keeps up with it.
#[async_trait(?Send)]
pub trait Follow {
    /// What its checkpoints begin with.
    fn origin(&self) -> &str;

    /// One pass. Whatever is wrong with the log is kept as findings.
    ///
    /// # Errors
    /// [`StateError`]: the monitor can't go on.
    async fn pass(&self, reach: Reach) -> Result<Pass, StateError>;

    /// Reads entries before the first that was examined; says how far it is after each step.
    ///
    /// # Errors
    /// As [`pass`](Self::pass).
    async fn backfill(&self, progress: &dyn Fn(u64, u64)) -> Result<Pass, StateError>;

    /// Reads again what was read, and examines it again; findings are marked as retroactive.
    ///
    /// # Errors
    /// As [`pass`](Self::pass).
    async fn rescan(&self, progress: &dyn Fn(u64, u64)) -> Result<Pass, StateError>;
}

/// A log that is read by its tiles.
pub struct TileLog {
    shared: Shared,
    source: TileSource,
    key: LogKey,
    vantages: Vec<TileSource>,
    /// Whether the vantages are those of several logs.
    vantages_shared: bool,
    gossip: Vec<(Opened, String)>,
    row: LogRow,
}

impl TileLog {
    /// Follows the log of this key. Entries before `first` are not examined if the log is new to the state.
    ///
    /// # Errors
    /// [`StateError`], also if it was followed with another key.
    pub fn new(
        shared: Shared,
        source: TileSource,
        key: LogKey,
        vantages: Vec<TileSource>,
        first: u64,
    ) -> Result<Self, StateError> {
        let new = NewLog {
            kind: LogKind::Tiles,
            first,
        };
        let row = shared.state.follow(&key, new, shared.clock.now())?;
        shared.metrics.init_log(&row.origin);
        Ok(Self {
            shared,
            source,
            key,
            vantages,
            vantages_shared: false,
            gossip: Vec::new(),
            row,
        })
    }

    /// Lets vantages be views of other logs, which are then passed over.
    #[must_use]
    pub fn sharing_vantages(mut self, shared: bool) -> Self {
        self.vantages_shared = shared;
        self
    }

    /// Takes a checkpoint that somebody handed in, to be compared in every pass. Whether it is of this log.
    pub fn hear(&mut self, note: &[u8], from: &str) -> bool {
        let opened = self.key.open(note);
        opened
            .map(|opened| self.gossip.push((opened, from.to_owned())))
            .is_ok()
    }

    fn row(&self) -> Result<LogRow, StateError> {
        self.shared.state.log(self.row.id)
    }

    fn round(&self) -> Round {
        Round::new(&self.row.origin, self.shared.clock.now())
    }

    fn settle(&self, round: Round) -> Result<Pass, StateError> {
        round.settle(&self.shared.state, &self.shared.limits)?;
        let row = self.row()?;
        self.shared.metrics.observe(&row);
        Ok(Pass { row })
    }

    fn note(&self) -> Result<Vec<String>, StateError> {
        let newest = self.shared.state.newest(&self.row()?)?;
        Ok(newest.map(|seen| seen.note).into_iter().collect())
    }
}

#[async_trait(?Send)]
impl Follow for TileLog {
    fn origin(&self) -> &str {
        &self.row.origin
    }

    async fn pass(&self, reach: Reach) -> Result<Pass, StateError> {
        let mut round = self.round();
        self.look(&mut round).await?;
        self.forward(&mut round, reach).await?;
        self.receipts(&mut round).await?;
        let row = self.row()?;
        let behind = row.size.get().saturating_sub(row.cursor);
        if behind > 0 {
            let finding = Finding::of_log(Kind::MonitorBehind, &row.origin, "behind").saying(
                "there are signed entries that are not examined yet",
                format!("entries up to {}", row.size),
                format!("{} examined", row.cursor),
            );
            round.raise(finding);
        }
        self.settle(round)
    }

    async fn backfill(&self, progress: &dyn Fn(u64, u64)) -> Result<Pass, StateError> {
        let mut round = self.round();
        self.look(&mut round).await?;
        self.backwards(&mut round, progress).await?;
        self.forward(&mut round, Reach::Head).await?;
        self.settle(round)
    }

    async fn rescan(&self, progress: &dyn Fn(u64, u64)) -> Result<Pass, StateError> {
        let mut round = self.round();
        self.look(&mut round).await?;
        self.again(&mut round, progress).await?;
        self.settle(round)
    }
}
