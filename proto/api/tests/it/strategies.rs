//! Strategies for the types of the API.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use treering_api::log::{Dialect, Entry, LogInfo, LogName, Receipt, SignedInclusion, Submission};
use treering_api::{Reject, RejectKind};
use treering_tlog::merkle::{ConsistencyProof, InclusionProof};
use treering_tlog::{Hash, LeafIndex, TreeSize};

pub(crate) fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::new)
}

pub(crate) fn index() -> impl Strategy<Value = LeafIndex> {
    (0..=i64::MAX.unsigned_abs()).prop_map(|n| LeafIndex::new(n).unwrap())
}

pub(crate) fn size() -> impl Strategy<Value = TreeSize> {
    (0..=i64::MAX.unsigned_abs()).prop_map(|n| TreeSize::new(n).unwrap())
}

pub(crate) fn log_name() -> impl Strategy<Value = LogName> {
    "[a-z0-9][a-z0-9._-]{0,63}".prop_map(|text| LogName::new(&text).unwrap())
}

pub(crate) fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn signed(index: LeafIndex) -> impl Strategy<Value = SignedInclusion> {
    (size(), vec(hash(), 0..8), any::<String>()).prop_map(move |(size, hashes, checkpoint)| {
        SignedInclusion {
            inclusion: InclusionProof {
                index,
                size,
                hashes,
            },
            checkpoint,
        }
    })
}

pub(crate) fn receipt() -> impl Strategy<Value = Receipt> {
    let parts = (
        log_name(),
        index(),
        hash(),
        proptest::option::of(hash()),
        any::<u64>(),
        any::<bool>(),
    );
    parts.prop_flat_map(
        |(log, index, leaf_hash, envelope_sha256, integrated_time, duplicate)| {
            signed(index).prop_map(move |proof| Receipt {
                log: log.clone(),
                index,
                leaf_hash,
                envelope_sha256,
                integrated_time,
                duplicate,
                proof,
            })
        },
    )
}

pub(crate) fn entry() -> impl Strategy<Value = Entry> {
    let parts = (
        log_name(),
        index(),
        bytes(),
        proptest::option::of(hash()),
        any::<u64>(),
    );
    parts.prop_flat_map(|(log, index, leaf, envelope_sha256, integrated_time)| {
        proptest::option::of(signed(index)).prop_map(move |proof| Entry {
            log: log.clone(),
            index,
            leaf: leaf.clone(),
            envelope_sha256,
            integrated_time,
            proof,
        })
    })
}

pub(crate) fn consistency() -> impl Strategy<Value = ConsistencyProof> {
    (size(), size(), vec(hash(), 0..8)).prop_map(|(from, to, hashes)| ConsistencyProof {
        from,
        to,
        hashes,
    })
}

pub(crate) fn log_info() -> impl Strategy<Value = LogInfo> {
    let dialect = prop_oneof![Just(Dialect::RekorV1), Just(Dialect::RekorV2)];
    (
        log_name(),
        dialect,
        any::<String>(),
        any::<String>(),
        any::<bool>(),
        size(),
    )
        .prop_map(|(name, dialect, origin, vkey, frozen, size)| LogInfo {
            name,
            dialect,
            origin,
            vkey,
            frozen,
            size,
        })
}

pub(crate) fn reject() -> impl Strategy<Value = Reject> {
    let kind = proptest::sample::select(RejectKind::ALL.to_vec());
    let text = || "[ -~é]{0,80}";
    (
        kind,
        text(),
        proptest::option::of(text()),
        proptest::option::of(text()),
    )
        .prop_map(|(kind, message, expected, found)| Reject {
            kind,
            message,
            expected,
            found,
        })
}

/// A submission whose envelope is JSON with exotic spacing.
pub(crate) fn json_submission() -> impl Strategy<Value = Submission> {
    ("[ -!#-\\[\\]-~]{0,40}", " {0,3}", vec(bytes(), 0..3)).prop_map(|(text, space, verifiers)| {
        Submission {
            envelope: Bytes::from(format!("{{{space}\"payload\"{space}:\"{text}\"}}")),
            verifiers,
        }
    })
}

/// A signed note of a checkpoint; its signature is noise.
pub(crate) fn note() -> impl Strategy<Value = String> {
    (1..=i64::MAX.unsigned_abs(), hash(), any::<[u8; 32]>()).prop_map(|(size, root, noise)| {
        let mut signature = vec![1, 2, 3, 4];
        signature.extend(noise);
        signature.extend(noise);
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(signature);
        format!(
            "example.org/log\n{size}\n{}\n\n\u{2014} example.org/log {encoded}\n",
            root.to_base64()
        )
    })
}
