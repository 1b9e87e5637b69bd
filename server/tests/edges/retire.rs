//! The second key of a frozen rekor-v1 log may go once all that it had to sign is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use treering_api::Log as _;
use treering_rekor::v1::wire::LogInfo;
use treering_server::app::Change;
use treering_server::metrics::Metrics;
use treering_server::serve::Server;

use super::admin::name;
use super::rekor_v1::{ENTRIES, new_log, one, post, proposed, start, verify};
use super::support::{PATIENCE, Running, clock, config, submission};

const FINAL: &str = "rekor-v1.final-checkpoint";

/// Files come without an event that a test could wait for.
async fn wait_for(path: &Path) {
    let there = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !path.exists() {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, there).await.expect("there");
}

/// A shard with entries of both doors, frozen, and its successor.
async fn rotated() -> (Running, Vec<String>) {
    let server = start().await;
    let mut ids = vec![];
    for number in 0..3 {
        ids.push(one(&post(&server, ENTRIES, &proposed(number)).await).0);
    }
    // Nobody has asked for a timestamp of this one.
    let service = server.server.app().service();
    let log = name("rekor-v1");
    service
        .submit(Some(&log), submission("native"))
        .await
        .unwrap();
    let rotate = Change::Rotate {
        from: log,
        to: new_log("rekor-v1-2"),
    };
    server.server.app().change(rotate).await.unwrap();
    wait_for(&server.dir().join(FINAL)).await;
    (server, ids)
}

async fn refused(dir: &Path) -> String {
    let started = Server::start(dir, config(dir, &[]), Arc::new(Metrics::new()), clock());
    started.await.map(|_| ()).unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_shard_answers_as_before_without_its_key() {
    let (server, ids) = rotated().await;
    let before = server.get(&format!("{ENTRIES}?logIndex=1")).await.body;
    let folder = server.stop_keeping().await;
    let dir = folder.path().join("log");
    std::fs::remove_file(dir.join("keys/rekor-v1.ecdsa.pem")).unwrap();
    let server = Running::serve_in(folder).await;
    for index in 0..4 {
        let (id, entry) = one(&server.get(&format!("{ENTRIES}?logIndex={index}")).await);
        assert_eq!(entry.log_index, index);
        assert!(
            ids.get(usize::try_from(index).unwrap())
                .is_none_or(|known| *known == id)
        );
        verify(&server, &id, &entry).await;
    }
    let after = server.get(&format!("{ENTRIES}?logIndex=1")).await.body;
    assert_eq!(
        after, before,
        "the timestamp that was handed out first stays"
    );
    let info: LogInfo = serde_json::from_slice(&server.get("/api/v1/log").await.body).unwrap();
    let kept = std::fs::read_to_string(dir.join(FINAL)).unwrap();
    assert_eq!(info.inactive_shards[0].signed_tree_head, kept);
    let (id, entry) = one(&post(&server, ENTRIES, &proposed(9)).await);
    assert_eq!(entry.log_index, 4, "the successor has a key of its own");
    verify(&server, &id, &entry).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_still_needed_is_missed() {
    let (server, _) = rotated().await;
    let folder = server.stop_keeping().await;
    let dir = folder.path().join("log");
    let path = dir.join(FINAL);
    let last = std::fs::read_to_string(&path).unwrap();
    let first_key = dir.join("keys/rekor-v1.ecdsa.pem");
    let key = std::fs::read(&first_key).unwrap();
    std::fs::remove_file(&first_key).unwrap();
    std::fs::write(&path, last.replacen("\n4\n", "\n3\n", 1)).unwrap();
    let error = refused(&dir).await;
    assert!(error.contains("final checkpoint"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = refused(&dir).await;
    assert!(error.contains("rekor-v1.ecdsa.pem"), "{error}");
    // With the key the checkpoint is made again.
    std::fs::write(&first_key, key).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&first_key, mode).unwrap();
    let server = Running::serve_in(folder).await;
    wait_for(&path).await;
    let _folder = server.stop_keeping().await;
    // A log that takes entries is not opened without its key, whatever lies beside it.
    std::fs::remove_file(dir.join("keys/rekor-v1-2.ecdsa.pem")).unwrap();
    std::fs::copy(&path, dir.join("rekor-v1-2.final-checkpoint")).unwrap();
    let error = refused(&dir).await;
    assert!(error.contains("it takes entries"), "{error}");
}
