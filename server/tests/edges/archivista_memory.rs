//! How much memory large envelopes take: an upload's body once, and beside it the payload while its subjects are read.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use super::archivista_support::{Key, STATEMENT, envelope, log_dsse, start, statement};
use super::commands::Child;
use super::support::PATIENCE;

const MIB: u64 = 1 << 20;

async fn post(server: &Child, path: &str, body: Bytes) -> StatusCode {
    let url = format!("http://{}{path}", server.run.listen);
    let request = Request::post(url).header("content-type", "application/json");
    let request = request.body(Full::new(body)).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = tokio::time::timeout(PATIENCE, client.request(request));
    answer.await.expect("in time").unwrap().status()
}

/// A server whose log knows the key, in a process of its own.
async fn child(key: &Key) -> (Child, tempfile::TempDir) {
    let server = start().await;
    let small = key.envelope(&statement("small"));
    assert_eq!(
        log_dsse(&server, &small, &[key]).await.status,
        StatusCode::CREATED
    );
    let folder = server.stop_keeping().await;
    (Child::serve(&folder.path().join("log"), &[]), folder)
}

/// A statement whose envelope has about so many bytes.
fn large(key: &Key, bytes: u64) -> (Bytes, String) {
    let filler = "x".repeat(usize::try_from(bytes / 4 * 3).unwrap());
    let payload = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "a",
        "subject": [], "predicate": {"filler": filler}})
    .to_string();
    let signature = key.signature(STATEMENT, &payload, &key.openssh());
    (envelope(STATEMENT, &payload, &[signature]), payload)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_is_in_memory_once() {
    let key = Key::new(3);
    let (server, _folder) = child(&key).await;
    let before = server.peak_memory_kib() * 1024;
    let (envelope, payload) = large(&key, 60 * MIB);
    let sent = envelope.len() as u64;
    assert_eq!(post(&server, "/upload", envelope).await, StatusCode::OK);
    let taken = server.peak_memory_kib() * 1024 - before;
    println!("60 MiB upload: {} MiB more", taken / MIB);
    assert!(
        taken < sent + payload.len() as u64 + 32 * MIB,
        "{} MiB",
        taken / MIB
    );
    server.stop();
}

/// Rekor's door gets the envelope as a text in JSON, and so in another form than it is kept in; while that text is read, the
/// parser has it once more, in a buffer that doubles as it grows.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_entry_of_rekor_is_in_memory_as_sent_as_read_and_as_kept() {
    use base64::Engine as _;
    let key = Key::new(3);
    let (server, _folder) = child(&key).await;
    let before = server.peak_memory_kib() * 1024;
    let (envelope, _) = large(&key, 29 * MIB);
    let verifier = base64::engine::general_purpose::STANDARD.encode(key.pem());
    let text = std::str::from_utf8(&envelope).unwrap();
    let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": {"envelope": text, "verifiers": [verifier]}}});
    let body = Bytes::from(body.to_string());
    let sent = body.len() as u64;
    assert_eq!(
        post(&server, "/api/v1/log/entries", body).await,
        StatusCode::CREATED
    );
    let taken = server.peak_memory_kib() * 1024 - before;
    println!("30 MiB dsse entry: {} MiB more", taken / MIB);
    assert!(taken < 4 * sent + 32 * MIB, "{} MiB", taken / MIB);
    server.stop();
}
