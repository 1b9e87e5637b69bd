//! Rekor v1's door: what is promised of odd, old and large entries.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use treering_api::Log as _;
use treering_storage::record::RecordEntry;
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Edge, Journal as _, LogId, View as _, apply};
use treering_tlog::{Hash, LeafIndex};

use super::admin::name;
use super::archivista_support::{Key, envelope, intoto, log_dsse};
use super::rekor_v1::{ENTRIES, one, post, proposed, start, verify};
use super::support::{PATIENCE, Running, submission};

/// The log that [`start`] adds to the one of Rekor v2.
const REKOR_V1: LogId = LogId(1);

fn open(dir: &Path) -> RocksStore {
    let options = RocksOptions {
        reserve_bytes: 0,
        ..RocksOptions::default()
    };
    RocksStore::open(dir, &options).unwrap()
}

/// Leaves as Rekor has them of kinds that this server does not take.
fn foreign_leaves() -> [Value; 3] {
    let (digest, key) = (Hash::of(b"package").to_hex(), STANDARD.encode("a key"));
    let hash = json!({"algorithm": "sha256", "value": digest});
    let rpm = json!({"package": {"hash": hash, "headers": {"Epoch": "0", "Name": "treering"}}, "publicKey": {"content": key}});
    let alpine = json!({"package": {"hash": hash, "pkginfo": {"pkgname": "treering"}}, "publicKey": {"content": key}});
    let jar = json!({"archive": {"hash": hash}, "signature": {"content": key, "publicKey": {"content": key}}});
    [("rpm", rpm), ("alpine", alpine), ("jar", jar)]
        .map(|(kind, spec)| json!({"apiVersion": "0.0.1", "kind": kind, "spec": spec}))
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_kinds_that_are_not_taken_are_served() {
    let folder = start().await.stop_keeping().await;
    let bodies = foreign_leaves().map(|leaf| Bytes::from(leaf.to_string()));
    let entries = bodies
        .iter()
        .map(|body| RecordEntry::new(body.clone(), None));
    let staged = apply::stage(&Edge::new(), REKOR_V1, 1_700_000_000, entries.collect());
    open(&folder.path().join("log")).commit(&staged).unwrap();
    let server = Running::serve_in(folder).await;
    for (index, body) in bodies.iter().enumerate() {
        let (id, entry) = one(&server.get(&format!("{ENTRIES}?logIndex={index}")).await);
        assert_eq!(entry.log_index, index as u64);
        assert_eq!(Bytes::from(STANDARD.decode(&entry.body).unwrap()), body);
        assert_eq!(entry.integrated_time, 1_700_000_000);
        for path in [
            format!("{ENTRIES}/{id}"),
            format!("{ENTRIES}/{}", Hash::leaf(body)),
        ] {
            let answer = server.get(&path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            let (found_id, found) = one(&answer);
            assert_eq!((&found_id, &found.body), (&id, &entry.body), "{path}");
            verify(&server, &found_id, &found).await;
        }
    }
    for leaf in foreign_leaves() {
        let refused = post(&server, ENTRIES, &leaf).await;
        assert!(refused.status.is_client_error(), "{:?}", refused.body);
    }
    let (id, entry) = one(&post(&server, ENTRIES, &proposed(1)).await);
    assert_eq!(entry.log_index, 3, "the log goes on behind them");
    verify(&server, &id, &entry).await;
    server.stop().await;
}

/// Proposals that are taken, and the parts of each that a URL may not stand for.
fn proposals() -> Vec<(Value, Vec<&'static str>)> {
    const CASES: &str = include_str!("../../../proto/rekor/tests/vectors/helm-tuf/cases.jsonl");
    let case = |name: &str| -> Value {
        let mut cases = CASES
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let case = cases.find(|case| case["name"] == name).unwrap();
        serde_json::from_str(case["body"].as_str().unwrap()).unwrap()
    };
    let signer = p256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap();
    let signature: p256::ecdsa::Signature = signer.sign(b"data");
    let key = Key::new(3);
    let rekord = json!({"apiVersion": "0.0.1", "kind": "rekord", "spec": {
        "data": {"content": STANDARD.encode("data")}, "signature": {"format": "x509",
        "content": STANDARD.encode(signature.to_der()), "publicKey": {"content": STANDARD.encode(key.pem())}}}});
    let intoto = |version| intoto(version, &key.envelope("a"), &key);
    vec![
        (
            rekord,
            vec!["/spec/signature/publicKey", "/spec/signature", "/spec/data"],
        ),
        (
            case("helm-gpg"),
            vec!["/spec/publicKey", "/spec/chart/provenance"],
        ),
        (
            case("tuf-two-of-three"),
            vec!["/spec/root", "/spec/metadata"],
        ),
        (intoto("0.0.1"), vec!["/spec/publicKey", "/spec/content"]),
        (
            intoto("0.0.2"),
            vec![
                "/spec/content/envelope/signatures/0/publicKey",
                "/spec/content/envelope",
            ],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_named_by_a_url_is_refused_and_never_fetched() {
    let server = start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for (number, (proposal, parts)) in (0..).zip(proposals()) {
        for part in parts {
            let mut by_url = proposal.clone();
            *by_url.pointer_mut(part).unwrap() = json!({"url": format!("http://{address}/key")});
            let answer = post(&server, ENTRIES, &by_url).await;
            let found = (answer.status.as_u16(), answer.json()["code"].clone());
            assert_eq!(found, (400, json!(400)), "{by_url}: {:?}", answer.body);
        }
        let size = server.get("/api/v1/log").await.json()["treeSize"].clone();
        assert_eq!(size, json!(number), "nothing was logged");
        let whole = post(&server, ENTRIES, &proposal).await;
        assert_eq!(whole.status, StatusCode::CREATED, "{:?}", whole.body);
    }
    assert!(server.stop().await);
    // Connections are accepted in the order in which they came: this is the first.
    let first = TcpStream::connect(address).await.unwrap();
    let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await;
    let (_, from) = accepted.expect("in time").unwrap();
    assert_eq!(from, first.local_addr().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_of_intoto_are_given_out_up_to_a_size() {
    let (server, key) = (start().await, Key::new(3));
    // Counted by the base64 text with its padding, in threes: the longest that is given out has 100 KiB less one byte.
    for (size, given_out) in [(100 * 1024 - 1, true), (100 * 1024, false)] {
        for version in ["0.0.1", "0.0.2", "dsse"] {
            let payload = format!("{version}{}", "x".repeat(size - version.len()));
            let signatures = [key.signature("text/plain", &payload, "a")];
            let envelope = envelope("text/plain", &payload, &signatures);
            let answer = match version {
                "dsse" => log_dsse(&server, &envelope, &[&key]).await,
                version => post(&server, ENTRIES, &intoto(version, &envelope, &key)).await,
            };
            assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
            let id = one(&answer).0;
            let found = server.get(&format!("{ENTRIES}/{id}")).await;
            let expected = if given_out && version != "dsse" {
                json!({"data": STANDARD.encode(&payload)})
            } else {
                Value::Null
            };
            let attestation = &found.json()[&id]["attestation"];
            assert!(*attestation == expected, "{version} of {size} bytes");
        }
    }
    server.stop().await;
}

/// Sends spaces in chunks of a mebibyte, without their length.
async fn post_spaces(server: &Running, path: &str, mebibytes: usize) -> (StatusCode, Bytes) {
    let chunk = Bytes::from(vec![b' '; 1 << 20]);
    let frames =
        (0..mebibytes).map(move |_| Ok::<_, std::convert::Infallible>(Frame::data(chunk.clone())));
    let request = Request::post(format!("{}{path}", server.url()));
    let request = request.header("content-type", "application/json");
    let request = request.body(StreamBody::new(futures_util::stream::iter(frames)));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = async {
        let response = client.request(request.unwrap()).await.unwrap();
        let status = response.status();
        (
            status,
            response.into_body().collect().await.unwrap().to_bytes(),
        )
    };
    tokio::time::timeout(PATIENCE, answer)
        .await
        .expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_a_length_are_refused_beyond_the_limit() {
    let server = start().await;
    for path in [
        ENTRIES,
        "/logs/rekor-v1/api/v1/log/entries",
        "/api/v1/log/entries/retrieve",
        "/api/v1/index/retrieve",
        "/logs/rekor-v1/api/v1/index/retrieve",
    ] {
        let (status, body) = post_spaces(&server, path, 33).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}: {body:?}");
        let error: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(error["code"], 413, "{path}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("at most 33554432 bytes"), "{message}");
    }
    server.stop().await;
}

/// Makes the database again out of what happened, without what followed from it.
fn replay(dir: &Path) {
    let old = open(dir);
    let events = old.events().unwrap();
    let mut staged = Vec::new();
    let (mut edge, end) = (Edge::new(), old.head(REKOR_V1).unwrap().size);
    while edge.size() < end {
        let first = edge.size().next_index();
        let record = old.record(REKOR_V1, first).unwrap().unwrap();
        let next = apply::restage(&edge, record).unwrap();
        edge = next.edge.clone();
        staged.push(next);
    }
    let kept = old.timestamps(REKOR_V1, LeafIndex::ZERO, 9).unwrap();
    assert!(
        kept.len() == 4 && kept.iter().all(Option::is_some),
        "{kept:?}"
    );
    drop(old);
    std::fs::remove_dir_all(dir.join("db")).unwrap();
    let new = open(dir);
    for (number, event) in (0..).zip(&events) {
        new.append_event(number, event).unwrap();
    }
    for batch in &staged {
        new.commit(batch).unwrap();
    }
    let kept = new.timestamps(REKOR_V1, LeafIndex::ZERO, 9).unwrap();
    assert_eq!(kept, [const { None }; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn timestamps_that_were_lost_are_made_again() {
    let server = start().await;
    for number in 0..3 {
        post(&server, ENTRIES, &proposed(number)).await;
    }
    let service = server.server.app().service();
    let log = name("rekor-v1");
    let native = service.submit(Some(&log), submission("native")).await;
    native.unwrap();
    let mut before = Vec::new();
    for index in 0..4 {
        before.push(one(&server
            .get(&format!("{ENTRIES}?logIndex={index}"))
            .await));
    }
    let folder = server.stop_keeping().await;
    replay(&folder.path().join("log"));
    let server = Running::serve_in(folder).await;
    for (index, (id, entry)) in before.iter().enumerate() {
        let (found_id, found) = one(&server.get(&format!("{ENTRIES}?logIndex={index}")).await);
        assert_eq!((&found_id, found.log_index), (id, index as u64));
        assert_eq!(found.integrated_time, entry.integrated_time);
        assert_eq!((&found.body, &found.log_id), (&entry.body, &entry.log_id));
        let timestamps = [&found, entry].map(|entry| {
            let verification = entry.verification.as_ref().unwrap();
            verification.signed_entry_timestamp.clone()
        });
        assert_ne!(timestamps[0], timestamps[1], "another signature each time");
        verify(&server, &found_id, &found).await;
    }
    server.stop().await;
}
