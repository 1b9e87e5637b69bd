//! The answers, and the types of [`crate::log`], both ways.

use treering_tlog::Hash;
use treering_tlog::merkle::{ConsistencyProof, InclusionProof};

use super::fields::{hash, hash_bytes, hashes, index, present, size};
use super::pb;
use crate::json::{check_entry, read_note};
use crate::log::{
    Dialect, Entry, LogInfo, LogName, Receipt, SignedCheckpoint, SignedInclusion, Submitted,
};
use crate::reject::{Reject, RejectKind};

impl From<SignedInclusion> for pb::Proof {
    fn from(proof: SignedInclusion) -> Self {
        let InclusionProof {
            index,
            size,
            hashes,
        } = proof.inclusion;
        Self {
            index: index.get(),
            size: size.get(),
            hashes: hashes.iter().map(hash_bytes).collect(),
            checkpoint: proof.checkpoint,
        }
    }
}

impl TryFrom<pb::Proof> for SignedInclusion {
    type Error = Reject;

    fn try_from(message: pb::Proof) -> Result<Self, Reject> {
        let inclusion = InclusionProof {
            index: index("proof.index", message.index)?,
            size: size("proof.size", message.size)?,
            hashes: hashes("a hash of proof.hashes", &message.hashes)?,
        };
        Ok(Self {
            inclusion,
            checkpoint: message.checkpoint,
        })
    }
}

impl From<Receipt> for pb::Receipt {
    fn from(receipt: Receipt) -> Self {
        Self {
            log: receipt.log.to_string(),
            index: receipt.index.get(),
            leaf_hash: hash_bytes(&receipt.leaf_hash),
            envelope_sha256: receipt.envelope_sha256.as_ref().map(hash_bytes),
            integrated_time: receipt.integrated_time,
            duplicate: receipt.duplicate,
            proof: Some(receipt.proof.into()),
        }
    }
}

impl TryFrom<pb::Receipt> for Receipt {
    type Error = Reject;

    fn try_from(message: pb::Receipt) -> Result<Self, Reject> {
        let index = index("index", message.index)?;
        let proof = SignedInclusion::try_from(present("proof", message.proof)?)?;
        if proof.inclusion.index != index {
            let found = format!("one of index {}", proof.inclusion.index);
            return Err(Reject::malformed(
                format!("a proof of index {index}"),
                found,
            ));
        }
        Ok(Self {
            log: LogName::new(&message.log)?,
            index,
            leaf_hash: hash("leaf_hash", &message.leaf_hash)?,
            envelope_sha256: message
                .envelope_sha256
                .map(|bytes| hash("envelope_sha256", &bytes))
                .transpose()?,
            integrated_time: message.integrated_time,
            duplicate: message.duplicate,
            proof,
        })
    }
}

impl TryFrom<Vec<Receipt>> for pb::SubmitResponse {
    type Error = Reject;

    /// Refuses an empty list as a fault of the server.
    fn try_from(receipts: Vec<Receipt>) -> Result<Self, Reject> {
        let mut receipts = receipts.into_iter().map(pb::Receipt::from);
        let first = receipts.next();
        if first.is_none() {
            return Err(Reject::mismatch(
                RejectKind::Internal,
                "at least one receipt for an envelope",
                "none",
            ));
        }
        Ok(Self {
            receipt: first,
            others: receipts.collect(),
        })
    }
}

impl TryFrom<pb::SubmitResponse> for Vec<Receipt> {
    type Error = Reject;

    fn try_from(message: pb::SubmitResponse) -> Result<Self, Reject> {
        let first = present("receipt", message.receipt)?;
        std::iter::once(first)
            .chain(message.others)
            .map(Receipt::try_from)
            .collect()
    }
}

impl From<Submitted> for pb::SubmitResult {
    fn from(submitted: Submitted) -> Self {
        let result = match submitted.and_then(pb::SubmitResponse::try_from) {
            Ok(response) => pb::submit_result::Result::Submitted(response),
            Err(reject) => pb::submit_result::Result::Error(reject.into()),
        };
        Self {
            result: Some(result),
        }
    }
}

impl From<pb::SubmitResult> for Submitted {
    fn from(message: pb::SubmitResult) -> Self {
        match present("result", message.result)? {
            pb::submit_result::Result::Submitted(response) => Vec::<Receipt>::try_from(response),
            pb::submit_result::Result::Error(error) => {
                Err(Reject::try_from(error).unwrap_or_else(|unknown| unknown))
            }
        }
    }
}

impl From<Entry> for pb::Entry {
    fn from(entry: Entry) -> Self {
        Self {
            log: entry.log.to_string(),
            index: entry.index.get(),
            leaf_hash: hash_bytes(&Hash::leaf(&entry.leaf)),
            leaf: entry.leaf,
            envelope_sha256: entry.envelope_sha256.as_ref().map(hash_bytes),
            integrated_time: entry.integrated_time,
            proof: entry.proof.map(pb::Proof::from),
        }
    }
}

impl TryFrom<pb::Entry> for Entry {
    type Error = Reject;

    /// Refuses a leaf hash that is not the leaf's, and a proof of another index.
    fn try_from(message: pb::Entry) -> Result<Self, Reject> {
        let index = index("index", message.index)?;
        let proof = message.proof.map(SignedInclusion::try_from).transpose()?;
        check_entry(
            index,
            &hash("leaf_hash", &message.leaf_hash)?,
            &message.leaf,
            proof.as_ref(),
        )?;
        Ok(Self {
            log: LogName::new(&message.log)?,
            index,
            leaf: message.leaf,
            envelope_sha256: message
                .envelope_sha256
                .map(|bytes| hash("envelope_sha256", &bytes))
                .transpose()?,
            integrated_time: message.integrated_time,
            proof,
        })
    }
}

impl pb::Consistency {
    /// The answer of a log, with its checkpoint where `to` is that one's size.
    #[must_use]
    pub fn new(log: &LogName, proof: &ConsistencyProof, checkpoint: Option<String>) -> Self {
        Self {
            log: log.to_string(),
            from: proof.from.get(),
            to: proof.to.get(),
            hashes: proof.hashes.iter().map(hash_bytes).collect(),
            checkpoint,
        }
    }
}

impl TryFrom<pb::Consistency> for ConsistencyProof {
    type Error = Reject;

    fn try_from(message: pb::Consistency) -> Result<Self, Reject> {
        Ok(Self {
            from: size("from", message.from)?,
            to: size("to", message.to)?,
            hashes: hashes("a hash of hashes", &message.hashes)?,
        })
    }
}

impl pb::Checkpoint {
    /// The answer of a log.
    #[must_use]
    pub fn new(log: &LogName, signed: SignedCheckpoint) -> Self {
        let SignedCheckpoint { note, checkpoint } = signed;
        Self {
            log: log.to_string(),
            origin: checkpoint.origin.to_string(),
            size: checkpoint.size.get(),
            root_hash: hash_bytes(&checkpoint.root),
            checkpoint: note,
        }
    }
}

impl TryFrom<pb::Checkpoint> for SignedCheckpoint {
    type Error = Reject;

    /// Takes the checkpoint from the note, and refuses other fields that differ from it. No signature is checked.
    fn try_from(message: pb::Checkpoint) -> Result<Self, Reject> {
        let root = hash("root_hash", &message.root_hash)?;
        read_note(
            message.checkpoint,
            &message.origin,
            size("size", message.size)?,
            &root,
        )
    }
}

impl From<LogInfo> for pb::LogInfo {
    fn from(info: LogInfo) -> Self {
        Self {
            name: info.name.to_string(),
            dialect: info.dialect.to_string(),
            origin: info.origin,
            vkey: info.vkey,
            state: if info.frozen { "frozen" } else { "active" }.to_owned(),
            size: info.size.get(),
        }
    }
}

impl TryFrom<pb::LogInfo> for LogInfo {
    type Error = Reject;

    fn try_from(message: pb::LogInfo) -> Result<Self, Reject> {
        let frozen = match message.state.as_str() {
            "active" => false,
            "frozen" => true,
            other => {
                return Err(Reject::malformed(
                    "state active or frozen",
                    format!("{other:?}"),
                ));
            }
        };
        let dialect = Dialect::parse(&message.dialect).ok_or_else(|| {
            Reject::malformed(
                "dialect rekor-v1 or rekor-v2",
                format!("{:?}", message.dialect),
            )
        })?;
        Ok(Self {
            name: LogName::new(&message.name)?,
            dialect,
            origin: message.origin,
            vkey: message.vkey,
            frozen,
            size: size("size", message.size)?,
        })
    }
}
