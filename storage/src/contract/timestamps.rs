//! Signatures that are kept beside entries.

use bytes::Bytes;
use treering_tlog::LeafIndex;

use super::model::index;
use super::{Model, Run};
use crate::{LogId, StoreError, TIMESTAMP_LEN_MAX};

const LOG: LogId = LogId(1);

fn kept(run: &Run, log: LogId, from: u64, count: usize) -> Vec<Option<Bytes>> {
    let kept = run.store().timestamps(log, index(from), count);
    kept.expect("readable timestamps")
}

fn keep(run: &Run, log: LogId, all: &[(u64, &'static str)]) -> Result<Vec<Bytes>, StoreError> {
    let pair = |(at, text): &(u64, &'static str)| (index(*at), Bytes::from(*text));
    let all: Vec<_> = all.iter().map(pair).collect();
    run.store().keep_timestamps(log, &all)
}

/// The first one stays and is what everybody is told, over calls, within a call and after the store was closed.
pub(super) fn first_stays(run: &mut Run) {
    let (mut model, mut other) = (Model::new(LOG), Model::new(LogId(2)));
    run.commit(&mut model, 10);
    run.commit(&mut other, 3);
    assert_eq!(kept(run, LOG, 0, 100), vec![None; 10]);
    let some = |text: &'static str| Some(Bytes::from(text));
    assert_eq!(
        keep(run, LOG, &[(4, "a"), (2, "b"), (4, "c"), (9, "")]),
        Ok(["a", "b", "a", ""].map(Bytes::from).to_vec())
    );
    assert_eq!(
        keep(run, LOG, &[(4, "d"), (3, "e"), (9, "f")]),
        Ok(["a", "e", ""].map(Bytes::from).to_vec())
    );
    assert_eq!(keep(run, LOG, &[]), Ok(vec![]));
    for _ in 0..2 {
        let all = [None, None, some("b"), some("e"), some("a")];
        assert_eq!(kept(run, LOG, 0, 5), all);
        assert_eq!(kept(run, LOG, 3, 3), [some("e"), some("a"), None]);
        assert_eq!(kept(run, LOG, 9, 3), [some("")], "an empty one is one");
        assert_eq!(kept(run, LOG, 10, 3), []);
        assert_eq!(kept(run, LOG, 3, 0), []);
        assert_eq!(kept(run, LogId(2), 0, 100), vec![None; 3], "another log");
        assert_eq!(kept(run, LogId(3), 0, 100), [], "a log of nothing");
        run.store().flush().expect("a flush");
        run.subject.reopen();
    }
    assert_eq!(keep(run, LOG, &[(2, "g")]), Ok(vec!["b".into()]));
    // They are no part of what happened.
    model.check(run.store());
    other.check(run.store());
}

/// A call that is refused keeps nothing, and the next commit and the next call are taken.
pub(super) fn refused(run: &mut Run) {
    let mut model = Model::new(LOG);
    run.commit(&mut model, 4);
    let longest = Bytes::from(vec![7; TIMESTAMP_LEN_MAX]);
    let too_long = Bytes::from(vec![7; TIMESTAMP_LEN_MAX + 1]);
    let good = |at: u64| (index(at), Bytes::from("good"));
    for (bad, text) in [
        (
            (index(2), too_long),
            "found 1025, expected at most 1024 bytes",
        ),
        (good(4), "found entry 4, expected an entry below 4"),
        (good(u64::MAX >> 1), "expected an entry below 4"),
    ] {
        let error = run.store().keep_timestamps(LOG, &[good(0), bad]);
        let error = error.expect_err("what cannot be kept");
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(kept(run, LOG, 0, 9), vec![None; 4]);
    }
    let error = keep(run, LogId(2), &[(0, "of a log of nothing")]);
    assert!(
        matches!(error, Err(StoreError::Refused { .. })),
        "{error:?}"
    );
    run.commit(&mut model, 1);
    let all = [(index(1), longest.clone()), good(4)];
    let answer = run.store().keep_timestamps(LOG, &all);
    assert_eq!(answer, Ok(vec![longest.clone(), "good".into()]));
    let expected = [None, Some(longest), None, None, Some("good".into())];
    assert_eq!(kept(run, LOG, 0, 9), expected);
    model.check(run.store());
}

/// Many entries over commits: each answer stands at its entry.
pub(super) fn many(run: &mut Run) {
    let mut model = Model::new(LOG);
    let text = |at: u64| Bytes::from(format!("signature of {at}"));
    for count in [100, 300, 200] {
        let first = model.edge().size().get();
        run.commit(&mut model, count);
        let fresh = (first..).take(count).filter(|at| at % 3 != 0);
        let fresh: Vec<(LeafIndex, Bytes)> = fresh.map(|at| (index(at), text(at))).collect();
        let answer = run.store().keep_timestamps(LOG, &fresh);
        let given = fresh.into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(answer, Ok(given));
        run.store().flush().expect("a flush");
    }
    let expected: Vec<_> = (0..600).map(|at| (at % 3 != 0).then(|| text(at))).collect();
    for (from, count) in [(0, 600), (0, 1), (299, 302), (598, 9), (1, 598)] {
        let at = usize::try_from(from).expect("small");
        let expected: Vec<_> = expected.iter().skip(at).take(count).cloned().collect();
        assert_eq!(kept(run, LOG, from, count), expected, "{count} from {from}");
    }
}
