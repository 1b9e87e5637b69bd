//! The logs as c2sp.org/tlog-tiles: `checkpoint`, `tile/...` and `tile/entries/...` under `/logs/NAME`, and for
//! rekor-v2 at the root and under `/api/v2` too.
//!
//! A tile never changes once it is there, so caches may keep it for ever, partial ones included: they are the
//! beginning of what follows. Any width up to the live edge is served, and any width of a full tile; beyond it, and
//! for every path that is not the one canonical way to write a tile, the answer is 404, as the specification says.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use treering_api::log::LogName;
use treering_api::reject::{Reject, RejectKind};
use treering_tlog::tile::{self, Tile};

use super::Api;
use super::errors::Refusal;
use crate::log::LogHandle;
use crate::log::tiles::AtHand;

/// What tiles and bundles say to caches.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const OCTETS: (HeaderName, HeaderValue) = (
    header::CONTENT_TYPE,
    HeaderValue::from_static("application/octet-stream"),
);
/// As much of a wrong path as an error repeats, in characters.
const ECHO: usize = 80;

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*rest}", get(tile_at))
        .route("/api/v2/checkpoint", get(checkpoint))
        .route("/api/v2/tile/{*rest}", get(tile_at))
        .route("/logs/{name}/checkpoint", get(checkpoint))
        .route("/logs/{name}/tile/{*rest}", get(tile_at))
}

async fn checkpoint(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (log, _) = resolve(&api, &uri, &headers)?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, log.current().note.clone()).into_response())
}

async fn tile_at(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (log, path) = resolve(&api, &uri, &headers)?;
    let tile = Tile::parse(path).map_err(|_| no_such(path))?;
    if !exists(&log, tile) {
        return Err(no_such(path).into());
    }
    let etag = etag(&log, path);
    if headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|known| known == etag)
    {
        return Ok((
            StatusCode::NOT_MODIFIED,
            [(header::ETAG, etag), (header::CACHE_CONTROL, IMMUTABLE)],
        )
            .into_response());
    }
    let bytes = read(log, tile).await?.ok_or_else(|| no_such(path))?;
    Ok((
        [
            OCTETS,
            (header::ETAG, etag),
            (header::CACHE_CONTROL, IMMUTABLE),
        ],
        bytes,
    )
        .into_response())
}

/// From memory, or from the store on a thread that may block.
pub(super) async fn read(log: Arc<LogHandle>, tile: Tile) -> Result<Option<Bytes>, Reject> {
    match log.tile_at_hand(tile) {
        AtHand::Bytes(bytes) => return Ok(Some(bytes)),
        AtHand::Nothing => return Ok(None),
        AtHand::Elsewhere => {}
    }
    let read = tokio::task::spawn_blocking(move || log.tile(tile));
    read.await.map_err(|_| {
        Reject::new(
            RejectKind::Internal,
            "a bug of the server; its log says more",
        )
    })?
}

/// The log that a path means and what follows its prefix. The path is taken as it was sent: a percent-encoded tile is
/// not the tile's canonical path.
fn resolve<'a>(
    api: &Api,
    uri: &'a Uri,
    headers: &HeaderMap,
) -> Result<(Arc<LogHandle>, &'a str), Reject> {
    let path = uri.path();
    if let Some(rest) = path.strip_prefix("/logs/") {
        let (name, rest) = rest.split_once('/').ok_or_else(|| no_such(path))?;
        let name = LogName::new(name).map_err(|_| no_such(path))?;
        return Ok((api.service().log(Some(&name))?, rest));
    }
    let rest = path
        .strip_prefix("/api/v2/")
        .or_else(|| path.strip_prefix('/'))
        .unwrap_or(path);
    let log = api
        .rekor_v2_at(headers, uri.authority().map(http::uri::Authority::as_str))
        .ok_or_else(|| no_such(path))?;
    Ok((log, rest))
}

/// Whether the published tree has that tile in that width.
pub(super) fn exists(log: &LogHandle, tile: Tile) -> bool {
    let (level, index, width) = match tile {
        Tile::Hash {
            level,
            index,
            width,
        } => (level, index, width),
        Tile::Entries { index, width } => (0, index, width),
    };
    tile::width_at(level, index, log.published().checkpoint.size).is_some_and(|live| live >= width)
}

/// A strong tag without reading the bytes: a log's tile of that path has one content for ever, and the key's id tells
/// this log from another that may once have been at this URL.
fn etag(log: &LogHandle, path: &str) -> HeaderValue {
    let id = log.vkey().split('+').nth(1).unwrap_or_default();
    HeaderValue::try_from(format!("\"{id}/{path}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

pub(super) fn no_such(path: &str) -> Reject {
    let path: String = path.chars().take(ECHO).collect();
    Reject::new(RejectKind::NotFound, format!("no such tile: {path:?}"))
}
