//! The same leaf again: the same index, wherever the first one is.

use treering_api::log::Log as _;

use super::support::{Submitter, World, verify_receipt};

#[tokio::test(flavor = "multi_thread")]
async fn equal_submissions_in_one_batch_get_one_index() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    let running = world.start().unwrap();
    let results = running
        .service
        .submit_batch(
            None,
            (0..30)
                .map(|number| submitter.submission(number % 10))
                .collect(),
        )
        .await;
    let receipts: Vec<_> = results
        .into_iter()
        .map(|result| result.unwrap().remove(0))
        .collect();
    for receipt in &receipts {
        verify_receipt(receipt);
    }
    for (number, receipt) in receipts.iter().enumerate() {
        let first = &receipts[number % 10];
        assert_eq!(
            (receipt.index, receipt.leaf_hash, receipt.envelope_sha256),
            (first.index, first.leaf_hash, first.envelope_sha256)
        );
    }
    assert_eq!(
        receipts.iter().filter(|receipt| !receipt.duplicate).count(),
        10
    );
    running.stop();
    assert_eq!(world.check_log().size.get(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_after_a_restart_says_the_first_index_and_time() {
    let submitter = Submitter::new(1);
    let mut world = World::with_log();
    let running = world.start().unwrap();
    let first = running
        .service
        .submit(None, submitter.submission(0))
        .await
        .unwrap()
        .remove(0);
    for number in 1..600 {
        running
            .service
            .submit(None, submitter.submission(number))
            .await
            .unwrap();
    }
    running.stop();
    world
        .clock
        .unix
        .fetch_add(1_000, std::sync::atomic::Ordering::SeqCst);
    let running = world.start().unwrap();
    let again = running
        .service
        .submit(None, submitter.submission(0))
        .await
        .unwrap()
        .remove(0);
    verify_receipt(&again);
    assert!(again.duplicate);
    assert_eq!(
        (again.index, again.integrated_time, again.envelope_sha256),
        (first.index, first.integrated_time, first.envelope_sha256)
    );
    assert_eq!(
        again.proof.inclusion.size.get(),
        600,
        "the proof is of the newest tree"
    );
    running.stop();
    assert_eq!(world.check_log().size.get(), 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_with_two_signatures_becomes_two_entries() {
    let (one, two) = (Submitter::new(1), Submitter::new(2));
    let mut world = World::with_log();
    let running = world.start().unwrap();
    let payload = br#"{"_type":"https://in-toto.io/Statement/v1"}"#;
    let envelope = {
        use base64::Engine as _;
        let payload_text = base64::engine::general_purpose::STANDARD.encode(payload);
        let (first, second) = (one.sign_payload(payload), two.sign_payload(payload));
        format!(
            r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload_text}","signatures":[{{"sig":"{first}"}},{{"sig":"{second}"}}]}}"#
        )
    };
    let submission = treering_api::log::Submission {
        envelope: envelope.into(),
        verifiers: vec![two.public.clone(), one.public.clone()],
    };
    let receipts = running
        .service
        .submit(None, submission.clone())
        .await
        .unwrap();
    assert_eq!(
        receipts
            .iter()
            .map(|receipt| receipt.index.get())
            .collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(receipts[0].envelope_sha256, receipts[1].envelope_sha256);
    receipts.iter().for_each(verify_receipt);

    let half = treering_api::log::Submission {
        verifiers: vec![one.public.clone()],
        ..submission
    };
    let reject = running.service.submit(None, half).await.unwrap_err();
    assert_eq!(
        reject.kind,
        treering_api::reject::RejectKind::Unverified,
        "{reject}"
    );
    running.stop();
    assert_eq!(world.check_log().size.get(), 2);
}
