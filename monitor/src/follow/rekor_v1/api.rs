//! The requests: `/api/v1/log` and `/api/v1/log/entries/retrieve`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::Url;
use treering_rekor::v1::MAX_RETRIEVED;
use treering_rekor::v1::wire::{LogEntry, LogInfo};
use treering_tlog::Hash;

use crate::source::{Fetcher, Request};

/// The most bytes of the log's state: thousands of shards.
const MAX_INFO: usize = 4 * 1024 * 1024;
/// The most bytes of ten entries with their proofs and attestations.
const MAX_ENTRIES: usize = 16 * 1024 * 1024;

/// An entry as the API serves it; nothing of it is believed yet.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) leaf: Bytes,
    pub(super) hash: Hash,
    /// The siblings of its inclusion proof, from the leaf up.
    pub(super) siblings: Vec<Hash>,
    /// The size of the tree of the proof.
    pub(super) size: u64,
    /// The note that the proof leads to.
    pub(super) note: String,
}

/// The API of one log.
pub(super) struct Api {
    fetcher: Arc<Fetcher>,
    base: Url,
}

impl Api {
    pub(super) fn new(fetcher: Arc<Fetcher>, mut base: Url) -> Self {
        let path = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        Self { fetcher, base }
    }

    pub(super) fn url(&self) -> &str {
        self.base.as_str()
    }

    pub(super) fn parallel(&self) -> usize {
        self.fetcher.parallel()
    }

    /// The state of the log, or why there is none.
    pub(super) async fn info(&self) -> Result<LogInfo, String> {
        let body = self.send("api/v1/log", None, MAX_INFO, false).await?;
        serde_json::from_slice(&body)
            .map_err(|e| format!("expected the state of a rekor v1 log, found {e}"))
    }

    /// The entries of these indexes over all shards, in their order, or why they could not be had. `fresh` asks caches to
    /// step aside.
    pub(super) async fn entries(
        &self,
        indexes: std::ops::Range<u64>,
        fresh: bool,
    ) -> Result<Vec<Served>, String> {
        let wanted: Vec<u64> = indexes.collect();
        let body = serde_json::json!({ "logIndexes": wanted }).to_string();
        let path = "api/v1/log/entries/retrieve";
        let body = self
            .send(path, Some(body.into()), MAX_ENTRIES, fresh)
            .await?;
        let found: Vec<LogEntry> = serde_json::from_slice(&body)
            .map_err(|e| format!("expected entries of a rekor v1 log, found {e}"))?;
        let mut served = Vec::with_capacity(wanted.len());
        for index in wanted {
            let entry = found
                .iter()
                .flat_map(|entry| entry.values())
                .find(|entry| entry.log_index == index)
                .ok_or_else(|| format!("expected entry {index}, found none"))?;
            served.push(read(entry).map_err(|e| format!("entry {index}: {e}"))?);
        }
        Ok(served)
    }

    async fn send(
        &self,
        path: &str,
        body: Option<Bytes>,
        limit: usize,
        fresh: bool,
    ) -> Result<Bytes, String> {
        let mut url = self.base.clone();
        let whole = format!("{}{path}", url.path());
        url.set_path(&whole);
        let request = Request {
            url,
            body,
            limit,
            fresh,
        };
        let answer = self.fetcher.fetch(request).await;
        let answer = answer.map_err(|trouble| trouble.to_string())?;
        answer
            .map(|answer| answer.body)
            .ok_or_else(|| format!("{path}: expected an answer, found none (404)"))
    }
}

fn read(entry: &treering_rekor::v1::wire::LogEntryAnon) -> Result<Served, String> {
    let leaf = STANDARD.decode(&entry.body);
    let leaf = Bytes::from(leaf.map_err(|e| format!("expected a body in base64, found {e}"))?);
    let proof = entry
        .verification
        .as_ref()
        .map(|verification| &verification.inclusion_proof)
        .ok_or("expected an inclusion proof, found none")?;
    if proof.hashes.len() > 64 {
        return Err(format!(
            "expected at most 64 hashes, found {}",
            proof.hashes.len()
        ));
    }
    let siblings = proof.hashes.iter().map(|hash| Hash::from_hex(hash));
    let siblings = siblings
        .collect::<Result<_, _>>()
        .map_err(|e| e.to_string())?;
    Ok(Served {
        hash: Hash::leaf(&leaf),
        leaf,
        siblings,
        size: proof.tree_size,
        note: proof.checkpoint.clone(),
    })
}

/// The indexes of a range in pieces that one request may ask for.
pub(super) fn pieces(range: std::ops::Range<u64>) -> Vec<std::ops::Range<u64>> {
    let most = u64::try_from(MAX_RETRIEVED).unwrap_or(1);
    let mut pieces = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min(at + most);
        pieces.push(at..end);
        at = end;
    }
    pieces
}
