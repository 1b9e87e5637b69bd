//! The program, as people and scripts start it: what it prints and how it ends.

use std::path::Path;

use serde_json::{Value, json};

use crate::served::{Served, run, step};

#[test]
fn one_line_starts_it_and_says_what_was_covered() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 300);
    let ran = served.once(&log, &url, &[]);
    assert_eq!((ran.code, ran.lines.len()), (0, 1), "{ran:?}");
    let coverage = &ran.lines[0];
    let keys: Vec<&String> = coverage.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["from", "origin", "root", "size", "to", "type"]);
    let expected = json!(["coverage", "evil.example.org", 0, 300, 300]);
    let found = ["type", "origin", "from", "to", "size"].map(|key| coverage[key].clone());
    assert_eq!(json!(found), expected);
    // For people the same in words.
    let (vkey, state) = (log.vkey(), served.state());
    let mut command = assert_cmd::Command::cargo_bin("treering-monitor").unwrap();
    command
        .args(["once", "--log", &url, "--vkey", &vkey, "--state"])
        .arg(state);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("evil.example.org: entries 0 to 300 of 300"),
        "{text}"
    );
}

#[test]
fn a_fork_ends_with_6_and_its_evidence_verifies_without_the_log() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 300);
    served.once(&log, &url, &[]);
    step(&log, "fork 7 50");
    let ran = served.once(&log, &url, &[]);
    assert_eq!(ran.code, 6, "{ran:?}");
    let finding = &ran.lines[0];
    for (key, value) in [
        ("type", json!("finding")),
        ("kind", json!("log-fork")),
        ("class", json!("misbehaviour")),
        ("severity", json!("critical")),
        ("log", json!("evil.example.org")),
        ("scope", json!("evil.example.org")),
        ("index", Value::Null),
        ("rule", Value::Null),
        ("retroactive", json!(false)),
        ("new", json!(true)),
    ] {
        assert_eq!(finding[key], value, "{key}");
    }
    assert_eq!(finding["fingerprint"].as_str().unwrap().len(), 64);
    assert_eq!(ran.lines.last().unwrap()["to"], 300);
    // Still open in the next run, and not new.
    let again = served.once(&log, &url, &[]);
    assert_eq!((again.code, &again.lines[0]["new"]), (6, &json!(false)));
    verify_evidence(&served, finding["evidence"].as_str().unwrap());
}

fn verify_evidence(served: &Served, path: &str) {
    let ran = run(&["alert", "verify", path, "-o", "jsonl"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.lines[0]["proof"], "T");
    assert!(!ran.lines[0]["proven"].as_array().unwrap().is_empty());
    assert!(!ran.lines[0]["claimed"].as_array().unwrap().is_empty());
    let mut evidence: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    evidence["notes"][1] = evidence["notes"][0].clone();
    evidence["nodes"] = json!([]);
    let forged = served.file("forged.json", evidence.to_string().as_bytes());
    let ran = run(&["alert", "verify", forged.to_str().unwrap(), "-o", "jsonl"]);
    assert_eq!((ran.code, &ran.lines[0]["holds"]), (1, &json!(false)));
    let garbage = served.file("garbage.json", b"{}");
    assert_eq!(run(&["alert", "verify", garbage.to_str().unwrap()]).code, 2);
}

#[test]
fn a_suspicion_is_operational_and_a_later_run_makes_it_misbehaviour() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 300);
    served.once(&log, &url, &[]);
    step(&log, "publish 100");
    let ran = served.once(&log, &url, &[]);
    assert_eq!((ran.code, ran.kinds()), (3, vec!["stale-cache"]), "{ran:?}");
    let ran = served.once(&log, &url, &["--persistence", "0s"]);
    assert_eq!(
        (ran.code, ran.kinds()),
        (6, vec!["log-rollback"]),
        "{ran:?}"
    );
}

#[test]
fn the_exit_code_says_which_kind_of_trouble_it_is() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 600);
    step(&log, "drop tile/entries/001");
    let ran = served.once(&log, &url, &[]);
    assert_eq!(ran.code, 9, "{ran:?}");
    assert_eq!(ran.lines.last().unwrap()["to"], 256);
    step(&log, "repair");
    assert_eq!(served.once(&log, &url, &[]).code, 0);
    step(&log, "fail 500");
    let ran = served.once(&log, &url, &[]);
    assert_eq!((ran.code, ran.kinds()), (3, vec!["log-unreachable"]));
}

#[test]
fn findings_are_listed_acknowledged_and_resolved() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 30);
    served.once(&log, &url, &[]);
    step(&log, "fork 3");
    let ran = served.once(&log, &url, &[]);
    let fingerprint = ran.lines[0]["fingerprint"].as_str().unwrap().to_owned();
    let listed = served.tending(&["alert", "list"]);
    assert_eq!((listed.code, listed.kinds()), (0, vec!["log-fork"]));
    let reason = ["--reason", "seen", "--actor", "ann"];
    let acked = served.tending(&[&["alert", "ack", &fingerprint[..10]][..], &reason].concat());
    assert_eq!(
        (acked.code, &acked.lines[0]["status"]),
        (0, &json!("acked"))
    );
    assert_eq!(
        served.once(&log, &url, &[]).code,
        6,
        "acknowledged counts as open"
    );
    let resolved = served.tending(&[&["alert", "resolve", &fingerprint][..], &reason].concat());
    assert_eq!(resolved.code, 0);
    assert_eq!(served.tending(&["alert", "list"]).lines.len(), 0);
    assert_eq!(served.tending(&["alert", "list", "--all"]).lines.len(), 1);
    let unknown = served.tending(&[&["alert", "ack", "0000000000"][..], &reason].concat());
    assert_eq!(unknown.code, 2);
    let status = served.tending(&["status"]);
    assert_eq!(
        (&status.lines[0]["to"], &status.lines[0]["behind"]),
        (&json!(30), &json!(0))
    );
}

#[test]
fn damaged_state_stops_it_and_only_a_word_begins_anew() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 30);
    served.once(&log, &url, &[]);
    tamper(&served.state());
    step(&log, "fork 3");
    let ran = served.once(&log, &url, &[]);
    assert_eq!(
        (ran.code, ran.kinds()),
        (3, vec!["state-damaged"]),
        "{ran:?}"
    );
    assert_eq!(served.tending(&["trust", "reset"]).code, 2);
    assert_eq!(served.tending(&["trust", "reset", "--yes"]).code, 0);
    assert_eq!(served.once(&log, &url, &[]).code, 0);
}

fn tamper(state: &Path) {
    let database = state.join(treering_monitor::state::DATABASE);
    let connection = rusqlite::Connection::open(database).unwrap();
    connection
        .execute("UPDATE logs SET cursor = 3", [])
        .unwrap();
}

#[test]
fn a_backfill_shows_its_progress_and_a_rescan_reads_again() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 1000);
    let ran = served.once(&log, &url, &["--from", "now"]);
    assert_eq!(
        (ran.code, &ran.lines[0]["from"]),
        (0, &json!(1000)),
        "{ran:?}"
    );
    let vkey = log.vkey();
    let ran = served.following(&["backfill", "--log", &url, "--vkey", &vkey]);
    assert_eq!((ran.code, &ran.lines[0]["from"]), (0, &json!(0)), "{ran:?}");
    assert!(
        ran.stderr.contains("evil.example.org: 1000 of 1000"),
        "{ran:?}"
    );
    let before = log.requests();
    step(&log, "flip tile/entries/002 8");
    let ran = served.following(&["rescan", "--log", &url, "--vkey", &vkey]);
    assert_eq!(
        (ran.code, ran.kinds()),
        (6, vec!["log-content-mismatch"]),
        "{ran:?}"
    );
    assert!(log.requests() > before + 6);
    let version = run(&["version", "-o", "jsonl"]);
    assert_eq!(version.lines[0]["name"], "treering-monitor");
}
