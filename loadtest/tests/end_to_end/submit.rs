//! `submit` and `corpus`.

use std::time::Duration;

use serde_json::Value;
use treering_api::log::Dialect;

use crate::fake::{Fault, Server, start, start_of};
use crate::{Ended, loadtest};

fn submit(server: &Server, args: &[&str]) -> Ended {
    let common = [
        "submit",
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

#[test]
fn every_mode_gets_every_entry_in_and_every_proof_verifies() {
    let server = start(Fault::None, 3);
    for (seed, mode, requests) in [
        ("1", "single", 100),
        ("2", "batch", 4),
        ("3", "stream", 100),
    ] {
        let args = [
            "--mode", mode, "--seed", seed, "--count", "100", "--batch", "32", "--verify", "1",
        ];
        let ended = submit(&server, &args);
        let report = ended.report();
        assert_eq!(ended.code, 0, "{mode}: {report}");
        assert_eq!(report["mode"], mode);
        for (field, expected) in [
            ("served", 100),
            ("requests", requests),
            ("verified", 100),
            ("wrong", 0),
            ("failed", 0),
            ("duplicates", 0),
        ] {
            assert_eq!(report[field], expected, "{mode}, {field}: {report}");
        }
        assert_eq!(report["latency"]["count"], requests, "{mode}: {report}");
    }
    assert_eq!(server.fake.size(), 303);
}

#[test]
fn the_leaves_of_a_log_of_rekor_v1_verify_too() {
    for (mode, verified) in [("single", 100), ("batch", 100), ("stream", 100)] {
        let server = start_of(Dialect::RekorV1, Fault::None, 3);
        let args = ["--mode", mode, "--count", "100", "--verify", "1"];
        let report = submit(&server, &args).report();
        assert_eq!(report["verified"], verified, "{mode}: {report}");

        let lying = start_of(Dialect::RekorV1, Fault::Leaf(5), 0);
        let ended = submit(&lying, &args);
        assert_eq!((ended.code, &ended.report()["wrong"]), (1, &Value::from(1)));
    }
}

#[test]
fn lies_are_found_and_end_with_status_1() {
    let lies = [
        (Fault::Proof(5), "inclusion"),
        (Fault::Leaf(5), "expected leaf hash"),
        (Fault::Envelope(5), "expected envelope"),
        (Fault::Signature(5), "checkpoint"),
    ];
    for (fault, message) in lies {
        for (seed, mode) in [("1", "single"), ("2", "batch"), ("3", "stream")] {
            let server = start(fault, 0);
            let ended = submit(
                &server,
                &[
                    "--mode", mode, "--seed", seed, "--count", "20", "--batch", "10", "--verify",
                    "1",
                ],
            );
            let report = ended.report();
            assert_eq!(ended.code, 1, "{fault:?}, {mode}: {report}");
            assert_eq!(
                (&report["wrong"], &report["verified"]),
                (&Value::from(1), &Value::from(19)),
                "{fault:?}, {mode}: {report}"
            );
            let found = report["wrongMessages"][0].as_str().unwrap();
            assert!(found.contains(message), "{fault:?}, {mode}: {found}");
        }
    }
}

#[test]
fn a_sample_finds_what_it_holds_and_costs_no_more() {
    let server = start(Fault::None, 0);
    let report = submit(&server, &["--count", "200", "--verify", "0.1"]).report();
    let verified = report["verified"].as_u64().unwrap();
    assert!((8..50).contains(&verified), "{report}");
}

/// With 4 connections a closed loop sees 4 slow requests in a stall; the open loop must see all that were due in it.
#[test]
fn a_stall_shows_in_the_latencies_of_an_open_loop() {
    let stall = Fault::Stall(100, Duration::from_millis(700));
    let server = start(stall, 0);
    let ended = submit(
        &server,
        &["--rate", "200", "--duration", "2s", "--verify", "0"],
    );
    let report = ended.report();
    assert_eq!(
        (ended.code, &report["served"]),
        (0, &Value::from(400)),
        "{report}"
    );
    let latency = |name: &str| report["latency"][name].as_u64().unwrap();
    // 140 of 400 requests were due in the stall, 60 of them in its first 300 ms: those waited for 400 ms or more.
    assert!(latency("p90Micros") >= 350_000, "{report}");
    assert!(latency("maxMicros") >= 690_000, "{report}");
    assert!(
        report["seconds"].as_f64().unwrap() >= 1.99,
        "the schedule ended early: {report}"
    );

    let closed = start(stall, 0);
    let report = submit(
        &closed,
        &[
            "--rate", "max", "--count", "400", "--verify", "0", "--seed", "2",
        ],
    )
    .report();
    assert!(
        report["latency"]["p90Micros"].as_u64().unwrap() < 350_000,
        "{report}"
    );
    assert!(
        report["latency"]["maxMicros"].as_u64().unwrap() >= 690_000,
        "{report}"
    );
}

#[test]
fn refusals_are_counted_by_kind_and_too_many_end_with_status_3() {
    for (seed, mode, kind) in [
        ("1", "single", "busy (503)"),
        ("2", "batch", "busy (503)"),
        ("3", "stream", "busy"),
    ] {
        let server = start(Fault::Busy, 0);
        let args = [
            "--mode", mode, "--seed", seed, "--count", "40", "--batch", "20", "--verify", "1",
        ];
        let ended = submit(&server, &args);
        let report = ended.report();
        assert_eq!(ended.code, 3, "{mode}: {report}");
        assert_eq!(report["failures"][kind], 20, "{mode}: {report}");
        assert_eq!(
            (&report["served"], &report["verified"]),
            (&Value::from(20), &Value::from(20)),
            "{mode}: {report}"
        );
        let ended = submit(
            &start(Fault::Busy, 0),
            &[&args[..], &["--max-error-share", "0.5"]].concat(),
        );
        assert_eq!(ended.code, 0, "{mode}: {}", ended.stdout);
    }
}

#[test]
fn a_server_that_never_answers_ends_with_status_3_in_bounded_time() {
    for mode in ["single", "batch", "stream"] {
        let server = start(Fault::Silence, 0);
        let ended = submit(
            &server,
            &[
                "--mode",
                mode,
                "--count",
                "8",
                "--timeout",
                "200ms",
                "--verify",
                "0",
            ],
        );
        let report = ended.report();
        assert_eq!(ended.code, 3, "{mode}: {report}");
        assert_eq!(report["failures"]["timed out"], 8, "{mode}: {report}");
    }
    // An open loop that lags too far behind is cut, and says what it never sent.
    let args = [
        "--rate",
        "1000",
        "--duration",
        "50ms",
        "--timeout",
        "300ms",
        "--verify",
        "0",
    ];
    let ended = submit(&start(Fault::Silence, 0), &args);
    let report = ended.report();
    assert_eq!(ended.code, 3, "{report}");
    let (failed, unsent) = (
        report["failed"].as_u64().unwrap(),
        report["unsentRequests"].as_u64().unwrap(),
    );
    assert!(
        failed >= 4 && unsent > 0 && failed + unsent == 50,
        "{report}"
    );
}

#[test]
fn closed_connections_are_opened_again_without_a_failure() {
    let server = start(Fault::Close, 0);
    let ended = submit(&server, &["--count", "40", "--verify", "1"]);
    let report = ended.report();
    assert_eq!(
        (ended.code, &report["served"], &report["failed"]),
        (0, &Value::from(40), &Value::from(0)),
        "{report}"
    );
}

#[test]
fn the_same_seed_again_gives_duplicates_and_says_so() {
    let server = start(Fault::None, 0);
    for (mode, duplicates) in [("single", 0), ("single", 30), ("batch", 30), ("stream", 30)] {
        let ended = submit(&server, &["--mode", mode, "--count", "30", "--verify", "1"]);
        let report = ended.report();
        assert_eq!(
            (ended.code, &report["duplicates"]),
            (0, &Value::from(duplicates)),
            "{mode}: {report}"
        );
        assert_eq!(report["verified"], 30, "{mode}: {report}");
    }
    assert_eq!(server.fake.size(), 30);
}

#[test]
fn a_corpus_from_a_file_is_submitted_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("corpus");
    let file = path.to_str().unwrap();
    let make = [
        "corpus", "make", "--out", file, "--count", "50", "--bytes", "600", "--keys", "5",
        "--seed", "9",
    ];
    assert_eq!(loadtest(&make).code, 0);
    let again = loadtest(&make);
    assert_eq!(again.code, 3);
    assert!(again.stderr.contains("cannot create"), "{}", again.stderr);

    let server = start(Fault::None, 0);
    let submit = |args: &[&str]| {
        let common = [
            "submit",
            "--url",
            &server.url,
            "-o",
            "json",
            "--verify",
            "1",
            "--corpus",
            file,
        ];
        loadtest(&[&common, args].concat())
    };
    let first = submit(&["--count", "20"]).report();
    assert_eq!(
        (&first["served"], &first["verified"]),
        (&Value::from(20), &Value::from(20)),
        "{first}"
    );
    let rest = submit(&["--first", "20", "--threads", "2"]).report();
    assert_eq!(
        (&rest["served"], &rest["duplicates"]),
        (&Value::from(30), &Value::from(0)),
        "{rest}"
    );
    assert_eq!(server.fake.size(), 50);
    assert_eq!(submit(&["--first", "50"]).code, 2);
}

#[test]
fn costs_of_the_server_are_in_the_report() {
    let server = start(Fault::None, 0);
    let dir = tempfile::tempdir().unwrap();
    let pid = std::process::id().to_string();
    let args = [
        "--count",
        "20",
        "--pid",
        &pid,
        "--dir",
        dir.path().to_str().unwrap(),
    ];
    let report = submit(&server, &args).report();
    assert!(
        report["server"]["residentBytes"].as_u64().unwrap() > 1 << 20,
        "{report}"
    );
    assert_eq!(report["disk"]["bytesPerEntry"], 0.0, "{report}");
    let text = loadtest(&[
        "submit",
        "--url",
        &server.url,
        "--count",
        "5",
        "--seed",
        "2",
        "--pid",
        &pid,
    ]);
    for part in ["served      5 in", "p99.9", "server      ", "generator   "] {
        assert!(
            text.stdout.contains(part),
            "{part:?} is missing in\n{}",
            text.stdout
        );
    }
}
