//! `/index/retrieve`: the ids of entries by what they are found by.

use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use treering_rekor::v1::{SearchIndex, Uncached};

use super::super::Api;
use super::answer::{Refused, json};
use super::negotiate::check_content_type;
use super::{Answer, limit, shards_at};
use crate::service::blocking;

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
    let found = blocking(move || {
        Ok::<_, treering_api::reject::Reject>(
            SearchIndex::parse(&bytes, &Uncached)
                .map_err(Refused::from)
                .and_then(|search| shards.search(&search).map_err(Refused::from)),
        )
    });
    let ids: Vec<String> = found.await??.iter().map(ToString::to_string).collect();
    Ok(json(StatusCode::OK, &ids))
}
