//! Following logs: one [`Pass`] after the other over each, whoever starts them.
//!
//! A pass looks at the log's checkpoint and at other views of it, grows the kept tree where the log has grown, reads the
//! entries that are bound to it and not examined yet, and keeps what it found. It waits for nobody: what must last before
//! it counts is remembered ([`crate::judge`]).

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
use treering_client::evidence::Evidence;
use treering_tlog::checkpoint::Opened;
use treering_tlog::policy::Policy;

use crate::clock::Clock;
use crate::evidence::{Seen, recorded};
use crate::examine::Examine;
use crate::findings::{Finding, Kind};
use crate::judge::Limits;
use crate::metrics::Metrics;
use crate::source::{ReadError, TileSource};
use crate::state::{LogKind, LogRow, NewLog, State, StateError};

pub use rekor_v1::{RekorV1, RekorV1Error};
pub use times::Clocks;

use insist::{Mismatch, Wrong};
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

    /// What becomes of something that was read and did not serve.
    fn blame(&self, round: &mut Round, blame: Blame<'_>) -> Result<(), StateError> {
        let Blame {
            outcome,
            changed,
            transcript,
            opened,
        } = blame;
        let notes = match opened {
            Some(opened) => vec![opened.text().to_owned()],
            None => self.note()?,
        };
        let at = round.now;
        let source = self.source.url();
        let show = |finding: &Finding, bodies: &[(String, bytes::Bytes)]| -> Evidence {
            recorded(finding, self.key.key(), notes.clone(), Seen { at, source, bodies })
        };
        if let Some(changed) = changed {
            let finding = equivocation(&self.row.origin, &changed);
            let bodies = [
                (changed.path.clone(), changed.first),
                (changed.path, changed.second),
            ];
            let evidence = show(&finding, &bodies);
            round.raise(finding.showing(evidence));
            // What was bad at last is explained by it.
            return Ok(());
        }
        match outcome {
            None => {}
            Some(Wrong::State(error)) => return Err(error),
            Some(Wrong::Mismatch(mismatch)) => {
                round.complete = false;
                let body = transcript.get(&mismatch.path).cloned();
                let finding = content_mismatch(&self.row.origin, mismatch);
                let path = finding.grouping.clone();
                let bodies: Vec<_> = body.map(|body| (path, body)).into_iter().collect();
                let evidence = show(&finding, &bodies);
                round.raise(finding.showing(evidence));
            }
            Some(Wrong::Unread(ReadError::Trouble(trouble))) => {
                round.trouble(source, trouble.to_string());
            }
            Some(Wrong::Unread(
                ReadError::Missing { ref path }
                | ReadError::Incomplete { ref path, .. }
                | ReadError::Malformed { ref path, .. },
            )) => {
                round.complete = false;
                let detail = match &outcome {
                    Some(Wrong::Unread(error)) => error.to_string(),
                    _ => String::new(),
                };
                let finding = Finding::of_log(Kind::LogMissingEntries, &self.row.origin, stem(path))
                    .saying(
                        "something within the signed size can't be read",
                        format!("{path}, which the signed size promises"),
                        detail,
                    );
                let evidence = show(&finding, &[]);
                round.suspect(finding.showing(evidence));
            }
        }
        Ok(())
    }
}

/// Something that was read and did not serve.
struct Blame<'a> {
    outcome: Option<Wrong>,
    changed: Option<insist::TwoBodies>,
    transcript: &'a crate::source::Transcript,
    /// The checkpoint that it should fit; the newest accepted one if none.
    opened: Option<&'a Opened>,
}

/// A tile's path whatever its width, so that a growing log's hole stays the same one.
fn stem(path: &str) -> &str {
    path.split_once(".p/").map_or(path, |(stem, _)| stem)
}

fn equivocation(origin: &str, changed: &insist::TwoBodies) -> Finding {
    let digest = |bytes: &[u8]| treering_tlog::Hash::of(bytes).to_hex();
    Finding::of_log(Kind::LogEquivocation, origin, changed.path.as_str()).saying(
        "a resource that never changes was served with two bodies",
        format!("{} with sha256 {}", changed.path, digest(&changed.first)),
        format!("sha256 {}", digest(&changed.second)),
    )
}

fn content_mismatch(origin: &str, mismatch: Mismatch) -> Finding {
    let Mismatch {
        path,
        expected,
        found,
    } = mismatch;
    Finding::of_log(Kind::LogContentMismatch, origin, path.as_str()).saying(
        "what the log serves does not fit what it signed, three times the same and around caches",
        format!("{path}: {expected}"),
        found,
    )
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
