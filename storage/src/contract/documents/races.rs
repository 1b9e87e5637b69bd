//! Documents that many callers change at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;

use super::{
    LOG, assert_attached, assert_held, assert_unknown, attached, body, held, hold, with_envelopes,
};
use crate::contract::races::race;
use crate::contract::{Model, Run};
use crate::record::EnvelopeRef;
use crate::{CommitError, Document, Gitoid, Store};

/// Each is on a new document, and a restart.
const ROUNDS: u64 = 4;

/// Of many who hold the same bytes one is first; all of them succeed.
pub(in crate::contract) fn holders(run: &mut Run) {
    for round in 0..ROUNDS {
        let bytes = body(&format!("held in round {round}"));
        let store = run.store();
        let results = race(|writer| {
            let (row, body) = held(&bytes, 100 + writer as u64);
            store.hold(&row, &body).expect("room");
            store.held().expect("what is held")
        });
        assert_eq!(results[0].len(), 1);
        assert!(
            results.iter().all(|seen| *seen == results[0]),
            "{results:?}"
        );
        let arrived = results[0][0].arrived;
        assert!((100..108).contains(&arrived), "{arrived}");
        run.step();
        let (first, _) = held(&bytes, arrived);
        assert_held(run.store(), &[(&first, &bytes)]);
        assert_eq!(run.store().expire(first.gitoid), Ok(true));
    }
}

/// Whoever holds, attaches and expires the same bytes at once: they are attached in the end, whatever came first.
pub(in crate::contract) fn holders_and_attachers(run: &mut Run) {
    let mut model = Model::new(LOG);
    run.commit(&mut model, 1);
    for round in 0..ROUNDS {
        let bytes = body(&format!("attached in round {round}"));
        let (row, own) = (attached(&bytes, LOG, 0), EnvelopeRef::inline(bytes.clone()));
        let store = run.store();
        race(|writer| match writer % 4 {
            0 => store.attach(&row, Some(&own)).expect("a given body"),
            1 => drop(store.expire(row.gitoid).expect("room")),
            _ => {
                let (held, body) = held(&bytes, 1);
                store.hold(&held, &body).expect("room");
                let document = store.document(row.gitoid).expect("a document");
                let expired = document.is_none();
                assert!(
                    expired || document_is(document.as_ref(), &bytes),
                    "{document:?}"
                );
            }
        });
        run.step();
        assert_attached(run.store(), &row, &bytes);
        assert_held(run.store(), &[]);
    }
    model.check(run.store());
}

/// Whether it is one of these bytes.
fn document_is(document: Option<&Document>, body: &Bytes) -> bool {
    let gitoid = document.map(|document| match document {
        Document::Attached(attached) => attached.gitoid,
        Document::Held(held) => held.gitoid,
    });
    gitoid == Some(Gitoid::of(body))
}

/// Of one who attaches what is held and one who lets it expire exactly one gets it.
pub(in crate::contract) fn attachers_and_expiry(run: &mut Run) {
    let mut model = Model::new(LOG);
    run.commit(&mut model, 1);
    for round in 0..ROUNDS {
        let bytes = body(&format!("fought over in round {round}"));
        let row = attached(&bytes, LOG, 0);
        hold(run, &bytes, round);
        let store = run.store();
        let results = race(|writer| match writer % 2 {
            0 => match store.attach(&row, None) {
                Ok(()) => "attached",
                Err(CommitError::Missing { .. }) => "came too late",
                Err(other) => panic!("{other}"),
            },
            _ => match store.expire(row.gitoid).expect("room") {
                true => "expired",
                false => "nothing there",
            },
        });
        run.step();
        let count = |what| results.iter().filter(|result| **result == what).count();
        match count("expired") {
            0 => {
                assert_eq!(count("attached"), results.len() / 2, "{results:?}");
                assert_attached(run.store(), &row, &bytes);
            }
            one => {
                assert_eq!((one, count("attached")), (1, 0), "{results:?}");
                assert_unknown(run.store(), &bytes);
                let kept = run.store().envelope(row.envelope_sha256);
                assert_eq!(kept, Ok(None));
            }
        }
        assert_held(run.store(), &[]);
    }
}

/// While records release what is held, a reader sees each as held or as attached, never as unknown and never back; and
/// what is held and let go again as a whole or not at all.
pub(in crate::contract) fn readers(run: &mut Run) {
    let mut model = Model::new(LOG);
    let bodies: Vec<_> = (0..15).map(|at| body(&format!("released {at}"))).collect();
    for body in &bodies {
        hold(run, body, 1);
    }
    let (store, done) = (run.store(), AtomicBool::new(false));
    let (has_read, first_reads) = mpsc::channel();
    thread::scope(|scope| {
        let (bodies, done) = (&bodies, &done);
        for _ in 0..2 {
            let has_read = has_read.clone();
            scope.spawn(move || {
                let mut released = read_all(store, bodies, 0);
                assert_eq!(released, 0, "nothing was committed");
                drop(has_read);
                while !done.load(Ordering::Acquire) {
                    released = read_all(store, bodies, released);
                }
            });
        }
        scope.spawn(|| come_and_go(store, done));
        drop(has_read);
        // Nothing is ever sent: it ends when both have read, or one has failed.
        first_reads.iter().for_each(|()| ());
        for (at, body) in bodies.iter().enumerate() {
            let staged = with_envelopes(&model, &format!("leaf {at}"), &[body]);
            store.commit(&staged).expect("the next record");
            model.accept(&staged);
        }
        done.store(true, Ordering::Release);
    });
    run.step();
    assert_eq!(read_all(run.store(), &bodies, 0), bodies.len());
    model.check(run.store());
}

/// Reads all from the first that was held on, and returns how many are attached: the first ones, as they are released in
/// that order.
fn read_all(store: &dyn Store, bodies: &[Bytes], released: usize) -> usize {
    let mut now = released;
    for (at, body) in bodies.iter().enumerate() {
        let document = store.document(Gitoid::of(body)).expect("a document");
        match document.expect("held or attached") {
            Document::Attached(found) => {
                assert_eq!(found, attached(body, LOG, at as u64));
                let head = store.head(LOG).expect("a head");
                assert!(head.size.contains(found.index), "before its entry");
                now = now.max(at + 1);
            }
            Document::Held(_) => assert!(at >= released, "{at} was attached before"),
        }
        let held = store.held_body(Gitoid::of(body)).expect("a body");
        assert!(held.is_none_or(|held| held == *body));
    }
    now
}

/// Holds a document and lets it expire, while another thread reads it.
fn come_and_go(store: &dyn Store, done: &AtomicBool) {
    let bytes = body("comes and goes");
    let (row, own) = held(&bytes, 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let found = store.held_body(row.gitoid).expect("a body or none");
                assert!(found.is_none_or(|found| found == bytes));
            }
        });
        while !done.load(Ordering::Acquire) {
            store.hold(&row, &own).expect("room");
            assert_eq!(store.expire(row.gitoid), Ok(true));
        }
    });
}
