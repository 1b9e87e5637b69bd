//! The commands: prepare, run, verify, report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use tokio::runtime::Builder;

use crate::args::{Command, ContentArgs, CorpusCommand, DEFAULT_BYTES, LoadArgs, TilesArgs, Usage};
use crate::check::{Sampler, Verdict};
use crate::connection::Target;
use crate::corpus::{Corpus, CorpusSpec};
use crate::drive::{self, Client, Http, Load};
use crate::histogram::Tally;
use crate::process::Usage as ProcessUsage;
use crate::read::{FullTiles, TileChecker, Tiles, fetch_checkpoint};
use crate::report::{Cost, Disk, Report, Setup};
use crate::schedule::{Pace, Schedule};

mod read;
mod submit;

/// Runs a command. The exit status.
///
/// # Errors
/// [`Usage`], or whatever kept the run from coming about.
pub(crate) fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Submit(args) => submit::run(&args),
        Command::Tiles(args) => tiles(&args),
        Command::Read(args) => read::run(&args),
        Command::Corpus(CorpusCommand::Make {
            out,
            count,
            content,
        }) => {
            make(content, DEFAULT_BYTES, count.get())?.save(&out)?;
            Ok(0)
        }
    }
}

fn tiles(args: &TilesArgs) -> anyhow::Result<u8> {
    let load = &args.load;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot make a runtime")?;
    let target = runtime.block_on(Target::resolve(&load.url))?;
    let checkpoint = runtime.block_on(fetch_checkpoint(
        &target,
        args.vkey.as_deref(),
        load.timeout,
    ))?;
    let tiles = FullTiles::new(checkpoint.size, args.kind, args.seed)?;
    let count = args
        .count
        .map_or_else(|| due(load), |count| Some(count.get()))
        .unwrap_or(u64::MAX);
    let exchange = Tiles::new(
        tiles.clone(),
        target.clone(),
        Sampler::new(args.seed, load.verify),
    );
    let measured = measure(
        load,
        &plan(load, count, 1),
        Http::new(target.clone(), exchange),
    )?;
    measured.finish(load, "tiles", None, |samples| {
        TileChecker {
            runtime: &runtime,
            target: &target,
            tiles: &tiles,
            checkpoint: &checkpoint,
            timeout: load.timeout,
        }
        .check(samples)
    })
}

fn make(content: ContentArgs, bytes: u32, count: u64) -> anyhow::Result<Corpus> {
    let spec = CorpusSpec {
        seed: content.seed,
        bytes: content.bytes.unwrap_or(bytes),
        keys: content.keys,
        count,
    };
    spec.validate().map_err(Usage)?;
    let shown = AtomicU64::new(0);
    let corpus = Corpus::generate(spec, threads(), &|done| {
        let tenth = done * 10 / count;
        if shown.fetch_max(tenth, Ordering::Relaxed) < tenth {
            eprintln!("corpus: {done} of {count} envelopes signed");
        }
    })?;
    Ok(corpus)
}

/// For what is done before the run: all that the machine has.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What an open loop sends in its time, rounded up.
fn due(load: &LoadArgs) -> Option<u64> {
    let Pace::PerSecond(rate) = load.rate else {
        return None;
    };
    let entries = (u128::from(rate.get()) * load.duration.as_millis()).div_ceil(1000);
    Some(u64::try_from(entries).unwrap_or(u64::MAX))
}

fn plan(load: &LoadArgs, entries: u64, entries_per_request: u64) -> Load {
    let requests = entries.div_ceil(entries_per_request);
    let schedule = Schedule {
        pace: load.rate,
        entries_per_request,
        requests,
        duration: load.duration,
    };
    Load {
        schedule: schedule.bounded(),
        connections: load.connections,
        threads: load.threads.min(load.connections),
        timeout: load.timeout,
    }
}

/// A run and what it cost.
struct Measured {
    tally: Tally,
    unsent: u64,
    generator: Cost,
    server: Option<Cost>,
}

fn measure<C: Client>(load: &LoadArgs, plan: &Load, client: C) -> anyhow::Result<Measured> {
    let pids = (!load.pid.is_empty()).then_some(&load.pid);
    let read = || {
        anyhow::Ok((
            ProcessUsage::of("self")?,
            pids.map(|pids| ProcessUsage::of_all(pids)).transpose()?,
        ))
    };
    let (own_before, server_before) = read()?;
    let (tally, unsent) = drive::run(plan, &Arc::new(client))?;
    let (own_after, server_after) = read().context("the server is gone after the run")?;
    let served = tally.served();
    Ok(Measured {
        generator: Cost::between(&own_before, &own_after, served),
        server: server_before
            .zip(server_after)
            .map(|(before, after)| Cost::between(&before, &after, served)),
        tally,
        unsent,
    })
}

impl Measured {
    /// Verifies the samples and writes the report. The exit status.
    fn finish(
        mut self,
        load: &LoadArgs,
        mode: &'static str,
        disk: Option<Disk>,
        check: impl FnOnce(Vec<crate::check::Sample>) -> Verdict,
    ) -> anyhow::Result<u8> {
        let verdict = check(std::mem::take(&mut self.tally.samples));
        let setup = Setup {
            mode,
            rate: load.rate.to_string(),
            connections: load.connections,
        };
        let mut report = Report::new(setup, &self.tally, self.unsent, verdict, self.generator);
        report.server = self.server;
        report.disk = disk;
        report.print(load.output)?;
        Ok(report.exit_code(load.max_error_share))
    }
}
