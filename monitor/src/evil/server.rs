//! An evil log over HTTP. `POST /evil` takes steps, a line each.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};

use super::{EvilLog, Step};

/// Serves until the process ends.
///
/// # Errors
/// Those of the listener.
pub async fn serve(listener: tokio::net::TcpListener, log: Arc<EvilLog>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/evil", post(steps))
        .route("/{*path}", get(resource))
        .with_state(log);
    axum::serve(listener, router).await
}

async fn resource(State(log): State<Arc<EvilLog>>, Path(path): Path<String>) -> Response {
    let reply = log.respond(&path);
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, reply.body).into_response();
    let kind = HeaderValue::from_static(reply.media_type);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let date = reply
        .date
        .and_then(|secs| jiff::Timestamp::from_second(i64::try_from(secs).ok()?).ok())
        .and_then(|at| {
            HeaderValue::from_str(&at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
        });
    if let Some(date) = date {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

async fn steps(State(log): State<Arc<EvilLog>>, body: String) -> Response {
    let lines = body.lines().filter(|line| !line.trim().is_empty());
    let steps: Result<Vec<Step>, _> = lines.map(str::parse).collect();
    match steps {
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
        Ok(steps) => {
            steps.iter().for_each(|step| log.step(step));
            StatusCode::NO_CONTENT.into_response()
        }
    }
}
