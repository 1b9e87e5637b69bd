//! `tiles`.

use serde_json::Value;

use crate::fake::{Fault, start};
use crate::loadtest;

#[test]
fn full_tiles_and_bundles_are_read_and_lead_to_the_checkpoint() {
    let server = start(Fault::None, 1100);
    let vkey = server.fake.vkey();
    for kind in ["both", "hashes", "entries"] {
        let args = [
            "tiles",
            "--url",
            &server.url,
            "-o",
            "json",
            "--count",
            "40",
            "--kind",
            kind,
            "--verify",
            "1",
            "--vkey",
            &vkey,
        ];
        let ended = loadtest(&args);
        let report = ended.report();
        assert_eq!(ended.code, 0, "{kind}: {report}");
        assert_eq!(
            (&report["served"], &report["verified"]),
            (&Value::from(40), &Value::from(40)),
            "{kind}: {report}"
        );
    }
}

#[test]
fn wrong_tiles_end_with_status_1() {
    for (fault, kind) in [(Fault::HashTile, "hashes"), (Fault::Bundle, "entries")] {
        let server = start(fault, 600);
        let args = [
            "tiles",
            "--url",
            &server.url,
            "-o",
            "json",
            "--count",
            "10",
            "--kind",
            kind,
            "--verify",
            "1",
        ];
        let ended = loadtest(&args);
        let report = ended.report();
        assert_eq!(
            (ended.code, &report["wrong"]),
            (1, &Value::from(10)),
            "{kind}: {report}"
        );
    }
}

#[test]
fn a_checkpoint_of_another_key_and_a_small_tree_are_refused() {
    let server = start(Fault::None, 255);
    let small = loadtest(&["tiles", "--url", &server.url, "--count", "10"]);
    assert_eq!(small.code, 3);
    assert!(
        small
            .stderr
            .contains("expected a tree of at least 256 entries, found 255"),
        "{}",
        small.stderr
    );
    let other = "log.example+c93c3a3b+AaVUZ5wOMXZsw4kZtHwyJZZqXXBKqXnXvBVh8uYpXbRb";
    let wrong = loadtest(&[
        "tiles",
        "--url",
        &server.url,
        "--count",
        "10",
        "--vkey",
        other,
    ]);
    assert_eq!(wrong.code, 3, "{}", wrong.stderr);
}
