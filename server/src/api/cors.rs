//! Cross-origin requests: everything that is read with GET is public, so any page may; nothing else is offered, but at
//! Rekor v1's paths, where pages search and submit with POST.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::rekor_v1;

const ANY: HeaderValue = HeaderValue::from_static("*");

/// Allows GET and HEAD from any origin, and answers the question whether they are.
pub async fn cors(request: Request, next: Next) -> Response {
    let rekor_v1 = rekor_v1::is_at(request.uri().path());
    if let Some(wanted) = preflight(&request) {
        return if rekor_v1 {
            allowed_at_rekor_v1(request.headers(), wanted)
        } else if matches!(wanted.as_bytes(), b"GET" | b"HEAD") {
            allowed()
        } else {
            StatusCode::NO_CONTENT.into_response()
        };
    }
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    if rekor_v1 {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    } else if readable {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("etag, content-encoding, retry-after"),
        );
    }
    response
}

/// What Rekor v1 lets pages do; whoever asks for more gets an answer that allows nothing.
fn allowed_at_rekor_v1(asked: &HeaderMap, wanted: &HeaderValue) -> Response {
    let names = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let listed = names.map_or(Some(""), |names| names.to_str().ok());
    let known = listed.is_some_and(|names| {
        names
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase())
            .all(|name| name.is_empty() || rekor_v1::PAGE_HEADERS.contains(&name.as_str()))
    });
    let mut response = StatusCode::NO_CONTENT.into_response();
    if known && matches!(wanted.as_bytes(), b"GET" | b"HEAD" | b"POST") {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
        if let Some(names) = names {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
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
