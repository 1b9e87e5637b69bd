//! Verifies a sample of the answers, after the run so that it costs the run nothing. An answer is right if the leaf is
//! the one that the envelope canonicalises to, the proof leads from it to the root of the checkpoint, the checkpoint is
//! signed with the log's key, and no other answer contradicts it.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use treering_api::grpc::pb;
use treering_api::json::{BatchResponseJson, LogsJson, SubmittedJson};
use treering_api::log::{Dialect, LogInfo, LogName, Receipt, Submitted};
use treering_tlog::checkpoint::{Origin, open_of};
use treering_tlog::note::VerifierKey;
use treering_tlog::{Checkpoint, Hash, LeafIndex, TreeSize};

use crate::connection::Target;
use crate::corpus::Corpus;

mod leaf;

/// Decides which answers are verified: the same ones for the same seed, whatever the order in which they come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampler {
    seed: u64,
    threshold: u64,
}

impl Sampler {
    /// Picks about that share (0 to 1) of the requests, and the first one unless the share is 0: a short run verifies
    /// something too.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of 2^64, at least 0; 1.0 saturates"
    )]
    pub(crate) fn new(seed: u64, share: f64) -> Self {
        Self {
            seed,
            threshold: ((share.clamp(0.0, 1.0) * 18_446_744_073_709_551_616.0) as u64)
                .max(u64::from(share > 0.0)),
        }
    }

    /// Whether a request is one of them.
    pub(crate) fn picks(&self, number: u64) -> bool {
        if number == 0 {
            return self.threshold > 0;
        }
        self.threshold == u64::MAX || scramble(self.seed ^ scramble(number)) < self.threshold
    }
}

/// The finaliser of splitmix64: a well mixed permutation of the numbers.
pub(crate) const fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

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
    /// The body of a tile or bundle.
    Tile(Bytes),
}

/// A log as its server describes it.
#[derive(Clone, Debug)]
pub(crate) struct LogFacts {
    pub(crate) name: LogName,
    pub(crate) dialect: Dialect,
    origin: Origin,
    key: VerifierKey,
}

impl LogFacts {
    /// Asks the server for its logs and takes the named one, else the server's default.
    ///
    /// # Errors
    /// No answer, no such log, or a description that makes no sense.
    pub(crate) async fn fetch(
        target: &Target,
        name: Option<&str>,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let body = target.get("/v1/logs", timeout).await?;
        let logs: LogsJson =
            serde_json::from_slice(&body).context("GET /v1/logs: not a list of logs")?;
        Self::choose(logs.into(), name)
    }

    fn choose(logs: Vec<LogInfo>, name: Option<&str>) -> anyhow::Result<Self> {
        let newest = |dialect| {
            logs.iter()
                .rev()
                .find(|log| !log.frozen && log.dialect == dialect)
        };
        let chosen = match name {
            Some(name) => logs.iter().find(|log| log.name.as_str() == name),
            None => newest(Dialect::RekorV1).or_else(|| newest(Dialect::RekorV2)),
        };
        let Some(log) = chosen else {
            bail!(
                "expected {} on the server, found {} others",
                name.unwrap_or("an active log"),
                logs.len()
            )
        };
        Ok(Self {
            name: log.name.clone(),
            dialect: log.dialect,
            origin: Origin::new(log.origin.as_str()).context("the log's origin")?,
            key: VerifierKey::parse(&log.vkey).context("the log's vkey")?,
        })
    }
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
    log: &'a LogFacts,
    corpus: &'a Corpus,
    /// Notes whose signature was verified: thousands of answers share one.
    opened: HashMap<String, Checkpoint>,
    roots: HashMap<TreeSize, Hash>,
    leaves: HashMap<LeafIndex, Hash>,
    verdict: Verdict,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(log: &'a LogFacts, corpus: &'a Corpus) -> Self {
        Self {
            log,
            corpus,
            opened: HashMap::new(),
            roots: HashMap::new(),
            leaves: HashMap::new(),
            verdict: Verdict::default(),
        }
    }

    /// Verifies all of them.
    pub(crate) fn check(mut self, samples: Vec<Sample>) -> Verdict {
        for Sample { first, answer } in samples {
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
        let envelope = self.corpus.envelope(number).context("no such envelope")?;
        let key = &self.corpus.keys()[self.corpus.key_of(number)];
        let expected = leaf::expected_hash(&envelope, &key.spki_der)?;
        let [receipt] = receipts else {
            bail!("expected 1 receipt, found {}", receipts.len())
        };
        ensure!(
            receipt.log == self.log.name,
            "expected log {}, found {}",
            self.log.name,
            receipt.log
        );
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
        let checkpoint = self.open(&receipt.proof.checkpoint)?;
        let inclusion = &receipt.proof.inclusion;
        ensure!(
            checkpoint.size == inclusion.size,
            "expected a proof for size {}, found {}",
            checkpoint.size,
            inclusion.size
        );
        inclusion
            .verify(&expected, &checkpoint.root)
            .context("inclusion")?;
        let there = *self.leaves.entry(receipt.index).or_insert(expected);
        ensure!(
            there == expected,
            "index {} was given to another leaf too",
            receipt.index
        );
        Ok(())
    }

    /// The checkpoint of a note, if the log signed it and no other root for its size.
    fn open(&mut self, note: &str) -> anyhow::Result<Checkpoint> {
        if let Some(checkpoint) = self.opened.get(note) {
            return Ok(checkpoint.clone());
        }
        let opened =
            open_of(note.as_bytes(), &self.log.origin, &self.log.key).context("checkpoint")?;
        let checkpoint = opened.checkpoint().clone();
        let root = *self.roots.entry(checkpoint.size).or_insert(checkpoint.root);
        ensure!(
            root == checkpoint.root,
            "two signed roots for size {}: {root} and {}",
            checkpoint.size,
            checkpoint.root
        );
        self.opened.insert(note.to_owned(), checkpoint.clone());
        Ok(checkpoint)
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
        Answer::Tile(_) => bail!("expected the answer to a submission, found a tile"),
    }
}

const MAX_MESSAGES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sampler_picks_the_first_request_unless_it_picks_none() {
        for seed in 0..100 {
            assert!(
                [1e-30, 0.01, 1.0].map(|share| Sampler::new(seed, share).picks(0)) == [true; 3]
            );
            assert!(!Sampler::new(seed, 0.0).picks(0));
        }
    }

    #[test]
    fn a_sampler_picks_its_share_and_always_the_same() {
        let sampler = Sampler::new(7, 0.01);
        let picked = (0..100_000).filter(|&number| sampler.picks(number)).count();
        assert!((900..1100).contains(&picked), "{picked}");
        let again = Sampler::new(7, 0.01);
        assert!((0..10_000).all(|number| sampler.picks(number) == again.picks(number)));
        assert!((0..10_000).all(
            |number| Sampler::new(7, 1.0).picks(number) && !Sampler::new(7, 0.0).picks(number)
        ));
        let other = Sampler::new(8, 0.01);
        assert!((0..10_000).any(|number| sampler.picks(number) != other.picks(number)));
    }
}
