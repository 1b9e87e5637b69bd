//! One span and one count for each request, whichever door it came through.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode, header};
use tonic::{Code, Status};
use tracing::{Instrument, Span, field};
use treering_api::grpc::REJECT_KEY;
use treering_api::reject::{Reject, RejectKind};

use super::errors::note;
use super::grpc;
use crate::app::App;
use crate::metrics::{Route, StatusClass};

/// Counts, times and tells of a request.
pub async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = route_of(
        request.extensions().get().map(MatchedPath::as_str),
        request.uri().path(),
    );
    let rekor_v2 = RekorV2Call::of(&request);
    let begin = app.clock().monotonic();
    let span = tracing::info_span!("request", otel.kind = "server", route = route.label(), method = %request.method(), status = field::Empty, otel.status_code = field::Empty);
    async {
        let response = next.run(request).await;
        let response = if is_grpc(route) {
            grpc::finish(&app, route, response)
        } else {
            response
        };
        if let Some(reject) = response.extensions().get::<Reject>() {
            note(app.metrics(), reject);
        }
        let status = status_of(&response);
        let current = Span::current();
        current.record("status", status.as_u16());
        if status.is_server_error() {
            current.record("otel.status_code", "ERROR");
        }
        let elapsed = app.clock().monotonic().saturating_sub(begin);
        app.metrics()
            .request(route, StatusClass::of(status), elapsed);
        if let Some(call) = rekor_v2 {
            let metrics = app.metrics().rekor_v2();
            metrics.answered(status, &call.method, call.bytes, elapsed);
        }
        response
    }
    .instrument(span)
    .await
}

/// An HTTP request that rekor-tiles would count too.
struct RekorV2Call {
    method: Method,
    bytes: u64,
}

impl RekorV2Call {
    fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        let counted = path.starts_with("/api/v2/") || path == "/healthz";
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        counted.then(|| Self {
            method: request.method().clone(),
            bytes: length.unwrap_or(0),
        })
    }
}

/// The status of an answer, for gRPC that of the other door's answer to the same.
fn status_of(response: &Response) -> StatusCode {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response.status();
    };
    match status.code() {
        Code::Ok => StatusCode::OK,
        Code::AlreadyExists => StatusCode::CONFLICT,
        _ if status.metadata().contains_key(REJECT_KEY) => Reject::from(status).kind.wire().status,
        Code::Unimplemented => StatusCode::NOT_FOUND,
        _ => RejectKind::Internal.wire().status,
    }
}

const fn is_grpc(route: Route) -> bool {
    matches!(
        route,
        Route::GrpcSubmit | Route::GrpcRead | Route::GrpcRekorV2 | Route::GrpcOther
    )
}

/// The route of a pattern; the path tells apart what one pattern serves.
fn route_of(pattern: Option<&str>, path: &str) -> Route {
    let Some(pattern) = pattern else {
        return Route::Unknown;
    };
    match pattern {
        "/v1/entries" => Route::Submit,
        "/v1/entries:batch" => Route::SubmitBatch,
        "/v1/entries:tail" => Route::Tail,
        "/v1/entries/{id}" => Route::Entry,
        "/v1/consistency" => Route::Consistency,
        "/v1/checkpoint" => Route::Checkpoint,
        "/v1/logs" => Route::Logs,
        "/v1/envelopes/{sha256}" => Route::Envelope,
        "/v1/openapi.json" => Route::OpenApi,
        "/v1/{file}" => Route::Trust,
        "/upload" | "/v1/upload" => Route::ArchivistaUpload,
        "/download/{gitoid}" | "/v1/download/{gitoid}" => Route::ArchivistaDownload,
        "/query" | "/v1/query" => Route::ArchivistaQuery,
        "/api/v2/log/entries" => Route::RekorV2Create,
        "/api/v2/{*rest}" | "/healthz" => Route::RekorV2Other,
        _ if pattern.ends_with("/checkpoint") => Route::TileCheckpoint,
        _ if pattern.ends_with("/tile/{*rest}") && path.contains("/tile/entries/") => {
            Route::EntryBundle
        }
        _ if pattern.ends_with("/tile/{*rest}") => Route::Tile,
        _ if pattern.starts_with("/treering.v1.Log/") && path.contains("/Submit") => {
            Route::GrpcSubmit
        }
        _ if pattern.starts_with("/treering.v1.Log/") => Route::GrpcRead,
        _ if pattern.starts_with("/dev.sigstore.rekor.v2.Rekor/") => Route::GrpcRekorV2,
        _ if pattern.starts_with("/grpc.") => Route::GrpcOther,
        _ => Route::Unknown,
    }
}
