//! Promises: receipts that were handed in, and whether the log kept them; and a log that keeps nobody's.

use treering_tlog::tile::TILE_WIDTH;
use treering_tlog::{Hash, LeafIndex};

use super::insist::{Insisted, Wrong, insist};
use super::round::Round;
use super::{Blame, TileLog, scan};
use crate::clock::Time;
use crate::evidence::{Seen, recorded};
use crate::findings::{Finding, Kind};
use crate::judge;
use crate::source::TileSource;
use crate::state::{LogRow, Promise, StateError};

impl TileLog {
    /// Takes a receipt: the log promised this leaf at this index.
    ///
    /// # Errors
    /// Those of the state.
    pub fn promised(&self, index: LeafIndex, leaf: Hash) -> Result<(), StateError> {
        let now = self.shared.clock.now();
        self.shared.state.promise(self.row.id, index, leaf, now)
    }

    /// Settles the promises that can be judged, and sees whether the log stands still while others wait.
    pub(super) async fn receipts(&self, round: &mut Round) -> Result<(), StateError> {
        let row = self.row()?;
        let mut waiting: Option<Time> = None;
        for promise in self.shared.state.promises(row.id)? {
            if row.size.contains(promise.index) {
                self.settle_promise(round, &row, promise).await?;
            } else {
                waiting = Some(waiting.map_or(promise.since, |since| since.min(promise.since)));
            }
        }
        let ahead = self.shared.state.ahead(row.id)?;
        let elsewhere = ahead.iter().map(|seen| seen.first_seen).min();
        self.frozen(round, &row, waiting, elsewhere)
    }

    async fn settle_promise(
        &self,
        round: &mut Round,
        row: &LogRow,
        promise: Promise,
    ) -> Result<(), StateError> {
        let index = promise.index.get() / u64::from(TILE_WIDTH);
        let (width, bound) = scan::bound(&self.shared.state, row.id, index, row.size)?;
        let Insisted {
            outcome,
            changed,
            transcript,
        } = insist(
            &self.source,
            &*self.shared.clock,
            &self.shared.limits,
            async |view: &TileSource| scan::read(view, index, width, &bound).await,
        )
        .await;
        let wrong: Option<Wrong> = match outcome {
            Ok(bundle) => {
                self.judge_promise(round, &promise, &bundle)?;
                None
            }
            Err(wrong) => Some(wrong),
        };
        let blame = Blame {
            outcome: wrong,
            changed,
            transcript: &transcript,
            opened: None,
        };
        self.blame(round, blame)
    }

    fn judge_promise(
        &self,
        round: &mut Round,
        promise: &Promise,
        bundle: &scan::VerifiedBundle,
    ) -> Result<(), StateError> {
        let at = promise.index.get().saturating_sub(bundle.first());
        let found = usize::try_from(at)
            .ok()
            .and_then(|at| bundle.hashes.get(at));
        if found == Some(&promise.leaf) {
            return self.shared.state.kept(self.row.id, promise);
        }
        let grouping = format!("{} {}", promise.index, promise.leaf);
        let finding = Finding::of_log(Kind::LogLateInclusion, &self.row.origin, grouping).saying(
            "the log gave a receipt for an entry, and has another one in its place",
            format!("leaf hash {} at index {}", promise.leaf, promise.index),
            found.map_or_else(|| "none".to_owned(), |hash| format!("leaf hash {hash}")),
        );
        self.accuse(
            round,
            Finding {
                index: Some(promise.index.get()),
                ..finding
            },
        )
    }

    /// Something waits and the log stands still.
    fn frozen(
        &self,
        round: &mut Round,
        row: &LogRow,
        waiting: Option<Time>,
        elsewhere: Option<Time>,
    ) -> Result<(), StateError> {
        let Some(pending) = waiting.into_iter().chain(elsewhere).min() else {
            return Ok(());
        };
        let newest = self.shared.state.newest(row)?;
        let opened = newest.and_then(|seen| self.key.open(seen.note.as_bytes()).ok());
        let signed = opened.and_then(|opened| self.signatures().newest(&opened));
        let limits = &self.shared.limits;
        let what = match (waiting, elsewhere) {
            (Some(_), _) => "an entry with a receipt",
            _ => "a larger checkpoint seen elsewhere",
        };
        let frozen = judge::frozen(Some(pending), row.grown_at, signed, round.now, limits);
        let kind = if frozen {
            Kind::LogFrozen
        } else if waiting.is_some_and(|since| round.now.since(since) >= limits.freshness) {
            Kind::LogLateInclusion
        } else {
            Kind::StaleCache
        };
        let finding = Finding::of_log(kind, &row.origin, "waiting").saying(
            format!("{what} waits for the log"),
            format!("a tree of more than {} leaves", row.size),
            format!(
                "none since {} ms after 1970; it waits since {}",
                row.grown_at.millis(),
                pending.millis()
            ),
        );
        self.accuse(round, finding)
    }

    /// Raises a finding with the newest checkpoint as far as anything shows it.
    fn accuse(&self, round: &mut Round, finding: Finding) -> Result<(), StateError> {
        if finding.kind.class() != crate::findings::Class::Misbehaviour {
            round.raise(finding);
            return Ok(());
        }
        let seen = Seen {
            at: round.now,
            source: self.source.url(),
            bodies: &[],
        };
        let evidence = recorded(&finding, self.key.key(), self.note()?, seen);
        round.raise(finding.showing(evidence));
        Ok(())
    }
}
