//! The gRPC door of the log in memory: streams of submissions, and nothing else.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use tokio_stream::{Stream, StreamExt};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use treering_api::grpc::pb;
use treering_api::grpc::pb::log_server::{Log, LogServer};

use crate::fake::Fake;

/// The routes of gRPC, to be merged with those of HTTP.
pub(crate) fn router(fake: Arc<Fake>) -> Router {
    Routes::new(LogServer::new(Door(fake)))
        .prepare()
        .into_axum_router()
        .reset_fallback()
}

struct Door(Arc<Fake>);

type Answer<T> = Result<Response<T>, Status>;
type Results<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn missing<T>() -> Answer<T> {
    Err(Status::unimplemented("only streams of submissions"))
}

#[tonic::async_trait]
impl Log for Door {
    type SubmitStreamStream = Results<pb::SubmitResult>;
    type TailStream = Results<pb::Entry>;

    async fn submit_stream(
        &self,
        request: Request<Streaming<pb::SubmitRequest>>,
    ) -> Answer<Self::SubmitStreamStream> {
        let fake = Arc::clone(&self.0);
        let results = request.into_inner().then(move |message| {
            let fake = Arc::clone(&fake);
            async move {
                let (log, submission) = message?.read()?;
                assert_eq!(log.unwrap().as_str(), "main");
                Ok(fake.submit(submission).await.into())
            }
        });
        Ok(Response::new(Box::pin(results)))
    }

    async fn submit(&self, _: Request<pb::SubmitRequest>) -> Answer<pb::SubmitResponse> {
        missing()
    }

    async fn submit_batch(
        &self,
        _: Request<pb::SubmitBatchRequest>,
    ) -> Answer<pb::SubmitBatchResponse> {
        missing()
    }

    async fn get_entry(&self, _: Request<pb::GetEntryRequest>) -> Answer<pb::Entry> {
        missing()
    }

    async fn get_consistency(
        &self,
        _: Request<pb::GetConsistencyRequest>,
    ) -> Answer<pb::Consistency> {
        missing()
    }

    async fn get_checkpoint(&self, _: Request<pb::GetCheckpointRequest>) -> Answer<pb::Checkpoint> {
        missing()
    }

    async fn tail(&self, _: Request<pb::TailRequest>) -> Answer<Self::TailStream> {
        missing()
    }

    async fn list_logs(&self, _: Request<pb::ListLogsRequest>) -> Answer<pb::ListLogsResponse> {
        missing()
    }

    async fn get_envelope(
        &self,
        _: Request<pb::GetEnvelopeRequest>,
    ) -> Answer<pb::GetEnvelopeResponse> {
        missing()
    }
}
