use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::commands::Child;
use super::support::{PATIENCE, Running, submission, submit_path};

const MIB: usize = 1 << 20;

/// Sends a body in chunks, without its length.
async fn post_chunked(url: &str, chunks: Vec<Bytes>) -> (StatusCode, Bytes) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let frames = futures_util::stream::iter(
        chunks
            .into_iter()
            .map(|chunk| Ok::<_, std::convert::Infallible>(Frame::data(chunk))),
    );
    let request = Request::post(url).body(StreamBody::new(frames)).unwrap();
    let response = tokio::time::timeout(PATIENCE, client.request(request))
        .await
        .expect("in time")
        .unwrap();
    (
        response.status(),
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}

fn chunks(bytes: &Bytes, len: usize) -> Vec<Bytes> {
    (0..bytes.len())
        .step_by(len)
        .map(|at| bytes.slice(at..bytes.len().min(at + len)))
        .collect()
}

/// Reads an answer with a JSON object as its body, to the end of that object.
async fn answered(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = async {
        while !answer.ends_with(b"}") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{answer:?}");
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("in time");
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_over_the_limit_is_refused_before_the_body_is_read() {
    let server = Running::start().await;
    for (path, limit, named) in [
        ("/v1/entries", 64 * MIB, "max_envelope_bytes"),
        ("/v1/entries:batch", 64 * MIB, "max_batch_bytes"),
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            limit + 1
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // Not a byte of the body was sent, and none is waited for.
        let answer = answered(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(
            answer.contains(named)
                && answer.contains(&limit.to_string())
                && answer.contains(&(limit + 1).to_string()),
            "{answer}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_every_length_arrive_whole_or_not_at_all() {
    let settings = [
        ("TREERING_SERVER_LIMITS_MAX_ENVELOPE_BYTES", "1MiB"),
        ("TREERING_SERVER_LIMITS_MAX_BATCH_BYTES", "1MiB"),
        ("TREERING_SERVER_LIMITS_MAX_BYTES_IN_FLIGHT", "8MiB"),
    ];
    let server = Running::start_with(&settings).await;
    let url = format!("{}{}", server.url(), submit_path());
    // Around the size from which a chunked body goes through a file, and up to the limit.
    for text in [0, 190_000, 196_400, 200_000, 700_000] {
        let envelope = submission(&"x".repeat(text)).envelope;
        let (status, body) = post_chunked(&url, chunks(&envelope, 10_000)).await;
        assert_eq!(status, StatusCode::CREATED, "{text}: {body:?}");
        let receipt: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let kept = server
            .get(&format!(
                "/v1/envelopes/{}",
                receipt["envelopeSha256"].as_str().unwrap()
            ))
            .await;
        assert_eq!(kept.body, envelope, "{text}");
        assert_eq!(
            server.post(&submit_path(), envelope).await.status,
            StatusCode::OK,
            "{text}, with a length"
        );
    }
    let exact = Bytes::from(vec![b' '; MIB]);
    for (body, status) in [
        (exact.clone(), StatusCode::BAD_REQUEST),
        (
            Bytes::from(vec![b' '; MIB + 1]),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        assert_eq!(
            post_chunked(&url, chunks(&body, 100_000)).await.0,
            status,
            "chunked"
        );
        assert_eq!(
            server.post(&submit_path(), body).await.status,
            status,
            "with a length"
        );
    }
    assert_eq!(
        std::fs::read_dir(server.dir().join("spool"))
            .unwrap()
            .filter(|file| file.as_ref().unwrap().file_name() != ".lock")
            .count(),
        0
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_being_read_count_too() {
    let settings = [
        ("TREERING_SERVER_LIMITS_MAX_ENVELOPE_BYTES", "1MiB"),
        ("TREERING_SERVER_LIMITS_MAX_BATCH_BYTES", "1MiB"),
        ("TREERING_SERVER_LIMITS_MAX_BYTES_IN_FLIGHT", "1MiB"),
    ];
    let server = Running::start_with(&settings).await;
    let head = format!("POST /v1/entries HTTP/1.1\r\nhost: x\r\ncontent-length: {MIB}\r\n\r\n");
    let begin = || async {
        let mut slow = TcpStream::connect(server.address()).await.unwrap();
        slow.write_all(head.as_bytes()).await.unwrap();
        slow.write_all(&vec![b' '; MIB - 1]).await.unwrap();
        slow
    };
    let filled = async {
        let mut slow = begin().await;
        loop {
            // Until the server has read what the other one sent there is room, and the other one may find none.
            let answer = server.post("/v1/entries", "{}").await;
            if answer.status != StatusCode::BAD_REQUEST {
                return (slow, answer);
            }
            if slow.try_read(&mut [0]).is_ok() {
                slow = begin().await;
            }
        }
    };
    let (slow, busy) = tokio::time::timeout(PATIENCE, filled)
        .await
        .expect("the budget fills");
    assert_eq!(
        (
            busy.status,
            busy.kind().as_str(),
            busy.header("retry-after")
        ),
        (StatusCode::SERVICE_UNAVAILABLE, "busy", "1")
    );
    drop(slow);
    // The place is free again as soon as the server has noticed that the other one is gone.
    let freed = async {
        while server.post("/v1/entries", "{}").await.status == StatusCode::SERVICE_UNAVAILABLE {}
    };
    tokio::time::timeout(PATIENCE, freed)
        .await
        .expect("the place is given back");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_head_is_refused() {
    let server = Running::start_with(&[("TREERING_SERVER_HTTP_MAX_HEADER_BYTES", "8KiB")]).await;
    let request =
        Request::get(format!("{}/v1/logs", server.url())).header("x-filler", "x".repeat(10_000));
    assert_eq!(
        server.send(request, "").await.status,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    let request =
        Request::get(format!("{}/v1/logs", server.url())).header("x-filler", "x".repeat(5_000));
    assert_eq!(server.send(request, "").await.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_closed() {
    let server = Running::start_with(&[("TREERING_SERVER_HTTP_HEADER_TIMEOUT", "100ms")]).await;
    for start in ["", "P", "GET /v1/logs HTTP/1.1\r\nhost"] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // What it says before it closes, if anything, does not matter.
        let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{start:?} was waited for");
    }
    server.stop().await;
}

/// An envelope that is read, verified, kept beside the store and logged costs its length once, whichever way it comes:
/// measured on a process of its own.
#[tokio::test(flavor = "multi_thread")]
async fn memory_grows_by_less_than_twice_the_body() {
    let folder = tempfile::tempdir().unwrap();
    // Four characters for each three bytes: 48 MiB.
    let body = submission(&"attested ".repeat(4 * MIB)).envelope;
    assert!(body.len() > 48 * MIB);
    for chunked in [false, true] {
        let dir = folder
            .path()
            .join(if chunked { "chunked" } else { "length" });
        Child::init_rekor_v2(&dir);
        let child = Child::serve(&dir, &[]);
        let url = format!("http://{}{}", child.run.listen, submit_path());
        let before = child.peak_memory_kib();
        let status = if chunked {
            post_chunked(&url, chunks(&body, 64 * 1024)).await.0
        } else {
            let client = Client::builder(TokioExecutor::new()).build_http();
            let request = Request::post(&url)
                .body(http_body_util::Full::new(body.clone()))
                .unwrap();
            client.request(request).await.unwrap().status()
        };
        assert_eq!(status, StatusCode::CREATED);
        let grown = child.peak_memory_kib() - before;
        assert!(
            grown < 2 * 48 * 1024,
            "{grown} KiB for a body of 48 MiB, chunked: {chunked}"
        );
        assert!(
            grown > 40 * 1024,
            "{grown} KiB: the body was not held at all, so nothing was measured"
        );
        assert_eq!(child.stop().code(), Some(0));
    }
}
