//! `/log`: its state, its keys, and that it only grew.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use treering_rekor::v1::wire::LogInfo;
use treering_rekor::v1::{ApiError, NamedTree, Query, Rejected};

use super::super::Api;
use super::answer::{Refused, json, uncached};
use super::negotiate::{accepts, check_accept};
use super::{Answer, shards_at};
use crate::service::blocking;
use crate::service::rekor_v1::{Shard, Shards};

const PEM: &str = "application/x-pem-file";

pub(super) async fn info(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Response {
    if let Err(refused) = check_accept(&headers) {
        return uncached(refused);
    }
    uncached(read_info(&api, &uri).await)
}

async fn read_info(api: &Api, uri: &Uri) -> Answer {
    let shards = shards_at(api, uri)?;
    let info = blocking(move || {
        let inactive = shards.inactive().iter().map(Shard::state);
        Ok(LogInfo {
            inactive_shards: inactive.collect::<Result<_, _>>()?,
            active: shards.active().state()?,
        })
    });
    Ok(json(StatusCode::OK, &info.await?))
}

pub(super) async fn public_key(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Response {
    let as_json = accepts(&headers, "application/json") && !accepts(&headers, PEM);
    if !as_json && !accepts(&headers, PEM) {
        let message =
            "unsupported media type requested, only [application/x-pem-file] are available";
        return uncached(Refused::new(StatusCode::NOT_ACCEPTABLE, message));
    }
    uncached(match read_key(&api, &uri) {
        Ok(pem) if as_json => json(StatusCode::OK, &pem),
        Ok(pem) => typed(StatusCode::OK, pem.into_bytes()),
        Err(Missing::Tree) => {
            let body = ApiError::new(400, "Bad Request");
            let response = json(StatusCode::BAD_REQUEST, &body);
            // Clients ask for PEM, and upstream says so of its errors too.
            let mut response = response;
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(PEM));
            response
        }
        Err(Missing::Refused(refused)) => refused.into_response(),
    })
}

fn typed(status: StatusCode, body: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static(PEM);
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

enum Missing {
    Tree,
    Refused(Refused),
}

fn read_key(api: &Api, uri: &Uri) -> Result<String, Missing> {
    let query = Query::parse(uri.query().unwrap_or_default());
    let tree = match query.tree() {
        Err(Rejected::TreeId { .. }) | Ok(Some(NamedTree::Zero)) => return Err(Missing::Tree),
        Err(other) => return Err(Missing::Refused(other.into())),
        Ok(tree) => tree,
    };
    let shards = shards_at(api, uri).map_err(Missing::Refused)?;
    let shard = named(&shards, tree).ok_or(Missing::Tree)?;
    Ok(shard.v1.log_key().to_pem())
}

fn named(shards: &Shards, tree: Option<NamedTree>) -> Option<&Shard> {
    match tree {
        None => shards.of_tree(None),
        Some(NamedTree::Id(tree)) => shards.of_tree(Some(tree)),
        Some(NamedTree::Zero) => None,
    }
}

pub(super) async fn proof(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Response {
    if let Err(refused) = check_accept(&headers) {
        return uncached(refused);
    }
    uncached(read_proof(&api, &uri).await)
}

async fn read_proof(api: &Api, uri: &Uri) -> Answer {
    let range = Query::parse(uri.query().unwrap_or_default()).proof_range()?;
    let shards = shards_at(api, uri)?;
    let shard = named(&shards, range.tree).ok_or_else(|| {
        let tree = match range.tree {
            Some(NamedTree::Id(tree)) => tree.to_string(),
            _ => "0".to_owned(),
        };
        let message = format!("no log range found for tree ID {tree}");
        Refused::new(StatusCode::BAD_REQUEST, message)
    })?;
    let size = shard.log.published().checkpoint.size.get();
    if range.last > size {
        let message = format!(
            "lastSize({}) must be less than or equal to tree size({size})",
            range.last
        );
        return Err(Refused::new(StatusCode::BAD_REQUEST, message));
    }
    let proof = api
        .service()
        .prove_rekor_v1(shard, range.first, range.last)
        .await?;
    Ok(json(StatusCode::OK, &proof))
}
