use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use treering_api::log::{Dialect, LogName};
use treering_server::admin::{Admin, CHANGE_PATH, INSTANCE_HEADER};
use treering_server::app::{Change, NewLog};
use treering_server::metrics::Metrics;

use super::support::Running;

pub(crate) fn name(name: &str) -> LogName {
    LogName::new(name).unwrap()
}

pub(crate) fn new_log(called: &str, url: Option<&str>) -> NewLog {
    NewLog {
        name: name(called),
        dialect: Dialect::RekorV2,
        url: url.map(str::to_owned),
        origin: None,
        allow_foreign_origin: false,
    }
}

#[tokio::test]
async fn a_server_that_recovers_is_alive_and_not_ready() {
    let router = Admin::new(Arc::new(Metrics::new()), "word").router();
    let ask = |path: &str| {
        router
            .clone()
            .oneshot(Request::get(path).body(Body::empty()).unwrap())
    };
    assert_eq!(ask("/livez").await.unwrap().status(), StatusCode::OK);
    let ready = ask("/readyz").await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value =
        serde_json::from_slice(&ready.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(body, json!({ "ready": false, "reasons": ["recovering"] }));
    assert_eq!(ask("/metrics").await.unwrap().status(), StatusCode::OK);
    assert_eq!(
        ask("/v1/logs").await.unwrap().status(),
        StatusCode::NOT_FOUND,
        "the API is elsewhere"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_and_one_of_frozen_logs_are_ready() {
    let server = Running::start().await;
    assert_eq!(
        server.admin("/readyz").await.json(),
        json!({ "ready": true, "reasons": [] })
    );
    server
        .server
        .app()
        .change(Change::Freeze {
            name: name("rekor-v2"),
            successor: None,
            mark: false,
        })
        .await
        .unwrap();
    assert_eq!(server.admin("/readyz").await.status, StatusCode::OK);
    let refused = server
        .post(
            &super::support::submit_path(),
            super::support::submission("x").envelope,
        )
        .await;
    assert_eq!(
        (refused.status, refused.kind().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "frozen")
    );
    assert_eq!(
        server.get("/v1/logs").await.json()["logs"][0]["state"],
        "frozen"
    );
    assert_eq!(
        server.get("/v1/signing_config.json").await.json()["rekorTlogUrls"],
        json!([])
    );
    server.server.app().close_streams();
    assert_eq!(
        server.admin("/readyz").await.json()["reasons"],
        json!(["stopping"])
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told() {
    let server =
        Running::start_with(&[("TREERING_SERVER_LIMITS_DISK_RESERVE_BYTES", "8000000GiB")]).await;
    let ready = server.admin("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        ready.json()["reasons"][0]
            .as_str()
            .unwrap()
            .contains("bytes of free disk"),
        "{:?}",
        ready.body
    );
    let text = String::from_utf8(server.admin("/metrics").await.body.to_vec()).unwrap();
    assert!(text.contains("\ntreering_ready 0\n"), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_needs_the_word_of_the_run_file() {
    let server = Running::start().await;
    let run = server.server.addresses();
    let change = serde_json::to_vec(&Change::Freeze {
        name: name("rekor-v2"),
        successor: None,
        mark: false,
    })
    .unwrap();
    let request = |word: &str| {
        Request::post(format!("http://{}{CHANGE_PATH}", run.admin_listen))
            .header(INSTANCE_HEADER, word)
            .header("content-type", "application/json")
    };
    let refused = server.send(request("guess"), change.clone()).await;
    assert_eq!(
        (refused.status, refused.kind().as_str()),
        (StatusCode::BAD_REQUEST, "malformed")
    );
    assert!(
        !refused
            .body
            .windows(run.instance.len())
            .any(|window| window == run.instance.as_bytes()),
        "the word is not told"
    );
    assert_eq!(
        server.get("/v1/logs").await.json()["logs"][0]["state"],
        "active"
    );
    let done = server.send(request(&run.instance), change).await;
    assert_eq!(done.json()["frozen"]["state"], "frozen");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_moves_clients_to_the_new_log() {
    let server = Running::start().await;
    server.grow(0, 3).await;
    let app = Arc::clone(server.server.app());
    for (new, expected) in [
        (new_log("second", None), "a URL of its own"),
        (
            new_log("rekor-v2", Some("https://two.example")),
            "a name and a URL",
        ),
        (
            new_log("second", Some("http://localhost:4000")),
            "the origin of log rekor-v2",
        ),
        (
            new_log("second", Some("https://two.example/rekor")),
            "without a path",
        ),
        (
            NewLog {
                dialect: Dialect::RekorV1,
                ..new_log("second", Some("https://two.example"))
            },
            "no URL for a rekor-v1 log",
        ),
        (
            NewLog {
                origin: Some("x".to_owned()),
                ..new_log("second", Some("https://two.example"))
            },
            "--allow-foreign-origin",
        ),
    ] {
        let reject = app.change(Change::Add(new.clone())).await.unwrap_err();
        assert!(reject.message.contains(expected), "{new:?}: {reject:?}");
    }
    assert!(
        !server.dir().join("keys/second.pem").exists(),
        "a refused change makes nothing"
    );
    let done = app
        .change(Change::Rotate {
            from: name("rekor-v2"),
            to: new_log("second", Some("https://two.example")),
        })
        .await
        .unwrap();
    assert_eq!(
        (
            done.added.unwrap().origin.as_str(),
            done.frozen.unwrap().size.get()
        ),
        ("two.example", 3)
    );
    let refused = app
        .change(Change::Freeze {
            name: name("rekor-v2"),
            successor: None,
            mark: false,
        })
        .await
        .unwrap_err();
    assert!(
        refused.message.contains("successor") || refused.message.contains("second"),
        "{refused:?}"
    );

    server.grow(10, 1).await;
    assert_eq!(server.get("/v1/checkpoint").await.json()["log"], "second");
    let root = server.get("/v1/trusted_root.json").await.json();
    assert_eq!(root["tlogs"].as_array().unwrap().len(), 2);
    assert!(root["tlogs"][0]["publicKey"]["validFor"]["end"].is_string());
    let config = server.get("/v1/signing_config.json").await.json();
    assert_eq!(config["rekorTlogUrls"].as_array().unwrap().len(), 1);
    assert_eq!(config["rekorTlogUrls"][0]["url"], "https://two.example");
    assert_eq!(server.get("/v1/second.vkey").await.status, StatusCode::OK);
    let on_disk = std::fs::read(server.dir().join("trusted_root.json")).unwrap();
    assert_eq!(on_disk, server.get("/v1/trusted_root.json").await.body);
    // The configuration that it wrote is one that it reads.
    let dir = server.dir();
    let config = super::support::config(&dir, &[]);
    assert_eq!(config.url_of(&name("second")).host(), "two.example");
    server.stop().await;
}

/// The table in the README and the registry name the same metrics, with the same kinds and labels.
#[test]
fn every_metric_is_explained() {
    let metrics = Metrics::new();
    // The series of a log appear with the log, those of a witness with the witness.
    drop(metrics.log(&name("rekor-v2")));
    drop(metrics.witness(&name("rekor-v2"), "w"));
    drop(metrics.quorum_size(&name("rekor-v2")));
    let registered: BTreeSet<String> = metrics
        .gather()
        .iter()
        .map(|family| {
            let kind = format!("{:?}", family.get_field_type()).to_lowercase();
            let labels: Vec<&str> = family.get_metric()[0]
                .get_label()
                .iter()
                .map(|label| label.name())
                .collect();
            format!("{} {kind} {}", family.name(), labels.join(","))
        })
        .collect();
    let explained: BTreeSet<String> = include_str!("../../README.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter(|row| row.starts_with("treering_") || row.starts_with("rekor_v2_"))
        .filter(|row| row.split('|').count() == 5)
        .map(|row| {
            let cells: Vec<&str> = row
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            assert!(cells[3].len() > 10, "no explanation of {}", cells[0]);
            format!("{} {} {}", cells[0], cells[1], cells[2])
        })
        .collect();
    assert_eq!(registered, explained);
}
