//! Entries of the public log and others, out of sigstore-conformance's bundles: leaves are parsed and written again, hashed,
//! rebuilt from the bundle, and their timestamps and checkpoints verified.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use treering_attest::bundle::TlogEntry;
use treering_attest::{SigstoreBundle, VerifierMaterial};
use treering_rekor::v1::wire::{InclusionProof, LogEntryAnon, Verification};
use treering_rekor::v1::{
    Entry, LogKey, ProposedEntry, Tree, TreeId, Uncached, entry_from_submission,
};
use treering_tlog::Hash;

/// The public log's key.
const PUBLIC: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwrkBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==";

/// What is found of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    /// The leaf is one that a log writes.
    leaf: bool,
    /// The leaf that follows from the bundle is the one logged (of an envelope: the same payload and signatures).
    rebuilt: bool,
    /// The signed entry timestamp verifies.
    timestamp: bool,
    /// The checkpoint is signed by the log. Nothing: there is none.
    checkpoint: Option<bool>,
}

const GOOD: Found = Found {
    leaf: true,
    rebuilt: true,
    timestamp: true,
    checkpoint: Some(true),
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sigstore-bundles")
}

fn bundles() -> BTreeMap<String, Vec<u8>> {
    let mut bundles = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(bytes) = std::fs::read(path.join("bundle.sigstore.json")) {
            bundles.insert(
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                bytes,
            );
        }
    }
    bundles
}

/// The log's key: out of the trusted root beside the bundle, or the public one.
fn log_key(name: &str, id: &[u8]) -> Option<LogKey> {
    let mut keys = vec![STANDARD.decode(PUBLIC).unwrap()];
    if let Ok(root) = std::fs::read(folder().join(name).join("trusted_root.json")) {
        let root: Value = serde_json::from_slice(&root).unwrap();
        for log in root["tlogs"].as_array().unwrap() {
            let key = log["publicKey"]["rawBytes"].as_str().unwrap();
            keys.push(STANDARD.decode(key).unwrap());
        }
    }
    let keys = keys
        .iter()
        .filter_map(|der| LogKey::from_spki_der(der).ok());
    keys.into_iter().find(|key| key.log_id() == hex::encode(id))
}

/// The entry as the API answers it.
fn answer(entry: &TlogEntry) -> LogEntryAnon {
    let time = i64::try_from(entry.integrated_time.unwrap_or_default()).unwrap();
    let id = hex::encode(&entry.log_id);
    let mut anon = LogEntryAnon::new(&entry.canonicalized_body, time, id, entry.log_index);
    let proof = entry.inclusion_proof.as_ref();
    anon.verification = Some(Verification {
        inclusion_proof: InclusionProof {
            checkpoint: proof.map(|p| p.checkpoint.clone()).unwrap_or_default(),
            hashes: Vec::new(),
            log_index: entry.log_index,
            root_hash: String::new(),
            tree_size: 0,
        },
        signed_entry_timestamp: STANDARD
            .encode(entry.signed_entry_timestamp.clone().unwrap_or_default()),
    });
    anon
}

fn opens(key: &LogKey, note: &str) -> bool {
    let (origin, _) = note.split_once('\n').unwrap_or_default();
    let Some((host, id)) = origin.rsplit_once(" - ") else {
        return false;
    };
    let tree = TreeId::new(id.parse().unwrap()).unwrap();
    let tree = Tree::new(key, host, tree).unwrap();
    assert_eq!(tree.origin().as_str(), origin);
    tree.open(note).is_ok()
}

fn rebuilds(name: &str, bundle: &[u8], leaf: &[u8]) -> bool {
    let key = std::fs::read(folder().join(name).join("key.pub")).ok();
    let key = key.and_then(|pem| VerifierMaterial::from_pem_or_der(&pem).ok());
    let extra: Vec<VerifierMaterial> = key.into_iter().collect();
    let Ok(ours) = entry_from_submission(&bytes::Bytes::copy_from_slice(bundle), &extra) else {
        return false;
    };
    let Ok(theirs) = Entry::parse(leaf) else {
        return false;
    };
    match (ours.entry(), theirs) {
        (Entry::Dsse(ours), Entry::Dsse(theirs)) => {
            // The envelope as it was logged had other white space.
            ours.payload_hash == theirs.payload_hash && ours.signatures == theirs.signatures
        }
        (Entry::Dsse(ours), Entry::IntotoV002(theirs)) => {
            let sigs = theirs.content.envelope.signatures.iter();
            let sigs: Vec<_> = sigs.map(|s| STANDARD.decode(&s.sig).unwrap()).collect();
            let signatures = ours
                .signatures
                .iter()
                .map(|s| s.signature.as_bytes().to_vec());
            ours.payload_hash == theirs.content.payload_hash && sigs.into_iter().eq(signatures)
        }
        (ours, theirs) => *ours == theirs && ours.encode() == leaf,
    }
}

/// A leaf is written again as it was, which is also what a JCS library writes, and stands for itself if it can be proposed.
fn check_leaf(parsed: &Entry, entry: &TlogEntry) {
    let leaf = &entry.canonicalized_body;
    assert_eq!(parsed.encode(), *leaf);
    let value: Value = serde_json::from_slice(leaf).unwrap();
    assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), *leaf);
    assert_eq!(
        (parsed.kind(), parsed.version()),
        (&*entry.kind, &*entry.version)
    );
    if let Entry::HashedRekord(_) = parsed
        && let Ok(again) = ProposedEntry::parse(leaf).unwrap().verify(&Uncached, 0)
    {
        assert_eq!(again.canonical().leaf(), leaf);
    }
}

fn find(name: &str, bundle: &[u8], entry: &TlogEntry) -> Found {
    let leaf = &entry.canonicalized_body;
    let parsed = Entry::parse(leaf);
    if let Ok(parsed) = &parsed {
        check_leaf(parsed, entry);
    }
    let key = log_key(name, &entry.log_id);
    let note = entry
        .inclusion_proof
        .as_ref()
        .map(|proof| &proof.checkpoint);
    Found {
        leaf: parsed.is_ok(),
        rebuilt: rebuilds(name, bundle, leaf),
        timestamp: key
            .as_ref()
            .is_some_and(|key| key.verify_timestamp(&answer(entry)).is_ok()),
        checkpoint: note.map(|note| key.as_ref().is_some_and(|key| opens(key, note))),
    }
}

const NOT_REBUILT: Found = Found {
    rebuilt: false,
    ..GOOD
};
const NO_TIMESTAMP: Found = Found {
    timestamp: false,
    ..GOOD
};
const NO_CHECKPOINT: Found = Found {
    checkpoint: Some(false),
    ..GOOD
};
/// Signed by a log whose key is not beside it.
const OTHER_LOG: Found = Found {
    timestamp: false,
    ..NO_CHECKPOINT
};
/// SHA-256 signed with a P-384 key, which is not allowed any more, and without a checkpoint.
const OLD: Found = Found {
    rebuilt: false,
    ..NO_CHECKPOINT
};
/// Made by a tool, with a payload in the leaf.
const MADE_UP: Found = Found {
    leaf: false,
    ..NOT_REBUILT
};
/// The same, by a log whose key is not beside it.
const MADE_UP_OTHER_LOG: Found = Found {
    leaf: false,
    rebuilt: false,
    ..OTHER_LOG
};

/// The bundles whose entry is not good in every respect.
const EXCEPTIONS: [(&str, Found); 18] = [
    ("bundle-from-wrong-instance_fail", OTHER_LOG),
    ("bundle-with-root-cert_fail", OLD),
    ("checkpoint-bad-keyhint_fail", NO_CHECKPOINT),
    ("dsse-invalid-sig_fail", NOT_REBUILT),
    ("dsse-mismatch-sig_fail", NOT_REBUILT),
    ("intoto-expired-certificate_fail", MADE_UP_OTHER_LOG),
    ("intoto-log-entry-mismatch_fail", MADE_UP_OTHER_LOG),
    (
        "intoto-set-outside-signing-cert-validity_fail",
        MADE_UP_OTHER_LOG,
    ),
    (
        "intoto-tsa-timestamp-outside-cert-validity_fail",
        MADE_UP_OTHER_LOG,
    ),
    ("intoto-with-custom-trust-root", MADE_UP),
    ("invalid-inclusion-proof_fail", NO_CHECKPOINT),
    ("managed-key-no-key_fail", NOT_REBUILT),
    ("managed-key-wrong-key_fail", NOT_REBUILT),
    ("message-digest-mismatch_fail", NOT_REBUILT),
    ("set-invalid-signature_fail", NO_TIMESTAMP),
    ("signature-mismatch_fail", NOT_REBUILT),
    ("wrong-hashedrekord-artifact_fail", NOT_REBUILT),
    ("wrong-hashedrekord-entry_fail", NOT_REBUILT),
];

#[test]
fn entries_are_as_the_names_of_their_bundles_say() {
    let mut exceptions = BTreeMap::from(EXCEPTIONS);
    let mut seen = 0;
    for (name, bytes) in bundles() {
        let Ok(bundle) = SigstoreBundle::parse(&bytes) else {
            continue;
        };
        let v1 = |entry: &&TlogEntry| entry.version == "0.0.1" || entry.kind == "intoto";
        for entry in bundle.tlog_entries().iter().filter(v1) {
            let expected = exceptions.remove(name.as_str()).unwrap_or(GOOD);
            assert_eq!(find(&name, &bytes, entry), expected, "{name}");
            seen += 1;
        }
    }
    assert!(exceptions.is_empty(), "not there: {exceptions:?}");
    assert_eq!(seen, 29);
}

#[test]
fn leaves_have_the_hashes_that_the_public_log_gave_them() {
    for (name, expected) in [
        (
            "happy-path-v0.3",
            "aee3c920bb1132e929ed20e1c194579a60e95849f7a554e0033fdd26ee221629",
        ),
        (
            "happy-path-intoto-in-dsse-v3",
            "875d33538d49eb9bc3224c4868c25d06f78f566730771c4437f50962530906ae",
        ),
    ] {
        let bytes = bundles().remove(name).unwrap();
        let bundle = SigstoreBundle::parse(&bytes).unwrap();
        let leaf = &bundle.tlog_entries()[0].canonicalized_body;
        let encoded = Entry::parse(leaf).unwrap().encode();
        assert_eq!(Hash::leaf(&encoded).to_hex(), expected, "{name}");
    }
}
