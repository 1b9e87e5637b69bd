//! `cose 0.0.1` beside what was recorded: both algorithms, additional data, statements, and messages that are refused.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use treering_attest::DigestAlgorithm;
use treering_rekor::v1::{
    Entry, ProposedEntry, RefusedEntry, Uncached, VerifiedEntry, attestation,
};

#[derive(Deserialize)]
struct Vectors {
    taken: BTreeMap<String, Value>,
    refused: BTreeMap<String, (String, Value)>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/cose/vectors.json")).unwrap()
}

fn propose(spec: &Value) -> Result<VerifiedEntry, RefusedEntry> {
    let body = json!({"apiVersion": "0.0.1", "kind": "cose", "spec": spec}).to_string();
    ProposedEntry::parse(body.as_bytes())
        .unwrap()
        .verify(&Uncached, 0)
}

fn decoded(spec: &Value, member: &str) -> Vec<u8> {
    STANDARD.decode(spec[member].as_str().unwrap()).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(DigestAlgorithm::Sha256.of(bytes))
}

#[test]
fn messages_are_taken_and_found_by_key_and_digests() {
    let vectors = vectors();
    assert_eq!(vectors.taken.len(), 10);
    for (name, spec) in vectors.taken {
        let verified = propose(&spec).unwrap_or_else(|error| panic!("{name}: {error}"));
        let leaf = verified.canonical().leaf();
        assert_eq!(Entry::parse(leaf).as_ref(), Ok(verified.entry()), "{name}");
        let message = decoded(&spec, "message");
        let Entry::Cose(entry) = verified.entry() else {
            panic!("{name}: another kind");
        };
        let payload_digest = format!("sha256:{}", entry.data.payload_hash.value);
        let mut expected = vec![
            digest(&decoded(&spec, "publicKey")),
            format!("sha256:{}", digest(&message)),
            payload_digest,
        ];
        if name == "statement" {
            expected.push(format!("sha256:{}", "aa".repeat(32)));
        }
        assert_eq!(verified.index_keys(), Ok(expected), "{name}");
        let canonical = ProposedEntry::parse(leaf).unwrap();
        let hash = verified.canonical().leaf_hash();
        assert_eq!(canonical.look_up(&Uncached), Ok(hash), "{name}");
    }
}

#[test]
fn messages_are_refused_by_what_they_lack() {
    let vectors = vectors();
    assert_eq!(vectors.refused.len(), 25);
    for (name, (why, spec)) in vectors.refused {
        let refused = propose(&spec).unwrap_err();
        let found = match &refused {
            RefusedEntry::Cose { expected } => *expected,
            RefusedEntry::Signature(_) => "signature",
            RefusedEntry::CoseKey { .. } => "key",
            other => panic!("{name}: {other}"),
        };
        assert_eq!(found, why, "{name}");
    }
}

#[test]
fn the_message_is_the_attestation_up_to_a_bound() {
    let spec = &vectors().taken["es256"];
    let verified = propose(spec).unwrap();
    let message = decoded(spec, "message");
    assert_eq!(verified.attestation(message.len()), Some(message.clone()));
    assert_eq!(verified.attestation(message.len() - 1), None);
    assert_eq!(attestation(verified.entry(), b"no base64", 1000), None);
}

#[test]
fn every_byte_of_a_message_counts() {
    let spec = &vectors().taken["critical"];
    let message = decoded(spec, "message");
    for at in 0..message.len() {
        let mut other = message.clone();
        other[at] ^= 0x21;
        let mut changed = spec.clone();
        changed["message"] = STANDARD.encode(&other).into();
        assert!(propose(&changed).is_err(), "byte {at}");
        changed["message"] = STANDARD.encode(&message[..at]).into();
        assert!(propose(&changed).is_err(), "cut at {at}");
    }
    let mut changed = spec.clone();
    changed["data"]["aad"] = "QQ==".into();
    assert!(matches!(propose(&changed), Err(RefusedEntry::Signature(_))));
}
