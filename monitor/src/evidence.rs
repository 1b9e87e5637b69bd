//! Making evidence, and having it checked by the code path that everybody else uses before anybody is accused.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use bytes::Bytes;
use treering_client::evidence::{Body, Claim, Evidence, Proof, verify};
use treering_tlog::note::VerifierKey;

use crate::clock::Time;
use crate::findings::{Finding, Kind};
use crate::state::{EVIDENCE, StateError};

/// An observation that nobody signed.
#[must_use]
pub fn recorded(
    finding: &Finding,
    key: &VerifierKey,
    notes: Vec<String>,
    seen: Seen<'_>,
) -> Evidence {
    Evidence {
        kind: finding.kind.as_str().to_owned(),
        proof: Proof::R,
        vkey: key.to_string(),
        notes,
        nodes: Vec::new(),
        entry: None,
        tlog_proof: None,
        claim: Claim {
            observed_at_ms: seen.at.millis(),
            source: seen.source.to_owned(),
            why: finding.why.clone(),
            expected: finding.expected.clone(),
            found: finding.found.clone(),
            bodies: seen
                .bodies
                .iter()
                .map(|(path, bytes)| Body::new(path.as_str(), bytes))
                .collect(),
        },
    }
}

/// Where and when something was seen, and what came.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When.
    pub at: Time,
    /// The address.
    pub source: &'a str,
    /// What came for which path.
    pub bodies: &'a [(String, Bytes)],
}

/// A finding that was checked: an accusation whose evidence does not hold becomes trouble of the monitor.
#[must_use]
pub fn checked(finding: Finding) -> Finding {
    let refuted = match &finding.evidence {
        Some(evidence) => match verify(evidence) {
            Ok(_) => return finding,
            Err(error) => error.to_string(),
        },
        None => return finding,
    };
    let name = finding.kind.as_str().to_owned();
    Finding {
        kind: Kind::StateDamaged,
        evidence: None,
        ..finding
    }
    .saying(
        "two code paths of this monitor disagree about the same evidence; nobody is accused",
        format!("evidence of {name} that holds"),
        refuted,
    )
}

/// Writes the file of a finding's evidence, if it has any, and returns its path. The first file of a finding stays.
///
/// # Errors
/// [`StateError::Io`].
pub fn write(dir: &Path, finding: &Finding) -> Result<Option<String>, StateError> {
    let Some(evidence) = &finding.evidence else {
        return Ok(None);
    };
    let path = dir
        .join(EVIDENCE)
        .join(format!("{}.json", finding.fingerprint()));
    if !path.exists() {
        let beside = path.with_extension("new");
        let written = || {
            let mut file = File::create(&beside)?;
            file.write_all(&evidence.encode())?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        written().map_err(StateError::io(&path))?;
    }
    Ok(Some(path.display().to_string()))
}
