//! Witnesses that lie, babble or contradict the log, and policies that are none.

use std::sync::Arc;

use http::StatusCode;
use treering_server::metrics::Metrics;
use treering_server::serve::Server;

use super::fake_witness::{FakeWitness, Mood};
use super::support::{clock, config, options};
use super::watched::{FAST, Watched, policy};

fn failures(reason: &str) -> String {
    format!(
        "treering_witness_failures_total{{log=\"rekor-v2\",reason=\"{reason}\",witness=\"w1.test/x\"}} "
    )
}

/// How often the first witness failed for that reason.
fn count(metrics: &str, reason: &str) -> u64 {
    let line = failures(reason);
    let found = metrics.lines().find_map(|found| found.strip_prefix(&line));
    found
        .unwrap_or_else(|| panic!("no {line}"))
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_verify_is_never_published() {
    for (mood, reason) in [
        (Mood::Garbage, "malformed"),
        (Mood::Huge, "malformed"),
        (Mood::OtherKey, "unverified"),
        (Mood::Forged, "unverified"),
        (Mood::OtherRoot, "unverified"),
        (Mood::OtherSize, "unverified"),
        (Mood::Down, "unavailable"),
    ] {
        let watched = Watched::start(&[mood, Mood::Honest], "any", &[]).await;
        let receipt = watched.receipt(&watched.submit_waiting("one").await, 1);
        assert_eq!(watched.check(&receipt.proof.checkpoint).1, 1, "{mood:?}");
        watched
            .until("/metrics", true, |metrics| count(metrics, reason) > 0)
            .await;
        watched.receipt(&watched.submit_waiting("two").await, 1);
        let checkpoint = watched.server.get("/checkpoint").await;
        let note = String::from_utf8(checkpoint.body.to_vec()).unwrap();
        assert_eq!(watched.check(&note).1, 1, "{mood:?}: {note}");
        let ready = watched.server.admin("/readyz").await;
        assert_eq!(
            ready.status,
            StatusCode::OK,
            "{mood:?} is no alarm: {:?}",
            ready.body
        );
        watched.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_contradicts_the_log_is_an_alarm_until_it_cosigns() {
    for (mood, reason, said) in [
        (
            Mood::Holds(900),
            "ahead",
            "it cosigned size 900, the log has 1",
        ),
        (Mood::OtherTree, "mismatch", "another root for size"),
        (Mood::Unprocessable, "mismatch", "another root for size"),
    ] {
        let watched = Watched::start(&[Mood::Honest], "any", &[]).await;
        watched.receipt(&watched.submit_waiting("one").await, 1);
        // A restart sends the same tree again: first from size 0, then from what the witness names.
        let ready = watched.server.admin("/readyz").await;
        assert_eq!(ready.status, StatusCode::OK);
        let witness = Arc::clone(&watched.witnesses[0]);
        let watched = watched.restart_with(|| witness.set(mood)).await;
        watched
            .until("/metrics", true, |metrics| count(metrics, reason) > 0)
            .await;
        let ready = watched
            .until("/readyz", true, |ready| ready.contains("contradicts"))
            .await;
        assert!(
            ready.contains(said) && ready.contains("w1.test/x"),
            "{ready}"
        );
        let metrics = watched.until("/metrics", true, |_| true).await;
        let alarm = "treering_witness_alarm{log=\"rekor-v2\",witness=\"w1.test/x\"}";
        assert!(metrics.contains(&format!("{alarm} 1")), "{metrics}");
        // Writers are answered all the same.
        watched.server.grow(7, 1).await;
        witness.set(Mood::Honest);
        watched
            .until("/readyz", true, |ready| ready.contains("true"))
            .await;
        watched
            .until("/metrics", true, |metrics| {
                metrics.contains(&format!("{alarm} 0"))
            })
            .await;
        watched.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_policy_is_told_at_the_start() {
    let witness = FakeWitness::start(1, Mood::Honest).await;
    let good = policy(&[Arc::clone(&witness)], "all");
    let other =
        "log example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx\n";
    for (text, part) in [
        (
            good.replace("group g all", "group g 2"),
            "policy: line 2: expected all, any or a number from 1 to 1, found \"2\"",
        ),
        (
            good.replace("http://", "ftp://"),
            "policy: line 1: expected an http or https URL",
        ),
        (format!("{other}{good}"), "found 1 of other logs"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("log");
        treering_server::init::init(&dir, options("http://localhost:3000"), clock())
            .await
            .unwrap();
        std::fs::write(dir.join("policy"), text).unwrap();
        let start = || {
            let config = config(&dir, FAST);
            Server::start(&dir, config, Arc::new(Metrics::new()), clock())
        };
        let error = start().await.err().expect("refused").to_string();
        assert!(error.contains(part), "{error} lacks {part}");
        // Nothing is left behind that would hold the data directory.
        std::fs::write(dir.join("policy"), &good).unwrap();
        let server = start().await.unwrap();
        assert!(server.stop(std::future::pending()).await);
    }
    assert_eq!(witness.requests().len(), 0, "an empty tree is not sent");
}
