//! One pass over one log: nothing it says counts before it is bound to a signed root that extends the last one.

use treering_client::fsck::{self, FsckError, FsckOptions, Inconsistency, InconsistencyKind};
use treering_client::memory::MemoryError;
use treering_client::tiles::TileError;
use treering_client::{FetchError, LogKey, Memory, TileReader};
use treering_tlog::Checkpoint;

/// What a pass came to know.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The log was read whole and fits together.
    Covered(Checkpoint),
    /// The log contradicts itself or its key. `kind` is stable, `found` and `expected` are text.
    Misbehaviour {
        kind: &'static str,
        expected: String,
        found: String,
    },
    /// The log, or the state folder, could not be read; this says nothing about the log.
    Operational(String),
}

pub(crate) async fn once(
    log: &TileReader,
    key: &LogKey,
    memory: &Memory,
    options: FsckOptions,
) -> Outcome {
    match follow(log, key, memory, options).await {
        Ok(checkpoint) => Outcome::Covered(checkpoint),
        Err(outcome) => outcome,
    }
}

async fn follow(
    log: &TileReader,
    key: &LogKey,
    memory: &Memory,
    options: FsckOptions,
) -> Result<Checkpoint, Outcome> {
    let seen = memory
        .recall_of(key)
        .map_err(|error| Outcome::Operational(error.to_string()))?;
    let opened = fsck::open_checkpoint(log, key)
        .await
        .map_err(|error| judge("log-checkpoint", error))?;
    // The tree first: a checkpoint is remembered only when everything below it was there.
    fsck::check_tree(log, &opened, options, |_| {})
        .await
        .map_err(|error| judge("log-content", error))?;
    let prove = async |from, to| log.prove_consistency(from, to).await;
    memory
        .advance(seen.as_ref(), &opened, prove)
        .await
        .map_err(contradiction)?;
    Ok(opened.checkpoint().clone())
}

fn judge(kind: &'static str, error: FsckError) -> Outcome {
    match error {
        // Not there is not another: perhaps it is only late, or not on this mirror.
        FsckError::Inconsistent(found) if found.kind == InconsistencyKind::Missing => {
            Outcome::Operational(found.to_string())
        }
        FsckError::Inconsistent(Inconsistency {
            path,
            expected,
            found,
            ..
        }) => Outcome::Misbehaviour {
            kind,
            expected: format!("{path}: {expected}"),
            found,
        },
        FsckError::Fetch(error) => operational(&error),
        other => Outcome::Operational(other.to_string()),
    }
}

fn operational(error: &FetchError) -> Outcome {
    Outcome::Operational(error.to_string())
}

fn contradiction(error: MemoryError<TileError>) -> Outcome {
    match error {
        MemoryError::Misbehaviour(misbehaviour) => Outcome::Misbehaviour {
            kind: misbehaviour.kind.as_str(),
            expected: format!(
                "a tree that extends the remembered checkpoint\n{}",
                misbehaviour.remembered
            ),
            found: format!("{}\n{}", misbehaviour.detail, misbehaviour.found),
        },
        MemoryError::NoProof {
            source: TileError::Fetch(error),
            ..
        } => operational(&error),
        other => Outcome::Operational(other.to_string()),
    }
}
