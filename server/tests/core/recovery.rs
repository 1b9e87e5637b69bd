//! A store that went back, or is another one, is refused with words that say what to do.

use treering_api::log::Log as _;
use treering_storage::memory::MemoryStore;
use treering_storage::published::PublishedFiles;
use treering_storage::{Event, Journal as _, LogId};
use treering_tlog::TreeSize;

use super::support::{Submitter, World};

async fn world_of(size: u64) -> World {
    let submitter = Submitter::new(1);
    let world = World::with_log();
    let running = world.start().unwrap();
    for number in 0..size {
        running
            .service
            .submit(None, submitter.submission(number))
            .await
            .unwrap();
    }
    running.stop();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_behind_its_published_checkpoint_is_refused() {
    let ahead = world_of(5).await;
    let mut behind = world_of(3).await;
    behind.check_log();
    std::fs::copy(
        ahead.dir.path().join("published/rekor-v2"),
        behind.dir.path().join("published/rekor-v2"),
    )
    .unwrap();
    let error = behind
        .start()
        .err()
        .expect("the store is behind")
        .to_string();
    for word in [
        "size 3",
        "size 5 was published",
        "older copy",
        "put back the newest copy",
    ] {
        assert!(error.contains(word), "expected {word:?} in {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_another_tree_is_refused() {
    let ours = world_of(3).await;
    let other = {
        let submitter = Submitter::new(2);
        let world = World::with_log();
        let running = world.start().unwrap();
        for number in 0..4 {
            running
                .service
                .submit(None, submitter.submission(number))
                .await
                .unwrap();
        }
        running.stop();
        world
    };
    std::fs::copy(
        ours.dir.path().join("published/rekor-v2"),
        other.dir.path().join("published/rekor-v2"),
    )
    .unwrap();
    let error = other.start().err().expect("the trees differ").to_string();
    assert!(
        error.contains("at size 3 root") && error.contains("not the database"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_file_behind_the_store_is_fine() {
    let older = world_of(3).await;
    let mut newer = world_of(5).await;
    std::fs::copy(
        older.dir.path().join("published/rekor-v2"),
        newer.dir.path().join("published/rekor-v2"),
    )
    .unwrap();
    newer.start().unwrap().stop();
    newer.check_log();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_file_of_another_key_is_refused() {
    let world = world_of(2).await;
    let files = PublishedFiles::open(&world.dir.path().join("published")).unwrap();
    let note = files.read("rekor-v2").unwrap().unwrap();
    files.record("rekor-v2", &note.replace("\n2\n", "\n1\n"));
    files.flush().unwrap();
    let error = world
        .start()
        .err()
        .expect("the note does not open")
        .to_string();
    assert!(
        error.contains("does not open with the log's key"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_beside_a_published_file_is_refused_as_behind() {
    let mut world = world_of(2).await;
    // A disk that came back empty, or a database that lost its events.
    world.memory = MemoryStore::new();
    let error = world.start().err().expect("the log is lost").to_string();
    for word in [
        "log rekor-v2",
        "does not know the log",
        "put back the newest copy",
    ] {
        assert!(error.contains(word), "expected {word:?} in {error:?}");
    }
    let reports = world.audit().unwrap();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let damage = reports[0].damages[0].to_string();
    assert!(damage.contains("no event that names it"), "{damage}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_log_that_has_grown_is_not_told_as_behind() {
    let world = world_of(2).await;
    let grown = Event::LogFrozen {
        id: LogId(0),
        size: TreeSize::new(1).unwrap(),
        successor: None,
        mark: None,
        at: 1,
    };
    world.memory.append_event(1, &grown).unwrap();
    let error = world.start().err().expect("it has grown").to_string();
    assert!(
        error.contains("frozen at size 1, but the store holds 2 entries"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_signs_the_same_bytes_again() {
    let world = world_of(7).await;
    let mut notes = Vec::new();
    for _ in 0..2 {
        let running = world.start().unwrap();
        notes.push(running.service.checkpoint(None).await.unwrap().note);
        running.stop();
    }
    assert_eq!(
        notes[0], notes[1],
        "one size has one root and one signed text"
    );
}
