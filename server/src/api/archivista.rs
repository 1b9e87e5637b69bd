//! The door of Archivista: `/upload`, `/download/{gitoid}` and `/query`, and the same under `/v1`, since some clients put that in their base
//! URL. Errors are plain text, which is what these clients show.
//!
//! Credentials that a client sends are not looked at: who may upload is for a proxy to say.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use serde::Serialize;
use treering_api::reject::Reject;
use treering_storage::Gitoid;

use super::Api;
use super::body::Limit;
use super::budget::owned;
use super::errors::Refusal;
use crate::archivista::Download;
use crate::archivista::query::limits::MAX_REQUEST_BYTES;

/// The header of an answer whose envelope is held: nobody knows who signed it. Its value is `true`.
pub const UNVERIFIED: HeaderName = HeaderName::from_static("treering-unverified");

/// As much of a wrong gitoid as an error repeats, in characters.
const ECHO: usize = 80;

/// The routes.
pub fn routes() -> Router<Api> {
    let below = |prefix: &str| {
        let at = |path: &str| format!("{prefix}{path}");
        Router::new()
            .route(
                &at("/upload"),
                post(upload).fallback(|method| wrong_method(method, "POST")),
            )
            .route(
                &at("/query"),
                post(query)
                    .get(query_in_uri)
                    .fallback(|method| wrong_method(method, "GET,HEAD,POST")),
            )
            .route(
                &at("/download/{gitoid}"),
                get(download).fallback(|method| wrong_method(method, "GET,HEAD")),
            )
    };
    below("").merge(below("/v1"))
}

/// A refusal whose body is its message.
struct PlainText(StatusCode, Reject);

impl From<Reject> for PlainText {
    fn from(reject: Reject) -> Self {
        Self(reject.kind.wire().status, reject)
    }
}

impl IntoResponse for PlainText {
    fn into_response(self) -> Response {
        let Self(status, reject) = self;
        let mut response = (status, [NOSNIFF], format!("{}\n", reject.message)).into_response();
        if let Some(secs) = reject.kind.wire().retry_after_secs {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        // For whoever counts and logs it.
        response.extensions_mut().insert(reject);
        response
    }
}

const NOSNIFF: (HeaderName, HeaderValue) = (
    header::X_CONTENT_TYPE_OPTIONS,
    HeaderValue::from_static("nosniff"),
);

/// What an upload is answered with.
#[derive(Serialize)]
struct Uploaded {
    gitoid: String,
}

async fn upload(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Uploaded>, PlainText> {
    let limit = Limit {
        bytes: api.app.limits().max_envelope_bytes,
        name: "limits.max_envelope_bytes",
    };
    let (bytes, held) = api.bodies.read(&headers, body, limit).await?.into_parts();
    let gitoid = api.app.archivista().upload(bytes, held).await?.to_string();
    Ok(Json(Uploaded { gitoid }))
}

async fn download(
    State(api): State<Api>,
    Path(gitoid): Path<String>,
) -> Result<Response, PlainText> {
    let gitoid: Gitoid = gitoid.to_ascii_lowercase().parse().map_err(|_| {
        let found: String = gitoid.chars().take(ECHO).collect();
        Reject::malformed("a gitoid of 64 hexadecimal digits", format!("{found:?}"))
    })?;
    let sent = send(&api, api.app.archivista().read(gitoid)).await;
    sent.map_err(|Refusal(reject)| reject.into())
}

async fn query(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PlainText> {
    let limit = Limit {
        bytes: MAX_REQUEST_BYTES,
        name: "the limit of queries",
    };
    let (bytes, _held) = api.bodies.read(&headers, body, limit).await?.into_parts();
    Ok(api.queries.post(&bytes).await)
}

async fn query_in_uri(State(api): State<Api>, uri: Uri) -> Response {
    api.queries.get(&uri).await
}

/// Sends an envelope, labelled if it is held.
pub(super) async fn send(
    api: &Api,
    read: impl Future<Output = Result<Download, Reject>>,
) -> Result<Response, Refusal> {
    let mut unverified = false;
    let reading = async {
        let download = read.await?;
        unverified = download.unverified;
        Ok(download.bytes)
    };
    let (bytes, held) = api.outgoing.read(reading).await?;
    let json = HeaderValue::from_static("application/json");
    // What a submitter sent must not be taken for a page of ours.
    let headers = [(header::CONTENT_TYPE, json), NOSNIFF];
    let mut response = (headers, owned(bytes, held)).into_response();
    if unverified {
        let headers = response.headers_mut();
        headers.insert(UNVERIFIED, HeaderValue::from_static("true"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    Ok(response)
}

async fn wrong_method(method: Method, allow: &'static str) -> Response {
    let reject = Reject::malformed(format!("method {allow}"), method.to_string());
    let mut response = PlainText(StatusCode::METHOD_NOT_ALLOWED, reject).into_response();
    let allow = HeaderValue::from_static(allow);
    response.headers_mut().insert(header::ALLOW, allow);
    response
}
