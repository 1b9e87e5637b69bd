//! Verifies a sample of the answers, after the run so that it costs the run nothing. An answer is right if the leaf is
//! the one that the envelope canonicalises to, the proof leads from it to the root of the checkpoint, the checkpoint is
//! signed with the log's key, and no other answer contradicts it.

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use treering_api::grpc::pb;
use treering_api::json::{BatchResponseJson, SubmittedJson};
use treering_api::log::{Dialect, LogName, Receipt, Submitted};
use treering_tlog::Hash;

use crate::corpus::Corpus;

mod facts;
mod leaf;
mod proofs;
mod rekor_v1;
mod rekor_v2;
mod sampler;

pub(crate) use facts::{LogFacts, LogKey};
use proofs::Proofs;
pub(crate) use rekor_v1::{EntryChecker, ReadChecker};
pub(crate) use sampler::{Sampler, scramble};

/// An answer that is kept to be verified.
#[derive(Debug)]
pub(crate) struct Sample {
    /// What was asked: the number in the corpus of the (first) envelope, or of the read.
    pub(crate) first: u64,
    /// What came.
    pub(crate) answer: Answer,
}

/// The forms of answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The body of `POST /v1/entries`.
    Single(Bytes),
    /// The body of `POST /v1/entries:batch`.
    Batch(Bytes),
    /// A message of `SubmitStream`.
    Stream(Box<pb::SubmitResult>),
    /// The body of `POST /api/v2/log/entries`.
    RekorV2(Bytes),
    /// The body of `POST /api/v1/log/entries`.
    RekorV1(Bytes),
    /// The body of what was read: a tile, a bundle, an entry, a proof.
    Read(Bytes),
}

/// What was verified, and what was wrong.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Proofs (of entries, of tiles) that are right.
    pub(crate) verified: u64,
    /// Those that are not.
    pub(crate) wrong: u64,
    /// What was wrong with the first few.
    pub(crate) messages: Vec<String>,
}

impl Verdict {
    /// Counts one result.
    pub(crate) fn add(&mut self, what: &str, result: anyhow::Result<()>) {
        match result {
            Ok(()) => self.verified += 1,
            Err(error) => {
                self.wrong += 1;
                if self.messages.len() < MAX_MESSAGES {
                    self.messages.push(format!("{what}: {error:#}"));
                }
            }
        }
    }
}

/// Verifies the answers to submissions, one against the others too.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    proofs: Proofs<'a>,
    /// What the receipts of the native API must say.
    name: Option<&'a LogName>,
    dialect: Dialect,
    corpus: &'a Corpus,
    verdict: Verdict,
}

impl<'a> Checker<'a> {
    /// Of answers of the native API.
    pub(crate) fn native(log: &'a LogFacts, corpus: &'a Corpus) -> Self {
        Self {
            name: Some(&log.name),
            dialect: log.dialect,
            ..Self::rekor_v2(&log.key, corpus)
        }
    }

    /// Of answers of Rekor v2's.
    pub(crate) fn rekor_v2(key: &'a LogKey, corpus: &'a Corpus) -> Self {
        Self {
            proofs: Proofs::new(key),
            name: None,
            dialect: Dialect::RekorV2,
            corpus,
            verdict: Verdict::default(),
        }
    }

    /// Verifies all of them.
    pub(crate) fn check(mut self, samples: Vec<Sample>) -> Verdict {
        for Sample { first, answer } in samples {
            if let Answer::RekorV2(body) = answer {
                let result = self.rekor_v2_entry(first, &body);
                self.verdict.add(&format!("envelope {first}"), result);
                continue;
            }
            match results(answer) {
                Ok(results) => {
                    for (number, submitted) in (first..).zip(results) {
                        // A refusal within a batch was counted as a failure before.
                        if let Ok(receipts) = submitted {
                            let result = self.entry(number, &receipts);
                            self.verdict.add(&format!("envelope {number}"), result);
                        }
                    }
                }
                Err(error) => self
                    .verdict
                    .add(&format!("answer from envelope {first} on"), Err(error)),
            }
        }
        self.verdict
    }

    fn entry(&mut self, number: u64, receipts: &[Receipt]) -> anyhow::Result<()> {
        let (envelope, expected) = self.expected(number)?;
        let [receipt] = receipts else {
            bail!("expected 1 receipt, found {}", receipts.len())
        };
        if let Some(name) = self.name {
            ensure!(
                receipt.log == *name,
                "expected log {name}, found {}",
                receipt.log
            );
        }
        ensure!(
            receipt.leaf_hash == expected,
            "expected leaf hash {expected}, found {}",
            receipt.leaf_hash
        );
        if let Some(found) = receipt.envelope_sha256 {
            let expected = Hash::of(&envelope);
            ensure!(
                found == expected,
                "expected envelope {expected}, found {found}"
            );
        }
        let inclusion = &receipt.proof.inclusion;
        ensure!(
            receipt.index == inclusion.index,
            "expected a proof of index {}, found one of {}",
            receipt.index,
            inclusion.index
        );
        self.proofs
            .included(expected, inclusion, &receipt.proof.checkpoint)
    }

    /// An envelope of the corpus, and the hash of the leaf that it must become.
    fn expected(&self, number: u64) -> anyhow::Result<(Bytes, Hash)> {
        let envelope = self.corpus.envelope(number).context("no such envelope")?;
        let key = &self.corpus.keys()[self.corpus.key_of(number)];
        let leaf = leaf::expected_hash(self.dialect, &envelope, &key.spki_der)?;
        Ok((envelope, leaf))
    }
}

/// The receipts in an answer, by envelope.
fn results(answer: Answer) -> anyhow::Result<Vec<Submitted>> {
    match answer {
        Answer::Single(body) => {
            let json: SubmittedJson = serde_json::from_slice(&body).context("not a receipt")?;
            Ok(vec![Ok(Vec::<Receipt>::try_from(json)?)])
        }
        Answer::Batch(body) => {
            let json: BatchResponseJson =
                serde_json::from_slice(&body).context("not the answer to a batch")?;
            Ok(json.results.into_iter().map(Submitted::from).collect())
        }
        Answer::Stream(message) => {
            let submitted = Submitted::from(*message);
            Ok(vec![Ok(submitted?)])
        }
        Answer::RekorV1(_) | Answer::RekorV2(_) | Answer::Read(_) => {
            bail!("expected an answer of the native API")
        }
    }
}

const MAX_MESSAGES: usize = 5;
