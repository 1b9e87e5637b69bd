//! Rekor v1's door: what its clients look at, verified with nothing but the log's public key.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, StatusCode};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};
use treering_api::Log as _;
use treering_api::log::Dialect;
use treering_rekor::v1::wire::{LogEntry, LogEntryAnon, LogInfo};
use treering_rekor::v1::{LogKey, Operator, SearchIndex, Tree, TreeId};
use treering_server::app::{Change, NewLog};
use treering_tlog::merkle::{ConsistencyProof, InclusionProof};
use treering_tlog::note::VerifierKey;
use treering_tlog::{Hash, LeafIndex, TreeSize, checkpoint};

use super::admin::name;
use super::support::{Answer, Running, submission};

pub(crate) const ENTRIES: &str = "/api/v1/log/entries";

fn key() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()
}

fn pem() -> String {
    key()
        .verifying_key()
        .to_public_key_pem(LineEnding::LF)
        .unwrap()
}

/// The proposed entry of a number.
pub(crate) fn proposed(number: u64) -> Value {
    let digest = Hash::of(&number.to_be_bytes());
    let signature: p256::ecdsa::Signature = key().sign_prehash(digest.as_bytes()).unwrap();
    json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": {"hash": {"algorithm": "sha256", "value": digest.to_hex()}},
        "signature": {"content": STANDARD.encode(signature.to_der()), "publicKey": {"content": STANDARD.encode(pem())}}}})
}

/// The proposed dsse entry of [`submission`].
fn proposed_dsse(text: &str) -> Value {
    let envelope = String::from_utf8(submission(text).envelope.to_vec()).unwrap();
    json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": {
        "envelope": envelope, "verifiers": [STANDARD.encode(pem())]}, "signatures": null}})
}

pub(crate) fn new_log(called: &str) -> NewLog {
    NewLog {
        name: name(called),
        dialect: Dialect::RekorV1,
        url: None,
        origin: None,
        allow_foreign_origin: false,
    }
}

pub(crate) async fn start() -> Running {
    let server = Running::start().await;
    let added = Change::Add(new_log("rekor-v1"));
    server.server.app().change(added).await.unwrap();
    server
}

pub(crate) async fn post(server: &Running, path: &str, body: &Value) -> Answer {
    let request = Request::post(format!("{}{path}", server.url()));
    let request = request.header("content-type", "application/json");
    server.send(request, body.to_string()).await
}

/// The one entry of an answer, with its id.
pub(crate) fn one(answer: &Answer) -> (String, LogEntryAnon) {
    let entries: LogEntry = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.into_iter().next().unwrap()
}

/// The keys of the trees that `GET /api/v1/log` tells of.
async fn trees(server: &Running) -> BTreeMap<String, Tree> {
    let info: LogInfo = serde_json::from_slice(&server.get("/api/v1/log").await.body).unwrap();
    let mut trees = BTreeMap::new();
    for shard in info.inactive_shards.iter().chain([&info.active]) {
        let path = format!("/api/v1/log/publicKey?treeID={}", shard.tree_id);
        let pem = server.get(&path).await;
        assert_eq!(pem.header("content-type"), "application/x-pem-file");
        let key = log_key(&pem.body);
        let id = TreeId::new(shard.tree_id.parse().unwrap()).unwrap();
        let tree = Tree::new(&key, "localhost", id).unwrap();
        let opened = tree.open(&shard.signed_tree_head).unwrap();
        assert_eq!(opened.checkpoint().size.get(), shard.tree_size);
        assert_eq!(opened.checkpoint().root.to_hex(), shard.root_hash);
        trees.insert(key.log_id(), tree);
    }
    trees
}

fn log_key(pem: &[u8]) -> LogKey {
    let text = std::str::from_utf8(pem).unwrap();
    let key = treering_attest::PublicKey::from_pem_or_der(text.as_bytes()).unwrap();
    LogKey::from_spki_der(key.spki_der()).unwrap()
}

/// Checks an entry as a client would.
pub(crate) async fn verify(server: &Running, id: &str, entry: &LogEntryAnon) {
    let trees = trees(server).await;
    let tree = &trees[&entry.log_id];
    let path = format!("/api/v1/log/publicKey?treeID={}", tree.id());
    let key = log_key(&server.get(&path).await.body);
    key.verify_timestamp(entry).unwrap();
    let proof = &entry.verification.as_ref().unwrap().inclusion_proof;
    let opened = tree.open(&proof.checkpoint).unwrap();
    assert_eq!(opened.checkpoint().size.get(), proof.tree_size);
    assert_eq!(
        proof.checkpoint.matches('\u{2014}').count(),
        1,
        "one signature"
    );
    let leaf = Hash::leaf(&STANDARD.decode(&entry.body).unwrap());
    let hashes = proof
        .hashes
        .iter()
        .map(|hash| Hash::from_hex(hash).unwrap());
    let inclusion = InclusionProof {
        index: LeafIndex::new(proof.log_index).unwrap(),
        size: TreeSize::new(proof.tree_size).unwrap(),
        hashes: hashes.collect(),
    };
    inclusion.verify(&leaf, &opened.checkpoint().root).unwrap();
    assert_eq!(id, format!("{}{}", tree.id().to_hex(), leaf.to_hex()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_goes_in_and_is_found_in_every_way() {
    let server = start().await;
    let answer = post(&server, ENTRIES, &proposed(1)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    let (id, entry) = one(&answer);
    assert_eq!((answer.header("etag"), entry.log_index), (id.as_str(), 0));
    assert_eq!(answer.header("location"), format!("{ENTRIES}/{id}"));
    verify(&server, &id, &entry).await;

    let again = post(&server, ENTRIES, &proposed(1)).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(again.header("location"), format!("{ENTRIES}/{id}"));
    assert!(again.json()["message"].as_str().unwrap().contains(&id));

    for path in [
        format!("{ENTRIES}/{id}"),
        format!("{ENTRIES}/{}", &id[16..]),
        "//api/v1/log/entries?logIndex=0".to_owned(),
        format!("/logs/rekor-v1/api/v1/log/entries/{id}/"),
    ] {
        let found = server.get(&path).await;
        assert_eq!(found.status, StatusCode::OK, "{path}");
        let (found_id, found) = one(&found);
        assert_eq!(found_id, id, "{path}");
        // The timestamp that was handed out first stays.
        assert_eq!(
            found.verification.as_ref().unwrap().signed_entry_timestamp,
            entry.verification.as_ref().unwrap().signed_entry_timestamp,
            "{path}"
        );
        verify(&server, &found_id, &found).await;
    }
    let missing = server.get(&format!("{ENTRIES}?logIndex=1")).await;
    assert_eq!(
        (missing.status, missing.body.len()),
        (StatusCode::NOT_FOUND, 0)
    );
    assert_eq!(missing.header("content-type"), "");
    let body = json!({"entries": [proposed(1), proposed(2)], "logIndexes": [0, 7]});
    let retrieved = post(&server, "/api/v1/log/entries/retrieve/", &body).await;
    let retrieved: Vec<LogEntry> = serde_json::from_slice(&retrieved.body).unwrap();
    assert_eq!(retrieved.len(), 2, "what is not there is left out");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_found_by_what_they_are_about_in_both_doors() {
    let server = start().await;
    let answer = post(&server, ENTRIES, &proposed_dsse("hello")).await;
    let (id, entry) = one(&answer);
    verify(&server, &id, &entry).await;
    let envelope = submission("hello").envelope;
    let search = json!({"hash": format!("sha256:{}", Hash::of(&envelope))});
    let found = post(&server, "/api/v1/index/retrieve", &search).await;
    assert_eq!(found.json(), json!([id]));
    let none = json!({"hash": format!("sha256:{}", Hash::of(b"other"))});
    let none = post(&server, "/api/v1/index/retrieve", &none).await;
    assert_eq!(none.json(), json!([]));
    let kept = server
        .get(&format!("/v1/envelopes/{}", Hash::of(&envelope)))
        .await;
    assert_eq!(kept.body, envelope);

    // The native door logs the same entry for the same envelope, and finds another one's at once.
    let service = server.server.app().service();
    let log = name("rekor-v1");
    let native = service.submit(Some(&log), submission("hello")).await;
    let native = native.unwrap().remove(0);
    assert_eq!((native.index.get(), native.duplicate), (0, true));
    let second = service.submit(Some(&log), submission("two")).await;
    let second = second.unwrap().remove(0);
    let search = json!({"hash": Hash::of(&submission("two").envelope).to_hex()});
    let found = post(&server, "/api/v1/index/retrieve", &search)
        .await
        .json();
    assert!(
        found[0]
            .as_str()
            .unwrap()
            .ends_with(&second.leaf_hash.to_hex())
    );
    // By the same key, joined both ways.
    let by_key = json!({"publicKey": {"format": "x509", "content": STANDARD.encode(pem())}, "operator": "and",
        "hash": Hash::of(&1_u64.to_be_bytes()).to_hex()});
    assert_eq!(
        post(&server, "/api/v1/index/retrieve", &by_key)
            .await
            .json(),
        json!([])
    );
    let (hashed, _) = one(&post(&server, ENTRIES, &proposed(1)).await);
    let found = post(&server, "/api/v1/index/retrieve", &by_key)
        .await
        .json();
    assert_eq!(found, json!([hashed]));
    server.stop().await;
}

/// The ids come from the tiles of the tree: a full one, and one that is not full yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_many_entries_finds_them_all_in_order() {
    let server = start().await;
    let service = server.server.app().service();
    let texts: Vec<_> = (0..300).map(|number| number.to_string()).collect();
    let submissions = texts.iter().map(|text| submission(text)).collect();
    let submitted = service
        .submit_batch(Some(&name("rekor-v1")), submissions)
        .await;
    let mut expected: Vec<_> = submitted
        .into_iter()
        .map(|one| one.unwrap().remove(0))
        .map(|receipt| (receipt.index, receipt.leaf_hash.to_hex()))
        .collect();
    expected.sort();
    let search = json!({"hash": format!("sha256:{}", Hash::of(pem().as_bytes()))});
    let found = post(&server, "/api/v1/index/retrieve", &search).await;
    let found: Vec<String> = serde_json::from_value(found.json()).unwrap();
    assert_eq!(found.len(), 300);
    for (id, (index, leaf)) in found.iter().zip(expected) {
        assert_eq!(id.get(16..), Some(&*leaf), "{index}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_only_grows_and_its_tiles_are_those_of_the_same_tree() {
    let server = start().await;
    let mut roots = vec![];
    for number in 0..5 {
        let (_, entry) = one(&post(&server, ENTRIES, &proposed(number)).await);
        let proof = entry.verification.unwrap().inclusion_proof;
        roots.push(Hash::from_hex(&proof.root_hash).unwrap());
    }
    let answer = server
        .get("/api/v1/log/proof?firstSize=2&lastSize=5")
        .await
        .json();
    let hashes = answer["hashes"].as_array().unwrap().iter();
    let proof = ConsistencyProof {
        from: TreeSize::new(2).unwrap(),
        to: TreeSize::new(5).unwrap(),
        hashes: hashes
            .map(|hash| Hash::from_hex(hash.as_str().unwrap()).unwrap())
            .collect(),
    };
    proof.verify(&roots[1], &roots[4]).unwrap();
    let too_large = server.get("/api/v1/log/proof?lastSize=6").await;
    assert_eq!(too_large.status, StatusCode::BAD_REQUEST);

    let vkey = std::fs::read_to_string(server.dir().join("rekor-v1.vkey")).unwrap();
    let vkey = VerifierKey::parse(vkey.trim()).unwrap();
    let note = server.get("/logs/rekor-v1/checkpoint").await;
    let opened = checkpoint::open(&note.body, &vkey).unwrap();
    assert_eq!(opened.checkpoint().root, roots[4]);
    let tile = server.get("/logs/rekor-v1/tile/0/000.p/5").await;
    assert_eq!(tile.body.len(), 5 * 32);
    let pem = std::fs::read(server.dir().join("rekor-v1.pub")).unwrap();
    assert_eq!(pem, server.get("/api/v1/log/publicKey").await.body);
    assert_eq!(pem, server.get("/v1/rekor-v1.pub").await.body);
    let root = server.get("/v1/trusted_root.json").await.json();
    let log_ids: Vec<&Value> = root["tlogs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|log| &log["logId"]["keyId"])
        .collect();
    let expected = STANDARD.encode(hex::decode(log_key(&pem).log_id()).unwrap());
    assert!(
        log_ids.contains(&&json!(expected)) && log_ids.len() == 2,
        "{log_ids:?}"
    );
    let config = server.get("/v1/signing_config.rekor-v1.json").await.json();
    assert_eq!(config["rekorTlogUrls"][0]["majorApiVersion"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_go_on_over_shards_and_old_ones_stay() {
    let server = start().await;
    let mut ids = vec![];
    for number in 0..3 {
        ids.push(one(&post(&server, ENTRIES, &proposed(number)).await));
    }
    let taken = Change::Rotate {
        from: name("rekor-v1"),
        to: new_log("rekor-v2"),
    };
    let refused = server.server.app().change(taken).await.unwrap_err();
    assert!(
        refused.message.contains("that no log of this server has"),
        "{refused}"
    );
    let rotate = Change::Rotate {
        from: name("rekor-v1"),
        to: new_log("rekor-v1-2"),
    };
    // Who submits meanwhile is answered by the one shard or the other.
    let rotated = server.server.app().change(rotate);
    let requests: Vec<Value> = (100..140).map(proposed).collect();
    let meanwhile =
        futures_util::future::join_all(requests.iter().map(|body| post(&server, ENTRIES, body)));
    let (rotated, answers) = tokio::join!(rotated, meanwhile);
    rotated.unwrap();
    ids.extend(answers.iter().map(one));
    ids.sort_by_key(|(_, entry)| entry.log_index);
    let taken: Vec<u64> = ids.iter().map(|(_, entry)| entry.log_index).collect();
    assert_eq!(taken, (0..43).collect::<Vec<u64>>());
    let info: LogInfo = serde_json::from_slice(&server.get("/api/v1/log").await.body).unwrap();
    let first_size = info.inactive_shards[0].tree_size;
    for number in 43..45 {
        let (id, entry) = one(&post(&server, ENTRIES, &proposed(number)).await);
        assert_eq!(entry.log_index, number);
        let proof = &entry.verification.as_ref().unwrap().inclusion_proof;
        assert_eq!(
            proof.log_index,
            number - first_size,
            "the index in its own tree"
        );
        verify(&server, &id, &entry).await;
        ids.push((id, entry));
    }
    let server = restart(server).await;
    for (number, (id, entry)) in ids.iter().enumerate() {
        let path = format!("{ENTRIES}?logIndex={number}");
        let (found_id, found) = one(&server.get(&path).await);
        assert_eq!((&found_id, found.log_index), (id, entry.log_index));
        assert_eq!(found.integrated_time, entry.integrated_time);
        verify(&server, &found_id, &found).await;
        let by_leaf = server.get(&format!("{ENTRIES}/{}", &id[16..])).await;
        assert_eq!(&one(&by_leaf).0, id);
    }
    let info: LogInfo = serde_json::from_slice(&server.get("/api/v1/log").await.body).unwrap();
    let shards: Vec<u64> = info
        .inactive_shards
        .iter()
        .map(|shard| shard.tree_size)
        .collect();
    assert_eq!(
        (shards, info.active.tree_size),
        (vec![first_size], 45 - first_size)
    );
    // A chain ends at the log that a path names.
    let first = server.get("/logs/rekor-v1/api/v1/log").await.json();
    assert_eq!(
        (&first["treeSize"], &first["inactiveShards"]),
        (&json!(first_size), &Value::Null)
    );
    let frozen = post(&server, "/logs/rekor-v1/api/v1/log/entries", &proposed(9)).await;
    assert_eq!(frozen.status, StatusCode::METHOD_NOT_ALLOWED);
    // Indexes begin where the predecessor ends, so nobody becomes a successor later.
    let later = Change::Add(new_log("later"));
    server.server.app().change(later).await.unwrap();
    let freeze = Change::Freeze {
        name: name("rekor-v1-2"),
        successor: Some(name("later")),
        mark: false,
    };
    let refused = server.server.app().change(freeze).await.unwrap_err();
    assert!(refused.message.contains("log rotate"), "{refused}");
    server.stop().await;
}

/// What has more rows than one search reads is asked for each row of what has few; nothing is left out in silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_over_its_bound_is_whole_or_refused() {
    let server = start().await;
    let mut ids = vec![];
    for number in 0..6 {
        ids.push(one(&post(&server, ENTRIES, &proposed(number)).await).0);
    }
    let service = server.server.app().service();
    let log = service.log(Some(&name("rekor-v1"))).unwrap();
    let shards = service.shards(&log).unwrap();
    let key = Hash::of(pem().as_bytes()).to_hex();
    let digest = |number: u64| format!("sha256:{}", Hash::of(&number.to_be_bytes()).to_hex());
    let search = |keys: &[&str], operator| {
        let search = SearchIndex {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            operator,
        };
        let found = shards.search_within(&search, 2)?;
        Ok::<_, treering_api::Reject>(found.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let found = search(&[&key, &digest(5)], Operator::And).unwrap();
    assert_eq!(found, [ids[5].clone()], "beyond the rows that were read");
    assert_eq!(
        search(&[&digest(0), &digest(5)], Operator::And).unwrap(),
        [""; 0]
    );
    let both = search(&[&digest(0), &digest(5)], Operator::Or).unwrap();
    assert_eq!(both, [ids[0].clone(), ids[5].clone()]);
    for operator in [Operator::And, Operator::Or] {
        let refused = search(&[&key], operator).unwrap_err();
        assert!(refused.message.contains("at most 2 entries"), "{refused}");
    }
    let refused = search(&[&key, &digest(5)], Operator::Or).unwrap_err();
    assert!(refused.message.contains("at most 2 entries"), "{refused}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_second_key_never_signs_for_the_log() {
    let folder = start().await.stop_keeping().await;
    let dir = folder.path().join("log");
    let keys = dir.join("keys");
    std::fs::remove_file(keys.join("rekor-v1.ecdsa.pem")).unwrap();
    treering_server::keys::ecdsa::create(&keys, &name("rekor-v1")).unwrap();
    let published = std::fs::read(dir.join("rekor-v1.pub")).unwrap();
    let config = super::support::config(&dir, &[]);
    let metrics = std::sync::Arc::new(treering_server::metrics::Metrics::new());
    let clock = super::support::clock();
    let started = treering_server::serve::Server::start(&dir, config, metrics, clock).await;
    let error = started.map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("rekor-v1.ecdsa.pem") && error.contains("another key"),
        "{error}"
    );
    let kept = std::fs::read(dir.join("rekor-v1.pub")).unwrap();
    assert_eq!(kept, published, "what clients were told stays");
}

async fn restart(server: Running) -> Running {
    server.restart().await
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_statuses_and_codes_of_upstream() {
    let server = start().await;
    let mut wrong = proposed(1);
    wrong["spec"]["data"]["hash"]["value"] = json!(Hash::of(b"other").to_hex());
    let mut unknown = proposed(1);
    unknown["kind"] = json!("nonsense");
    let mut unversioned = proposed(1);
    unversioned.as_object_mut().unwrap().remove("apiVersion");
    for (body, status, code, words) in [
        (wrong, 400, 400, "error processing entry"),
        (unknown, 422, 422, "nonsense"),
        (unversioned, 422, 602, "apiVersion"),
        (json!([]), 400, 400, ""),
    ] {
        let answer = post(&server, ENTRIES, &body).await;
        let error = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &error["code"]),
            (status, &json!(code)),
            "{error}"
        );
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{error}"
        );
    }
    let plain =
        Request::post(format!("{}{ENTRIES}", server.url())).header("content-type", "text/plain");
    let plain = server.send(plain, proposed(1).to_string()).await;
    assert_eq!(plain.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = vec![b' '; 33 << 20];
    let large_at = Request::post(format!("{}{ENTRIES}", server.url()))
        .header("content-type", "application/json");
    let large = server.send(large_at, large).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        large.json()["message"]
            .as_str()
            .unwrap()
            .contains("33554432")
    );
    let html = Request::get(format!("{}/api/v1/log", server.url())).header("accept", "text/html");
    assert_eq!(
        server.send(html, "").await.status,
        StatusCode::NOT_ACCEPTABLE
    );
    let put = Request::put(format!("{}{ENTRIES}", server.url()));
    let put = server.send(put, "").await;
    assert_eq!(
        (put.status, put.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "GET,POST")
    );
    assert_eq!(server.get("/ping").await.body, ".");
    let size = server.get("/api/v1/log").await.json()["treeSize"].clone();
    assert_eq!(size, json!(0), "nothing was logged");
    server.stop().await;
}
