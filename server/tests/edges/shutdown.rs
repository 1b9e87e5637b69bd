use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use treering_client::{GrpcRemote, HttpOptions};

use super::commands::Child;
use super::support::{PATIENCE, Running, submission, submit_path};

/// Reads from a raw connection until a text comes by.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains(text) {
        let len = tokio::time::timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .expect("in time")
            .unwrap();
        assert!(
            len > 0,
            "the connection ended before {text:?}: {:?}",
            String::from_utf8_lossy(&seen)
        );
        seen.extend_from_slice(&buffer[..len]);
    }
    String::from_utf8(seen).unwrap()
}

/// A submission whose head and a part of the body are there, so that the server waits for the rest.
async fn half_a_submission(server: &Running, text: &str) -> (TcpStream, Vec<u8>) {
    let envelope = submission(text).envelope;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        submit_path(),
        envelope.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "100 Continue\r\n\r\n").await;
    let (first, rest) = envelope.split_at(10);
    stream.write_all(first).await.unwrap();
    (stream, rest.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_end_at_once_and_what_was_begun_is_answered() {
    let server = Running::start().await;
    server.grow(0, 1).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let mut tail = client
        .request(
            Request::get(format!("{}/v1/entries:tail?from=0", server.url()))
                .body(Empty::new())
                .unwrap(),
        )
        .await
        .unwrap();
    tail.body_mut().frame().await.unwrap().unwrap();
    let grpc = GrpcRemote::new(&HttpOptions::default(), &server.url()).unwrap();
    let (sender, submissions) = tokio::sync::mpsc::channel(1);
    sender.send(submission("streamed")).await.unwrap();
    let mut results = Box::pin(
        grpc.submit_stream(
            None,
            tokio_stream::wrappers::ReceiverStream::new(submissions),
        )
        .await
        .unwrap(),
    );
    use futures_util::StreamExt as _;
    results.next().await.unwrap().unwrap();
    // A connection that does nothing, and one in the middle of a request.
    let mut idle = TcpStream::connect(server.address()).await.unwrap();
    let (mut busy, rest) = half_a_submission(&server, "begun before the stop").await;
    let (closing, address) = (server.server.app().closing().clone(), server.address());

    let stopped = tokio::spawn(server.stop());
    closing.cancelled().await;
    let ended = async { while tail.body_mut().frame().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the tail ends");
    assert!(
        tokio::time::timeout(PATIENCE, results.next())
            .await
            .expect("the stream ends")
            .is_none()
    );
    assert_eq!(
        tokio::time::timeout(PATIENCE, idle.read(&mut [0; 1]))
            .await
            .expect("closed")
            .unwrap(),
        0
    );
    assert!(
        !stopped.is_finished(),
        "the request that was begun is waited for"
    );

    busy.write_all(&rest).await.unwrap();
    let answer = read_until(&mut busy, "\"proof\"").await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(
        tokio::time::timeout(PATIENCE, stopped)
            .await
            .expect("in time")
            .unwrap(),
        "nothing had to be cut"
    );
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_cut_after_the_limit() {
    let server = Running::start_with(&[("TREERING_SERVER_LIMITS_DRAIN_TIMEOUT", "100ms")]).await;
    let (mut busy, _rest) = half_a_submission(&server, "never finished").await;
    let dir = server.dir();
    let folder = server.folder;
    let whole = tokio::time::timeout(PATIENCE, server.server.stop(std::future::pending()))
        .await
        .expect("in time");
    assert!(!whole);
    assert_eq!(
        busy.read(&mut [0; 1]).await.unwrap_or(0),
        0,
        "the connection is gone"
    );
    assert!(!dir.join("run/listen.json").exists());
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_a_hurry_need_not_wait() {
    let server = Running::start_with(&[("TREERING_SERVER_LIMITS_DRAIN_TIMEOUT", "1h")]).await;
    let (_busy, _rest) = half_a_submission(&server, "never finished").await;
    let whole = tokio::time::timeout(PATIENCE, server.server.stop(std::future::ready(())))
        .await
        .expect("in time");
    assert!(!whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_and_2_and_grpc_share_a_port() {
    let server = Running::start().await;
    assert_eq!(server.get("/v1/logs").await.status, StatusCode::OK);
    let h2 = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Empty<bytes::Bytes>>();
    let response = h2
        .get(format!("{}/v1/logs", server.url()).parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        (response.status(), response.version()),
        (StatusCode::OK, http::Version::HTTP_2)
    );
    let grpc = GrpcRemote::new(&HttpOptions::default(), &server.url()).unwrap();
    assert_eq!(treering_api::Log::logs(&grpc).await.unwrap().len(), 1);
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_process_well() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("log");
    Child::init(&dir);
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let child = Child::serve(&dir, &[]);
        let mut tail = TcpStream::connect(child.run.listen).await.unwrap();
        tail.write_all(b"GET /v1/entries:tail?from=0 HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut tail, "200 OK").await;
        let status = tokio::task::spawn_blocking(move || child.end(signal));
        let status = tokio::time::timeout(Duration::from_secs(9), status)
            .await
            .expect("long before the limit")
            .unwrap();
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(!dir.join("run/listen.json").exists());
    }
}
