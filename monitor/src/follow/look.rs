//! Looking at checkpoints: the log's own, those of other views, and those that somebody handed in.

use std::cmp::Ordering;

use bytes::Bytes;
use treering_tlog::TreeSize;
use treering_tlog::checkpoint::{Checkpoint, CheckpointError, Opened};
use treering_tlog::note::SignedNote;
use treering_tlog::tile::{HashTile, Width};

use super::contradict::kept_nodes;
use super::insist::{Insisted, Mismatch, Wrong, insist};
use super::round::Round;
use super::{Blame, TileLog, extend};
use crate::evidence::{Seen, recorded};
use crate::findings::{Finding, Kind};
use crate::source::{TileSource, Trouble};
use crate::state::{Accepted, HeldTree, LogRow, StateError, Status, TileChange};

/// A checkpoint as a view serves it.
enum View {
    /// Signed by the log.
    Signed(Opened),
    /// Not the log's.
    Foreign(CheckpointError, Bytes),
}

impl TileLog {
    /// Looks at every view there is.
    pub(super) async fn look(&self, round: &mut Round) -> Result<(), StateError> {
        let own = self.view(&self.source).await;
        let mut others = Vec::with_capacity(self.vantages.len());
        for vantage in &self.vantages {
            others.push((vantage, self.view(vantage).await));
        }
        let signed_elsewhere = |at_least: u64| {
            others.iter().any(|(_, view)| match view {
                Ok(View::Signed(opened)) => opened.checkpoint().size.get() >= at_least,
                _ => false,
            })
        };
        match own {
            Err(trouble) => round.trouble(self.source.url(), trouble.to_string()),
            Ok(View::Foreign(error, note)) => {
                self.foreign(round, &error, &note, signed_elsewhere(0));
            }
            Ok(View::Signed(opened)) => {
                let newer = signed_elsewhere(self.row()?.size.get());
                self.own(round, opened, newer).await?;
            }
        }
        for (vantage, view) in &others {
            match view {
                Err(trouble) => {
                    let complete = round.complete;
                    round.trouble(vantage.url(), trouble.to_string());
                    round.complete = complete;
                }
                Ok(View::Foreign(_, note))
                    if self.vantages_shared && is_of_another(note, &self.row.origin) => {}
                Ok(View::Foreign(error, _)) => {
                    let complete = round.complete;
                    round.trouble(vantage.url(), format!("not a view of the log: {error}"));
                    round.complete = complete;
                }
                Ok(View::Signed(opened)) => {
                    self.other(round, opened, vantage.url(), Some(vantage))
                        .await?;
                }
            }
        }
        for (opened, from) in &self.gossip {
            self.other(round, opened, from, None).await?;
        }
        self.ahead(round).await
    }

    /// The checkpoint that a view serves; one that is not the log's is read again around caches.
    async fn view(&self, source: &TileSource) -> Result<View, Trouble> {
        let mut foreign = None;
        for fresh in [false, true] {
            let answer = source.recorded(fresh).checkpoint().await?;
            if let Some(date) = answer.date {
                self.shared
                    .clocks
                    .heard(source.url(), date, self.shared.clock.now());
            }
            match self.key.open(&answer.body) {
                Ok(opened) => return Ok(View::Signed(opened)),
                Err(error) => foreign = Some(View::Foreign(error, answer.body)),
            }
        }
        foreign.ok_or_else(|| Trouble {
            url: source.url().to_owned(),
            detail: "no checkpoint".to_owned(),
            transient: true,
            retry_after: None,
        })
    }

    /// A checkpoint that the log's key did not sign for its origin.
    fn foreign(&self, round: &mut Round, error: &CheckpointError, note: &[u8], elsewhere: bool) {
        round.complete = false;
        let origin = &self.row.origin;
        let kind = match error {
            CheckpointError::OtherOrigin { .. } => Kind::LogOriginSurprise,
            _ => Kind::LogKeySurprise,
        };
        let signers = SignedNote::parse(note).map(|note| {
            let names = note.signatures().iter().map(|line| line.name().to_string());
            names.collect::<Vec<_>>().join(", ")
        });
        let signers = signers.unwrap_or_else(|_| "nobody".to_owned());
        let finding = Finding::of_log(kind, origin, "checkpoint").saying(
            "the log's checkpoint is not signed as it was announced",
            format!("a checkpoint of {origin} signed by {}", self.key.key()),
            format!("{error} (signed by {signers})"),
        );
        if elsewhere {
            // Another view serves the log as announced: this one is broken, not the log.
            round.trouble(self.source.url(), finding.found);
            return;
        }
        let notes = std::str::from_utf8(note).map(str::to_owned);
        let seen = Seen {
            at: round.now,
            source: self.source.url(),
            bodies: &[],
        };
        let notes = notes.into_iter().collect();
        let evidence = recorded(&finding, self.key.key(), notes, seen);
        round.suspect(finding.showing(evidence));
    }

    /// The log's own newest checkpoint. `newer` says that another view has one at least as large as ours.
    async fn own(&self, round: &mut Round, opened: Opened, newer: bool) -> Result<(), StateError> {
        let row = self.row()?;
        self.signatures().times(round, &opened);
        let opened = if opened.checkpoint().size < row.size {
            // Perhaps only a cache is old.
            match self.view(&self.source.recorded(true)).await {
                Ok(View::Signed(fresh)) => fresh,
                _ => opened,
            }
        } else {
            opened
        };
        if !self.signatures().witnessed(round, &opened) {
            return Ok(());
        }
        match opened.checkpoint().size.cmp(&row.size) {
            Ordering::Greater => self.larger(round, &row, &opened).await,
            Ordering::Equal => self.equal(round, &row, &opened, self.source.url()),
            Ordering::Less => {
                let same = self
                    .smaller(round, &row, &opened, self.source.url())
                    .await?;
                if same {
                    self.went_back(round, &row, &opened, newer)?;
                }
                Ok(())
            }
        }
    }

    fn equal(
        &self,
        round: &mut Round,
        row: &LogRow,
        opened: &Opened,
        source: &str,
    ) -> Result<(), StateError> {
        if opened.checkpoint().root == row.root {
            let state = &self.shared.state;
            return state.saw(row.id, opened, source, Status::Accepted, round.now);
        }
        self.contradiction(round, row, opened, source, Vec::new())
    }

    /// A smaller checkpoint: whether the kept tree begins with it. One that it does not begin with is raised.
    async fn smaller(
        &self,
        round: &mut Round,
        row: &LogRow,
        opened: &Opened,
        source: &str,
    ) -> Result<bool, StateError> {
        let size = opened.checkpoint().size;
        let Insisted {
            outcome,
            changed,
            transcript,
        } = insist(
            &self.source,
            &*self.shared.clock,
            &self.shared.limits,
            async |view: &TileSource| self.edge(view, row, size).await,
        )
        .await;
        let (brought, outcome) = match outcome {
            Ok(brought) => (Some(brought), None),
            Err(wrong) => (None, Some(wrong)),
        };
        let blame = Blame {
            outcome,
            changed,
            transcript: &transcript,
            opened: None,
        };
        self.blame(round, blame)?;
        let Some(brought) = brought else {
            return Ok(false);
        };
        let nodes = self.shared.state.read(|connection| {
            let tree = HeldTree::new(connection, row.id).with(brought);
            if tree.root(size)? == opened.checkpoint().root {
                return Ok(None);
            }
            let nodes = kept_nodes(size, row.size, |id| tree.node(row.size, id))?;
            Ok(Some(nodes))
        })?;
        match nodes {
            None => Ok(true),
            Some(nodes) => {
                self.contradiction(round, row, opened, source, nodes)?;
                Ok(false)
            }
        }
    }

    /// The tile of level 0 in which an older tree ends, bound to the kept tree; nothing where it ends with a tile or in one
    /// that is kept.
    async fn edge(
        &self,
        view: &TileSource,
        row: &LogRow,
        size: TreeSize,
    ) -> Result<Option<TileChange>, Wrong> {
        let index = size.get() / u64::from(Width::FULL.get());
        let within = usize::try_from(size.get() % 256).unwrap_or(usize::MAX);
        let kept = self
            .shared
            .state
            .read(|connection| Ok(HeldTree::new(connection, row.id).tile(0, index)?.len()))?;
        if within <= kept {
            return Ok(None);
        }
        let served = view.hash_tile(0, index, Width::FULL).await?;
        let (_, bound) = super::scan::bound(&self.shared.state, row.id, index, row.size)?;
        let found = HashTile::new(served.content.clone()).map(|tile| tile.root());
        match (bound, found) {
            (super::scan::Bound::Root(expected), Ok(found)) if expected != found => {
                Err(Wrong::Mismatch(Mismatch {
                    path: served.path,
                    expected: format!("hashes under {expected}, which the signed root binds"),
                    found: format!("hashes under {found}"),
                }))
            }
            _ => Ok(Some(TileChange {
                level: 0,
                index,
                hashes: served.content,
            })),
        }
    }

    /// A larger checkpoint of the log itself: it is accepted if the kept tree grows into it.
    async fn larger(
        &self,
        round: &mut Round,
        row: &LogRow,
        opened: &Opened,
    ) -> Result<(), StateError> {
        let (from, to) = (row.size, opened.checkpoint().size);
        let root = opened.checkpoint().root;
        let insisted = insist(
            &self.source,
            &*self.shared.clock,
            &self.shared.limits,
            async |view: &TileSource| {
                let grown = extend::fetch(view, from, to).await?;
                let verified = grown.verify(&self.shared.state, row.id, from, to, &root)?;
                verified.map_err(Wrong::Mismatch)
            },
        )
        .await;
        let Insisted {
            outcome,
            changed,
            transcript,
        } = insisted;
        let mut wrong = None;
        match outcome {
            Ok(tiles) => self.accept(round, row, opened, &tiles)?,
            Err(Wrong::Mismatch(_)) if self.forked(round, row, opened).await? => {
                round.complete = false;
                return Ok(());
            }
            Err(other) => wrong = Some(other),
        }
        let blame = Blame {
            outcome: wrong,
            changed,
            transcript: &transcript,
            opened: Some(opened),
        };
        self.blame(round, blame)
    }

    fn accept(
        &self,
        round: &mut Round,
        row: &LogRow,
        opened: &Opened,
        tiles: &[TileChange],
    ) -> Result<(), StateError> {
        if row.done {
            self.grew_after_final(round, row, opened)?;
        }
        let accepted = Accepted {
            opened,
            tiles,
            vantage: self.source.url(),
            now: round.now,
        };
        self.shared.state.accept(row.id, accepted)?;
        let (size, root) = (opened.checkpoint().size, opened.checkpoint().root);
        tracing::info!(origin = %row.origin, %size, %root, "checkpoint accepted");
        Ok(())
    }

    /// A checkpoint of the log from elsewhere.
    pub(super) async fn other(
        &self,
        round: &mut Round,
        opened: &Opened,
        from: &str,
        tiles: Option<&TileSource>,
    ) -> Result<(), StateError> {
        let row = self.row()?;
        match opened.checkpoint().size.cmp(&row.size) {
            Ordering::Equal => self.equal(round, &row, opened, from),
            Ordering::Less => {
                if self.smaller(round, &row, opened, from).await? {
                    let state = &self.shared.state;
                    state.saw(row.id, opened, from, Status::Accepted, round.now)?;
                }
                Ok(())
            }
            Ordering::Greater => {
                if let Some(tiles) = tiles
                    && self.forked_at(round, &row, opened, tiles).await?
                {
                    return Ok(());
                }
                let state = &self.shared.state;
                state.saw(row.id, opened, from, Status::Ahead, round.now)
            }
        }
    }

    /// Checkpoints from elsewhere that were larger than the log: those that it has reached are compared now.
    async fn ahead(&self, round: &mut Round) -> Result<(), StateError> {
        let row = self.row()?;
        for seen in self.shared.state.ahead(row.id)? {
            if seen.size > row.size {
                continue;
            }
            let Ok(opened) = self.key.open(seen.note.as_bytes()) else {
                continue;
            };
            self.other(round, &opened, &seen.vantage, None).await?;
        }
        Ok(())
    }
}

/// Whether a note says that it is of another log.
fn is_of_another(note: &[u8], origin: &str) -> bool {
    let checkpoint = SignedNote::parse(note)
        .ok()
        .and_then(|note| Checkpoint::parse(note.text()).ok());
    checkpoint.is_some_and(|checkpoint| checkpoint.origin.as_str() != origin)
}
