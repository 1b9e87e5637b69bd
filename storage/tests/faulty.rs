//! Injected faults do what they say: lost, kept, full; once or always.

use treering_storage::contract::Model;
use treering_storage::faulty::{Counts, Fault, Faulty};
use treering_storage::memory::MemoryStore;
use treering_storage::{CommitError, Event, Journal, LogId, Order, StoreError, Term, View};
use treering_tlog::{Hash, LeafIndex, TreeSize};

const LOG: LogId = LogId(1);

#[test]
fn each_fault_leaves_what_it_says() {
    for (fault, landed) in [
        (Fault::Lost, false),
        (Fault::Kept, true),
        (Fault::Full, false),
    ] {
        let store = Faulty::new(MemoryStore::new());
        let mut model = Model::new(LOG);
        store.fail_commit(fault);
        let staged = model.stage(3);
        let error = store.commit(&staged).unwrap_err();
        assert_eq!(
            matches!(error, CommitError::Full { .. }),
            fault == Fault::Full,
            "{error:?}"
        );
        assert_eq!(error.nothing_landed(), fault == Fault::Full);
        if landed {
            model.accept(&staged);
        }
        model.check(&store);
        // Once only.
        let staged = model.stage(2);
        store.commit(&staged).unwrap();
        model.accept(&staged);
        model.check(store.inner());
        assert_eq!(store.counts().commits, 2);
    }
}

#[test]
fn faults_stay_until_healed() {
    let store = Faulty::new(MemoryStore::new());
    let model = Model::new(LOG);
    store.fail_commits(Fault::Full);
    store.fail_reads(true);
    for _ in 0..3 {
        assert!(matches!(
            store.commit(&model.stage(1)),
            Err(CommitError::Full { .. })
        ));
        assert!(matches!(
            store.head(LOG),
            Err(StoreError::Unavailable { .. })
        ));
        assert!(matches!(
            store.indexes(LOG, &[Hash::of(b"")]),
            Err(StoreError::Unavailable { .. })
        ));
    }
    store.heal();
    store.commit(&model.stage(1)).unwrap();
    assert_eq!(store.head(LOG).unwrap().size.get(), 1);
    assert_eq!(
        store.counts(),
        Counts {
            commits: 4,
            events: 0,
            documents: 0,
            reads: 7
        }
    );
}

#[test]
fn events_fail_by_themselves() {
    let store = Faulty::new(MemoryStore::new());
    let event = Event::LogFrozen {
        id: LOG,
        size: TreeSize::ZERO,
        successor: None,
        mark: None,
        at: 1,
    };
    store.fail_event(Fault::Lost);
    store.commit(&Model::new(LOG).stage(1)).unwrap();
    assert!(matches!(
        store.append_event(0, &event),
        Err(CommitError::Unknown { .. })
    ));
    assert_eq!(store.events(), Ok(vec![]));
    store.fail_event(Fault::Kept);
    assert!(matches!(
        store.append_event(0, &event),
        Err(CommitError::Unknown { .. })
    ));
    assert_eq!(store.events(), Ok(vec![event.clone()]));
    store.append_event(1, &event).unwrap();
    assert_eq!(store.counts().events, 3);
}

/// Rows that come after their record can fail without harm to the next commit, and without a trace.
#[test]
fn late_rows_fail_by_themselves() {
    let store = Faulty::new(MemoryStore::new());
    let mut model = Model::new(LOG);
    let (term, first) = (Term::new(1, "late"), LeafIndex::ZERO);
    let late = || {
        let kept = store.keep_timestamps(LOG, &[(first, "signature".into())]);
        let put = store.put_terms(LOG, &[(term, first)]);
        [kept.map(|_| ()), put, store.flush()]
    };
    let found = || {
        let found = store.find(LOG, &term, Order::OLDEST, 9).unwrap().len();
        let kept = store.timestamps(LOG, first, 1).unwrap();
        (found, kept.into_iter().flatten().count())
    };
    for fail in [true, false] {
        store.fail_late_rows(fail);
        let staged = model.stage(3);
        store.commit(&staged).unwrap();
        model.accept(&staged);
        for result in late() {
            let failed = matches!(result, Err(StoreError::Unavailable { .. }));
            assert_eq!((failed, result.is_ok()), (fail, !fail), "{result:?}");
        }
        assert_eq!(found(), if fail { (0, 0) } else { (1, 1) });
        model.check(&store);
    }
}
