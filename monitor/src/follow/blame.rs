//! What becomes of something that was read and did not serve.

use bytes::Bytes;
use treering_client::evidence::Evidence;
use treering_tlog::Hash;
use treering_tlog::checkpoint::Opened;

use super::TileLog;
use super::insist::{Mismatch, TwoBodies, Wrong};
use super::round::Round;
use crate::clock::Time;
use crate::evidence::{Seen, recorded};
use crate::findings::{Finding, Kind};
use crate::source::{ReadError, Transcript};
use crate::state::StateError;

/// Something that was read and did not serve.
pub(super) struct Blame<'a> {
    pub(super) outcome: Option<Wrong>,
    pub(super) changed: Option<TwoBodies>,
    pub(super) transcript: &'a Transcript,
    /// The checkpoint that it should fit; the newest accepted one if none.
    pub(super) opened: Option<&'a Opened>,
}

impl TileLog {
    /// Raises it, suspects it, or says that there was trouble on the way.
    pub(super) fn blame(&self, round: &mut Round, blame: Blame<'_>) -> Result<(), StateError> {
        let Blame {
            outcome,
            changed,
            transcript,
            opened,
        } = blame;
        if outcome.is_none() && changed.is_none() {
            return Ok(());
        }
        let notes = match opened {
            Some(opened) => vec![opened.text().to_owned()],
            None => self.note()?,
        };
        if let Some(changed) = changed {
            // What was bad at last is explained by it.
            let finding = equivocation(&self.row.origin, &changed);
            let bodies = [
                (changed.path.clone(), changed.first),
                (changed.path, changed.second),
            ];
            let evidence = self.show(&finding, notes, round.now, &bodies);
            round.raise(finding.showing(evidence));
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
                let evidence = self.show(&finding, notes, round.now, &bodies);
                round.raise(finding.showing(evidence));
            }
            Some(Wrong::Unread(error)) => self.unread(round, &error, notes),
        }
        Ok(())
    }

    /// Trouble says nothing about the log; a hole does if it lasts.
    fn unread(&self, round: &mut Round, error: &ReadError, notes: Vec<String>) {
        let path = match error {
            ReadError::Trouble(trouble) => {
                round.trouble(self.source.url(), trouble.to_string());
                return;
            }
            ReadError::Missing { path }
            | ReadError::Incomplete { path, .. }
            | ReadError::Malformed { path, .. } => path,
        };
        round.complete = false;
        let finding = Finding::of_log(Kind::LogMissingEntries, &self.row.origin, stem(path))
            .saying(
                "something within the signed size can't be read",
                format!("{path}, which the signed size promises"),
                error.to_string(),
            );
        let evidence = self.show(&finding, notes, round.now, &[]);
        round.suspect(finding.showing(evidence));
    }

    fn show(
        &self,
        finding: &Finding,
        notes: Vec<String>,
        at: Time,
        bodies: &[(String, Bytes)],
    ) -> Evidence {
        let source = self.source.url();
        let seen = Seen { at, source, bodies };
        recorded(finding, self.key.key(), notes, seen)
    }
}

/// A tile's path whatever its width, so that a growing log's hole stays the same one.
fn stem(path: &str) -> &str {
    path.split_once(".p/").map_or(path, |(stem, _)| stem)
}

fn equivocation(origin: &str, changed: &TwoBodies) -> Finding {
    let digest = |bytes: &[u8]| Hash::of(bytes).to_hex();
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
