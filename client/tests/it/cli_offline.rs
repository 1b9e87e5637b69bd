//! The program without any server: exit codes, what it prints, what it writes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;
use treering_api::log::SignedInclusion;
use treering_attest::VerifierMaterial;
use treering_client::verify;
use treering_tlog::merkle::Growth;
use treering_tlog::{CompactRange, Hash, LeafIndex};

use crate::tile_server::{ORIGIN, checkpoint, leaf, log_key};

/// The program in an empty environment, with its own state.
pub(crate) fn treering(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("treering"));
    command
        .env_clear()
        .env("TREERING_STATE_DIR", dir.join("state"))
        .current_dir(dir);
    command
}

/// What a run printed and how it ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl Ran {
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sigstore-bundles")
}

fn verify_command(dir: &Path, case: &str) -> Command {
    let mut command = treering(dir);
    let folder = vectors();
    command
        .arg("verify")
        .arg(folder.join("a.txt"))
        .arg("--bundle")
        .arg(folder.join(case).join("bundle.sigstore.json"));
    command
        .arg("--trusted-root")
        .arg(folder.join(case).join("trusted_root.json"));
    command
}

#[test]
fn help_teaches_and_lists_the_exit_codes() {
    let dir = TempDir::new().unwrap();
    let help = run(treering(dir.path()).arg("--help"));
    assert_eq!(help.code, 0);
    for part in [
        "Examples:",
        "Exit codes:",
        "  6   log misbehaviour proven",
        "TREERING_URL",
        "TREERING_TRANSPORT",
    ] {
        assert!(help.out.contains(part), "{part} in {}", help.out);
    }
    for command in ["submit", "get", "verify"] {
        let help = run(treering(dir.path()).args([command, "--help"]));
        assert!(help.out.contains("Examples:"), "{command}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let dir = TempDir::new().unwrap();
    for args in [
        &["frobnicate"] as &[&str],
        &["get", "not-an-index"],
        &["get", "5"],
        &["submit", "missing.json", "--url", "http://127.0.0.1:1"],
        &["submit"],
        &["get", "5", "--url", "ftp://host"],
        &["--log", "UPPER", "log", "info"],
        &["proof", "verify", "file"],
        &["verify", "a", "--bundle", "b", "--public-key", "c"],
    ] {
        let ran = run(treering(dir.path()).args(args));
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{args:?}");
    }
}

#[test]
fn a_server_that_is_not_there_ends_with_3() {
    let dir = TempDir::new().unwrap();
    let ran = run(treering(dir.path()).args(["get", "5", "--url", "http://127.0.0.1:1"]));
    assert_eq!(ran.code, 3, "{}", ran.err);
    let ran = run(treering(dir.path())
        .args(["log", "info", "-o", "json"])
        .env("TREERING_URL", "http://127.0.0.1:1"));
    let [error] = ran.json().try_into().unwrap();
    assert_eq!(
        (ran.code, &error["error"]["reason"]),
        (3, &Value::from("operational"))
    );
    assert_eq!(error["error"]["reject"]["kind"], "unavailable");
}

#[test]
fn versions_and_completions_are_printed() {
    let dir = TempDir::new().unwrap();
    let ran = run(treering(dir.path()).args(["version", "-o", "json"]));
    assert_eq!(ran.json()[0]["version"], env!("CARGO_PKG_VERSION"));
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(treering(dir.path()).args(["completion", shell]));
        assert!(ran.code == 0 && ran.out.contains("treering"), "{shell}");
    }
}

#[test]
fn keys_are_private_and_never_overwritten() {
    let dir = TempDir::new().unwrap();
    for kind in ["ecdsa-p256", "ed25519"] {
        let out = dir.path().join(kind);
        let ran = run(treering(dir.path())
            .args(["keys", "generate", "--type", kind, "-o", "json"])
            .arg(&out));
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(
            fs::metadata(&out).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let public = fs::read(dir.path().join(format!("{kind}.pub"))).unwrap();
        let public = VerifierMaterial::from_pem_or_der(&public).unwrap();
        assert_eq!(
            ran.json()[0]["fingerprint"],
            hex::encode(public.key().fingerprint())
        );
        let before = fs::read(&out).unwrap();
        let again = run(treering(dir.path()).args(["keys", "generate"]).arg(&out));
        assert_eq!(again.code, 2, "{}", again.err);
        assert_eq!(fs::read(&out).unwrap(), before);
    }
}

#[test]
fn a_bundle_verifies_by_a_key_and_says_that_the_identity_was_judged() {
    let dir = TempDir::new().unwrap();
    let case = "managed-key-and-trusted-root";
    let key = vectors().join(case).join("key.pub");
    let ran = run(verify_command(dir.path(), case)
        .arg("--public-key")
        .arg(&key));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("signer identity  the given public key"),
        "{}",
        ran.out
    );
    let ran = run(verify_command(dir.path(), case)
        .arg("--public-key")
        .arg(&key)
        .args(["-o", "json"]));
    let [verdict] = ran.json().try_into().unwrap();
    assert_eq!(verdict["verified"], true);
    assert_eq!(verdict["signerJudged"], true);
    assert_eq!(verdict["index"], 20_071_232);
    assert_eq!(verdict["checks"][0]["name"], "artifact");
}

#[test]
fn anybodys_signature_counts_only_when_that_is_said_and_the_result_says_so() {
    let dir = TempDir::new().unwrap();
    let case = "rekor2-happy-path";
    let ran = run(&mut verify_command(dir.path(), case));
    assert_eq!(ran.code, 7, "{}", ran.err);
    assert!(
        ran.err.contains("--public-key") && ran.err.contains("--insecure-any-signer"),
        "{}",
        ran.err
    );
    let ran = run(verify_command(dir.path(), case).arg("--insecure-any-signer"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("not judged") && ran.out.contains("verified, whoever signed"),
        "{}",
        ran.out
    );
    let ran = run(verify_command(dir.path(), case).args(["--insecure-any-signer", "-o", "json"]));
    assert_eq!(ran.json()[0]["signerJudged"], false);
}

#[test]
fn a_bad_bundle_ends_with_1_and_its_reason() {
    let dir = TempDir::new().unwrap();
    let mut command = verify_command(dir.path(), "rekor2-no-inclusion-proof_fail");
    let ran = run(command.arg("--insecure-any-signer"));
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(
        ran.err,
        "error: inclusion: expected an inclusion proof, found none\n"
    );
    let ran = run(command.args(["-o", "json"]));
    let [error] = ran.json().try_into().unwrap();
    assert_eq!(error["error"]["exit"], 1);
    assert_eq!(error["error"]["reason"], "verification_failed");
}

#[test]
fn a_bundle_of_another_log_ends_with_7() {
    let dir = TempDir::new().unwrap();
    let bundle = vectors().join("happy-path-v0.3/bundle.sigstore.json");
    let root = vectors().join("rekor2-happy-path/trusted_root.json");
    let mut command = treering(dir.path());
    command
        .arg("verify")
        .arg(vectors().join("a.txt"))
        .arg("--bundle")
        .arg(bundle);
    let ran = run(command
        .arg("--trusted-root")
        .arg(root)
        .arg("--insecure-any-signer"));
    assert_eq!(ran.code, 7, "{}", ran.err);
}

/// A proof file for leaf 3 of 7, and what it needs.
fn write_proof(dir: &Path) -> (String, Growth) {
    let growth = Growth::new(
        &CompactRange::new(),
        (0..7).map(|index| Hash::leaf(&leaf(index))),
    );
    let inclusion = growth.prove(LeafIndex::new(3).unwrap()).unwrap();
    let proof = SignedInclusion {
        inclusion,
        checkpoint: checkpoint(7, growth.root()),
    };
    fs::write(
        dir.join("entry.tlog-proof"),
        verify::proof_file(&proof).encode(),
    )
    .unwrap();
    fs::write(dir.join("entry.leaf"), leaf(3)).unwrap();
    fs::write(dir.join("log.vkey"), format!("{}\n", log_key().key())).unwrap();
    (log_key().key().to_string(), growth)
}

#[test]
fn a_proof_file_is_verified_offline() {
    let dir = TempDir::new().unwrap();
    let (vkey, _) = write_proof(dir.path());
    let command = || {
        let mut command = treering(dir.path());
        command.args(["proof", "verify", "entry.tlog-proof"]);
        command
    };
    for key in ["log.vkey", &vkey] {
        let ran = run(command().args(["--vkey", key, "--leaf", "entry.leaf"]));
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let hash = Hash::leaf(&leaf(3)).to_hex();
    let ran = run(command()
        .args(["--leaf-hash", &hash, "-o", "json"])
        .env("TREERING_VKEY", &vkey));
    let [verified] = ran.json().try_into().unwrap();
    assert_eq!(verified["leafHash"], hash);
    assert_eq!(
        (&verified["index"], &verified["size"]),
        (&Value::from(3), &Value::from(7))
    );

    let other = Hash::leaf(&leaf(4)).to_hex();
    assert_eq!(
        run(command().args(["--vkey", &vkey, "--leaf-hash", &other])).code,
        1
    );
    assert_eq!(run(command().args(["--leaf-hash", &hash])).code, 7);
    fs::write(
        dir.path().join("entry.tlog-proof"),
        "c2sp.org/tlog-proof@v1\n",
    )
    .unwrap();
    assert_eq!(
        run(command().args(["--vkey", &vkey, "--leaf-hash", &hash])).code,
        1
    );
}

#[test]
fn checkpoints_are_shown_verified_and_compared() {
    let dir = TempDir::new().unwrap();
    let (vkey, growth) = write_proof(dir.path());
    let path = |name: &str| dir.path().join(name);
    fs::write(path("a"), checkpoint(7, growth.root())).unwrap();
    fs::write(path("same"), checkpoint(7, growth.root())).unwrap();
    fs::write(path("fork"), checkpoint(7, Hash::of(b"x"))).unwrap();
    fs::write(path("later"), checkpoint(9, Hash::of(b"x"))).unwrap();

    let ran = run(treering(dir.path()).args(["checkpoint", "show", "a", "-o", "json"]));
    let [shown] = ran.json().try_into().unwrap();
    assert_eq!(
        (&shown["origin"], &shown["verified"]),
        (&Value::from(ORIGIN), &Value::from(false))
    );
    let ran = run(treering(dir.path()).args([
        "checkpoint",
        "verify",
        "a",
        "--vkey",
        &vkey,
        "-o",
        "json",
    ]));
    assert_eq!(ran.json()[0]["verified"], true);
    assert_eq!(
        run(treering(dir.path()).args(["checkpoint", "verify", "a"])).code,
        7
    );
    let note = checkpoint(7, growth.root()).replace("\n7\n", "\n8\n");
    let ran = run(treering(dir.path())
        .args(["checkpoint", "verify", "-", "--vkey", &vkey])
        .write_stdin(note));
    assert_eq!(ran.code, 1, "{}", ran.err);

    let compare = |other: &str| {
        run(treering(dir.path()).args(["checkpoint", "compare", "a", other, "--vkey", &vkey]))
    };
    assert_eq!(compare("same").code, 0);
    assert_eq!(
        compare("later").code,
        2,
        "without a server there is no consistency proof"
    );
    let fork = compare("fork");
    assert_eq!(fork.code, 6, "{}", fork.err);
    assert!(
        fork.err.contains("seen before:\nlog.test/small\n7\n"),
        "the evidence is printed: {}",
        fork.err
    );
}

#[test]
fn a_proof_is_extracted_from_a_receipt() {
    let dir = TempDir::new().unwrap();
    let (vkey, growth) = write_proof(dir.path());
    let inclusion = growth.prove(LeafIndex::new(3).unwrap()).unwrap();
    let hashes: Vec<String> = inclusion.hashes.iter().map(Hash::to_hex).collect();
    let receipt = serde_json::json!({
        "log": "small", "index": 3, "leafHash": Hash::leaf(&leaf(3)).to_hex(), "integratedTime": 1, "duplicate": false,
        "proof": {"index": 3, "size": 7, "hashes": hashes, "checkpoint": checkpoint(7, growth.root())},
    });
    fs::write(dir.path().join("receipt.json"), receipt.to_string()).unwrap();
    let ran = run(treering(dir.path()).args(["proof", "extract", "receipt.json", "--vkey", &vkey]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.out,
        fs::read_to_string(dir.path().join("entry.tlog-proof")).unwrap()
    );
    let ran = run(treering(dir.path()).args(["proof", "extract", "receipt.json"]));
    assert!(
        ran.code == 0 && ran.err.contains("not verified"),
        "{}",
        ran.err
    );
}

#[test]
fn a_monitors_evidence_is_checked_and_proof_is_told_from_claim() {
    use treering_client::evidence::{Claim, Evidence, Proof};
    let dir = TempDir::new().unwrap();
    let mut evidence = Evidence {
        kind: "log-fork".to_owned(),
        proof: Proof::T,
        vkey: log_key().key().to_string(),
        notes: vec![checkpoint(3, Hash::of(b"a")), checkpoint(3, Hash::of(b"b"))],
        nodes: vec![],
        entry: None,
        tlog_proof: None,
        claim: Claim::default(),
    };
    let verify = |evidence: &Evidence| {
        fs::write(dir.path().join("evidence.json"), evidence.encode()).unwrap();
        run(treering(dir.path()).args(["alert", "verify", "evidence.json", "-o", "json"]))
    };
    let ran = verify(&evidence);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert_eq!(ran.json()[0]["proof"], "T");
    let said = ran.json()[0]["proven"][0].as_str().unwrap().to_owned();
    assert!(said.contains("signed two trees of 3 leaves"), "{said}");
    evidence.notes[1] = evidence.notes[0].clone();
    let ran = verify(&evidence);
    assert_eq!(ran.code, 1, "{}", ran.out);
    fs::write(dir.path().join("evidence.json"), b"{}").unwrap();
    let ran = run(treering(dir.path()).args(["alert", "verify", "evidence.json"]));
    assert_eq!(ran.code, 2, "{}", ran.err);
}
