//! One tree of a Rekor v1 log.

use std::cmp::Ordering;
use std::ops::Range;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rusqlite::params;
use treering_client::LogKey;
use treering_tlog::checkpoint::Opened;
use treering_tlog::merkle::InclusionProof;
use treering_tlog::{CompactRange, Hash, LeafIndex, TreeSize};

use super::super::contradict::Contradiction;
use super::super::entries::{Said, examine_entry, keep_said};
use super::super::times::Signatures;
use super::super::{Reach, Round, Shared};
use super::api::{Api, Served, pieces};
use crate::evidence::{Seen, recorded};
use crate::examine::VerifiedEntry;
use crate::findings::{Finding, Kind};
use crate::judge::ATTEMPTS;
use crate::state::{Accepted, HeldTree, LogRow, StateError, Status, TileChange, keep_edge, signed};

/// Entries that are bound and kept at once.
const CHUNK: u64 = 2_000;

/// Which position moves as a range is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    Cursor,
    Filled,
    None,
}

/// A tree, with the checkpoint that the log shows of it now.
pub(super) struct Shard<'a> {
    pub(super) shared: &'a Shared,
    pub(super) api: &'a Api,
    pub(super) key: LogKey,
    pub(super) opened: Opened,
    pub(super) row: LogRow,
    pub(super) tree: String,
    /// Entries of earlier shards.
    pub(super) before: u64,
}

/// Entries that are bound to a signed root, and the right edge of the tree after them.
struct Bound {
    entries: Vec<Served>,
    edge: CompactRange,
}

/// Why a range could not be bound.
enum Unbound {
    /// It could not be read.
    Unread(String),
    /// It was read, and does not lead to the signed root.
    Misfit { expected: String, found: String },
}

impl Shard<'_> {
    pub(super) fn row(&self) -> Result<LogRow, StateError> {
        self.shared.state.log(self.row.id)
    }

    /// A shard that ended must not change any more.
    pub(super) fn check_final(&self, round: &mut Round) -> Result<(), StateError> {
        let found = self.opened.checkpoint();
        if (found.size, found.root) == (self.row.size, self.row.root) {
            return Ok(());
        }
        if found.size <= self.row.size {
            return self.judge(round).map(|_| ());
        }
        let finding = Finding::of_log(Kind::LogGrewAfterFinal, &self.row.origin, "final").saying(
            "a shard grew after it had ended",
            format!("size {}", self.row.size),
            format!("size {}", found.size),
        );
        self.accuse(round, finding)
    }

    /// Takes the checkpoint and reads up to it. Whether there is nothing left to read.
    pub(super) async fn advance(
        &self,
        round: &mut Round,
        reach: Reach,
    ) -> Result<bool, StateError> {
        let signatures = Signatures {
            shared: self.shared,
            key: &self.key,
            origin: &self.row.origin,
            source: self.api.url(),
        };
        signatures.times(round, &self.opened);
        if !signatures.witnessed(round, &self.opened) || !self.judge(round)? {
            return Ok(false);
        }
        let row = self.row()?;
        let target = self.opened.checkpoint().size.get();
        if row.size.is_empty() && row.cursor == target {
            // Seen for the first time, and only what comes from now on is of interest.
            self.accept(round)?;
            return Ok(true);
        }
        let to = match reach {
            Reach::Head => target,
            Reach::Entries(most) => target.min(row.cursor.saturating_add(most)),
        };
        if row.cursor == target && !self.edge_fits(&row)? {
            let expected = format!("the root of the {target} entries that were read");
            let found = self.opened.checkpoint().root.to_string();
            let finding = Finding::of_log(Kind::LogContentMismatch, &row.origin, "root").saying(
                "the log signed another root than its entries lead to",
                expected,
                found,
            );
            self.accuse(round, finding)?;
            return Ok(false);
        }
        let done = self
            .read(round, row.cursor..to, Position::Cursor, &|_, _| {})
            .await?;
        if done && to == target && self.opened.checkpoint().size > row.size {
            self.accept(round)?;
        }
        Ok(done && to == target)
    }

    /// Compares the checkpoint with the newest accepted one; whether it can be read up to.
    fn judge(&self, round: &mut Round) -> Result<bool, StateError> {
        let row = self.row()?;
        let found = self.opened.checkpoint();
        match found.size.cmp(&row.size) {
            Ordering::Greater => Ok(true),
            Ordering::Equal if found.root == row.root || row.size.is_empty() => Ok(true),
            Ordering::Equal => {
                self.forked(round, &row)?;
                Ok(false)
            }
            Ordering::Less => {
                let finding = Finding::of_log(Kind::LogRollback, &row.origin, "rollback").saying(
                    "the log shows a smaller tree than before",
                    format!("size {} or more", row.size),
                    format!("size {}", found.size),
                );
                let mut notes: Vec<String> = Vec::new();
                notes.extend(self.shared.state.newest(&row)?.map(|seen| seen.note));
                notes.push(self.opened.text().to_owned());
                let evidence = recorded(&finding, self.key.key(), notes, self.seen(round));
                round.suspect(finding.showing(evidence));
                Ok(false)
            }
        }
    }

    fn forked(&self, round: &mut Round, row: &LogRow) -> Result<(), StateError> {
        let Some(held) = self.shared.state.newest(row)? else {
            return Ok(());
        };
        let state = &self.shared.state;
        state.saw(
            row.id,
            &self.opened,
            self.api.url(),
            Status::Conflict,
            round.now,
        )?;
        let found = Contradiction {
            held: &held.note,
            held_tree: (row.size, row.root),
            found: &self.opened,
            nodes: Vec::new(),
            source: self.api.url(),
            at: round.now,
        };
        let findings = found.findings(self.key.key(), self.shared.policy.as_deref());
        findings
            .into_iter()
            .for_each(|finding| round.raise(finding));
        Ok(())
    }

    fn accept(&self, round: &Round) -> Result<(), StateError> {
        let accepted = Accepted {
            opened: &self.opened,
            tiles: &[],
            vantage: self.api.url(),
            now: round.now,
        };
        self.shared.state.accept_unkept(self.row.id, accepted)
    }

    /// Reads a range and examines it, chunk by chunk. Whether all of it was read.
    pub(super) async fn read(
        &self,
        round: &mut Round,
        range: Range<u64>,
        position: Position,
        progress: &dyn Fn(u64, u64),
    ) -> Result<bool, StateError> {
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min(at + CHUNK);
            let mut last = None;
            for attempt in 0..ATTEMPTS {
                match self.bind(at..end, position, attempt > 0).await? {
                    Ok(bound) => {
                        self.keep(round, at..end, &bound, position)?;
                        last = None;
                        break;
                    }
                    Err(Unbound::Unread(detail)) => {
                        round.trouble(self.api.url(), detail);
                        return Ok(false);
                    }
                    Err(Unbound::Misfit { expected, found }) => {
                        last = Some((expected, found));
                        self.shared.clock.sleep(self.shared.limits.refetch).await;
                    }
                }
            }
            if let Some((expected, found)) = last {
                let grouping = format!("tree {} from {at}", self.tree);
                let finding =
                    Finding::of_log(Kind::LogContentMismatch, &self.row.origin, grouping).saying(
                        "the entries that the log serves do not lead to the root that it signed, three times the same",
                        expected,
                        found,
                    );
                round.complete = false;
                self.accuse(round, finding)?;
                return Ok(false);
            }
            at = end;
            progress(at, range.end);
        }
        Ok(true)
    }

    /// Reads entries and binds them to a signed root.
    async fn bind(
        &self,
        range: Range<u64>,
        position: Position,
        fresh: bool,
    ) -> Result<Result<Bound, Unbound>, StateError> {
        let found = self.opened.checkpoint();
        // One more than is kept: its proof shows the edge of the tree at the end of the range.
        let beyond = range.end < found.size.get();
        let wanted = range.start + self.before..range.end + self.before + u64::from(beyond);
        let entries = stream::iter(pieces(wanted))
            .map(|piece| self.api.entries(piece, fresh))
            .buffered(self.api.parallel())
            .try_concat()
            .await;
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(detail) => return Ok(Err(Unbound::Unread(detail))),
        };
        let next = if beyond { entries.pop() } else { None };
        let kept = match position {
            Position::Cursor => self.kept_edge(range.start)?,
            _ => None,
        };
        let start = TreeSize::new(range.start).unwrap_or_default();
        let edge = kept.or_else(|| edge_before(start, entries.first()?));
        let Some(mut edge) = edge else {
            let expected = format!("a proof of entry {start} that shows the tree before it");
            let found = "one of another length".to_owned();
            return Ok(Err(Unbound::Misfit { expected, found }));
        };
        entries.iter().for_each(|entry| edge.append(entry.hash));
        let bound = match &next {
            None => (edge.root() == found.root).then_some(()),
            Some(next) => self.leads_on(&edge, next),
        };
        if bound.is_some() {
            return Ok(Ok(Bound { entries, edge }));
        }
        Ok(Err(Unbound::Misfit {
            expected: format!("entries that lead to a signed root at size {}", edge.size()),
            found: format!("entries that lead to {}", edge.root()),
        }))
    }

    /// Whether the proof of the entry after the range goes through the edge, up to a root that the log signed.
    fn leads_on(&self, edge: &CompactRange, next: &Served) -> Option<()> {
        let opened = self.key.open(next.note.as_bytes()).ok()?;
        let signed = opened.checkpoint();
        let proof = InclusionProof {
            index: LeafIndex::new(edge.size().get())?,
            size: TreeSize::new(next.size).filter(|size| *size == signed.size)?,
            hashes: next.siblings.clone(),
        };
        proof.verify(&next.hash, &signed.root).ok()?;
        (edge_before(edge.size(), next)? == *edge).then_some(())
    }

    /// The right edge that was kept with the cursor.
    fn kept_edge(&self, cursor: u64) -> Result<Option<CompactRange>, StateError> {
        let size = TreeSize::new(cursor).unwrap_or_default();
        self.shared.state.read(|connection| {
            let hashes = HeldTree::new(connection, self.row.id).tile(0, cursor)?;
            Ok(CompactRange::from_parts(size, hashes).ok())
        })
    }

    /// Whether the entries that were read lead to the checkpoint's root, as far as the edge was kept.
    fn edge_fits(&self, row: &LogRow) -> Result<bool, StateError> {
        let edge = self.kept_edge(row.cursor)?;
        let root = self.opened.checkpoint().root;
        Ok(edge.is_none_or(|edge| edge.root() == root))
    }

    fn keep(
        &self,
        round: &Round,
        range: Range<u64>,
        bound: &Bound,
        position: Position,
    ) -> Result<(), StateError> {
        let mut said = Said::default();
        for (at, served) in range.clone().zip(&bound.entries) {
            let Some(index) = LeafIndex::new(at) else {
                continue;
            };
            let entry = VerifiedEntry {
                origin: &self.row.origin,
                index,
                leaf: &served.leaf,
                leaf_hash: served.hash,
                retroactive: position == Position::None,
            };
            examine_entry(self.shared, &entry, &mut said, |_| Ok(None))?;
        }
        self.shared.state.commit(|tx| {
            keep_said(tx, self.row.id, &said, round.now)?;
            let sql = match position {
                Position::Cursor => "UPDATE logs SET cursor = ?2 WHERE id = ?1",
                Position::Filled => "UPDATE logs SET filled = ?2 WHERE id = ?1",
                Position::None => return Ok(()),
            };
            tx.execute(sql, params![self.row.id, signed(range.end)])?;
            if position == Position::Cursor {
                let edge = TileChange {
                    level: 0,
                    index: range.end,
                    hashes: bound.edge.hashes().to_vec(),
                };
                keep_edge(tx, self.row.id, &edge)?;
            }
            Ok(())
        })?;
        let examined = range.end - range.start;
        self.shared.metrics.examined(&self.row.origin, examined);
        Ok(())
    }

    fn seen(&self, round: &Round) -> Seen<'_> {
        Seen {
            at: round.now,
            source: self.api.url(),
            bodies: &[],
        }
    }

    fn accuse(&self, round: &mut Round, finding: Finding) -> Result<(), StateError> {
        let notes = vec![self.opened.text().to_owned()];
        let evidence = recorded(&finding, self.key.key(), notes, self.seen(round));
        round.raise(finding.showing(evidence));
        Ok(())
    }
}

/// The right edge of the tree before an entry: the left siblings of its proof.
fn edge_before(size: TreeSize, entry: &Served) -> Option<CompactRange> {
    let index = size.get();
    let mut left: Vec<Hash> = Vec::new();
    let mut siblings = entry.siblings.iter();
    let last = entry.size.checked_sub(1)?;
    for level in 0..64 {
        if last >> level == 0 {
            break;
        }
        let at = index >> level;
        if at & 1 == 1 {
            left.push(*siblings.next()?);
        } else if (at ^ 1) << level <= last {
            // A sibling on the right says nothing about what is before.
            siblings.next()?;
        }
    }
    left.reverse();
    CompactRange::from_parts(size, left).ok()
}
