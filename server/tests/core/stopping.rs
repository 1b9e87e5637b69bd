//! How a service ends that nobody stops, and what it answers while its parts fail.

use std::sync::Arc;
use std::time::Duration;

use treering_api::log::{Dialect, EntryId, Log as _, LogName};
use treering_api::reject::RejectKind;
use treering_server::log::recover::OpenError;
use treering_server::service::Service;
use treering_storage::Store;
use treering_tlog::{LeafIndex, TreeSize};

use super::broken::{Broken, Part};
use super::support::{LOG, Submitter, World, checkpoint_key, log_name};

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_service_ends_its_threads() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    let running = world.start().unwrap();
    running
        .service
        .submit(None, submitter.submission(0))
        .await
        .unwrap();
    // Waits for the threads, and fails if they do not end.
    running.crash(&world);
    assert_eq!(world.check_log().size.get(), 1);
}

#[test]
fn a_start_that_fails_half_way_lets_go_of_the_store() {
    let world = World::with_log();
    let running = world.start().unwrap();
    let second = LogName::new("second").unwrap();
    let key = checkpoint_key(&second).unwrap();
    running
        .service
        .add_log(&second, Dialect::RekorV2, "second.example.org", key)
        .unwrap();
    running.stop();
    let store: Arc<dyn Store> = Arc::new(world.memory.clone());
    let held = Arc::downgrade(&store);
    let (mut parts, _) = world.parts(store);
    parts.keys = Box::new(|log| match log.as_str() {
        LOG => checkpoint_key(log),
        other => Err(format!("no key of {other}")),
    });
    let refused = Service::open(parts).map(|_| ()).unwrap_err();
    assert!(
        matches!(&refused, OpenError::Key { name, .. } if name == "second"),
        "{refused}"
    );
    assert!(
        held.upgrade().is_none(),
        "the thread of the first log still holds the store"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_commit_refuses_all_who_wait_and_stops_the_log() {
    let submitter = Submitter::new(1);
    let world = World::with_log();
    let running = world
        .start_on(|store| Arc::new(Broken::new(store, Some(Part::Commit))))
        .unwrap();
    let submissions = (0..20).map(|number| submitter.submission(number)).collect();
    let results = running.service.submit_batch(None, submissions).await;
    for result in &results {
        assert!(result.is_err(), "nothing was committed: {result:?}");
    }
    let reason = running.service.failed().await;
    assert!(reason.contains("panicked"), "{reason}");
    assert_eq!(running.service.health().failed, Some(reason));
    let late = running.service.submit(None, submitter.submission(99)).await;
    let late = late.unwrap_err();
    assert_eq!(late.kind, RejectKind::Unavailable, "{late}");
    assert!(late.message.contains("restart"), "{late}");
    let freeze = running.service.freeze(&log_name(), None).await;
    assert_eq!(freeze.unwrap_err().kind, RejectKind::Unavailable);
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_not_told_as_damaged() {
    let submitter = Submitter::new(1);
    let world = World::with_log();
    let running = world.start().unwrap();
    let submissions = (0..300)
        .map(|number| submitter.submission(number))
        .collect();
    let results = running.service.submit_batch(None, submissions).await;
    let envelope = results[0].as_ref().unwrap()[0].envelope_sha256.unwrap();
    running.store.fail_reads(true);
    let service = &running.service;
    let first = EntryId::Index(LeafIndex::ZERO);
    let from = TreeSize::new(1).unwrap();
    let refusals = [
        service.envelope(envelope).await.unwrap_err(),
        service.entry(None, first, None).await.unwrap_err(),
        service.consistency(None, from, None).await.unwrap_err(),
    ];
    for reject in refusals {
        assert_eq!(reject.kind, RejectKind::Unavailable, "{reject}");
    }
    running.store.heal();
    service.envelope(envelope).await.unwrap();
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_verifiers_count_as_bytes_in_flight() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    // The first submission waits for the end of the gap, and keeps its place meanwhile.
    world.limits.min_commit_gap = Duration::from_millis(500);
    let submissions = vec![submitter.submission(0), submitter.submission(1)];
    let envelopes: usize = submissions.iter().map(|one| one.envelope.len()).sum();
    for (limit, second) in [
        (envelopes, Err(RejectKind::Busy)),
        (envelopes + 2 * submitter.public.len(), Ok(1)),
    ] {
        world.limits.max_bytes_in_flight = limit;
        let running = world.start().unwrap();
        let results = running
            .service
            .submit_batch(None, submissions.clone())
            .await;
        assert!(results[0].is_ok(), "{results:?}");
        let found = results[1].as_ref().map(Vec::len);
        assert_eq!(found.map_err(|reject| reject.kind), second, "limit {limit}");
        running.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_an_answer_finds_the_own_place_free() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    world.limits.max_submissions_in_flight = 1;
    let running = world.start().unwrap();
    for number in 0..200 {
        // Every second one is refused, for want of a key.
        let mut submission = submitter.submission(number);
        if number % 2 == 1 {
            submission.verifiers.clear();
        }
        let result = running.service.submit(None, submission).await;
        let found = result.map(|_| ()).map_err(|reject| reject.kind);
        let expected = match number % 2 {
            0 => Ok(()),
            _ => Err(RejectKind::Unverified),
        };
        assert_eq!(found, expected, "submission {number}");
    }
    running.stop();
}
