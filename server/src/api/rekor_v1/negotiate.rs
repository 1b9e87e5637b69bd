//! Media types: what a client takes, and what a body is.

use http::{HeaderMap, StatusCode, header};

use super::answer::Refused;

/// Whether a client takes a type. Ranges with `q=0` do not count, and without a header everything is taken.
pub(super) fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .peekable();
    if ranges.peek().is_none() {
        return true;
    }
    let family = wanted.split('/').next().unwrap_or_default();
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|part| {
            let q = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            q.and_then(|q| q.parse::<f32>().ok())
                .is_some_and(|q| q <= 0.0)
        });
        !refused && (name == wanted || name == "*/*" || name == format!("{family}/*"))
    })
}

/// Refuses a GET of a client that takes no JSON.
pub(super) fn check_accept(headers: &HeaderMap) -> Result<(), Refused> {
    if accepts(headers, "application/json") {
        return Ok(());
    }
    let message = "unsupported media type requested, only [application/json] are available";
    Err(Refused::new(StatusCode::NOT_ACCEPTABLE, message))
}

/// Refuses a body that is not JSON by its type.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Refused> {
    let unsupported = |found: &str| {
        let found: String = found.chars().take(80).collect();
        let message =
            format!("unsupported media type {found:?}, only [application/json] are allowed");
        Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    };
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Err(unsupported("application/octet-stream"));
    };
    let text = value.to_str().unwrap_or_default();
    let name = text.split(';').next().unwrap_or_default().trim();
    if name.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        [family, kind] if is_token(family) && is_token(kind) => Err(unsupported(name)),
        _ => {
            let message = format!(
                "expected a media type, found {:?}",
                text.chars().take(80).collect::<String>()
            );
            Err(Refused::new(StatusCode::BAD_REQUEST, message))
        }
    }
}

fn is_token(text: &str) -> bool {
    let other = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || other(byte))
}
