//! The program, as people and scripts start it.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::{Value, json};
use treering_monitor::evil::{EvilLog, Step, serve, witness_key};

/// Evil logs over HTTP, and a folder for what the program keeps.
pub(crate) struct Served {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) dir: tempfile::TempDir,
}

impl Served {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self {
            runtime,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A log and its address.
    pub(crate) fn log(&self, name: &str, size: u64) -> (Arc<EvilLog>, String) {
        let log = Arc::new(EvilLog::new(name, 9, size));
        let listener = self
            .runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        self.runtime.spawn(serve(listener, Arc::clone(&log)));
        (log, url)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// One pass with quick limits.
    fn once(&self, log: &EvilLog, url: &str, more: &[&str]) -> Ran {
        let vkey = log.vkey();
        let mut args = vec!["once", "--log", url, "--vkey", &vkey];
        args.extend(more);
        self.following(&args)
    }

    fn following(&self, args: &[&str]) -> Ran {
        let state = self.state();
        let mut all = args.to_vec();
        all.extend([
            "-o",
            "jsonl",
            "--refetch",
            "1ms",
            "--backoff",
            "1ms",
            "--retries",
            "1",
        ]);
        all.extend(["--state", state.to_str().unwrap()]);
        run(&all)
    }

    fn tending(&self, args: &[&str]) -> Ran {
        let state = self.state();
        let mut all = args.to_vec();
        all.extend(["-o", "jsonl", "--state", state.to_str().unwrap()]);
        run(&all)
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) lines: Vec<Value>,
    pub(crate) stderr: String,
}

impl Ran {
    fn kinds(&self) -> Vec<&str> {
        let findings = self.lines.iter().filter(|line| line["type"] == "finding");
        findings
            .map(|line| line["kind"].as_str().unwrap())
            .collect()
    }
}

pub(crate) fn run(args: &[&str]) -> Ran {
    let mut command = assert_cmd::Command::cargo_bin("treering-monitor").unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = command.args(args).output().unwrap();
    let stdout = String::from_utf8(stdout).unwrap();
    Ran {
        code: status.code().unwrap(),
        lines: stdout
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

fn step(log: &EvilLog, line: &str) {
    log.step(&line.parse::<Step>().unwrap());
}

#[test]
fn one_line_starts_it_and_says_what_was_covered() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 300);
    let ran = served.once(&log, &url, &[]);
    assert_eq!((ran.code, ran.lines.len()), (0, 1), "{ran:?}");
    let coverage = &ran.lines[0];
    let keys: Vec<&String> = coverage.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["from", "origin", "root", "size", "to", "type"]);
    let expected = json!(["coverage", "evil.example.org", 0, 300, 300]);
    let found = ["type", "origin", "from", "to", "size"].map(|key| coverage[key].clone());
    assert_eq!(json!(found), expected);
    // For people the same in words.
    let (vkey, state) = (log.vkey(), served.state());
    let mut command = assert_cmd::Command::cargo_bin("treering-monitor").unwrap();
    command
        .args(["once", "--log", &url, "--vkey", &vkey, "--state"])
        .arg(state);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("evil.example.org: entries 0 to 300 of 300"),
        "{text}"
    );
}

#[test]
fn a_fork_ends_with_6_and_its_evidence_verifies_without_the_log() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 300);
    served.once(&log, &url, &[]);
    step(&log, "fork 7 50");
    let ran = served.once(&log, &url, &[]);
    assert_eq!(ran.code, 6, "{ran:?}");
    let finding = &ran.lines[0];
    for (key, value) in [
        ("type", json!("finding")),
        ("kind", json!("log-fork")),
        ("class", json!("misbehaviour")),
        ("severity", json!("critical")),
        ("log", json!("evil.example.org")),
        ("scope", json!("evil.example.org")),
        ("index", Value::Null),
        ("rule", Value::Null),
        ("retroactive", json!(false)),
        ("new", json!(true)),
    ] {
        assert_eq!(finding[key], value, "{key}");
    }
    assert_eq!(finding["fingerprint"].as_str().unwrap().len(), 64);
    assert_eq!(ran.lines.last().unwrap()["to"], 300);
    // Still open in the next run, and not new.
    let again = served.once(&log, &url, &[]);
    assert_eq!((again.code, &again.lines[0]["new"]), (6, &json!(false)));
    verify_evidence(&served, finding["evidence"].as_str().unwrap());
}

fn verify_evidence(served: &Served, path: &str) {
    let ran = run(&["alert", "verify", path, "-o", "jsonl"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.lines[0]["proof"], "T");
    assert!(!ran.lines[0]["proven"].as_array().unwrap().is_empty());
    assert!(!ran.lines[0]["claimed"].as_array().unwrap().is_empty());
    let mut evidence: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    evidence["notes"][1] = evidence["notes"][0].clone();
    evidence["nodes"] = json!([]);
    let forged = served.file("forged.json", evidence.to_string().as_bytes());
    let ran = run(&["alert", "verify", forged.to_str().unwrap(), "-o", "jsonl"]);
    assert_eq!((ran.code, &ran.lines[0]["holds"]), (1, &json!(false)));
    let garbage = served.file("garbage.json", b"{}");
    assert_eq!(run(&["alert", "verify", garbage.to_str().unwrap()]).code, 2);
}

#[test]
fn a_suspicion_is_operational_and_a_later_run_makes_it_misbehaviour() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 300);
    served.once(&log, &url, &[]);
    step(&log, "publish 100");
    let ran = served.once(&log, &url, &[]);
    assert_eq!((ran.code, ran.kinds()), (3, vec!["stale-cache"]), "{ran:?}");
    let ran = served.once(&log, &url, &["--persistence", "0s"]);
    assert_eq!(
        (ran.code, ran.kinds()),
        (6, vec!["log-rollback"]),
        "{ran:?}"
    );
}

#[test]
fn the_exit_code_says_which_kind_of_trouble_it_is() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 600);
    step(&log, "drop tile/entries/001");
    let ran = served.once(&log, &url, &[]);
    assert_eq!(ran.code, 9, "{ran:?}");
    assert_eq!(ran.lines.last().unwrap()["to"], 256);
    step(&log, "repair");
    assert_eq!(served.once(&log, &url, &[]).code, 0);
    step(&log, "fail 500");
    let ran = served.once(&log, &url, &[]);
    assert_eq!((ran.code, ran.kinds()), (3, vec!["log-unreachable"]));
}

#[test]
fn the_nth_key_belongs_to_the_nth_log() {
    let served = Served::new();
    let (one, first) = served.log("one.example.org", 10);
    let (two, second) = served.log("two.example.org", 20);
    let (one_key, two_key) = (one.vkey(), two.vkey());
    let args = [
        "once", "--log", &first, "--log", &second, "--vkey", &one_key,
    ];
    let ran = served.following(&[&args[..], &["--vkey", &two_key]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.lines.len(), 2);
    // A vantage is one of the log that it shows.
    let more = ["--vkey", &two_key, "--vantage", &second];
    let ran = served.following(&[&args[..], &more].concat());
    assert_eq!((ran.code, ran.lines.len()), (0, 2), "{ran:?}");
    let swapped = [
        "once", "--log", &second, "--log", &first, "--vkey", &one_key, "--vkey", &two_key,
    ];
    assert_eq!(served.following(&swapped).code, 3);
    let one_short = served.following(&args);
    assert_eq!(one_short.code, 2);
    assert!(
        one_short.stderr.contains("found 2 logs and 1 keys"),
        "{one_short:?}"
    );
}

#[test]
fn what_is_wrong_with_the_call_is_said_before_anything_is_fetched() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 10);
    let key = witness_key("w.example.org", 5);
    let doubled = format!("witness a {key}\nwitness b {key}\nquorum none\n");
    let doubled = served.file("policy", doubled.as_bytes());
    let stranger = EvilLog::new("other.example.org", 8, 3).checkpoint();
    let stranger = served.file("note", stranger.as_bytes());
    let nothing = served.file("receipt", b"{}");
    for args in [
        ["--witness-policy", doubled.to_str().unwrap()],
        ["--checkpoint", stranger.to_str().unwrap()],
        ["--receipt", nothing.to_str().unwrap()],
        ["--persistence", "5"],
        ["--from", "soon"],
        ["--witness-policy", "/nowhere"],
    ] {
        let ran = served.once(&log, &url, &args);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains("error"), "{ran:?}");
    }
    let state = served.state();
    let no_key = run(&["once", "--log", &url, "--state", state.to_str().unwrap()]);
    assert_eq!(no_key.code, 2);
    assert_eq!(log.requests(), 0);
}

#[test]
fn a_redirect_to_elsewhere_is_not_followed() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 10);
    let target = url.clone();
    let to = move |axum::extract::Path(path): axum::extract::Path<String>| {
        let target = target.clone();
        async move { Redirect::temporary(&format!("{target}/{path}")) }
    };
    let router = Router::new().route("/{*path}", get(to));
    let listener = served
        .runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let detour = format!("http://{}", listener.local_addr().unwrap());
    served
        .runtime
        .spawn(async move { axum::serve(listener, router).await });
    let ran = served.once(&log, &detour, &[]);
    assert_eq!((ran.code, ran.kinds()), (3, vec!["log-unreachable"]));
    assert!(
        ran.lines[0]["found"]
            .as_str()
            .unwrap()
            .contains("redirects elsewhere")
    );
    assert_eq!(log.requests(), 0);
}

#[test]
fn a_trusted_root_names_the_key_by_the_logs_address() {
    let served = Served::new();
    let (log, url) = served.log("127.0.0.1", 10);
    let other = EvilLog::new("127.0.0.1", 3, 0);
    let root = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [tlog("http://127.0.0.1:1", &other), tlog(&url, &log)],
    });
    let root = served.file("trusted_root.json", root.to_string().as_bytes());
    let root = root.to_str().unwrap();
    let ran = served.following(&["once", "--log", &url, "--trusted-root", root]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let elsewhere = [
        "once",
        "--log",
        "http://127.0.0.1:2",
        "--trusted-root",
        root,
    ];
    let ran = served.following(&elsewhere);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("expected a log at http://127.0.0.1:2"),
        "{ran:?}"
    );
}

fn tlog(url: &str, log: &EvilLog) -> Value {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let key = treering_tlog::note::VerifierKey::parse(&log.vkey()).unwrap();
    let prefix = hex::decode("302a300506032b6570032100").unwrap();
    let spki = [&prefix[..], key.material()].concat();
    json!({
        "baseUrl": url, "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": STANDARD.encode(&spki), "keyDetails": "PKIX_ED25519"},
        "logId": {"keyId": STANDARD.encode(treering_tlog::Hash::of(&spki).as_bytes())},
    })
}

#[test]
fn findings_are_listed_acknowledged_and_resolved() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 30);
    served.once(&log, &url, &[]);
    step(&log, "fork 3");
    let ran = served.once(&log, &url, &[]);
    let fingerprint = ran.lines[0]["fingerprint"].as_str().unwrap().to_owned();
    let listed = served.tending(&["alert", "list"]);
    assert_eq!((listed.code, listed.kinds()), (0, vec!["log-fork"]));
    let reason = ["--reason", "seen", "--actor", "ann"];
    let acked = served.tending(&[&["alert", "ack", &fingerprint[..10]][..], &reason].concat());
    assert_eq!(
        (acked.code, &acked.lines[0]["status"]),
        (0, &json!("acked"))
    );
    assert_eq!(
        served.once(&log, &url, &[]).code,
        6,
        "acknowledged counts as open"
    );
    let resolved = served.tending(&[&["alert", "resolve", &fingerprint][..], &reason].concat());
    assert_eq!(resolved.code, 0);
    assert_eq!(served.tending(&["alert", "list"]).lines.len(), 0);
    assert_eq!(served.tending(&["alert", "list", "--all"]).lines.len(), 1);
    let unknown = served.tending(&[&["alert", "ack", "0000000000"][..], &reason].concat());
    assert_eq!(unknown.code, 2);
    let status = served.tending(&["status"]);
    assert_eq!(
        (&status.lines[0]["to"], &status.lines[0]["behind"]),
        (&json!(30), &json!(0))
    );
}

#[test]
fn damaged_state_stops_it_and_only_a_word_begins_anew() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 30);
    served.once(&log, &url, &[]);
    tamper(&served.state());
    step(&log, "fork 3");
    let ran = served.once(&log, &url, &[]);
    assert_eq!(
        (ran.code, ran.kinds()),
        (3, vec!["state-damaged"]),
        "{ran:?}"
    );
    assert_eq!(served.tending(&["trust", "reset"]).code, 2);
    assert_eq!(served.tending(&["trust", "reset", "--yes"]).code, 0);
    assert_eq!(served.once(&log, &url, &[]).code, 0);
}

fn tamper(state: &Path) {
    let database = state.join(treering_monitor::state::DATABASE);
    let connection = rusqlite::Connection::open(database).unwrap();
    connection
        .execute("UPDATE logs SET cursor = 3", [])
        .unwrap();
}

#[test]
fn a_backfill_shows_its_progress_and_a_rescan_reads_again() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 1000);
    let ran = served.once(&log, &url, &["--from", "now"]);
    assert_eq!(
        (ran.code, &ran.lines[0]["from"]),
        (0, &json!(1000)),
        "{ran:?}"
    );
    let vkey = log.vkey();
    let ran = served.following(&["backfill", "--log", &url, "--vkey", &vkey]);
    assert_eq!((ran.code, &ran.lines[0]["from"]), (0, &json!(0)), "{ran:?}");
    assert!(
        ran.stderr.contains("evil.example.org: 1000 of 1000"),
        "{ran:?}"
    );
    let before = log.requests();
    step(&log, "flip tile/entries/002 8");
    let ran = served.following(&["rescan", "--log", &url, "--vkey", &vkey]);
    assert_eq!(
        (ran.code, ran.kinds()),
        (6, vec!["log-content-mismatch"]),
        "{ran:?}"
    );
    assert!(log.requests() > before + 6);
    let version = run(&["version", "-o", "jsonl"]);
    assert_eq!(version.lines[0]["name"], "treering-monitor");
}

/// A receipt of the log's last entry.
fn receipt(log: &EvilLog, leaf: treering_tlog::Hash, hashes: Vec<treering_tlog::Hash>) -> Vec<u8> {
    use treering_api::json::ReceiptJson;
    use treering_api::log::{LogName, Receipt, SignedInclusion};
    use treering_tlog::merkle::InclusionProof;
    use treering_tlog::{LeafIndex, TreeSize};
    let size = TreeSize::new(log.size()).unwrap();
    let index: LeafIndex = size.last().unwrap();
    let receipt = Receipt {
        log: LogName::new("main").unwrap(),
        index,
        leaf_hash: leaf,
        envelope_sha256: None,
        integrated_time: 1,
        duplicate: false,
        proof: SignedInclusion {
            inclusion: InclusionProof {
                index,
                size,
                hashes,
            },
            checkpoint: log.checkpoint(),
        },
    };
    serde_json::to_vec(&ReceiptJson::from(receipt)).unwrap()
}

#[test]
fn receipts_checkpoints_and_vantages_show_a_split_view() {
    let served = Served::new();
    // One tree for us, one for the submitter: they part at the last of 33 entries, which is 2^5 and one more.
    let (log, url) = served.log("evil.example.org", 32);
    let (other, mirror) = served.log("evil.example.org", 32);
    let root = {
        let mut range = treering_tlog::CompactRange::new();
        (0..32).for_each(|at| range.append(log.leaf_hash(at).unwrap()));
        range.root()
    };
    other.add([b"mine".to_vec()]);
    let leaf = other.leaf_hash(32).unwrap();
    let file = served.file("receipt.json", &receipt(&other, leaf, vec![root]));
    let note = served.file("checkpoint", other.checkpoint().as_bytes());
    assert_eq!(served.once(&log, &url, &[]).code, 0);
    let ran = served.once(&log, &url, &["--receipt", file.to_str().unwrap()]);
    assert_eq!((ran.code, ran.kinds()), (3, vec!["stale-cache"]), "{ran:?}");
    step(&log, "grow 9");
    let ran = served.once(&log, &url, &[]);
    assert_eq!(ran.code, 6, "the promise was remembered: {ran:?}");
    let mut kinds = ran.kinds();
    kinds.sort_unstable();
    assert_eq!(kinds, ["log-fork", "log-late-inclusion"]);
    for more in [
        ["--checkpoint", note.to_str().unwrap()],
        ["--vantage", &mirror],
    ] {
        let fresh = Served::new();
        let ran = fresh.once(&log, &url, &more);
        assert_eq!((ran.code, ran.kinds()), (6, vec!["log-fork"]), "{ran:?}");
    }
}

#[test]
fn a_witness_policy_is_a_file() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 10);
    let key = witness_key("w.example.org", 5);
    let policy = served.file("policy", format!("witness w {key}\nquorum w\n").as_bytes());
    let more = ["--witness-policy", policy.to_str().unwrap()];
    let ran = served.once(&log, &url, &more);
    assert_eq!((ran.code, &ran.lines[1]["size"]), (3, &json!(0)), "{ran:?}");
    step(&log, "cosign w.example.org 5 1767225600");
    let ran = served.once(&log, &url, &more);
    assert_eq!(
        (ran.code, &ran.lines[0]["size"]),
        (0, &json!(10)),
        "{ran:?}"
    );
}

#[test]
fn an_endless_body_is_cut_off_and_one_broken_log_holds_up_no_other() {
    use axum::body::{Body, Bytes};
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 10);
    let endless = async || {
        let chunk = Bytes::from_static(&[b'x'; 65_536]);
        let chunks =
            futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
        Body::from_stream(chunks)
    };
    let router = Router::new().route("/checkpoint", get(endless));
    let listener = served
        .runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let broken = format!("http://{}", listener.local_addr().unwrap());
    served
        .runtime
        .spawn(async move { axum::serve(listener, router).await });
    let other = EvilLog::new("other.example.org", 4, 0).vkey();
    let vkey = log.vkey();
    let args = [
        "once", "--log", &broken, "--vkey", &other, "--log", &url, "--vkey", &vkey,
    ];
    let ran = served.following(&args);
    assert_eq!(
        (ran.code, ran.kinds()),
        (3, vec!["log-unreachable"]),
        "{ran:?}"
    );
    let found = ran.lines[0]["found"].as_str().unwrap();
    assert!(
        found.contains("expected at most 65536 bytes, found more"),
        "{found}"
    );
    let covered = ran.lines.last().unwrap();
    assert_eq!(
        (&covered["origin"], &covered["to"]),
        (&json!("evil.example.org"), &json!(10))
    );
}

#[test]
fn a_vantage_needs_a_log_of_tiles() {
    let served = Served::new();
    let root = served.file("root.json", b"{}");
    let args = [
        "once",
        "--log",
        "http://127.0.0.1:1/api/v1",
        "--vantage",
        "http://127.0.0.1:1",
    ];
    let more = ["--trusted-root", root.to_str().unwrap()];
    let ran = served.following(&[&args[..], &more].concat());
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--vantage"), "{ran:?}");
}
