//! The program against a log that behaves, and then does not.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use ed25519_dalek::SigningKey;
use treering_tlog::checkpoint::{self, Origin};
use treering_tlog::note::{KeyName, NoteSigner};
use treering_tlog::{Checkpoint, CompactRange, Hash, TreeSize, entry_bundle};

type Files = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// A log of fewer than 256 leaves as a folder of files, served over HTTP.
struct EvilLog {
    files: Files,
    url: String,
    runtime: tokio::runtime::Runtime,
}

/// What a log does after a good pass.
type Misbehave = fn(&EvilLog);

fn signer() -> NoteSigner {
    NoteSigner::new(
        KeyName::new("evil.example.org").unwrap(),
        SigningKey::from_bytes(&[9; 32]),
    )
    .unwrap()
}

async fn serve(
    State(files): State<Files>,
    UrlPath(path): UrlPath<String>,
) -> Result<Vec<u8>, StatusCode> {
    files
        .lock()
        .unwrap()
        .get(&path)
        .cloned()
        .ok_or(StatusCode::NOT_FOUND)
}

impl EvilLog {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let files = Files::default();
        let router = Router::new()
            .route("/{*path}", axum::routing::get(serve))
            .with_state(Arc::clone(&files));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            files,
            url,
            runtime,
        }
    }

    /// Publishes a tree of these leaves.
    fn publish(&self, leaves: &[&str]) {
        let mut range = CompactRange::new();
        leaves
            .iter()
            .for_each(|leaf| range.append(Hash::leaf(leaf.as_bytes())));
        let size = TreeSize::new(leaves.len() as u64).unwrap();
        let checkpoint = Checkpoint {
            origin: Origin::new("evil.example.org").unwrap(),
            size,
            root: range.root(),
            extensions: vec![],
        };
        let mut files = self.files.lock().unwrap();
        files.insert(
            "checkpoint".into(),
            checkpoint::sign(&checkpoint, &signer())
                .unwrap()
                .into_bytes(),
        );
        // Every width that this size makes readable, as a log serves them.
        for width in 1..=leaves.len() {
            let hashes = leaves[..width]
                .iter()
                .flat_map(|leaf| *Hash::leaf(leaf.as_bytes()).as_bytes())
                .collect();
            let bundle =
                entry_bundle::encode(leaves[..width].iter().map(|leaf| leaf.as_bytes())).unwrap();
            files.insert(format!("tile/0/000.p/{width}"), hashes);
            files.insert(format!("tile/entries/000.p/{width}"), bundle);
        }
    }

    fn flip(&self, path: &str) {
        *self
            .files
            .lock()
            .unwrap()
            .get_mut(path)
            .unwrap()
            .last_mut()
            .unwrap() ^= 1;
    }

    /// One pass; the exit code and the lines of JSON.
    fn pass(&self, state: &Path) -> (i32, String) {
        run(&self.url, &signer().verifier().to_string(), state)
    }
}

fn run(url: &str, vkey: &str, state: &Path) -> (i32, String) {
    let output = assert_cmd::Command::cargo_bin("treering-monitor")
        .unwrap()
        .args([
            "once", "-o", "jsonl", "--log", url, "--vkey", vkey, "--state",
        ])
        .arg(state)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn a_log_that_grows_is_covered() {
    let (log, state) = (EvilLog::start(), tempfile::tempdir().unwrap());
    for leaves in [
        &["a", "b", "c"][..],
        &["a", "b", "c"],
        &["a", "b", "c", "d", "e"],
    ] {
        log.publish(leaves);
        let (code, lines) = log.pass(state.path());
        assert_eq!(code, 0, "{lines}");
        assert!(
            lines.contains(r#""type":"coverage""#)
                && lines.contains(&format!(r#""size":{}"#, leaves.len())),
            "{lines}"
        );
    }
    log.runtime.shutdown_background();
}

#[test]
fn misbehaviour_is_named() {
    let cases: [(&str, Misbehave); 6] = [
        ("rollback", |log| log.publish(&["a", "b"])),
        ("fork", |log| log.publish(&["a", "b", "x"])),
        ("inconsistent", |log| {
            log.publish(&["a", "b", "x", "d", "e"])
        }),
        ("log-content", |log| log.flip("tile/entries/000.p/3")),
        ("log-content", |log| log.flip("tile/0/000.p/3")),
        ("log-checkpoint", |log| log.flip("checkpoint")),
    ];
    for (kind, misbehave) in cases {
        let (log, state) = (EvilLog::start(), tempfile::tempdir().unwrap());
        log.publish(&["a", "b", "c"]);
        assert_eq!(log.pass(state.path()).0, 0);
        misbehave(&log);
        let (code, lines) = log.pass(state.path());
        assert_eq!(code, 6, "{kind}: {lines}");
        assert!(
            lines.contains(&format!(r#""kind":"{kind}"#))
                && lines.contains(r#""class":"misbehaviour""#),
            "{kind}: {lines}"
        );
        log.runtime.shutdown_background();
    }
}

#[test]
fn what_cannot_be_read_accuses_nobody() {
    let state = tempfile::tempdir().unwrap();
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (code, lines) = run(
        &format!("http://{unused}"),
        &signer().verifier().to_string(),
        state.path(),
    );
    assert_eq!(code, 3, "{lines}");
    assert!(lines.contains(r#""class":"operational""#), "{lines}");
    let (code, lines) = run("http://127.0.0.1:1", "no key", state.path());
    assert_eq!((code, lines.as_str()), (2, ""));
}
