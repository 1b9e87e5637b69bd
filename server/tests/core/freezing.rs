//! The end of a log: what its final checkpoint says, and that it says so for ever.

use std::sync::atomic::Ordering;

use treering_api::log::{Dialect, EntryId, Log as _, LogName};
use treering_api::reject::RejectKind;
use treering_server::log::State;
use treering_storage::Journal as _;
use treering_storage::faulty::Fault;
use treering_tlog::checkpoint::{self, Opened};
use treering_tlog::{LeafIndex, TreeSize};

use super::support::{Running, Submitter, World, checkpoint_key, log_name, vkey};

const MARK: &str = "Log frozen \u{2014} Tue Nov 14 22:13:20 UTC 2023";

async fn note(running: &Running) -> String {
    let checkpoint = running.service.checkpoint(Some(&log_name())).await;
    checkpoint.unwrap().note
}

fn opened(note: &str) -> Opened {
    checkpoint::open(note.as_bytes(), &vkey()).unwrap()
}

/// A world whose log has two entries, running.
async fn two_entries() -> (World, Running) {
    let submitter = Submitter::new(1);
    let world = World::with_log();
    let running = world.start().unwrap();
    for number in 0..2 {
        let submission = submitter.submission(number);
        running.service.submit(None, submission).await.unwrap();
    }
    (world, running)
}

fn successor() -> LogName {
    LogName::new("second").unwrap()
}

fn add_successor(running: &Running) {
    let key = checkpoint_key(&successor()).unwrap();
    running
        .service
        .add_log(&successor(), Dialect::RekorV2, "two.example", key)
        .unwrap();
}

/// The auditor of the worlds knows the key of the first log only.
fn audit(world: &mut World) {
    let report = world.audit().unwrap().remove(0);
    assert_eq!((report.name.as_str(), report.damages), ("rekor-v2", vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_is_the_same_bytes_wherever_and_whenever_it_is_read() {
    let (mut world, running) = two_entries().await;
    let before = note(&running).await;
    add_successor(&running);
    let (service, next) = (&running.service, successor());
    let size = service.freeze_marked(&log_name(), Some(&next)).await;
    assert_eq!(size.unwrap().get(), 2);
    let marked = note(&running).await;
    let (old, new) = (opened(&before), opened(&marked));
    assert_eq!(
        new.checkpoint().extensions,
        [format!("{MARK}, followed by two.example")]
    );
    assert_eq!(
        (new.checkpoint().size, new.checkpoint().root),
        (old.checkpoint().size, old.checkpoint().root),
        "one root for one size"
    );
    assert_eq!(
        running
            .published
            .flush()
            .map(|()| running.published.read("rekor-v2").unwrap()),
        Ok(Some(marked.clone())),
        "kept outside the store too"
    );
    running.stop();
    for _ in 0..2 {
        audit(&mut world);
        world.clock.unix.fetch_add(100_000, Ordering::SeqCst);
        let running = world.start().unwrap();
        assert_eq!(note(&running).await, marked);
        let id = EntryId::Index(LeafIndex::ZERO);
        let entry = running.service.entry(Some(&log_name()), id, None).await;
        let proof = entry.unwrap().proof.unwrap();
        assert_eq!(proof.checkpoint, marked, "in receipts");
        let handle = running.service.log(Some(&log_name())).unwrap();
        let expected = State::Frozen {
            size: TreeSize::new(2).unwrap(),
            successor: Some("second".to_owned()),
        };
        assert_eq!(*handle.state(), expected);
        let again = running.service.freeze_marked(&log_name(), None).await;
        assert_eq!(again.unwrap_err().kind, RejectKind::Frozen);
        running.stop();
    }
    audit(&mut world);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mark_the_checkpoint_stays_as_it_is() {
    let (mut world, running) = two_entries().await;
    let before = note(&running).await;
    running.service.freeze(&log_name(), None).await.unwrap();
    assert_eq!(note(&running).await, before);
    let marking = running.service.freeze_marked(&log_name(), None).await;
    assert_eq!(
        marking.unwrap_err().kind,
        RejectKind::Frozen,
        "decided once"
    );
    assert_eq!(note(&running).await, before);
    running.stop();
    let running = world.start().unwrap();
    assert_eq!(note(&running).await, before);
    running.stop();
    world.check_log();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_freeze_marks_all_or_nothing() {
    for (fault, lasts) in [
        (Fault::Lost, false),
        (Fault::Kept, true),
        (Fault::Full, false),
    ] {
        let (mut world, running) = two_entries().await;
        let before = note(&running).await;
        running.store.fail_event(fault);
        let refused = running.service.freeze_marked(&log_name(), None).await;
        assert_eq!(refused.unwrap_err().kind, RejectKind::Unavailable);
        assert_eq!(note(&running).await, before, "{fault:?}: not shown yet");
        running.crash(&world);
        world.check_log();
        for _ in 0..2 {
            world.clock.unix.fetch_add(1_000, Ordering::SeqCst);
            let running = world.start().unwrap();
            let lines = opened(&note(&running).await)
                .checkpoint()
                .extensions
                .clone();
            let expected: &[&str] = if lasts { &[MARK] } else { &[] };
            assert_eq!(lines, expected, "{fault:?}");
            let handle = running.service.log(Some(&log_name())).unwrap();
            assert_eq!(handle.is_frozen(), lasts, "{fault:?}");
            running.stop();
            world.check_log();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_know_of_the_published_end_is_refused() {
    let (frozen, running) = two_entries().await;
    running
        .service
        .freeze_marked(&log_name(), None)
        .await
        .unwrap();
    running.stop();
    // An older copy of the same store: the same entries, and no event that ends the log.
    let (mut older, running) = two_entries().await;
    running.stop();
    let before = std::fs::read(older.published_folder().join("rekor-v2")).unwrap();
    let file = frozen.published_folder().join("rekor-v2");
    std::fs::copy(&file, older.published_folder().join("rekor-v2")).unwrap();
    let error = older
        .start()
        .err()
        .expect("it would grow again")
        .to_string();
    for word in ["Log frozen", "mark: none", "must not grow again"] {
        assert!(error.contains(word), "expected {word:?} in {error:?}");
    }
    let damages = older.audit().unwrap().remove(0).damages;
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert!(
        damages[0]
            .what
            .contains("expected \"none\", found \"Log frozen"),
        "{damages:?}"
    );
    // The other way round the file is only older.
    std::fs::write(&file, before).unwrap();
    let mut frozen = frozen;
    frozen.check_log();
    frozen.start().unwrap().stop();
    frozen.check_log();
    assert_eq!(frozen.memory.events().unwrap().len(), 2);
}
