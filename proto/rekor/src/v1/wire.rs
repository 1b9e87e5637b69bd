//! The answers of Rekor v1, for the server that writes them and the clients that read them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use treering_tlog::Hash;

use super::ids::TreeId;

/// Entries by their 80-digit id. Every answer has exactly one in each map.
pub type LogEntry = BTreeMap<String, LogEntryAnon>;

/// An entry without its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntryAnon {
    /// The payload of an intoto entry, if it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
    /// The leaf in base64.
    pub body: String,
    /// When it was logged, in seconds since 1970.
    #[serde(rename = "integratedTime")]
    pub integrated_time: i64,
    /// SHA-256 of the log's key, in hexadecimal.
    #[serde(rename = "logID")]
    pub log_id: String,
    /// The index over all shards.
    #[serde(rename = "logIndex")]
    pub log_index: u64,
    /// What proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

/// A payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// In base64.
    pub data: String,
}

/// What proves an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// That it is in the tree.
    pub inclusion_proof: InclusionProof,
    /// That the log saw it at that time: a DER signature in base64.
    pub signed_entry_timestamp: String,
}

/// A proof of inclusion and the checkpoint that it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InclusionProof {
    /// A signed note.
    pub checkpoint: String,
    /// From the leaf up, in hexadecimal.
    pub hashes: Vec<String>,
    /// The index in its tree.
    pub log_index: u64,
    /// In hexadecimal.
    pub root_hash: String,
    /// The size of the tree.
    pub tree_size: u64,
}

/// The answer of `GET /api/v1/log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogInfo {
    /// The shards before the active one, oldest first; `null` if there are none.
    #[serde(with = "null_if_empty")]
    pub inactive_shards: Vec<Shard>,
    /// The active one.
    #[serde(flatten)]
    pub active: Shard,
}

/// The state of one tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shard {
    /// In hexadecimal.
    pub root_hash: String,
    /// Its checkpoint, a signed note.
    pub signed_tree_head: String,
    /// The tree's number, decimal.
    #[serde(rename = "treeID")]
    pub tree_id: String,
    /// Its size.
    pub tree_size: u64,
}

/// The answer of `GET /api/v1/log/proof`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsistencyProof {
    /// In hexadecimal; none between equal sizes.
    pub hashes: Vec<String>,
    /// The root of the current tree, whatever sizes were asked for.
    pub root_hash: String,
}

impl LogEntryAnon {
    /// An entry as it is before anything proves it, which is also what its timestamp signs.
    pub fn new(leaf: &[u8], integrated_time: i64, log_id: String, log_index: u64) -> Self {
        Self {
            attestation: None,
            body: STANDARD.encode(leaf),
            integrated_time,
            log_id,
            log_index,
            verification: None,
        }
    }

    /// The bytes that a signed entry timestamp signs: JCS of the body, the time, the log's id and the index over all shards.
    pub fn timestamp_payload(&self) -> Vec<u8> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Payload<'a> {
            body: &'a str,
            integrated_time: i64,
            #[serde(rename = "logID")]
            log_id: &'a str,
            log_index: u64,
        }
        let payload = Payload {
            body: &self.body,
            integrated_time: self.integrated_time,
            log_id: &self.log_id,
            log_index: self.log_index,
        };
        serde_json::to_vec(&payload).expect("strings and integers can always be written")
    }
}

impl Attestation {
    /// Of these bytes.
    pub fn new(payload: &[u8]) -> Self {
        Self {
            data: STANDARD.encode(payload),
        }
    }
}

impl Shard {
    /// A tree, its size and root, and the checkpoint that says so.
    pub fn new(tree: TreeId, size: u64, root: &Hash, checkpoint: String) -> Self {
        Self {
            root_hash: root.to_hex(),
            signed_tree_head: checkpoint,
            tree_id: tree.to_string(),
            tree_size: size,
        }
    }
}

mod null_if_empty {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Shard;

    pub(super) fn serialize<S: Serializer>(shards: &[Shard], to: S) -> Result<S::Ok, S::Error> {
        (!shards.is_empty()).then_some(shards).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Shard>, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or_default())
    }
}
