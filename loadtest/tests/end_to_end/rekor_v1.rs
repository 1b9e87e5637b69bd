//! `submit --mode rekor-v1`.

use std::time::Duration;

use serde_json::Value;

use crate::fake::{Fault, Server, start};
use crate::{Ended, fake_rekor_v1, loadtest};

pub(crate) fn submit(server: &Server, args: &[&str]) -> Ended {
    let common = [
        "submit",
        "--mode",
        "rekor-v1",
        "--url",
        &server.url,
        "-o",
        "json",
        "--bytes",
        "512",
        "--connections",
        "4",
    ];
    loadtest(&[&common, args].concat())
}

const KINDS: [&str; 3] = ["hashedrekord", "dsse", "intoto"];

#[test]
fn every_kind_gets_in_and_every_entry_verifies() {
    for kind in KINDS {
        let server = start(Fault::None, 3);
        for (seed, pace) in [("1", "max"), ("2", "400")] {
            let args = [
                "--kind", kind, "--seed", seed, "--rate", pace, "--count", "60", "--verify", "1",
            ];
            let ended = submit(&server, &args);
            let report = ended.report();
            assert_eq!(ended.code, 0, "{kind}, {pace}: {report}");
            assert_eq!(report["mode"], format!("rekor-v1 {kind}"));
            for (field, expected) in [
                ("served", 60),
                ("requests", 60),
                ("verified", 60),
                ("wrong", 0),
                ("failed", 0),
                ("duplicates", 0),
            ] {
                assert_eq!(report[field], expected, "{kind}, {field}: {report}");
            }
            assert_eq!(report["latency"]["count"], 60, "{kind}: {report}");
        }
        assert_eq!(server.fake.size(), 123);
    }
}

#[test]
fn lies_are_found_and_end_with_status_1() {
    for (fault, message) in [
        (Fault::Proof(5), "inclusion"),
        (Fault::Leaf(5), "inclusion"),
        (Fault::Signature(5), "checkpoint"),
        (Fault::LogId(5), "expected log id"),
        (Fault::Root(5), "expected root hash"),
        (Fault::Timestamp(5), "signed entry timestamp"),
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
fn the_key_of_a_file_counts_more_than_what_the_server_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.pub");
    let file = path.to_str().unwrap();
    let server = start(Fault::None, 0);
    let args = ["--count", "5", "--verify", "1", "--log-key", file];
    std::fs::write(&path, fake_rekor_v1::public_key_pem()).unwrap();
    assert_eq!(submit(&server, &args).report()["verified"], 5);

    std::fs::write(&path, fake_rekor_v1::other_key_pem()).unwrap();
    let ended = submit(&server, &args);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("checkpoint"), "{}", ended.stderr);

    std::fs::write(&path, "no key").unwrap();
    let ended = submit(&server, &args);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("--log-key"), "{}", ended.stderr);
}

#[test]
fn the_same_seed_again_is_refused_and_ends_with_status_3() {
    let server = start(Fault::None, 0);
    assert_eq!(submit(&server, &["--count", "30"]).code, 0);
    let ended = submit(&server, &["--count", "30"]);
    let report = ended.report();
    assert_eq!(
        (ended.code, &report["failures"]["already there (409)"]),
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
    assert_eq!(report["failures"]["status 503"], 20, "{report}");
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
fn a_stall_shows_in_the_latencies_of_an_open_loop() {
    let server = start(Fault::Stall(20, Duration::from_millis(700)), 0);
    let args = ["--rate", "100", "--duration", "1s", "--verify", "0"];
    let report = submit(&server, &args).report();
    assert_eq!(report["served"], 100, "{report}");
    // 70 of 100 requests were due in the stall, 30 of them in its first 300 ms: those waited for 400 ms or more.
    let p90 = report["latency"]["p90Micros"].as_u64().unwrap();
    assert!(p90 >= 350_000, "{report}");
}

#[test]
fn a_statement_is_as_long_as_provenance_unless_another_length_is_asked_for() {
    let server = start(Fault::None, 0);
    let args = [
        "submit",
        "--mode",
        "rekor-v1",
        "--kind",
        "dsse",
        "--count",
        "3",
        "--url",
        &server.url,
        "-o",
        "json",
        "--verify",
        "1",
        "--pid",
    ];
    let pid = std::process::id().to_string();
    let ended = loadtest(&[&args[..], &[&pid, "--pid", &pid]].concat());
    let report = ended.report();
    assert_eq!(report["verified"], 3, "{report}");
    assert!(report["server"]["residentBytes"].as_u64() > Some(1 << 20));
}
