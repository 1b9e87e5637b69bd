//! Many callers at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use treering_tlog::{LeafIndex, TreeSize};

use super::checks::added;
use super::{Model, Run, model};
use crate::record::RecordEntry;
use crate::{CommitError, Edge, LogId, Order, Store};

const LOG: LogId = LogId(1);
const WRITERS: u32 = 8;
const ROUNDS: u64 = 10;

/// Of many writers at one index exactly one wins; the others are told so and leave no trace.
pub(super) fn writers(run: &mut Run) {
    let mut model = Model::new(LOG);
    for round in 0..ROUNDS {
        let candidates: Vec<_> = (0..WRITERS)
            .map(|writer| model.stage_entries(of_writer(writer, round)))
            .collect();
        let store = run.store();
        let results = race(|writer| store.commit(&candidates[writer]));
        let winners: Vec<_> = results
            .iter()
            .zip(&candidates)
            .filter(|(result, _)| result.is_ok())
            .collect();
        assert_eq!(
            winners.len(),
            1,
            "round {round}: exactly one winner, not {results:?}"
        );
        let expected = model.edge().size().get() + winners[0].1.record.entries.len() as u64;
        let lost = CommitError::Conflict {
            expected,
            found: model.edge().size().get(),
        };
        assert_eq!(
            results
                .iter()
                .filter(|result| **result == Err(lost.clone()))
                .count(),
            results.len() - 1
        );
        model.accept(winners[0].1);
        run.step();
    }
    model.check(run.store());
    let entries: Vec<_> = (0..WRITERS)
        .flat_map(|writer| (0..ROUNDS).flat_map(move |round| of_writer(writer, round)))
        .collect();
    let hashes: Vec<_> = entries.iter().map(|entry| entry.leaf_hash).collect();
    let found = run.store().indexes(LOG, &hashes).expect("indexes");
    let size = model.edge().size().get();
    assert_eq!(
        found.iter().flatten().count() as u64,
        size,
        "rows of losers are there"
    );
    let own = |entry| {
        run.store()
            .find(LOG, &model::own_term(entry), Order::OLDEST, 9)
    };
    let found: Vec<_> = entries
        .iter()
        .map(|entry| own(entry).expect("a term"))
        .collect();
    assert_eq!(
        found.concat().len() as u64,
        size,
        "terms of losers are there"
    );
}

/// Different leaves, and different numbers of them, for each writer and round.
fn of_writer(writer: u32, round: u64) -> Vec<RecordEntry> {
    let count = 1 + usize::try_from(writer).expect("a few writers") * 9;
    model::entries(LogId(1000 + writer), round * 1000, count)
}

pub(super) fn events(run: &mut Run) {
    for number in 0..ROUNDS {
        let event = |writer: usize| {
            added(
                u32::try_from(writer).expect("few"),
                &format!("log-{number}-{writer}"),
            )
        };
        let store = run.store();
        let results = race(|writer| store.append_event(number, &event(writer)));
        let winners: Vec<_> = (0..results.len())
            .filter(|writer| results[*writer].is_ok())
            .collect();
        assert_eq!(
            winners.len(),
            1,
            "event {number}: exactly one winner, not {results:?}"
        );
        run.step();
        let newest = run.store().events().expect("events").pop();
        assert_eq!(newest, Some(event(winners[0])));
    }
}

/// Of many signatures for an entry one is first; all callers are told that one, and readers see it or none.
pub(super) fn timestamps(run: &mut Run) {
    let mut model = Model::new(LOG);
    run.commit(&mut model, 20);
    for round in 0..ROUNDS {
        let (first, second) = (model::index(2 * round), model::index(2 * round + 1));
        let store = run.store();
        let results = race(|writer| {
            let own = Bytes::from(format!("signature {writer} of {round}"));
            let told = store.keep_timestamps(LOG, &[(second, own.clone()), (first, own)]);
            let told = told.expect("timestamps of entries");
            let seen = store.timestamps(LOG, first, 2).expect("timestamps");
            let same = [&told[1], &told[0]].map(|told| Some(told.clone()));
            assert_eq!(seen, same, "a reader sees what a writer is told");
            told
        });
        assert!(
            results.iter().all(|told| *told == results[0]),
            "{results:?}"
        );
    }
    model.check(run.store());
}

/// Lets all writers go at the same time, and returns what each was told.
pub(super) fn race<T: Send>(write: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let writers = usize::try_from(WRITERS).expect("a few writers");
    let start = Barrier::new(writers);
    let write_at_once = |writer| {
        start.wait();
        write(writer)
    };
    let write_at_once = &write_at_once;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|writer| scope.spawn(move || write_at_once(writer)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a writer that does not panic"))
            .collect()
    })
}

/// While a writer commits, every head that a reader sees is the end of a record whose rows are all there.
pub(super) fn readers(run: &mut Run) {
    let mut model = Model::new(LOG);
    let mut batches = Vec::new();
    for count in [1, 255, 256, 7, 500, 1, 1, 300, 90, 200, 800, 13] {
        let staged = model.stage(count);
        model.accept(&staged);
        batches.push(staged);
    }
    let ends: Vec<_> = batches.iter().map(|staged| staged.record.size()).collect();
    let (store, done) = (run.store(), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let head = store.head(LOG).expect("a head");
                    assert!(
                        head.size.is_empty() || ends.contains(&head.size),
                        "{} is inside a record",
                        head.size
                    );
                    all_rows(store, &model, head.size.get());
                    whole_terms(store, &ends);
                }
            });
        }
        for staged in &batches {
            store.commit(staged).expect("the next record");
            assert_eq!(
                store.head(LOG).expect("a head").size,
                staged.record.size(),
                "visible when commit returns"
            );
            all_rows(store, &model, staged.record.size().get());
        }
        done.store(true, Ordering::Release);
    });
    run.step();
    model.check(run.store());
}

/// What is found by the term of all entries is the log without a gap up to the end of a record, one that was the head
/// while it was looked for.
fn whole_terms(store: &dyn Store, ends: &[TreeSize]) {
    let size = || store.head(LOG).expect("a head").size;
    let before = size();
    let found = store.find(LOG, &model::shared_term(), Order::OLDEST, usize::MAX);
    let found = found.expect("a readable term");
    let after = size();
    let gapless = (0..found.len()).map(model::index);
    assert!(gapless.eq(found.iter().copied()), "a gap in {found:?}");
    let end = found.last().and_then(|last| last.next());
    let end = end.unwrap_or(LeafIndex::ZERO).as_size_before();
    assert!(
        (before..=after).contains(&end) && (end.is_empty() || ends.contains(&end)),
        "terms end at {end}, the head went from {before} to {after}"
    );
}

/// All rows below `size` are there.
fn all_rows(store: &dyn Store, model: &Model, size: u64) {
    let Some(head) = model
        .records()
        .iter()
        .find(|record| record.size().get() == size)
    else {
        return;
    };
    let last = head.size().last().expect("no record is empty");
    let batch = store
        .batch(LOG, last)
        .expect("a batch")
        .expect("the batch of the last entry");
    assert_eq!((batch.size, batch.root), (head.size(), head.root));
    let hashes: Vec<_> = head.entries.iter().map(|entry| entry.leaf_hash).collect();
    let indexes = store.indexes(LOG, &hashes).expect("indexes");
    assert!(
        indexes.iter().all(Option::is_some),
        "a leaf of a visible record is unknown"
    );
    for (entry, index) in head.entries.iter().zip(indexes).step_by(41) {
        let found = store.find(LOG, &model::own_term(entry), Order::NEWEST, 2);
        assert_eq!(found.ok(), index.map(|index| vec![index]), "its own term");
    }
    let head = crate::Head {
        size: head.size(),
        root: head.root,
        integrated_time: head.integrated_time,
    };
    // Reads the tiles and the last leaves, and compares their root.
    Edge::load(store, LOG, head).expect("the edge of a visible head");
}
