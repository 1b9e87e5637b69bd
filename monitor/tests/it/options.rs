//! The program's options: keys, other views, promises, policies, and what is wrong with a call.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::{Value, json};
use treering_monitor::evil::{EvilLog, witness_key};

use crate::served::{Served, run, step};

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
