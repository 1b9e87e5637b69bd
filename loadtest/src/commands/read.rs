//! `read`: what is read, and what must be known of the log.

use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::Builder;

use super::{due, measure, plan};
use crate::args::ReadArgs;
use crate::check::{ReadChecker, Sampler};
use crate::connection::Target;
use crate::drive::Http;
use crate::rekor_v1::V1Log;
use crate::rekor_v1::read::{Library, Reads};

/// Runs the command. The exit status.
///
/// # Errors
/// A wrong command line, or whatever kept the run from coming about.
pub(super) fn run(args: &ReadArgs) -> anyhow::Result<u8> {
    let load = &args.load;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot make a runtime")?;
    let target = runtime.block_on(Target::resolve(&load.url))?;
    let library = runtime.block_on(async {
        let log = V1Log::fetch(&target, args.log_key.as_deref(), load.timeout).await?;
        let what = (args.what, args.seed);
        Library::fetch(log, &target, what, args.sample, load.timeout).await
    })?;
    let library = Arc::new(library);
    let count = args
        .count
        .map_or_else(|| due(load), |count| Some(count.get()))
        .unwrap_or(u64::MAX);
    let sampler = Sampler::new(args.seed, load.verify);
    let reads = Reads::new(Arc::clone(&library), target.clone(), sampler);
    let measured = measure(
        load,
        &plan(load, count, 1),
        Http::new(target.clone(), reads),
    )?;
    measured.finish(load, args.what.mode_name(), None, |samples| {
        ReadChecker::new(&runtime, &target, &library, load.timeout).check(samples)
    })
}
