//! A log in memory behind the JSON surface and tiles, made of `proto` only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use ed25519_dalek::SigningKey;
use serde::Deserialize;
use treering_api::json::{
    BatchRequestJson, BatchResponseJson, BatchResultJson, ErrorJson, LogsJson, SubmittedJson,
    verifier_from_query,
};
use treering_api::log::{
    Dialect, LogInfo, LogName, Receipt, SignedInclusion, Submission, Submitted,
};
use treering_api::{Reject, RejectKind};
use treering_attest::VerifierMaterial;
use treering_rekor::{v1, v2};
use treering_tlog::checkpoint::{Checkpoint, Origin, sign};
use treering_tlog::merkle::consistency;
use treering_tlog::note::{KeyName, NoteSigner};
use treering_tlog::tile::{HashTile, Tile};
use treering_tlog::{CompactRange, Growth, Hash, LeafIndex, TreeSize, entry_bundle};

use crate::{fake_grpc, fake_rekor_v1, fake_rekor_v2};

/// What is wrong with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The submission of that index gets a proof with a wrong hash.
    Proof(u64),
    /// The same with the leaf hash of something else.
    Leaf(u64),
    /// The same with the hash of another envelope.
    Envelope(u64),
    /// The same with a checkpoint that somebody else signed.
    Signature(u64),
    /// The same with the id of another log (Rekor v1 and v2).
    LogId(u64),
    /// The same with a root beside the checkpoint's (Rekor v1 and v2).
    Root(u64),
    /// The same with a timestamp that somebody else signed (Rekor v1).
    Timestamp(u64),
    /// Proofs of growth have a wrong hash (Rekor v1).
    Growth,
    /// Searches find nothing (Rekor v1).
    Forgets,
    /// Searches find what is not there (Rekor v1).
    Invents,
    /// That submission is answered late, and all others wait for it.
    Stall(u64, Duration),
    /// No submission is ever answered.
    Silence,
    /// Every second submission is refused.
    Busy,
    /// Each connection is closed after one answer.
    Close,
    /// A hash in each tile of level 0 is wrong.
    HashTile,
    /// A byte in each bundle is wrong.
    Bundle,
}

/// The log.
pub(crate) struct Fake {
    dialect: Dialect,
    pub(crate) fault: Fault,
    pub(crate) signer: NoteSigner,
    pub(crate) stranger: NoteSigner,
    tree: Mutex<Tree>,
    /// Held while a submission stalls.
    turn: tokio::sync::Mutex<u64>,
}

#[derive(Default)]
struct Tree {
    edge: CompactRange,
    leaves: Vec<Vec<u8>>,
    by_hash: HashMap<Hash, LeafIndex>,
}

/// A running server; its threads end with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) fake: Arc<Fake>,
}

/// Starts a log with that fault on a free port, with so many leaves in it.
pub(crate) fn start(fault: Fault, leaves: u64) -> Server {
    start_of(Dialect::RekorV2, fault, leaves)
}

/// The same with the native API of a log of that dialect.
pub(crate) fn start_of(dialect: Dialect, fault: Fault, leaves: u64) -> Server {
    let fake = Arc::new(Fake {
        dialect,
        fault,
        signer: signer(1),
        stranger: signer(2),
        tree: Mutex::default(),
        turn: tokio::sync::Mutex::default(),
    });
    for leaf in 0..leaves {
        fake.append(format!("leaf {leaf}").into_bytes());
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router(Arc::clone(&fake));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    Server { url, fake }
}

fn signer(seed: u8) -> NoteSigner {
    NoteSigner::new(
        KeyName::new("log.example").unwrap(),
        SigningKey::from_bytes(&[seed; 32]),
    )
    .unwrap()
}

fn router(fake: Arc<Fake>) -> Router {
    Router::new()
        .route("/v1/logs", get(logs))
        .route("/v1/entries", post(submit))
        .route("/v1/entries:batch", post(batch))
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*rest}", get(tile))
        .with_state(Arc::clone(&fake))
        .merge(fake_rekor_v1::router(Arc::clone(&fake)))
        .merge(fake_rekor_v2::router(Arc::clone(&fake)))
        .merge(fake_grpc::router(fake))
}

impl Fake {
    /// The number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.tree().edge.size().get()
    }

    /// The key that checkpoints verify with.
    pub(crate) fn vkey(&self) -> String {
        self.signer.verifier().to_string()
    }

    fn tree(&self) -> std::sync::MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a leaf is.
    pub(crate) fn find(&self, leaf: &Hash) -> Option<LeafIndex> {
        self.tree().by_hash.get(leaf).copied()
    }

    pub(crate) fn append(&self, leaf: Vec<u8>) -> LeafIndex {
        let mut tree = self.tree();
        let (hash, index) = (Hash::leaf(&leaf), tree.edge.size().next_index());
        tree.edge.append(hash);
        tree.leaves.push(leaf);
        tree.by_hash.insert(hash, index);
        index
    }

    /// Waits for its turn, then logs one submission.
    pub(crate) async fn submit(&self, submission: Submission) -> Submitted {
        self.admit().await?;
        Ok(vec![self.sequence(&submission)?])
    }

    /// Waits for its turn, and is refused, held up or kept for ever if that is what is wrong with the log.
    pub(crate) async fn admit(&self) -> Result<(), Reject> {
        let mut turn = self.turn.lock().await;
        let number = *turn;
        *turn += 1;
        match self.fault {
            Fault::Stall(at, time) if at == number => tokio::time::sleep(time).await,
            Fault::Silence => std::future::pending().await,
            Fault::Busy if number % 2 == 1 => {
                return Err(Reject::new(RejectKind::Busy, "too much is waiting"));
            }
            _ => {}
        }
        Ok(())
    }

    fn sequence(&self, submission: &Submission) -> Result<Receipt, Reject> {
        let wrong = |error: String| Reject::new(RejectKind::Unverified, error);
        let material = |bytes: &Bytes| VerifierMaterial::from_pem_or_der(bytes);
        let verifiers: Vec<_> = submission
            .verifiers
            .iter()
            .map(material)
            .collect::<Result<_, _>>()
            .map_err(|e| wrong(e.to_string()))?;
        let canonical = match self.dialect {
            Dialect::RekorV1 => v1::entry_from_submission(&submission.envelope, &verifiers)
                .map(|entry| entry.canonical().clone())
                .map_err(|e| wrong(e.to_string()))?,
            Dialect::RekorV2 => v2::requests_from_submission(&submission.envelope, &verifiers)
                .map_err(|e| wrong(e.to_string()))?[0]
                .canonical()
                .map_err(|e| wrong(e.to_string()))?,
        };
        let leaf = canonical.into_leaf();
        let leaf_hash = Hash::leaf(&leaf);
        let known = self.find(&leaf_hash);
        let index = known.unwrap_or_else(|| self.append(leaf));
        Ok(self.receipt(
            index,
            leaf_hash,
            Hash::of(&submission.envelope),
            known.is_some(),
        ))
    }

    /// The answer about a leaf, with the lie about it if there is one.
    pub(crate) fn receipt(
        &self,
        index: LeafIndex,
        leaf_hash: Hash,
        envelope: Hash,
        duplicate: bool,
    ) -> Receipt {
        let mut inclusion = self.growth().prove(index).unwrap();
        let at = index.get();
        let tell = |lie: fn(u64) -> Fault, hash: Hash| {
            if self.fault == lie(at) {
                Hash::of(b"a lie")
            } else {
                hash
            }
        };
        if let Some(last) = inclusion.hashes.last_mut() {
            *last = tell(Fault::Proof, *last);
        }
        let signer = if self.fault == Fault::Signature(at) {
            &self.stranger
        } else {
            &self.signer
        };
        Receipt {
            log: LogName::new("main").unwrap(),
            index,
            leaf_hash: tell(Fault::Leaf, leaf_hash),
            envelope_sha256: Some(tell(Fault::Envelope, envelope)),
            integrated_time: 1_700_000_000,
            duplicate,
            proof: SignedInclusion {
                inclusion,
                checkpoint: self.note(signer),
            },
        }
    }

    /// The root of the present tree.
    pub(crate) fn root(&self) -> Hash {
        self.tree().edge.root()
    }

    /// A leaf that is there.
    pub(crate) fn leaf(&self, index: LeafIndex) -> Vec<u8> {
        self.tree().leaves[usize::try_from(index.get()).unwrap()].clone()
    }

    /// The hashes that prove the growth from one size to another.
    pub(crate) fn grown(&self, from: u64, to: u64) -> Vec<Hash> {
        let size = |size| TreeSize::new(size).unwrap();
        let proof = consistency::prove(size(from), size(to), &self.growth()).unwrap();
        proof.hashes
    }

    fn growth(&self) -> Growth {
        Growth::new(
            &CompactRange::new(),
            self.tree().leaves.iter().map(|leaf| Hash::leaf(leaf)),
        )
    }

    fn note(&self, signer: &NoteSigner) -> String {
        let tree = self.tree();
        sign(
            &Checkpoint::new(origin(), tree.edge.size(), tree.edge.root()),
            signer,
        )
        .unwrap()
    }
}

fn origin() -> Origin {
    Origin::new("log.example").unwrap()
}

async fn logs(State(fake): State<Arc<Fake>>) -> Json<LogsJson> {
    let info = LogInfo {
        name: LogName::new("main").unwrap(),
        dialect: fake.dialect,
        origin: "log.example".to_owned(),
        vkey: fake.vkey(),
        frozen: false,
        size: fake.tree().edge.size(),
    };
    Json(vec![info].into())
}

#[derive(Deserialize)]
struct SubmitQuery {
    log: String,
    verifiers: String,
}

async fn submit(
    State(fake): State<Arc<Fake>>,
    Query(query): Query<SubmitQuery>,
    body: Bytes,
) -> Response {
    assert_eq!(query.log, "main");
    let verifiers = vec![verifier_from_query(&query.verifiers).unwrap()];
    let submitted = fake
        .submit(Submission {
            envelope: body,
            verifiers,
        })
        .await;
    let mut headers = HeaderMap::new();
    if fake.fault == Fault::Close {
        headers.insert(header::CONNECTION, "close".parse().unwrap());
    }
    match submitted.and_then(SubmittedJson::try_from) {
        Ok(json) => (json.status(), headers, Json(json)).into_response(),
        Err(reject) => (
            reject.kind.wire().status,
            headers,
            Json(ErrorJson::from(reject)),
        )
            .into_response(),
    }
}

async fn batch(State(fake): State<Arc<Fake>>, body: Bytes) -> Json<BatchResponseJson> {
    let mut results = Vec::new();
    for submission in BatchRequestJson::parse(&body)
        .unwrap()
        .into_submissions(&body)
    {
        results.push(BatchResultJson::from(fake.submit(submission).await));
    }
    Json(BatchResponseJson { results })
}

async fn checkpoint(State(fake): State<Arc<Fake>>) -> String {
    fake.note(&fake.signer)
}

async fn tile(State(fake): State<Arc<Fake>>, Path(rest): Path<String>) -> Response {
    let Ok(tile) = Tile::parse_rest(&rest) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let start = usize::try_from(tile.index()).unwrap() * 256;
    let mut bytes = match tile {
        Tile::Hash { level, width, .. } => {
            let growth = fake.growth();
            let hashes = growth
                .nodes(level * 8)
                .iter()
                .skip(start)
                .take(usize::from(width.get()))
                .copied()
                .collect();
            HashTile::new(hashes).unwrap().encode()
        }
        Tile::Entries { width, .. } => {
            let tree = fake.tree();
            entry_bundle::encode(
                tree.leaves
                    .iter()
                    .skip(start)
                    .take(usize::from(width.get()))
                    .map(Vec::as_slice),
            )
            .unwrap()
        }
    };
    match (fake.fault, tile) {
        (Fault::HashTile, Tile::Hash { level: 0, .. }) | (Fault::Bundle, Tile::Entries { .. }) => {
            *bytes.last_mut().unwrap() ^= 1
        }
        _ => {}
    }
    bytes.into_response()
}
