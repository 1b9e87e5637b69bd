//! Cosigned checkpoints with witnesses that keep the protocol, some of which are slow or away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, StatusCode};
use treering_api::Log as _;
use treering_api::grpc::pb;
use treering_api::grpc::pb::log_client::LogClient;
use treering_api::json::BatchResponseJson;
use treering_api::log::{LogName, Receipt};
use treering_server::app::{Change, NewLog};
use treering_tlog::note::{SignedNote, VerifierKey};

use super::fake_witness::Mood;
use super::support::{PATIENCE, Running, submission, submit_path};
use super::watched::Watched;

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_is_any_all_or_some_and_a_dead_witness_holds_up_no_other() {
    use Mood::{Down, Honest};
    for (quorum, moods, enough) in [
        ("any", [Honest, Down, Down], 1),
        ("2", [Honest, Down, Honest], 2),
        ("all", [Honest, Honest, Honest], 3),
    ] {
        let watched = Watched::start(&moods, quorum, &[]).await;
        for number in 0..3_u64 {
            let answer = watched.submit_waiting(&number.to_string()).await;
            assert_eq!(answer.status, StatusCode::CREATED);
            let receipt = watched.receipt(&answer, enough);
            assert_eq!(receipt.index.get(), number);
        }
        let plain = watched.server.get("/checkpoint").await;
        let (newest, cosigned) = watched.check(std::str::from_utf8(&plain.body).unwrap());
        assert!(newest.size.get() == 3 && cosigned >= enough, "{quorum}");
        watched.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_the_wait_ends_and_the_entry_is_logged() {
    let settings = [("TREERING_SERVER_WITNESS_MAX_WAIT", "300ms")];
    let watched = Watched::start(&[Mood::Honest, Mood::Down], "all", &settings).await;
    let server = &watched.server;
    let before = server.get("/v1/checkpoint?cosigned=true").await;
    assert_eq!(before.status, StatusCode::NOT_FOUND, "{:?}", before.body);
    let late = watched.submit_waiting("one").await;
    assert_eq!(
        (
            late.status,
            late.kind().as_str(),
            late.header("retry-after")
        ),
        (StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", "1")
    );
    let message = late.json()["error"]["message"].as_str().unwrap().to_owned();
    for part in [
        "logged at index 0 of log rekor-v2",
        "wait=cosigned",
        "covers=0&cosigned=true",
    ] {
        assert!(message.contains(part), "{message} lacks {part}");
    }
    assert_eq!(server.get("/v1/entries/0").await.status, StatusCode::OK);
    let beyond = server.get("/v1/checkpoint?covers=9&cosigned=true").await;
    assert_eq!(beyond.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(
        !String::from_utf8_lossy(&beyond.body).contains("logged at"),
        "{:?}",
        beyond.body
    );

    // As the message says: the duplicate waits again, and now there is a quorum.
    watched.witnesses[1].set(Mood::Honest);
    let answered = async {
        loop {
            let again = watched.submit_waiting("one").await;
            if again.status != StatusCode::GATEWAY_TIMEOUT {
                return again;
            }
        }
    };
    let again = tokio::time::timeout(PATIENCE, answered)
        .await
        .expect("in time");
    assert_eq!(again.status, StatusCode::OK);
    assert!(watched.receipt(&again, 2).duplicate);
    let newest = server.get("/v1/checkpoint?cosigned=true").await.json();
    assert_eq!(watched.check(newest["checkpoint"].as_str().unwrap()).1, 2);
    watched.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_witnesses_that_there_are_not() {
    let server = Running::start().await;
    let path = format!("{}&wait=cosigned", submit_path());
    let refused = server.post(&path, submission("one").envelope).await;
    assert_eq!(
        (refused.status, refused.kind().as_str()),
        (StatusCode::BAD_REQUEST, "unsupported")
    );
    assert!(
        String::from_utf8_lossy(&refused.body).contains("witness.policy"),
        "{:?}",
        refused.body
    );
    for (path, status) in [
        ("/v1/checkpoint?cosigned=true", 400),
        ("/v1/checkpoint?cosigned=true&covers=0", 400),
        ("/v1/checkpoint?cosigned=yes", 400),
        ("/v1/checkpoint?cosigned=false", 200),
        ("/v1/entries/0", 404),
    ] {
        assert_eq!(server.get(path).await.status.as_u16(), status, "{path}");
    }
    let other = server
        .post(&format!("{}&wait=ever", submit_path()), "{}")
        .await;
    assert_eq!(other.kind(), "malformed");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_goes_on_while_witnesses_hang_and_late_cosignatures_are_added() {
    let moods = [Mood::Honest, Mood::Hangs, Mood::AmongOthers];
    let watched = Watched::start(&moods, "2", &[]).await;
    let server = &watched.server;
    server.grow(0, 1).await;
    watched.witnesses[1].asked(1).await;
    // The one that hangs has the first tree in its hands; the quorum goes on without it, and so do writers.
    for number in 1..6 {
        server.grow(number, 1).await;
        let answer = watched.submit_waiting(&format!("waits {number}")).await;
        watched.receipt(&answer, 2);
    }
    assert_eq!(
        watched.witnesses[1].requests().len(),
        0,
        "it still thinks of the first"
    );
    let checkpoint = server.get("/checkpoint").await;
    let (found, cosigned) = watched.check(std::str::from_utf8(&checkpoint.body).unwrap());
    assert_eq!((found.size.get(), cosigned), (11, 2));
    watched.witnesses[1].set(Mood::Honest);
    let note = watched
        .until("/checkpoint", false, |note| watched.check(note).1 == 3)
        .await;
    assert_eq!(watched.check(&note).0.size.get(), 11);
    let kept = server.get("/v1/checkpoint?cosigned=true").await.json();
    assert_eq!(kept["checkpoint"].as_str().unwrap(), note);
    // Receipts that are made now have them all; older sizes have none.
    let entry = server.get("/v1/entries/3").await.json();
    assert_eq!(entry["proof"]["checkpoint"].as_str().unwrap(), note);
    let again = server.post(&submit_path(), submission("0").envelope).await;
    watched.receipt(&again, 3);
    let consistency = server.get("/v1/consistency?from=2").await.json();
    assert_eq!(consistency["checkpoint"].as_str().unwrap(), note);
    watched.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_hangs_hinders_no_writer_and_no_stop() {
    let watched = Watched::start(&[Mood::Hangs, Mood::Hangs], "all", &[]).await;
    let server = &watched.server;
    server.grow(0, 3).await;
    watched.witnesses[0].asked(1).await;
    let plain = server
        .post(&submit_path(), submission("more").envelope)
        .await;
    assert_eq!(plain.status, StatusCode::CREATED);
    assert_eq!(watched.receipt(&plain, 0).index.get(), 3);
    let (found, cosigned) =
        watched.check(std::str::from_utf8(&server.get("/checkpoint").await.body).unwrap());
    assert_eq!((found.size.get(), cosigned), (4, 0));
    // Who waits is told when the server stops.
    let waiting = {
        let service = Arc::clone(server.server.app().service());
        tokio::spawn(async move {
            let log = service.log(None).unwrap();
            service
                .cosigned(&log, treering_tlog::LeafIndex::ZERO)
                .await
                .map(|_| ())
        })
    };
    assert!(watched.server.stop().await);
    let reject = tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("in time")
        .unwrap()
        .unwrap_err();
    assert_eq!(reject.kind, treering_api::RejectKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_learns_what_its_witnesses_hold() {
    let watched = Watched::start(&[Mood::Honest], "all", &[]).await;
    for text in ["one", "two", "three"] {
        watched.receipt(&watched.submit_waiting(text).await, 1);
    }
    let before = watched.witnesses[0].requests().len();
    let watched = watched.restart_with(|| {}).await;
    watched
        .until("/checkpoint", false, |note| watched.check(note).1 == 1)
        .await;
    let olds = |requests: &[treering_tlog::witness::AddCheckpoint]| -> Vec<u64> {
        requests.iter().map(|request| request.old.get()).collect()
    };
    let requests = watched.witnesses[0].requests();
    assert_eq!(
        olds(&requests[before..]),
        [0, 3],
        "409 says 3, then the same tree is cosigned again"
    );
    watched.receipt(&watched.submit_waiting("four").await, 1);
    let requests = watched.witnesses[0].requests();
    assert_eq!(olds(&requests[before + 2..]), [3]);
    assert!(!requests.last().unwrap().proof.is_empty(), "a real proof");
    let conflicts = watched.witnesses[0].statuses();
    assert_eq!(
        conflicts
            .iter()
            .filter(|status| **status != 200)
            .collect::<Vec<_>>(),
        [&409]
    );
    let metrics = watched.until("/metrics", true, |_| true).await;
    assert!(metrics.contains("treering_witness_failures_total{log=\"rekor-v2\",reason=\"conflict\",witness=\"w1.test/x\"} 0"), "{metrics}");
    assert!(
        metrics.contains(
            "treering_witness_cosigned_size_entries{log=\"rekor-v2\",witness=\"w1.test/x\"} 4"
        ),
        "{metrics}"
    );
    assert!(
        metrics.contains("treering_witness_quorum_size_entries{log=\"rekor-v2\"} 4"),
        "{metrics}"
    );
    watched.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_note_that_is_seen_while_many_write_verifies() {
    let moods = [Mood::Honest, Mood::AmongOthers, Mood::Honest];
    let watched = Arc::new(Watched::start(&moods, "2", &[]).await);
    let over = Arc::new(AtomicBool::new(false));
    let reader = {
        let (watched, over) = (Arc::clone(&watched), Arc::clone(&over));
        tokio::spawn(async move {
            let (mut last, mut cosigned) = (0, 0);
            while !over.load(Ordering::SeqCst) || cosigned == 0 {
                let answer = watched.server.get("/logs/rekor-v2/checkpoint").await;
                let (found, lines) = watched.check(std::str::from_utf8(&answer.body).unwrap());
                assert!(found.size.get() >= last, "{} after {last}", found.size);
                last = found.size.get();
                cosigned += lines;
            }
        })
    };
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let watched = Arc::clone(&watched);
            tokio::spawn(async move {
                for number in 0..15 {
                    let text = format!("{writer} {number}");
                    if number % 3 == 0 {
                        watched.receipt(&watched.submit_waiting(&text).await, 2);
                    } else {
                        let envelope = submission(&text).envelope;
                        let answer = watched.server.post(&submit_path(), envelope).await;
                        watched.receipt(&answer, 0);
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        tokio::time::timeout(PATIENCE, writer)
            .await
            .expect("in time")
            .unwrap();
    }
    over.store(true, Ordering::SeqCst);
    tokio::time::timeout(PATIENCE, reader)
        .await
        .expect("in time")
        .unwrap();
    let refused = watched
        .witnesses
        .iter()
        .flat_map(|witness| witness.statuses());
    assert!(
        refused.into_iter().all(|status| status == 200),
        "the only feeder is never refused"
    );
    Arc::into_inner(watched).unwrap().server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grpc_door_waits_as_well() {
    let watched = Watched::start(&[Mood::Honest, Mood::Down], "any", &[]).await;
    let mut client = LogClient::connect(watched.server.url()).await.unwrap();
    let request = |text: &str, wait: Option<&str>| pb::SubmitRequest {
        wait: wait.map(str::to_owned),
        ..pb::SubmitRequest::new(None, submission(text))
    };
    let answer = client
        .submit(request("one", Some("cosigned")))
        .await
        .unwrap();
    let receipts = Vec::<Receipt>::try_from(answer.into_inner()).unwrap();
    watched.check_receipt(&receipts[0], 1);
    let refused = client.submit(request("one", Some("x"))).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);

    let batch = pb::SubmitBatchRequest {
        wait: Some("cosigned".to_owned()),
        ..pb::SubmitBatchRequest::new(None, vec![submission("two"), submission("one")])
    };
    let results = client
        .submit_batch(batch)
        .await
        .unwrap()
        .into_inner()
        .results;
    for result in results {
        let receipts = treering_api::log::Submitted::from(result).unwrap();
        watched.check_receipt(&receipts[0], 1);
    }
    let stream = tokio_stream::iter([request("three", Some("cosigned")), request("four", None)]);
    let mut answers = client.submit_stream(stream).await.unwrap().into_inner();
    let first = answers.message().await.unwrap().unwrap();
    let first = treering_api::log::Submitted::from(first).unwrap();
    watched.check_receipt(&first[0], 1);
    let wanted = pb::GetCheckpointRequest {
        cosigned: true,
        ..pb::GetCheckpointRequest::new(None, Some(first[0].index))
    };
    let found = client.get_checkpoint(wanted).await.unwrap().into_inner();
    assert_eq!(watched.check(&found.checkpoint).1, 1);

    let envelopes: Vec<serde_json::Value> = ["five", "one"]
        .iter()
        .map(|text| serde_json::from_slice(&submission(text).envelope).unwrap())
        .collect();
    let key = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(&submission("").verifiers[0])
    };
    let entries: Vec<_> = envelopes
        .iter()
        .map(|envelope| serde_json::json!({"envelope": envelope, "verifiers": [key]}))
        .collect();
    let body = serde_json::json!({ "entries": entries }).to_string();
    let answer = watched
        .server
        .post("/v1/entries:batch?wait=cosigned", body)
        .await;
    let results = serde_json::from_slice::<BatchResponseJson>(&answer.body)
        .unwrap()
        .results;
    assert_eq!(
        results
            .iter()
            .map(|result| result.status)
            .collect::<Vec<_>>(),
        [201, 200]
    );
    for result in results {
        let receipts = Vec::<Receipt>::try_from(result.receipt.unwrap()).unwrap();
        watched.check_receipt(&receipts[0], 1);
    }
    watched.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_added_later_is_fed_too() {
    let watched = Watched::start(&[Mood::Honest], "all", &[]).await;
    let app = watched.server.server.app();
    let name = LogName::new("second").unwrap();
    let new = NewLog {
        name: name.clone(),
        dialect: treering_api::log::Dialect::RekorV2,
        url: Some("https://two.example".to_owned()),
        origin: None,
        allow_foreign_origin: false,
    };
    app.change(Change::Add(new)).await.unwrap();
    let vkey = VerifierKey::parse(app.service().log(Some(&name)).unwrap().vkey()).unwrap();
    watched.witnesses[0].trust(vkey.clone());
    app.service()
        .submit(Some(&name), submission("one"))
        .await
        .unwrap();
    let note = watched
        .until("/logs/second/checkpoint", false, |note| {
            SignedNote::parse(note.as_bytes())
                .unwrap()
                .signatures()
                .len()
                == 2
        })
        .await;
    let keys = [vkey, watched.witnesses[0].key.clone()];
    let note = SignedNote::parse(note.as_bytes()).unwrap();
    assert_eq!(note.verify(&keys).unwrap().signatures().len(), 2);
    watched.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_form_of_the_newest_cosigned_checkpoint_is_the_note() {
    let watched = Watched::start(&[Mood::Honest], "all", &[]).await;
    watched.receipt(&watched.submit_waiting("one").await, 1);
    let request = Request::get(format!(
        "{}/v1/checkpoint?cosigned=true",
        watched.server.url()
    ));
    let note = watched
        .server
        .send(request.header("accept", "text/plain"), "")
        .await;
    let (found, cosigned) = watched.check(std::str::from_utf8(&note.body).unwrap());
    assert_eq!((found.size.get(), cosigned), (1, 1));
    watched.server.stop().await;
}

/// The mark is on another note than the one that was cosigned, and no cosignature of that one may hide it.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_is_shown_although_the_tree_was_cosigned_without_it() {
    let watched = Watched::start(&[Mood::Honest], "all", &[]).await;
    let receipt = watched.receipt(&watched.submit_waiting("one").await, 1);
    let freeze = Change::Freeze {
        name: LogName::new("rekor-v2").unwrap(),
        successor: None,
        mark: true,
    };
    watched.server.server.app().change(freeze).await.unwrap();
    let shown = async |watched: &Watched, path: &str| {
        let answer = watched.server.get(path).await;
        let text = match answer.header("content-type") {
            "application/json" => answer.json()["checkpoint"].as_str().unwrap().to_owned(),
            _ => String::from_utf8(answer.body.to_vec()).unwrap(),
        };
        watched.check(&text).0
    };
    let marked = shown(&watched, "/checkpoint").await;
    let unmarked = watched.check(&receipt.proof.checkpoint).0;
    assert_eq!((marked.size, marked.root), (unmarked.size, unmarked.root));
    assert!(
        unmarked.extensions.is_empty() && marked.extensions[0].starts_with("Log frozen"),
        "{marked:?}"
    );
    for path in ["/api/v2/checkpoint", "/v1/checkpoint"] {
        assert_eq!(shown(&watched, path).await, marked, "{path}");
    }
    let watched = watched.restart_with(|| ()).await;
    assert_eq!(
        shown(&watched, "/checkpoint").await,
        marked,
        "after a restart"
    );
    watched.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mark_of_a_logs_end_takes_no_cosignatures_of_another_text() {
    let watched = Watched::start(&[Mood::Honest], "all", &[]).await;
    watched.receipt(&watched.submit_waiting("one").await, 1);
    let service = watched.server.server.app().service();
    let name = LogName::new("rekor-v2").unwrap();
    service.freeze_marked(&name, None).await.unwrap();
    let marked = watched.server.get("/checkpoint").await;
    let (found, cosigned) = watched.check(std::str::from_utf8(&marked.body).unwrap());
    assert_eq!((found.extensions.len(), cosigned), (1, 0));
    // What is cosigned stays, and proves the same entries.
    let path = "/v1/checkpoint?covers=0&cosigned=true";
    let kept = watched.server.get(path).await.json();
    let (found, cosigned) = watched.check(kept["checkpoint"].as_str().unwrap());
    assert_eq!(
        (found.size.get(), found.extensions.len(), cosigned),
        (1, 0, 1)
    );
    // After a restart only the marked one is there, and nobody is asked to cosign it.
    let before = watched.witnesses[0].requests().len();
    let watched = watched.restart_with(|| {}).await;
    let none = watched.server.get("/v1/checkpoint?cosigned=true").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let Watched {
        server, witnesses, ..
    } = watched;
    assert!(server.stop().await);
    assert_eq!(witnesses[0].requests().len(), before);
}
