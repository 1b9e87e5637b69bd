//! A log server over gRPC.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tonic::codec::CompressionEncoding;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use treering_api::Reject;
use treering_api::grpc::pb::log_client::LogClient;
use treering_api::grpc::{MAX_MESSAGE_LEN, pb};
use treering_api::log::{
    Entry, EntryId, EntryStream, Log, LogInfo, LogName, Receipt, SignedCheckpoint, Submission,
    Submitted,
};
use treering_tlog::merkle::ConsistencyProof;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::answer::{answer, check_asked, check_covers, check_envelope, check_sizes, same};
use crate::error::{FetchError, chain};
use crate::transport::{Base, HttpOptions, install_tls_provider};

/// A server's logs over one HTTP/2 connection, which is opened when first needed and again when it breaks. Answers are
/// checked as those of [`crate::Remote`] are.
#[derive(Clone, Debug)]
pub struct GrpcRemote {
    client: LogClient<Channel>,
    timeout: std::time::Duration,
}

impl GrpcRemote {
    /// The server at this address. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`FetchError::Address`], or [`FetchError::Setup`] if TLS cannot be set up.
    pub fn new(options: &HttpOptions, url: &str) -> Result<Self, FetchError> {
        let setup = |e: tonic::transport::Error| FetchError::Setup { detail: chain(&e) };
        let base = Base::parse(url)?;
        let mut endpoint = Endpoint::from_shared(base.as_str().to_owned())
            .map_err(setup)?
            .connect_timeout(options.connect_timeout)
            .tcp_nodelay(true)
            .user_agent(concat!("treering/", env!("CARGO_PKG_VERSION")))
            .map_err(setup)?;
        if base.is_https() {
            install_tls_provider();
            let mut tls = ClientTlsConfig::new().with_native_roots();
            if let Some(pem) = &options.ca_certificates {
                tls = tls.ca_certificate(Certificate::from_pem(pem));
            }
            endpoint = endpoint.tls_config(tls).map_err(setup)?;
        }
        let client = LogClient::new(endpoint.connect_lazy())
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(MAX_MESSAGE_LEN)
            .max_encoding_message_size(MAX_MESSAGE_LEN);
        Ok(Self {
            client,
            timeout: options.timeout,
        })
    }

    /// Logs envelopes as they come; one result each, in order. The stream ends with the submissions, or with the first
    /// error of the connection.
    ///
    /// # Errors
    /// What the server or the transport refuses before the first result.
    pub async fn submit_stream(
        &self,
        log: Option<LogName>,
        submissions: impl Stream<Item = Submission> + Send + 'static,
    ) -> Result<impl Stream<Item = Submitted> + Send + 'static, Reject> {
        let requests =
            submissions.map(move |submission| pb::SubmitRequest::new(log.as_ref(), submission));
        let results = self
            .client
            .clone()
            .submit_stream(requests)
            .await?
            .into_inner();
        Ok(results.map(|result| result.map_err(Reject::from).and_then(Submitted::from)))
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    async fn get_checkpoint(
        &self,
        log: Option<&LogName>,
        covers: Option<LeafIndex>,
    ) -> Result<SignedCheckpoint, Reject> {
        let request = self.request(pb::GetCheckpointRequest::new(log, covers));
        let message = self
            .client
            .clone()
            .get_checkpoint(request)
            .await?
            .into_inner();
        SignedCheckpoint::try_from(message).map_err(answer)
    }
}

#[async_trait]
impl Log for GrpcRemote {
    async fn submit(&self, log: Option<&LogName>, submission: Submission) -> Submitted {
        let request = self.request(pb::SubmitRequest::new(log, submission));
        let message = self.client.clone().submit(request).await?.into_inner();
        Vec::<Receipt>::try_from(message).map_err(answer)
    }

    async fn submit_batch(
        &self,
        log: Option<&LogName>,
        submissions: Vec<Submission>,
    ) -> Vec<Submitted> {
        let count = submissions.len();
        let request = self.request(pb::SubmitBatchRequest::new(log, submissions));
        let called = async {
            let message = self
                .client
                .clone()
                .submit_batch(request)
                .await?
                .into_inner();
            same("results:", count, message.results.len())?;
            Ok(message.results.into_iter().map(Submitted::from).collect())
        };
        called
            .await
            .unwrap_or_else(|reject: Reject| vec![Err(reject); count])
    }

    async fn entry(
        &self,
        log: Option<&LogName>,
        id: EntryId,
        size: Option<TreeSize>,
    ) -> Result<Entry, Reject> {
        let request = self.request(pb::GetEntryRequest::new(log, id, size));
        let message = self.client.clone().get_entry(request).await?.into_inner();
        let entry = Entry::try_from(message).map_err(answer)?;
        check_asked(&entry, id, size)?;
        Ok(entry)
    }

    async fn consistency(
        &self,
        log: Option<&LogName>,
        from: TreeSize,
        to: Option<TreeSize>,
    ) -> Result<ConsistencyProof, Reject> {
        let request = self.request(pb::GetConsistencyRequest::new(log, from, to));
        let message = self
            .client
            .clone()
            .get_consistency(request)
            .await?
            .into_inner();
        let proof = ConsistencyProof::try_from(message).map_err(answer)?;
        check_sizes(&proof, from, to)?;
        Ok(proof)
    }

    async fn checkpoint(&self, log: Option<&LogName>) -> Result<SignedCheckpoint, Reject> {
        self.get_checkpoint(log, None).await
    }

    async fn wait(
        &self,
        log: Option<&LogName>,
        index: LeafIndex,
    ) -> Result<SignedCheckpoint, Reject> {
        check_covers(self.get_checkpoint(log, Some(index)).await?, index)
    }

    async fn tail(&self, log: Option<&LogName>, from: LeafIndex) -> Result<EntryStream, Reject> {
        let messages = self
            .client
            .clone()
            .tail(pb::TailRequest::new(log, from))
            .await?
            .into_inner();
        let numbered = messages.enumerate().map(move |(position, message)| {
            let entry = Entry::try_from(message?).map_err(answer)?;
            let expected = from
                .get()
                .saturating_add(u64::try_from(position).unwrap_or(u64::MAX));
            same("index", expected, entry.index.get())?;
            Ok(entry)
        });
        Ok(Box::pin(numbered))
    }

    async fn logs(&self) -> Result<Vec<LogInfo>, Reject> {
        let request = self.request(pb::ListLogsRequest {});
        let message = self.client.clone().list_logs(request).await?.into_inner();
        message
            .logs
            .into_iter()
            .map(|info| LogInfo::try_from(info).map_err(answer))
            .collect()
    }

    async fn envelope(&self, sha256: Hash) -> Result<Bytes, Reject> {
        let request = self.request(pb::GetEnvelopeRequest::new(&sha256));
        let message = self
            .client
            .clone()
            .get_envelope(request)
            .await?
            .into_inner();
        check_envelope(message.envelope, sha256)
    }
}
