//! The door of Rekor v1 (sigstore/rekor v1.5.4): under `/api/v1` for the newest chain of shards, and under
//! `/logs/NAME/api/v1` for the chain that ends with one log, since a path is all that Tekton Chains can be told.
//!
//! Bodies, statuses and headers are those that its clients look at; where this differs, `README.md` says so.

mod answer;
mod entries;
mod log;
mod negotiate;
mod search;

use axum::Router;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::Uri;
use treering_api::log::{Dialect, LogName};
use treering_api::reject::{Reject, RejectKind};

use super::Api;
use super::body::Limit;
use crate::service::rekor_v1::Shards;
use answer::Refused;
pub(super) use answer::no_path_at;

/// Of every body here; what could never be in flight is too large for good.
fn limit(api: &Api) -> Limit {
    let limits = api.app.limits();
    Limit {
        bytes: limits.max_rekor_v1_bytes.min(limits.max_bytes_in_flight),
        name: "limits.max_rekor_v1_bytes",
    }
}

/// Headers that a page of another origin may send.
pub(super) const PAGE_HEADERS: [&str; 3] = ["accept", "content-type", "x-requested-with"];

/// Whether a path is one of Rekor v1.
pub(super) fn is_at(path: &str) -> bool {
    let rest = path.strip_prefix("/logs/");
    let rest = rest.and_then(|rest| rest.split_once('/'));
    let api = rest.map_or(path, |(_, rest)| rest);
    api.trim_start_matches('/').starts_with("api/v1/")
}

/// The routes.
pub fn routes() -> Router<Api> {
    let one_api = |prefix: &str| {
        let at = |path: &str| format!("{prefix}{path}");
        Router::new()
            .route(
                &at("/log/entries"),
                post(entries::create)
                    .get(entries::by_index)
                    .head(|| answer::wrong_method("GET,POST"))
                    .fallback(|| answer::wrong_method("GET,POST")),
            )
            .route(
                &at("/log/entries/retrieve"),
                post(entries::retrieve)
                    .get(entries::retrieve_is_no_id)
                    .head(|| answer::wrong_method("GET,POST"))
                    .fallback(|| answer::wrong_method("GET,POST")),
            )
            .route(
                &at("/log/entries/{id}"),
                get(entries::by_id)
                    .head(|| answer::wrong_method("GET"))
                    .fallback(|| answer::wrong_method("GET")),
            )
            .route(
                &at("/log"),
                get(log::info)
                    .head(|| answer::wrong_method("GET"))
                    .fallback(|| answer::wrong_method("GET")),
            )
            .route(
                &at("/log/publicKey"),
                get(log::public_key)
                    .head(|| answer::wrong_method("GET"))
                    .fallback(|| answer::wrong_method("GET")),
            )
            .route(
                &at("/log/proof"),
                get(log::proof)
                    .head(|| answer::wrong_method("GET"))
                    .fallback(|| answer::wrong_method("GET")),
            )
            .route(
                &at("/index/retrieve"),
                post(search::retrieve).fallback(|| answer::wrong_method("POST")),
            )
            .route(&at("/{*rest}"), any(answer::no_path))
    };
    one_api("/api/v1")
        .merge(one_api("/logs/{log}/api/v1"))
        .route("/ping", get(|| async { "." }).fallback(answer::no_path))
}

/// The chain that a path means.
fn shards_at(api: &Api, uri: &Uri) -> Result<Shards, Refused> {
    chain_at(api, uri).map_err(Refused::from)
}

fn chain_at(api: &Api, uri: &Uri) -> Result<Shards, Reject> {
    let service = api.service();
    let named = uri.path().strip_prefix("/logs/");
    let log = match named.and_then(|rest| rest.split_once('/')) {
        Some((name, _)) => LogName::new(name).and_then(|name| service.log(Some(&name))),
        None => service.default_log(Dialect::RekorV1).ok_or_else(no_log),
    };
    service.shards(&log?)
}

fn no_log() -> Reject {
    Reject::mismatch(
        RejectKind::NotFound,
        "a log of dialect rekor-v1 on this server",
        "none",
    )
}

type Answer = Result<Response, Refused>;
