//! Rekor v2 as gRPC: `dev.sigstore.rekor.v2.Rekor`, its reads included.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use prost::Message as _;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request, Status, async_trait};
use treering_api::grpc::REJECT_KEY;
use treering_api::grpc::rekor_v2::rekor_server::{Rekor, RekorServer};
use treering_api::grpc::rekor_v2::{
    CreateEntryRequest, EntryBundleRequest, HttpBody, LOG_INDEX_KEY, TileRequest,
    TransparencyLogEntryMessage,
};
use treering_api::reject::{Reject, RejectKind};
use treering_rekor::v2::TransparencyLogEntry;
use treering_tlog::tile::Tile;

use super::super::errors::note;
use super::super::{Api, tiles};
use super::{MAX_REQUEST_BYTES, code, duplicate_message, explained, log_at};
use crate::app::App;
use crate::log::LogHandle;
use crate::service::RekorV2Request;
use crate::service::rekor_v2::{Logged, NewEntry};

type Answer<T> = Result<tonic::Response<T>, Status>;

/// The host that a call came to, as an extension of its request: tonic does not show the URI.
#[derive(Clone, Debug)]
pub struct Authority(pub String);

/// The service.
#[must_use]
pub fn server(api: Api) -> RekorServer<Door> {
    RekorServer::new(Door { api }).max_decoding_message_size(MAX_REQUEST_BYTES)
}

/// The service's implementation.
pub struct Door {
    api: Api,
}

impl Door {
    fn log<T>(&self, request: &Request<T>) -> Result<Arc<LogHandle>, Status> {
        let authority = request.extensions().get::<Authority>();
        let authority = authority.map(|authority| authority.0.as_str());
        log_at(&self.api, &HeaderMap::new(), authority).map_err(|reject| self.refuse(reject))
    }

    /// A refusal on its way out, counted and told of.
    fn refuse(&self, reject: Reject) -> Status {
        note(self.api.app.metrics(), &reject);
        refused(reject)
    }

    async fn create(
        &self,
        log: &Arc<LogHandle>,
        message: CreateEntryRequest,
    ) -> Result<Logged, Reject> {
        let len = message.encoded_len();
        let metrics = self.api.app.metrics().rekor_v2();
        metrics.grpc_request("CreateEntry", len);
        let create = message
            .read()
            .map_err(|error| Reject::new(RejectKind::Malformed, error.to_string()))?;
        let request = RekorV2Request::Parsed(Box::new(create), len);
        let rules = self.api.rekor_v2_rules;
        self.api.service().log_rekor_v2(log, request, rules).await
    }

    async fn tile(&self, log: Arc<LogHandle>, path: String) -> Answer<HttpBody> {
        let tile = Tile::parse(&path).map_err(|_| self.refuse(tiles::no_such(&path)))?;
        let read = async {
            let found = if tiles::exists(&log, tile) {
                tiles::read(log, tile).await?
            } else {
                None
            };
            found.ok_or_else(|| tiles::no_such(&path))
        };
        let (data, held) = self
            .api
            .outgoing
            .read(read)
            .await
            .map_err(|reject| self.refuse(reject))?;
        let mut response = body("application/octet-stream", data);
        // The layer over all gRPC takes it out again and keeps it until the answer is sent.
        response.extensions_mut().insert(held);
        Ok(response)
    }

    fn count<T: prost::Message>(&self, method: &str, request: &T) {
        let metrics = self.api.app.metrics().rekor_v2();
        metrics.grpc_request(method, request.encoded_len());
    }
}

#[async_trait]
impl Rekor for Door {
    async fn create_entry(
        &self,
        request: Request<CreateEntryRequest>,
    ) -> Answer<TransparencyLogEntryMessage> {
        let log = self.log(&request)?;
        match self.create(&log, request.into_inner()).await {
            Ok(Logged::New(entry)) => Ok(tonic::Response::new(created(&log, &entry))),
            Ok(Logged::Duplicate(index)) => Err(duplicate(index.get())),
            Err(reject) => Err(self.refuse(explained(&self.api, &log, reject))),
        }
    }

    async fn get_tile(&self, request: Request<TileRequest>) -> Answer<HttpBody> {
        let log = self.log(&request)?;
        let request = request.into_inner();
        self.count("GetTile", &request);
        self.tile(log, format!("tile/{}/{}", request.l, request.n))
            .await
    }

    async fn get_entry_bundle(&self, request: Request<EntryBundleRequest>) -> Answer<HttpBody> {
        let log = self.log(&request)?;
        let request = request.into_inner();
        self.count("GetEntryBundle", &request);
        self.tile(log, format!("tile/entries/{}", request.n)).await
    }

    async fn get_checkpoint(&self, request: Request<()>) -> Answer<HttpBody> {
        let log = self.log(&request)?;
        self.count("GetCheckpoint", request.get_ref());
        let note = Bytes::from(log.current().note.clone());
        Ok(body("text/plain; charset=utf-8", note))
    }
}

fn body(content_type: &str, data: Bytes) -> tonic::Response<HttpBody> {
    tonic::Response::new(HttpBody {
        content_type: content_type.to_owned(),
        data,
    })
}

fn created(log: &LogHandle, entry: &NewEntry) -> TransparencyLogEntryMessage {
    TransparencyLogEntryMessage::from(&TransparencyLogEntry {
        log_id: log.key_id(),
        proof: &entry.proof,
        root: &entry.published.checkpoint.root,
        checkpoint: &log.note_of(&entry.published),
        leaf: &entry.leaf,
    })
}

fn duplicate(index: u64) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert(LOG_INDEX_KEY, MetadataValue::from(index));
    Status::with_metadata(Code::AlreadyExists, duplicate_message(index), metadata)
}

/// The status of a refusal, with the code that Rekor's clients know it by.
fn refused(reject: Reject) -> Status {
    let code = code(reject.kind);
    let status = Status::from(reject);
    Status::with_metadata(code, status.message(), status.metadata().clone())
}

/// What tonic itself refuses: a message over the limit, or one that is no such message.
pub(crate) fn finish(app: &App, response: Response) -> Response {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    if status.metadata().contains_key(REJECT_KEY) {
        return response;
    }
    let (code, reject) = match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => (
            Code::ResourceExhausted,
            Reject::new(RejectKind::TooLarge, status.message()),
        ),
        Code::Internal => (
            Code::InvalidArgument,
            Reject::malformed("a message of dev.sigstore.rekor.v2", status.message()),
        ),
        _ => return response,
    };
    note(app.metrics(), &reject);
    let status = Status::from(reject);
    Status::with_metadata(code, status.message(), status.metadata().clone()).into_http()
}
