//! `submit --mode rekor-v2`.

use serde_json::Value;

use crate::fake::{Fault, Server, start};
use crate::{Ended, loadtest};

fn submit(server: &Server, args: &[&str]) -> Ended {
    let vkey = server.fake.vkey();
    let common = [
        "submit",
        "--mode",
        "rekor-v2",
        "--url",
        &server.url,
        "--vkey",
        &vkey,
        "-o",
        "json",
        "--bytes",
        "512",
        "--connections",
        "4",
    ];
    loadtest(&[&common, args].concat())
}

#[test]
fn every_hashedrekord_gets_in_and_every_proof_verifies() {
    let server = start(Fault::None, 3);
    for (seed, pace) in [("1", "max"), ("2", "400")] {
        let args = [
            "--seed", seed, "--rate", pace, "--count", "100", "--verify", "1",
        ];
        let ended = submit(&server, &args);
        let report = ended.report();
        assert_eq!(ended.code, 0, "{pace}: {report}");
        assert_eq!(report["mode"], "rekor-v2");
        for (field, expected) in [
            ("served", 100),
            ("requests", 100),
            ("verified", 100),
            ("wrong", 0),
            ("failed", 0),
            ("duplicates", 0),
        ] {
            assert_eq!(report[field], expected, "{pace}, {field}: {report}");
        }
        assert_eq!(report["latency"]["count"], 100, "{pace}: {report}");
    }
    assert_eq!(server.fake.size(), 203);
}

#[test]
fn lies_are_found_and_end_with_status_1() {
    for (fault, message) in [
        (Fault::Proof(5), "inclusion"),
        (Fault::Leaf(5), "expected leaf hash"),
        (Fault::Signature(5), "checkpoint"),
        (Fault::LogId(5), "expected log id"),
        (Fault::Root(5), "expected root hash"),
    ] {
        let server = start(fault, 0);
        let ended = submit(&server, &["--count", "20", "--verify", "1"]);
        let report = ended.report();
        assert_eq!(ended.code, 1, "{fault:?}: {report}");
        assert_eq!(
            (&report["wrong"], &report["verified"]),
            (&Value::from(1), &Value::from(19)),
            "{fault:?}: {report}"
        );
        let found = report["wrongMessages"][0].as_str().unwrap();
        assert!(found.contains(message), "{fault:?}: {found}");
    }
}

#[test]
fn the_same_seed_again_is_refused_and_ends_with_status_3() {
    let server = start(Fault::None, 0);
    assert_eq!(submit(&server, &["--count", "30"]).code, 0);
    let ended = submit(&server, &["--count", "30"]);
    let report = ended.report();
    assert_eq!(
        (ended.code, &report["failures"]["AlreadyExists (409)"]),
        (3, &Value::from(30)),
        "{report}"
    );
    assert_eq!(report["served"], 0, "{report}");
    assert_eq!(submit(&server, &["--count", "30", "--seed", "2"]).code, 0);
}

#[test]
fn refusals_are_failures_and_closed_connections_are_not() {
    let busy = submit(&start(Fault::Busy, 0), &["--count", "40", "--verify", "1"]);
    let report = busy.report();
    assert_eq!(busy.code, 3, "{report}");
    assert_eq!(report["failures"]["Unavailable (503)"], 20, "{report}");
    assert_eq!(report["verified"], 20, "{report}");

    let closing = submit(&start(Fault::Close, 0), &["--count", "40", "--verify", "1"]);
    let report = closing.report();
    assert_eq!(
        (closing.code, &report["served"], &report["failed"]),
        (0, &Value::from(40), &Value::from(0)),
        "{report}"
    );
}

#[test]
fn the_corpus_of_the_other_modes_serves_this_one_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("corpus");
    let file = path.to_str().unwrap();
    let make = [
        "corpus", "make", "--out", file, "--count", "50", "--bytes", "600",
    ];
    assert_eq!(loadtest(&make).code, 0);
    let server = start(Fault::None, 0);
    let vkey = server.fake.vkey();
    let part = |args: &[&str]| {
        let common = [
            "submit",
            "--mode",
            "rekor-v2",
            "--url",
            &server.url,
            "--vkey",
            &vkey,
            "-o",
            "json",
            "--verify",
            "1",
            "--corpus",
            file,
        ];
        loadtest(&[&common, args].concat()).report()
    };
    assert_eq!(part(&["--count", "20"])["verified"], 20);
    assert_eq!(part(&["--first", "20", "--threads", "2"])["verified"], 30);
    assert_eq!(server.fake.size(), 50);
}
