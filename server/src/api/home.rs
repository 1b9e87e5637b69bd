//! The page at the root: which logs there are, for people who open the server's URL in a browser.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use http::{HeaderValue, header};

use super::Api;

/// Nothing is loaded and nothing is run: the page is text with links.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");

/// The route.
pub fn routes() -> Router<Api> {
    Router::new().route("/", get(home))
}

async fn home(State(api): State<Api>) -> impl IntoResponse {
    let mut rows = String::new();
    for log in api.service().handles() {
        let (name, size) = (log.name(), log.published().checkpoint.size);
        let state = if log.is_frozen() { "frozen" } else { "active" };
        // A name holds nothing that HTML would take for its own. Writing to a string cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{name}<td>{}<td>{state}<td>{size}<td><a href=\"/logs/{name}/checkpoint\">checkpoint</a>",
            log.dialect()
        );
    }
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Treering</title>\
         <style>body{{font-family:sans-serif;margin:2em}}td,th{{text-align:left;padding:.2em 1em .2em 0}}</style>\
         <h1>Treering</h1><p>A transparency log of signed attestations.\
         <table><tr><th>log<th>dialect<th>state<th>entries<th></tr>{rows}</table>\
         <p><a href=\"/v1/logs\">logs as JSON</a>, <a href=\"/v1/trusted_root.json\">trusted root</a>, \
         <a href=\"/v1/openapi.json\">API description</a></html>\n"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, Html(page))
}
