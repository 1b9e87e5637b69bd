//! The bodies of the fuzz targets: ordinary functions that panic if a parser does not keep its promise.
//! `targets/*.rs` hands them to libFuzzer, `tests/seeds.rs` runs them over the seeds on any toolchain.

use std::fmt::Debug;

pub mod api;
pub mod attest;
pub mod rekor;
pub mod tlog;

/// A target's name and body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target by the name of its file in `targets/` and of its folder in `seeds/`.
pub const TARGETS: &[Target] = &[
    ("api_answers", api::api_answers),
    ("api_batch", api::api_batch),
    ("bundle", attest::bundle),
    ("checkpoint", tlog::checkpoint),
    ("decimal", tlog::decimal),
    ("entry_bundle", tlog::entry_bundle),
    ("envelope", attest::envelope),
    ("grpc_requests", api::grpc_requests),
    ("hash", tlog::hash),
    ("hash_tile", tlog::hash_tile),
    ("key", attest::key),
    ("merkle_proof", tlog::merkle_proof),
    ("note", tlog::note),
    ("policy", tlog::policy),
    ("proof_file", tlog::proof_file),
    ("rekor_create", rekor::rekor_create),
    ("rekor_entry", rekor::rekor_entry),
    ("rekor_request", rekor::rekor_request),
    ("rekor_v1_cose", rekor::rekor_v1_cose),
    ("rekor_v1_detached", rekor::rekor_v1_detached),
    ("rekor_v1_entry", rekor::rekor_v1_entry),
    ("rekor_v1_helm", rekor::rekor_v1_helm),
    ("rekor_v1_key", rekor::rekor_v1_key),
    ("rekor_v1_leaf", rekor::rekor_v1_leaf),
    ("rekor_v1_query", rekor::rekor_v1_query),
    ("rekor_v1_tuf", rekor::rekor_v1_tuf),
    ("signature_line", tlog::signature_line),
    ("statement", attest::statement),
    ("submission", rekor::submission),
    ("tile_path", tlog::tile_path),
    ("timestamp", attest::timestamp),
    ("vkey", tlog::vkey),
    ("witness_answer", tlog::witness_answer),
    ("witness_request", tlog::witness_request),
];

/// What is accepted must be written again as the same bytes.
///
/// # Panics
/// If it is not.
pub fn round_trip<T, E, B>(input: &[u8], parsed: Result<T, E>, encode: impl FnOnce(&T) -> B)
where
    T: Debug,
    B: AsRef<[u8]>,
{
    if let Ok(value) = parsed {
        let encoded = encode(&value);
        let texts = (
            String::from_utf8_lossy(encoded.as_ref()),
            String::from_utf8_lossy(input),
        );
        assert!(
            encoded.as_ref() == input,
            "{value:?} is written as {:?}, read from {:?}",
            texts.0,
            texts.1
        );
    }
}
