//! Documents, one caller at a time; many at once in `races`.

pub(super) mod races;

use bytes::Bytes;
use treering_tlog::Hash;

use super::{Model, Run, model};
use crate::apply::stage;
use crate::record::{EnvelopeRef, RecordEntry};
use crate::{Attached, CommitError, Document, Gitoid, Held, LogId, Staged, Store};

const LOG: LogId = LogId(1);

/// A body that is worth packing, and one that is not.
fn body(text: &str) -> Bytes {
    let len = if text.len().is_multiple_of(2) {
        10_000
    } else {
        10
    };
    format!("{text} {}", "z".repeat(len)).into()
}

fn held(body: &Bytes, arrived: u64) -> (Held, EnvelopeRef) {
    let held = Held {
        gitoid: Gitoid::of(body),
        envelope_sha256: Hash::of(body),
        len: body.len() as u64,
        arrived,
        payload_sha256: Hash::of(b"payload"),
        key_ids: vec!["a key".into(), String::new()],
    };
    (held, EnvelopeRef::inline(body.clone()))
}

fn attached(body: &Bytes, log: LogId, at: u64) -> Attached {
    Attached {
        gitoid: Gitoid::of(body),
        envelope_sha256: Hash::of(body),
        log,
        index: model::index(at),
    }
}

/// Holds a body, and returns the row.
fn hold(run: &mut Run, body: &Bytes, arrived: u64) -> Held {
    let (held, body) = held(body, arrived);
    run.store().hold(&held, &body).expect("room");
    run.step();
    held
}

fn attach(run: &mut Run, attached: &Attached, body: Option<&Bytes>) -> Result<(), CommitError> {
    let body = body.map(|body| EnvelopeRef::inline(body.clone()));
    let result = run.store().attach(attached, body.as_ref());
    run.step();
    result
}

/// The next entries of a log, each with this envelope, as a record that says which documents they are.
fn with_envelopes(model: &Model, leaf: &str, bodies: &[&Bytes]) -> Staged {
    let entry = |(at, body): (usize, &&Bytes)| {
        let envelope = EnvelopeRef::inline((*body).clone());
        RecordEntry::new(format!("{leaf} {at}").into(), Some(envelope))
    };
    let entries = bodies.iter().enumerate().map(entry).collect();
    let staged = model.stage_entries(entries);
    let first = staged.record.first.get();
    let own = (first..).zip(bodies);
    let own = own.map(|(at, body)| (Gitoid::of(body), model::index(at)));
    staged.with_documents(own).expect("own envelopes")
}

fn commit(run: &mut Run, model: &mut Model, staged: &Staged) {
    run.store().commit(staged).expect("the next record");
    model.accept(staged);
    run.step();
}

/// Exactly these are held, in this order, and nothing of them is kept.
fn assert_held(store: &dyn Store, expected: &[(&Held, &Bytes)]) {
    let all = expected.iter().map(|(held, _)| (*held).clone()).collect();
    assert_eq!(store.held(), Ok(all), "what is held");
    for (held, body) in expected {
        let document = Document::Held((*held).clone());
        assert_eq!(store.document(held.gitoid), Ok(Some(document)));
        assert_eq!(store.held_body(held.gitoid), Ok(Some((*body).clone())));
        assert_eq!(store.envelope(held.envelope_sha256), Ok(None), "kept");
    }
}

/// This belongs to the entry, is kept and held no longer, and cannot expire.
fn assert_attached(store: &dyn Store, attached: &Attached, body: &Bytes) {
    let document = Document::Attached(*attached);
    assert_eq!(store.document(attached.gitoid), Ok(Some(document)));
    assert_is_of(store, attached);
    assert_eq!(store.held_body(attached.gitoid), Ok(None));
    let kept = store.envelope(attached.envelope_sha256);
    assert_eq!(kept, Ok(Some(body.clone())), "the kept body");
    assert_eq!(store.expire(attached.gitoid), Ok(false));
}

/// It is one of the documents of its entry.
fn assert_is_of(store: &dyn Store, attached: &Attached) {
    let of_entry = store.attachments(attached.log, attached.index);
    let of_entry = of_entry.expect("documents of an entry");
    assert!(of_entry.contains(attached), "{attached:?} in {of_entry:?}");
}

/// Nothing is known of these bytes.
fn assert_unknown(store: &dyn Store, body: &Bytes) {
    let gitoid = Gitoid::of(body);
    assert_eq!(store.document(gitoid), Ok(None));
    assert_eq!(store.held_body(gitoid), Ok(None));
}

#[track_caller]
fn assert_missing(result: Result<(), CommitError>, what: &str) {
    let error = result.expect_err("something is missing");
    assert!(matches!(error, CommitError::Missing { .. }), "{error:?}");
    assert!(error.nothing_landed() && !error.is_final());
    assert!(error.to_string().contains(what), "{error} lacks {what}");
}

/// Held until it expires: once, the oldest first, apart from what is kept.
pub(super) fn holds(run: &mut Run) {
    let bodies = ["one", "two.", "three", "four"].map(body);
    let [one, two, three, four] = &bodies;
    assert_held(run.store(), &[]);
    let first = hold(run, one, 30);
    let second = hold(run, two, 10);
    let third = hold(run, three, 20);
    let all = [(&second, two), (&third, three), (&first, one)];
    for _ in 0..2 {
        assert_held(run.store(), &all);
        assert_unknown(run.store(), four);
        // The same again is nothing new.
        hold(run, two, 99);
        assert_held(run.store(), &all);
        run.subject.reopen();
    }
    assert_eq!(run.store().expire(Gitoid::of(four)), Ok(false));
    for expired in [true, false] {
        assert_eq!(run.store().expire(third.gitoid), Ok(expired));
        run.step();
        assert_held(run.store(), &[(&second, two), (&first, one)]);
        assert_unknown(run.store(), three);
        run.subject.reopen();
    }
    let again = hold(run, three, 5);
    assert_held(
        run.store(),
        &[(&again, three), (&second, two), (&first, one)],
    );
    let (other, _) = held(four, 1);
    let wrong = EnvelopeRef::inline(one.clone());
    assert_missing(run.store().hold(&other, &wrong), "the body");
    assert_unknown(run.store(), four);
    Model::new(LOG).check(run.store());
}

/// In the order of their addresses where they came in one second; rows of any size come back as they were.
pub(super) fn many(run: &mut Run) {
    let mut all: Vec<_> = (0..40_u64)
        .map(|at| {
            let bytes = body(&format!("{at:02}{}", "x".repeat(usize::from(at % 3 == 0))));
            let (mut held, envelope) = held(&bytes, at / 8);
            held.key_ids = (0..at % 5).map(|id| format!("key {id}")).collect();
            run.store().hold(&held, &envelope).expect("room");
            (held, bytes)
        })
        .collect();
    run.step();
    all.sort_by_key(|(held, _)| (held.arrived, held.gitoid));
    let expected: Vec<_> = all.iter().map(|(held, body)| (held, body)).collect();
    assert_held(run.store(), &expected);
    for (held, _) in expected.iter().step_by(2) {
        assert_eq!(run.store().expire(held.gitoid), Ok(true));
    }
    run.subject.reopen();
    let left: Vec<_> = expected.into_iter().skip(1).step_by(2).collect();
    assert_held(run.store(), &left);
}

/// From held to attached without the body, and attached at once with it; both stay so.
pub(super) fn attaches(run: &mut Run) {
    let mut model = Model::new(LOG);
    run.commit(&mut model, 300);
    let bodies = ["one", "two.", "three", "four", "five"].map(body);
    let [one, two, three, four, five] = &bodies;
    hold(run, one, 1);
    hold(run, two, 2);
    let third = hold(run, three, 3);
    let rows = [(one, 255), (two, 0), (four, 0)].map(|(body, at)| attached(body, LOG, at));
    let [first, second, fourth] = &rows;
    for _ in 0..2 {
        attach(run, first, None).expect("a held body");
        attach(run, second, Some(two)).expect("a held body, given too");
        attach(run, fourth, Some(four)).expect("a given body");
        attach(run, fourth, None).expect("the same again");
        // Held again: it stays what it is.
        hold(run, one, 9);
        for (row, body) in rows.iter().zip([one, two, four]) {
            assert_attached(run.store(), row, body);
        }
        assert_held(run.store(), &[(&third, three)]);
        let mut of_first = vec![*second, *fourth];
        of_first.sort_by_key(|row| row.gitoid);
        let found = |at| run.store().attachments(LOG, model::index(at));
        assert_eq!(found(0), Ok(of_first), "by gitoid");
        assert_eq!(found(255), Ok(vec![*first]));
        for other in [1, 254, 256, 299, 300] {
            assert_eq!(found(other), Ok(vec![]), "entry {other}");
        }
        assert_eq!(run.store().attachments(LogId(0), first.index), Ok(vec![]));
        run.subject.reopen();
    }
    // Nothing of what is refused is there.
    let entry = "entry 300 of log 1";
    assert_missing(attach(run, &attached(five, LOG, 300), Some(five)), entry);
    assert_missing(attach(run, &attached(three, LogId(2), 0), None), "log 2");
    assert_missing(attach(run, &attached(five, LOG, 0), None), "the body");
    let other = attached(five, LOG, 0);
    assert_missing(attach(run, &other, Some(four)), "the body");
    assert_unknown(run.store(), five);
    assert_eq!(run.store().envelope(Hash::of(five)), Ok(None));
    assert_held(run.store(), &[(&third, three)]);
    run.commit(&mut model, 5);
    assert_eq!(run.store().attachments(LOG, model::index(300)), Ok(vec![]));
    model.check(run.store());
}

/// A gitoid names the entry that it was attached to first, and is a document of every one that it was attached to.
pub(super) fn first_entry_stays(run: &mut Run) {
    let (mut model, mut other) = (Model::new(LOG), Model::new(LogId(256)));
    run.commit(&mut model, 3);
    run.commit(&mut other, 3);
    let bodies = ["one", "two."].map(body);
    let [one, two] = &bodies;
    let first = attached(one, LogId(256), 2);
    attach(run, &first, Some(one)).expect("a given body");
    let by_call = attached(one, LOG, 1);
    attach(run, &by_call, None).expect("a kept body");
    // The own envelope of two more entries, and another one of two entries of one record.
    let staged = with_envelopes(&model, "late", &[one, two, one, two]);
    commit(run, &mut model, &staged);
    for _ in 0..2 {
        assert_attached(run.store(), &first, one);
        assert_attached(run.store(), &attached(two, LOG, 4), two);
        assert_is_of(run.store(), &by_call);
        for (at, body) in (3..).zip([one, two, one, two]) {
            let found = run.store().attachments(LOG, model::index(at));
            assert_eq!(found, Ok(vec![attached(body, LOG, at)]));
        }
        run.subject.reopen();
    }
    model.check(run.store());
    other.check(run.store());
}

/// The record of a held envelope releases it, in the same step; so does its second entry, and no other.
pub(super) fn commit_releases(run: &mut Run) {
    let mut model = Model::new(LOG);
    run.commit(&mut model, 2);
    let bodies = ["one", "two.", "three", "four"].map(body);
    let [one, two, three, four] = &bodies;
    hold(run, one, 1);
    let second = hold(run, two, 2);
    hold(run, three, 3);
    let staged = with_envelopes(&model, "known now", &[three, four, one]);
    commit(run, &mut model, &staged);
    for _ in 0..2 {
        for (at, body) in (2..).zip([three, four, one]) {
            assert_attached(run.store(), &attached(body, LOG, at), body);
        }
        assert_held(run.store(), &[(&second, two)]);
        hold(run, three, 8);
        run.subject.reopen();
    }
    model.check(run.store());
    // What a journal gives back says nothing of documents, and can be given them again.
    let record = run.store().record(LOG, staged.record.first);
    assert_eq!(record, Ok(Some(staged.record)));
}

/// Neither a record that is refused nor one without documents touches what is held.
pub(super) fn refused_record_releases_nothing(run: &mut Run) {
    let mut model = Model::new(LOG);
    let bodies = ["one", "two."].map(body);
    let [one, two] = &bodies;
    let first = hold(run, one, 1);
    let second = hold(run, two, 2);
    let refused = with_envelopes(&model, "refused", &[one]);
    run.commit(&mut model, 4);
    let error = run.store().commit(&refused).expect_err("a taken index");
    assert!(matches!(error, CommitError::Conflict { .. }), "{error}");
    run.step();
    assert_held(run.store(), &[(&first, one), (&second, two)]);
    assert_eq!(run.store().attachments(LOG, model::index(0)), Ok(vec![]));
    // Logged by another way, which does not tell of the gitoid: the two bodies are apart.
    let entry = RecordEntry::new("leaf".into(), Some(EnvelopeRef::inline(one.clone())));
    let staged = stage(model.edge(), LOG, 0, vec![entry]);
    run.store().commit(&staged).expect("the next record");
    run.step();
    let kept = run.store().envelope(first.envelope_sha256);
    assert_eq!(kept, Ok(Some(one.clone())));
    assert_eq!(run.store().held().map(|all| all.len()), Ok(2));
    assert_eq!(run.store().expire(first.gitoid), Ok(true));
    run.subject.reopen();
    assert_unknown(run.store(), one);
    let kept = run.store().envelope(first.envelope_sha256);
    assert_eq!(kept, Ok(Some(one.clone())), "not the held body");
    // Its row can be made from the log.
    let own = attached(one, LOG, 4);
    attach(run, &own, None).expect("a kept body");
    assert_attached(run.store(), &own, one);
    assert_held(run.store(), &[(&second, two)]);
}
