//! Commands that need no log: findings, evidence, state.

use std::path::Path;

use serde_json::json;
use treering_client::evidence::{Evidence, EvidenceError, verify as check};

use super::args::{Format, StateDir, Tend};
use super::setup::read_file;
use super::{Exit, Failure, report};
use crate::clock::{Clock as _, SystemClock};
use crate::findings::{self, Event, Lifecycle};
use crate::state::{self, Access, State};

/// How far each log is.
pub(super) fn status(dir: &StateDir, format: Format) -> Result<Exit, Failure> {
    let state = State::open(&dir.state, Access::Tend)?;
    for row in state.logs()? {
        report::status(format, &row, SystemClock.now());
    }
    Ok(Exit::Clean)
}

/// The findings.
pub(super) fn list(dir: &StateDir, all: bool, format: Format) -> Result<Exit, Failure> {
    let state = State::open(&dir.state, Access::Tend)?;
    let found = state.read(|connection| findings::list(connection, all))?;
    found
        .iter()
        .for_each(|stored| report::finding(format, &stored.line));
    Ok(Exit::Clean)
}

/// Acknowledges or resolves.
pub(super) fn tend(tend: &Tend, event: Event, format: Format) -> Result<Exit, Failure> {
    let state = State::open(&tend.state.state, Access::Tend)?;
    let change = Lifecycle {
        event,
        actor: &tend.actor,
        reason: &tend.reason,
        now: SystemClock.now(),
    };
    let found = state.commit(|tx| findings::tend(tx, &tend.fingerprint, change))?;
    let Some(found) = found else {
        return Err(Failure::usage(format!(
            "expected one finding whose fingerprint begins with {}, found none or several",
            tend.fingerprint
        )));
    };
    report::finding(format, &found.line);
    Ok(Exit::Clean)
}

/// Checks evidence.
pub(super) fn verify(file: &Path, format: Format) -> Result<Exit, Failure> {
    let bytes = read_file(file)?;
    let evidence = Evidence::parse(&bytes).map_err(|e| Failure::Usage(e.into()))?;
    match check(&evidence) {
        Ok(verdict) => {
            report::verdict(format, &verdict);
            Ok(Exit::Clean)
        }
        Err(error @ EvidenceError::Malformed { .. }) => Err(Failure::Usage(error.into())),
        Err(error) => {
            let object = json!({
                "type": "verdict", "kind": evidence.kind, "holds": false, "detail": error.to_string(),
            });
            let text = format!("{}: the evidence does not hold: {error}", evidence.kind);
            report::say(format, &text, &object);
            Ok(Exit::Denied)
        }
    }
}

/// Forgets.
pub(super) fn reset(dir: &StateDir, yes: bool, format: Format) -> Result<Exit, Failure> {
    if !yes {
        return Err(Failure::usage("expected --yes"));
    }
    state::reset(&dir.state)?;
    let object = json!({"type": "reset", "state": dir.state.display().to_string()});
    let text = "forgotten; the next run takes what the logs then show as the truth";
    report::say(format, text, &object);
    Ok(Exit::Clean)
}
