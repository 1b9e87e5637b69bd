//! What a batch is, who is refused, and how a log stops.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use treering_api::log::{Dialect, EntryId, Log as _, LogName, Submission};
use treering_api::reject::RejectKind;
use treering_tlog::{Hash, LeafIndex};

use super::support::{Submitter, World, checkpoint_key, log_name, verify_receipt};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_submitters_get_distinct_indexes_and_valid_proofs() {
    let mut world = World::with_log();
    let running = world.start().unwrap();
    let mut tasks = Vec::new();
    for client in 0..20_u8 {
        let service = Arc::clone(&running.service);
        tasks.push(tokio::spawn(async move {
            let submitter = Submitter::new(client + 1);
            let mut receipts = Vec::new();
            for number in 0..20 {
                receipts.extend(
                    service
                        .submit(None, submitter.submission(number))
                        .await
                        .unwrap(),
                );
            }
            receipts
        }));
    }
    let mut indexes = Vec::new();
    for task in tasks {
        for receipt in task.await.unwrap() {
            verify_receipt(&receipt);
            indexes.push(receipt.index.get());
        }
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (0..400).collect::<Vec<_>>());
    assert!(
        running.store.counts().commits < 400,
        "waiting entries share a commit"
    );
    running.stop();
    assert_eq!(world.check_log().size.get(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_submissions_are_refused_and_leave_nothing() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    world.limits.max_envelope_bytes = 2_000;
    let running = world.start().unwrap();
    let good = submitter.submission(0);
    let with_envelope = |envelope: Bytes| Submission {
        envelope,
        ..good.clone()
    };
    let with_verifiers = |verifiers: Vec<Bytes>| Submission {
        verifiers,
        ..good.clone()
    };
    let cases = [
        (
            with_envelope(Bytes::from_static(b"hello")),
            RejectKind::Malformed,
        ),
        (with_envelope(Bytes::new()), RejectKind::Malformed),
        (
            with_envelope(submitter.envelope(&[b'x'; 3_000])),
            RejectKind::TooLarge,
        ),
        (
            with_envelope(flipped(&good.envelope)),
            RejectKind::Unverified,
        ),
        (with_verifiers(vec![]), RejectKind::Unverified),
        (
            with_verifiers(vec![Submitter::new(9).public]),
            RejectKind::Unverified,
        ),
        (
            with_verifiers(vec![Bytes::from_static(b"no key")]),
            RejectKind::Malformed,
        ),
    ];
    for (submission, expected) in cases {
        let reject = running.service.submit(None, submission).await.unwrap_err();
        assert_eq!(reject.kind, expected, "{reject}");
    }
    let unknown = LogName::new("other").unwrap();
    let reject = running
        .service
        .submit(Some(&unknown), good)
        .await
        .unwrap_err();
    assert_eq!(reject.kind, RejectKind::NotFound, "{reject}");
    running.stop();
    assert_eq!(world.check_log().size.get(), 0);
}

/// The envelope with one letter of its payload changed.
fn flipped(envelope: &[u8]) -> Bytes {
    let mut bytes = envelope.to_vec();
    let start = bytes
        .windows(11)
        .position(|window| window == b"\"payload\":\"")
        .unwrap();
    let letter = &mut bytes[start + 20];
    *letter = if *letter == b'A' { b'B' } else { b'A' };
    bytes.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bounds_the_answer_is_busy_at_once() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    world.limits.max_submissions_in_flight = 8;
    let running = world.start().unwrap();
    let results = running
        .service
        .submit_batch(
            None,
            (0..200)
                .map(|number| submitter.submission(number))
                .collect(),
        )
        .await;
    let accepted = results.iter().filter(|result| result.is_ok()).count();
    assert!(accepted >= 8, "{accepted} were accepted");
    for reject in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(reject.kind, RejectKind::Busy, "{reject}");
        assert_eq!(reject.kind.wire().retry_after_secs, Some(1));
    }
    assert!(
        accepted < 200,
        "eight places are not enough for 200 at once"
    );
    running.stop();
    assert_eq!(
        world.check_log().size.get(),
        u64::try_from(accepted).unwrap(),
        "what was refused is not there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_keeps_reading() {
    let submitter = Submitter::new(1);
    let world = World::with_log();
    let running = world.start().unwrap();
    running
        .service
        .submit(None, submitter.submission(0))
        .await
        .unwrap();
    world.set_free_disk(1_000);
    let reject = running
        .service
        .submit(None, submitter.submission(1))
        .await
        .unwrap_err();
    assert_eq!(reject.kind, RejectKind::Unavailable, "{reject}");
    assert_eq!(
        running.service.health().disk_low,
        Some((1_000, world.limits.disk_reserve_bytes))
    );
    running
        .service
        .entry(None, EntryId::Index(LeafIndex::ZERO), None)
        .await
        .unwrap();
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_what_was_accepted_and_refuses_the_rest() {
    let submitter = Arc::new(Submitter::new(1));
    let mut world = World::with_log();
    let running = world.start().unwrap();
    let accepting = {
        let (service, submitter) = (Arc::clone(&running.service), Arc::clone(&submitter));
        tokio::spawn(async move {
            service
                .submit_batch(
                    None,
                    (0..500)
                        .map(|number| submitter.submission(number))
                        .collect(),
                )
                .await
        })
    };
    running
        .service
        .log(None)
        .unwrap()
        .watch()
        .wait_for(|size| !size.is_empty())
        .await
        .unwrap();
    let service = Arc::clone(&running.service);
    assert!(
        tokio::task::spawn_blocking(move || service.stop(Duration::from_secs(10)))
            .await
            .unwrap()
    );
    let results = accepting.await.unwrap();
    let accepted = results.iter().filter(|result| result.is_ok()).count();
    for result in &results {
        match result {
            Ok(receipts) => verify_receipt(&receipts[0]),
            Err(reject) => assert_eq!(reject.kind, RejectKind::Unavailable, "{reject}"),
        }
    }
    let late = running
        .service
        .submit(None, submitter.submission(9_999))
        .await
        .unwrap_err();
    assert_eq!(late.kind, RejectKind::Unavailable);
    assert_eq!(
        world.check_log().size.get(),
        u64::try_from(accepted).unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_gives_what_is_signed_and_ends_with_the_server() {
    let submitter = Submitter::new(1);
    let world = World::with_log();
    let running = world.start().unwrap();
    running
        .service
        .submit(None, submitter.submission(0))
        .await
        .unwrap();
    let mut tail = running.service.tail(None, LeafIndex::ZERO).await.unwrap();
    assert_eq!(tail.next().await.unwrap().unwrap().index.get(), 0);
    let submitted = running
        .service
        .submit(None, submitter.submission(1))
        .await
        .unwrap()
        .remove(0);
    let followed = tail.next().await.unwrap().unwrap();
    assert_eq!(
        (followed.index, Hash::leaf(&followed.leaf)),
        (submitted.index, submitted.leaf_hash)
    );
    let waiting = running.service.wait(None, LeafIndex::new(2).unwrap());
    running.service.close_streams();
    assert!(tail.next().await.is_none(), "an open tail ends");
    assert_eq!(waiting.await.unwrap_err().kind, RejectKind::Unavailable);
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_log_keeps_answering_and_takes_nothing() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    let running = world.start().unwrap();
    running
        .service
        .submit(None, submitter.submission(0))
        .await
        .unwrap();
    assert_eq!(
        running
            .service
            .freeze(&log_name(), None)
            .await
            .unwrap()
            .get(),
        1
    );
    running.stop();
    for _ in 0..2 {
        let running = world.start().unwrap();
        let reject = running
            .service
            .submit(None, submitter.submission(1))
            .await
            .unwrap_err();
        assert_eq!(reject.kind, RejectKind::Frozen, "{reject}");
        assert!(reject.message.contains("size 1"), "{reject}");
        assert_eq!(
            running
                .service
                .freeze(&log_name(), None)
                .await
                .unwrap_err()
                .kind,
            RejectKind::Frozen
        );
        running
            .service
            .entry(None, EntryId::Index(LeafIndex::ZERO), None)
            .await
            .unwrap();
        running.stop();
    }
    world.check_log();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_log_never_goes_back() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    let running = world.start().unwrap();
    let first = running
        .service
        .submit(None, submitter.submission(0))
        .await
        .unwrap()
        .remove(0);
    world.clock.unix.fetch_sub(500, Ordering::SeqCst);
    let second = running
        .service
        .submit(None, submitter.submission(1))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(second.integrated_time, first.integrated_time);
    running.stop();
    let running = world.start().unwrap();
    let third = running
        .service
        .submit(None, submitter.submission(2))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(third.integrated_time, first.integrated_time);
    running.stop();
    world.check_log();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_chain_of_shards_never_goes_back() {
    let submitter = Submitter::new(1);
    let world = World::with_log();
    let running = world.start().unwrap();
    let [first, second] = ["first", "second"].map(|name| LogName::new(name).unwrap());
    let service = &running.service;
    let add = |log: &LogName| {
        let origin = format!("localhost/logs/{log}");
        let key = checkpoint_key(log).unwrap();
        service
            .add_log(log, Dialect::RekorV1, &origin, key)
            .unwrap();
    };
    add(&first);
    let before = service.submit(Some(&first), submitter.submission(0)).await;
    let before = before.unwrap().remove(0);
    service.freeze_for(&first, &second).await.unwrap();
    world.clock.unix.fetch_sub(500, Ordering::SeqCst);
    add(&second);
    let after = service.submit(Some(&second), submitter.submission(1)).await;
    assert_eq!(after.unwrap()[0].integrated_time, before.integrated_time);
    running.stop();
    let running = world.start().unwrap();
    let later = running
        .service
        .submit(Some(&second), submitter.submission(2));
    assert_eq!(
        later.await.unwrap()[0].integrated_time,
        before.integrated_time
    );
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_envelope_is_kept_beside_the_store_and_read_back() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    let running = world.start().unwrap();
    let payload: Vec<u8> = (0..3_000_000_u32)
        .map(|n| b"0123456789abcdef"[(n.wrapping_mul(2_654_435_761) >> 28) as usize])
        .collect();
    let submission = Submission {
        envelope: submitter.envelope(&payload),
        verifiers: vec![submitter.public.clone()],
    };
    let receipt = running
        .service
        .submit(None, submission.clone())
        .await
        .unwrap()
        .remove(0);
    verify_receipt(&receipt);
    let sha256 = receipt.envelope_sha256.unwrap();
    assert_eq!(
        running.service.envelope(sha256).await.unwrap(),
        submission.envelope
    );
    running.stop();
    let running = world.start().unwrap();
    assert_eq!(
        running.service.envelope(sha256).await.unwrap(),
        submission.envelope
    );
    assert_eq!(
        running
            .service
            .envelope(Hash::of(b"other"))
            .await
            .unwrap_err()
            .kind,
        RejectKind::NotFound
    );
    running.stop();
    world.check_log();
}
