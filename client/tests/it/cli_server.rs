//! The program against a log in memory, honest and not.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use treering_client::sign::{IN_TOTO_TYPE, KeyType, SigningKey};
use treering_tlog::Hash;
use treering_tlog::note::{KeyName, NoteSigner};

use crate::cli_offline::{Ran, run, treering};
use crate::fake_log::{FakeLog, Misbehaviour};
use crate::serve::start;
use crate::tile_server::{ORIGIN, log_key};

struct Fixture {
    dir: TempDir,
    log: Arc<FakeLog>,
    url: String,
    key: SigningKey,
}

impl Fixture {
    async fn new() -> Self {
        let (dir, log) = (TempDir::new().unwrap(), Arc::new(FakeLog::default()));
        let url = format!("http://{}", start(log.clone()).await);
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        fs::write(dir.path().join("key.pem"), key.to_pem().unwrap().as_bytes()).unwrap();
        fs::write(dir.path().join("key.pub"), key.public_pem().unwrap()).unwrap();
        Self { dir, log, url, key }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs the program beside the server's runtime.
    async fn run(&self, args: &[&str]) -> Ran {
        let mut command = treering(self.path());
        command.args(args).env("TREERING_URL", &self.url);
        tokio::task::spawn_blocking(move || run(&mut command))
            .await
            .unwrap()
    }

    fn statement(number: usize) -> String {
        format!(
            "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[],\"predicateType\":\"t\",\"predicate\":{{\"n\":{number}}}}}"
        )
    }

    fn envelope(&self, number: usize) -> Vec<u8> {
        self.key
            .envelope(IN_TOTO_TYPE, Self::statement(number).as_bytes())
            .unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    /// Logs so many entries.
    async fn fill(&self, count: usize) {
        let lines: Vec<Vec<u8>> = (0..count).map(|number| self.envelope(number)).collect();
        self.write("fill.jsonl", lines.join(&b"\n"[..]));
        let ran = self
            .run(&["submit", "fill.jsonl", "--public-key", "key.pub"])
            .await;
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_is_logged_once_and_its_receipt_is_saved_and_verified() {
    for transport in ["http", "grpc"] {
        let f = Fixture::new().await;
        f.write("a.json", f.envelope(1));
        let args = [
            "submit",
            "a.json",
            "--public-key",
            "key.pub",
            "--receipt-dir",
            "receipts",
            "--transport",
            transport,
        ];
        let ran = f.run(&args).await;
        assert_eq!(ran.code, 0, "{transport}: {}", ran.err);
        assert!(
            ran.out
                .starts_with("a.json: logged in small as index 0 at "),
            "{}",
            ran.out
        );
        let ran = f.run(&[&args[..], &["-o", "json"]].concat()).await;
        let [receipt] = ran.json().try_into().unwrap();
        assert_eq!(
            (&receipt["duplicate"], &receipt["file"]),
            (&Value::from(true), &Value::from("a.json"))
        );
        let ran = f.run(&args).await;
        assert!(
            ran.out.contains("was logged before in small as index 0"),
            "{}",
            ran.out
        );

        let vkey = log_key().key().to_string();
        let proof = "receipts/small-0.tlog-proof";
        let verify = [
            "proof",
            "verify",
            proof,
            "--vkey",
            &vkey,
            "--envelope",
            "a.json",
            "--public-key",
            "key.pub",
        ];
        assert_eq!(f.run(&verify).await.code, 0);
        let saved: Value = serde_json::from_slice(
            &fs::read(f.path().join("receipts/small-0.receipt.json")).unwrap(),
        )
        .unwrap();
        assert_eq!(saved["leafHash"], receipt["leafHash"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_signed_and_only_with_a_key() {
    let f = Fixture::new().await;
    f.write("statement.json", Fixture::statement(1));
    let ran = f.run(&["submit", "statement.json"]).await;
    assert!(ran.code == 2 && ran.err.contains("--key"), "{}", ran.err);
    let ran = f
        .run(&[
            "submit",
            "statement.json",
            "--key",
            "key.pem",
            "--output",
            "out.tlog-proof",
        ])
        .await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        fs::read_to_string(f.path().join("out.tlog-proof"))
            .unwrap()
            .starts_with("c2sp.org/tlog-proof@v1\n")
    );

    let ed25519 = SigningKey::generate(KeyType::Ed25519).unwrap();
    f.write("ed.pem", ed25519.to_pem().unwrap().as_bytes());
    let ran = f
        .run(&["submit", "statement.json", "--key", "ed.pem"])
        .await;
    assert!(
        ran.code == 2 && ran.err.contains("rekor-v2, which holds no pure Ed25519"),
        "{}",
        ran.err
    );
    assert_eq!(f.log.leaves().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_each_is_reported_and_the_worst_decides() {
    let f = Fixture::new().await;
    let stranger = SigningKey::generate(KeyType::EcdsaP256)
        .unwrap()
        .envelope(IN_TOTO_TYPE, b"{}")
        .unwrap();
    let lines = [
        f.envelope(1),
        stranger,
        b"nonsense".to_vec(),
        Vec::new(),
        f.envelope(2),
    ];
    f.write("several.jsonl", lines.join(&b"\n"[..]));
    let args = [
        "submit",
        "several.jsonl",
        "--public-key",
        "key.pub",
        "-o",
        "json",
        "--output",
        "receipts.jsonl",
    ];
    let ran = f.run(&args).await;
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let mut lines = ran.json();
    lines.sort_by_key(|line| line["file"].as_str().unwrap().to_owned());
    let files: Vec<_> = lines
        .iter()
        .map(|line| line["file"].as_str().unwrap())
        .collect();
    assert_eq!(
        files,
        [
            "several.jsonl:1",
            "several.jsonl:2",
            "several.jsonl:3",
            "several.jsonl:5"
        ]
    );
    assert_eq!(lines[1]["error"]["reject"]["kind"], "unverified");
    assert_eq!(lines[2]["error"]["exit"], 2);
    assert_eq!(
        (&lines[0]["index"], &lines[3]["index"]),
        (&Value::from(0), &Value::from(1))
    );
    assert_eq!(
        fs::read_to_string(f.path().join("receipts.jsonl"))
            .unwrap()
            .lines()
            .count(),
        2
    );

    let mut command = treering(f.path());
    command.args(["submit", "-", "--public-key", "key.pub", "--url", &f.url]);
    let input = [f.envelope(3), f.envelope(4)].join(&b"\n"[..]);
    let ran = tokio::task::spawn_blocking(move || run(command.write_stdin(input)))
        .await
        .unwrap();
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_read_and_verified_in_new_and_old_trees() {
    let f = Fixture::new().await;
    f.fill(9).await;
    let ran = f
        .run(&["get", "4", "-o", "json", "--save-envelope", "envelope.json"])
        .await;
    let [entry] = ran.json().try_into().unwrap();
    assert_eq!(entry["index"], 4);
    assert_eq!(
        fs::read(f.path().join("envelope.json")).unwrap().len(),
        f.envelope(4).len()
    );
    let hash = entry["leafHash"].as_str().unwrap();
    let ran = f.run(&["get", hash, "--size", "6"]).await;
    assert!(
        ran.code == 0 && ran.out.contains("included in the tree of size 6"),
        "{}{}",
        ran.out,
        ran.err
    );
    assert_eq!(f.run(&["get", "9"]).await.code, 4);
    assert_eq!(f.run(&["get", "4", "--size", "3"]).await.code, 2);
    assert_eq!(f.run(&["get", "4", "--log", "other"]).await.code, 4);
    let ran = f.run(&["proof", "extract", "4"]).await;
    assert!(
        ran.out.starts_with("c2sp.org/tlog-proof@v1\nindex 4\n"),
        "{}",
        ran.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_listed_followed_and_checked() {
    let f = Fixture::new().await;
    f.fill(5).await;
    let ran = f.run(&["log", "info", "-o", "json"]).await;
    let [info] = ran.json().try_into().unwrap();
    assert_eq!(
        (&info["name"], &info["size"], &info["verified"]),
        (&"small".into(), &5.into(), &true.into())
    );
    let ran = f
        .run(&["log", "tail", "--from", "2", "--count", "3", "-o", "json"])
        .await;
    let indexes: Vec<_> = ran
        .json()
        .iter()
        .map(|entry| entry["index"].as_u64().unwrap())
        .collect();
    assert_eq!((ran.code, indexes), (0, vec![2, 3, 4]));
    assert_eq!(
        f.run(&["log", "tail", "--from", "2"]).await.code,
        3,
        "the server ended it"
    );
    let ran = f.run(&["log", "fsck", "-o", "json"]).await;
    let [checked] = ran.json().try_into().unwrap();
    assert_eq!(
        (&checked["consistent"], &checked["size"]),
        (&true.into(), &5.into())
    );
    let tiles = format!("{}/logs/small", f.url);
    for command in [&["log", "fsck"][..], &["log", "info"]] {
        // The server's address as an argument; one that was given by --url before yields to it.
        let ran = f
            .run(&[command, &["--url", "http://127.0.0.1:1", &f.url]].concat())
            .await;
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let vkey = log_key().key().to_string();
    assert_eq!(
        f.run(&["log", "fsck", &tiles, "--vkey", &vkey]).await.code,
        0
    );
    let name = KeyName::new(ORIGIN).unwrap();
    let other = NoteSigner::new(name, ed25519_dalek::SigningKey::from_bytes(&[8; 32])).unwrap();
    let other = other.verifier().to_string();
    let ran = f.run(&["log", "fsck", &tiles, "--vkey", &other]).await;
    assert!(
        ran.code == 1
            && ran
                .err
                .contains("checkpoint: expected one signed by log.test/small+"),
        "{}",
        ran.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_goes_back_or_forks_ends_with_6_and_evidence() {
    for (how, kind) in [
        (Misbehaviour::Rollback, "rollback"),
        (Misbehaviour::Fork, "fork"),
    ] {
        let f = Fixture::new().await;
        f.fill(6).await;
        assert_eq!(f.run(&["log", "info"]).await.code, 0);
        f.log.misbehave(Some(how));
        let ran = f.run(&["log", "info", "-o", "json"]).await;
        assert_eq!(ran.code, 6, "{kind}: {}", ran.out);
        let lines = ran.json();
        assert_eq!(lines[0]["error"]["evidence"]["kind"], kind);
        assert!(
            lines[0]["error"]["evidence"]["remembered"]
                .as_str()
                .unwrap()
                .starts_with("log.test/small\n6\n")
        );
        assert_eq!(lines[1]["verified"], false);
        assert_eq!(f.run(&["checkpoint", "verify"]).await.code, 6);
        f.log.misbehave(None);
        assert_eq!(
            f.run(&["checkpoint", "verify"]).await.code,
            0,
            "the memory is as it was"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_of_a_dishonest_log_are_refused() {
    let f = Fixture::new().await;
    f.fill(4).await;
    f.write("a.json", f.envelope(77));
    f.log.misbehave(Some(Misbehaviour::OtherLeaf));
    let ran = f
        .run(&["submit", "a.json", "--public-key", "key.pub"])
        .await;
    assert!(
        ran.code == 1 && ran.err.contains("of what was submitted"),
        "{} {}",
        ran.code,
        ran.err
    );
    f.log.misbehave(Some(Misbehaviour::Fork));
    f.write("b.json", f.envelope(78));
    let ran = f
        .run(&["submit", "b.json", "--public-key", "key.pub"])
        .await;
    assert_eq!(ran.code, 6, "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_changed_since_it_was_pinned_ends_with_7() {
    let f = Fixture::new().await;
    f.fill(1).await;
    let pins = f.path().join("state/pins");
    let pin = fs::read_dir(&pins).unwrap().next().unwrap().unwrap().path();
    assert_eq!(
        fs::read_to_string(&pin).unwrap().trim(),
        log_key().key().to_string()
    );
    fs::write(&pin, "log.test/small+00000000+AAAA\n").unwrap();
    let ran = f.run(&["get", "0"]).await;
    assert!(
        ran.code == 7 && ran.err.contains("pinned before"),
        "{} {}",
        ran.code,
        ran.err
    );
    let vkey = log_key().key().to_string();
    assert_eq!(
        f.run(&["get", "0", "--vkey", &vkey]).await.code,
        0,
        "a given key needs no pin"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_made_anew_with_another_key_ends_with_7_until_the_old_one_is_forgotten() {
    let f = Fixture::new().await;
    f.fill(1).await;
    let folder = f.path().join("state/checkpoints");
    let file = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let old = NoteSigner::new(
        KeyName::new(ORIGIN).unwrap(),
        ed25519_dalek::SigningKey::from_bytes(&[8; 32]),
    )
    .unwrap();
    let root = Hash::of(b"the tree of before").to_base64();
    let note = old.sign(&format!("{ORIGIN}\n900\n{root}\n")).unwrap();
    fs::write(&file, note).unwrap();
    for args in [["checkpoint", "verify"], ["log", "info"], ["get", "0"]] {
        let ran = f.run(&args).await;
        let remedy = format!("remove {} if the log was made anew", file.display());
        assert!(
            ran.code == 7
                && ran.err.contains("another key than remembered")
                && ran.err.contains(&remedy),
            "{args:?}: {} {}",
            ran.code,
            ran.err
        );
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(f.run(&["checkpoint", "verify"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_pinning_of_a_key_is_said_once_and_not_to_the_quiet() {
    let f = Fixture::new().await;
    let ran = f.run(&["log", "info"]).await;
    let vkey = log_key().key().to_string();
    assert!(
        ran.code == 0 && ran.err.contains("first time") && ran.err.contains(&vkey),
        "{}",
        ran.err
    );
    assert!(
        ran.out.starts_with("log") && !ran.out.ends_with("\n\n"),
        "{:?}",
        ran.out
    );
    assert_eq!(f.run(&["log", "info"]).await.err, "");
    fs::remove_dir_all(f.path().join("state")).unwrap();
    assert_eq!(f.run(&["log", "info", "--quiet"]).await.err, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_without_a_key_is_told_how_to_give_one() {
    let f = Fixture::new().await;
    f.write("a.json", f.envelope(1));
    let ran = f.run(&["submit", "a.json"]).await;
    assert!(
        ran.code == 1 && ran.err.contains("give its key by --public-key"),
        "{} {}",
        ran.code,
        ran.err
    );
    let other = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    f.write("other.pub", other.public_pem().unwrap());
    let ran = f
        .run(&["submit", "a.json", "--public-key", "other.pub"])
        .await;
    assert!(
        ran.code == 1 && !ran.err.contains("--public-key"),
        "{} {}",
        ran.code,
        ran.err
    );
}
