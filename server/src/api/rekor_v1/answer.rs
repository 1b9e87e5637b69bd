//! Answers and refusals as Rekor v1 writes them.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use serde::Serialize;
use treering_api::reject::{Reject, RejectKind};
use treering_rekor::v1::{ApiError, Rejected};

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What the GETs say to caches, whatever they answer.
const NO_CACHE: [(HeaderName, HeaderValue); 4] = [
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static(
            "no-cache, no-store, no-transform, must-revalidate, private, max-age=0",
        ),
    ),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
    (
        header::EXPIRES,
        HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 UTC"),
    ),
    (
        HeaderName::from_static("x-accel-expires"),
        HeaderValue::from_static("0"),
    ),
];

/// A request that is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// With a body.
    Error(StatusCode, ApiError, Option<Box<Reject>>),
    /// An entry that is not there: no body, no type.
    NoEntry,
}

impl Refused {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Error(status, ApiError::new(status.as_u16(), message), None)
    }
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        let status = StatusCode::from_u16(rejected.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let kind = RejectKind::Malformed;
        let reject = Reject::new(kind, rejected.to_string());
        Self::Error(status, rejected.body(), Some(Box::new(reject)))
    }
}

impl From<Reject> for Refused {
    /// What is wrong with a request is 400, whatever it is, but for what is too large.
    fn from(reject: Reject) -> Self {
        let status = match reject.kind {
            RejectKind::Malformed
            | RejectKind::Unverified
            | RejectKind::Unsupported
            | RejectKind::OutOfRange => StatusCode::BAD_REQUEST,
            kind => kind.wire().status,
        };
        let message = match reject.kind {
            // The words of upstream, and then what is meant.
            RejectKind::TooLarge => format!("Request Entity Too Large: {}", reject.message),
            _ => reject.message.clone(),
        };
        let body = ApiError::new(status.as_u16(), message);
        Self::Error(status, body, Some(Box::new(reject)))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::NoEntry => StatusCode::NOT_FOUND.into_response(),
            Self::Error(status, body, reject) => {
                let mut response = json(status, &body);
                if let Some(reject) = reject {
                    if let Some(secs) = reject.kind.wire().retry_after_secs {
                        let headers = response.headers_mut();
                        headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
                    }
                    // For whoever counts and logs it.
                    response.extensions_mut().insert(*reject);
                }
                response
            }
        }
    }
}

/// A body and the line feed that Go's encoder puts behind it.
pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let mut bytes = serde_json::to_vec(body).expect("answers are plain data with text for keys");
    bytes.push(b'\n');
    (status, [(header::CONTENT_TYPE, JSON)], bytes).into_response()
}

/// The answer of a GET, which nobody may keep.
pub(super) fn uncached(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().extend(NO_CACHE);
    response
}

pub(super) async fn wrong_method(allow: &'static str) -> Response {
    let message = "method is not allowed; the Allow header lists those that are";
    let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, message);
    let mut response = refused.into_response();
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

pub(super) async fn no_path(request: Request) -> Response {
    no_path_at(request.uri())
}

/// What rekor-server answers where it knows no path.
pub(in crate::api) fn no_path_at(uri: &Uri) -> Response {
    let path: String = uri.path().chars().take(80).collect();
    Refused::new(StatusCode::NOT_FOUND, format!("path {path} was not found")).into_response()
}
