//! A catalogue in memory, and asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::to_bytes;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use treering_server::archivista::query::{
    Candidate, Catalogue, CatalogueError, Cursor, Endpoint, Hint, Work,
};
use treering_tlog::Hash;

pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Documents in the order in which they came. Cursors are their places.
#[derive(Default)]
pub(crate) struct Memory {
    documents: Vec<Bytes>,
    gitoids: Vec<Hash>,
    given: AtomicUsize,
}

impl Memory {
    pub(crate) fn of(documents: impl IntoIterator<Item = Bytes>) -> Arc<Self> {
        let documents: Vec<_> = documents.into_iter().collect();
        let gitoids = documents.iter().map(|document| gitoid(document)).collect();
        Arc::new(Self {
            documents,
            gitoids,
            given: AtomicUsize::new(0),
        })
    }

    /// One document many times, under gitoids of its own each time.
    pub(crate) fn repeated(document: &Bytes, times: usize) -> Arc<Self> {
        Arc::new(Self {
            documents: vec![document.clone(); times],
            gitoids: (0..times).map(|n| Hash::of(&n.to_be_bytes())).collect(),
            given: AtomicUsize::new(0),
        })
    }

    /// How many documents were asked of it.
    pub(crate) fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }

    pub(crate) fn gitoids(&self) -> Vec<String> {
        self.gitoids.iter().map(Hash::to_hex).collect()
    }

    fn is_hinted(&self, place: usize, hint: &Hint) -> bool {
        match hint {
            Hint::All => true,
            Hint::Gitoid(gitoid) => self.gitoids[place] == *gitoid,
            Hint::SubjectDigests(values) => {
                let payload = payload(&self.documents[place]);
                values.iter().any(|value| payload.contains(value.as_str()))
            }
        }
    }
}

#[async_trait]
impl Catalogue for Memory {
    async fn candidates(
        &self,
        hint: &Hint,
        after: Option<Cursor>,
        limit: usize,
        _work: &Arc<Work>,
    ) -> Result<Vec<Candidate>, CatalogueError> {
        let start = match after {
            Some(after) => {
                let place = after.as_bytes().try_into().map(u64::from_be_bytes);
                let place = place.map_err(|_| CatalogueError::Cursor)?;
                usize::try_from(place).unwrap() + 1
            }
            None => 0,
        };
        let places = (start..self.documents.len()).filter(|place| self.is_hinted(*place, hint));
        let candidates: Vec<_> = places
            .take(limit)
            .map(|place| Candidate {
                cursor: Cursor::new(&u64::try_from(place).unwrap().to_be_bytes()).unwrap(),
                gitoid: self.gitoids[place],
                envelope: self.documents[place].clone(),
            })
            .collect();
        self.given.fetch_add(candidates.len(), Ordering::Relaxed);
        Ok(candidates)
    }
}

/// A catalogue that counts how many ask it at once.
pub(crate) struct Crowded {
    memory: Arc<Memory>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Crowded {
    pub(crate) fn new(memory: Arc<Memory>) -> Arc<Self> {
        Arc::new(Self {
            memory,
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    /// The most there were.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Catalogue for Crowded {
    async fn candidates(
        &self,
        hint: &Hint,
        after: Option<Cursor>,
        limit: usize,
        work: &Arc<Work>,
    ) -> Result<Vec<Candidate>, CatalogueError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        // Lets all others come as far as they can.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let found = self.memory.candidates(hint, after, limit, work).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        found
    }
}

/// A catalogue whose store is gone.
pub(crate) struct Gone;

#[async_trait]
impl Catalogue for Gone {
    async fn candidates(
        &self,
        _hint: &Hint,
        _after: Option<Cursor>,
        _limit: usize,
        _work: &Arc<Work>,
    ) -> Result<Vec<Candidate>, CatalogueError> {
        Err(CatalogueError::Unavailable("the disk is gone".to_owned()))
    }
}

pub(crate) fn gitoid(envelope: &[u8]) -> Hash {
    Hash::of(&[format!("blob {}\0", envelope.len()).as_bytes(), envelope].concat())
}

fn payload(envelope: &[u8]) -> String {
    let envelope: Value = serde_json::from_slice(envelope).unwrap_or_default();
    let payload = envelope["payload"].as_str().unwrap_or_default();
    let payload = STANDARD.decode(payload).unwrap_or_default();
    String::from_utf8_lossy(&payload).into_owned()
}

/// An envelope with this payload, of this type, and one signature.
pub(crate) fn envelope(payload_type: &str, payload: &[u8]) -> Bytes {
    let envelope = json!({
        "payload": STANDARD.encode(payload),
        "payloadType": payload_type,
        "signatures": [{"keyid": "key-one", "sig": URL_SAFE.encode([1_u8; 64])}],
    });
    Bytes::from(envelope.to_string())
}

/// An envelope with a statement about these subjects: name and SHA-256.
pub(crate) fn statement(predicate_type: &str, subjects: &[(&str, &str)]) -> Bytes {
    let subject =
        |(name, digest): &(&str, &str)| json!({"name": name, "digest": {"sha256": digest}});
    let subjects: Vec<_> = subjects.iter().map(subject).collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": predicate_type,
        "predicate": {},
    });
    envelope(IN_TOTO, statement.to_string().as_bytes())
}

/// The status and the body of an answer, which is JSON and says so.
pub(crate) async fn read(response: Response) -> (u16, Value) {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// Asks with a POST.
pub(crate) async fn ask(
    catalogue: Arc<dyn Catalogue>,
    query: &str,
    variables: Value,
) -> (u16, Value) {
    let body = json!({"query": query, "variables": variables}).to_string();
    read(Endpoint::new(catalogue).post(body.as_bytes()).await).await
}

/// The `data` of a query that is to succeed.
pub(crate) async fn data(catalogue: Arc<dyn Catalogue>, query: &str) -> Value {
    let (status, answer) = ask(catalogue, query, json!({})).await;
    assert_eq!((status, &answer["errors"]), (200, &Value::Null), "{query}");
    answer["data"].clone()
}

/// The status and the first message of a query that is to fail, with no data.
pub(crate) async fn refusal(catalogue: Arc<dyn Catalogue>, query: &str) -> (u16, String) {
    let (status, answer) = ask(catalogue, query, json!({})).await;
    (status, message(&answer))
}

/// The first message of an answer that has no data.
pub(crate) fn message(answer: &Value) -> String {
    assert_eq!(answer["data"], Value::Null, "{answer}");
    answer["errors"][0]["message"].as_str().unwrap().to_owned()
}

/// The gitoids in an answer to `dsses`, in order.
pub(crate) fn found(data: &Value) -> Vec<String> {
    let edges = data["dsses"]["edges"].as_array().unwrap().iter();
    let gitoid = |edge: &Value| edge["node"]["gitoidSha256"].as_str().unwrap().to_owned();
    edges.map(gitoid).collect()
}
