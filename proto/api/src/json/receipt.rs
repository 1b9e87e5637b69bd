//! Receipts and proofs.

use serde::{Deserialize, Serialize};
use treering_tlog::merkle::InclusionProof;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::fields::{hex_hash, leaf_index, tree_size};
use crate::log::{LogName, Receipt, SignedInclusion};
use crate::reject::{Reject, RejectKind};

/// An inclusion proof and the signed checkpoint it leads to; see [`SignedInclusion`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProofJson {
    /// The index of the leaf.
    #[serde(with = "leaf_index")]
    pub index: LeafIndex,
    /// The size of the tree that the proof leads to.
    #[serde(with = "tree_size")]
    pub size: TreeSize,
    /// From the leaf's sibling up.
    #[serde(with = "hex_hash::list")]
    pub hashes: Vec<Hash>,
    /// The signed note of that size; empty if it is not the newest.
    pub checkpoint: String,
}

impl From<SignedInclusion> for ProofJson {
    fn from(proof: SignedInclusion) -> Self {
        let InclusionProof {
            index,
            size,
            hashes,
        } = proof.inclusion;
        Self {
            index,
            size,
            hashes,
            checkpoint: proof.checkpoint,
        }
    }
}

impl From<ProofJson> for SignedInclusion {
    fn from(json: ProofJson) -> Self {
        let ProofJson {
            index,
            size,
            hashes,
            checkpoint,
        } = json;
        Self {
            inclusion: InclusionProof {
                index,
                size,
                hashes,
            },
            checkpoint,
        }
    }
}

/// A receipt; see [`Receipt`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptJson {
    /// The log that holds the entry.
    pub log: LogName,
    /// The entry's index.
    #[serde(with = "leaf_index")]
    pub index: LeafIndex,
    /// `SHA-256(0x00 || leaf)`.
    #[serde(with = "hex_hash")]
    pub leaf_hash: Hash,
    /// The address of the kept envelope.
    #[serde(
        default,
        with = "hex_hash::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub envelope_sha256: Option<Hash>,
    /// Seconds since the Unix epoch.
    pub integrated_time: u64,
    /// The entry was in the log before.
    pub duplicate: bool,
    /// The entry's inclusion.
    pub proof: ProofJson,
}

impl From<Receipt> for ReceiptJson {
    fn from(receipt: Receipt) -> Self {
        let Receipt {
            log,
            index,
            leaf_hash,
            envelope_sha256,
            integrated_time,
            duplicate,
            proof,
        } = receipt;
        Self {
            log,
            index,
            leaf_hash,
            envelope_sha256,
            integrated_time,
            duplicate,
            proof: proof.into(),
        }
    }
}

impl TryFrom<ReceiptJson> for Receipt {
    type Error = Reject;

    /// Refuses a receipt whose proof is of another index.
    fn try_from(json: ReceiptJson) -> Result<Self, Reject> {
        let ReceiptJson {
            log,
            index,
            leaf_hash,
            envelope_sha256,
            integrated_time,
            duplicate,
            proof,
        } = json;
        if proof.index != index {
            return Err(Reject::malformed(
                format!("a proof of index {index}"),
                format!("one of index {}", proof.index),
            ));
        }
        Ok(Self {
            log,
            index,
            leaf_hash,
            envelope_sha256,
            integrated_time,
            duplicate,
            proof: proof.into(),
        })
    }
}

/// The answer to a submission: the receipt of the envelope's first entry, with those of further ones beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmittedJson {
    /// The first entry's receipt.
    #[serde(flatten)]
    pub receipt: ReceiptJson,
    /// The receipts of the envelope's other entries, in the order of its signatures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<ReceiptJson>,
}

impl SubmittedJson {
    /// `200` if every entry was there before, else `201`.
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        let known = self.receipt.duplicate && self.others.iter().all(|other| other.duplicate);
        if known {
            http::StatusCode::OK
        } else {
            http::StatusCode::CREATED
        }
    }
}

impl TryFrom<Vec<Receipt>> for SubmittedJson {
    type Error = Reject;

    /// Refuses an empty list as a fault of the server.
    fn try_from(receipts: Vec<Receipt>) -> Result<Self, Reject> {
        let mut receipts = receipts.into_iter().map(ReceiptJson::from);
        let receipt = receipts.next().ok_or_else(|| {
            Reject::mismatch(
                RejectKind::Internal,
                "at least one receipt for an envelope",
                "none",
            )
        })?;
        Ok(Self {
            receipt,
            others: receipts.collect(),
        })
    }
}

impl TryFrom<SubmittedJson> for Vec<Receipt> {
    type Error = Reject;

    fn try_from(json: SubmittedJson) -> Result<Self, Reject> {
        std::iter::once(json.receipt)
            .chain(json.others)
            .map(Receipt::try_from)
            .collect()
    }
}
