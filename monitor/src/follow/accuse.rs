//! Accusing a log by its checkpoints: rollback, growth after the end, and trees that contradict each other.

use treering_client::evidence::{Node, verify};
use treering_tlog::Hash;
use treering_tlog::checkpoint::{Checkpoint, Opened};

use super::TileLog;
use super::contradict::{Contradiction, served_nodes};
use super::round::Round;
use crate::evidence::{Seen, recorded};
use crate::findings::{Finding, Kind};
use crate::source::TileSource;
use crate::state::{LogRow, SeenCheckpoint, StateError, Status};

impl TileLog {
    /// The log shows a beginning of what it showed before.
    pub(super) fn went_back(
        &self,
        round: &mut Round,
        row: &LogRow,
        opened: &Opened,
        newer: bool,
    ) -> Result<(), StateError> {
        let found = opened.checkpoint().size;
        let finding = Finding::of_log(Kind::LogRollback, &row.origin, "rollback").saying(
            "the log shows a smaller tree than before",
            format!("size {} or more", row.size),
            format!("size {found} with the root that it had then"),
        );
        if newer {
            let kind = Kind::StaleCache;
            round.raise(Finding { kind, ..finding });
            return Ok(());
        }
        let mut notes = self.note()?;
        notes.push(opened.text().to_owned());
        let seen = Seen {
            at: round.now,
            source: self.source.url(),
            bodies: &[],
        };
        let evidence = recorded(&finding, self.key.key(), notes, seen);
        round.suspect(finding.showing(evidence));
        Ok(())
    }

    pub(super) fn grew_after_final(
        &self,
        round: &mut Round,
        row: &LogRow,
        opened: &Opened,
    ) -> Result<(), StateError> {
        let finding = Finding::of_log(Kind::LogGrewAfterFinal, &row.origin, "final").saying(
            "a log grew after it was announced that it is final",
            format!("size {}", row.size),
            format!("size {}", opened.checkpoint().size),
        );
        let mut notes = self.note()?;
        notes.push(opened.text().to_owned());
        let seen = Seen {
            at: round.now,
            source: self.source.url(),
            bodies: &[],
        };
        let evidence = recorded(&finding, self.key.key(), notes, seen);
        round.raise(finding.showing(evidence));
        Ok(())
    }

    /// Whether the log's own tiles prove that a larger tree does not contain the kept one.
    pub(super) async fn forked(
        &self,
        round: &mut Round,
        row: &LogRow,
        opened: &Opened,
    ) -> Result<bool, StateError> {
        self.forked_at(round, row, opened, &self.source).await
    }

    pub(super) async fn forked_at(
        &self,
        round: &mut Round,
        row: &LogRow,
        opened: &Opened,
        source: &TileSource,
    ) -> Result<bool, StateError> {
        if row.size.is_empty() {
            return Ok(false);
        }
        let fresh = source.recorded(true);
        let nodes = served_nodes(&fresh, row.size, opened.checkpoint().size).await;
        let Ok(nodes) = nodes else { return Ok(false) };
        let before = self.shared.state.newest(row)?;
        let Some(SeenCheckpoint { note: held, .. }) = before else {
            return Ok(false);
        };
        let found = Contradiction {
            held: &held,
            held_tree: (row.size, row.root),
            found: opened,
            nodes,
            source: source.url(),
            at: round.now,
        };
        let findings = found.findings(self.key.key(), self.shared.policy.as_deref());
        let proven = findings
            .first()
            .and_then(|finding| finding.evidence.as_ref());
        if proven.is_none_or(|evidence| verify(evidence).is_err()) {
            return Ok(false);
        }
        let state = &self.shared.state;
        state.saw(row.id, opened, source.url(), Status::Conflict, round.now)?;
        findings
            .into_iter()
            .for_each(|finding| round.raise(finding));
        Ok(true)
    }

    pub(super) fn contradiction(
        &self,
        round: &mut Round,
        row: &LogRow,
        opened: &Opened,
        source: &str,
        nodes: Vec<Node>,
    ) -> Result<(), StateError> {
        let state = &self.shared.state;
        let Some(SeenCheckpoint { note: held, .. }) = state.newest(row)? else {
            return self.empty_tree(round, opened, source);
        };
        state.saw(row.id, opened, source, Status::Conflict, round.now)?;
        let found = Contradiction {
            held: &held,
            held_tree: (row.size, row.root),
            found: opened,
            nodes,
            source,
            at: round.now,
        };
        let findings = found.findings(self.key.key(), self.shared.policy.as_deref());
        findings
            .into_iter()
            .for_each(|finding| round.raise(finding));
        Ok(())
    }

    /// A signed tree of no leaves whose root is not that of no leaves.
    fn empty_tree(
        &self,
        round: &mut Round,
        opened: &Opened,
        source: &str,
    ) -> Result<(), StateError> {
        let Checkpoint { origin, root, .. } = opened.checkpoint();
        let finding = Finding::of_log(Kind::LogContentMismatch, origin.as_str(), "checkpoint")
            .saying(
                "the signed root of no leaves is not that of no leaves",
                Hash::empty_root().to_string(),
                root.to_string(),
            );
        let seen = Seen {
            at: round.now,
            source,
            bodies: &[],
        };
        let notes = vec![opened.text().to_owned()];
        let evidence = recorded(&finding, self.key.key(), notes, seen);
        round.raise(finding.showing(evidence));
        Ok(())
    }
}
