//! Both doors of a log server, as thin as they can be, over any `treering_api::Log`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;
use tonic::{Request, Status, Streaming};
use treering_api::grpc::pb;
use treering_api::json::{
    BatchRequestJson, BatchResponseJson, BatchResultJson, CheckpointJson, ConsistencyJson,
    EntryJson, ErrorJson, LogsJson, SubmittedJson, TailLineJson, verifier_from_query,
};
use treering_api::log::{LogName, Submission};
use treering_api::{Log, Reject};

use crate::fake_log::{FakeLog, name};
use crate::tile_server::static_log_of;

type Shared = Arc<FakeLog>;

/// Starts a server of both doors (and the log's tiles) on one port.
pub(crate) async fn start(log: Shared) -> SocketAddr {
    let grpc =
        tonic::service::Routes::new(pb::log_server::LogServer::new(Door(log.clone()))).prepare();
    let router = Router::new()
        .route("/v1/entries", post(submit))
        .route("/v1/entries:batch", post(submit_batch))
        .route("/v1/entries:tail", get(tail))
        .route("/v1/entries/{id}", get(entry))
        .route("/v1/consistency", get(consistency))
        .route("/v1/checkpoint", get(checkpoint))
        .route("/v1/logs", get(logs))
        .route("/v1/envelopes/{sha256}", get(envelope))
        .route("/logs/small/{*path}", get(tile))
        .with_state(log)
        .merge(grpc.into_axum_router())
        .fallback(|| async { StatusCode::NOT_FOUND });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A query's parameters; `verifiers` may be there several times.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(raw: RawQuery) -> Self {
        let url = format!("http://host/?{}", raw.0.unwrap_or_default());
        Self(
            reqwest::Url::parse(&url)
                .unwrap()
                .query_pairs()
                .into_owned()
                .collect(),
        )
    }

    fn get<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        let pairs: HashMap<_, _> = self.0.iter().cloned().collect();
        pairs
            .get(key)
            .map(|value| value.parse().ok().expect("a well-formed parameter"))
    }

    fn log(&self) -> Option<LogName> {
        self.get::<String>("log")
            .map(|name| LogName::new(&name).unwrap())
    }
}

fn reply<T: Serialize>(status: StatusCode, result: Result<T, Reject>) -> Response {
    match result {
        Ok(json) => (status, Json(json)).into_response(),
        Err(reject) => (reject.kind.wire().status, Json(ErrorJson::from(reject))).into_response(),
    }
}

async fn submit(State(log): State<Shared>, query: RawQuery, envelope: Bytes) -> Response {
    let query = Query::parse(query);
    let verifiers = query.0.iter().filter(|(key, _)| key == "verifiers");
    let verifiers = verifiers
        .map(|(_, text)| verifier_from_query(text).unwrap())
        .collect();
    let result = log
        .submit(
            query.log().as_ref(),
            Submission {
                envelope,
                verifiers,
            },
        )
        .await;
    let json = result.and_then(SubmittedJson::try_from);
    reply(
        json.as_ref().map_or(StatusCode::OK, SubmittedJson::status),
        json,
    )
}

async fn submit_batch(State(log): State<Shared>, query: RawQuery, body: Bytes) -> Response {
    let submissions = match BatchRequestJson::parse(&body) {
        Ok(batch) => batch.into_submissions(&body),
        Err(reject) => return reply::<()>(StatusCode::OK, Err(reject)),
    };
    let results = log
        .submit_batch(Query::parse(query).log().as_ref(), submissions)
        .await;
    let results = results.into_iter().map(BatchResultJson::from).collect();
    reply(StatusCode::OK, Ok(BatchResponseJson { results }))
}

async fn entry(State(log): State<Shared>, Path(id): Path<String>, query: RawQuery) -> Response {
    let query = Query::parse(query);
    let result = match id.parse() {
        Ok(id) => log.entry(query.log().as_ref(), id, query.get("size")).await,
        Err(reject) => Err(reject),
    };
    reply(StatusCode::OK, result.map(EntryJson::from))
}

async fn tail(State(log): State<Shared>, query: RawQuery) -> Response {
    let query = Query::parse(query);
    match log
        .tail(query.log().as_ref(), query.get("from").unwrap())
        .await
    {
        Err(reject) => reply::<()>(StatusCode::OK, Err(reject)),
        Ok(entries) => Body::from_stream(entries.map(|item| {
            let mut line = serde_json::to_vec(&TailLineJson::from(item)).unwrap();
            line.push(b'\n');
            Ok::<_, std::convert::Infallible>(line)
        }))
        .into_response(),
    }
}

async fn consistency(State(log): State<Shared>, query: RawQuery) -> Response {
    let query = Query::parse(query);
    let result = log
        .consistency(
            query.log().as_ref(),
            query.get("from").unwrap(),
            query.get("to"),
        )
        .await;
    reply(
        StatusCode::OK,
        result.map(|proof| ConsistencyJson::new(name(), proof, None)),
    )
}

async fn checkpoint(State(log): State<Shared>, query: RawQuery) -> Response {
    let query = Query::parse(query);
    let result = match query.get("covers") {
        Some(index) => log.wait(query.log().as_ref(), index).await,
        None => log.checkpoint(query.log().as_ref()).await,
    };
    reply(
        StatusCode::OK,
        result.map(|signed| CheckpointJson::new(name(), signed)),
    )
}

async fn logs(State(log): State<Shared>) -> Response {
    reply(StatusCode::OK, log.logs().await.map(LogsJson::from))
}

async fn envelope(State(log): State<Shared>, Path(sha256): Path<String>) -> Response {
    match log.envelope(sha256.parse().unwrap()).await {
        Ok(bytes) => bytes.into_response(),
        Err(reject) => reply::<()>(StatusCode::OK, Err(reject)),
    }
}

async fn tile(State(log): State<Shared>, Path(path): Path<String>) -> Response {
    let mut files = static_log_of(&log.leaves());
    files.remove(&path).map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |bytes| bytes.into_response(),
    )
}

/// The gRPC door.
struct Door(Shared);

type Answer<T> = Result<tonic::Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl pb::log_server::Log for Door {
    type SubmitStreamStream = Answers<pb::SubmitResult>;
    type TailStream = Answers<pb::Entry>;

    async fn submit(&self, request: Request<pb::SubmitRequest>) -> Answer<pb::SubmitResponse> {
        let (log, submission) = request.into_inner().read()?;
        let receipts = self.0.submit(log.as_ref(), submission).await?;
        Ok(tonic::Response::new(
            receipts.try_into().map_err(|e: Reject| Status::from(e))?,
        ))
    }

    async fn submit_batch(
        &self,
        request: Request<pb::SubmitBatchRequest>,
    ) -> Answer<pb::SubmitBatchResponse> {
        let (log, submissions) = request.into_inner().read()?;
        let results = self.0.submit_batch(log.as_ref(), submissions).await;
        let results = results.into_iter().map(pb::SubmitResult::from).collect();
        Ok(tonic::Response::new(pb::SubmitBatchResponse { results }))
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<pb::SubmitRequest>>,
    ) -> Answer<Self::SubmitStreamStream> {
        let log = self.0.clone();
        let results = request.into_inner().then(move |message| {
            let log = log.clone();
            async move {
                let (name, submission) = message?.read()?;
                Ok(pb::SubmitResult::from(
                    log.submit(name.as_ref(), submission).await,
                ))
            }
        });
        Ok(tonic::Response::new(Box::pin(results)))
    }

    async fn get_entry(&self, request: Request<pb::GetEntryRequest>) -> Answer<pb::Entry> {
        let (log, id, size) = request.into_inner().read()?;
        Ok(tonic::Response::new(
            self.0.entry(log.as_ref(), id, size).await?.into(),
        ))
    }

    async fn get_consistency(
        &self,
        request: Request<pb::GetConsistencyRequest>,
    ) -> Answer<pb::Consistency> {
        let (log, from, to) = request.into_inner().read()?;
        let proof = self.0.consistency(log.as_ref(), from, to).await?;
        Ok(tonic::Response::new(pb::Consistency::new(
            &name(),
            &proof,
            None,
        )))
    }

    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Answer<pb::Checkpoint> {
        let (log, covers) = request.into_inner().read()?;
        let signed = match covers {
            Some(index) => self.0.wait(log.as_ref(), index).await?,
            None => self.0.checkpoint(log.as_ref()).await?,
        };
        Ok(tonic::Response::new(pb::Checkpoint::new(&name(), signed)))
    }

    async fn tail(&self, request: Request<pb::TailRequest>) -> Answer<Self::TailStream> {
        let (log, from) = request.into_inner().read()?;
        let entries = self.0.tail(log.as_ref(), from).await?;
        Ok(tonic::Response::new(Box::pin(entries.map(|item| {
            item.map(pb::Entry::from).map_err(Status::from)
        }))))
    }

    async fn list_logs(&self, _: Request<pb::ListLogsRequest>) -> Answer<pb::ListLogsResponse> {
        let logs = self
            .0
            .logs()
            .await?
            .into_iter()
            .map(pb::LogInfo::from)
            .collect();
        Ok(tonic::Response::new(pb::ListLogsResponse { logs }))
    }

    async fn get_envelope(
        &self,
        request: Request<pb::GetEnvelopeRequest>,
    ) -> Answer<pb::GetEnvelopeResponse> {
        let envelope = self.0.envelope(request.into_inner().read()?).await?;
        Ok(tonic::Response::new(pb::GetEnvelopeResponse { envelope }))
    }
}
