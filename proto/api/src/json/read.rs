//! What is read back: entries, consistency proofs, checkpoints.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use treering_tlog::checkpoint::Checkpoint;
use treering_tlog::merkle::ConsistencyProof;
use treering_tlog::note::SignedNote;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::error::{ErrorJson, RejectJson};
use super::fields::{base64_bytes, hex_hash, leaf_index, tree_size};
use super::receipt::ProofJson;
use crate::log::{Entry, LogName, SignedCheckpoint, SignedInclusion};
use crate::reject::Reject;

/// An entry as it is read back; see [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryJson {
    /// The log that holds it.
    pub log: LogName,
    /// Its index.
    #[serde(with = "leaf_index")]
    pub index: LeafIndex,
    /// `SHA-256(0x00 || leaf)`.
    #[serde(with = "hex_hash")]
    pub leaf_hash: Hash,
    /// The bytes that the tree hashes.
    #[serde(with = "base64_bytes")]
    pub leaf: Bytes,
    /// The address of the kept envelope.
    #[serde(
        default,
        with = "hex_hash::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub envelope_sha256: Option<Hash>,
    /// Seconds since the Unix epoch.
    pub integrated_time: u64,
    /// Absent in a tail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofJson>,
}

impl From<Entry> for EntryJson {
    fn from(entry: Entry) -> Self {
        let Entry {
            log,
            index,
            leaf,
            envelope_sha256,
            integrated_time,
            proof,
        } = entry;
        let leaf_hash = Hash::leaf(&leaf);
        Self {
            log,
            index,
            leaf_hash,
            leaf,
            envelope_sha256,
            integrated_time,
            proof: proof.map(ProofJson::from),
        }
    }
}

impl TryFrom<EntryJson> for Entry {
    type Error = Reject;

    /// Refuses a leaf hash that is not the leaf's, and a proof of another index.
    fn try_from(json: EntryJson) -> Result<Self, Reject> {
        let EntryJson {
            log,
            index,
            leaf_hash,
            leaf,
            envelope_sha256,
            integrated_time,
            proof,
        } = json;
        let proof = proof.map(SignedInclusion::from);
        check_entry(index, &leaf_hash, &leaf, proof.as_ref())?;
        Ok(Self {
            log,
            index,
            leaf,
            envelope_sha256,
            integrated_time,
            proof,
        })
    }
}

/// What the parts of an entry on a wire must agree in.
pub(crate) fn check_entry(
    index: LeafIndex,
    leaf_hash: &Hash,
    leaf: &[u8],
    proof: Option<&SignedInclusion>,
) -> Result<(), Reject> {
    let expected = Hash::leaf(leaf);
    if *leaf_hash != expected {
        return Err(Reject::malformed(
            format!("leaf hash {expected} of the leaf"),
            leaf_hash.to_string(),
        ));
    }
    match proof {
        Some(proof) if proof.inclusion.index != index => Err(Reject::malformed(
            format!("a proof of index {index}"),
            format!("one of index {}", proof.inclusion.index),
        )),
        _ => Ok(()),
    }
}

/// One line of a tail: an entry, or the error that ends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TailLineJson {
    /// The next entry.
    Entry(EntryJson),
    /// The stream ends here, for this reason.
    Error(ErrorJson),
}

impl From<Result<Entry, Reject>> for TailLineJson {
    fn from(item: Result<Entry, Reject>) -> Self {
        match item {
            Ok(entry) => Self::Entry(entry.into()),
            Err(reject) => Self::Error(reject.into()),
        }
    }
}

impl TailLineJson {
    /// Parses one line.
    ///
    /// # Errors
    /// The error that the line is, or `Malformed` if it is neither an entry nor an error.
    pub fn parse(line: &[u8]) -> Result<Entry, Reject> {
        let malformed =
            |e: serde_json::Error| Reject::malformed("an entry or an error as JSON", e.to_string());
        #[derive(Deserialize)]
        struct Probe {
            error: Option<RejectJson>,
        }
        if let Ok(Probe { error: Some(error) }) = serde_json::from_slice(line) {
            return Err(Reject::try_from(error).unwrap_or_else(|unknown| unknown));
        }
        Entry::try_from(serde_json::from_slice::<EntryJson>(line).map_err(malformed)?)
    }
}

/// A consistency proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsistencyJson {
    /// The log.
    pub log: LogName,
    /// The older size.
    #[serde(with = "tree_size")]
    pub from: TreeSize,
    /// The newer size.
    #[serde(with = "tree_size")]
    pub to: TreeSize,
    /// The proof's hashes.
    #[serde(with = "hex_hash::list")]
    pub hashes: Vec<Hash>,
    /// The signed note, where `to` is the newest checkpoint's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

impl ConsistencyJson {
    /// The answer of a log, with its checkpoint where `to` is that one's size.
    #[must_use]
    pub fn new(log: LogName, proof: ConsistencyProof, checkpoint: Option<String>) -> Self {
        let ConsistencyProof { from, to, hashes } = proof;
        Self {
            log,
            from,
            to,
            hashes,
            checkpoint,
        }
    }
}

impl From<ConsistencyJson> for ConsistencyProof {
    fn from(json: ConsistencyJson) -> Self {
        Self {
            from: json.from,
            to: json.to,
            hashes: json.hashes,
        }
    }
}

/// A signed checkpoint and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointJson {
    /// The log.
    pub log: LogName,
    /// The first line of the checkpoint.
    pub origin: String,
    /// The size of the tree.
    #[serde(with = "tree_size")]
    pub size: TreeSize,
    /// The root of the tree.
    #[serde(with = "hex_hash")]
    pub root_hash: Hash,
    /// The signed note.
    pub checkpoint: String,
}

impl CheckpointJson {
    /// The answer of a log.
    #[must_use]
    pub fn new(log: LogName, signed: SignedCheckpoint) -> Self {
        let SignedCheckpoint { note, checkpoint } = signed;
        let Checkpoint {
            origin, size, root, ..
        } = checkpoint;
        Self {
            log,
            origin: origin.to_string(),
            size,
            root_hash: root,
            checkpoint: note,
        }
    }
}

impl TryFrom<CheckpointJson> for SignedCheckpoint {
    type Error = Reject;

    /// Takes the checkpoint from the note, and refuses other fields that differ from it. No signature is checked.
    fn try_from(json: CheckpointJson) -> Result<Self, Reject> {
        read_note(json.checkpoint, &json.origin, json.size, &json.root_hash)
    }
}

/// Parses a note whose content must say what the fields beside it say.
pub(crate) fn read_note(
    note: String,
    origin: &str,
    size: TreeSize,
    root: &Hash,
) -> Result<SignedCheckpoint, Reject> {
    let signed = SignedNote::parse(note.as_bytes())
        .map_err(|e| Reject::malformed("a signed note", e.to_string()))?;
    let checkpoint = Checkpoint::parse(signed.text())
        .map_err(|e| Reject::malformed("a checkpoint", e.to_string()))?;
    let said = (
        checkpoint.origin.to_string(),
        checkpoint.size,
        checkpoint.root,
    );
    if said != (origin.to_owned(), size, *root) {
        let write = |(origin, size, root): (String, TreeSize, Hash)| {
            format!("{origin:?} size {size} root {root}")
        };
        return Err(Reject::malformed(
            format!("{} as the checkpoint says", write(said)),
            write((origin.to_owned(), size, *root)),
        ));
    }
    Ok(SignedCheckpoint { note, checkpoint })
}
