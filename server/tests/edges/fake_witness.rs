//! A witness as the specification says one is, and on demand one as bad as they come.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use http::{StatusCode, header};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use treering_tlog::checkpoint::{self, Checkpoint};
use treering_tlog::note::{KeyName, NoteSignature, SignedNote, VerifierKey};
use treering_tlog::witness::{AddCheckpoint, SIZE_TYPE, encode_cosignatures, encode_size};
use treering_tlog::{ConsistencyProof, Hash, TreeSize, cosignature};

use super::support::PATIENCE;

/// What a witness does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// What the specification says.
    Honest,
    /// As honest, but the answer comes when its mood has changed.
    Hangs,
    /// Status 503.
    Down,
    /// 200, and no signature line.
    Garbage,
    /// 200, and more than any answer is long.
    Huge,
    /// A cosignature of another key under its own name.
    OtherKey,
    /// A cosignature of another key with the id of its own.
    Forged,
    /// A cosignature of its key over another root.
    OtherRoot,
    /// A cosignature of its key over another size.
    OtherSize,
    /// As honest, with lines of others around its own.
    AmongOthers,
    /// It says that it holds that size.
    Holds(u64),
    /// It holds another root for the size: 409 without a size, as version 1.0 of the protocol says.
    OtherTree,
    /// It holds another root for the size: 422, as later versions say.
    Unprocessable,
}

/// What a witness has seen.
#[derive(Default)]
struct Seen {
    logs: Vec<VerifierKey>,
    held: HashMap<String, (TreeSize, Hash)>,
    requests: Vec<AddCheckpoint>,
    statuses: Vec<u16>,
}

/// A witness on a port of its own.
pub(crate) struct FakeWitness {
    pub(crate) name: String,
    pub(crate) key: VerifierKey,
    signing: SigningKey,
    url: String,
    seen: Mutex<Seen>,
    mood: watch::Sender<Mood>,
    /// How many requests have come.
    count: watch::Sender<usize>,
}

impl FakeWitness {
    pub(crate) async fn start(seed: u8, mood: Mood) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let signing = SigningKey::from_bytes(&[seed; 32]);
        let name = format!("w{seed}.test/x");
        let witness = Arc::new(Self {
            key: VerifierKey::cosignature_v1(
                KeyName::new(name.clone()).unwrap(),
                signing.verifying_key().to_bytes(),
            )
            .unwrap(),
            name,
            signing,
            url: format!("http://{}/w", listener.local_addr().unwrap()),
            seen: Mutex::default(),
            mood: watch::Sender::new(mood),
            count: watch::Sender::new(0),
        });
        let router = Router::new()
            .route("/w/add-checkpoint", post(add_checkpoint))
            .with_state(Arc::clone(&witness));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        witness
    }

    pub(crate) fn trust(&self, log: VerifierKey) {
        self.seen.lock().logs.push(log);
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Its line of a policy.
    pub(crate) fn line(&self) -> String {
        format!("witness {} {} {}\n", self.name, self.key, self.url)
    }

    /// What it was asked.
    pub(crate) fn requests(&self) -> Vec<AddCheckpoint> {
        self.seen.lock().requests.clone()
    }

    /// What it answered, while it was honest.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        self.seen.lock().statuses.clone()
    }

    /// Waits until it was asked that often.
    pub(crate) async fn asked(&self, times: usize) {
        let mut count = self.count.subscribe();
        let asked = count.wait_for(|count| *count >= times);
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        assert!(asked.expect("in time").is_ok());
    }

    fn cosign(&self, text: &str) -> NoteSignature {
        cosignature::sign(&self.signing, self.key.name(), 1_767_139_200, text).unwrap()
    }

    /// What the column "spec" says, in the order of the specification.
    fn judge(&self, body: &[u8]) -> Result<String, (StatusCode, Option<TreeSize>)> {
        let bad = |status: StatusCode| (status, None);
        let request = AddCheckpoint::parse(body).map_err(|_| bad(StatusCode::BAD_REQUEST))?;
        let mut seen = self.seen.lock();
        seen.requests.push(request.clone());
        let note = SignedNote::parse(request.checkpoint.as_bytes()).unwrap();
        let found = Checkpoint::parse(note.text()).unwrap();
        let log = seen
            .logs
            .iter()
            .find(|log| log.name().as_str() == found.origin.as_str());
        let log = log.ok_or_else(|| bad(StatusCode::NOT_FOUND))?;
        checkpoint::open_of(request.checkpoint.as_bytes(), &found.origin, log)
            .map_err(|_| bad(StatusCode::FORBIDDEN))?;
        assert_eq!(
            note.signatures().len(),
            1,
            "only the log's own signature is sent"
        );
        let held = seen.held.get(found.origin.as_str()).copied();
        let (size, root) = held.unwrap_or((TreeSize::ZERO, Hash::empty_root()));
        if request.old != size {
            return Err((StatusCode::CONFLICT, Some(size)));
        }
        let proof = ConsistencyProof {
            from: size,
            to: found.size,
            hashes: request.proof.clone(),
        };
        proof
            .verify(&root, &found.root)
            .map_err(|_| bad(StatusCode::UNPROCESSABLE_ENTITY))?;
        let origin = found.origin.to_string();
        seen.held.insert(origin, (found.size, found.root));
        Ok(note.text().to_owned())
    }

    fn honest(&self, body: &[u8], around: &[NoteSignature]) -> Response {
        let judged = self.judge(body);
        let response = match judged {
            Ok(text) => {
                let own = self.cosign(&text);
                encode_cosignatures(around.iter().chain([&own]).chain(around)).into_response()
            }
            Err((status, None)) => (status, "no").into_response(),
            Err((status, Some(size))) => (
                status,
                [(header::CONTENT_TYPE, SIZE_TYPE)],
                encode_size(size),
            )
                .into_response(),
        };
        self.seen.lock().statuses.push(response.status().as_u16());
        response
    }

    fn dishonest(&self, mood: Mood, body: &[u8]) -> Response {
        let request = AddCheckpoint::parse(body).unwrap();
        let note = SignedNote::parse(request.checkpoint.as_bytes()).unwrap();
        let mut other = Checkpoint::parse(note.text()).unwrap();
        let stranger = SigningKey::from_bytes(&[200; 32]);
        let strange = |name: &KeyName| {
            cosignature::sign(&stranger, name, 1_767_139_200, note.text()).unwrap()
        };
        let line = match mood {
            Mood::OtherKey => strange(self.key.name()),
            Mood::Forged => {
                let body = strange(self.key.name()).body().to_vec();
                NoteSignature::new(self.key.name().clone(), self.key.id(), body).unwrap()
            }
            Mood::OtherRoot => {
                other.root = Hash::of(b"another tree");
                self.cosign(&other.encode())
            }
            Mood::OtherSize => {
                other.size = other.size.plus(1).unwrap();
                self.cosign(&other.encode())
            }
            mood => panic!("{mood:?} is no cosignature"),
        };
        encode_cosignatures([&line]).into_response()
    }
}

async fn add_checkpoint(State(witness): State<Arc<FakeWitness>>, body: Bytes) -> Response {
    witness.count.send_modify(|count| *count += 1);
    let mut mood = witness.mood.subscribe();
    let mood = *mood.wait_for(|mood| *mood != Mood::Hangs).await.unwrap();
    match mood {
        Mood::Honest | Mood::Hangs => witness.honest(&body, &[]),
        Mood::AmongOthers => {
            let other = SigningKey::from_bytes(&[201; 32]);
            let name = KeyName::new("grease.invalid").unwrap();
            let line = cosignature::sign(&other, &name, 1, "anything\n").unwrap();
            witness.honest(&body, &[line])
        }
        Mood::Down => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Garbage => "hello\n".into_response(),
        Mood::Huge => "x".repeat(1 << 20).into_response(),
        Mood::Holds(size) => holds(size),
        Mood::OtherTree => another_tree(&body, StatusCode::CONFLICT),
        Mood::Unprocessable => another_tree(&body, StatusCode::UNPROCESSABLE_ENTITY),
        mood => witness.dishonest(mood, &body),
    }
}

fn holds(size: u64) -> Response {
    let kind = [(header::CONTENT_TYPE, SIZE_TYPE)];
    (StatusCode::CONFLICT, kind, format!("{size}\n")).into_response()
}

/// What who holds another tree of the same size says: first the size, then that the root is another.
fn another_tree(body: &[u8], status: StatusCode) -> Response {
    let request = AddCheckpoint::parse(body).unwrap();
    let note = SignedNote::parse(request.checkpoint.as_bytes()).unwrap();
    let size = Checkpoint::parse(note.text()).unwrap().size;
    if request.old == size {
        status.into_response()
    } else {
        holds(size.get())
    }
}
