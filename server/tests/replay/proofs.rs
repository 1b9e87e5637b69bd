//! Whatever an answer says of the log is verified with nothing but the log's public key.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use treering_rekor::v1::wire::{LogEntry, LogEntryAnon, LogInfo};
use treering_tlog::merkle::{ConsistencyProof, InclusionProof};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::state::State;

/// What earlier answers have said.
#[derive(Default)]
pub(crate) struct Proofs {
    roots: BTreeMap<u64, Hash>,
    first: BTreeMap<String, LogEntryAnon>,
    /// How many entries, tree heads and consistency proofs were verified.
    pub(crate) entries: usize,
    pub(crate) heads: usize,
    pub(crate) consistency: usize,
}

impl Proofs {
    /// Verifies what is in an answer.
    pub(crate) fn check(&mut self, state: &State, path: &str, answer: &Value) {
        let lists = answer.as_array().into_iter().flatten();
        for entries in lists.chain([answer]) {
            // What is no map of entries is no other than those below.
            let entries: LogEntry = serde_json::from_value(entries.clone()).unwrap_or_default();
            for (id, entry) in &entries {
                self.entry(state, id, entry);
            }
        }
        if let Ok(info) = serde_json::from_value::<LogInfo>(answer.clone()) {
            let head = &info.active;
            let root = self.checkpoint(state, &head.signed_tree_head, head.tree_size);
            assert_eq!(root.to_hex(), head.root_hash);
            self.heads += 1;
        }
        if let (Some(("/api/v1/log/proof", query)), Some(hashes)) =
            (path.split_once('?'), answer.get("hashes"))
        {
            self.consistency(query, hashes);
        }
    }

    fn entry(&mut self, state: &State, id: &str, entry: &LogEntryAnon) {
        let body = STANDARD.decode(&entry.body).unwrap();
        let leaf = Hash::leaf(&body);
        assert_eq!(id, state.tree.id().to_hex() + &leaf.to_hex());
        canonical(&body);
        state.key.verify_timestamp(entry).unwrap();
        let given = &entry.verification.as_ref().unwrap().inclusion_proof;
        let root = self.checkpoint(state, &given.checkpoint, given.tree_size);
        assert_eq!(root.to_hex(), given.root_hash);
        assert_eq!(given.log_index, entry.log_index, "one shard");
        let proof = InclusionProof {
            index: LeafIndex::new(given.log_index).unwrap(),
            size: TreeSize::new(given.tree_size).unwrap(),
            hashes: hashes(given.hashes.iter().map(String::as_str)),
        };
        proof.verify(&leaf, &root).unwrap();
        let first = LogEntryAnon {
            attestation: None,
            verification: None,
            ..entry.clone()
        };
        let earlier = self.first.entry(id.to_owned()).or_insert(first.clone());
        assert_eq!(*earlier, first, "{id} never changes");
        self.entries += 1;
    }

    /// The root that a checkpoint signs; there is one for each size.
    fn checkpoint(&mut self, state: &State, note: &str, size: u64) -> Hash {
        assert_eq!(note.matches('\u{2014}').count(), 1, "one signature");
        let opened = state.tree.open(note).unwrap();
        let found = opened.checkpoint();
        assert_eq!(found.size.get(), size);
        let earlier = self.roots.entry(size).or_insert(found.root);
        assert_eq!(*earlier, found.root, "one root of size {size}");
        found.root
    }

    fn consistency(&mut self, query: &str, answered: &Value) {
        let number = |name: &str| {
            let values = query.split('&').filter_map(|pair| pair.split_once('='));
            let value = values.rev().find(|(found, _)| *found == name)?.1;
            value.parse::<u64>().ok()
        };
        let (from, to) = (number("firstSize").unwrap_or(1), number("lastSize"));
        let to = to.expect("a proof is to a size");
        let (Some(old), Some(new)) = (self.roots.get(&from), self.roots.get(&to)) else {
            return;
        };
        let list = answered.as_array().unwrap().iter();
        let proof = ConsistencyProof {
            from: TreeSize::new(from).unwrap(),
            to: TreeSize::new(to).unwrap(),
            hashes: hashes(list.map(|hash| hash.as_str().unwrap())),
        };
        proof.verify_rfc9162(old, new).unwrap();
        self.consistency += 1;
    }
}

fn hashes<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Hash> {
    texts.map(|text| Hash::from_hex(text).unwrap()).collect()
}

/// A leaf is JSON in one form, with three members.
fn canonical(leaf: &[u8]) {
    let parsed: BTreeMap<String, Value> = serde_json::from_slice(leaf).unwrap();
    let names: Vec<&str> = parsed.keys().map(String::as_str).collect();
    assert_eq!(names, ["apiVersion", "kind", "spec"]);
    let again = serde_json::to_vec(&parsed).unwrap();
    assert_eq!(
        String::from_utf8_lossy(leaf),
        String::from_utf8_lossy(&again)
    );
}
