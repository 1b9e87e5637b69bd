//! Every type of the API survives both wires.

use crate::strategies;
use bytes::Bytes;
use proptest::prelude::*;
use treering_api::grpc::pb;
use treering_api::json::{
    BatchEntryJson, BatchRequestJson, BatchResultJson, CheckpointJson, ConsistencyJson, EntryJson,
    LogsJson, ProofJson, SubmittedJson, TailLineJson, verifier_from_query, verifier_to_query,
};
use treering_api::log::{
    Entry, EntryId, LogInfo, LogName, Receipt, SignedCheckpoint, Submission, Submitted, Wait,
};
use treering_api::{Reject, RejectKind};
use treering_tlog::checkpoint::Checkpoint;
use treering_tlog::merkle::ConsistencyProof;
use treering_tlog::note::SignedNote;

/// Through the text of JSON.
fn json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(value).unwrap()).unwrap()
}

/// Through the bytes of protobuf.
fn proto<T: prost::Message + Default>(message: &T) -> T {
    T::decode(Bytes::from(message.encode_to_vec())).unwrap()
}

fn signed_checkpoint(note: String) -> SignedCheckpoint {
    let parsed = SignedNote::parse(note.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(parsed.text()).unwrap();
    SignedCheckpoint { note, checkpoint }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn receipts(receipts in proptest::collection::vec(strategies::receipt(), 1..4)) {
        let answer = SubmittedJson::try_from(receipts.clone()).unwrap();
        prop_assert_eq!(&Vec::<Receipt>::try_from(json(&answer)).unwrap(), &receipts);
        let answer = pb::SubmitResponse::try_from(receipts.clone()).unwrap();
        prop_assert_eq!(Vec::<Receipt>::try_from(proto(&answer)).unwrap(), receipts);
    }

    #[test]
    fn results(result in prop_oneof![
        proptest::collection::vec(strategies::receipt(), 1..3).prop_map(Ok),
        strategies::reject().prop_map(Err),
    ]) {
        let answer = BatchResultJson::from(result.clone());
        prop_assert_eq!(Submitted::from(json(&answer)), result.clone());
        let answer = pb::SubmitResult::from(result.clone());
        prop_assert_eq!(Submitted::from(proto(&answer)), result);
    }

    #[test]
    fn entries(entry in strategies::entry()) {
        prop_assert_eq!(&Entry::try_from(json(&EntryJson::from(entry.clone()))).unwrap(), &entry);
        prop_assert_eq!(Entry::try_from(proto(&pb::Entry::from(entry.clone()))).unwrap(), entry);
    }

    #[test]
    fn tail_lines(item in prop_oneof![strategies::entry().prop_map(Ok), strategies::reject().prop_map(Err)]) {
        let line = serde_json::to_vec(&TailLineJson::from(item.clone())).unwrap();
        prop_assert!(!line.contains(&b'\n'));
        prop_assert_eq!(TailLineJson::parse(&line), item);
    }

    #[test]
    fn consistency_proofs(proof in strategies::consistency(), note in proptest::option::of(strategies::note()), log in strategies::log_name()) {
        let answer = ConsistencyJson::new(log.clone(), proof.clone(), note.clone());
        prop_assert_eq!(&ConsistencyProof::from(json(&answer)), &proof);
        let answer = pb::Consistency::new(&log, &proof, note);
        prop_assert_eq!(ConsistencyProof::try_from(proto(&answer)).unwrap(), proof);
    }

    #[test]
    fn checkpoints(note in strategies::note(), log in strategies::log_name()) {
        let signed = signed_checkpoint(note);
        let answer = CheckpointJson::new(log.clone(), signed.clone());
        prop_assert_eq!(&SignedCheckpoint::try_from(json(&answer)).unwrap(), &signed);
        let answer = pb::Checkpoint::new(&log, signed.clone());
        prop_assert_eq!(SignedCheckpoint::try_from(proto(&answer)).unwrap(), signed);
    }

    #[test]
    fn log_lists(logs in proptest::collection::vec(strategies::log_info(), 0..4)) {
        prop_assert_eq!(&Vec::<LogInfo>::from(json(&LogsJson::from(logs.clone()))), &logs);
        for info in logs {
            prop_assert_eq!(LogInfo::try_from(proto(&pb::LogInfo::from(info.clone()))).unwrap(), info);
        }
    }

    #[test]
    fn batches(submissions in proptest::collection::vec(strategies::json_submission(), 0..4), log in proptest::option::of(strategies::log_name())) {
        let entries = submissions.iter().map(|s| BatchEntryJson::try_from(s).unwrap()).collect();
        let body = Bytes::from(serde_json::to_vec(&BatchRequestJson { entries }).unwrap());
        let read = BatchRequestJson::parse(&body).unwrap().into_submissions(&body);
        prop_assert_eq!(&read, &submissions);
        let request = pb::SubmitBatchRequest::new(log.as_ref(), submissions.clone());
        prop_assert_eq!(proto(&request).read().unwrap(), (log.clone(), submissions.clone()));
        for submission in submissions {
            let request = pb::SubmitRequest::new(log.as_ref(), submission.clone());
            prop_assert_eq!(proto(&request).read().unwrap(), (log.clone(), submission));
        }
    }

    #[test]
    fn requests(
        log in proptest::option::of(strategies::log_name()), index in strategies::index(), hash in strategies::hash(),
        from in strategies::size(), to in proptest::option::of(strategies::size()),
    ) {
        let log_ref: Option<&LogName> = log.as_ref();
        for id in [EntryId::Index(index), EntryId::LeafHash(hash)] {
            prop_assert_eq!(proto(&pb::GetEntryRequest::new(log_ref, id, to)).read().unwrap(), (log.clone(), id, to));
            prop_assert_eq!(id.to_string().parse::<EntryId>().unwrap(), id);
        }
        prop_assert_eq!(proto(&pb::GetConsistencyRequest::new(log_ref, from, to)).read().unwrap(), (log.clone(), from, to));
        let covers = to.map(|size| size.next_index());
        prop_assert_eq!(proto(&pb::GetCheckpointRequest::new(log_ref, covers)).read().unwrap(), (log.clone(), covers));
        prop_assert_eq!(proto(&pb::TailRequest::new(log_ref, index)).read().unwrap(), (log.clone(), index));
        prop_assert_eq!(proto(&pb::GetEnvelopeRequest::new(&hash)).read().unwrap(), hash);
    }

    #[test]
    fn waits(word in "[a-z]{0,9}|cosigned") {
        let expected = (word == "cosigned").then_some(Wait::Cosigned);
        let one = pb::SubmitRequest { wait: Some(word.clone()), ..Default::default() };
        let several = pb::SubmitBatchRequest { wait: Some(word.clone()), ..Default::default() };
        for found in [proto(&one).waits_for(), proto(&several).waits_for(), Wait::parse(Some(&word))] {
            prop_assert_eq!(found.as_ref().ok().copied(), expected);
            prop_assert!(found.err().is_none_or(|reject| reject.kind == RejectKind::Malformed));
        }
        prop_assert_eq!(proto(&pb::SubmitRequest::default()).waits_for().unwrap(), Wait::Published);
    }

    #[test]
    fn verifiers_in_a_query(key in strategies::bytes()) {
        let text = verifier_to_query(&key);
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{}", text);
        prop_assert_eq!(verifier_from_query(&text).unwrap(), key.clone());
        use base64::Engine as _;
        let padded = base64::engine::general_purpose::URL_SAFE.encode(&key);
        prop_assert_eq!(verifier_from_query(&padded).unwrap(), key);
    }
}

#[test]
fn an_envelope_of_a_batch_is_a_slice_of_its_body() {
    let body = Bytes::from_static(br#"{"entries":[{"envelope": {"a" : 1} }]}"#);
    let read = BatchRequestJson::parse(&body)
        .unwrap()
        .into_submissions(&body);
    let [Submission { envelope, .. }] = read.as_slice() else {
        panic!("one submission, found {read:?}")
    };
    assert_eq!(envelope.as_ref(), br#"{"a" : 1}"#);
    assert!(body.as_ptr_range().contains(&envelope.as_ptr()), "copied");
    let elsewhere = BatchRequestJson::parse(&body)
        .unwrap()
        .into_submissions(&Bytes::new());
    assert_eq!(elsewhere, read);
}

#[test]
fn verifiers_are_read_in_either_alphabet_and_a_wrong_one_spoils_no_other_entry() {
    let key = Bytes::from_static(&[0xfb, 0xef, 0xbf, 0xff]);
    let texts = ["+++//w==", "+++//w", "---__w==", "---__w"];
    for text in texts {
        assert_eq!(verifier_from_query(text).unwrap(), key, "{text}");
        // What a query makes of a plus that was not escaped.
        assert_eq!(verifier_from_query(&text.replace('+', " ")).unwrap(), key);
    }
    let body = format!(
        r#"{{"entries":[{{"envelope":1,"verifiers":["!"]}},{{"envelope":2,"verifiers":{texts:?}}}]}}"#
    );
    let body = Bytes::from(body);
    let read = BatchRequestJson::parse(&body)
        .unwrap()
        .into_submissions(&body);
    let [wrong, right] = read.as_slice() else {
        panic!("two submissions, found {read:?}")
    };
    assert_eq!(wrong.verifiers, ["!"]);
    assert_eq!(right.verifiers, [&key; 4]);
}

#[test]
fn wrong_answers_are_refused() {
    let hash = "11".repeat(32);
    let proof = r#"{"index":4,"size":9,"hashes":[],"checkpoint":""}"#;
    let receipt = format!(
        r#"{{"log":"a","index":5,"leafHash":"{hash}","integratedTime":1,"duplicate":false,"proof":{proof}}}"#
    );
    let parsed: SubmittedJson = serde_json::from_str(&receipt).unwrap();
    let reject = Vec::<Receipt>::try_from(parsed).unwrap_err();
    assert_eq!(
        (reject.kind, reject.message.as_str()),
        (
            RejectKind::Malformed,
            "expected a proof of index 5, found one of index 4"
        )
    );

    let entry =
        format!(r#"{{"log":"a","index":5,"leafHash":"{hash}","leaf":"YQ==","integratedTime":1}}"#);
    let reject = TailLineJson::parse(entry.as_bytes()).unwrap_err();
    assert!(
        reject.message.starts_with("expected leaf hash 022a6979"),
        "{}",
        reject.message
    );

    for (text, expected) in [
        (
            r#"{"index":9223372036854775808,"size":1,"hashes":[],"checkpoint":""}"#,
            "expected an index below 2^63",
        ),
        (
            r#"{"index":1,"size":9223372036854775808,"hashes":[],"checkpoint":""}"#,
            "expected a size up to 2^63-1",
        ),
        (
            r#"{"index":1,"size":1,"hashes":["AB"],"checkpoint":""}"#,
            "expected a hash of 64 lowercase",
        ),
    ] {
        let error = serde_json::from_str::<ProofJson>(text)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let upper = format!(
        r#"{{"index":1,"size":1,"hashes":["{}"],"checkpoint":""}}"#,
        "AB".repeat(32)
    );
    assert!(serde_json::from_str::<ProofJson>(&upper).is_err());
}

#[test]
fn wrong_requests_are_refused() {
    let unknown = br#"{"entries":[{"envelope":{},"verifier":["YQ=="]}]}"#;
    let reject = BatchRequestJson::parse(unknown).unwrap_err();
    assert!(
        reject.message.contains("unknown field `verifier`"),
        "{}",
        reject.message
    );
    let mut request =
        pb::GetEntryRequest::new(None, EntryId::Index(treering_tlog::LeafIndex::ZERO), None);
    request.id = Some(pb::get_entry_request::Id::LeafHash(Bytes::from_static(
        b"short",
    )));
    assert_eq!(
        request.read().unwrap_err().message,
        "expected leaf_hash of 32 bytes, found 5 bytes"
    );
    assert_eq!(
        pb::GetEntryRequest::default().read().unwrap_err().kind,
        RejectKind::Malformed
    );
    assert!(
        pb::TailRequest {
            log: Some("Upper".to_owned()),
            from: 0
        }
        .read()
        .is_err()
    );
    for text in [
        "",
        "-1",
        "+1",
        "01",
        "9223372036854775808",
        "zz",
        &"g".repeat(64),
    ] {
        assert_eq!(
            text.parse::<EntryId>().unwrap_err().kind,
            RejectKind::Malformed,
            "{text:?}"
        );
    }
    assert!(
        verifier_from_query("a+b_").is_err(),
        "two alphabets at once"
    );
    assert!(verifier_from_query("!").is_err());
    let not_json = Submission {
        envelope: Bytes::from_static(b"-----BEGIN"),
        verifiers: vec![],
    };
    assert_eq!(
        BatchEntryJson::try_from(&not_json).unwrap_err().kind,
        RejectKind::Malformed
    );
}

#[test]
fn a_checkpoint_whose_fields_differ_from_its_note_is_refused() {
    let note = "example.org/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} example.org/log AQIDBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    let signed = signed_checkpoint(note.to_owned());
    let good = CheckpointJson::new(LogName::new("a").unwrap(), signed);
    let mut wrong = good.clone();
    wrong.size = treering_tlog::TreeSize::new(2).unwrap();
    let reject: Reject = SignedCheckpoint::try_from(wrong).unwrap_err();
    assert!(
        reject.message.contains("size 1 ") && reject.message.contains("size 2 "),
        "{}",
        reject.message
    );
    let mut wrong = good.clone();
    "example.org".clone_into(&mut wrong.origin);
    assert!(SignedCheckpoint::try_from(wrong).is_err());
    assert!(SignedCheckpoint::try_from(good).is_ok());
}
