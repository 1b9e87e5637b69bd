//! Reading the entries of a range, in parallel and kept in order, with what they say.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, stream};
use rusqlite::{Transaction, params};
use treering_client::evidence::{Claim, Evidence, Proof};
use treering_tlog::proof_file::TlogProof;
use treering_tlog::tile::TILE_WIDTH;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::insist::{Insisted, insist};
use super::round::Round;
use super::scan::{self, VerifiedBundle};
use super::{Blame, Reach, Shared, TileLog};
use crate::clock::Time;
use crate::evidence;
use crate::examine::VerifiedEntry;
use crate::findings::{self, Finding};
use crate::source::TileSource;
use crate::state::{HeldTree, LogId, LogRow, StateError, TileChange, keep_tiles, signed};

/// Bundles that go into one transaction.
const BATCH: usize = 32;
/// Bytes of leaves after which a transaction ends although it has fewer bundles.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Which position moves as a range is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// The head: `cursor`.
    Cursor,
    /// A backfill below the first entry: `filled`.
    Filled,
    /// None: a second reading.
    None,
}

/// Entries to read.
#[derive(Clone, Copy, Debug)]
struct Range {
    from: u64,
    to: u64,
    position: Position,
}

/// What entries say.
#[derive(Default)]
pub(super) struct Said {
    facts: Vec<(u64, Hash, String)>,
    findings: Vec<(Finding, Option<String>)>,
}

/// Examines an entry. `logged` is asked for the entry's proof where a finding names it and brings no evidence.
pub(super) fn examine_entry(
    shared: &Shared,
    entry: &VerifiedEntry<'_>,
    said: &mut Said,
    logged: impl Fn(&Finding) -> Result<Option<Evidence>, StateError>,
) -> Result<(), StateError> {
    let at = entry.index.get();
    let examined = shared.examiner.examine(entry);
    let facts: BTreeSet<String> = examined.facts.into_iter().collect();
    said.facts
        .extend(facts.into_iter().map(|fact| (at, entry.leaf_hash, fact)));
    for mut finding in examined.findings {
        finding.retroactive = entry.retroactive;
        if finding.evidence.is_none() && finding.index == Some(at) {
            finding.evidence = logged(&finding)?;
        }
        let finding = evidence::checked(finding);
        let file = evidence::write(shared.state.dir(), &finding)?;
        said.findings.push((finding, file));
    }
    Ok(())
}

/// Keeps what entries said, in the transaction that moves the position past them.
pub(super) fn keep_said(
    tx: &Transaction<'_>,
    log: LogId,
    said: &Said,
    now: Time,
) -> Result<(), StateError> {
    let mut put = tx.prepare_cached(
        "INSERT OR IGNORE INTO facts (log, idx, leaf, fact) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (index, leaf, fact) in &said.facts {
        put.execute(params![log, signed(*index), leaf.as_bytes(), fact])?;
    }
    for (finding, file) in &said.findings {
        findings::record(tx, finding, file.as_deref(), now)?;
    }
    Ok(())
}

impl TileLog {
    /// Reads on from the cursor.
    pub(super) async fn forward(&self, round: &mut Round, reach: Reach) -> Result<(), StateError> {
        let row = self.row()?;
        let to = match reach {
            Reach::Head => row.size.get(),
            Reach::Entries(most) => row.size.get().min(row.cursor.saturating_add(most)),
        };
        let range = Range {
            from: row.cursor,
            to,
            position: Position::Cursor,
        };
        self.range(round, range, &|_, _| {}).await
    }

    /// Reads what is before the first entry that was examined.
    pub(super) async fn backwards(
        &self,
        round: &mut Round,
        progress: &dyn Fn(u64, u64),
    ) -> Result<(), StateError> {
        let row = self.row()?;
        let range = Range {
            from: row.filled,
            to: row.first.min(row.size.get()),
            position: Position::Filled,
        };
        self.range(round, range, progress).await?;
        self.shared.state.join_backfill(row.id)
    }

    /// Reads again what was read.
    pub(super) async fn again(
        &self,
        round: &mut Round,
        progress: &dyn Fn(u64, u64),
    ) -> Result<(), StateError> {
        let row = self.row()?;
        for (from, to) in [(0, row.filled), (row.first, row.cursor)] {
            let range = Range {
                from,
                to,
                position: Position::None,
            };
            self.range(round, range, progress).await?;
        }
        Ok(())
    }

    async fn range(
        &self,
        round: &mut Round,
        range: Range,
        progress: &dyn Fn(u64, u64),
    ) -> Result<(), StateError> {
        if range.from >= range.to {
            return Ok(());
        }
        let row = self.row()?;
        let width = u64::from(TILE_WIDTH);
        let bundles = range.from / width..=(range.to - 1) / width;
        let mut read = std::pin::pin!(
            stream::iter(bundles)
                .map(|index| self.bundle(index, row.size))
                .buffered(self.source.parallel())
        );
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut stopped = false;
        while let Some(insisted) = read.next().await {
            let Insisted {
                outcome,
                changed,
                transcript,
            } = insisted?;
            let mut wrong = None;
            match outcome {
                Ok(bundle) => {
                    bytes += bundle.leaves.iter().map(bytes::Bytes::len).sum::<usize>();
                    batch.push(bundle);
                }
                Err(error) => wrong = Some(error),
            }
            stopped = wrong.is_some();
            if stopped || changed.is_some() {
                let blame = Blame {
                    outcome: wrong,
                    changed,
                    transcript: &transcript,
                    opened: None,
                };
                self.blame(round, blame)?;
            }
            if stopped || batch.len() >= BATCH || bytes >= BATCH_BYTES {
                self.keep(round, &row, range, &std::mem::take(&mut batch), progress)?;
                bytes = 0;
            }
            if stopped {
                break;
            }
        }
        if stopped {
            return Ok(());
        }
        self.keep(round, &row, range, &batch, progress)
    }

    async fn bundle(
        &self,
        index: u64,
        size: TreeSize,
    ) -> Result<Insisted<VerifiedBundle>, StateError> {
        let (width, bound) = scan::bound(&self.shared.state, self.row.id, index, size)?;
        let read = async |view: &TileSource| scan::read(view, index, width, &bound).await;
        let (clock, limits) = (&*self.shared.clock, &self.shared.limits);
        Ok(insist(&self.source, clock, limits, read).await)
    }

    /// Examines verified bundles, and keeps what they say with the position, in one transaction.
    fn keep(
        &self,
        round: &Round,
        row: &LogRow,
        range: Range,
        batch: &[VerifiedBundle],
        progress: &dyn Fn(u64, u64),
    ) -> Result<(), StateError> {
        let Some(last) = batch.last() else {
            return Ok(());
        };
        let read = u64::try_from(last.leaves.len()).unwrap_or(u64::MAX);
        let upto = last.first().saturating_add(read).min(range.to);
        let mut said = Said::default();
        for bundle in batch {
            self.examine(round, row, range, bundle, &mut said)?;
        }
        self.shared.state.commit(|tx| {
            keep_said(tx, row.id, &said, round.now)?;
            let tiles: Vec<TileChange> = batch.iter().map(VerifiedBundle::tile).collect();
            keep_tiles(tx, row.id, row.size, &tiles)?;
            let sql = match range.position {
                Position::Cursor => "UPDATE logs SET cursor = ?2 WHERE id = ?1",
                Position::Filled => "UPDATE logs SET filled = ?2 WHERE id = ?1",
                Position::None => return Ok(()),
            };
            tx.execute(sql, params![row.id, signed(upto)])?;
            Ok(())
        })?;
        let first = batch.first().map_or(upto, VerifiedBundle::first);
        let examined = upto.saturating_sub(first.max(range.from));
        self.shared.metrics.examined(&row.origin, examined);
        progress(upto, range.to);
        Ok(())
    }

    fn examine(
        &self,
        round: &Round,
        row: &LogRow,
        range: Range,
        bundle: &VerifiedBundle,
        said: &mut Said,
    ) -> Result<(), StateError> {
        let retroactive = range.position == Position::None;
        for (at, (leaf, hash)) in (bundle.first()..).zip(bundle.leaves.iter().zip(&bundle.hashes)) {
            let Some(index) = LeafIndex::new(at).filter(|_| (range.from..range.to).contains(&at))
            else {
                continue;
            };
            let entry = VerifiedEntry {
                origin: &row.origin,
                index,
                leaf,
                leaf_hash: *hash,
                retroactive,
            };
            examine_entry(&self.shared, &entry, said, |finding| {
                self.logged(round, row, bundle, &entry, finding)
            })?;
        }
        Ok(())
    }

    /// The entry with its proof to the newest accepted checkpoint.
    fn logged(
        &self,
        round: &Round,
        row: &LogRow,
        bundle: &VerifiedBundle,
        entry: &VerifiedEntry<'_>,
        finding: &Finding,
    ) -> Result<Option<Evidence>, StateError> {
        let tile = bundle.tile();
        let proof = self.shared.state.read(|connection| {
            let tree = HeldTree::new(connection, row.id).with([tile]);
            Ok(tree.prove(entry.index, row.size)?)
        })?;
        let Some(newest) = self.shared.state.newest(row)? else {
            return Ok(None);
        };
        let file = TlogProof {
            extra: None,
            index: entry.index,
            hashes: proof.hashes,
            checkpoint: newest.note,
        };
        Ok(Some(Evidence {
            kind: finding.kind.as_str().to_owned(),
            proof: Proof::L,
            vkey: self.key.key().to_string(),
            notes: Vec::new(),
            nodes: Vec::new(),
            entry: Some(STANDARD.encode(entry.leaf)),
            tlog_proof: Some(file.encode()),
            claim: Claim {
                observed_at_ms: round.now.millis(),
                source: self.source.url().to_owned(),
                why: finding.why.clone(),
                expected: finding.expected.clone(),
                found: finding.found.clone(),
                bodies: Vec::new(),
            },
        }))
    }
}
