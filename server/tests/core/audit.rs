//! The auditor must notice: a check that cannot fail is none.

use std::sync::Arc;

use treering_api::log::Log as _;
use treering_server::audit::{Audited, Auditor, PublishedNotes};
use treering_storage::memory::MemoryStore;
use treering_storage::record::RecordEntry;
use treering_storage::{Edge, Event, Journal as _, LogId, Store, View as _, apply};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::broken::{Broken, Part};
use super::support::{Submitter, World, notes_in, vkey};

fn added() -> Event {
    Event::LogAdded {
        id: LogId(0),
        name: "rekor-v2".into(),
        dialect: "rekor-v2".into(),
        origin: "log.example.org".into(),
        created: 1,
    }
}

fn entries(leaves: &[&str]) -> Vec<RecordEntry> {
    leaves
        .iter()
        .map(|leaf| RecordEntry {
            leaf: leaf.to_string().into(),
            leaf_hash: Hash::leaf(leaf.as_bytes()),
            envelope: None,
        })
        .collect()
}

fn damages(store: &dyn Store, auditor: &mut Auditor, published: &PublishedNotes) -> Vec<String> {
    let audited = Audited {
        store,
        envelopes: None,
        published,
    };
    let reports = auditor
        .check(&audited, |_| Some(vkey().to_string()), |_, _, _| {})
        .unwrap();
    reports
        .into_iter()
        .flat_map(|report| report.damages)
        .map(|damage| damage.to_string())
        .collect()
}

#[test]
fn a_leaf_that_is_no_entry_of_the_dialect_is_damage() {
    let store = MemoryStore::new();
    store.append_event(0, &added()).unwrap();
    store
        .commit(&apply::stage(
            &Edge::new(),
            LogId(0),
            5,
            entries(&["no entry"]),
        ))
        .unwrap();
    let found = damages(&store, &mut Auditor::default(), &PublishedNotes::new());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("entry 0"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_whose_signature_does_not_verify_is_damage() {
    let world = World::with_log();
    let running = world.start().unwrap();
    running
        .service
        .submit(None, Submitter::new(1).submission(0))
        .await
        .unwrap();
    running.stop();
    let good = world
        .memory
        .entries(LogId(0), LeafIndex::ZERO, 1)
        .unwrap()
        .remove(0)
        .leaf;
    let mut entry = treering_rekor::v2::Entry::parse(&good).unwrap();
    entry.digest[0] ^= 1;
    let altered = String::from_utf8(entry.encode()).unwrap();

    let store = MemoryStore::new();
    store.append_event(0, &added()).unwrap();
    store
        .commit(&apply::stage(
            &Edge::new(),
            LogId(0),
            5,
            entries(&[&altered]),
        ))
        .unwrap();
    let found = damages(&store, &mut Auditor::default(), &PublishedNotes::new());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("entry 0") && found[0].contains("signature"),
        "{found:?}"
    );
}

#[test]
fn a_time_that_goes_back_is_damage() {
    let store = MemoryStore::new();
    store.append_event(0, &added()).unwrap();
    let first = apply::stage(&Edge::new(), LogId(0), 5, entries(&["a"]));
    store.commit(&first).unwrap();
    store
        .commit(&apply::stage(&first.edge, LogId(0), 4, entries(&["b"])))
        .unwrap();
    let found = damages(&store, &mut Auditor::default(), &PublishedNotes::new());
    assert!(
        found
            .iter()
            .any(|damage| damage.contains("integrated time of at least 5, found 4")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tree_of_the_same_size_is_noticed_by_who_saw_the_first() {
    let mut auditor = Auditor::default();
    let mut trees = Vec::new();
    for seed in [1, 2] {
        let world = World::with_log();
        let running = world.start().unwrap();
        running
            .service
            .submit(None, Submitter::new(seed).submission(0))
            .await
            .unwrap();
        running.stop();
        trees.push(world);
    }
    assert_eq!(
        damages(&trees[0].memory, &mut auditor, &PublishedNotes::new()),
        [""; 0]
    );
    let found = damages(&trees[1].memory, &mut auditor, &PublishedNotes::new());
    assert!(
        found
            .iter()
            .any(|damage| damage.contains("root at size 1, which was seen before")),
        "{found:?}"
    );
    // And by who holds what the first one published.
    let published = notes_in(&trees[0].published_folder());
    let found = damages(&trees[1].memory, &mut Auditor::default(), &published);
    assert!(
        found.iter().any(|damage| damage.contains("published root")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_corrupt_part_is_damage_and_the_audit_goes_on() {
    let submitter = Submitter::new(1);
    let world = World::with_log();
    let running = world.start().unwrap();
    let submissions = (0..300)
        .map(|number| submitter.submission(number))
        .collect();
    for result in running.service.submit_batch(None, submissions).await {
        result.unwrap();
    }
    running.stop();
    let parts = [
        (Part::Head, "head: corrupt Head"),
        (Part::Record, "record at index 0: corrupt Record"),
        (Part::Entries, "entries from 0 on: corrupt Entries"),
        (
            Part::Indexes,
            "leaf hashes from entry 0 on: corrupt Indexes",
        ),
        (Part::Tile, "tile 0 of level 0: corrupt Tile"),
        (Part::Batch, "batch row for index"),
        (Part::Envelope, "corrupt Envelope"),
    ];
    for (part, expected) in parts {
        let store = Broken::new(Arc::new(world.memory.clone()), Some(part));
        let notes = notes_in(&world.published_folder());
        let found = damages(&store, &mut Auditor::default(), &notes);
        assert!(
            found.iter().any(|damage| damage.contains(expected)),
            "{part:?}: {found:?}"
        );
    }
    let store = Broken::new(Arc::new(world.memory.clone()), None);
    let notes = notes_in(&world.published_folder());
    assert_eq!(damages(&store, &mut Auditor::default(), &notes), [""; 0]);
}

#[test]
fn a_frozen_log_of_another_size_is_damage() {
    let store = MemoryStore::new();
    store.append_event(0, &added()).unwrap();
    let frozen = Event::LogFrozen {
        id: LogId(0),
        size: TreeSize::new(7).unwrap(),
        successor: None,
        mark: None,
        at: 1,
    };
    store.append_event(1, &frozen).unwrap();
    let found = damages(&store, &mut Auditor::default(), &PublishedNotes::new());
    assert_eq!(
        found,
        ["rekor-v2: size of the head of a frozen log: expected 7, found 0"]
    );
}
