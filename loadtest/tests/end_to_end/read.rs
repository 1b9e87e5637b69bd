//! `read`.

use serde_json::Value;

use crate::fake::{Fault, Server, start};
use crate::rekor_v1::submit;
use crate::{Ended, loadtest};

const ALL: [&str; 6] = [
    "uuid",
    "index",
    "proof",
    "search",
    "search-key",
    "search-absent",
];

/// A log with entries of that kind.
fn filled(fault: Fault, kind: &str) -> Server {
    let server = start(fault, 0);
    let args = ["--kind", kind, "--count", "11", "--verify", "0"];
    assert_eq!(submit(&server, &args).code, 0);
    server
}

fn read(server: &Server, what: &str, args: &[&str]) -> Ended {
    let common = [
        "read",
        "--url",
        &server.url,
        "-o",
        "json",
        "--what",
        what,
        "--connections",
        "3",
        "--sample",
        "20",
        "--verify",
        "1",
    ];
    loadtest(&[&common, args].concat())
}

#[test]
fn everything_that_is_read_of_every_kind_verifies() {
    for kind in ["hashedrekord", "dsse", "intoto"] {
        let server = filled(Fault::None, kind);
        for what in ALL {
            let ended = read(&server, what, &["--count", "20"]);
            let report = ended.report();
            assert_eq!(ended.code, 0, "{kind}, {what}: {report}");
            assert_eq!(report["mode"], format!("read {what}"));
            for (field, expected) in [("served", 20), ("verified", 20), ("wrong", 0)] {
                assert_eq!(report[field], expected, "{kind}, {what}, {field}: {report}");
            }
        }
        let paced = read(&server, "uuid", &["--rate", "100", "--duration", "200ms"]);
        assert_eq!(paced.report()["served"], 20, "{kind}");
    }
}

#[test]
fn lies_are_found_and_end_with_status_1() {
    for (fault, what, message) in [
        (Fault::Growth, "proof", "growth"),
        (Fault::Forgets, "search", "among the entries found, found 0"),
        (Fault::Forgets, "search-key", "among the entries found"),
        (Fault::Invents, "search-absent", "expected nothing about"),
        (Fault::Proof(0), "index", "inclusion"),
        (Fault::Timestamp(0), "index", "signed entry timestamp"),
        (Fault::Timestamp(0), "uuid", "signed entry timestamp"),
    ] {
        let server = filled(fault, "dsse");
        // So many that the one with the lie is among them.
        let ended = read(&server, what, &["--count", "60"]);
        let report = ended.report();
        assert_eq!(ended.code, 1, "{fault:?}, {what}: {report}");
        let found = report["wrongMessages"][0].as_str().unwrap();
        assert!(found.contains(message), "{fault:?}, {what}: {found}");
    }
}

#[test]
fn a_log_without_entries_to_read_ends_with_status_3() {
    let server = start(Fault::None, 1);
    let ended = read(&server, "index", &["--count", "5"]);
    assert_eq!(ended.code, 3);
    let message = "expected a log of at least 2 entries, found 1";
    assert!(ended.stderr.contains(message), "{}", ended.stderr);
}

#[test]
fn entries_that_submit_cannot_have_made_are_named() {
    let server = start(Fault::None, 30);
    let ended = read(&server, "uuid", &["--count", "5"]);
    assert_eq!(ended.code, 3);
    assert!(
        ended.stderr.contains("expected an entry of rekor v1"),
        "{}",
        ended.stderr
    );
    // An entry need not be known to be read by its index, and it verifies.
    let report = read(&server, "index", &["--count", "5"]).report();
    assert_eq!(report["verified"], Value::from(5), "{report}");
}
