//! Rekor v2's API of the fake log: `POST /api/v2/log/entries`, answered as rekor-tiles v2.3.0 does.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde_json::json;
use treering_rekor::v2::{KeyDetailsPolicy, Request, TransparencyLogEntry};
use treering_tlog::{Hash, LeafIndex};

use crate::fake::{Fake, Fault};

pub(crate) fn router(fake: Arc<Fake>) -> Router {
    Router::new()
        .route("/api/v2/log/entries", post(create))
        .with_state(fake)
}

async fn create(State(fake): State<Arc<Fake>>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    let request = Request::parse_json(&body).unwrap();
    let leaf = request
        .canonicalize(KeyDetailsPolicy::Strict)
        .unwrap()
        .into_leaf();
    if let Err(reject) = fake.admit().await {
        let status = reject.kind.wire().status;
        return (status, refusal(14, &reject.message)).into_response();
    }
    let hash = Hash::leaf(&leaf);
    if let Some(index) = fake.find(&hash) {
        let message = format!(
            "an equivalent entry already exists in the transparency log with index {index}"
        );
        let headers = [("x-log-index", index.to_string())];
        return (StatusCode::CONFLICT, headers, refusal(6, &message)).into_response();
    }
    let index = fake.append(leaf.clone());
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    if fake.fault == Fault::Close {
        headers.insert(header::CONNECTION, "close".parse().unwrap());
    }
    (StatusCode::CREATED, headers, entry(&fake, index, leaf)).into_response()
}

fn refusal(code: i32, message: &str) -> Json<serde_json::Value> {
    Json(json!({"code": code, "message": message, "details": []}))
}

/// The answer about a new leaf, with the lie about it if there is one.
fn entry(fake: &Fake, index: LeafIndex, mut leaf: Vec<u8>) -> Vec<u8> {
    let receipt = fake.receipt(index, Hash::leaf(&leaf), Hash::of(b""), false);
    let lies = |lie: fn(u64) -> Fault| fake.fault == lie(index.get());
    if lies(Fault::Leaf) {
        leaf.push(b' ');
    }
    let signer = if lies(Fault::LogId) {
        &fake.stranger
    } else {
        &fake.signer
    };
    let root = if lies(Fault::Root) {
        Hash::of(b"a lie")
    } else {
        fake.root()
    };
    TransparencyLogEntry {
        log_id: &signer.verifier().full_id(),
        proof: &receipt.proof.inclusion,
        root: &root,
        checkpoint: &receipt.proof.checkpoint,
        leaf: &leaf,
    }
    .to_json()
}
