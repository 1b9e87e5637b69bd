//! What entries are found by.

use super::{Model, Run, model};
use crate::apply::stage;
use crate::{CommitError, LogId, Order, StoreError, Term};

const LOG: LogId = LogId(1);

/// A term and where it is found, newest first.
fn newest(run: &Run, log: LogId, term: &Term) -> Vec<u64> {
    let found = run.store().find(log, term, Order::NEWEST, usize::MAX);
    let found = found.expect("a readable term");
    found.into_iter().map(|index| index.get()).collect()
}

/// One term over many batches and tables: every page of every size, both ways, and an entry that has two terms.
pub(super) fn pages(run: &mut Run) {
    let mut model = Model::new(LOG);
    for count in [1, 2, 300, 7, 90] {
        run.commit(&mut model, count);
    }
    let all = model::shared_term();
    let expected: Vec<u64> = (0..400).collect();
    for limit in [1, 2, 7, 399, 400, 401] {
        let mut pages = Vec::new();
        let mut order = Order::OLDEST;
        loop {
            let found = run.store().find(LOG, &all, order, limit).expect("a page");
            assert!(found.len() <= limit, "{limit} and not {}", found.len());
            let Some(last) = found.last() else { break };
            order = Order::OldestFrom(last.next().expect("a small index"));
            pages.extend(found.iter().map(|index| index.get()));
        }
        assert_eq!(pages, expected, "oldest first, {limit} a page");
        let mut pages = Vec::new();
        let mut from = Some(model::index(400));
        while let Some(last) = from {
            let order = Order::NewestFrom(last);
            let found = run.store().find(LOG, &all, order, limit).expect("a page");
            assert_eq!(found.len(), limit.min(400 - pages.len()));
            from = found
                .last()
                .and_then(|last| last.get().checked_sub(1))
                .and_then(treering_tlog::LeafIndex::new);
            pages.extend(found.iter().map(|index| index.get()));
        }
        pages.reverse();
        assert_eq!(pages, expected, "newest first, {limit} a page");
    }
    model.check(run.store());
}

/// The same term in two logs and the same text in two classes are apart.
pub(super) fn apart(run: &mut Run) {
    let logs = [LogId(0), LogId(1), LogId(256), LogId(u32::MAX)];
    let (one, two) = (Term::new(1, "same"), Term::new(2, "same"));
    for (log, indexes) in logs.into_iter().zip([[0, 3], [1, 2], [0, 1], [2, 3]]) {
        let entries = model::entries(log, 0, 4);
        let terms = indexes.map(|index| (one, model::index(index)));
        let staged = stage(&crate::Edge::new(), log, 0, entries);
        let staged = staged.with_terms(terms).expect("terms of the record");
        run.store().commit(&staged).expect("the first record");
        run.step();
    }
    for (log, indexes) in logs.into_iter().zip([[3, 0], [2, 1], [1, 0], [3, 2]]) {
        assert_eq!(newest(run, log, &one), indexes, "log {}", log.0);
        assert_eq!(newest(run, log, &two), [0; 0], "another class");
    }
    assert_eq!(newest(run, LogId(2), &one), [0; 0], "a log of nothing");
    for edge in [[0; Term::LEN], [255; Term::LEN]].map(Term::from_bytes) {
        assert_eq!(newest(run, LogId(1), &edge), [0; 0]);
    }
}

/// Nothing of a record that was refused is found, before and after the log has grown over its indexes.
pub(super) fn refused(run: &mut Run) {
    let mut model = Model::new(LOG);
    run.commit(&mut model, 5);
    let term = Term::new(1, "of the refused");
    let mut ahead = model.clone();
    ahead.accept(&ahead.stage(1));
    for first in [&Model::new(LOG), &ahead] {
        let staged = stage(first.edge(), LOG, 0, model::entries(LogId(7), 0, 3));
        let terms = (0..3).map(|at| (term, model::index(first.edge().size().get() + at)));
        let staged = staged.with_terms(terms).expect("terms of the record");
        let error = run
            .store()
            .commit(&staged)
            .expect_err("not the next record");
        assert!(matches!(error, CommitError::Conflict { .. }), "{error}");
        run.step();
        assert_eq!(newest(run, LOG, &term), [0; 0]);
    }
    run.commit(&mut model, 20);
    assert_eq!(newest(run, LOG, &term), [0; 0]);
    model.check(run.store());
}

/// A rebuild: records whose terms were not staged get them in chunks, twice, in any order; none beyond the head.
pub(super) fn rebuilt(run: &mut Run) {
    let mut model = Model::new(LOG);
    let mut terms = Vec::new();
    for count in [3, 200, 60] {
        let staged = model.stage(count);
        let bare = staged.clone().with_terms([]).expect("none");
        run.store().commit(&bare).expect("the next record");
        model.accept(&staged);
        run.step();
        terms.extend(staged.rows.terms);
    }
    assert_eq!(newest(run, LOG, &model::shared_term()), [0; 0]);
    let chunks = || terms.chunks(100).rev().chain(terms.chunks(64));
    for chunk in chunks() {
        run.store().put_terms(LOG, chunk).expect("terms of entries");
    }
    run.store().put_terms(LOG, &[]).expect("nothing to do");
    model.check(run.store());
    run.store().flush().expect("a flush");
    run.subject.reopen();
    model.check(run.store());
    let late = Term::new(1, "late");
    for beyond in [263, 264] {
        let error = run
            .store()
            .put_terms(
                LOG,
                &[(late, model::index(1)), (late, model::index(beyond))],
            )
            .expect_err("an entry that is not there");
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        let text = format!("found entry {beyond}, expected an entry below 263");
        assert!(error.to_string().contains(&text), "{error}");
    }
    run.commit(&mut model, 5);
    assert_eq!(newest(run, LOG, &late), [0; 0]);
    model.check(run.store());
}
