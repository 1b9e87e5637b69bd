//! The logs as c2sp.org/tlog-tiles: `checkpoint`, `tile/...` and `tile/entries/...` under `/logs/NAME`, and for
//! rekor-v2 at the root and under `/api/v2` too.
//!
//! A tile never changes once it is there, so caches may keep it for ever, partial ones included: they are the
//! beginning of what follows. Any width up to the live edge is served, and any width of a full tile; beyond it, and
//! for every path that is not the one canonical way to write a tile, the answer is 404, as the specification says.
//!
//! Full bundles are sent as gzip to those who take it; hashes do not compress, and partial bundles are soon forgotten.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, IntoResponseParts, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use treering_api::log::LogName;
use treering_api::reject::{Reject, RejectKind};
use treering_tlog::tile::{self, Tile};

use super::Api;
use super::errors::Refusal;
use super::negotiate;
use crate::log::LogHandle;
use crate::log::tiles::AtHand;

/// What tiles and bundles say to caches.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const OCTETS: [(HeaderName, HeaderValue); 1] = [(
    header::CONTENT_TYPE,
    HeaderValue::from_static("application/octet-stream"),
)];
const GZIP: [(HeaderName, HeaderValue); 1] =
    [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
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
    let encodable = matches!(tile, Tile::Entries { width, .. } if width.is_full());
    if encodable
        && negotiate::takes_gzip(&headers)
        && let Some(gzipped) = log.gzipped(tile.index()).await
    {
        let etag = etag(&log, &format!("{path}+gzip-{}", gzipped.tag));
        if negotiate::has(&headers, &etag) {
            return Ok(not_modified(etag, encodable));
        }
        return Ok((OCTETS, GZIP, kept(etag, encodable), gzipped.bytes).into_response());
    }
    let etag = etag(&log, path);
    if negotiate::has(&headers, &etag) {
        return Ok(not_modified(etag, encodable));
    }
    let bytes = read(log, tile).await?.ok_or_else(|| no_such(path))?;
    Ok((OCTETS, kept(etag, encodable), bytes).into_response())
}

fn not_modified(etag: HeaderValue, encodable: bool) -> Response {
    // A body of unknown length: of a known one, 0, the length would be sent, and caches would take it for the tile's
    // (RFC 9110 §8.6).
    let nothing = Body::from_stream(futures_util::stream::empty::<Result<Bytes, Infallible>>());
    (StatusCode::NOT_MODIFIED, kept(etag, encodable), nothing).into_response()
}

/// What 200 and 304 tell caches alike (RFC 9110 §15.4.5): for how long, under which tag, and whether the answer is for
/// those only who take what its asker takes.
fn kept(etag: HeaderValue, encodable: bool) -> impl IntoResponseParts {
    let varies = encodable.then_some([(
        header::VARY,
        HeaderValue::from_name(header::ACCEPT_ENCODING),
    )]);
    (
        [(header::ETAG, etag), (header::CACHE_CONTROL, IMMUTABLE)],
        varies,
    )
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
/// this log from another that may once have been at this URL. Of an encoded form `path` says so, and names its bytes:
/// the next version of the encoder may make others.
fn etag(log: &LogHandle, path: &str) -> HeaderValue {
    let id = log.vkey().split('+').nth(1).unwrap_or_default();
    HeaderValue::try_from(format!("\"{id}/{path}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

pub(super) fn no_such(path: &str) -> Reject {
    let path: String = path.chars().take(ECHO).collect();
    Reject::new(RejectKind::NotFound, format!("no such tile: {path:?}"))
}
