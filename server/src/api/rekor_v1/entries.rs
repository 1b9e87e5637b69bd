//! `/log/entries`: new ones, and those that are there.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use treering_api::reject::{Reject, RejectKind};
use treering_rekor::v1::wire::{LogEntry, LogEntryAnon};
use treering_rekor::v1::{
    ApiError, EntryId, EntryKey, ProposedEntry, Query, Rejected, Retrieve, Uncached,
};

use super::super::Api;
use super::answer::{Refused, json, uncached};
use super::negotiate::{accepts, check_accept, check_content_type};
use super::{Answer, limit, shards_at};
use crate::log::State as LogState;
use crate::service::blocking;
use crate::service::rekor_v1::{Found, LoggedV1, Shards};

/// How long a submission that a rotation met waits for the next shard: it is there some milliseconds later.
const ROTATION: Duration = Duration::from_secs(5);
/// The query parameter that proxies in front of a server know their callers by.
const API_KEY: &str = "apiKey";

pub(super) async fn create(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    check_content_type(&headers)?;
    let body = api.bodies.read(&headers, body, limit(&api)).await?;
    let bytes = body.bytes();
    let mut logged = log(&api, &uri, &bytes).await;
    if let Err(reject) = &logged
        && reject.kind == RejectKind::Frozen
        && follow(&api, &uri).await
    {
        logged = log(&api, &uri, &bytes).await;
    }
    let mut response = match logged {
        Ok(LoggedV1::New(id, entry)) => created(&uri, &id, *entry),
        Ok(LoggedV1::Duplicate(id)) => duplicate(&uri, &id),
        Err(reject) => refused(bytes, reject).await.into_response(),
    };
    if response.status().is_success() && !accepts(&headers, "application/json") {
        // As upstream: it is logged, and its body is of no type that was asked for.
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(""));
    }
    Ok(response)
}

async fn log(api: &Api, uri: &Uri, body: &Bytes) -> Result<LoggedV1, Reject> {
    let shards = super::chain_at(api, uri)?;
    api.service().log_rekor_v1(&shards, body.clone()).await
}

/// Waits for the log that follows a frozen one. Whoever named the frozen one by its path wanted no other.
async fn follow(api: &Api, uri: &Uri) -> bool {
    let Ok(shards) = super::chain_at(api, uri) else {
        return false;
    };
    if uri.path().starts_with("/logs/") {
        return false;
    }
    match &*shards.active().log.state() {
        LogState::Active => true,
        LogState::Frozen {
            successor: Some(name),
            ..
        } => api.service().wait_for_log(name, ROTATION).await,
        LogState::Frozen { .. } | LogState::Failed { .. } => false,
    }
}

/// A refusal says only whose fault it is; what is wrong with the outer object has statuses and codes of its own.
async fn refused(body: Bytes, reject: Reject) -> Refused {
    if reject.kind != RejectKind::Malformed {
        return reject.into();
    }
    let parsed = blocking(move || Ok(ProposedEntry::parse(&body).err())).await;
    match parsed {
        Ok(Some(rejected)) => rejected.into(),
        _ => reject.into(),
    }
}

fn created(uri: &Uri, id: &EntryId, entry: LogEntryAnon) -> Response {
    let id = id.to_string();
    let mut response = json(StatusCode::CREATED, &LogEntry::from([(id.clone(), entry)]));
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(&id) {
        // Not quoted: clients take it for the key of the map.
        headers.insert(header::ETAG, etag);
    }
    headers.extend(location(uri, &id));
    response
}

fn duplicate(uri: &Uri, id: &EntryId) -> Response {
    let mut response = json(StatusCode::CONFLICT, &ApiError::conflict(id));
    response
        .headers_mut()
        .extend(location(uri, &id.to_string()));
    response
}

/// Relative: clients put the server's URL before it. A key of an API, for a proxy in front, is not said again.
fn location(uri: &Uri, id: &str) -> Option<(header::HeaderName, HeaderValue)> {
    let pairs = uri.query().into_iter().flat_map(|query| query.split('&'));
    let kept = pairs.filter(|pair| pair.split('=').next() != Some(API_KEY));
    let query = kept.collect::<Vec<_>>().join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    let path = uri.path().trim_end_matches('/');
    let location = format!("{path}/{id}{mark}{query}");
    Some((header::LOCATION, HeaderValue::try_from(location).ok()?))
}

pub(super) async fn by_index(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Response {
    if let Err(refused) = check_accept(&headers) {
        return uncached(refused);
    }
    uncached(read_index(&api, &uri).await)
}

async fn read_index(api: &Api, uri: &Uri) -> Answer {
    let index = Query::parse(uri.query().unwrap_or_default()).log_index()?;
    let shards = shards_at(api, uri)?;
    let found = shards.at(index).ok_or(Refused::NoEntry)?;
    one(found).await
}

pub(super) async fn by_id(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
    Path(path): Path<Vec<(String, String)>>,
) -> Response {
    if let Err(refused) = check_accept(&headers) {
        return uncached(refused);
    }
    let id = path.into_iter().find(|(name, _)| name == "id");
    uncached(read_id(&api, &uri, &id.unwrap_or_default().1).await)
}

/// GET of `entries/retrieve`: an id that is none.
pub(super) async fn retrieve_is_no_id(State(api): State<Api>, uri: Uri) -> Response {
    uncached(read_id(&api, &uri, "retrieve").await)
}

async fn read_id(api: &Api, uri: &Uri, id: &str) -> Answer {
    let key = EntryKey::parse_path(id)?;
    let shards = shards_at(api, uri)?;
    let found = blocking(move || {
        let found = shards.find(&key.leaf(), key.tree())?;
        found.map(|found| found.read()).transpose()
    });
    Ok(entry_json(found.await?.ok_or(Refused::NoEntry)?))
}

async fn one(found: Found) -> Answer {
    Ok(entry_json(blocking(move || found.read()).await?))
}

fn entry_json((id, entry): (EntryId, LogEntryAnon)) -> Response {
    json(StatusCode::OK, &LogEntry::from([(id.to_string(), entry)]))
}

pub(super) async fn retrieve(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    check_content_type(&headers)?;
    let body = api.bodies.read(&headers, body, limit(&api)).await?;
    let bytes = body.bytes();
    let shards = shards_at(&api, &uri)?;
    let read = blocking(move || Ok(retrieve_all(&shards, &bytes))).await?;
    Ok(json(StatusCode::OK, &read?))
}

/// By full id, by leaf, by entry, by index; what is not there is left out.
fn retrieve_all(shards: &Shards, body: &[u8]) -> Result<Vec<LogEntry>, Refused> {
    let asked = Retrieve::parse(body)?;
    let mut found = Vec::new();
    for id in &asked.ids {
        found.push(shards.find(&id.leaf, Some(id.tree))?);
    }
    for leaf in &asked.leaves {
        found.push(shards.find(leaf, None)?);
    }
    for entry in &asked.entries {
        let leaf = entry.look_up(&Uncached).map_err(Rejected::LookedUp)?;
        found.push(shards.find(&leaf, None)?);
    }
    for index in &asked.indexes {
        found.push(shards.at(*index));
    }
    found
        .into_iter()
        .flatten()
        .map(|found| {
            let (id, entry) = found.read()?;
            Ok(LogEntry::from([(id.to_string(), entry)]))
        })
        .collect()
}
