use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use treering_api::OPENAPI;
use treering_api::json::{BatchResponseJson, SubmittedJson};
use treering_api::log::Receipt;
use treering_server::metrics::Route;
use treering_tlog::note::VerifierKey;
use treering_tlog::{Hash, checkpoint};

use super::support::{PATIENCE, Running, submission, submit_path};

fn receipts(body: &[u8]) -> Vec<Receipt> {
    serde_json::from_slice::<SubmittedJson>(body)
        .unwrap()
        .try_into()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_goes_in_and_is_found_in_every_way() {
    let server = Running::start().await;
    let submission = submission("hello");
    let first = server
        .post(&submit_path(), submission.envelope.clone())
        .await;
    assert_eq!(first.status, StatusCode::CREATED, "{:?}", first.body);
    let receipt = receipts(&first.body).remove(0);
    let again = server
        .post(&submit_path(), submission.envelope.clone())
        .await;
    assert_eq!(again.status, StatusCode::OK);
    let duplicate = receipts(&again.body).remove(0);
    assert!(duplicate.duplicate && !receipt.duplicate);
    assert_eq!(
        (duplicate.index, duplicate.integrated_time),
        (receipt.index, receipt.integrated_time)
    );

    let vkey = String::from_utf8(server.get("/v1/rekor-v2.vkey").await.body.to_vec()).unwrap();
    let vkey = VerifierKey::parse(vkey.trim_end()).unwrap();
    let opened = checkpoint::open(receipt.proof.checkpoint.as_bytes(), &vkey).unwrap();
    receipt
        .proof
        .inclusion
        .verify(&receipt.leaf_hash, &opened.checkpoint().root)
        .unwrap();

    server.grow(0, 3).await;
    for id in [receipt.index.to_string(), receipt.leaf_hash.to_hex()] {
        let entry = server.get(&format!("/v1/entries/{id}?size=2")).await.json();
        let leaf = STANDARD.decode(entry["leaf"].as_str().unwrap()).unwrap();
        assert_eq!(Hash::leaf(&leaf), receipt.leaf_hash);
        assert_eq!(entry["proof"]["size"], 2, "{entry}");
    }
    let hash = receipt.envelope_sha256.unwrap();
    let envelope = server.get(&format!("/v1/envelopes/{hash}")).await;
    assert_eq!(envelope.body, submission.envelope);
    assert_eq!(envelope.header("x-content-type-options"), "nosniff");

    let consistency = server.get("/v1/consistency?from=1").await.json();
    assert_eq!(
        (&consistency["from"], &consistency["to"]),
        (&json!(1), &json!(4))
    );
    let note = server
        .send(
            Request::get(format!("{}/v1/checkpoint", server.url())).header("accept", "text/plain"),
            "",
        )
        .await;
    assert_eq!(note.body, consistency["checkpoint"].as_str().unwrap());
    assert!(
        server
            .get("/v1/consistency?from=1&to=3")
            .await
            .json()
            .get("checkpoint")
            .is_none()
    );
    let checkpoint = server.get("/v1/checkpoint?covers=3").await.json();
    assert_eq!(
        (&checkpoint["size"], &checkpoint["log"]),
        (&json!(4), &json!("rekor-v2"))
    );
    let logs = server.get("/v1/logs").await.json();
    assert_eq!(logs["logs"][0]["vkey"], vkey.to_string());
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_one_result_each() {
    let server = Running::start().await;
    let good = submission("one");
    let key = STANDARD.encode(&good.verifiers[0]);
    let envelope: Value = serde_json::from_slice(&good.envelope).unwrap();
    let body = json!({"entries": [
        {"envelope": envelope, "verifiers": [key]}, {"envelope": {"payload": 1}}, {"envelope": envelope, "verifiers": [key]}, {"envelope": envelope},
    ]});
    let answer = server.post("/v1/entries:batch", body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let results = serde_json::from_slice::<BatchResponseJson>(&answer.body)
        .unwrap()
        .results;
    let statuses: Vec<u16> = results.iter().map(|result| result.status).collect();
    // Which of two equal entries is the first is not said: their signatures are verified side by side.
    assert!(
        matches!(statuses[..], [201, 400, 200, 400] | [200, 400, 201, 400]),
        "{statuses:?}"
    );
    assert_eq!(results[3].error.as_ref().unwrap().kind, "unverified");
    let rejected = server.admin("/metrics").await;
    let text = String::from_utf8(rejected.body.to_vec()).unwrap();
    assert!(
        text.contains("treering_rejects_total{kind=\"unverified\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("treering_requests_total{route=\"submit_batch\",status=\"2xx\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("treering_sequenced_entries_total{log=\"rekor-v2\"} 1"),
        "{text}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_their_kind() {
    let server = Running::start().await;
    server.grow(0, 2).await;
    let hash = "0".repeat(64);
    for (method, path, status, kind) in [
        (Method::GET, "/v1/entries/5".to_owned(), 404, "not_found"),
        (Method::GET, format!("/v1/entries/{hash}"), 404, "not_found"),
        (Method::GET, "/v1/entries/-1".to_owned(), 400, "malformed"),
        (Method::GET, "/v1/entries/01".to_owned(), 400, "malformed"),
        (
            Method::GET,
            "/v1/entries/0?size=9".to_owned(),
            400,
            "out_of_range",
        ),
        (
            Method::GET,
            "/v1/entries/0?sise=1".to_owned(),
            400,
            "malformed",
        ),
        (
            Method::GET,
            "/v1/entries/0?size=1&size=2".to_owned(),
            400,
            "malformed",
        ),
        (
            Method::GET,
            "/v1/entries/0?log=none".to_owned(),
            404,
            "not_found",
        ),
        (
            Method::GET,
            "/v1/entries/0?log=NONE".to_owned(),
            400,
            "malformed",
        ),
        (Method::GET, "/v1/consistency".to_owned(), 400, "malformed"),
        (
            Method::GET,
            "/v1/consistency?from=2&to=1".to_owned(),
            400,
            "out_of_range",
        ),
        (
            Method::GET,
            "/v1/consistency?from=0&to=3".to_owned(),
            400,
            "out_of_range",
        ),
        (Method::GET, "/v1/entries:tail".to_owned(), 400, "malformed"),
        (
            Method::GET,
            format!("/v1/envelopes/{hash}"),
            404,
            "not_found",
        ),
        (
            Method::GET,
            "/v1/envelopes/abc".to_owned(),
            400,
            "malformed",
        ),
        (Method::GET, "/v1/none.vkey".to_owned(), 404, "not_found"),
        (
            Method::GET,
            "/v1/services.json".to_owned(),
            404,
            "not_found",
        ),
        (
            Method::GET,
            "/v1/..%2fkeys%2frekor-v2.pem".to_owned(),
            404,
            "not_found",
        ),
        (Method::GET, "/v1/logs?a=b".to_owned(), 400, "malformed"),
        (Method::GET, "/nothing".to_owned(), 404, "not_found"),
        (Method::GET, "/v1//logs".to_owned(), 404, "not_found"),
        (Method::PUT, "/v1/logs".to_owned(), 405, "malformed"),
        (Method::GET, "/v1/entries".to_owned(), 405, "malformed"),
        (Method::POST, "/v1/entries".to_owned(), 400, "malformed"),
        (
            Method::POST,
            "/v1/entries?verifiers=!".to_owned(),
            400,
            "malformed",
        ),
        (
            Method::POST,
            "/v1/entries:batch".to_owned(),
            400,
            "malformed",
        ),
        (
            Method::POST,
            "/v1/entries?log=none".to_owned(),
            404,
            "not_found",
        ),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(format!("{}{path}", server.url()));
        let answer = server.send(request, "{}").await;
        assert_eq!(
            (answer.status.as_u16(), answer.kind().as_str()),
            (status, kind),
            "{method} {path}: {:?}",
            answer.body
        );
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(
            answer.headers.contains_key("allow"),
            status == 405,
            "{path}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_too_long_says_when_to_ask_again() {
    let server = Running::start_with(&[("TREERING_SERVER_LIMITS_MAX_WAIT", "20ms")]).await;
    let answer = server.get("/v1/checkpoint?covers=5").await;
    assert_eq!(
        (answer.status, answer.kind().as_str()),
        (StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded")
    );
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.json()["error"]["retryAfterSecs"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_follows_the_log_line_by_line() {
    let server = Running::start().await;
    server.grow(0, 2).await;
    let client =
        Client::builder(TokioExecutor::new()).build_http::<http_body_util::Empty<bytes::Bytes>>();
    let mut response = client
        .get(
            format!("{}/v1/entries:tail?from=1", server.url())
                .parse()
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let mut text = Vec::new();
    let mut grown = false;
    while text.iter().filter(|byte| **byte == b'\n').count() < 3 {
        let frame = tokio::time::timeout(PATIENCE, response.body_mut().frame())
            .await
            .expect("in time")
            .unwrap()
            .unwrap();
        text.extend_from_slice(&frame.into_data().unwrap());
        if !grown {
            server.grow(2, 2).await;
            grown = true;
        }
    }
    let indexes: Vec<u64> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice::<Value>(line).unwrap()["index"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(indexes, [1, 2, 3]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_origin_may_read_and_nothing_else() {
    let server = Running::start().await;
    let read = server.get("/v1/logs").await;
    assert_eq!(read.header("access-control-allow-origin"), "*");
    assert_eq!(
        server
            .get("/nothing")
            .await
            .header("access-control-allow-origin"),
        "*"
    );
    assert_eq!(
        server
            .post("/v1/entries", "{}")
            .await
            .header("access-control-allow-origin"),
        ""
    );
    for (wanted, allowed) in [("GET", "*"), ("HEAD", "*"), ("POST", "")] {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(format!("{}/v1/entries", server.url()));
        let answer = server
            .send(
                request
                    .header("access-control-request-method", wanted)
                    .header("origin", "https://x"),
                "",
            )
            .await;
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (StatusCode::NO_CONTENT, allowed),
            "{wanted}"
        );
    }
    server.stop().await;
}

/// The label under which an operation of the description is counted, and the other way round.
const fn documented(route: Route) -> Option<(&'static str, &'static str)> {
    match route {
        Route::Submit => Some(("post", "/v1/entries")),
        Route::SubmitBatch => Some(("post", "/v1/entries:batch")),
        Route::Entry => Some(("get", "/v1/entries/{id}")),
        Route::Tail => Some(("get", "/v1/entries:tail")),
        Route::Consistency => Some(("get", "/v1/consistency")),
        Route::Checkpoint => Some(("get", "/v1/checkpoint")),
        Route::Logs => Some(("get", "/v1/logs")),
        Route::Envelope => Some(("get", "/v1/envelopes/{sha256}")),
        Route::Trust => Some(("get", "/v1/trusted_root.json")),
        Route::OpenApi => Some(("get", "/v1/openapi.json")),
        Route::TileCheckpoint
        | Route::Tile
        | Route::EntryBundle
        | Route::RekorV2Create
        | Route::RekorV2Other
        | Route::GrpcSubmit
        | Route::GrpcRead
        | Route::GrpcRekorV2
        | Route::GrpcOther
        | Route::ArchivistaUpload
        | Route::ArchivistaDownload
        | Route::ArchivistaQuery
        | Route::Unknown => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_and_the_routes_are_the_same() {
    let server = Running::start().await;
    assert_eq!(server.get("/v1/openapi.json").await.body, OPENAPI);
    let description: Value = serde_json::from_str(OPENAPI).unwrap();
    let paths = description["paths"].as_object().unwrap();
    for route in Route::ALL {
        let Some((method, path)) = documented(route) else {
            continue;
        };
        assert!(
            paths[path].get(method).is_some(),
            "{} is not described",
            route.label()
        );
    }
    let mut counted = 0;
    for (path, item) in paths {
        for method in ["get", "put", "post", "delete", "patch"]
            .into_iter()
            .filter(|method| item.get(method).is_some())
        {
            let filled = path
                .replace("{id}", "0")
                .replace("{sha256}", &"0".repeat(64))
                .replace("{name}", "rekor-v2");
            // A parameter that does not exist: every handler refuses it, so that none does its work or streams.
            let request = Request::builder()
                .method(method.to_uppercase().as_str())
                .uri(format!("{}{filled}?nonsense=1", server.url()));
            let answer = server.send(request, "").await;
            assert_eq!(
                (answer.status.as_u16(), answer.kind().as_str()),
                (400, "malformed"),
                "{method} {path}: {:?}",
                answer.body
            );
            counted += 1;
        }
    }
    let metrics = String::from_utf8(server.admin("/metrics").await.body.to_vec()).unwrap();
    for route in Route::ALL
        .into_iter()
        .filter(|route| documented(*route).is_some())
    {
        let line = format!(
            "treering_requests_total{{route=\"{}\",status=\"4xx\"}} ",
            route.label()
        );
        let count: u32 = metrics
            .lines()
            .find_map(|found| found.strip_prefix(&line))
            .unwrap()
            .parse()
            .unwrap();
        assert!(count > 0, "{} was not counted", route.label());
        counted -= count;
    }
    assert_eq!(counted, 0, "operations that were counted elsewhere");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_tells_people_which_logs_there_are() {
    let server = Running::start().await;
    server.grow(0, 3).await;
    let page = server.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = std::str::from_utf8(&page.body).unwrap();
    let row = "<td>rekor-v2<td>rekor-v2<td>active<td>3<td><a href=\"/logs/rekor-v2/checkpoint\">";
    assert!(text.contains(row), "{text}");
    for link in [
        "/v1/logs",
        "/v1/trusted_root.json",
        "/logs/rekor-v2/checkpoint",
    ] {
        assert_eq!(server.get(link).await.status, StatusCode::OK, "{link}");
    }
    server.stop().await;
}
