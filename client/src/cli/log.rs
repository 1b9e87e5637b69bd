//! `treering log`

use futures_util::StreamExt as _;
use serde::Serialize;
use treering_api::json::{EntryJson, LogInfoJson};
use treering_api::log::{Entry, LogInfo};
use treering_tlog::{Hash, LeafIndex};

use super::args::Log;
use super::context::Context;
use super::exit::{CliError, Exit};
use super::output::{table, time};
use crate::fsck::{self, FsckOptions};
use crate::{LogKey, Memory, TileReader};

pub(crate) async fn run(context: &Context, command: &Log) -> Result<Exit, CliError> {
    match command {
        Log::Info { server } => info(&context.at(server.as_deref())).await,
        Log::Tail {
            server,
            from,
            count,
        } => tail(&context.at(server.as_deref()), *from, *count)
            .await
            .map(|()| Exit::Ok),
        Log::Fsck { address, parallel } => {
            let options = FsckOptions {
                parallel: usize::from(*parallel),
            };
            check(context, address.as_deref(), options)
                .await
                .map(|()| Exit::Ok)
        }
    }
}

#[derive(Serialize)]
struct InfoLine {
    #[serde(flatten)]
    info: LogInfoJson,
    verified: bool,
}

/// Lists every log; one whose checkpoint does not verify is reported and decides the exit code.
async fn info(context: &Context) -> Result<Exit, CliError> {
    let remote = context.remote()?;
    let logs = remote.logs().await?;
    let wanted = |info: &&LogInfo| {
        context
            .global
            .log
            .as_ref()
            .is_none_or(|name| *name == info.name)
    };
    let logs: Vec<&LogInfo> = logs.iter().filter(wanted).collect();
    if logs.is_empty() {
        return Err(CliError::new(
            Exit::Nothing,
            "expected a log on the server, found none",
        ));
    }
    let mut worst = Exit::Ok;
    for (number, info) in logs.into_iter().enumerate() {
        let verified = match context.open(remote.clone(), info) {
            Ok(log) => log.newest().await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = &verified {
            worst = worst.max(error.exit);
            context.out.error(Some(info.name.as_str()), error)?;
        }
        let line = InfoLine {
            info: LogInfoJson::from(info.clone()),
            verified: verified.is_ok(),
        };
        let space = if number == 0 { "" } else { "\n" };
        let text = format!("{space}{}", describe(info, verified.is_ok()));
        context.out.result(&text, &line)?;
    }
    Ok(worst)
}

fn describe(info: &LogInfo, verified: bool) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    table(&[
        row("log", info.name.to_string()),
        row("dialect", info.dialect.to_string()),
        row("origin", info.origin.clone()),
        row("vkey", info.vkey.clone()),
        row(
            "state",
            if info.frozen { "frozen" } else { "active" }.to_owned(),
        ),
        row("size", info.size.to_string()),
        row(
            "checkpoint",
            if verified { "verified" } else { "not verified" }.to_owned(),
        ),
    ])
}

async fn tail(context: &Context, from: LeafIndex, count: Option<u64>) -> Result<(), CliError> {
    let remote = context.remote()?;
    let mut entries = remote.tail(context.global.log.as_ref(), from).await?;
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(entry) = entries.next().await else {
            return Err(CliError::new(
                Exit::Operational,
                "the server ended the stream",
            ));
        };
        let entry = entry?;
        let text = line(&entry);
        context.out.result(&text, &EntryJson::from(entry))?;
        left -= 1;
    }
    Ok(())
}

fn line(entry: &Entry) -> String {
    format!(
        "{}  {}  {}",
        entry.index,
        time(entry.integrated_time),
        Hash::leaf(&entry.leaf)
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked<'a> {
    consistent: bool,
    origin: &'a str,
    size: u64,
    root_hash: String,
    tiles: u64,
    bytes: u64,
}

async fn check(context: &Context, url: Option<&str>, options: FsckOptions) -> Result<(), CliError> {
    let (tiles, key, memory) = target(context, url).await?;
    let seen = memory.recall_of(&key);
    let opened = fsck::open_checkpoint(&tiles, &key).await?;
    let prove = async |from, to| tiles.prove_consistency(from, to).await;
    memory.advance(seen?.as_ref(), &opened, prove).await?;
    let bar = context.out.progress(opened.checkpoint().size.get());
    let result = fsck::check_tree(&tiles, &opened, options, |progress| {
        bar.set_position(progress.entries)
    })
    .await;
    bar.finish_and_clear();
    let done = result?;
    let signed = opened.checkpoint();
    let text = format!(
        "consistent: {} entries ({} bytes) and {} tiles of {} lead to root {}",
        done.entries, done.bytes, done.tiles, signed.origin, signed.root
    );
    let object = Checked {
        consistent: true,
        origin: signed.origin.as_str(),
        size: signed.size.get(),
        root_hash: signed.root.to_hex(),
        tiles: done.tiles,
        bytes: done.bytes,
    };
    context.out.result(&text, &object)
}

/// The tiles of an address with the key of `--vkey`, or of the log `--log` of a server with the key that it showed.
async fn target(
    context: &Context,
    url: Option<&str>,
) -> Result<(TileReader, LogKey, Memory), CliError> {
    match (url, context.given_key()?) {
        (Some(url), Some(key)) => Ok((
            TileReader::new(context.http()?, url)?,
            key,
            context.memory()?,
        )),
        (server, _) => {
            let context = context.at(server);
            let log = context.log().await?;
            Ok((context.tiles(&log.name)?, log.key, log.memory))
        }
    }
}
