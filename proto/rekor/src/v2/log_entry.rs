//! The answer to a submission: `dev.sigstore.rekor.v1.TransparencyLogEntry`, as Rekor v2 fills it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};
use treering_tlog::Hash;
use treering_tlog::merkle::InclusionProof;

use super::{API_VERSION, KIND};

/// An entry with its proof. Serialises as protojson with every member, also the empty ones: `integratedTime` is always
/// `"0"` and `inclusionPromise` always null in Rekor v2, and clients look for both.
#[derive(Clone, Copy, Debug)]
pub struct TransparencyLogEntry<'a> {
    /// The whole C2SP id of the checkpoint key: its first four bytes stand in the checkpoint's signature line.
    pub log_id: &'a [u8; 32],
    /// Where the entry is, and the way from it to the root.
    pub proof: &'a InclusionProof,
    /// The root that the proof leads to.
    pub root: &'a Hash,
    /// The signed note with that root and size.
    pub checkpoint: &'a str,
    /// The leaf.
    pub leaf: &'a [u8],
}

impl TransparencyLogEntry<'_> {
    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and arrays of strings are always JSON")
    }
}

impl Serialize for TransparencyLogEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("TransparencyLogEntry", 7)?;
        out.serialize_field("logIndex", &self.proof.index.to_string())?;
        out.serialize_field(
            "logId",
            &KeyId {
                key_id: STANDARD.encode(self.log_id),
            },
        )?;
        out.serialize_field(
            "kindVersion",
            &KindVersion {
                kind: KIND,
                version: API_VERSION,
            },
        )?;
        out.serialize_field("integratedTime", "0")?;
        out.serialize_field("inclusionPromise", &())?;
        out.serialize_field("inclusionProof", &Proof(self))?;
        out.serialize_field("canonicalizedBody", &STANDARD.encode(self.leaf))?;
        out.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyId {
    key_id: String,
}

#[derive(Serialize)]
struct KindVersion {
    kind: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Envelope<'a> {
    envelope: &'a str,
}

struct Proof<'a>(&'a TransparencyLogEntry<'a>);

impl Serialize for Proof<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let TransparencyLogEntry {
            proof,
            root,
            checkpoint,
            ..
        } = self.0;
        let hashes: Vec<String> = proof
            .hashes
            .iter()
            .map(|hash| STANDARD.encode(hash.as_bytes()))
            .collect();
        let mut out = serializer.serialize_struct("InclusionProof", 5)?;
        out.serialize_field("logIndex", &proof.index.to_string())?;
        out.serialize_field("rootHash", &STANDARD.encode(root.as_bytes()))?;
        out.serialize_field("treeSize", &proof.size.to_string())?;
        out.serialize_field("hashes", &hashes)?;
        out.serialize_field(
            "checkpoint",
            &Envelope {
                envelope: checkpoint,
            },
        )?;
        out.end()
    }
}
