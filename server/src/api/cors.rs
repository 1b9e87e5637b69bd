//! Cross-origin requests: everything that is read with GET is public, so any page may; nothing else is offered.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

const ANY: HeaderValue = HeaderValue::from_static("*");

/// Allows GET and HEAD from any origin, and answers the question whether they are.
pub async fn cors(request: Request, next: Next) -> Response {
    if let Some(wanted) = preflight(&request) {
        return if matches!(wanted.as_bytes(), b"GET" | b"HEAD") {
            allowed()
        } else {
            StatusCode::NO_CONTENT.into_response()
        };
    }
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    if readable {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("etag, content-encoding, retry-after"),
        );
    }
    response
}

/// The method that a preflight request asks for.
fn preflight(request: &Request) -> Option<&HeaderValue> {
    let wanted = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    (request.method() == Method::OPTIONS).then_some(wanted)
}

fn allowed() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD"),
        ),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ANY),
        (
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("86400"),
        ),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
