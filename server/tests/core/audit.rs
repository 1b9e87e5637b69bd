//! The auditor must notice: a check that cannot fail is none.

use treering_api::log::Log as _;
use treering_server::audit::{Audited, Auditor};
use treering_storage::memory::MemoryStore;
use treering_storage::published::PublishedFiles;
use treering_storage::record::RecordEntry;
use treering_storage::{Edge, Event, Journal as _, LogId, apply};
use treering_tlog::Hash;

use super::support::{Submitter, World, vkey};

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

fn damages(
    store: &MemoryStore,
    auditor: &mut Auditor,
    published: Option<&PublishedFiles>,
) -> Vec<String> {
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
    let found = damages(&store, &mut Auditor::default(), None);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("entry 0"), "{found:?}");
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
    let found = damages(&store, &mut Auditor::default(), None);
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
    assert_eq!(damages(&trees[0].memory, &mut auditor, None), [""; 0]);
    let found = damages(&trees[1].memory, &mut auditor, None);
    assert!(
        found
            .iter()
            .any(|damage| damage.contains("root at size 1, which was seen before")),
        "{found:?}"
    );
    // And by who holds what the first one published.
    let published = PublishedFiles::open(&trees[0].dir.path().join("published")).unwrap();
    let found = damages(&trees[1].memory, &mut Auditor::default(), Some(&published));
    assert!(
        found.iter().any(|damage| damage.contains("published root")),
        "{found:?}"
    );
}
