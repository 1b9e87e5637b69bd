#![doc = include_str!("../README.md")]

mod pass;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use treering_client::fsck::FsckOptions;
use treering_client::{Http, HttpOptions, LogKey, Memory, TileReader};

use report::Report;

/// Follows transparency logs and says when they contradict themselves.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 nothing found, 2 usage, 3 a log could not be read, 6 a log misbehaves.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes one pass over each log and ends.
    Once(Once),
}

#[derive(Debug, clap::Args)]
struct Once {
    /// The base URL of a log, below which `checkpoint` and `tile/` are.
    #[arg(
        long = "log",
        required = true,
        value_name = "URL",
        env = "TREERING_MONITOR_LOG"
    )]
    logs: Vec<String>,
    /// The log's checkpoint key (NAME+HASH+KEY, or a file with it); the n-th belongs to the n-th --log.
    #[arg(long = "vkey", required = true, value_name = "VKEY")]
    keys: Vec<String>,
    /// The folder that keeps the newest checkpoint of each log.
    #[arg(long, value_name = "DIR", env = "TREERING_MONITOR_STATE")]
    state: PathBuf,
    /// For people, or one JSON object a line.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Jsonl,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Command::Once(once) = Args::parse().command;
    let mut report = Report::new(once.output);
    match run(&once, &mut report).await {
        Ok(()) => report.exit_code(),
        Err(error) => {
            report::usage(&error);
            ExitCode::from(2)
        }
    }
}

async fn run(once: &Once, report: &mut Report) -> anyhow::Result<()> {
    anyhow::ensure!(
        once.logs.len() == once.keys.len(),
        "expected a --vkey for each --log, found {} logs and {} keys",
        once.logs.len(),
        once.keys.len()
    );
    let http = Http::new(&HttpOptions::default())?;
    let memory = Memory::new(&once.state);
    let mut followed = Vec::with_capacity(once.logs.len());
    for (url, key) in once.logs.iter().zip(&once.keys) {
        followed.push((
            TileReader::new(http.clone(), url)?,
            LogKey::from_vkey_or_file(key)?,
        ));
    }
    for (log, key) in &followed {
        report.log(
            log.url(),
            key,
            pass::once(log, key, &memory, FsckOptions::default()).await,
        );
    }
    Ok(())
}
