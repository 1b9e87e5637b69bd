//! A tile log that misbehaves on purpose, for tests, drills and the demo (feature `evil-log`, program `evil-log`).
//!
//! It is honest until a [`Step`] says otherwise; then it signs and serves whatever the step demands. It can be asked
//! within the process ([`Net`]) with a [`VirtualClock`], or over HTTP ([`serve`]).

mod clock;
mod faults;
mod net;
mod server;
mod step;
mod tree;

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use parking_lot::{Condvar, Mutex};
use treering_tlog::checkpoint::{self, Origin};
use treering_tlog::note::{KeyName, NoteSignature, NoteSigner, VerifierKey};
use treering_tlog::tile::Tile;
use treering_tlog::{Checkpoint, Hash, TreeSize, cosignature};

pub use clock::VirtualClock;
pub use faults::Faults;
pub use net::Net;
pub use server::serve;
pub use step::{BadStep, Step};

use tree::Tree;

/// What a request gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub media_type: &'static str,
    /// The clock of the log, in seconds since the Unix epoch.
    pub date: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is served instead of a resource.
#[derive(Clone, Debug)]
enum Instead {
    Nothing,
    Flipped(usize),
    /// Flipped every other time.
    Alternating {
        bit: usize,
        asked: u64,
    },
    /// Cut to so many bytes.
    Cut(usize),
}

/// A witness that cosigns what this log publishes.
#[derive(Clone, Debug)]
struct Witness {
    name: KeyName,
    key: SigningKey,
    at_secs: u64,
    /// Whether its cosignature is wrong.
    wrong: bool,
}

struct Inner {
    origin: Origin,
    signer: NoteSigner,
    tree: Tree,
    published: u64,
    instead: BTreeMap<String, Instead>,
    extensions: Vec<String>,
    witnesses: Vec<Witness>,
    date: Option<u64>,
    broken: Option<u16>,
    polls: u64,
    requests: u64,
    script: Vec<(u64, Step)>,
}

/// The log.
pub struct EvilLog {
    inner: Mutex<Inner>,
    asked: Condvar,
}

/// The key of a name and a seed.
fn signer(name: &str, seed: u8) -> NoteSigner {
    let name = KeyName::new(name).expect("names of evil logs are plain");
    NoteSigner::new(name, SigningKey::from_bytes(&[seed; 32])).expect("no seed gives a weak key")
}

/// The key with which a witness of this name and seed cosigns.
///
/// # Panics
/// If the name is not one of a key.
#[must_use]
pub fn witness_key(name: &str, seed: u8) -> VerifierKey {
    let name = KeyName::new(name).expect("names of evil witnesses are plain");
    let public = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    VerifierKey::cosignature_v1(name, public.to_bytes()).expect("no seed gives a weak key")
}

impl EvilLog {
    /// An honest log of `size` entries; the seed makes its key.
    ///
    /// # Panics
    /// If the name is not one of a key.
    #[must_use]
    pub fn new(name: &str, seed: u8, size: u64) -> Self {
        let mut tree = Tree::default();
        tree.grow(size, "");
        let inner = Inner {
            origin: Origin::new(name).expect("names of evil logs are plain"),
            signer: signer(name, seed),
            tree,
            published: size,
            instead: BTreeMap::new(),
            extensions: Vec::new(),
            witnesses: Vec::new(),
            date: None,
            broken: None,
            polls: 0,
            requests: 0,
            script: Vec::new(),
        };
        Self {
            inner: Mutex::new(inner),
            asked: Condvar::new(),
        }
    }

    /// The key that it announces.
    #[must_use]
    pub fn vkey(&self) -> String {
        self.inner.lock().signer.verifier().to_string()
    }

    /// Adds these entries and publishes them.
    pub fn add(&self, leaves: impl IntoIterator<Item = Vec<u8>>) {
        let mut inner = self.inner.lock();
        leaves.into_iter().for_each(|leaf| inner.tree.append(leaf));
        inner.published = inner.tree.size();
    }

    /// How many entries it says it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.inner.lock().published
    }

    /// How often it was asked for anything.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.inner.lock().requests
    }

    /// Waits until it was asked so often.
    pub fn wait_for_requests(&self, requests: u64) {
        let mut inner = self.inner.lock();
        self.asked
            .wait_while(&mut inner, |inner| inner.requests < requests);
    }

    /// The hash of one of its leaves.
    #[must_use]
    pub fn leaf_hash(&self, index: u64) -> Option<Hash> {
        self.inner.lock().tree.leaf_hash(index)
    }

    /// The paths of everything that a reader of the whole log reads, the checkpoint among them.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let inner = self.inner.lock();
        let mut paths = vec!["checkpoint".to_owned()];
        paths.extend(inner.tree.paths(inner.published));
        paths
    }

    /// Has it misbehave, or grow.
    pub fn step(&self, step: &Step) {
        self.inner.lock().apply(step);
    }

    /// Has it misbehave by itself: each step when its checkpoint has been asked for so many times.
    pub fn follow_script(&self, script: Vec<(u64, Step)>) {
        self.inner.lock().script = script;
    }

    /// The note that it signs now.
    ///
    /// # Panics
    /// If an extension line was set that is none.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.inner.lock().checkpoint()
    }

    /// Answers a request for a path below its address.
    #[must_use]
    pub fn respond(&self, path: &str) -> Reply {
        let mut inner = self.inner.lock();
        inner.requests += 1;
        self.asked.notify_all();
        if path == "checkpoint" {
            inner.polls += 1;
            let (due, later) = std::mem::take(&mut inner.script)
                .into_iter()
                .partition(|(polls, _)| *polls <= inner.polls);
            inner.script = later;
            due.iter().for_each(|(_, step)| inner.apply(step));
        }
        let date = inner.date;
        if let Some(status) = inner.broken {
            return Reply {
                status,
                date,
                ..Reply::default()
            };
        }
        let body = inner.body(path);
        Reply {
            status: if body.is_some() { 200 } else { 404 },
            media_type: if path == "checkpoint" {
                "text/plain"
            } else {
                "application/octet-stream"
            },
            date,
            body: body.unwrap_or_default(),
        }
    }
}

impl Inner {
    fn checkpoint(&self) -> String {
        let size = TreeSize::new(self.published).unwrap_or_default();
        let mut signed = Checkpoint::new(self.origin.clone(), size, self.tree.root(self.published));
        signed.extensions.clone_from(&self.extensions);
        let mut note = checkpoint::sign(&signed, &self.signer).expect("well-formed extensions");
        for witness in &self.witnesses {
            let text = signed.encode();
            let made = cosignature::sign(&witness.key, &witness.name, witness.at_secs, &text);
            let line = made.expect("a time that can be signed");
            let line = if witness.wrong { spoiled(&line) } else { line };
            note.push_str(&format!("{line}\n"));
        }
        note
    }

    fn body(&mut self, path: &str) -> Option<Vec<u8>> {
        let body = if path == "checkpoint" {
            Some(self.checkpoint().into_bytes())
        } else {
            Tile::parse(path).ok().and_then(|tile| self.tree.tile(tile))
        }?;
        match self.instead.get_mut(path) {
            None => Some(body),
            Some(Instead::Nothing) => None,
            Some(Instead::Flipped(bit)) => Some(flipped(body, *bit)),
            Some(Instead::Alternating { bit, asked }) => {
                *asked += 1;
                Some(if *asked % 2 == 1 {
                    flipped(body, *bit)
                } else {
                    body
                })
            }
            Some(Instead::Cut(bytes)) => Some(body.into_iter().take(*bytes).collect()),
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Grow(entries) => {
                self.tree.grow(*entries, "");
                self.published = self.tree.size();
            }
            Step::Fork { at, entries } => {
                self.tree.fork(*at);
                self.tree.grow(*entries, "");
                self.published = self.tree.size();
            }
            Step::Publish(size) => self.published = (*size).min(self.tree.size()),
            Step::Flip { path, bit } => self.put(path, Instead::Flipped(*bit)),
            Step::Drop(path) => self.put(path, Instead::Nothing),
            Step::Cut { path, bytes } => self.put(path, Instead::Cut(*bytes)),
            Step::Alternate { path, bit } => self.put(
                path,
                Instead::Alternating {
                    bit: *bit,
                    asked: 0,
                },
            ),
            Step::Repair => {
                self.instead.clear();
                self.broken = None;
            }
            Step::Key(seed) => self.signer = signer(self.signer.verifier().name().as_str(), *seed),
            Step::Origin(name) => {
                self.origin = Origin::new(name.as_str()).unwrap_or_else(|_| self.origin.clone());
            }
            Step::SignedTime(secs) => {
                self.extensions =
                    vec![format!("Timestamp: {}", secs.saturating_mul(1_000_000_000))];
            }
            Step::Clock(secs) => self.date = Some(*secs),
            Step::Cosign {
                name,
                seed,
                at_secs,
                wrong,
            } => self.cosign(name, *seed, *at_secs, *wrong),
            Step::Uncosign => self.witnesses.clear(),
            Step::Fail(status) => self.broken = Some(*status),
        }
    }

    fn put(&mut self, path: &str, instead: Instead) {
        self.instead.insert(path.to_owned(), instead);
    }

    fn cosign(&mut self, name: &str, seed: u8, at_secs: u64, wrong: bool) {
        let Ok(name) = KeyName::new(name) else { return };
        self.witnesses.retain(|witness| witness.name != name);
        self.witnesses.push(Witness {
            name,
            key: SigningKey::from_bytes(&[seed; 32]),
            at_secs: at_secs.max(1),
            wrong,
        });
    }
}

fn flipped(mut body: Vec<u8>, bit: usize) -> Vec<u8> {
    let length = body.len();
    if let Some(byte) = body.get_mut(bit / 8 % length.max(1)) {
        *byte ^= 1 << (bit % 8);
    }
    body
}

fn spoiled(line: &NoteSignature) -> NoteSignature {
    let body = flipped(line.body().to_vec(), 100);
    NoteSignature::new(line.name().clone(), line.id(), body).unwrap_or_else(|| line.clone())
}
