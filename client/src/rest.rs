//! A log server over HTTP and JSON.

mod lines;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use reqwest::{RequestBuilder, Url};
use serde::de::DeserializeOwned;
use treering_api::Reject;
use treering_api::json::{
    BatchEntryJson, BatchRequestJson, BatchResponseJson, CheckpointJson, ConsistencyJson,
    EntryJson, ErrorJson, LogsJson, SubmittedJson, verifier_to_query,
};
use treering_api::log::{
    Entry, EntryId, EntryStream, Log, LogInfo, LogName, Receipt, SignedCheckpoint, Submission,
    Submitted,
};
use treering_tlog::merkle::ConsistencyProof;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::answer::{answer, check_asked, check_covers, check_envelope, check_sizes, same};
use crate::error::FetchError;
use crate::tiles::TileReader;
use crate::transport::{Base, Http};
use lines::Lines;

/// The most of a JSON answer that is read, in bytes: a batch of a thousand receipts has 6 MiB.
const MAX_JSON: usize = 64 * 1024 * 1024;
/// The most of an envelope that is read, in bytes: four times the default limit of a server.
const MAX_ENVELOPE: usize = 256 * 1024 * 1024;

/// A server's logs. Answers are checked for their form, and that each is about what was asked; signatures and proofs are
/// for [`crate::verify`].
#[derive(Clone, Debug)]
pub struct Remote {
    http: Http,
    base: Base,
}

impl Remote {
    /// The server at this address; a path before `/v1` may be part of it.
    ///
    /// # Errors
    /// [`FetchError::Address`].
    pub fn new(http: Http, url: &str) -> Result<Self, FetchError> {
        Ok(Self {
            http,
            base: Base::parse(url)?,
        })
    }

    /// The server's address, ending in a slash.
    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// The tiles of one of its logs.
    ///
    /// # Errors
    /// [`FetchError::Address`], which a valid address rules out.
    pub fn tiles(&self, log: &LogName) -> Result<TileReader, FetchError> {
        TileReader::new(
            self.http.clone(),
            self.base.at(&format!("logs/{log}/")).as_str(),
        )
    }

    fn at(&self, path: &str, log: Option<&LogName>, query: &[(&str, String)]) -> Url {
        let mut url = self.base.at(path);
        if log.is_some() || !query.is_empty() {
            let mut pairs = url.query_pairs_mut();
            pairs.extend_pairs(log.iter().map(|log| ("log", log.as_str())));
            pairs.extend_pairs(query);
        }
        url
    }

    async fn send(&self, request: RequestBuilder, limit: usize) -> Result<Bytes, Reject> {
        let (status, body) = self.http.send(request, limit).await?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(ErrorJson::reject(status, &body))
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        log: Option<&LogName>,
        query: &[(&str, String)],
    ) -> Result<T, Reject> {
        let body = self
            .send(self.http.get(self.at(path, log, query)), MAX_JSON)
            .await?;
        decode(&body)
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Reject> {
    serde_json::from_slice(body)
        .map_err(|e| answer(Reject::malformed("an answer of the API", e.to_string())))
}

#[async_trait]
impl Log for Remote {
    async fn submit(&self, log: Option<&LogName>, submission: Submission) -> Submitted {
        let verifiers: Vec<_> = submission
            .verifiers
            .iter()
            .map(|key| ("verifiers", verifier_to_query(key)))
            .collect();
        let request = self
            .http
            .post(self.at("v1/entries", log, &verifiers))
            .body(submission.envelope);
        let json: SubmittedJson = decode(&self.send(request, MAX_JSON).await?)?;
        Vec::<Receipt>::try_from(json).map_err(answer)
    }

    async fn submit_batch(
        &self,
        log: Option<&LogName>,
        submissions: Vec<Submission>,
    ) -> Vec<Submitted> {
        // What is not JSON cannot travel in the batch; its place gets the error, the others go.
        let entries: Vec<_> = submissions.iter().map(BatchEntryJson::try_from).collect();
        let (mut refused, mut sent) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Ok(entry) => {
                    sent.push(entry);
                    refused.push(None);
                }
                Err(reject) => refused.push(Some(reject)),
            }
        }
        let mut results = self.send_batch(log, sent).await.into_iter();
        let mut next = || {
            results
                .next()
                .unwrap_or_else(|| Err(answer(Reject::malformed("a result", "none"))))
        };
        refused
            .into_iter()
            .map(|reject| reject.map_or_else(&mut next, Err))
            .collect()
    }

    async fn entry(
        &self,
        log: Option<&LogName>,
        id: EntryId,
        size: Option<TreeSize>,
    ) -> Result<Entry, Reject> {
        let size_query: Vec<_> = size.iter().map(|size| ("size", size.to_string())).collect();
        let json: EntryJson = self
            .get(&format!("v1/entries/{id}"), log, &size_query)
            .await?;
        let entry = Entry::try_from(json).map_err(answer)?;
        check_asked(&entry, id, size)?;
        Ok(entry)
    }

    async fn consistency(
        &self,
        log: Option<&LogName>,
        from: TreeSize,
        to: Option<TreeSize>,
    ) -> Result<ConsistencyProof, Reject> {
        let mut query = vec![("from", from.to_string())];
        query.extend(to.map(|to| ("to", to.to_string())));
        let json: ConsistencyJson = self.get("v1/consistency", log, &query).await?;
        let proof = ConsistencyProof::from(json);
        check_sizes(&proof, from, to)?;
        Ok(proof)
    }

    async fn checkpoint(&self, log: Option<&LogName>) -> Result<SignedCheckpoint, Reject> {
        let json: CheckpointJson = self.get("v1/checkpoint", log, &[]).await?;
        SignedCheckpoint::try_from(json).map_err(answer)
    }

    async fn wait(
        &self,
        log: Option<&LogName>,
        index: LeafIndex,
    ) -> Result<SignedCheckpoint, Reject> {
        let json: CheckpointJson = self
            .get("v1/checkpoint", log, &[("covers", index.to_string())])
            .await?;
        check_covers(SignedCheckpoint::try_from(json).map_err(answer)?, index)
    }

    async fn tail(&self, log: Option<&LogName>, from: LeafIndex) -> Result<EntryStream, Reject> {
        let request = self
            .http
            .get(self.at("v1/entries:tail", log, &[("from", from.to_string())]));
        let (response, url) = self.http.open(request).await?;
        let status = response.status();
        if !status.is_success() {
            let start = response.bytes().await.unwrap_or_default();
            return Err(ErrorJson::reject(status, &start));
        }
        let lines = Lines::new(response, url);
        let state = Some((lines, from));
        Ok(Box::pin(stream::unfold(state, |state| async move {
            let (mut lines, expected) = state?;
            let item = lines.next_entry(expected).await?;
            let rest = item
                .as_ref()
                .ok()
                .and_then(|entry| Some((lines, entry.index.next()?)));
            Some((item, rest))
        })))
    }

    async fn logs(&self) -> Result<Vec<LogInfo>, Reject> {
        let json: LogsJson = self.get("v1/logs", None, &[]).await?;
        Ok(json.into())
    }

    async fn envelope(&self, sha256: Hash) -> Result<Bytes, Reject> {
        let request = self
            .http
            .get(self.at(&format!("v1/envelopes/{sha256}"), None, &[]));
        check_envelope(self.send(request, MAX_ENVELOPE).await?, sha256)
    }
}

impl Remote {
    async fn send_batch(
        &self,
        log: Option<&LogName>,
        entries: Vec<BatchEntryJson<'_>>,
    ) -> Vec<Submitted> {
        let count = entries.len();
        if count == 0 {
            return Vec::new();
        }
        let posted = async {
            let body = serde_json::to_vec(&BatchRequestJson { entries })
                .map_err(|e| Reject::malformed("a batch", e.to_string()))?;
            let request = self.http.post(self.at("v1/entries:batch", log, &[]));
            let request = request
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body);
            let json: BatchResponseJson = decode(&self.send(request, MAX_JSON).await?)?;
            same("results:", count, json.results.len())?;
            Ok(json.results.into_iter().map(Submitted::from).collect())
        };
        posted
            .await
            .unwrap_or_else(|reject: Reject| vec![Err(reject); count])
    }
}
