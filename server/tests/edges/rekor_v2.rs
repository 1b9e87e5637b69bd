//! Rekor v2's doors: what is taken, what is refused and in which words, and that both of them are one log.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Channel;
use treering_api::Log as _;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::common::v1::X509Certificate;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::rekor::v2::create_entry_request::Spec;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::rekor::v2::verifier::Verifier as Material;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::rekor::v2::{
    HashedRekordRequestV002, PublicKey, Signature, Verifier,
};
use treering_api::grpc::rekor_v2::rekor_client::RekorClient;
use treering_api::grpc::rekor_v2::{
    CreateEntryRequest, EntryBundleRequest, LOG_INDEX_KEY, TileRequest,
};
use treering_server::app::Change;
use treering_tlog::merkle::InclusionProof;
use treering_tlog::note::VerifierKey;
use treering_tlog::{Hash, LeafIndex, TreeSize, checkpoint};

use super::admin::{name, new_log};
use super::fake_witness::Mood;
use super::support::{Answer, PATIENCE, Running, submission};
use super::watched::Watched;

const ENTRIES: &str = "/api/v2/log/entries";

fn key() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()
}

fn public_key() -> Vec<u8> {
    key()
        .verifying_key()
        .to_public_key_der()
        .unwrap()
        .into_vec()
}

/// The digest of a number and the signature over it.
fn signed(number: u64) -> (Vec<u8>, Vec<u8>) {
    let digest = Hash::of(&number.to_be_bytes()).as_bytes().to_vec();
    let signature: p256::ecdsa::Signature = key().sign_prehash(&digest).unwrap();
    (digest, signature.to_der().as_bytes().to_vec())
}

/// The request that logs a number.
fn request(number: u64) -> Value {
    let (digest, signature) = signed(number);
    json!({"hashedRekordRequestV002": {"digest": STANDARD.encode(digest), "signature": {
        "content": STANDARD.encode(signature),
        "verifier": {"publicKey": {"rawBytes": STANDARD.encode(public_key())}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}}}})
}

fn message(number: u64) -> CreateEntryRequest {
    let (digest, signature) = signed(number);
    CreateEntryRequest {
        spec: Some(Spec::HashedRekordRequestV002(HashedRekordRequestV002 {
            digest: digest.into(),
            signature: Some(Signature {
                content: signature.into(),
                verifier: Some(Verifier {
                    verifier: Some(Material::PublicKey(PublicKey {
                        raw_bytes: public_key().into(),
                    })),
                    key_details: 5,
                }),
            }),
        })),
    }
}

async fn create(server: &Running, body: &Value) -> Answer {
    server.post(ENTRIES, body.to_string()).await
}

fn vkey(server: &Running) -> VerifierKey {
    let text = std::fs::read_to_string(server.dir().join("rekor-v2.vkey")).unwrap();
    VerifierKey::parse(text.trim()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Checks a 201 as a client would, with nothing but the log's key; its index.
fn verify(answer: &Answer, vkey: &VerifierKey) -> u64 {
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    let entry = answer.json();
    let members: BTreeSet<&str> = entry
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "canonicalizedBody",
        "inclusionPromise",
        "inclusionProof",
        "integratedTime",
        "kindVersion",
        "logId",
        "logIndex",
    ];
    assert_eq!(members, BTreeSet::from(expected));
    assert_eq!(bytes(&entry["logId"]["keyId"]), vkey.full_id());
    let proof = &entry["inclusionProof"];
    assert_eq!(proof["logIndex"], entry["logIndex"]);
    let note = proof["checkpoint"]["envelope"].as_str().unwrap();
    let opened = checkpoint::open(note.as_bytes(), vkey).unwrap();
    let signed = opened.checkpoint();
    assert_eq!(number(&proof["treeSize"]), signed.size.get());
    assert_eq!(bytes(&proof["rootHash"]), signed.root.as_bytes());
    let hashes = proof["hashes"].as_array().unwrap().iter();
    let index = number(&entry["logIndex"]);
    let inclusion = InclusionProof {
        index: LeafIndex::new(index).unwrap(),
        size: TreeSize::new(number(&proof["treeSize"])).unwrap(),
        hashes: hashes
            .map(|hash| Hash::new(bytes(hash).try_into().unwrap()))
            .collect(),
    };
    let leaf = Hash::leaf(&bytes(&entry["canonicalizedBody"]));
    inclusion.verify(&leaf, &signed.root).unwrap();
    index
}

/// Checks a 409; the index that it names.
fn duplicate(answer: &Answer) -> u64 {
    assert_eq!(answer.status, StatusCode::CONFLICT, "{:?}", answer.body);
    let index = answer.header(LOG_INDEX_KEY).parse().unwrap();
    let message =
        format!("an equivalent entry already exists in the transparency log with index {index}");
    let expected = json!({"code": 6, "message": message, "details": []});
    assert_eq!(answer.json(), expected);
    index
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_logged_once_whatever_the_spelling_and_the_path() {
    let server = Running::start().await;
    let vkey = vkey(&server);
    let first = create(&server, &request(1)).await;
    assert_eq!(verify(&first, &vkey), 0);
    let snake = request(1)
        .to_string()
        .replace("hashedRekordRequestV002", "hashed_rekord_request_v002")
        .replace("publicKey", "public_key")
        .replace("rawBytes", "raw_bytes")
        .replace(
            "\"keyDetails\":\"PKIX_ECDSA_P256_SHA_256\"",
            "\"key_details\":5",
        );
    assert_eq!(duplicate(&server.post(ENTRIES, snake).await), 0);
    for (number, path) in [
        (2, "//api/v2/log/entries"),
        (3, "/api/v2/log/entries/"),
        (4, "/api/v2/log/entries?anything=1"),
    ] {
        let answer = server.post(path, request(number).to_string()).await;
        assert_eq!(verify(&answer, &vkey), number - 1, "{path}");
        let again = create(&server, &request(number)).await;
        assert_eq!(duplicate(&again), number - 1, "{path}");
    }
    // The native door finds what this one logged, and takes the same entry for a duplicate.
    let entry = server.get("/v1/entries/0").await.json();
    assert_eq!(entry["log"], "rekor-v2");
    let metrics = server.admin("/metrics").await;
    let metrics = std::str::from_utf8(&metrics.body).unwrap();
    for line in [
        "rekor_v2_new_hashedrekord_entries 4",
        "rekor_v2_http_requests_total{code=\"201\",method=\"post\"} 4",
        "rekor_v2_http_requests_total{code=\"409\",method=\"post\"} 4",
        "treering_requests_total{route=\"rekor_v2_create\",status=\"2xx\"} 4",
        "rekor_v2_inclusion_proof_failure_total 0",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_clients_at_once_get_an_index_each() {
    let server = Running::start().await;
    let vkey = vkey(&server);
    let requests = (0..261_u64).map(|number| {
        let server = &server;
        async move { create(server, &request(number)).await }
    });
    let answers: Vec<Answer> = stream::iter(requests).buffer_unordered(50).collect().await;
    let indexes: BTreeSet<u64> = answers.iter().map(|answer| verify(answer, &vkey)).collect();
    assert_eq!(indexes, (0..261).collect());
    let thousandth = request(1000);
    let equal = (0..12).map(|_| create(&server, &thousandth));
    let answers = futures_util::future::join_all(equal).await;
    let (new, known): (Vec<&Answer>, Vec<&Answer>) = answers
        .iter()
        .partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!(new.len(), 1, "one of them is the first");
    assert_eq!(verify(new[0], &vkey), 261);
    for answer in known {
        assert_eq!(duplicate(answer), 261);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_was_found_and_log_nothing() {
    let server = Running::start().await;
    let edited = |edit: fn(&mut Value)| {
        let mut body = request(1);
        edit(&mut body["hashedRekordRequestV002"]);
        body.to_string()
    };
    let dsse = json!({"dsseRequestV002": {"envelope": {}, "verifiers": []}}).to_string();
    let long = format!("AA{}", "AAAA".repeat(50_000));
    let long = edited_certificate(&long);
    for (body, words) in [
        (String::new(), "empty body"),
        ("{}".to_owned(), "hashedRekordRequestV002"),
        ("[]".to_owned(), "expected"),
        (dsse, "digest of its DSSE pre-authentication encoding"),
        (edited(|entry| entry["extra"] = json!(1)), "extra"),
        (
            edited(|entry| entry["digest"] = json!("AAAA")),
            "digest of 32 bytes, found 3",
        ),
        (
            edited(|entry| entry["digest"] = json!(STANDARD.encode([0; 32]))),
            "verifies",
        ),
        (
            edited(|entry| {
                entry["signature"]["verifier"]["keyDetails"] =
                    json!("PKIX_RSA_PKCS1V15_2048_SHA256")
            }),
            "expected key details PKIX_ECDSA_P256_SHA_256 for this key, found PKIX_RSA_PKCS1V15_2048_SHA256",
        ),
        (
            edited(|entry| entry["signature"]["verifier"]["keyDetails"] = json!("PKIX_ED25519")),
            "PKIX_ED25519",
        ),
        (long, "x509Certificate"),
    ] {
        let answer = server.post(ENTRIES, body).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{words}: {:?}",
            answer.body
        );
        let error = answer.json();
        assert_eq!(
            (&error["code"], &error["details"]),
            (&json!(3), &json!([])),
            "{error}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{words}: {message}");
    }
    let size = server.get("/v1/logs").await.json()["logs"][0]["size"].clone();
    assert_eq!(size, json!(0), "nothing was logged");
    server.stop().await;
}

fn edited_certificate(raw: &str) -> String {
    let mut body = request(1);
    let verifier = &mut body["hashedRekordRequestV002"]["signature"]["verifier"];
    *verifier = json!({"x509Certificate": {"rawBytes": raw}, "keyDetails": 5});
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_paths_are_told() {
    let server = Running::start().await;
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let wrong = Request::builder()
            .method(method)
            .uri(format!("{}{ENTRIES}", server.url()));
        let answer = server.send(wrong, "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), "POST");
        assert_eq!(answer.json()["code"], 12);
    }
    for path in ["/api/v2/nothing", "/api/v2/log"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let expected = json!({"code": 5, "message": "Not Found", "details": []});
        assert_eq!(answer.json(), expected, "{path}");
    }
    let health = server.get("/healthz").await;
    assert_eq!(health.status, StatusCode::OK);
    assert_eq!(health.body, "{\"status\":\"SERVING\"}\n");
    server.server.app().close_streams();
    let health = server.get("/healthz").await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.json(), json!({"status": "NOT_SERVING"}));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_too_much_before_reading_is_told() {
    let server = Running::start().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let len = 5 << 20;
    let head =
        format!("POST {ENTRIES} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; len]).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        while !answer.ends_with(b"}") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("in time");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.contains("4194304 bytes") && answer.contains("5242880"),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_log_names_its_size_and_its_successor() {
    let server = Running::start().await;
    let vkey = vkey(&server);
    let last = create(&server, &request(1)).await;
    verify(&last, &vkey);
    let app = server.server.app();
    let second = new_log("second", Some("http://second.example:3000"));
    app.change(Change::Add(second)).await.unwrap();
    let frozen = name("rekor-v2");
    let successor = Some(name("second"));
    app.service()
        .freeze(&frozen, successor.as_ref())
        .await
        .unwrap();
    let at_first =
        Request::post(format!("{}{ENTRIES}", server.url())).header("host", "localhost:3000");
    let frozen = server.send(at_first, request(2).to_string()).await;
    assert_eq!(frozen.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(frozen.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        frozen.body,
        "log rekor-v2 is frozen at size 1, new entries go to log second at http://second.example:3000\n"
    );
    let channel = Channel::from_shared(server.url()).unwrap();
    let channel = channel.origin("http://localhost:3000".parse().unwrap());
    let mut client = RekorClient::new(channel.connect().await.unwrap());
    let refused = client.create_entry(message(2)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("second.example"), "{refused}");
    let note = Request::get(format!("{}/checkpoint", server.url())).header("host", "localhost");
    let note = server.send(note, "").await;
    let opened = checkpoint::open(&note.body, &vkey).unwrap();
    assert_eq!(opened.checkpoint().size.get(), 1, "it goes on answering");
    // The successor takes entries under its own host.
    let moved =
        Request::post(format!("{}{ENTRIES}", server.url())).header("host", "second.example:3000");
    let moved = server.send(moved, request(2).to_string()).await;
    assert_eq!(moved.status, StatusCode::CREATED);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_setting_an_attestation_is_logged_and_kept() {
    let server = Running::start_with(&[("TREERING_SERVER_REKOR_V2_DSSE_REQUESTS", "true")]).await;
    let envelope = submission("an attestation").envelope;
    let verifier = json!({"publicKey": {"rawBytes": STANDARD.encode(public_key())}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"});
    let envelope_json: Box<serde_json::value::RawValue> =
        serde_json::from_slice(&envelope).unwrap();
    let body =
        format!(r#"{{"dsseRequestV002":{{"envelope":{envelope_json},"verifiers":[{verifier}]}}}}"#);
    let answer = server.post(ENTRIES, body.clone()).await;
    assert_eq!(verify(&answer, &vkey(&server)), 0);
    let leaf: Value = serde_json::from_slice(&bytes(&answer.json()["canonicalizedBody"])).unwrap();
    assert_eq!(leaf["kind"], "hashedrekord");
    let pae = "DSSEv1 10 text/plain 14 an attestation";
    let digest = &leaf["spec"]["hashedRekordV002"]["data"]["digest"];
    assert_eq!(bytes(digest), Hash::of(pae.as_bytes()).as_bytes());
    // The envelope itself is kept as it came, and the native door knows both.
    let kept = server
        .get(&format!("/v1/envelopes/{}", Hash::of(&envelope)))
        .await;
    assert_eq!((kept.status, kept.body), (StatusCode::OK, envelope));
    let native = server.server.app().service();
    let again = native.submit(None, submission("an attestation")).await;
    let again = again.unwrap().remove(0);
    assert_eq!((again.index.get(), again.duplicate), (0, true));
    assert_eq!(duplicate(&server.post(ENTRIES, body).await), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_setting_key_details_only_name_the_digest() {
    let server = Running::start_with(&[("TREERING_SERVER_REKOR_V2_ANY_KEY_DETAILS", "true")]).await;
    let mut body = request(1);
    body["hashedRekordRequestV002"]["signature"]["verifier"]["keyDetails"] =
        json!("PKIX_RSA_PKCS1V15_2048_SHA256");
    verify(&create(&server, &body).await, &vkey(&server));
    body["hashedRekordRequestV002"]["signature"]["verifier"]["keyDetails"] =
        json!("PKIX_ED25519_PH");
    let other = create(&server, &body).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST, "another digest");
    server.stop().await;
}

async fn client(server: &Running) -> RekorClient<Channel> {
    RekorClient::connect(server.url()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_doors_are_one_log() {
    let server = Running::start().await;
    let mut client = client(&server).await;
    let entry = client.create_entry(message(1)).await.unwrap().into_inner();
    assert_eq!((entry.log_index, entry.integrated_time), (0, 0));
    let known = client.create_entry(message(1)).await.unwrap_err();
    assert_eq!(known.code(), Code::AlreadyExists);
    assert_eq!(known.metadata().get(LOG_INDEX_KEY).unwrap(), "0");
    assert_eq!(duplicate(&create(&server, &request(1)).await), 0);
    let over_rest = create(&server, &request(2)).await;
    assert_eq!(verify(&over_rest, &vkey(&server)), 1);

    let note = client.get_checkpoint(()).await.unwrap().into_inner();
    assert_eq!(note.data, server.get("/checkpoint").await.body);
    assert_eq!(note.content_type, "text/plain; charset=utf-8");
    let tile = TileRequest {
        l: 0,
        n: "000.p/2".to_owned(),
    };
    let tile = client.get_tile(tile).await.unwrap().into_inner();
    assert_eq!(tile.data, server.get("/tile/0/000.p/2").await.body);
    let bundle = EntryBundleRequest {
        n: "000.p/2".to_owned(),
    };
    let bundle = client.get_entry_bundle(bundle).await.unwrap().into_inner();
    assert_eq!(bundle.data, server.get("/tile/entries/000.p/2").await.body);
    let beyond = TileRequest {
        l: 0,
        n: "000.p/3".to_owned(),
    };
    let beyond = client.get_tile(beyond).await.unwrap_err();
    assert_eq!(beyond.code(), Code::NotFound, "{beyond}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_refused_have_the_code_of_their_fault() {
    let server = Running::start().await;
    let mut client = client(&server).await;
    let mut wrong = message(1);
    if let Some(Spec::HashedRekordRequestV002(request)) = &mut wrong.spec {
        request.digest = Bytes::from(vec![0; 32]);
    }
    let mut certificate = message(1);
    if let Some(Spec::HashedRekordRequestV002(request)) = &mut certificate.spec {
        let raw_bytes = public_key().into();
        let verifier = request
            .signature
            .as_mut()
            .unwrap()
            .verifier
            .as_mut()
            .unwrap();
        verifier.verifier = Some(Material::X509Certificate(X509Certificate { raw_bytes }));
    }
    let mut large = message(1);
    if let Some(Spec::HashedRekordRequestV002(request)) = &mut large.spec {
        request.digest = Bytes::from(vec![0; 5 << 20]);
    }
    for (message, code, words) in [
        (wrong, Code::InvalidArgument, "verifies"),
        (certificate, Code::InvalidArgument, "x509Certificate"),
        (
            CreateEntryRequest { spec: None },
            Code::InvalidArgument,
            "hashedRekordRequestV002",
        ),
        (large, Code::ResourceExhausted, "4194304"),
    ] {
        let refused = client.create_entry(message).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.message().contains(words), "{words}: {refused}");
    }
    let metrics = server.admin("/metrics").await;
    let metrics = std::str::from_utf8(&metrics.body).unwrap();
    for line in [
        "treering_requests_total{route=\"grpc_rekor_v2\",status=\"4xx\"} 4",
        "treering_requests_total{route=\"grpc_rekor_v2\",status=\"5xx\"} 0",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_the_quorum_if_it_is_asked_to() {
    let alone = Running::start().await;
    let path = format!("{ENTRIES}?wait=cosigned");
    let refused = alone.post(&path, request(1).to_string()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("witness.policy"), "{message}");
    assert_eq!(verify(&create(&alone, &request(1)).await, &vkey(&alone)), 0);
    alone.stop().await;

    let watched = Watched::start(&[Mood::Honest, Mood::Down], "any", &[]).await;
    let vkey = vkey(&watched.server);
    let answer = watched.server.post(&path, request(1).to_string()).await;
    assert_eq!(verify(&answer, &vkey), 0);
    let entry = answer.json();
    let note = entry["inclusionProof"]["checkpoint"]["envelope"].as_str();
    let (checkpoint, cosigned) = watched.check(note.unwrap());
    assert_eq!((checkpoint.size.get(), cosigned), (1, 1));
    assert_eq!(
        duplicate(&watched.server.post(&path, request(1).to_string()).await),
        0
    );
    watched.server.stop().await;
}
