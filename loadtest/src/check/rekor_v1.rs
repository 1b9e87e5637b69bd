//! The answers of Rekor v1's API: entries with their signed timestamp, proof and checkpoint, proofs of growth, searches.

use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::Runtime;
use treering_rekor::v1::EntryId;
use treering_rekor::v1::wire::{self, ConsistencyProof, LogEntry, LogEntryAnon};
use treering_tlog::merkle::{ConsistencyProof as Growth, InclusionProof};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::{Answer, Proofs, Sample, Verdict};
use crate::connection::Target;
use crate::rekor_v1::V1Log;
use crate::rekor_v1::read::{Library, Read};

/// Verifies entries, one against the others too.
#[derive(Debug)]
pub(crate) struct EntryChecker<'a> {
    log: &'a V1Log,
    proofs: Proofs<'a>,
}

/// An entry that was verified.
struct Verified {
    leaf: Hash,
    /// Over all trees.
    index: u64,
    inclusion: InclusionProof,
}

impl<'a> EntryChecker<'a> {
    pub(crate) fn new(log: &'a V1Log) -> Self {
        Self {
            log,
            proofs: Proofs::new(&log.note_key),
        }
    }

    /// Verifies the answers to submissions, which must have become the leaves that `expected` says.
    pub(crate) fn check(
        mut self,
        samples: Vec<Sample>,
        expected: impl Fn(u64) -> anyhow::Result<Hash>,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        for Sample { first, answer } in samples {
            let Answer::RekorV1(body) = answer else {
                continue;
            };
            let result = expected(first).and_then(|expected| {
                let found = self.entry(&body)?.leaf;
                ensure!(
                    found == expected,
                    "expected leaf hash {expected}, found {found}"
                );
                Ok(())
            });
            verdict.add(&format!("envelope {first}"), result);
        }
        verdict
    }

    fn entry(&mut self, body: &[u8]) -> anyhow::Result<Verified> {
        let entries: LogEntry = serde_json::from_slice(body).context("not an entry")?;
        let count = entries.len();
        let entry = entries.into_iter().next().filter(|_| count == 1);
        let (id, entry) = entry.with_context(|| format!("expected 1 entry, found {count}"))?;
        let leaf = Hash::leaf(&STANDARD.decode(&entry.body).context("body")?);
        let tree = self.log.tree;
        let expected = EntryId { tree, leaf }.to_string();
        ensure!(id == expected, "expected entry id {expected}, found {id}");
        let expected = self.log.key.log_id();
        ensure!(
            entry.log_id == expected,
            "expected log id {expected}, found {}",
            entry.log_id
        );
        self.log
            .key
            .verify_timestamp(&entry)
            .context("signed entry timestamp")?;
        let inclusion = self.included(leaf, &entry)?;
        Ok(Verified {
            leaf,
            index: entry.log_index,
            inclusion,
        })
    }

    fn included(&mut self, leaf: Hash, entry: &LogEntryAnon) -> anyhow::Result<InclusionProof> {
        let verification = entry.verification.as_ref().context("no verification")?;
        let proof = &verification.inclusion_proof;
        ensure!(
            Some(proof.log_index) == entry.log_index.checked_sub(self.log.offset),
            "expected a proof of index {} less {}, found one of {}",
            entry.log_index,
            self.log.offset,
            proof.log_index
        );
        let inclusion = inclusion(proof)?;
        self.proofs.included(leaf, &inclusion, &proof.checkpoint)?;
        let signed = self.proofs.open(&proof.checkpoint)?.root.to_hex();
        ensure!(
            proof.root_hash == signed,
            "expected root hash {signed}, found {}",
            proof.root_hash
        );
        Ok(inclusion)
    }
}

fn inclusion(proof: &wire::InclusionProof) -> anyhow::Result<InclusionProof> {
    Ok(InclusionProof {
        index: LeafIndex::new(proof.log_index).context("logIndex")?,
        size: TreeSize::new(proof.tree_size).context("treeSize")?,
        hashes: hashes(&proof.hashes)?,
    })
}

fn hashes(hashes: &[String]) -> anyhow::Result<Vec<Hash>> {
    let hashes = hashes.iter().map(|hash| Hash::from_hex(hash));
    hashes.collect::<Result<_, _>>().context("hashes")
}

/// Verifies what was read; proofs of growth by further entries, which it fetches.
#[derive(Debug)]
pub(crate) struct ReadChecker<'a> {
    runtime: &'a Runtime,
    target: &'a Target,
    library: &'a Library,
    timeout: Duration,
    entries: EntryChecker<'a>,
}

impl<'a> ReadChecker<'a> {
    pub(crate) fn new(
        runtime: &'a Runtime,
        target: &'a Target,
        library: &'a Library,
        timeout: Duration,
    ) -> Self {
        Self {
            runtime,
            target,
            library,
            timeout,
            entries: EntryChecker::new(&library.log),
        }
    }

    /// Verifies all of them.
    pub(crate) fn check(mut self, samples: Vec<Sample>) -> Verdict {
        let mut verdict = Verdict::default();
        for Sample { first, answer } in samples {
            let Answer::Read(body) = answer else { continue };
            let result = self.read(&self.library.pick(first), &body);
            verdict.add(&format!("read {first}"), result);
        }
        verdict
    }

    fn read(&mut self, read: &Read<'_>, body: &[u8]) -> anyhow::Result<()> {
        match read {
            Read::Uuid(known) => {
                let id = EntryId {
                    tree: self.library.log.tree,
                    leaf: self.entries.entry(body)?.leaf,
                };
                let (found, expected) = (id.to_string(), &known.id);
                ensure!(
                    found == *expected,
                    "expected entry {expected}, found {found}"
                );
                Ok(())
            }
            Read::Index(index) => {
                let found = self.entries.entry(body)?.index;
                ensure!(found == *index, "expected index {index}, found {found}");
                Ok(())
            }
            Read::Proof(first) => self.growth(*first, body),
            Read::Search(known) | Read::SearchKey(known) => {
                let (found, expected) = (ids(body)?, &known.id);
                ensure!(
                    found.contains(expected),
                    "expected {expected} among the entries found, found {} others",
                    found.len()
                );
                Ok(())
            }
            Read::SearchAbsent(digest) => {
                let found = ids(body)?.len();
                ensure!(found == 0, "expected nothing about {digest}, found {found}");
                Ok(())
            }
        }
    }

    /// The older root follows from the proof of the first entry after it: the hashes on its left are those of the older tree.
    fn growth(&mut self, from: u64, body: &[u8]) -> anyhow::Result<()> {
        let proof: ConsistencyProof = serde_json::from_slice(body).context("not a proof")?;
        let log = &self.library.log;
        let path = format!("/api/v1/log/entries?logIndex={}", log.offset + from);
        let next = self
            .runtime
            .block_on(self.target.get(&path, self.timeout))?;
        let next = self.entries.entry(&next)?.inclusion;
        let older = root_before(&next).context("an entry without a tree before it")?;
        let growth = Growth {
            from: TreeSize::new(from).context("firstSize")?,
            to: log.checkpoint.size,
            hashes: hashes(&proof.hashes)?,
        };
        growth
            .verify(&older, &log.checkpoint.root)
            .context("growth")
    }
}

fn ids(body: &[u8]) -> anyhow::Result<Vec<String>> {
    serde_json::from_slice(body).context("not a list of ids")
}

/// The root of the tree of all entries before the one that is proved (RFC 9162 section 2.1.3.2: where a hash of its path stands
/// on the left, it is that of a complete subtree of them); `None` before the first.
fn root_before(proof: &InclusionProof) -> Option<Hash> {
    let (mut node, mut last) = (proof.index.get(), proof.size.get().checked_sub(1)?);
    let mut root: Option<Hash> = None;
    for hash in &proof.hashes {
        while node % 2 == 0 && node == last && node != 0 {
            (node, last) = (node / 2, last / 2);
        }
        if node % 2 == 1 {
            root = Some(root.map_or(*hash, |right| Hash::node(hash, &right)));
        }
        (node, last) = (node / 2, last / 2);
    }
    root
}

#[cfg(test)]
mod tests;
