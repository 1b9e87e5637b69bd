//! One caller at a time.

use std::collections::HashSet;

use bytes::Bytes;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::{Model, Run, model};
use crate::record::{EnvelopeRef, RecordEntry};
use crate::{CommitError, Event, Head, LogId};

const LOG: LogId = LogId(1);

pub(super) fn empty(run: &mut Run) {
    for _ in 0..2 {
        Model::new(LOG).check(run.store());
        assert_eq!(run.store().events(), Ok(vec![]));
        assert_eq!(run.store().envelope(Hash::of(b"none")), Ok(None));
        let head = Head {
            size: TreeSize::ZERO,
            root: Hash::empty_root(),
            integrated_time: 0,
        };
        assert_eq!(run.store().head(LogId(u32::MAX)), Ok(head));
        run.subject.reopen();
    }
}

/// Batches that end before, at and behind the ends of tiles; nothing of an earlier one changes.
pub(super) fn grows(run: &mut Run) {
    let mut model = Model::new(LOG);
    for count in [1, 2, 252, 1, 1, 300, 212, 256, 600] {
        run.commit(&mut model, count);
        model.check(run.store());
    }
    run.subject.reopen();
    model.check(run.store());
    run.commit(&mut model, 3);
    model.check(run.store());
    assert!(run.store().size_on_disk().expect("a size") > 0);
}

pub(super) fn logs_are_apart(run: &mut Run) {
    let mut models = [LogId(0), LogId(1), LogId(256), LogId(u32::MAX)].map(Model::new);
    for count in [3, 260] {
        for model in &mut models {
            run.commit(
                model,
                count + usize::try_from(model.log().0 % 5).expect("small"),
            );
        }
    }
    for model in &models {
        model.check(run.store());
        let of_another = Hash::leaf(&model::entries(LogId(7), 0, 1)[0].leaf);
        assert_eq!(
            run.store().indexes(model.log(), &[of_another]),
            Ok(vec![None])
        );
    }
}

/// A record that starts behind, before or at another than the end is refused and leaves no trace.
pub(super) fn conflict(run: &mut Run) {
    let mut model = Model::new(LOG);
    let at_start = model.stage(2);
    run.commit(&mut model, 5);
    let at_end = model.stage(4);
    run.commit(&mut model, 1);
    let mut ahead = model.clone();
    ahead.accept(&model.stage(1));
    let ahead = ahead.stage(1);
    for (staged, found) in [(&at_start, 0), (&at_end, 5), (&ahead, 7)] {
        let error = run
            .store()
            .commit(staged)
            .expect_err("a record that does not follow");
        assert_eq!(error, CommitError::Conflict { expected: 6, found });
        assert!(error.nothing_landed() && error.is_final());
        run.step();
        model.check(run.store());
    }
    run.commit(&mut model, 2);
    model.check(run.store());
}

/// A batch without entries is no record.
pub(super) fn nothing(run: &mut Run) {
    let mut model = Model::new(LOG);
    for _ in 0..2 {
        run.store().commit(&model.stage(0)).expect("nothing to do");
        run.step();
        model.check(run.store());
        run.commit(&mut model, 1);
    }
    model.check(run.store());
}

pub(super) fn dedup(run: &mut Run) {
    let mut model = Model::new(LOG);
    run.commit(&mut model, 40);
    let entries = model::entries(LOG, 0, 41);
    let hashes: Vec<_> = entries.iter().map(|entry| entry.leaf_hash).collect();
    let index = |at: u64| LeafIndex::new(at);
    let asked = [
        hashes[39],
        hashes[40],
        hashes[0],
        hashes[39],
        Hash::new([0; 32]),
        Hash::new([255; 32]),
    ];
    let answers = vec![index(39), None, index(0), index(39), None, None];
    assert_eq!(run.store().indexes(LOG, &asked), Ok(answers));
    assert_eq!(
        run.store().indexes(LogId(2), &asked),
        Ok(vec![None; 6]),
        "another log"
    );
    assert_eq!(run.store().indexes(LOG, &[]), Ok(vec![]));
    // Hashes that differ from a stored one in a single bit.
    let near = |bit: usize| {
        let mut bytes = *hashes[0].as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        Hash::new(bytes)
    };
    let near: Vec<_> = (0..256).map(near).collect();
    assert_eq!(run.store().indexes(LOG, &near), Ok(vec![None; 256]));
}

/// Bodies of all kinds come back byte for byte, with the record and by themselves.
pub(super) fn envelopes(run: &mut Run) {
    let random = (0..20_000_u32)
        .flat_map(|at| *Hash::of(&at.to_be_bytes()).as_bytes())
        .take(200_000);
    let bodies: Vec<Bytes> = vec![
        Bytes::new(),
        Bytes::from_static(b"{}"),
        vec![b' '; 100_000].into(),
        random.collect::<Vec<_>>().into(),
    ];
    let mut entries: Vec<_> = (0_u8..)
        .zip(&bodies)
        .map(|(at, body)| entry(at, EnvelopeRef::inline(body.clone())))
        .collect();
    entries.push(entry(100, EnvelopeRef::inline(bodies[1].clone())));
    let spooled = EnvelopeRef::Spooled {
        sha256: Hash::of(b"in a file"),
        len: 9,
    };
    entries.push(entry(101, spooled));
    let mut model = Model::new(LOG);
    let staged = model.stage_entries(entries);
    run.store().commit(&staged).expect("the first record");
    model.accept(&staged);
    run.step();
    model.check(run.store());
    let addresses: HashSet<_> = bodies.iter().map(|body| Hash::of(body)).collect();
    assert_eq!(addresses.len(), bodies.len(), "the bodies differ");
}

fn entry(leaf: u8, envelope: EnvelopeRef) -> RecordEntry {
    RecordEntry::new(Bytes::copy_from_slice(&[leaf]), Some(envelope))
}

pub(super) fn events(run: &mut Run) {
    let all = [
        added(1, "rekor-v1"),
        added(2, "rekor-v2"),
        frozen(1, Some("rekor-v1b"), None),
        frozen(2, None, Some("Log frozen \u{2014} today")),
    ];
    for (number, event) in (0..).zip(&all) {
        for (wrong, expected) in [(number + 1, number), (u64::MAX, number)] {
            let error = run
                .store()
                .append_event(wrong, event)
                .expect_err("a number that does not follow");
            assert_eq!(
                error,
                CommitError::Conflict {
                    expected,
                    found: wrong
                }
            );
        }
        run.store()
            .append_event(number, event)
            .expect("the next event");
        run.step();
        let again = run
            .store()
            .append_event(number, event)
            .expect_err("a number that is taken");
        assert_eq!(
            again,
            CommitError::Conflict {
                expected: number + 1,
                found: number
            }
        );
    }
    run.subject.reopen();
    assert_eq!(run.store().events(), Ok(all.to_vec()));
}

pub(super) fn added(id: u32, name: &str) -> Event {
    let origin = format!("log.example.org/logs/{name}");
    Event::LogAdded {
        id: LogId(id),
        name: name.into(),
        dialect: "rekor-v1".into(),
        origin,
        created: 1_700_000_000,
    }
}

fn frozen(id: u32, successor: Option<&str>, mark: Option<&str>) -> Event {
    let size = TreeSize::new(1 << 40).expect("a size");
    Event::LogFrozen {
        id: LogId(id),
        size,
        successor: successor.map(str::to_owned),
        mark: mark.map(str::to_owned),
        at: 1_800_000_000,
    }
}
