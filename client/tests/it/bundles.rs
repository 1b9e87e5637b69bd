//! Bundles that others made: each verifies, or fails for the reason it was made to fail for.

use std::fs;
use std::path::{Path, PathBuf};

use treering_attest::VerifierMaterial;
use treering_client::bundle::{Logs, Signer, Verdict, verify_bundle};
use treering_client::trust::TrustedRoot;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sigstore-bundles")
}

/// The public instance's root; of `invalid-ct-key_fail` only the keys of certificate transparency are wrong.
fn public_root() -> PathBuf {
    folder().join("invalid-ct-key_fail/trusted_root.json")
}

fn verify(name: &str) -> Result<Verdict, String> {
    let case = folder().join(name);
    let own = |file: &str| Some(case.join(file)).filter(|path| path.is_file());
    let root = fs::read(own("trusted_root.json").unwrap_or_else(public_root)).unwrap();
    let artifact = fs::read(own("artifact").unwrap_or_else(|| folder().join("a.txt"))).unwrap();
    let signer = match own("key.pub") {
        Some(path) => {
            let key = VerifierMaterial::from_pem_or_der(&fs::read(path).unwrap())
                .map_err(|e| format!("key: {e}"))?;
            Signer::Key(key.key().clone())
        }
        None => Signer::Any,
    };
    let logs = Logs::Root(TrustedRoot::parse(&root).unwrap());
    let bundle = fs::read(case.join("bundle.sigstore.json")).unwrap();
    verify_bundle(&bundle, &artifact, &signer, &logs).map_err(|e| e.to_string())
}

/// The name of a bundle that must verify, and the index and the integrated time that it proves.
const GOOD: &[(&str, u64, Option<u64>)] = &[
    ("rekor2-happy-path", 735, None),
    ("rekor2-dsse-happy-path", 4_026_478, None),
    ("rekor2-checkpoint-multiple-cosigs", 735, None),
    ("rekor2-checkpoint-origin-not-first", 735, None),
    ("rekor2-checkpoint-two-sigs-from-origin", 735, None),
    ("happy-path-v0.1", 23_083_061, Some(1_689_177_396)),
    ("happy-path-v0.3", 75_408_392, Some(1_710_869_186)),
    (
        "happy-path-intoto-in-dsse-v3",
        33_786_588,
        Some(1_734_374_576),
    ),
    ("intoto-with-custom-trust-root", 0, Some(1_675_209_600)),
    (
        "managed-key-and-trusted-root",
        20_071_232,
        Some(1_767_810_965),
    ),
    (
        "trust-root-tlog-validity-end-inclusive",
        23_083_061,
        Some(1_689_177_396),
    ),
    // What is wrong with it is beyond the scope: certificate transparency.
    ("invalid-ct-key_fail", 23_083_061, Some(1_689_177_396)),
];

/// The name of a bundle that must not verify, and what the reason begins with and contains.
const BAD: &[(&str, &str, &str)] = &[
    (
        "rekor2-checkpoint-missing-log-signature_fail",
        "checkpoint: ",
        "not a signed note",
    ),
    (
        "rekor2-checkpoint-missing-origin_fail",
        "checkpoint: ",
        "a wrong signature of log2025-alpha1",
    ),
    (
        "rekor2-checkpoint-missing-root-hash_fail",
        "checkpoint: ",
        "a wrong signature of log2025-alpha1",
    ),
    (
        "rekor2-checkpoint-no-matching-signature_fail",
        "checkpoint: ",
        "no signature of a known key",
    ),
    (
        "rekor2-no-inclusion-proof_fail",
        "inclusion: ",
        "expected an inclusion proof, found none",
    ),
    (
        "rekor2-dsse-invalid-sig_fail",
        "signature: ",
        "found one that does not",
    ),
    (
        "rekor2-dsse-mismatch-sig_fail",
        "entry: ",
        "expected the bundle's signature",
    ),
    (
        "dsse-invalid-sig_fail",
        "signature: ",
        "found one that does not",
    ),
    (
        "dsse-mismatch-sig_fail",
        "entry: ",
        "expected the bundle's signature",
    ),
    (
        "checkpoint-bad-keyhint_fail",
        "checkpoint: ",
        "no signature of a known key",
    ),
    (
        "checkpoint-wrong-roothash_fail",
        "inclusion: ",
        "expected a proof of the checkpoint's size 75610772",
    ),
    (
        "inclusion-proof-corrupted-hash_fail",
        "inclusion: ",
        "the proof leads to a2f7758b",
    ),
    (
        "invalid-inclusion-proof_fail",
        "checkpoint: ",
        "expected a signed checkpoint, found none",
    ),
    (
        "set-invalid-signature_fail",
        "entry timestamp: ",
        "found one that does not",
    ),
    (
        "signature-mismatch_fail",
        "signature: ",
        "found one that does not",
    ),
    (
        "message-digest-mismatch_fail",
        "artifact: ",
        "expected sha256:a1cfc712",
    ),
    ("wrong-material_fail", "artifact: ", "found sha256:1fa70528"),
    (
        "wrong-hashedrekord-artifact_fail",
        "entry: ",
        "found sha256:d40ec3ee",
    ),
    (
        "wrong-hashedrekord-entry_fail",
        "entry: ",
        "found sha256:9d92fa52",
    ),
    (
        "intoto-log-entry-mismatch_fail",
        "entry: ",
        "a signature in base64 twice",
    ),
    (
        "bundle-from-wrong-instance_fail",
        "expected log id d32f30a3",
        "found c0d23d6a",
    ),
    ("bundle-unknown-version_fail", "bundle: ", "version=99.9"),
    ("bundle-negative-log-index_fail", "bundle: ", "\"-1\""),
    ("bundle-invalid-base64-signature_fail", "bundle: ", "base64"),
    (
        "managed-key-no-key_fail",
        "expected a public key",
        "carries no certificate",
    ),
    ("managed-key-wrong-key_fail", "key: ", "base64"),
];

#[test]
fn good_bundles_verify() {
    for &(name, index, time) in GOOD {
        let verdict = verify(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(
            (verdict.index.get(), verdict.integrated_time),
            (index, time),
            "{name}"
        );
        let names: Vec<_> = verdict.checks.iter().map(|check| check.name).collect();
        for check in ["artifact", "signature", "entry", "checkpoint", "inclusion"] {
            assert!(names.contains(&check), "{name}: {names:?}");
        }
        assert_eq!(names.contains(&"entry timestamp"), time.is_some(), "{name}");
        assert_eq!(
            verdict.signer_judged,
            name.starts_with("managed-key"),
            "{name}"
        );
    }
}

#[test]
fn bad_bundles_fail_for_their_reason() {
    for &(name, start, detail) in BAD {
        let error = verify(name).expect_err(name);
        assert!(
            error.starts_with(start) && error.contains(detail),
            "{name}: {error}"
        );
    }
}

#[test]
fn every_bundle_in_the_folder_is_in_a_table() {
    let listed =
        |name: &str| GOOD.iter().any(|(n, ..)| *n == name) || BAD.iter().any(|(n, ..)| *n == name);
    let folders = fs::read_dir(folder())
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_dir());
    for entry in folders {
        let name = entry.file_name().into_string().unwrap();
        assert!(listed(&name), "{name}");
    }
}

#[test]
fn another_key_than_the_one_demanded_is_named() {
    let key = fs::read(folder().join("managed-key-and-trusted-root/key.pub")).unwrap();
    let signer = Signer::Key(
        VerifierMaterial::from_pem_or_der(&key)
            .unwrap()
            .key()
            .clone(),
    );
    let logs = Logs::Root(TrustedRoot::parse(&fs::read(public_root()).unwrap()).unwrap());
    let bundle = fs::read(folder().join("happy-path-v0.3/bundle.sigstore.json")).unwrap();
    let artifact = fs::read(folder().join("a.txt")).unwrap();
    let error = verify_bundle(&bundle, &artifact, &signer, &logs)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("signature: expected ecdsa-p256 key "),
        "{error}"
    );
    assert!(
        error.contains("found a certificate of ecdsa-p256 key "),
        "{error}"
    );
}

#[test]
fn a_time_after_the_end_of_the_logs_key_is_refused() {
    let folder = folder().join("trust-root-tlog-validity-end-inclusive");
    let root = fs::read_to_string(folder.join("trusted_root.json")).unwrap();
    let earlier = root.replace("2023-07-12T15:56:36Z", "2023-07-12T15:56:35Z");
    assert_ne!(root, earlier);
    let logs = Logs::Root(TrustedRoot::parse(earlier.as_bytes()).unwrap());
    let bundle = fs::read(folder.join("bundle.sigstore.json")).unwrap();
    let artifact = fs::read(folder.parent().unwrap().join("a.txt")).unwrap();
    let error = verify_bundle(&bundle, &artifact, &Signer::Any, &logs)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("entry timestamp: expected a time within the validity"),
        "{error}"
    );
}
