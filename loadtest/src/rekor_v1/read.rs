//! `read` by Rekor v1's API: which entries, proofs and searches, in an order that the seed decides.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use serde_json::{Value, json};
use treering_rekor::v1::Entry;
use treering_rekor::v1::wire::{LogEntry, LogEntryAnon};
use treering_tlog::Hash;

use super::V1Log;
use super::submit::refusal;
use crate::args::ReadKind;
use crate::check::{Answer, Sample, Sampler, scramble};
use crate::connection::Target;
use crate::drive::Exchange;
use crate::histogram::Outcome;

/// An entry of the log, and what finds it.
#[derive(Debug)]
pub(crate) struct Known {
    /// 80 digits.
    pub(crate) id: String,
    /// The search for the digest that it is about.
    by_digest: String,
    /// The search for the key that signed it.
    by_key: String,
}

impl Known {
    fn new(id: String, entry: &LogEntryAnon) -> anyhow::Result<Self> {
        let leaf = STANDARD.decode(&entry.body).context("body")?;
        let (digest, key) = match Entry::parse(&leaf)? {
            Entry::HashedRekord(spec) => {
                (spec.data.hash, by_pem(&spec.signature.public_key.content))
            }
            Entry::Dsse(spec) => {
                let signature = spec.signatures.first().context("no signature")?;
                (spec.payload_hash, by_digest_of_pem(&signature.verifier)?)
            }
            Entry::IntotoV002(spec) => {
                let signatures = &spec.content.envelope.signatures;
                let signature = signatures.first().context("no signature")?;
                let key = by_digest_of_pem(&signature.public_key)?;
                (spec.content.payload_hash, key)
            }
            other => anyhow::bail!(
                "expected an entry of `submit`, found {} {}",
                other.kind(),
                other.version()
            ),
        };
        let digest = json!({"hash": format!("{}:{}", digest.algorithm, digest.value)});
        Ok(Self {
            id,
            by_digest: digest.to_string(),
            by_key: key.to_string(),
        })
    }
}

/// How `hashedrekord` entries are found by their key.
fn by_pem(pem: &str) -> Value {
    json!({"publicKey": {"format": "x509", "content": pem}})
}

/// How `dsse` and `intoto` entries are: Rekor v1 indexes their keys as digests of artifacts are.
fn by_digest_of_pem(pem: &str) -> anyhow::Result<Value> {
    let pem = STANDARD.decode(pem).context("key")?;
    Ok(json!({"hash": format!("sha256:{}", Hash::of(&pem).to_hex())}))
}

/// One read.
#[derive(Debug)]
pub(crate) enum Read<'a> {
    Uuid(&'a Known),
    /// Over all trees.
    Index(u64),
    /// From this size to the one of the start.
    Proof(u64),
    Search(&'a Known),
    SearchKey(&'a Known),
    SearchAbsent(Hash),
}

/// What can be read.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) log: V1Log,
    what: ReadKind,
    seed: u64,
    known: Vec<Known>,
}

impl Library {
    /// Fetches so many entries, where the reads need any.
    ///
    /// # Errors
    /// A log of fewer than two entries, or no sensible answer.
    pub(crate) async fn fetch(
        log: V1Log,
        target: &Target,
        (what, seed): (ReadKind, u64),
        sample: u64,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let size = log.checkpoint.size.get();
        ensure!(
            size > 1,
            "expected a log of at least 2 entries, found {size}"
        );
        let mut library = Self {
            log,
            what,
            seed,
            known: Vec::new(),
        };
        let sample = match what {
            ReadKind::Uuid | ReadKind::Search | ReadKind::SearchKey => sample,
            ReadKind::Index | ReadKind::Proof | ReadKind::SearchAbsent => 0,
        };
        for first in (0..sample).step_by(RETRIEVED) {
            let numbers = first..sample.min(first + RETRIEVED as u64);
            let indexes: Vec<_> = numbers.map(|number| library.index(number)).collect();
            let body = json!({"logIndexes": indexes}).to_string();
            let answer = target
                .post_json("/api/v1/log/entries/retrieve", body, timeout)
                .await?;
            let entries: Vec<LogEntry> =
                serde_json::from_slice(&answer).context("entries/retrieve: not entries")?;
            for (id, entry) in entries.into_iter().flatten() {
                library.known.push(Known::new(id, &entry)?);
            }
        }
        let found = library.known.len() as u64;
        ensure!(found == sample, "expected {sample} entries, found {found}");
        Ok(library)
    }

    fn chance(&self, number: u64) -> u64 {
        scramble(self.seed ^ scramble(number))
    }

    fn index(&self, number: u64) -> u64 {
        self.log.offset + self.chance(number) % self.log.checkpoint.size.get()
    }

    /// What a slot reads.
    pub(crate) fn pick(&self, number: u64) -> Read<'_> {
        let known = || {
            let count = self.known.len() as u64;
            let position = self.chance(number) % count.max(1);
            &self.known[usize::try_from(position).unwrap_or_default()]
        };
        match self.what {
            ReadKind::Uuid => Read::Uuid(known()),
            ReadKind::Index => Read::Index(self.index(number)),
            ReadKind::Proof => {
                let before = self.log.checkpoint.size.get() - 1;
                Read::Proof(1 + self.chance(number) % before)
            }
            ReadKind::Search => Read::Search(known()),
            ReadKind::SearchKey => Read::SearchKey(known()),
            ReadKind::SearchAbsent => {
                let absent = format!("absent {} {number}", self.seed);
                Read::SearchAbsent(Hash::of(absent.as_bytes()))
            }
        }
    }

    fn path(&self, read: &Read<'_>) -> String {
        match read {
            Read::Uuid(known) => format!("/api/v1/log/entries/{}", known.id),
            Read::Index(index) => format!("/api/v1/log/entries?logIndex={index}"),
            Read::Proof(first) => {
                let last = self.log.checkpoint.size;
                format!("/api/v1/log/proof?firstSize={first}&lastSize={last}")
            }
            Read::Search(_) | Read::SearchKey(_) | Read::SearchAbsent(_) => {
                "/api/v1/index/retrieve".to_owned()
            }
        }
    }
}

impl Read<'_> {
    /// Where it is a search.
    fn body(&self) -> Option<String> {
        match self {
            Read::Uuid(_) | Read::Index(_) | Read::Proof(_) => None,
            Read::Search(known) => Some(known.by_digest.clone()),
            Read::SearchKey(known) => Some(known.by_key.clone()),
            Read::SearchAbsent(digest) => {
                Some(json!({"hash": format!("sha256:{}", digest.to_hex())}).to_string())
            }
        }
    }
}

/// The reads.
#[derive(Debug)]
pub(crate) struct Reads {
    library: Arc<Library>,
    target: Target,
    sampler: Sampler,
}

impl Reads {
    pub(crate) const fn new(library: Arc<Library>, target: Target, sampler: Sampler) -> Self {
        Self {
            library,
            target,
            sampler,
        }
    }
}

impl Exchange for Reads {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        let read = self.library.pick(number);
        let uri = self.target.uri(&self.library.path(&read));
        let uri = uri.unwrap_or_else(|_| Uri::from_static("/"));
        let Some(body) = read.body() else {
            return self.target.request(Method::GET, uri, Bytes::new());
        };
        self.target.request_json(uri, body.into())
    }

    fn read(&self, number: u64, status: StatusCode, body: Bytes) -> Outcome {
        let bytes = body.len() as u64;
        if status != StatusCode::OK {
            return Outcome {
                bytes,
                ..Outcome::failed(refusal(status), 1)
            };
        }
        let answer = || Sample {
            first: number,
            answer: Answer::Read(body),
        };
        Outcome {
            fresh: 1,
            bytes,
            sample: self.sampler.picks(number).then(answer),
            ..Outcome::default()
        }
    }

    fn entries(&self, _number: u64) -> u64 {
        1
    }
}

/// The most that Rekor v1 gives at once.
const RETRIEVED: usize = 10;
