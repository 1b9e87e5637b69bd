//! Clients that stop in the middle: each is cut or answered, and none holds up the others.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use treering_api::grpc::pb;
use treering_api::log::Log as _;
use treering_api::reject::RejectKind;
use treering_client::{GrpcRemote, HttpOptions};

use super::support::{PATIENCE, Running, submission, submit_path};

const KIB: usize = 1 << 10;

/// A server that waits for half a second, with a budget of as many bytes.
async fn impatient(budget: &str) -> Running {
    Running::start_with(&[
        ("TREERING_SERVER_HTTP_BODY_TIMEOUT", "500ms"),
        ("TREERING_SERVER_HTTP_WRITE_TIMEOUT", "500ms"),
        ("TREERING_SERVER_LIMITS_MAX_ENVELOPE_BYTES", budget),
        ("TREERING_SERVER_LIMITS_MAX_BATCH_BYTES", budget),
        ("TREERING_SERVER_LIMITS_MAX_BYTES_IN_FLIGHT", budget),
    ])
    .await
}

/// Begins a request with a body of that length, of which the server has begun to wait for the first byte.
async fn begin_upload(server: &Running, len: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /v1/entries HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {len}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

async fn the_rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("closed in time")
        .unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn promised_bytes_take_no_room_and_are_not_waited_for() {
    let server = impatient("1MiB").await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        stalled.push(begin_upload(&server, 1024 * KIB).await);
    }
    let other = server
        .post(&submit_path(), submission("hello").envelope)
        .await;
    assert_eq!(other.status, StatusCode::CREATED, "the others go on");
    for mut stream in stalled {
        let answer = the_rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(
            answer.contains("http.body_timeout") && answer.contains("500ms"),
            "{answer}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_now_and_then_is_too_slow() {
    let server = impatient("1MiB").await;
    let (mut reading, mut writing) = begin_upload(&server, 1024 * KIB).await.into_split();
    let drip = tokio::spawn(async move {
        let mut drops = tokio::time::interval(std::time::Duration::from_millis(20));
        loop {
            drops.tick().await;
            if writing.write_all(b" ").await.is_err() {
                return;
            }
        }
    });
    let mut start = [0; 12];
    let answered = tokio::time::timeout(PATIENCE, reading.read_exact(&mut start)).await;
    answered.expect("answered in time").unwrap();
    assert_eq!(&start, b"HTTP/1.1 400");
    drip.abort();
    server.stop().await;
}

type Chunks = StreamBody<ReceiverStream<Result<Frame<Bytes>, Infallible>>>;

/// A gRPC call whose body comes from a channel. The sender must live: when it is dropped the body ends.
fn call(
    server: &Running,
    method: &str,
) -> (
    mpsc::Sender<Result<Frame<Bytes>, Infallible>>,
    impl Future<Output = http::Response<Incoming>> + Send + 'static,
) {
    let (sender, receiver) = mpsc::channel(16);
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Chunks>();
    let request = Request::post(format!("{}/treering.v1.Log/{method}", server.url()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(StreamBody::new(ReceiverStream::new(receiver)))
        .unwrap();
    let response = async move {
        let response = tokio::time::timeout(PATIENCE, client.request(request)).await;
        response.expect("answered in time").unwrap()
    };
    (sender, response)
}

/// The head of a message and so many bytes of it.
fn part_of_a_message(len: usize, come: usize) -> Result<Frame<Bytes>, Infallible> {
    let mut part = vec![0];
    part.extend(u32::try_from(len).unwrap().to_be_bytes());
    part.resize(5 + come, b' ');
    Ok(Frame::data(part.into()))
}

/// The code and the message of the status that ends a call.
async fn status(response: http::Response<Incoming>) -> (String, String) {
    let text = |headers: &HeaderMap, name| headers[name].to_str().unwrap().to_owned();
    let both = |headers: &HeaderMap| (text(headers, "grpc-status"), text(headers, "grpc-message"));
    if response.headers().contains_key("grpc-status") {
        return both(response.headers());
    }
    let body = tokio::time::timeout(PATIENCE, response.into_body().collect()).await;
    both(body.expect("ended in time").unwrap().trailers().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_messages_share_the_budget_and_must_keep_coming() {
    let server = impatient("1MiB").await;
    let remote = GrpcRemote::new(&HttpOptions::default(), &server.url()).unwrap();
    for method in ["Submit", "SubmitStream"] {
        let fill = || async {
            let (sender, response) = call(&server, method);
            // All but 100 bytes of the budget.
            let part = part_of_a_message(1024 * KIB, 1024 * KIB - 105);
            sender.send(part).await.unwrap();
            (sender, tokio::spawn(async { status(response.await).await }))
        };
        let (mut sender, mut stalled) = fill().await;
        // Until the server has read that, others find room, and it may find none and begin again.
        let filled = async {
            loop {
                if let Err(reject) = remote.submit(None, submission("small")).await {
                    return (sender, stalled, reject);
                }
                if stalled.is_finished() {
                    assert_eq!(
                        stalled.await.unwrap().0,
                        "8",
                        "{method}: cut, and nobody else was refused"
                    );
                    (sender, stalled) = fill().await;
                }
            }
        };
        let (sender, stalled, reject) = tokio::time::timeout(PATIENCE, filled)
            .await
            .expect("the budget fills");
        assert_eq!(reject.kind, RejectKind::Busy, "{method}: {reject}");
        let other_door = server.post("/v1/entries", vec![b' '; 200]).await;
        assert_eq!(other_door.kind(), "busy", "{method}");
        let (code, message) = stalled.await.unwrap();
        assert_eq!(code, "3", "{method}: {message}");
        assert!(message.contains("http.body_timeout"), "{method}: {message}");
        let again = remote.submit(None, submission("small")).await;
        again.expect("there is room again");
        drop(sender);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_be_silent_and_send_more_than_the_budget() {
    let server = impatient("300KiB").await;
    let remote = GrpcRemote::new(&HttpOptions::default(), &server.url()).unwrap();
    let (sender, receiver) = mpsc::channel(1);
    let mut results = remote
        .submit_stream(None, ReceiverStream::new(receiver))
        .await
        .unwrap();
    for number in 0..5 {
        let large = submission(&format!("{number}{}", "x".repeat(150 * KIB)));
        sender.send(large).await.unwrap();
        let result = tokio::time::timeout(PATIENCE, results.next()).await;
        result.expect("in time").unwrap().unwrap();
    }
    // The stream says nothing for as long as another call takes to be cut for its silence.
    let (other, response) = call(&server, "Submit");
    other.send(part_of_a_message(9, 1)).await.unwrap();
    assert_eq!(status(response.await).await.0, "3");
    sender.send(submission("last")).await.unwrap();
    let result = tokio::time::timeout(PATIENCE, results.next()).await;
    result.expect("in time").unwrap().unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_messages_are_not_taken() {
    let server = Running::start().await;
    let request = Request::post(format!("{}/treering.v1.Log/ListLogs", server.url()))
        .header("content-type", "application/grpc")
        .header("grpc-encoding", "gzip");
    let answer = server.send(request, b"\x01\0\0\0\0".as_slice()).await;
    assert_eq!(answer.header("grpc-status"), "12", "{:?}", answer.headers);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_sent_is_bounded_and_must_be_taken_in() {
    let server = impatient("16MiB").await;
    // Base64 makes it 12 MiB: more than the buffers of both ends of a connection take.
    let envelope = submission(&"x".repeat(9 << 20)).envelope;
    let receipt = server.post(&submit_path(), envelope.clone()).await.json();
    let sha256 = receipt["envelopeSha256"].as_str().unwrap();
    let path = format!("/v1/envelopes/{sha256}");

    // By HTTP/1: a client that reads nothing is cut.
    let mut stalled = TcpStream::connect(server.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stalled.write_all(request.as_bytes()).await.unwrap();
    stalled.readable().await.unwrap();
    let busy = server.get(&path).await;
    assert_eq!(
        (busy.status, busy.kind().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "busy")
    );
    let freed = async {
        loop {
            let answer = server.get(&path).await;
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, freed).await;
    assert_eq!(answer.expect("the stalled one is cut").body, envelope);
    drop(stalled);

    // By gRPC: what waits for the other side's window counts until the call is given up.
    let (sender, response) = call(&server, "GetEnvelope");
    let request = prost::Message::encode_to_vec(&pb::GetEnvelopeRequest {
        sha256: hex::decode(sha256).unwrap().into(),
    });
    let mut message = vec![0];
    message.extend(u32::try_from(request.len()).unwrap().to_be_bytes());
    message.extend(request);
    sender.send(Ok(Frame::data(message.into()))).await.unwrap();
    drop(sender);
    let unread = response.await;
    assert_eq!(
        server.get(&path).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    drop(unread);
    let freed =
        async { while server.get(&path).await.status == StatusCode::SERVICE_UNAVAILABLE {} };
    tokio::time::timeout(PATIENCE, freed)
        .await
        .expect("the place is given back");
    server.stop().await;
}
