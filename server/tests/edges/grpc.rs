use futures_util::{StreamExt as _, stream};
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use treering_api::log::{EntryId, Log as _, LogName, Submission};
use treering_api::reject::RejectKind;
use treering_client::{GrpcRemote, HttpOptions};
use treering_tlog::{LeafIndex, TreeSize};

use super::support::{PATIENCE, Running, submission};

fn remote(server: &Running) -> GrpcRemote {
    GrpcRemote::new(&HttpOptions::default(), &server.url()).unwrap()
}

async fn channel(server: &Running) -> Channel {
    Channel::from_shared(server.url())
        .unwrap()
        .connect()
        .await
        .unwrap()
}

fn unsigned(text: &str) -> Submission {
    Submission {
        verifiers: Vec::new(),
        ..submission(text)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_answers_as_through_the_other_door() {
    let server = Running::start().await;
    let remote = remote(&server);
    let receipt = remote
        .submit(None, submission("hello"))
        .await
        .unwrap()
        .remove(0);
    assert!(!receipt.duplicate);
    let results = remote
        .submit_batch(
            None,
            vec![submission("hello"), unsigned("x"), submission("two")],
        )
        .await;
    assert!(results[0].as_ref().unwrap()[0].duplicate);
    assert_eq!(
        results[1].as_ref().unwrap_err().kind,
        RejectKind::Unverified
    );
    assert_eq!(
        results[2].as_ref().unwrap()[0].index,
        receipt.index.next().unwrap()
    );

    let entry = remote
        .entry(None, EntryId::LeafHash(receipt.leaf_hash), None)
        .await
        .unwrap();
    assert_eq!(entry.index, receipt.index);
    assert_eq!(
        remote
            .envelope(receipt.envelope_sha256.unwrap())
            .await
            .unwrap(),
        submission("hello").envelope
    );
    let one = TreeSize::new(1).unwrap();
    assert_eq!(
        remote.consistency(None, one, None).await.unwrap().to.get(),
        2
    );
    assert_eq!(
        remote.checkpoint(None).await.unwrap().checkpoint.size.get(),
        2
    );
    assert_eq!(
        remote
            .wait(None, receipt.index.next().unwrap())
            .await
            .unwrap()
            .checkpoint
            .size
            .get(),
        2
    );
    assert_eq!(remote.logs().await.unwrap()[0].name.as_str(), "rekor-v2");
    let tail: Vec<_> = remote
        .tail(None, LeafIndex::ZERO)
        .await
        .unwrap()
        .take(2)
        .collect()
        .await;
    assert_eq!(
        tail.into_iter()
            .map(|entry| entry.unwrap().index.get())
            .collect::<Vec<_>>(),
        [0, 1]
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_arrive_whole() {
    let server = Running::start().await;
    let remote = remote(&server);
    let none = LogName::new("none").unwrap();
    let found = remote.checkpoint(Some(&none)).await.unwrap_err();
    let expected = server
        .server
        .app()
        .service()
        .checkpoint(Some(&none))
        .await
        .unwrap_err();
    assert_eq!(found, expected, "kind, message, expected and found");
    let size = remote
        .entry(None, EntryId::Index(LeafIndex::ZERO), None)
        .await
        .unwrap_err();
    assert_eq!(size.kind, RejectKind::NotFound);
    let metrics = String::from_utf8(server.admin("/metrics").await.body.to_vec()).unwrap();
    assert!(
        metrics.contains("treering_requests_total{route=\"grpc_read\",status=\"4xx\"} 2"),
        "{metrics}"
    );
    assert!(
        metrics.contains("treering_rejects_total{kind=\"not_found\"} 2"),
        "{metrics}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_answered_in_order_and_survives_a_refusal() {
    let server = Running::start().await;
    let count = 40;
    let submissions = (0..count).map(|number| {
        if number == 7 {
            unsigned("7")
        } else {
            submission(&number.to_string())
        }
    });
    let results = remote(&server)
        .submit_stream(None, stream::iter(submissions.collect::<Vec<_>>()))
        .await
        .unwrap();
    let results: Vec<_> = tokio::time::timeout(PATIENCE, results.collect())
        .await
        .expect("in time");
    assert_eq!(results.len(), count);
    for (number, result) in results.into_iter().enumerate() {
        match result {
            Err(reject) => assert_eq!((number, reject.kind), (7, RejectKind::Unverified)),
            Ok(receipts) => {
                let envelope = remote(&server)
                    .envelope(receipts[0].envelope_sha256.unwrap())
                    .await
                    .unwrap();
                assert_eq!(
                    envelope,
                    submission(&number.to_string()).envelope,
                    "result {number} is another's"
                );
            }
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_too_large() {
    let server = Running::start_with(&[
        ("TREERING_SERVER_LIMITS_MAX_BATCH_BYTES", "1KiB"),
        ("TREERING_SERVER_LIMITS_MAX_ENVELOPE_BYTES", "1KiB"),
        ("TREERING_SERVER_LIMITS_MAX_BYTES_IN_FLIGHT", "1KiB"),
    ])
    .await;
    // One is refused by the service, the other before it is read.
    for (bytes, named) in [(2_000, "max_envelope_bytes"), (2 << 20, "max_batch_bytes")] {
        let reject = remote(&server)
            .submit(None, submission(&"x".repeat(bytes)))
            .await
            .unwrap_err();
        assert_eq!(reject.kind, RejectKind::TooLarge, "{bytes}: {reject:?}");
        assert!(
            bytes < 1 << 20 || reject.message.contains(named),
            "{reject:?}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_methods_and_garbage_are_told_apart_from_unknown_pages() {
    let server = Running::start().await;
    for path in [
        "/treering.v1.Log/Nothing",
        "/treering.v2.Log/Submit",
        "/nothing",
    ] {
        let request = http::Request::post(format!("{}{path}", server.url()))
            .header("content-type", "application/grpc");
        let answer = server.send(request, "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("grpc-status")),
            (200, "12"),
            "{path}"
        );
    }
    let request = http::Request::post(format!("{}/treering.v1.Log/Submit", server.url()))
        .header("content-type", "application/grpc");
    let answer = server
        .send(request, b"\0\0\0\0\x03\xff\xff\xff".as_slice())
        .await;
    assert_eq!(
        answer.header("grpc-status"),
        "3",
        "garbage is the caller's fault"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_stand_beside() {
    let server = Running::start().await;
    let channel = channel(&server).await;
    let mut health = HealthClient::new(channel.clone());
    for service in ["", "treering.v1.Log"] {
        let status = health
            .check(HealthCheckRequest {
                service: service.to_owned(),
            })
            .await
            .unwrap()
            .into_inner()
            .status();
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }
    let unknown = health
        .check(HealthCheckRequest {
            service: "none".to_owned(),
        })
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers
        .next()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}")
    };
    let names: Vec<&str> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert!(
        names.contains(&"treering.v1.Log") && names.contains(&"grpc.health.v1.Health"),
        "{names:?}"
    );
    // An endless stream must not hold up the stop.
    let mut watch = health
        .watch(HealthCheckRequest {
            service: String::new(),
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        watch.next().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );
    let stopped = tokio::spawn(server.stop());
    while let Some(Ok(_)) = tokio::time::timeout(PATIENCE, watch.next())
        .await
        .expect("the stream ends")
    {}
    assert!(stopped.await.unwrap(), "nothing had to be cut");
}
