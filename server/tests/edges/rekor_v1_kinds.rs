//! Rekor v1's door: kinds that need more than a key, and a server of that dialect alone.

use http::{Request, StatusCode};
use serde_json::{Value, json};
use treering_api::log::Dialect;
use treering_rekor::v1::wire::LogEntry;
use treering_server::init::{InitOptions, init};

use super::support::{Answer, Running, clock, options};

const ENTRIES: &str = "/api/v1/log/entries";
const CASES: &str = include_str!("../../../proto/rekor/tests/vectors/helm-tuf/cases.jsonl");

/// A server whose only log is of dialect rekor-v1.
async fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("log");
    let options = options("http://localhost:3000");
    let options = InitOptions {
        dialects: vec![Dialect::RekorV1],
        ..options
    };
    let made = init(&dir, options, clock()).await;
    assert_eq!(made.unwrap().len(), 1);
    Running::start_in(folder, &[]).await
}

async fn post(server: &Running, path: &str, body: impl Into<String>) -> Answer {
    let request = Request::post(format!("{}{path}", server.url()));
    let request = request.header("content-type", "application/json");
    server.send(request, body.into()).await
}

/// A recorded request and what its entry is found by.
fn case(name: &str) -> (String, Vec<String>) {
    let lines = CASES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut found = lines.filter(|case: &Value| case["name"] == name);
    let case = found.next().unwrap();
    let keys = case["keys"].as_array().unwrap().iter();
    let keys = keys.map(|key| key.as_str().unwrap().to_owned()).collect();
    (case["body"].as_str().unwrap().to_owned(), keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_helm_and_tuf_are_logged_and_found() {
    let server = start().await;
    for name in ["helm-gpg", "tuf-two-of-three"] {
        let (body, keys) = case(name);
        let answer = post(&server, ENTRIES, body.clone()).await;
        assert_eq!(
            answer.status,
            StatusCode::CREATED,
            "{name}: {:?}",
            answer.body
        );
        let entry: LogEntry = serde_json::from_slice(&answer.body).unwrap();
        let id = entry.keys().next().unwrap();
        let same = post(&server, ENTRIES, body).await;
        assert_eq!(same.status, StatusCode::CONFLICT, "{name}");
        for key in keys {
            let asked = json!({"subject": key}).to_string();
            let found = post(&server, "/api/v1/index/retrieve", asked).await;
            assert_eq!(found.json(), json!([id]), "{name}: {key}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_has_expired_is_refused_by_the_servers_clock() {
    let server = start().await;
    let (body, _) = case("tuf-upstream-base64");
    let answer = post(&server, ENTRIES, body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let error = answer.json();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("one that did at 1639855692"), "{message}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_a_proxy_is_not_said_again() {
    let server = start().await;
    let (body, _) = case("helm-upstream");
    let path = format!("{ENTRIES}?apiKey=s&a=b&apiKey=t&apiKeys=c");
    let answer = post(&server, &path, body.clone()).await;
    let id = answer.header("etag").to_owned();
    let expected = format!("{ENTRIES}/{id}?a=b&apiKeys=c");
    assert_eq!(answer.header("location"), expected);
    let again = post(&server, &format!("{ENTRIES}?apiKey=s"), body).await;
    assert_eq!(again.header("location"), format!("{ENTRIES}/{id}"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_rekor_v2_answers_as_one_that_does_not_know_it() {
    let server = start().await;
    let answer = post(&server, "/api/v2/log/entries", "{}").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let expected = "path /api/v2/log/entries was not found";
    assert_eq!(answer.json(), json!({"code": 404, "message": expected}));
    let info = server.get("/api/v1/log").await;
    assert_eq!(info.json()["treeSize"], json!(0));
    server.stop().await;
}
