//! Refusals as each door writes them. A kind has one row (`treering_api::reject`); nothing here chooses a status.

use std::any::Any;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use tower_http::catch_panic::ResponseForPanic;
use treering_api::json::ErrorJson;
use treering_api::reject::{Reject, RejectKind};

use crate::metrics::Metrics;

/// As much of a wrong path as an error repeats, in characters.
const ECHO: usize = 80;

/// A refusal on its way out of an HTTP handler.
#[derive(Debug)]
pub struct Refusal(pub Reject);

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self(reject)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.0.kind.wire().status;
        with_status(self.0, status)
    }
}

fn with_status(reject: Reject, status: StatusCode) -> Response {
    let retry_after = reject.kind.wire().retry_after_secs;
    let mut response = (status, Json(ErrorJson::from(reject.clone()))).into_response();
    if let Some(secs) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
    // For whoever counts and logs it.
    response.extensions_mut().insert(reject);
    response
}

/// Counts a refusal and tells of it: what the server is to blame for as an error, what the caller is as debug.
pub fn note(metrics: &Metrics, reject: &Reject) {
    metrics.rejected(reject.kind);
    let kind = reject.kind.wire().label;
    if reject.kind.wire().status.is_server_error() {
        tracing::error!(kind, message = reject.message, "request refused");
    } else {
        tracing::debug!(kind, message = reject.message, "request refused");
    }
}

/// What no route knows. A gRPC client needs its own kind of answer; to everybody else it is a plain 404.
pub async fn not_found(request: Request) -> Response {
    if is_grpc(&request) {
        return tonic::Status::unimplemented("no such service or method").into_http();
    }
    let path: String = request.uri().path().chars().take(ECHO).collect();
    Refusal(Reject::new(
        RejectKind::NotFound,
        format!("no such path: {path:?}; /v1/openapi.json lists what there is"),
    ))
    .into_response()
}

/// A known path with another method. The `Allow` header is axum's.
pub async fn wrong_method(method: Method, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(ECHO).collect();
    let reject = Reject::malformed(
        "a method that the Allow header lists",
        format!("{method} {path:?}"),
    );
    with_status(reject, StatusCode::METHOD_NOT_ALLOWED)
}

/// What becomes of a handler that panicked: a bug, of which the panic's own message in the log says more.
#[derive(Clone)]
pub struct Panicked(Arc<Metrics>);

impl Panicked {
    /// Counts there.
    #[must_use]
    pub fn new(metrics: &Arc<Metrics>) -> Self {
        Self(Arc::clone(metrics))
    }
}

impl ResponseForPanic for Panicked {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send + 'static>) -> Response {
        self.0.rekor_v2().panicked();
        Refusal(Reject::new(
            RejectKind::Internal,
            "a bug of the server; its log says more",
        ))
        .into_response()
    }
}

/// Whether a request is a gRPC call.
pub(crate) fn is_grpc(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
