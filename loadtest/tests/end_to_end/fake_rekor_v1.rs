//! Rekor v1's API of the fake log, answered as sigstore/rekor v1.5.4 does. Seven entries are said to be in a tree before this one.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use serde::Deserialize;
use serde_json::{Value, json};
use treering_rekor::v1::wire::{
    ConsistencyProof, InclusionProof, LogEntry, LogEntryAnon, LogInfo, Shard, Verification,
};
use treering_rekor::v1::{
    Entry, EntryId, LogKey, ProposedEntry, Query as V1Query, SearchIndex, Tree, TreeId, Uncached,
    index_keys,
};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::fake::{Fake, Fault};

/// The size of the tree before.
const OFFSET: u64 = 7;

pub(crate) fn router(fake: Arc<Fake>) -> Router {
    Router::new()
        .route("/api/v1/log", get(info))
        .route("/api/v1/log/publicKey", get(async || public_key_pem()))
        .route("/api/v1/log/proof", get(proof))
        .route("/api/v1/log/entries", post(create).get(by_index))
        .route("/api/v1/log/entries/retrieve", post(retrieve))
        .route("/api/v1/log/entries/{id}", get(by_id))
        .route("/api/v1/index/retrieve", post(search))
        .with_state(fake)
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn log_key() -> LogKey {
    let der = key(1).verifying_key().to_public_key_der().unwrap();
    LogKey::from_spki_der(der.as_bytes()).unwrap()
}

/// The key that timestamps and checkpoints verify with.
pub(crate) fn public_key_pem() -> String {
    pem_of(1)
}

/// Somebody else's.
pub(crate) fn other_key_pem() -> String {
    pem_of(2)
}

fn pem_of(seed: u8) -> String {
    let key = key(seed);
    key.verifying_key()
        .to_public_key_pem(LineEnding::LF)
        .unwrap()
}

fn tree() -> Tree {
    Tree::new(&log_key(), "rekor.example", TreeId::new(0x1234).unwrap()).unwrap()
}

fn sign(seed: u8, text: &[u8]) -> Vec<u8> {
    let signature: DerSignature = key(seed).sign(text);
    signature.as_bytes().to_vec()
}

fn note(fake: &Fake, seed: u8) -> String {
    let size = TreeSize::new(fake.size()).unwrap();
    let signed = |text: &[u8]| Ok::<_, ()>(sign(seed, text));
    tree().checkpoint(size, fake.root(), signed).unwrap()
}

async fn info(State(fake): State<Arc<Fake>>) -> Json<LogInfo> {
    let shard = |size, note| Shard::new(tree().id(), size, &fake.root(), note);
    Json(LogInfo {
        inactive_shards: vec![shard(OFFSET, String::new())],
        active: shard(fake.size(), note(&fake, 1)),
    })
}

async fn create(State(fake): State<Arc<Fake>>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    let entry = ProposedEntry::parse(&body)
        .unwrap()
        .verify(&Uncached, 0)
        .unwrap();
    let leaf = entry.canonical().leaf().to_vec();
    if let Err(reject) = fake.admit().await {
        return refusal(reject.kind.wire().status, "too much is waiting");
    }
    if let Some(index) = fake.find(&Hash::leaf(&leaf)) {
        let message = format!("an equivalent entry already exists in the log at {index}");
        return refusal(StatusCode::CONFLICT, &message);
    }
    let index = fake.append(leaf);
    let mut answer = (StatusCode::CREATED, entry_json(&fake, index)).into_response();
    if fake.fault == Fault::Close {
        let close = "close".parse().unwrap();
        answer.headers_mut().insert(header::CONNECTION, close);
    }
    answer
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let body = json!({"code": status.as_u16(), "message": message});
    (status, Json(body)).into_response()
}

/// The answer about a leaf, with the lie about it if there is one.
fn entry_json(fake: &Fake, index: LeafIndex) -> Json<LogEntry> {
    let lies = |lie: fn(u64) -> Fault| fake.fault == lie(index.get());
    let mut leaf = fake.leaf(index);
    if lies(Fault::Leaf) {
        leaf.push(b' ');
    }
    let receipt = fake.receipt(index, Hash::leaf(&leaf), Hash::of(b""), false);
    let proof = receipt.proof.inclusion;
    let log_id = match lies(Fault::LogId) {
        true => Hash::of(b"a lie").to_hex(),
        false => log_key().log_id(),
    };
    let mut entry = LogEntryAnon::new(&leaf, 1_700_000_000, log_id, OFFSET + index.get());
    let timestamp = sign(
        if lies(Fault::Timestamp) { 2 } else { 1 },
        &entry.timestamp_payload(),
    );
    let root = match lies(Fault::Root) {
        true => Hash::of(b"a lie"),
        false => fake.root(),
    };
    entry.verification = Some(Verification {
        inclusion_proof: InclusionProof {
            checkpoint: note(fake, if lies(Fault::Signature) { 2 } else { 1 }),
            hashes: proof.hashes.iter().map(Hash::to_hex).collect(),
            log_index: proof.index.get(),
            root_hash: root.to_hex(),
            tree_size: proof.size.get(),
        },
        signed_entry_timestamp: base64(&timestamp),
    });
    let tree = tree().id();
    let leaf = Hash::leaf(&leaf);
    Json(LogEntry::from([(
        EntryId { tree, leaf }.to_string(),
        entry,
    )]))
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexQuery {
    log_index: u64,
}

async fn by_index(
    State(fake): State<Arc<Fake>>,
    Query(query): Query<IndexQuery>,
) -> Json<LogEntry> {
    entry_json(&fake, local(query.log_index))
}

fn local(index: u64) -> LeafIndex {
    LeafIndex::new(index - OFFSET).unwrap()
}

async fn by_id(State(fake): State<Arc<Fake>>, Path(id): Path<String>) -> Response {
    let leaf = Hash::from_hex(id.get(16..).unwrap()).unwrap();
    match fake.find(&leaf) {
        Some(index) => entry_json(&fake, index).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn retrieve(State(fake): State<Arc<Fake>>, Json(body): Json<Value>) -> Json<Vec<LogEntry>> {
    let indexes = body["logIndexes"].as_array().unwrap();
    assert!(indexes.len() <= 10, "{body}");
    let one = |index: &Value| entry_json(&fake, local(index.as_u64().unwrap())).0;
    Json(indexes.iter().map(one).collect())
}

async fn proof(
    State(fake): State<Arc<Fake>>,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Json<ConsistencyProof> {
    let range = V1Query::parse(&query.unwrap()).proof_range().unwrap();
    let mut hashes = fake.grown(range.first, range.last);
    if fake.fault == Fault::Growth {
        *hashes.last_mut().unwrap() = Hash::of(b"a lie");
    }
    Json(ConsistencyProof {
        hashes: hashes.iter().map(Hash::to_hex).collect(),
        root_hash: fake.root().to_hex(),
    })
}

async fn search(State(fake): State<Arc<Fake>>, body: Bytes) -> Json<Vec<String>> {
    let search = SearchIndex::parse(&body, &Uncached).unwrap();
    let mut found = Vec::new();
    for index in (0..fake.size()).filter_map(LeafIndex::new) {
        let leaf = fake.leaf(index);
        let keys = index_keys(&Entry::parse(&leaf).unwrap(), None).unwrap();
        if keys.iter().any(|key| search.keys.contains(key)) {
            let (tree, leaf) = (tree().id(), Hash::leaf(&leaf));
            found.push(EntryId { tree, leaf }.to_string());
        }
    }
    match fake.fault {
        Fault::Forgets => found.clear(),
        Fault::Invents => found.push("00".to_owned()),
        _ => {}
    }
    Json(found)
}
