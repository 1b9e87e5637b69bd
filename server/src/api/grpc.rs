//! The native door as gRPC: `treering.v1.Log`, with health and reflection beside it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::body::HttpBody;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Code, Request, Status, Streaming, async_trait};
use treering_api::Log as _;
use treering_api::grpc::pb::log_server::{Log, LogServer};
use treering_api::grpc::rekor_v2::DESCRIPTOR as REKOR_V2_DESCRIPTOR;
use treering_api::grpc::rekor_v2::rekor_server::RekorServer;
use treering_api::grpc::{DESCRIPTOR, REJECT_KEY, pb};
use treering_api::log::LogName;
use treering_api::reject::{Reject, RejectKind};

use super::Api;
use super::budget::{Held, owned};
use super::errors::note;
use super::metered::Metered;
use super::outgoing::Outgoing;
use super::rekor_v2::grpc::{self as rekor_v2, Authority};
use crate::app::App;
use crate::metrics::Route;

/// Submissions of one stream that are worked on at once; the answers come in order.
const STREAM_WINDOW: usize = 256;
/// What a message takes beside the bytes that the limits speak of: verifiers, names, lengths.
const MESSAGE_OVERHEAD: usize = 1024 * 1024;

type Answer<T> = Result<tonic::Response<T>, Status>;
type Results<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The routes of all gRPC services.
///
/// Messages are not taken compressed: what one inflates to would be known only when it fills memory.
pub fn routes(api: Api) -> Router {
    let app = &api.app;
    let largest = app
        .limits()
        .max_batch_bytes
        .max(app.limits().max_envelope_bytes);
    let log = LogServer::new(Door {
        app: Arc::clone(app),
        outgoing: Arc::clone(&api.outgoing),
    })
    .max_decoding_message_size(largest.saturating_add(MESSAGE_OVERHEAD));
    let whole = "the descriptor sets were made by the build and are whole";
    tonic::service::Routes::new(log)
        .add_service(rekor_v2::server(api.clone()))
        .add_service(health(app))
        .add_service(reflection().build_v1().expect(whole))
        .add_service(reflection().build_v1alpha().expect(whole))
        .prepare()
        .into_axum_router()
        .layer(from_fn_with_state(api, meter))
}

/// What the reflection service of either version tells.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .register_encoded_file_descriptor_set(REKOR_V2_DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Counts the bodies of a call in both directions.
async fn meter(State(api): State<Api>, request: axum::extract::Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    if let Some(authority) = authority(&head) {
        head.extensions.insert(Authority(authority));
    }
    let body = Body::new(Metered::new(&api, head.uri.path(), body));
    let mut response = next.run(http::Request::from_parts(head, body)).await;
    match response.extensions_mut().remove::<Arc<Held>>() {
        None => response,
        Some(held) => response.map(|body| {
            Body::new(
                body.map_frame(move |frame| frame.map_data(|data| owned(data, Arc::clone(&held)))),
            )
        }),
    }
}

/// The host that a call came to.
fn authority(head: &http::request::Parts) -> Option<String> {
    let uri = head.uri.authority().map(http::uri::Authority::as_str);
    let host = || head.headers.get(http::header::HOST)?.to_str().ok();
    uri.or_else(host).map(str::to_owned)
}

/// Serving until the server begins to stop.
fn health(
    app: &Arc<App>,
) -> tonic_health::pb::health_server::HealthServer<impl tonic_health::pb::health_server::Health> {
    let (reporter, service) = tonic_health::server::health_reporter();
    let closing = app.closing().clone();
    tokio::spawn(async move {
        reporter.set_serving::<LogServer<Door>>().await;
        reporter.set_serving::<RekorServer<rekor_v2::Door>>().await;
        closing.cancelled().await;
        reporter.set_not_serving::<LogServer<Door>>().await;
        reporter
            .set_not_serving::<RekorServer<rekor_v2::Door>>()
            .await;
        reporter
            .set_service_status("", tonic_health::ServingStatus::NotServing)
            .await;
    });
    service
}

struct Door {
    app: Arc<App>,
    outgoing: Arc<Outgoing>,
}

impl Door {
    /// A refusal on its way out, counted and told of.
    fn refuse(&self, reject: Reject) -> Status {
        note(self.app.metrics(), &reject);
        Status::from(reject)
    }

    /// The log that a request names or means.
    fn named(&self, log: Option<&LogName>) -> Result<LogName, Reject> {
        Ok(self.app.service().log(log)?.name().clone())
    }

    async fn submit_one(&self, request: pb::SubmitRequest) -> Result<pb::SubmitResponse, Reject> {
        let wait = request.waits_for()?;
        let (log, submission) = request.read()?;
        let submitted = self
            .app
            .service()
            .submit_and_wait(log.as_ref(), submission, wait);
        pb::SubmitResponse::try_from(submitted.await?)
    }

    async fn submit_all(
        &self,
        request: pb::SubmitBatchRequest,
    ) -> Result<pb::SubmitBatchResponse, Reject> {
        let wait = request.waits_for()?;
        let (log, submissions) = request.read()?;
        let most = self.app.limits().max_batch_items;
        if submissions.len() > most {
            return Err(Reject::mismatch(
                RejectKind::TooLarge,
                format!("at most {most} entries (limits.max_batch_items)"),
                submissions.len().to_string(),
            ));
        }
        let log = self.named(log.as_ref())?;
        let submitted = self
            .app
            .service()
            .submit_batch_and_wait(Some(&log), submissions, wait)
            .await;
        submitted
            .iter()
            .filter_map(|result| result.as_ref().err())
            .for_each(|reject| note(self.app.metrics(), reject));
        Ok(pb::SubmitBatchResponse {
            results: submitted.into_iter().map(pb::SubmitResult::from).collect(),
        })
    }

    async fn read_entry(&self, request: pb::GetEntryRequest) -> Result<pb::Entry, Reject> {
        let (log, id, size) = request.read()?;
        Ok(self
            .app
            .service()
            .entry(log.as_ref(), id, size)
            .await?
            .into())
    }

    async fn read_consistency(
        &self,
        request: pb::GetConsistencyRequest,
    ) -> Result<pb::Consistency, Reject> {
        let (log, from, to) = request.read()?;
        let log = self.named(log.as_ref())?;
        let proof = self.app.service().consistency(Some(&log), from, to).await?;
        let newest = self.app.service().checkpoint(Some(&log)).await?;
        let checkpoint = (newest.checkpoint.size == proof.to).then_some(newest.note);
        Ok(pb::Consistency::new(&log, &proof, checkpoint))
    }

    async fn read_checkpoint(
        &self,
        request: pb::GetCheckpointRequest,
    ) -> Result<pb::Checkpoint, Reject> {
        let cosigned = request.cosigned;
        let (log, covers) = request.read()?;
        let log = self.named(log.as_ref())?;
        let service = self.app.service();
        let signed = service.checkpoint_of(&log, covers, cosigned).await?;
        Ok(pb::Checkpoint::new(&log, signed))
    }

    async fn follow(&self, request: pb::TailRequest) -> Result<Results<pb::Entry>, Reject> {
        let (log, from) = request.read()?;
        let entries = self.app.service().tail(log.as_ref(), from).await?;
        let app = Arc::clone(&self.app);
        Ok(Box::pin(entries.map(move |item| match item {
            Ok(entry) => Ok(pb::Entry::from(entry)),
            Err(reject) => {
                note(app.metrics(), &reject);
                Err(Status::from(reject))
            }
        })))
    }

    /// Each request is worked on as it comes, up to the window; a stop ends the intake, not the answers.
    fn stream(&self, requests: Streaming<pb::SubmitRequest>) -> Results<pb::SubmitResult> {
        let door = Arc::new(Self {
            app: Arc::clone(&self.app),
            outgoing: Arc::clone(&self.outgoing),
        });
        let closing = self.app.closing().clone();
        let intake = requests.take_until(closing.cancelled_owned());
        let answers = intake.map(move |request| {
            let door = Arc::clone(&door);
            async move {
                // A message that cannot be read ends the stream: what follows it cannot be told apart.
                let response = match request {
                    Err(status) => return Err(status),
                    Ok(request) => door.submit_one(request).await,
                };
                let result = match response {
                    Ok(response) => pb::submit_result::Result::Submitted(response),
                    Err(reject) => {
                        note(door.app.metrics(), &reject);
                        pb::submit_result::Result::Error(reject.into())
                    }
                };
                Ok(pb::SubmitResult {
                    result: Some(result),
                })
            }
        });
        let answers = answers.buffered(STREAM_WINDOW);
        // The first fault ends the stream.
        Box::pin(stream::unfold(Some(Box::pin(answers)), |answers| async {
            let mut answers = answers?;
            match answers.next().await? {
                Ok(result) => Some((Ok(result), Some(answers))),
                Err(status) => Some((Err(status), None)),
            }
        }))
    }
}

#[async_trait]
impl Log for Door {
    type SubmitStreamStream = Results<pb::SubmitResult>;
    type TailStream = Results<pb::Entry>;

    async fn submit(&self, request: Request<pb::SubmitRequest>) -> Answer<pb::SubmitResponse> {
        self.submit_one(request.into_inner())
            .await
            .map(tonic::Response::new)
            .map_err(|reject| self.refuse(reject))
    }

    async fn submit_batch(
        &self,
        request: Request<pb::SubmitBatchRequest>,
    ) -> Answer<pb::SubmitBatchResponse> {
        self.submit_all(request.into_inner())
            .await
            .map(tonic::Response::new)
            .map_err(|reject| self.refuse(reject))
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<pb::SubmitRequest>>,
    ) -> Answer<Self::SubmitStreamStream> {
        Ok(tonic::Response::new(self.stream(request.into_inner())))
    }

    async fn get_entry(&self, request: Request<pb::GetEntryRequest>) -> Answer<pb::Entry> {
        self.read_entry(request.into_inner())
            .await
            .map(tonic::Response::new)
            .map_err(|reject| self.refuse(reject))
    }

    async fn get_consistency(
        &self,
        request: Request<pb::GetConsistencyRequest>,
    ) -> Answer<pb::Consistency> {
        self.read_consistency(request.into_inner())
            .await
            .map(tonic::Response::new)
            .map_err(|reject| self.refuse(reject))
    }

    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Answer<pb::Checkpoint> {
        self.read_checkpoint(request.into_inner())
            .await
            .map(tonic::Response::new)
            .map_err(|reject| self.refuse(reject))
    }

    async fn tail(&self, request: Request<pb::TailRequest>) -> Answer<Self::TailStream> {
        self.follow(request.into_inner())
            .await
            .map(tonic::Response::new)
            .map_err(|reject| self.refuse(reject))
    }

    async fn list_logs(&self, _: Request<pb::ListLogsRequest>) -> Answer<pb::ListLogsResponse> {
        let logs = self
            .app
            .service()
            .logs()
            .await
            .map_err(|reject| self.refuse(reject))?;
        Ok(tonic::Response::new(pb::ListLogsResponse {
            logs: logs.into_iter().map(pb::LogInfo::from).collect(),
        }))
    }

    async fn get_envelope(
        &self,
        request: Request<pb::GetEnvelopeRequest>,
    ) -> Answer<pb::GetEnvelopeResponse> {
        let sha256 = request
            .into_inner()
            .read()
            .map_err(|reject| self.refuse(reject))?;
        let (envelope, held) = self
            .outgoing
            .read(self.app.service().envelope(sha256))
            .await
            .map_err(|reject| self.refuse(reject))?;
        let mut response = tonic::Response::new(pb::GetEnvelopeResponse { envelope });
        // `meter` takes it out again and keeps it until the answer is sent.
        response.extensions_mut().insert(held);
        Ok(response)
    }
}

/// What tonic itself refuses (a message over the limit, or one that is no such message) gets a row like every other
/// refusal; and the endless streams of the health service end when the server stops.
pub(super) fn finish(app: &App, route: Route, response: Response) -> Response {
    if route == Route::GrpcRekorV2 {
        return rekor_v2::finish(app, response);
    }
    if let Some(reject) = tonics_own(&response) {
        note(app.metrics(), &reject);
        return Status::from(reject).into_http();
    }
    if matches!(route, Route::GrpcOther) {
        let closing = Box::pin(app.closing().clone().cancelled_owned());
        return response.map(|inner| Body::new(UntilClosing { inner, closing }));
    }
    response
}

/// Our own refusals carry a `Reject`; a status without one is tonic's.
fn tonics_own(response: &Response) -> Option<Reject> {
    let status = Status::from_header_map(response.headers())?;
    if status.metadata().contains_key(REJECT_KEY) {
        return None;
    }
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => Some(Reject::new(
            RejectKind::TooLarge,
            format!("{} (limits.max_batch_bytes)", status.message()),
        )),
        Code::Internal => Some(Reject::malformed(
            "a message of treering.v1",
            status.message(),
        )),
        _ => None,
    }
}

/// A body that ends with the status `UNAVAILABLE` when the server begins to stop.
struct UntilClosing {
    inner: Body,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl HttpBody for UntilClosing {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            return Poll::Ready(frame);
        }
        ready!(self.closing.as_mut().poll(context));
        self.inner = Body::empty();
        let mut trailers = HeaderMap::new();
        // Of ASCII text only, so this cannot fail.
        let _ = Status::unavailable("the server is stopping").add_header(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    /// So that a status without a message stays one frame, as gRPC wants it.
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
