//! Archivista's door: what its clients send and what they need of the answers.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::json;
use treering_api::Log as _;
use treering_api::log::Submission;
use treering_tlog::Hash;

use super::archivista_support::{
    Key, Run, STATEMENT, Tool, UNVERIFIED, download, downloaded, envelope, gitoid, intoto, leaf,
    log_dsse, log_entry, log_size, metric, promoted, start, start_with, statement, upload,
    uploaded,
};
use super::limits::{chunks, post_chunked};
use super::support::Running;

macro_rules! recorded {
    ($name:literal) => {
        serde_json::from_str(include_str!(concat!(
            "../vectors/archivista/",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

/// A certificate that `Key::new(21)` made for itself, by `openssl req -x509`.
const SELF_MADE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBfzCCASWgAwIBAgIUJf3w04Z6gxfTGH1eWLjQDa6lAzMwCgYIKoZIzj0EAwIw\n\
FDESMBAGA1UEAwwJc2VsZi1tYWRlMCAXDTI2MTEyMTE5MjMzNloYDzIxMjYxMDI4\n\
MTkyMzM2WjAUMRIwEAYDVQQDDAlzZWxmLW1hZGUwWTATBgcqhkjOPQIBBggqhkjO\n\
PQMBBwNCAAT+U7jkFymrUt60XO4KDifKdxxZENmQ5t/a+Ai/K5f9226f6HieOvba\n\
DKT5hFWvcNk+4fhBhX+so+nola78p4pZo1MwUTAdBgNVHQ4EFgQUxdr8J9fDY2b3\n\
oYDihIOOHyCq+QYwHwYDVR0jBBgwFoAUxdr8J9fDY2b3oYDihIOOHyCq+QYwDwYD\n\
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiActOc09pkH9CvmxP8J+aiH\n\
QHlKVIuQyifwDZnuJy+2vwIhAKCyUam62O0f9bdjMFWeFlCGr0QfRaRBjDEIcFAE\n\
mEai\n\
-----END CERTIFICATE-----\n\
";

/// The files that a server keeps of envelopes.
fn kept_files(dir: &Path) -> usize {
    let mut folders = vec![dir.join("envelopes"), dir.join("held")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
            }
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn what_witness_and_archivistactl_sent_is_taken_and_given_back() {
    let server = start().await;
    let tools: [Tool; 6] = [
        recorded!("archivistactl-store"),
        recorded!("archivistactl-store-again"),
        recorded!("archivistactl-store-header"),
        recorded!("archivistactl-retrieve-envelope"),
        recorded!("archivistactl-retrieve-unknown"),
        recorded!("witness-client"),
    ];
    let (mut uploads, mut downloads, mut unknown) = (0, 0, 0);
    // The real server gives out what it refused.
    let mut refused = Vec::new();
    let exchanges = tools.iter().flat_map(|tool| &tool.exchanges);
    for exchange in exchanges.filter(|exchange| exchange.request.path != "/query") {
        let real = exchange.response.as_ref().unwrap();
        let answer = exchange.replay(&server).await;
        let text = std::str::from_utf8(&answer.body).unwrap();
        let body = &exchange.request.body;
        if exchange.request.path == "/upload"
            && body != "hello"
            && !body.contains("\"signatures\":[]")
        {
            // The same bytes again are 200 here and 500 there.
            assert_eq!(answer.status, StatusCode::OK, "{text}");
            let expected = gitoid(body.as_bytes());
            assert_eq!(answer.json(), json!({"gitoid": expected}));
            assert!(exchange.gitoid().is_none_or(|real| real == expected));
            uploads += 1;
        } else if real.status == 200 && !refused.contains(&exchange.request.path) {
            assert_eq!(answer.status, StatusCode::OK, "{text}");
            assert_eq!(text, real.body);
            downloads += 1;
        } else {
            let expected = match exchange.request.path.as_str() {
                "/upload" => (StatusCode::BAD_REQUEST, "expected "),
                _ => (StatusCode::NOT_FOUND, "no envelope with gitoid "),
            };
            assert_eq!(answer.status, expected.0, "{text}");
            assert!(text.starts_with(expected.1), "{text}");
            assert!(answer.header("content-type").starts_with("text/plain"));
            refused.push(format!("/download/{}", gitoid(body.as_bytes())));
            unknown += 1;
        }
    }
    assert_eq!((uploads, downloads, unknown), (5, 6, 4));
    assert!(server.stop().await);
}

/// What Chains sent, in its order: all of it is taken, and whatever was uploaded is in the log in the end.
#[tokio::test(flavor = "multi_thread")]
async fn runs_of_chains_end_in_the_log() {
    let runs: [(Run, bool); 8] = [
        (
            recorded!("chains-0.26.2/pr-inline_in-toto_archivista-same-bytes-twice"),
            true,
        ),
        (
            recorded!("chains-0.26.2/pr-inline_slsa-v2alpha4_rekor-down-then-retried"),
            true,
        ),
        (
            recorded!("chains-0.26.2/tr-image_slsa-v1_archivista-url-with-v1"),
            true,
        ),
        (
            recorded!("chains-0.26.2/tr-image_slsa-v2alpha4_key-cosign"),
            true,
        ),
        (
            recorded!("chains-0.26.2/pr-build_slsa-v1_with-its-taskruns"),
            true,
        ),
        (
            recorded!("chains-0.29.2/pr-inline_slsa-v2alpha4_rekor-down-then-retried"),
            true,
        ),
        (
            recorded!("chains-0.29.2/tr-image_slsa-v1_archivista-url-with-v1"),
            true,
        ),
        // Its key signs Ed25519ph, which Rekor refuses.
        (
            recorded!("chains-0.26.2/tr-no-subject_in-toto_key-cosign-ed25519"),
            false,
        ),
    ];
    for (run, logged) in runs {
        let server = start().await;
        let mut exchanges: Vec<_> = run.rekor.iter().chain(&run.archivista).collect();
        exchanges.retain(|sent| sent.request.method == "POST");
        exchanges.retain(|sent| sent.note.as_deref() != Some("injected"));
        exchanges.sort_by_key(|sent| sent.at_ms);
        for sent in &exchanges {
            let answer = sent.replay(&server).await;
            if sent.request.path.ends_with("/upload") {
                assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
                let expected = gitoid(sent.request.body.as_bytes());
                assert_eq!(answer.json(), json!({"gitoid": expected}));
                assert!(sent.gitoid().is_none_or(|real| real == expected));
            } else if sent.note.is_none() {
                let real = sent.response.as_ref().unwrap().status;
                assert_eq!(answer.status, real, "{:?}", answer.body);
            }
        }
        for sent in &run.archivista {
            let envelope = Bytes::from(sent.request.body.clone());
            if logged {
                promoted(&server, &envelope).await;
            } else {
                let (bytes, unverified) = downloaded(&server, &gitoid(&envelope)).await;
                assert_eq!((bytes, unverified), (envelope, true));
            }
        }
        let held = metric(&server, "treering_archivista_held_envelopes ").await;
        assert_eq!(held == 0, logged);
        assert!(server.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_prefixes_lead_to_the_same_door() {
    let server = start().await;
    let envelope = Key::new(3).envelope(&statement("prefix"));
    let expected = json!({"gitoid": gitoid(&envelope)});
    for path in ["/v1/upload", "/upload", "/v1/upload"] {
        let answer = server.post(path, envelope.clone()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json(), expected);
    }
    let url = |path: &str| format!("{}{path}", server.url());
    let (status, body) = post_chunked(&url("/v1/upload"), chunks(&envelope, 7)).await;
    assert_eq!(status, StatusCode::OK, "{body:?}");
    for prefix in ["", "/v1"] {
        let answer = server
            .get(&format!("{prefix}/download/{}", gitoid(&envelope)))
            .await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &envelope));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let answer = server.get(&format!("{prefix}/download/xyz")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{:?}", answer.body);
        // The files for clients are under /v1 too; these are none of them.
        let answer = server.get(&format!("{prefix}/upload")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), "POST");
        let wrong = Request::builder().method(Method::DELETE);
        let wrong = wrong.uri(url(&format!("{prefix}/download/{}", gitoid(&envelope))));
        let answer = server.send(wrong, "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    let uploads = "treering_archivista_uploads_total{outcome=";
    assert_eq!(metric(&server, &format!("{uploads}\"held\"}} ")).await, 1);
    assert_eq!(metric(&server, &format!("{uploads}\"known\"}} ")).await, 3);
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_change_nothing() {
    let server = start().await;
    let envelope = Key::new(3).envelope("a");
    for credentials in ["Basic dXNlcjpwYXNz", "Bearer throwaway", "nonsense"] {
        let request = Request::post(format!("{}/upload?tenant=a", server.url()));
        let request = request.header("authorization", credentials);
        let answer = server.send(request, envelope.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    }
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_log_of_rekor_v1_says_what_to_do() {
    let server = Running::start().await;
    let answer = upload(&server, &Key::new(3).envelope("a")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(text.contains("log add --dialect rekor-v1"), "{text}");
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_leaves_nothing_behind() {
    let key = Key::new(3);
    let settings = [("TREERING_SERVER_LIMITS_MAX_ENVELOPE_BYTES", "2MiB")];
    let server = start_with(&settings).await;
    key.introduce(&server).await;
    let (size, files) = (log_size(&server).await, kept_files(&server.dir()));
    let large = "x".repeat(600 * 1024);
    let forged = [json!({"keyid": key.openssh(), "sig": Key::new(4).sign(STATEMENT, &large)})];
    let certificate = json!({"keyid": "", "sig": "AAAA", "certificate": "AAAA"});
    for (refused, status, message) in [
        (
            Bytes::from("hello"),
            StatusCode::BAD_REQUEST,
            "expected a dsse envelope",
        ),
        (
            Bytes::new(),
            StatusCode::BAD_REQUEST,
            "expected a dsse envelope",
        ),
        (
            envelope(STATEMENT, "a", &[]),
            StatusCode::BAD_REQUEST,
            "expected 1 to 64 signatures",
        ),
        (
            envelope(STATEMENT, &large, &forged),
            StatusCode::BAD_REQUEST,
            "that this key does not verify",
        ),
        (
            envelope(STATEMENT, "a", &[certificate]),
            StatusCode::BAD_REQUEST,
            "signatures[0].certificate: expected",
        ),
        (
            envelope(STATEMENT, &"x".repeat(2 << 20), &forged),
            StatusCode::PAYLOAD_TOO_LARGE,
            "at most 2097152 bytes (limits.max_envelope_bytes)",
        ),
    ] {
        let answer = upload(&server, &refused).await;
        let text = std::str::from_utf8(&answer.body).unwrap();
        assert_eq!(answer.status, status, "{text}");
        assert!(text.contains(message), "{text}");
        let url = format!("{}/v1/upload", server.url());
        let (again, text) = post_chunked(&url, chunks(&refused, 100_000)).await;
        assert_eq!(again, status, "{text:?}");
        assert_eq!(
            download(&server, &gitoid(&refused)).await.status,
            StatusCode::NOT_FOUND
        );
        for query in ["", "?unverified=true"] {
            let path = format!("/v1/envelopes/{}{query}", Hash::of(&refused));
            assert_eq!(server.get(&path).await.status, StatusCode::NOT_FOUND);
        }
    }
    assert_eq!(kept_files(&server.dir()), files);
    assert_eq!(log_size(&server).await, size);
    assert_eq!(
        metric(&server, "treering_archivista_held_envelopes ").await,
        0
    );
    // Those over the limit never came so far.
    let refused = "treering_archivista_uploads_total{outcome=\"refused\"} ";
    assert_eq!(metric(&server, refused).await, 10);
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_of_unknown_keys_is_held_apart() {
    let server = start().await;
    let policy = "https://witness.testifysec.com/policy/v0.1";
    let key = Key::new(3);
    let large = statement(&"x".repeat(300_000));
    for (number, (kind, payload)) in [
        (STATEMENT, statement("a")),
        (policy, "{}".to_owned()),
        (STATEMENT, large),
    ]
    .into_iter()
    .enumerate()
    {
        let envelope = envelope(
            kind,
            &payload,
            &[key.signature(kind, &payload, &key.openssh())],
        );
        let gitoid = uploaded(&server, &envelope).await;
        assert_eq!(downloaded(&server, &gitoid).await, (envelope.clone(), true));
        let path = format!("/v1/envelopes/{}", Hash::of(&envelope));
        let answer = server.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(
            answer.json()["error"]["message"]
                .as_str()
                .unwrap()
                .contains("?unverified=true")
        );
        let answer = server.get(&format!("{path}?unverified=true")).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &envelope));
        assert_eq!(answer.header(UNVERIFIED), "true");
        assert_eq!(answer.header("cache-control"), "no-cache");
        let held = metric(&server, "treering_archivista_held_envelopes ").await;
        assert_eq!(held, u64::try_from(number).unwrap() + 1);
        assert!(
            metric(&server, "treering_archivista_held_bytes ").await
                >= u64::try_from(envelope.len()).unwrap()
        );
    }
    assert_eq!(log_size(&server).await, 0);
    // It is what it was after a restart.
    let server = server.restart().await;
    assert_eq!(
        metric(&server, "treering_archivista_held_envelopes ").await,
        3
    );
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_bounded() {
    let key = Key::new(3);
    let small = |number: u8| key.envelope(&number.to_string());
    let large = key.envelope(&"x".repeat(2850));
    assert!(large.len() <= 4096 && large.len() + small(1).len() > 4096);
    let settings = [
        ("TREERING_SERVER_ARCHIVISTA_MAX_HELD", "2"),
        ("TREERING_SERVER_ARCHIVISTA_MAX_HELD_BYTES", "4096"),
    ];
    let server = start_with(&settings).await;
    uploaded(&server, &small(1)).await;
    let answer = upload(&server, &large).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(text.contains("at most 4096 bytes"), "{text}");
    let never = upload(&server, &key.envelope(&"x".repeat(4096))).await;
    assert_eq!(never.status, StatusCode::PAYLOAD_TOO_LARGE);
    let text = std::str::from_utf8(&never.body).unwrap();
    assert!(text.contains("(archivista.max_held_bytes)"), "{text}");
    assert_eq!(
        download(&server, &gitoid(&large)).await.status,
        StatusCode::NOT_FOUND
    );
    uploaded(&server, &small(2)).await;
    let answer = upload(&server, &small(3)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.header("retry-after").is_empty());
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(text.contains("at most 2 envelopes"), "{text}");
    // What is there already needs no room, nor does what is known.
    uploaded(&server, &small(1)).await;
    key.introduce(&server).await;
    promoted(&server, &small(1)).await;
    promoted(&server, &small(2)).await;
    uploaded(&server, &large).await;
    let failed = "treering_archivista_uploads_total{outcome=\"failed\"} ";
    assert_eq!(metric(&server, failed).await, 2);
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn envelopes_of_every_door_can_be_downloaded() {
    let (server, key) = (start().await, Key::new(3));
    let large = statement(&"x".repeat(300_000));
    let envelopes = ["dsse", "0.0.1", "native", &large].map(|text| key.envelope(text));
    let [dsse, v001, native, large] = &envelopes;
    for answer in [
        log_dsse(&server, dsse, &[&key]).await,
        log_dsse(&server, large, &[&key]).await,
        log_entry(&server, intoto("0.0.1", v001, &key).to_string()).await,
    ] {
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    }
    let submission = Submission {
        envelope: native.clone(),
        verifiers: vec![key.pem().into()],
    };
    server
        .server
        .app()
        .service()
        .submit(None, submission)
        .await
        .unwrap();
    // Of a bundle that is the envelope in it.
    let inner = key.envelope("bundle");
    let text = std::str::from_utf8(&inner).unwrap();
    let bundle = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{"publicKey":{{"hint":"a"}}}},"dsseEnvelope":{text}}}"#
    );
    let submission = Submission {
        envelope: bundle.into(),
        verifiers: vec![key.pem().into()],
    };
    server
        .server
        .app()
        .service()
        .submit(None, submission)
        .await
        .unwrap();
    for envelope in envelopes.iter().chain([&inner]) {
        let (bytes, unverified) = downloaded(&server, &gitoid(envelope)).await;
        assert_eq!((&bytes, unverified), (envelope, false));
        assert_eq!(uploaded(&server, envelope).await, gitoid(envelope));
    }
    assert_eq!(log_size(&server).await, 5);
    // Of intoto 0.0.2 it is the envelope that Rekor v1 keeps, for the original never came.
    let taken_apart = intoto("0.0.2", &key.envelope("0.0.2"), &key);
    let answer = log_entry(&server, taken_apart.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    assert!(server.stop().await);
}

/// Nobody has heard of its key: the certificate in the envelope is enough, whoever made it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_certificate_in_an_envelope_verifies_is_logged_at_once() {
    let (server, key) = (start().await, Key::new(21));
    for (index, key_id) in ["", "whatever"].into_iter().enumerate() {
        let payload = statement(&index.to_string());
        let mut signature = key.signature(STATEMENT, &payload, key_id);
        signature["certificate"] = json!(STANDARD.encode(SELF_MADE));
        let envelope = envelope(STATEMENT, &payload, &[signature]);
        let gitoid = uploaded(&server, &envelope).await;
        let leaf = leaf(&server, u64::try_from(index).unwrap()).await;
        assert_eq!(leaf["kind"], "dsse");
        assert_eq!(
            leaf["spec"]["envelopeHash"]["value"],
            Hash::of(&envelope).to_hex()
        );
        let verifier = &leaf["spec"]["signatures"][0]["verifier"];
        assert_eq!(*verifier, json!(STANDARD.encode(SELF_MADE)));
        assert_eq!(downloaded(&server, &gitoid).await, (envelope, false));
    }
    assert_eq!(log_size(&server).await, 2);
    assert!(server.stop().await);
}
