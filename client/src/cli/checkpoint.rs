//! `treering checkpoint`

use std::path::Path;

use bytes::Bytes;
use serde::Serialize;
use treering_tlog::checkpoint::{Checkpoint as Content, Opened};
use treering_tlog::note::SignedNote;

use super::args::{Checkpoint, CheckpointSource};
use super::context::{Context, read_input};
use super::exit::{CliError, Exit};
use super::output::table;
use crate::memory::{Misbehaviour, MisbehaviourKind};
use crate::verify::ProofFailure;
use crate::{LogKey, TileReader};

pub(crate) async fn run(context: &Context, command: &Checkpoint) -> Result<(), CliError> {
    match command {
        Checkpoint::Show(args) => show(context, args).await,
        Checkpoint::Verify(args) => verify(context, args).await,
        Checkpoint::Compare { a, b } => compare(context, a, b).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    origin: &'a str,
    size: u64,
    root_hash: String,
    extensions: &'a [String],
    signers: Vec<String>,
    verified: bool,
    checkpoint: &'a str,
}

/// The bytes of a checkpoint: of a file, of a log's tiles, or of the log of `--url`.
async fn read(context: &Context, source: Option<&str>) -> Result<Bytes, CliError> {
    match source {
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            Ok(TileReader::new(context.http()?, url)?.checkpoint().await?)
        }
        Some(path) => read_input(Path::new(path)),
        None => {
            let remote = context.remote()?;
            Ok(remote
                .checkpoint(context.global.log.as_ref())
                .await?
                .note
                .into())
        }
    }
}

async fn show(context: &Context, args: &CheckpointSource) -> Result<(), CliError> {
    let bytes = read(context, args.source.as_deref()).await?;
    let wrong =
        |detail: String| CliError::new(Exit::Failed, format!("expected a checkpoint: {detail}"));
    let note = SignedNote::parse(&bytes).map_err(|e| wrong(e.to_string()))?;
    let content = Content::parse(note.text()).map_err(|e| wrong(e.to_string()))?;
    print(context, &content, &note, false)
}

async fn verify(context: &Context, args: &CheckpointSource) -> Result<(), CliError> {
    let opened = match (&args.source, context.given_key()?) {
        (None, _) => context.log().await?.newest().await?,
        (Some(_), None) => {
            return Err(context
                .demand_key()
                .err()
                .unwrap_or_else(|| CliError::usage("expected --vkey")));
        }
        (Some(source), Some(key)) => open(&read(context, Some(source)).await?, &key)?,
    };
    print(context, opened.checkpoint(), opened.note(), true)
}

fn open(bytes: &[u8], key: &LogKey) -> Result<Opened, CliError> {
    Ok(key.open(bytes).map_err(ProofFailure::from)?)
}

fn print(
    context: &Context,
    content: &Content,
    note: &SignedNote,
    verified: bool,
) -> Result<(), CliError> {
    let signers: Vec<String> = note
        .signatures()
        .iter()
        .map(|signature| signature.name().to_string())
        .collect();
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("origin", content.origin.to_string()),
        row("size", content.size.to_string()),
        row("root", content.root.to_hex()),
    ];
    rows.extend(
        content
            .extensions
            .iter()
            .map(|line| row("extension", line.clone())),
    );
    rows.extend(signers.iter().map(|name| row("signed by", name.clone())));
    rows.push(row(
        "verified",
        if verified {
            "yes"
        } else {
            "no: nothing was checked"
        }
        .to_owned(),
    ));
    let note = note.encode();
    let object = Shown {
        origin: content.origin.as_str(),
        size: content.size.get(),
        root_hash: content.root.to_hex(),
        extensions: &content.extensions,
        signers,
        verified,
        checkpoint: &note,
    };
    context.out.result(&table(&rows), &object)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Compared<'a> {
    consistent: bool,
    origin: &'a str,
    from: u64,
    to: u64,
}

async fn compare(context: &Context, a: &str, b: &str) -> Result<(), CliError> {
    let key = context.demand_key()?;
    let (a, b) = (
        open(&read(context, Some(a)).await?, &key)?,
        open(&read(context, Some(b)).await?, &key)?,
    );
    let (smaller, larger) = if a.checkpoint().size <= b.checkpoint().size {
        (&a, &b)
    } else {
        (&b, &a)
    };
    let (old, new) = (smaller.checkpoint(), larger.checkpoint());
    if old.size == new.size {
        if old.root != new.root {
            let detail = format!(
                "expected one root at size {}, found {} and {}",
                old.size, old.root, new.root
            );
            return Err(contradiction(
                MisbehaviourKind::Fork,
                smaller,
                larger,
                detail,
            ));
        }
    } else {
        consistent(context, smaller, larger).await?;
    }
    let text = format!(
        "consistent: {} from size {} to {}",
        new.origin, old.size, new.size
    );
    let object = Compared {
        consistent: true,
        origin: new.origin.as_str(),
        from: old.size.get(),
        to: new.size.get(),
    };
    context.out.result(&text, &object)
}

async fn consistent(context: &Context, smaller: &Opened, larger: &Opened) -> Result<(), CliError> {
    let (old, new) = (smaller.checkpoint(), larger.checkpoint());
    if context.global.url.is_none() {
        let sizes = format!("sizes {} and {}", old.size, new.size);
        return Err(CliError::usage(format!(
            "expected --url to ask for a consistency proof between {sizes}, found none"
        )));
    }
    let remote = context.remote()?;
    let proof = remote
        .consistency(context.global.log.as_ref(), old.size, Some(new.size))
        .await?;
    proof.verify(&old.root, &new.root).map_err(|e| {
        let detail = format!("no consistency from {} to {}: {e}", old.size, new.size);
        contradiction(MisbehaviourKind::Inconsistent, smaller, larger, detail)
    })
}

fn contradiction(kind: MisbehaviourKind, a: &Opened, b: &Opened, detail: String) -> CliError {
    let origin = b.checkpoint().origin.clone();
    let (remembered, found) = (a.text().to_owned(), b.text().to_owned());
    Box::new(Misbehaviour {
        origin,
        kind,
        detail,
        remembered,
        found,
    })
    .into()
}
