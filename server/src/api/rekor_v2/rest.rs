//! Rekor v2 as REST.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::json;
use tonic::Code;
use treering_api::grpc::rekor_v2::LOG_INDEX_KEY;
use treering_api::log::Dialect;
use treering_api::reject::{Reject, RejectKind};
use treering_rekor::v2::TransparencyLogEntry;

use super::super::Api;
use super::super::body::Limit;
use super::super::rekor_v1::no_path_at;
use super::{MAX_REQUEST_BYTES, code, duplicate_message, explained, log_at};
use crate::log::LogHandle;
use crate::service::RekorV2Request;
use crate::service::rekor_v2::{Logged, NewEntry};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v2/log/entries", post(create).fallback(wrong_method))
        .route("/api/v2/{*rest}", any(not_found))
        .route("/healthz", get(healthz))
}

async fn create(State(api): State<Api>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let log = match log_at(&api, &headers, authority) {
        Ok(log) => log,
        // A server of Rekor v1 alone answers as one.
        Err(_) if api.service().default_log(Dialect::RekorV1).is_some() => {
            return no_path_at(&uri);
        }
        Err(reject) => return refused(reject, StatusCode::NOT_FOUND),
    };
    let limit = Limit {
        bytes: MAX_REQUEST_BYTES,
        name: "the limit of rekor v2",
    };
    let body = match api.bodies.read(&headers, body, limit).await {
        Ok(body) => body,
        Err(reject) => {
            let status = reject.kind.wire().status;
            return refused(reject, status);
        }
    };
    if wants_cosigned(&uri) && log.witnessed().is_none() {
        let expected = "a log under a witness policy (witness.policy), as wait=cosigned asks";
        let reject = Reject::mismatch(RejectKind::Unsupported, expected, "none");
        return refused(reject, StatusCode::BAD_REQUEST);
    }
    let request = RekorV2Request::Json(body.bytes());
    let logged = api
        .service()
        .log_rekor_v2(&log, request, api.rekor_v2_rules);
    match logged.await {
        Ok(Logged::New(entry)) if wants_cosigned(&uri) => match cosigned(&api, &log, entry).await {
            Ok(entry) => created(&log, &entry),
            Err(reject) => {
                let status = status(reject.kind);
                refused(reject, status)
            }
        },
        Ok(Logged::New(entry)) => created(&log, &entry),
        Ok(Logged::Duplicate(index)) => duplicate(index.get()),
        Err(reject) if reject.kind == RejectKind::Frozen => frozen(explained(&api, &log, reject)),
        Err(reject) => {
            let status = status(reject.kind);
            refused(reject, status)
        }
    }
}

/// Other parameters are passed over, as by rekor-tiles.
fn wants_cosigned(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    query.split('&').any(|pair| pair == "wait=cosigned")
}

/// The entry in the first tree with it that the quorum of the log's witnesses cosigned.
async fn cosigned(api: &Api, log: &Arc<LogHandle>, entry: NewEntry) -> Result<NewEntry, Reject> {
    let index = entry.proof.index;
    let tree = api.service().cosigned(log, index).await?;
    let proof = api
        .service()
        .prove_in_tree(log, index, Arc::clone(&tree))
        .await?;
    Ok(NewEntry {
        leaf: entry.leaf,
        proof: proof.inclusion,
        published: tree,
    })
}

fn created(log: &LogHandle, entry: &NewEntry) -> Response {
    let json = TransparencyLogEntry {
        log_id: log.key_id(),
        proof: &entry.proof,
        root: &entry.published.checkpoint.root,
        checkpoint: &log.note_of(&entry.published),
        leaf: &entry.leaf,
    }
    .to_json();
    (StatusCode::CREATED, [(header::CONTENT_TYPE, JSON)], json).into_response()
}

fn duplicate(index: u64) -> Response {
    let body = error(Code::AlreadyExists, &duplicate_message(index));
    let headers = [(LOG_INDEX_KEY, HeaderValue::from(index))];
    (StatusCode::CONFLICT, headers, body).into_response()
}

/// The status of a refusal: a fault of the request is 400, also an entry that is too long.
const fn status(kind: RejectKind) -> StatusCode {
    match code(kind) {
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        _ => kind.wire().status,
    }
}

fn refused(reject: Reject, status: StatusCode) -> Response {
    let mut response = (status, error(code(reject.kind), &reject.message)).into_response();
    if let Some(secs) = reject.kind.wire().retry_after_secs {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
    // For whoever counts and logs it.
    response.extensions_mut().insert(reject);
    response
}

/// A frozen log answers with text, as rekor-tiles does. No method is allowed there any more.
fn frozen(reject: Reject) -> Response {
    let headers = [(header::ALLOW, HeaderValue::from_static(""))];
    let text = format!("{}\n", reject.message);
    let mut response = (StatusCode::METHOD_NOT_ALLOWED, headers, text).into_response();
    response.extensions_mut().insert(reject);
    response
}

fn error(code: Code, message: &str) -> Json<serde_json::Value> {
    Json(json!({"code": code as i32, "message": message, "details": []}))
}

async fn wrong_method() -> Response {
    let headers = [(header::ALLOW, HeaderValue::from_static("POST"))];
    let body = error(Code::Unimplemented, "Method Not Allowed");
    (StatusCode::METHOD_NOT_ALLOWED, headers, body).into_response()
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, error(Code::NotFound, "Not Found")).into_response()
}

/// The health of the whole server, as gRPC's health service would say it.
async fn healthz(State(api): State<Api>) -> Response {
    let (status, text) = if api.app.not_ready().is_empty() {
        (StatusCode::OK, "{\"status\":\"SERVING\"}\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "{\"status\":\"NOT_SERVING\"}\n",
        )
    };
    let headers = [
        (header::CONTENT_TYPE, JSON),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (status, headers, text).into_response()
}
