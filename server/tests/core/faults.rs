//! Each step of a commit, each way it can fail, each way to go on, as one table; the auditor after every step.

use treering_api::log::{Log as _, Submission};
use treering_api::reject::RejectKind;
use treering_storage::faulty::Fault;
use treering_tlog::TreeSize;

use super::support::{Running, Submitter, World, log_name, verify_receipt};

/// Where the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The body of a large envelope is made durable.
    Spool,
    /// The record is created.
    Commit,
    /// The signed checkpoint is kept in a file outside the store.
    Publish,
    /// The event of a freeze is created.
    Freeze,
}

/// What the submitter or operator does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Asks again at once.
    Retry,
    /// Restarts the server and asks again.
    Restart,
}

/// What must be true afterwards.
struct Row {
    step: Step,
    fault: Fault,
    then: Then,
    /// The first try is refused as this; `None` if it succeeds.
    first: Option<RejectKind>,
    /// The second try is refused as this, or says whether it is a duplicate.
    second: Result<bool, RejectKind>,
}

const fn row(
    step: Step,
    fault: Fault,
    then: Then,
    first: Option<RejectKind>,
    second: Result<bool, RejectKind>,
) -> Row {
    Row {
        step,
        fault,
        then,
        first,
        second,
    }
}

const UNAVAILABLE: Option<RejectKind> = Some(RejectKind::Unavailable);

/// After a fault of unknown outcome the log stops, so that a retry is refused and only a restart tells; a full disk is
/// no such fault. Signing does no I/O: dying before or in it leaves what a commit that failed and was kept leaves.
/// A file that cannot be written for want of space is one that cannot be written (`Publish`, `Lost`); a spooled body
/// that was kept while its submitter heard of a failure has no record that names it, as one that was lost.
const TABLE: &[Row] = &[
    row(
        Step::Commit,
        Fault::Lost,
        Then::Retry,
        UNAVAILABLE,
        Err(RejectKind::Unavailable),
    ),
    row(
        Step::Commit,
        Fault::Lost,
        Then::Restart,
        UNAVAILABLE,
        Ok(false),
    ),
    row(
        Step::Commit,
        Fault::Kept,
        Then::Retry,
        UNAVAILABLE,
        Err(RejectKind::Unavailable),
    ),
    row(
        Step::Commit,
        Fault::Kept,
        Then::Restart,
        UNAVAILABLE,
        Ok(true),
    ),
    row(
        Step::Commit,
        Fault::Full,
        Then::Retry,
        UNAVAILABLE,
        Ok(false),
    ),
    row(
        Step::Commit,
        Fault::Full,
        Then::Restart,
        UNAVAILABLE,
        Ok(false),
    ),
    row(Step::Publish, Fault::Lost, Then::Retry, None, Ok(true)),
    row(Step::Publish, Fault::Lost, Then::Restart, None, Ok(true)),
    row(Step::Publish, Fault::Kept, Then::Retry, None, Ok(true)),
    row(Step::Publish, Fault::Kept, Then::Restart, None, Ok(true)),
    row(
        Step::Spool,
        Fault::Lost,
        Then::Retry,
        UNAVAILABLE,
        Ok(false),
    ),
    row(
        Step::Spool,
        Fault::Lost,
        Then::Restart,
        UNAVAILABLE,
        Ok(false),
    ),
    row(
        Step::Spool,
        Fault::Full,
        Then::Retry,
        UNAVAILABLE,
        Ok(false),
    ),
    row(
        Step::Spool,
        Fault::Full,
        Then::Restart,
        UNAVAILABLE,
        Ok(false),
    ),
    row(
        Step::Freeze,
        Fault::Lost,
        Then::Retry,
        UNAVAILABLE,
        Err(RejectKind::Unavailable),
    ),
    row(
        Step::Freeze,
        Fault::Lost,
        Then::Restart,
        UNAVAILABLE,
        Ok(false),
    ),
    row(
        Step::Freeze,
        Fault::Kept,
        Then::Retry,
        UNAVAILABLE,
        Err(RejectKind::Unavailable),
    ),
    row(
        Step::Freeze,
        Fault::Kept,
        Then::Restart,
        UNAVAILABLE,
        Err(RejectKind::Frozen),
    ),
    row(
        Step::Freeze,
        Fault::Full,
        Then::Retry,
        UNAVAILABLE,
        Ok(false),
    ),
    row(
        Step::Freeze,
        Fault::Full,
        Then::Restart,
        UNAVAILABLE,
        Ok(false),
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_step_survives_every_fault() {
    for row in TABLE {
        let case = format!("{:?} {:?} then {:?}", row.step, row.fault, row.then);
        run(row, &case).await;
    }
}

async fn run(row: &Row, case: &str) {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    let mut running = world.start().unwrap();
    for number in 0..3 {
        let receipts = running
            .service
            .submit(None, submitter.submission(number))
            .await
            .unwrap();
        verify_receipt(&receipts[0]);
    }
    assert_eq!(world.check_log().size, TreeSize::new(3).unwrap(), "{case}");

    let faulted = faulted_submission(row.step, &submitter);
    arm(row, &world, &running);
    first_try(row, case, &running, &faulted).await;
    check_published(row, case, &running);
    world.check_log();
    disarm(row, &world, &running);

    if row.then == Then::Restart {
        running.crash(&world);
        running = world
            .start()
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        world.check_log();
    }
    second_try(row, case, &running, faulted).await;
    world.check_log();
    // Whatever happened, a restart finds a sound log that goes on, unless it was frozen.
    running.crash(&world);
    let running = world
        .start()
        .unwrap_or_else(|error| panic!("{case}: {error}"));
    let last = running.service.submit(None, submitter.submission(99)).await;
    let frozen = row.step == Step::Freeze && row.fault == Fault::Kept;
    assert_eq!(last.is_err(), frozen, "{case}: {last:?}");
    running.stop();
    world.check_log();
}

async fn first_try(row: &Row, case: &str, running: &Running, faulted: &Submission) {
    let first = match row.step {
        Step::Freeze => running
            .service
            .freeze(&log_name(), None)
            .await
            .map(|_| Vec::new()),
        _ => running.service.submit(None, faulted.clone()).await,
    };
    assert_eq!(
        first.as_ref().err().map(|reject| reject.kind),
        row.first,
        "{case}: {first:?}"
    );
    first.iter().flatten().for_each(verify_receipt);
}

/// A checkpoint that cannot be kept is told of, and kept once it can be.
fn check_published(row: &Row, case: &str, running: &Running) {
    let lost = row.step == Step::Publish && row.fault == Fault::Lost;
    assert_eq!(running.published.flush().is_err(), lost, "{case}");
    let told = running.service.health().published_failed;
    assert_eq!(told.is_some(), lost, "{case}: {told:?}");
}

async fn second_try(row: &Row, case: &str, running: &Running, faulted: Submission) {
    let second = running.service.submit(None, faulted).await;
    let outcome = second
        .as_ref()
        .map(|receipts| receipts[0].duplicate)
        .map_err(|reject| reject.kind);
    assert_eq!(outcome, row.second, "{case}: {second:?}");
    for receipt in second.iter().flatten() {
        verify_receipt(receipt);
        assert_eq!(
            receipt.index.get(),
            3,
            "{case}: no index is skipped, none is given twice"
        );
    }
}

fn faulted_submission(step: Step, submitter: &Submitter) -> Submission {
    match step {
        Step::Spool => {
            let payload = vec![b' '; treering_storage::envelopes::INLINE_MAX + 1];
            Submission {
                envelope: submitter.envelope(&payload),
                verifiers: vec![submitter.public.clone()],
            }
        }
        _ => submitter.submission(3),
    }
}

fn arm(row: &Row, world: &World, running: &Running) {
    match row.step {
        Step::Commit => running.store.fail_commit(row.fault),
        Step::Freeze => running.store.fail_event(row.fault),
        Step::Publish if row.fault == Fault::Kept => {}
        Step::Publish => block(&world.published_folder()),
        Step::Spool if row.fault == Fault::Full => world.set_free_disk(1),
        Step::Spool => block(&world.dir.path().join("spool")),
    }
}

fn disarm(row: &Row, world: &World, running: &Running) {
    running.store.heal();
    world.set_free_disk(u64::MAX);
    unblock(&world.published_folder());
    unblock(&world.dir.path().join("spool"));
    // Who crashes leaves the older checkpoint behind.
    if row.then == Then::Retry {
        running.published.flush().unwrap();
        assert_eq!(running.service.health().published_failed, None);
    }
}

/// Makes every write into a folder fail, for root too: the folder is not there.
fn block(folder: &std::path::Path) {
    std::fs::rename(folder, folder.with_extension("away")).unwrap();
}

fn unblock(folder: &std::path::Path) {
    let away = folder.with_extension("away");
    if away.exists() {
        std::fs::rename(away, folder).unwrap();
    }
}
