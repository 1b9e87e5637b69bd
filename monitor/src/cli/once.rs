//! Commands that follow once and end.

use super::args::{Follow as FollowArgs, Format};
use super::setup::{Setup, setup};
use super::{Exit, Failure, report};
use crate::findings::open_findings;
use crate::follow::{Follow, Pass, Reach};
use crate::state::StateError;

/// One pass over each log.
pub(super) fn once(args: &FollowArgs, format: Format) -> Result<Exit, Failure> {
    each(args, format, async |log| log.pass(Reach::Head).await)
}

/// What was before.
pub(super) fn backfill(args: &FollowArgs, format: Format) -> Result<Exit, Failure> {
    each(args, format, async |log| {
        let origin = log.origin().to_owned();
        log.backfill(&|done, of| report::progress(&origin, done, of))
            .await
    })
}

/// What was examined, again.
pub(super) fn rescan(args: &FollowArgs, format: Format) -> Result<Exit, Failure> {
    each(args, format, async |log| {
        let origin = log.origin().to_owned();
        log.rescan(&|done, of| report::progress(&origin, done, of))
            .await
    })
}

fn each(
    args: &FollowArgs,
    format: Format,
    act: impl AsyncFn(&dyn Follow) -> Result<Pass, StateError>,
) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Operational(e.into()))?;
    runtime.block_on(async {
        let setup = setup(args).await?;
        let passes = setup.logs.iter().map(|log| act(&**log));
        let passes = futures_util::future::join_all(passes).await;
        let passes: Vec<Pass> = passes.into_iter().collect::<Result<_, _>>()?;
        conclude(&setup, &passes, format)
    })
}

/// Prints what is open and what was covered; the code to end with.
fn conclude(setup: &Setup, passes: &[Pass], format: Format) -> Result<Exit, Failure> {
    let state = &setup.shared.state;
    let open = state.read(|connection| open_findings(connection, setup.began))?;
    open.iter().for_each(|line| report::finding(format, line));
    passes
        .iter()
        .for_each(|pass| report::coverage(format, &pass.row));
    Ok(report::exit(&open, setup.strict))
}
