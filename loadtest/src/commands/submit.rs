//! `submit`: which door, with what, and what must be known of the log.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tokio::runtime::Builder;

use super::{Measured, due, make, measure, plan, threads};
use crate::args::{DEFAULT_BYTES, EntryKind, Mode, SubmitArgs, Usage};
use crate::check::{Checker, EntryChecker, LogFacts, LogKey, Sampler, Verdict};
use crate::connection::Target;
use crate::corpus::Corpus;
use crate::drive::{Http, Load};
use crate::process::disk_bytes;
use crate::rekor_v1::V1Log;
use crate::rekor_v1::submit::{RekorV1, expected_leaf};
use crate::rekor_v2::RekorV2;
use crate::report::Disk;
use crate::stream::Streams;
use crate::submit::{Batch, Single, Source};

/// Runs the command. The exit status.
///
/// # Errors
/// [`Usage`], or whatever kept the run from coming about.
pub(super) fn run(args: &SubmitArgs) -> anyhow::Result<u8> {
    let load = &args.load;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot make a runtime")?;
    let target = runtime.block_on(Target::resolve(&load.url))?;
    check_rekor_v1_options(args)?;
    let door = match args.mode {
        Mode::RekorV2 => Door::RekorV2(rekor_v2_key(args)?),
        Mode::RekorV1 => Door::RekorV1(runtime.block_on(rekor_v1_log(args, &target))?),
        _ => Door::Native(runtime.block_on(native_facts(args, &target))?),
    };
    let corpus = Arc::new(corpus(args)?);
    let entries = entries(args, &corpus)?;
    let batch = if args.mode == Mode::Batch {
        args.batch
    } else {
        1
    };
    let submission = Submission {
        args,
        target,
        plan: plan(load, entries, batch),
        entries,
        source: Source {
            corpus: Arc::clone(&corpus),
            first: args.first,
            sampler: Sampler::new(corpus.spec().seed, load.verify),
        },
    };
    let before = args.dir.as_deref().map(disk_bytes).transpose()?;
    let measured = submission.measure(&door)?;
    let disk = before
        .zip(args.dir.as_deref())
        .map(|(before, dir)| anyhow::Ok((before, disk_bytes(dir)?)))
        .transpose()?;
    let disk = disk.map(|(before, after)| Disk::between(before, after, measured.tally.fresh));
    let mode = match args.mode {
        Mode::RekorV1 => args.kind.mode_name(),
        mode => mode.name(),
    };
    measured.finish(load, mode, disk, |samples| match &door {
        Door::Native(facts) => Checker::native(facts, &corpus).check(samples),
        Door::RekorV2(Some(key)) => Checker::rekor_v2(key, &corpus).check(samples),
        Door::RekorV1(Some(log)) => EntryChecker::new(log)
            .check(samples, |number| expected_leaf(args.kind, &corpus, number)),
        Door::RekorV1(None) | Door::RekorV2(None) => Verdict::default(), // then there are no samples
    })
}

/// The options of Rekor v1's API go with no other.
fn check_rekor_v1_options(args: &SubmitArgs) -> Result<(), Usage> {
    let option = match args.log_key {
        Some(_) => "--log-key",
        None if args.kind != EntryKind::Hashedrekord => "--kind",
        None => return Ok(()),
    };
    match args.mode {
        Mode::RekorV1 => Ok(()),
        mode => Err(Usage(anyhow!(
            "{option}: expected --mode rekor-v1, found {}",
            mode.name()
        ))),
    }
}

/// An API, and what is known of the log behind it.
enum Door {
    Native(LogFacts),
    /// The key is absent where nothing is to be verified.
    RekorV2(Option<LogKey>),
    /// Likewise.
    RekorV1(Option<V1Log>),
}

async fn native_facts(args: &SubmitArgs, target: &Target) -> anyhow::Result<LogFacts> {
    let mode = args.mode.name();
    if args.vkey.is_some() {
        return Err(Usage(anyhow!(
            "--vkey: expected --mode rekor-v2, found {mode}, which takes the key from /v1/logs"
        ))
        .into());
    }
    let load = &args.load;
    LogFacts::fetch(target, args.log.as_deref(), load.timeout).await
}

async fn rekor_v1_log(args: &SubmitArgs, target: &Target) -> anyhow::Result<Option<V1Log>> {
    if let Some(log) = &args.log {
        return Err(no_log(args.mode, log));
    }
    if args.vkey.is_some() {
        return Err(Usage(anyhow!(
            "--vkey: expected --mode rekor-v2, found rekor-v1, whose key --log-key gives"
        ))
        .into());
    }
    if args.load.verify == 0.0 {
        return Ok(None);
    }
    let log = V1Log::fetch(target, args.log_key.as_deref(), args.load.timeout).await?;
    Ok(Some(log))
}

fn no_log(mode: Mode, log: &str) -> anyhow::Error {
    Usage(anyhow!(
        "--mode {}: expected the log to follow from the URL, found --log {log}",
        mode.name()
    ))
    .into()
}

fn rekor_v2_key(args: &SubmitArgs) -> anyhow::Result<Option<LogKey>> {
    if let Some(log) = &args.log {
        return Err(no_log(args.mode, log));
    }
    let key = args.vkey.as_deref().map(LogKey::parse).transpose();
    let key = key.map_err(|error| Usage(error.context("--vkey")))?;
    if key.is_none() && args.load.verify > 0.0 {
        return Err(Usage(anyhow!(
            "--mode rekor-v2: expected --vkey to verify answers with, or --verify 0, found neither"
        ))
        .into());
    }
    Ok(key)
}

/// A run that is ready to begin.
struct Submission<'a> {
    args: &'a SubmitArgs,
    target: Target,
    plan: Load,
    entries: u64,
    source: Source,
}

impl Submission<'_> {
    fn measure(self, door: &Door) -> anyhow::Result<Measured> {
        let Self {
            args,
            target,
            plan,
            source,
            entries,
        } = self;
        let load = &args.load;
        match (door, args.mode) {
            (Door::RekorV2(_), _) => {
                let requests = plan.schedule.requests;
                let exchange = RekorV2::new(source, target.clone(), requests, threads())?;
                measure(load, &plan, Http::new(target, exchange))
            }
            (Door::RekorV1(_), _) => {
                let requests = plan.schedule.requests;
                let exchange =
                    RekorV1::new(args.kind, source, target.clone(), requests, threads())?;
                measure(load, &plan, Http::new(target, exchange))
            }
            (Door::Native(log), Mode::Stream) => {
                let in_flight = usize::try_from(args.in_flight)?;
                let streams = Streams::new(source, &target, log.name.clone(), in_flight)?;
                measure(load, &plan, streams)
            }
            (Door::Native(log), Mode::Batch) => {
                let exchange = Batch::new(source, target.clone(), &log.name, args.batch, entries)?;
                measure(load, &plan, Http::new(target, exchange))
            }
            (Door::Native(log), _) => {
                let exchange = Single::new(source, target.clone(), &log.name)?;
                measure(load, &plan, Http::new(target, exchange))
            }
        }
    }
}

/// The envelopes: those of the file, or as many new ones as the run can need.
fn corpus(args: &SubmitArgs) -> anyhow::Result<Corpus> {
    if let Some(path) = &args.corpus {
        return load_corpus(path);
    }
    let Some(count) = args.count.map(NonZeroU64::get).or_else(|| due(&args.load)) else {
        return Err(Usage(anyhow!(
            "--rate max: expected --count or --corpus, found neither"
        ))
        .into());
    };
    let bytes = match args.mode {
        Mode::RekorV1 => args.kind.default_bytes(),
        _ => DEFAULT_BYTES,
    };
    make(args.content, bytes, count.saturating_add(args.first))
}

fn load_corpus(path: &Path) -> anyhow::Result<Corpus> {
    let corpus = Corpus::load(path)?;
    eprintln!(
        "corpus: {} envelopes, {} bytes, from {}",
        corpus.len(),
        corpus.total_bytes(),
        path.display()
    );
    Ok(corpus)
}

/// How many entries the run may submit.
fn entries(args: &SubmitArgs, corpus: &Corpus) -> anyhow::Result<u64> {
    let available = corpus.len().saturating_sub(args.first);
    if available == 0 {
        return Err(Usage(anyhow!(
            "--first: expected less than the {} envelopes of the corpus, found {}",
            corpus.len(),
            args.first
        ))
        .into());
    }
    Ok(args
        .count
        .map_or(available, |count| available.min(count.get())))
}
