//! What a monitor saw of a log's misbehaviour, as one JSON file that anybody can check offline.
//!
//! The check shares no code with the one that found the misbehaviour: it takes the file, keys and hashes, and rebuilds
//! what it needs from the definition of the tree. It says apart what is proven and what is the monitor's claim.

mod verify;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use treering_tlog::Hash;
use treering_tlog::merkle::NodeId;

pub use verify::{Verdict, verify};

/// The largest file that is read, in bytes.
pub const MAX_EVIDENCE: usize = 8 * 1024 * 1024;
/// The largest body that goes into a file whole, in bytes; of a larger one its digest does.
pub const MAX_BODY: usize = 256 * 1024;

/// Why evidence does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Not a file of evidence.
    #[error("expected a file of evidence: {detail}")]
    Malformed {
        /// What is wrong with it.
        detail: String,
    },
    /// It does not show what it says.
    #[error("not proven: {detail}")]
    Unproven {
        /// Expected and found.
        detail: String,
    },
}

/// What a stranger can check of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// Transferable: signatures alone prove it.
    T,
    /// Logged: an entry with its inclusion proof and the signed checkpoint proves what is in the log.
    L,
    /// Recorded: an observation of answers that nobody signed; a claim of the monitor.
    R,
}

/// A subtree's hash: `[level, index, hex]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node(pub u8, pub u64, pub String);

impl Node {
    /// The hash of a complete subtree.
    #[must_use]
    pub fn new(id: NodeId, hash: &Hash) -> Self {
        Self(id.level, id.index, hash.to_hex())
    }
}

/// A body that a log served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// What was asked for.
    pub path: String,
    /// The digest of what came, in hexadecimal.
    pub sha256: String,
    /// What came, in base64, unless it is larger than [`MAX_BODY`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

impl Body {
    /// What came for a path.
    #[must_use]
    pub fn new(path: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            path: path.into(),
            sha256: Hash::of(bytes).to_hex(),
            base64: (bytes.len() <= MAX_BODY).then(|| STANDARD.encode(bytes)),
        }
    }
}

/// What the monitor says, and nobody else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// When, in milliseconds since the Unix epoch by the monitor's clock.
    pub observed_at_ms: u64,
    /// Where: the address that was read.
    pub source: String,
    /// Why that is not as it should be.
    pub why: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// Bodies that were served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bodies: Vec<Body>,
}

/// A file of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The kind of finding that it shows.
    pub kind: String,
    /// What a stranger can check.
    pub proof: Proof,
    /// The key of whoever is accused: the log's, or for `witness-fork` the witness's.
    pub vkey: String,
    /// Signed notes, verbatim.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Hashes of subtrees of the larger note's tree: those of the smaller note's leaves, then those of the rest.
    #[serde(default)]
    pub nodes: Vec<Node>,
    /// The leaf, in base64.
    #[serde(default)]
    pub entry: Option<String>,
    /// Its proof, as a `.tlog-proof` file.
    #[serde(default)]
    pub tlog_proof: Option<String>,
    /// What the monitor says.
    pub claim: Claim,
}

impl Evidence {
    /// Reads a file.
    ///
    /// # Errors
    /// [`EvidenceError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let malformed = |detail: String| EvidenceError::Malformed { detail };
        if bytes.len() > MAX_EVIDENCE {
            let found = bytes.len();
            return Err(malformed(format!(
                "expected at most {MAX_EVIDENCE} bytes, found {found}"
            )));
        }
        serde_json::from_slice(bytes).map_err(|e| malformed(e.to_string()))
    }

    /// The bytes of the file.
    ///
    /// # Panics
    /// Never: texts and numbers are JSON.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("texts and numbers are JSON");
        bytes.push(b'\n');
        bytes
    }
}

/// The complete subtrees that make up the leaves from `start` to `end`, from left to right, each as large as it can be.
#[must_use]
pub fn subtrees(start: u64, end: u64) -> Vec<NodeId> {
    let (mut at, mut ids) = (start, Vec::new());
    while at < end {
        let aligned = at.trailing_zeros().min(62);
        let fitting = (end - at).ilog2();
        let level = u8::try_from(aligned.min(fitting)).unwrap_or(0);
        ids.push(NodeId {
            level,
            index: at >> level,
        });
        at += 1 << level;
    }
    ids
}

/// The subtrees whose hashes prove or refute that a tree of `new` leaves begins with one of `old`: cut at `old`, so that
/// both roots come from one set of hashes. An RFC 6962 consistency proof leaves out the old root where its size is a
/// power of two, and can then not refute.
#[must_use]
pub fn cut_at(old: u64, new: u64) -> Vec<NodeId> {
    let mut ids = subtrees(0, old);
    ids.extend(subtrees(old, new));
    ids
}

#[cfg(test)]
mod tests;
