//! `treering verify`

use serde::Serialize;

use super::args::Verify;
use super::context::{Context, read_file};
use super::exit::CliError;
use super::input::read_verifiers;
use super::output::{table, time};
use crate::bundle::{Logs, Signer, Verdict, verify_bundle};
use crate::trust::{TrustError, TrustedRoot};

const UNJUDGED: &str = "not judged: anybody's signature counted (--insecure-any-signer)";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerdictJson<'a> {
    verified: bool,
    signer_judged: bool,
    signer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicate_type: Option<&'a str>,
    origin: &'a str,
    index: u64,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    integrated_time: Option<u64>,
    checks: Vec<CheckJson<'a>>,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    name: &'a str,
    detail: &'a str,
}

pub(crate) fn run(context: &Context, args: &Verify) -> Result<(), CliError> {
    let signer = signer(args)?;
    let logs = match &args.trusted_root {
        Some(path) => Logs::Root(TrustedRoot::parse(&read_file(path)?)?),
        None => Logs::Key(Box::new(context.demand_key()?)),
    };
    let (bundle, artifact) = (read_file(&args.bundle)?, read_file(&args.artifact)?);
    let verdict = verify_bundle(&bundle, &artifact, &signer, &logs)?;
    let checks = verdict.checks.iter().map(|check| CheckJson {
        name: check.name,
        detail: &check.detail,
    });
    let object = VerdictJson {
        verified: true,
        signer_judged: verdict.signer_judged,
        signer: verdict.signer.to_hex(),
        predicate_type: verdict.predicate_type.as_deref(),
        origin: &verdict.origin,
        index: verdict.index.get(),
        size: verdict.size.get(),
        integrated_time: verdict.integrated_time,
        checks: checks.collect(),
    };
    context.out.result(&describe(&verdict), &object)
}

fn signer(args: &Verify) -> Result<Signer, CliError> {
    if args.insecure_any_signer {
        return Ok(Signer::Any);
    }
    let Some(path) = &args.public_key else {
        let expected = "the signer's key by --public-key (or --insecure-any-signer, to let anybody's signature count)";
        return Err(TrustError::Absent {
            expected: expected.to_owned(),
        }
        .into());
    };
    let mut keys = read_verifiers(&[path])?.into_iter();
    let key = keys
        .next()
        .map(|(_, material)| Signer::Key(material.key().clone()));
    key.ok_or_else(|| CliError::usage("expected a key, found none"))
}

fn describe(verdict: &Verdict) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows: Vec<_> = verdict
        .checks
        .iter()
        .map(|check| row(check.name, check.detail.clone()))
        .collect();
    rows.extend(
        verdict
            .integrated_time
            .map(|seconds| row("logged at", time(seconds))),
    );
    let judged = if verdict.signer_judged {
        "the given public key"
    } else {
        UNJUDGED
    };
    rows.push(row("signer identity", judged.to_owned()));
    let word = if verdict.signer_judged {
        "verified"
    } else {
        "verified, whoever signed"
    };
    format!(
        "{}\n{word}: index {} of {} in {}",
        table(&rows),
        verdict.index,
        verdict.size,
        verdict.origin
    )
}
