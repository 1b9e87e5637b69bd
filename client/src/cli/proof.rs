//! `treering proof`

use std::path::Path;

use serde::Serialize;
use treering_api::json::ReceiptJson;
use treering_api::log::{EntryId, Receipt};
use treering_tlog::Hash;
use treering_tlog::proof_file::TlogProof;

use super::args::{Extract, Proof, ProofVerify};
use super::context::{Context, read_file};
use super::exit::{CliError, Exit};
use super::get::verify_entry;
use super::input::{possible_leaves, read_verifiers};
use super::output::save;
use crate::verify::{self, ProofFailure};

pub(crate) async fn run(context: &Context, command: &Proof) -> Result<(), CliError> {
    match command {
        Proof::Extract(args) => extract(context, args).await,
        Proof::Verify(args) => check(context, args),
    }
}

async fn extract(context: &Context, args: &Extract) -> Result<(), CliError> {
    let path = Path::new(&args.source);
    let proof = if path.is_file() {
        from_receipt(context, path)?
    } else {
        from_log(context, &args.source).await?
    };
    match &args.output {
        Some(path) => save(path, proof.encode().as_bytes()),
        None => context.out.raw(proof.encode().as_bytes()),
    }
}

/// Of a saved receipt; it is verified if a key is given, since the receipt alone does not say whose it is.
fn from_receipt(context: &Context, path: &Path) -> Result<TlogProof, CliError> {
    let wrong = |detail: String| {
        CliError::usage(format!("{}: expected a receipt: {detail}", path.display()))
    };
    let json: ReceiptJson =
        serde_json::from_slice(&read_file(path)?).map_err(|e| wrong(e.to_string()))?;
    let receipt = Receipt::try_from(json).map_err(|e| wrong(e.message))?;
    match context.given_key()? {
        Some(key) => drop(verify::receipt(&receipt, &key)?),
        None => context
            .out
            .note("note: not verified; give the log's key by --vkey"),
    }
    if receipt.proof.checkpoint.is_empty() {
        return Err(ProofFailure::NoCheckpoint {
            size: receipt.proof.inclusion.size,
        }
        .into());
    }
    Ok(verify::proof_file(&receipt.proof))
}

async fn from_log(context: &Context, source: &str) -> Result<TlogProof, CliError> {
    let id: EntryId = source.parse().map_err(|e: treering_api::Reject| {
        CliError::usage(format!("{source:?} is no file; {}", e.message))
    })?;
    let log = context.log().await?;
    let entry = log.remote.entry(Some(&log.name), id, None).await?;
    verify_entry(&log, &entry).await?;
    let proof = entry.proof.filter(|proof| !proof.checkpoint.is_empty());
    let proof = proof.ok_or_else(|| {
        CliError::new(
            Exit::Failed,
            "expected a checkpoint with the proof, found none",
        )
    })?;
    Ok(verify::proof_file(&proof))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified<'a> {
    verified: bool,
    origin: &'a str,
    index: u64,
    size: u64,
    leaf_hash: Hash64,
}

/// A hash that serialises as hexadecimal digits.
struct Hash64(Hash);

impl Serialize for Hash64 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn check(context: &Context, args: &ProofVerify) -> Result<(), CliError> {
    let key = context.demand_key()?;
    let bytes = read_file(&args.file)?;
    let proof = TlogProof::parse(&bytes)
        .map_err(|e| CliError::new(Exit::Failed, format!("{}: {e}", args.file.display())))?;
    let leaves = leaves(args)?;
    let mut outcomes = leaves
        .iter()
        .map(|leaf| (leaf, verify::file(&proof, leaf, &key)));
    // Of an envelope with several signatures the proof is of one: any leaf that it holds for will do.
    let Some((leaf, Ok(opened))) = outcomes.find(|(_, outcome)| outcome.is_ok()) else {
        let refused = leaves
            .iter()
            .find_map(|leaf| verify::file(&proof, leaf, &key).err());
        let none = || CliError::new(Exit::Nothing, "expected a leaf, found none");
        return Err(refused.map_or_else(none, CliError::from));
    };
    let signed = opened.checkpoint();
    let text = format!(
        "verified: leaf {leaf} is index {} of {} in {}",
        proof.index, signed.size, signed.origin
    );
    let object = Verified {
        verified: true,
        origin: signed.origin.as_str(),
        index: proof.index.get(),
        size: signed.size.get(),
        leaf_hash: Hash64(*leaf),
    };
    context.out.result(&text, &object)
}

/// The leaf in question; of an envelope all that it may have become.
fn leaves(args: &ProofVerify) -> Result<Vec<Hash>, CliError> {
    if let Some(hash) = args.leaf_hash {
        return Ok(vec![hash]);
    }
    if let Some(path) = &args.leaf {
        return Ok(vec![Hash::leaf(&read_file(path)?)]);
    }
    let Some(path) = &args.envelope else {
        return Err(CliError::usage(
            "expected --leaf, --leaf-hash or --envelope, found none",
        ));
    };
    let materials: Vec<_> = read_verifiers(&args.public_key)?
        .into_iter()
        .map(|(_, material)| material)
        .collect();
    possible_leaves(&read_file(path)?, &materials)
}
