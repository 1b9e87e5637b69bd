//! Serves a log that misbehaves as its script says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser;
use treering_monitor::evil::{EvilLog, Step, serve};

/// A tile log that misbehaves on purpose: to see what a monitor says.
#[derive(Debug, Parser)]
struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The log's origin.
    #[arg(long, value_name = "NAME", default_value = "evil.example.org")]
    name: String,
    /// Makes the log's key.
    #[arg(long, default_value_t = 9)]
    seed: u8,
    /// Entries to begin with.
    #[arg(long, default_value_t = 300)]
    size: u64,
    /// Lines of `POLLS STEP`: what to do when the checkpoint has been asked for so often.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::print_stdout,
    reason = "the address and the key are what the caller needs"
)]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let log = Arc::new(EvilLog::new(&args.name, args.seed, args.size));
    if let Some(path) = &args.script {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        log.follow_script(script(&text)?);
    }
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    println!("http://{}\n{}", listener.local_addr()?, log.vkey());
    serve(listener, log).await?;
    Ok(())
}

fn script(text: &str) -> anyhow::Result<Vec<(u64, Step)>> {
    let lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (polls, step) = line
                .split_once(' ')
                .with_context(|| format!("expected POLLS STEP, found {line:?}"))?;
            Ok((polls.parse()?, step.parse()?))
        })
        .collect()
}
