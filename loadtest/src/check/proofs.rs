//! Inclusion in a log's tree, answer against answer.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use treering_tlog::merkle::InclusionProof;
use treering_tlog::{Checkpoint, Hash, LeafIndex, TreeSize};

use super::LogKey;

/// What the answers said of one tree so far.
#[derive(Debug)]
pub(super) struct Proofs<'a> {
    key: &'a LogKey,
    /// Notes whose signature was verified: thousands of answers share one.
    opened: HashMap<String, Checkpoint>,
    roots: HashMap<TreeSize, Hash>,
    leaves: HashMap<LeafIndex, Hash>,
}

impl<'a> Proofs<'a> {
    /// Of a log with that key; nothing is known of it yet.
    pub(super) fn new(key: &'a LogKey) -> Self {
        Self {
            key,
            opened: HashMap::new(),
            roots: HashMap::new(),
            leaves: HashMap::new(),
        }
    }

    /// The key.
    pub(super) const fn key(&self) -> &LogKey {
        self.key
    }

    /// Whether the proof leads from the leaf to the root that the log signed, and nothing before contradicts it.
    pub(super) fn included(
        &mut self,
        leaf: Hash,
        inclusion: &InclusionProof,
        note: &str,
    ) -> anyhow::Result<()> {
        let checkpoint = self.open(note)?;
        ensure!(
            checkpoint.size == inclusion.size,
            "expected a proof for size {}, found {}",
            checkpoint.size,
            inclusion.size
        );
        inclusion
            .verify(&leaf, &checkpoint.root)
            .context("inclusion")?;
        let there = *self.leaves.entry(inclusion.index).or_insert(leaf);
        ensure!(
            there == leaf,
            "index {} was given to another leaf too",
            inclusion.index
        );
        Ok(())
    }

    /// The checkpoint of a note, if the log signed it and no other root for its size.
    pub(super) fn open(&mut self, note: &str) -> anyhow::Result<Checkpoint> {
        if let Some(checkpoint) = self.opened.get(note) {
            return Ok(checkpoint.clone());
        }
        let checkpoint = self.key.open(note)?;
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
