//! The native door in JSON: `treering.v1` under `/v1`. `treering_api::OPENAPI` describes it; a test compares the two.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use treering_api::Log as _;
use treering_api::json::{
    BatchRequestJson, BatchResponseJson, BatchResultJson, CheckpointJson, ConsistencyJson,
    EntryJson, LogsJson, SubmittedJson, TailLineJson,
};
use treering_api::log::{EntryId, LogName, Submission};
use treering_api::reject::{Reject, RejectKind};
use treering_tlog::Hash;

use super::body::Limit;
use super::budget::owned;
use super::errors::{Refusal, note};
use super::query::{Query, missing};
use super::{Api, archivista};
use crate::trust::{
    PUBLIC_KEY_SUFFIX, SIGNING_CONFIG, SIGNING_CONFIG_V1, TRUSTED_ROOT, VKEY_SUFFIX,
};

type Answer<T = Response> = Result<T, Refusal>;

/// What is read with GET and may be something else a moment later.
const NO_CACHE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/entries", post(submit))
        .route("/v1/entries:batch", post(submit_batch))
        .route("/v1/entries:tail", get(tail))
        .route("/v1/entries/{id}", get(entry))
        .route("/v1/consistency", get(consistency))
        .route("/v1/checkpoint", get(checkpoint))
        .route("/v1/logs", get(logs))
        .route("/v1/envelopes/{sha256}", get(envelope))
        .route("/v1/openapi.json", get(openapi))
        // The files for clients; the matcher takes no suffix behind a parameter.
        .route("/v1/{file}", get(trust_file))
}

async fn submit(State(api): State<Api>, uri: Uri, headers: HeaderMap, body: Body) -> Answer {
    let query = Query::read(&uri, &["log", "verifiers", "wait"])?;
    let (log, verifiers, wait) = (query.log()?, query.verifiers()?, query.wait()?);
    let limit = Limit {
        bytes: api.app.limits().max_envelope_bytes,
        name: "limits.max_envelope_bytes",
    };
    let body = api.bodies.read(&headers, body, limit).await?;
    let submission = Submission {
        envelope: body.bytes(),
        verifiers,
    };
    let submitted = api
        .service()
        .submit_and_wait(log.as_ref(), submission, wait);
    let receipts = submitted.await?;
    let submitted = SubmittedJson::try_from(receipts)?;
    Ok((submitted.status(), Json(submitted)).into_response())
}

async fn submit_batch(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<BatchResponseJson>> {
    let query = Query::read(&uri, &["log", "wait"])?;
    let (log, wait) = (query.log()?, query.wait()?);
    let limit = Limit {
        bytes: api.app.limits().max_batch_bytes,
        name: "limits.max_batch_bytes",
    };
    let body = api.bodies.read(&headers, body, limit).await?;
    let bytes = body.bytes();
    let submissions = BatchRequestJson::parse(&bytes)?.into_submissions(&bytes);
    let most = api.app.limits().max_batch_items;
    if submissions.len() > most {
        let reject = Reject::mismatch(
            RejectKind::TooLarge,
            format!("at most {most} entries (limits.max_batch_items)"),
            submissions.len().to_string(),
        );
        return Err(reject.into());
    }
    // The name is checked once; else every result would say that there is no such log.
    let log = api.service().log(log.as_ref())?.name().clone();
    let submitted = api
        .service()
        .submit_batch_and_wait(Some(&log), submissions, wait)
        .await;
    submitted
        .iter()
        .filter_map(|result| result.as_ref().err())
        .for_each(|reject| note(api.app.metrics(), reject));
    Ok(Json(BatchResponseJson {
        results: submitted.into_iter().map(BatchResultJson::from).collect(),
    }))
}

async fn entry(State(api): State<Api>, uri: Uri, Path(id): Path<String>) -> Answer {
    let query = Query::read(&uri, &["log", "size"])?;
    let id: EntryId = id.parse()?;
    let entry = api
        .service()
        .entry(query.log()?.as_ref(), id, query.size("size")?)
        .await?;
    Ok(([NO_CACHE], Json(EntryJson::from(entry))).into_response())
}

async fn tail(State(api): State<Api>, uri: Uri) -> Answer {
    let query = Query::read(&uri, &["log", "from"])?;
    let from = query.index("from")?.ok_or_else(|| missing("from"))?;
    let entries = api.service().tail(query.log()?.as_ref(), from).await?;
    let metrics = api.app.metrics().clone();
    let lines = entries.map(move |item| {
        item.as_ref()
            .err()
            .into_iter()
            .for_each(|reject| note(&metrics, reject));
        let mut line = serde_json::to_vec(&TailLineJson::from(item))?;
        line.push(b'\n');
        Ok::<_, serde_json::Error>(Bytes::from(line))
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-ndjson"),
        ),
        NO_CACHE,
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

async fn consistency(State(api): State<Api>, uri: Uri) -> Answer {
    let query = Query::read(&uri, &["log", "from", "to"])?;
    let from = query.size("from")?.ok_or_else(|| missing("from"))?;
    let log = named(&api, &query)?;
    let proof = api
        .service()
        .consistency(Some(&log), from, query.size("to")?)
        .await?;
    let newest = api.service().checkpoint(Some(&log)).await?;
    let checkpoint = (newest.checkpoint.size == proof.to).then_some(newest.note);
    Ok((
        [NO_CACHE],
        Json(ConsistencyJson::new(log, proof, checkpoint)),
    )
        .into_response())
}

async fn checkpoint(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Answer {
    let query = Query::read(&uri, &["log", "covers", "cosigned"])?;
    let log = named(&api, &query)?;
    let (covers, cosigned) = (query.index("covers")?, query.flag("cosigned")?);
    let signed = api.service().checkpoint_of(&log, covers, cosigned).await?;
    if wants_text(&headers) {
        return Ok(([NO_CACHE], signed.note).into_response());
    }
    Ok(([NO_CACHE], Json(CheckpointJson::new(log, signed))).into_response())
}

async fn logs(State(api): State<Api>, uri: Uri) -> Answer {
    Query::read(&uri, &[])?;
    let logs = api.service().logs().await?;
    Ok(([NO_CACHE], Json(LogsJson::from(logs))).into_response())
}

async fn envelope(State(api): State<Api>, uri: Uri, Path(sha256): Path<String>) -> Answer {
    let query = Query::read(&uri, &["unverified"])?;
    let unverified = query.flag("unverified")?;
    let hash = Hash::from_hex(&sha256).map_err(|error| {
        Reject::malformed("a SHA-256 as 64 hexadecimal digits", error.to_string())
    })?;
    let kept = api.outgoing.read(api.service().envelope(hash)).await;
    let (bytes, held) = match kept {
        Err(reject) if reject.kind == RejectKind::NotFound && api.app.archivista().holds(&hash) => {
            return held_envelope(&api, hash, unverified).await;
        }
        kept => kept?,
    };
    let bytes = owned(bytes, held);
    // What a submitter sent must not be taken for a page of ours.
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// One that is outside every log, for nobody knows who signed it: only for those who say that they want such.
async fn held_envelope(api: &Api, hash: Hash, unverified: bool) -> Answer {
    if !unverified {
        let message = format!(
            "no envelope with sha256 {hash} is in a log; an unverified one is held, ask with ?unverified=true for it"
        );
        return Err(Reject::new(RejectKind::NotFound, message).into());
    }
    let mut response = archivista::send(api, api.app.archivista().read_unverified(hash)).await?;
    let octets = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, octets);
    Ok(response)
}

async fn openapi(uri: Uri) -> Answer {
    Query::read(&uri, &[])?;
    Ok((
        StatusCode::OK,
        [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ),
            NO_CACHE,
        ],
        treering_api::OPENAPI,
    )
        .into_response())
}

async fn trust_file(State(api): State<Api>, uri: Uri, Path(file): Path<String>) -> Answer {
    let known = matches!(
        file.as_str(),
        TRUSTED_ROOT | SIGNING_CONFIG | SIGNING_CONFIG_V1
    ) || file.ends_with(VKEY_SUFFIX)
        || file.ends_with(PUBLIC_KEY_SUFFIX);
    let bytes = api
        .app
        .trust()
        .file(&file)
        .filter(|_| known)
        .ok_or_else(|| {
            Reject::mismatch(
                RejectKind::NotFound,
                format!("{TRUSTED_ROOT}, {SIGNING_CONFIG} or LOG{VKEY_SUFFIX}"),
                format!("{file:?}"),
            )
        })?;
    Query::read(&uri, &[])?;
    let kind = if file.ends_with(PUBLIC_KEY_SUFFIX) {
        "application/x-pem-file"
    } else if file.ends_with(VKEY_SUFFIX) {
        "text/plain; charset=utf-8"
    } else {
        "application/json"
    };
    Ok((
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            NO_CACHE,
        ],
        bytes,
    )
        .into_response())
}

/// The log that a query names or means, so that two questions about the default log are about the same one.
fn named(api: &Api, query: &Query) -> Result<LogName, Reject> {
    Ok(api.service().log(query.log()?.as_ref())?.name().clone())
}

/// The signed note itself is wanted, and not JSON.
fn wants_text(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = |wanted: &str| {
        accept.split(',').any(|range| {
            range
                .split(';')
                .next()
                .is_some_and(|name| name.trim().eq_ignore_ascii_case(wanted))
        })
    };
    media("text/plain") && !media("application/json")
}
