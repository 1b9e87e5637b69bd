//! Bundles of sigstore-conformance, taken as far as this crate, `treering-attest` and `treering-tlog` go: parse, verify the
//! signature, rebuild the leaf, verify the inclusion proof and the checkpoint. What goes further (certificate chains,
//! timestamps, identities, the artifact) is the business of whoever verifies, and named as such in the table.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use treering_attest::bundle::{SigstoreBundle, TlogEntry};
use treering_attest::{PublicKey, VerifierMaterial};
use treering_rekor::v2::{Entry, KeyDetailsPolicy, RefusedEntry, requests_from_submission};
use treering_tlog::note::{KeyName, VerifierKey};
use treering_tlog::{Hash, InclusionProof, LeafIndex, TreeSize, checkpoint};

/// Where a bundle is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The bundle does not parse.
    Bundle,
    /// The key given beside it does not parse.
    Key,
    /// No signature of it verifies by its certificate or key.
    Signature,
    /// The signature verifies, but `hashedrekord 0.0.2` has no form for it.
    Form,
    /// The leaf that follows from it is not the one logged.
    Leaf,
    /// There is no inclusion proof.
    NoProof,
    /// The inclusion proof does not lead from the leaf to the root.
    Inclusion,
    /// The checkpoint does not parse, or the log did not sign it.
    Checkpoint,
    /// The checkpoint is of another root than the proof.
    Root,
    /// Nothing; said to be wrong for a reason that these crates do not judge.
    Nowhere(&'static str),
}

/// Only v2 leaves are rebuilt here, so v1 entries that differ from the bundle pass.
const V1_LEAF: &str =
    "the entry differs from the bundle: a rekor v1 leaf, which v1_vectors.rs rebuilds";
const ARTIFACT: &str = "the artifact differs: it is not in the bundle";
const CHAIN: &str = "the certificate chain";
const TIME: &str = "a timestamp, against a certificate or a trusted root";

/// Every bundle there is. A name ends in `_fail` if a verifier must refuse it.
const TABLE: &[(&str, Option<Stop>)] = &[
    ("bundle-empty-certificate-chain_fail", Some(Stop::Bundle)),
    (
        "bundle-from-wrong-instance_fail",
        Some(Stop::Nowhere("valid, of another trusted root")),
    ),
    ("bundle-invalid-base64-signature_fail", Some(Stop::Bundle)),
    ("bundle-negative-log-index_fail", Some(Stop::Bundle)),
    ("bundle-unknown-version_fail", Some(Stop::Bundle)),
    ("bundle-with-root-cert_fail", Some(Stop::Form)),
    ("checkpoint-bad-keyhint_fail", Some(Stop::Checkpoint)),
    ("checkpoint-wrong-roothash_fail", Some(Stop::Root)),
    ("dsse-invalid-sig_fail", Some(Stop::Signature)),
    ("dsse-mismatch-sig_fail", Some(Stop::Nowhere(V1_LEAF))),
    ("happy-path-intoto-in-dsse-v3", None),
    ("happy-path-v0.1", None),
    ("happy-path-v0.3", None),
    ("happy-path-v0.3-new-mediaType", None),
    ("inclusion-proof-corrupted-hash_fail", Some(Stop::Inclusion)),
    ("integrated-time-in-future_fail", Some(Stop::Nowhere(TIME))),
    (
        "intoto-expired-certificate_fail",
        Some(Stop::Nowhere(CHAIN)),
    ),
    (
        "intoto-log-entry-mismatch_fail",
        Some(Stop::Nowhere(V1_LEAF)),
    ),
    (
        "intoto-set-outside-signing-cert-validity_fail",
        Some(Stop::Nowhere(TIME)),
    ),
    (
        "intoto-tsa-timestamp-outside-cert-validity_fail",
        Some(Stop::Nowhere(TIME)),
    ),
    ("intoto-with-custom-trust-root", None),
    (
        "invalid-ct-key_fail",
        Some(Stop::Nowhere("the certificate's sct")),
    ),
    ("invalid-inclusion-proof_fail", Some(Stop::Inclusion)),
    ("managed-key-and-trusted-root", None),
    ("managed-key-no-key_fail", Some(Stop::Signature)),
    ("managed-key-wrong-key_fail", Some(Stop::Key)),
    ("message-digest-mismatch_fail", Some(Stop::Signature)),
    (
        "rekor2-checkpoint-missing-log-signature_fail",
        Some(Stop::Checkpoint),
    ),
    (
        "rekor2-checkpoint-missing-origin_fail",
        Some(Stop::Checkpoint),
    ),
    (
        "rekor2-checkpoint-missing-root-hash_fail",
        Some(Stop::Checkpoint),
    ),
    ("rekor2-checkpoint-multiple-cosigs", None),
    (
        "rekor2-checkpoint-no-matching-signature_fail",
        Some(Stop::Checkpoint),
    ),
    ("rekor2-checkpoint-origin-not-first", None),
    ("rekor2-checkpoint-two-sigs-from-origin", None),
    ("rekor2-dsse-happy-path", None),
    ("rekor2-dsse-invalid-sig_fail", Some(Stop::Signature)),
    ("rekor2-dsse-mismatch-sig_fail", Some(Stop::Leaf)),
    ("rekor2-happy-path", None),
    ("rekor2-no-inclusion-proof_fail", Some(Stop::NoProof)),
    (
        "rekor2-timestamp-outside-trust-root-tsa-validity_fail",
        Some(Stop::Nowhere(TIME)),
    ),
    (
        "rekor2-timestamp-outside-tsa-cert-validity_fail",
        Some(Stop::Nowhere(TIME)),
    ),
    (
        "rekor2-timestamp-payload-mismatch_fail",
        Some(Stop::Nowhere(TIME)),
    ),
    (
        "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail",
        Some(Stop::Nowhere(TIME)),
    ),
    ("rekor2-timestamp-with-embedded-cert", None),
    ("rekor2-timestamp-with-expired-cert-chain", None),
    ("rekor2-timestamp-without-embedded-cert", None),
    (
        "set-invalid-signature_fail",
        Some(Stop::Nowhere("rekor v1's signed entry timestamp")),
    ),
    ("signature-mismatch_fail", Some(Stop::Signature)),
    ("trust-root-tlog-validity-end-inclusive", None),
    ("trust-root-tsa-validity-end-inclusive", None),
    (
        "wrong-hashedrekord-artifact_fail",
        Some(Stop::Nowhere(ARTIFACT)),
    ),
    (
        "wrong-hashedrekord-entry_fail",
        Some(Stop::Nowhere(V1_LEAF)),
    ),
    ("wrong-material_fail", Some(Stop::Nowhere(ARTIFACT))),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sigstore-bundles")
}

fn read(name: &str, file: &str) -> Option<Vec<u8>> {
    std::fs::read(folder().join(name).join(file)).ok()
}

fn bundle(name: &str) -> Vec<u8> {
    read(name, "bundle.sigstore.json").expect("every folder has a bundle")
}

/// Keys of logs by log id, out of the trusted roots that lie there.
fn log_keys() -> BTreeMap<Vec<u8>, VerifierKey> {
    let mut keys = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let Ok(text) = std::fs::read(entry.unwrap().path().join("trusted_root.json")) else {
            continue;
        };
        let root: Value = serde_json::from_slice(&text).unwrap();
        for log in root["tlogs"].as_array().unwrap() {
            let id = STANDARD
                .decode(log["logId"]["keyId"].as_str().unwrap())
                .unwrap();
            let spki = STANDARD
                .decode(log["publicKey"]["rawBytes"].as_str().unwrap())
                .unwrap();
            let url = log["baseUrl"].as_str().unwrap();
            let name = KeyName::new(url.split("//").nth(1).unwrap()).unwrap();
            let key = match log["publicKey"]["keyDetails"].as_str().unwrap() {
                "PKIX_ED25519" => {
                    VerifierKey::ed25519(name, spki[12..].try_into().unwrap()).unwrap()
                }
                _ => VerifierKey::ecdsa(name, &spki).unwrap(),
            };
            assert_eq!(
                key.full_id().to_vec(),
                id,
                "the id of {url} follows from its key"
            );
            keys.insert(id, key);
        }
    }
    keys
}

fn check(name: &str, keys: &BTreeMap<Vec<u8>, VerifierKey>) -> Result<(), Stop> {
    let bytes = bundle(name);
    let parsed = SigstoreBundle::parse(&bytes).map_err(|_| Stop::Bundle)?;
    let given: Vec<VerifierMaterial> = read(name, "key.pub")
        .iter()
        .map(|pem| VerifierMaterial::from_pem_or_der(pem))
        .collect::<Result<_, _>>()
        .map_err(|_| Stop::Key)?;
    let requests = requests_from_submission(&bytes, &given).map_err(|error| match error {
        RefusedEntry::Unverified { .. } => Stop::Signature,
        RefusedEntry::NoForm { .. } => Stop::Form,
        other => panic!("{name}: {other}"),
    })?;
    let [request] = requests.as_slice() else {
        panic!("{name}: a bundle has one signature")
    };
    let [entry] = parsed.tlog_entries() else {
        panic!("{name}: each of these bundles has one log entry")
    };
    if entry.version == "0.0.2" && entry.kind == "hashedrekord" {
        let canonical = request.canonical().unwrap();
        if canonical.leaf() != entry.canonicalized_body {
            return Err(Stop::Leaf);
        }
        check_entry(&entry.canonicalized_body, request.key());
    }
    check_inclusion(entry)?;
    check_checkpoint(entry, keys)
}

/// What readers do with a leaf agrees with what writers did.
fn check_entry(leaf: &[u8], key: &PublicKey) {
    let entry = Entry::parse(leaf).unwrap();
    assert_eq!(entry.encode(), leaf);
    entry.verify().unwrap();
    let request = entry.request().unwrap();
    assert_eq!(request.verifier.parse().unwrap(), *key);
    assert_eq!(
        request
            .canonicalize(KeyDetailsPolicy::Strict)
            .unwrap()
            .leaf(),
        leaf
    );
}

fn check_inclusion(entry: &TlogEntry) -> Result<(), Stop> {
    let proof = entry.inclusion_proof.as_ref().ok_or(Stop::NoProof)?;
    let inclusion = InclusionProof {
        index: LeafIndex::new(proof.log_index).unwrap(),
        size: TreeSize::new(proof.tree_size).unwrap(),
        hashes: proof
            .hashes
            .iter()
            .map(|hash| Hash::try_from(hash.as_slice()).unwrap())
            .collect(),
    };
    let root = Hash::try_from(proof.root_hash.as_slice()).unwrap();
    inclusion
        .verify(&Hash::leaf(&entry.canonicalized_body), &root)
        .map_err(|_| Stop::Inclusion)
}

fn check_checkpoint(entry: &TlogEntry, keys: &BTreeMap<Vec<u8>, VerifierKey>) -> Result<(), Stop> {
    let proof = entry.inclusion_proof.as_ref().ok_or(Stop::NoProof)?;
    let key = keys
        .get(&entry.log_id)
        .expect("the trusted roots name every log of the bundles");
    let opened =
        checkpoint::open(proof.checkpoint.as_bytes(), key).map_err(|_| Stop::Checkpoint)?;
    let found = opened.checkpoint();
    if found.root.as_bytes().as_slice() != proof.root_hash || found.size.get() != proof.tree_size {
        return Err(Stop::Root);
    }
    Ok(())
}

#[test]
fn every_bundle_stops_where_the_table_says() {
    let keys = log_keys();
    let mut wrong = Vec::new();
    for &(name, expected) in TABLE {
        let found = check(name, &keys).err();
        let expected = match expected {
            Some(Stop::Nowhere(_)) => None,
            other => other,
        };
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_names_every_bundle_and_judges_as_the_names_do() {
    let there: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let named: BTreeSet<String> = TABLE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named, there);
    for (name, stop) in TABLE {
        assert_eq!(name.ends_with("_fail"), stop.is_some(), "{name}");
    }
}

/// Leaf hashes that others computed from the same files.
#[test]
fn leaf_hashes_are_the_known_ones() {
    for (name, leaf_hash, index, size) in [
        (
            "happy-path-v0.3",
            "aee3c920bb1132e929ed20e1c194579a60e95849f7a554e0033fdd26ee221629",
            75_408_392,
            75_408_393,
        ),
        (
            "happy-path-intoto-in-dsse-v3",
            "875d33538d49eb9bc3224c4868c25d06f78f566730771c4437f50962530906ae",
            33_786_588,
            0,
        ),
        (
            "rekor2-happy-path",
            "78470eff2921878c2141726b650bf349099c37850a731f287a6accf35d40441f",
            735,
            736,
        ),
        (
            "rekor2-checkpoint-multiple-cosigs",
            "78470eff2921878c2141726b650bf349099c37850a731f287a6accf35d40441f",
            735,
            736,
        ),
        (
            "rekor2-dsse-happy-path",
            "fe40655a0f968947de630c778c0f68bd52c68a40c5a25fc1a3a4edd6ab3c2f99",
            4_026_478,
            4_026_479,
        ),
    ] {
        let bytes = bundle(name);
        let parsed = SigstoreBundle::parse(&bytes).unwrap();
        let entry = &parsed.tlog_entries()[0];
        let proof = entry.inclusion_proof.as_ref().unwrap();
        assert_eq!(
            Hash::leaf(&entry.canonicalized_body).to_hex(),
            leaf_hash,
            "{name}"
        );
        assert_eq!(proof.log_index, index, "{name}");
        assert!(size == 0 || proof.tree_size == size, "{name}");
        if entry.version == "0.0.2" {
            let request = &requests_from_submission(&bytes, &[]).unwrap()[0];
            assert_eq!(
                request.canonical().unwrap().leaf_hash().to_hex(),
                leaf_hash,
                "{name}"
            );
        }
    }
}
