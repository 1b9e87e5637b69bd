//! `treering alert`

use serde::Serialize;

use super::args::Alert;
use super::context::{Context, read_file};
use super::exit::{CliError, Exit};
use crate::evidence::{Evidence, EvidenceError, Proof, verify};

#[derive(Serialize)]
struct Verified<'a> {
    kind: &'a str,
    proof: Proof,
    proven: &'a [String],
    claimed: &'a [String],
}

pub(crate) fn run(context: &Context, command: &Alert) -> Result<(), CliError> {
    let Alert::Verify { file } = command;
    let wrong = |error: EvidenceError| {
        let exit = match &error {
            EvidenceError::Malformed { .. } => Exit::Usage,
            EvidenceError::Unproven { .. } => Exit::Failed,
        };
        CliError::new(exit, format!("{}: {error}", file.display()))
    };
    let evidence = Evidence::parse(&read_file(file)?).map_err(wrong)?;
    let verdict = verify(&evidence).map_err(wrong)?;
    let mut text = format!("{} ({:?}): the evidence holds", verdict.kind, verdict.proof);
    for line in &verdict.proven {
        text.push_str(&format!("\n  proven: {line}"));
    }
    for line in &verdict.claimed {
        text.push_str(&format!("\n  claimed by the monitor: {line}"));
    }
    let object = Verified {
        kind: &verdict.kind,
        proof: verdict.proof,
        proven: &verdict.proven,
        claimed: &verdict.claimed,
    };
    context.out.result(&text, &object)
}
