//! One contract, two transports: whatever a log does, both remotes bring it home unchanged.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use treering_api::log::{EntryId, Log, LogName, Submission};
use treering_api::{Reject, RejectKind};
use treering_client::sign::{IN_TOTO_TYPE, KeyType, SigningKey};
use treering_client::{GrpcRemote, Http, HttpOptions, Remote, verify};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::fake_log::{FakeLog, name};
use crate::serve::start;
use crate::tile_server::log_key;

pub(crate) fn submission(key: &SigningKey, number: usize) -> Submission {
    let payload = format!("{{\"_type\":\"https://in-toto.io/Statement/v1\",\"number\":{number}}}");
    let envelope = key
        .envelope(IN_TOTO_TYPE, payload.as_bytes())
        .unwrap()
        .into();
    Submission {
        envelope,
        verifiers: vec![key.public_pem().unwrap().into()],
    }
}

fn key() -> SigningKey {
    SigningKey::generate(KeyType::EcdsaP256).unwrap()
}

fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}

fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

fn remotes(address: SocketAddr) -> [(&'static str, Box<dyn Log>); 2] {
    let (url, options) = (format!("http://{address}"), HttpOptions::default());
    let rest = Remote::new(Http::new(&options).unwrap(), &url).unwrap();
    [
        ("http", Box::new(rest)),
        ("grpc", Box::new(GrpcRemote::new(&options, &url).unwrap())),
    ]
}

#[tokio::test]
async fn submissions_come_back_with_receipts_that_verify() {
    let log = Arc::new(FakeLog::default());
    let address = start(log.clone()).await;
    for (transport, remote) in remotes(address) {
        let submission = submission(&key(), 1);
        let receipts = remote
            .submit(Some(&name()), submission.clone())
            .await
            .unwrap();
        let [receipt] = receipts.as_slice() else {
            panic!("{transport}: {receipts:?}")
        };
        assert!(!receipt.duplicate, "{transport}");
        verify::receipt(receipt, &log_key()).unwrap();
        assert_eq!(
            receipt.envelope_sha256,
            Some(Hash::of(&submission.envelope)),
            "{transport}: byte for byte"
        );
        let again = remote.submit(None, submission.clone()).await.unwrap();
        assert_eq!(
            (again[0].duplicate, again[0].index),
            (true, receipt.index),
            "{transport}"
        );
        assert_eq!(
            remote
                .envelope(Hash::of(&submission.envelope))
                .await
                .unwrap(),
            submission.envelope,
            "{transport}"
        );
    }
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_its_refusals_to_themselves() {
    let address = start(Arc::new(FakeLog::default())).await;
    for (transport, remote) in remotes(address) {
        let key = key();
        let mut submissions: Vec<_> = (0..5).map(|number| submission(&key, number)).collect();
        submissions[1].verifiers.clear();
        submissions[3].envelope = Bytes::from_static(b"no JSON");
        let results = remote
            .submit_batch(Some(&name()), submissions.clone())
            .await;
        assert_eq!(results.len(), 5, "{transport}");
        for (position, (result, submission)) in results.iter().zip(&submissions).enumerate() {
            match (position, result) {
                (1 | 3, Err(reject)) => {
                    assert_ne!(reject.kind, RejectKind::Internal, "{transport}: {reject}")
                }
                (1 | 3, Ok(receipts)) => panic!("{transport} {position}: {receipts:?}"),
                (_, result) => {
                    let receipt = &result.as_ref().unwrap()[0];
                    assert_eq!(
                        receipt.envelope_sha256,
                        Some(Hash::of(&submission.envelope)),
                        "{transport} {position}"
                    );
                }
            }
        }
        assert!(remote.submit_batch(None, Vec::new()).await.is_empty());
    }
}

#[tokio::test]
async fn entries_and_proofs_are_read_back() {
    let log = Arc::new(FakeLog::default());
    let address = start(log.clone()).await;
    let key = key();
    for number in 0..9 {
        log.submit(None, submission(&key, number)).await.unwrap();
    }
    for (transport, remote) in remotes(address) {
        let entry = remote
            .entry(None, EntryId::Index(index(4)), None)
            .await
            .unwrap();
        let opened = verify::entry(&entry, &log_key()).unwrap();
        let by_hash = remote
            .entry(
                Some(&name()),
                EntryId::LeafHash(Hash::leaf(&entry.leaf)),
                None,
            )
            .await
            .unwrap();
        assert_eq!(by_hash, entry, "{transport}");

        let older = remote
            .entry(None, EntryId::Index(index(4)), Some(size(6)))
            .await
            .unwrap()
            .proof
            .unwrap();
        assert_eq!(
            (older.inclusion.size, older.checkpoint.as_str()),
            (size(6), ""),
            "{transport}"
        );
        let consistency = remote.consistency(None, size(6), None).await.unwrap();
        verify::entry_in_older_tree(
            &Hash::leaf(&entry.leaf),
            &older.inclusion,
            &consistency,
            &opened,
        )
        .unwrap();
        let wrong =
            verify::entry_in_older_tree(&Hash::of(b"x"), &older.inclusion, &consistency, &opened);
        assert!(wrong.is_err(), "{transport}");

        assert_eq!(
            remote.checkpoint(None).await.unwrap().note,
            opened.text(),
            "{transport}"
        );
        assert_eq!(
            remote.wait(None, index(8)).await.unwrap().note,
            opened.text(),
            "{transport}"
        );
        assert_eq!(
            remote.logs().await.unwrap(),
            log.logs().await.unwrap(),
            "{transport}"
        );
    }
}

#[tokio::test]
async fn a_tail_brings_every_entry_and_then_the_reason_for_its_end() {
    let log = Arc::new(FakeLog::default());
    let address = start(log.clone()).await;
    let key = key();
    for number in 0..300 {
        log.submit(None, submission(&key, number)).await.unwrap();
    }
    for (transport, remote) in remotes(address) {
        let items: Vec<_> = remote
            .tail(Some(&name()), index(3))
            .await
            .unwrap()
            .collect()
            .await;
        let (last, entries) = items.split_last().unwrap();
        assert_eq!(entries.len(), 297, "{transport}");
        for (entry, expected) in entries.iter().zip(3..) {
            assert_eq!(
                entry.as_ref().unwrap().index,
                index(expected),
                "{transport}"
            );
        }
        let reject = last.as_ref().unwrap_err();
        assert_eq!(
            (reject.kind, reject.message.as_str()),
            (RejectKind::Unavailable, "the server stops"),
            "{transport}"
        );
    }
}

#[tokio::test]
async fn refusals_arrive_as_they_were_made() {
    let log = Arc::new(FakeLog::default());
    let address = start(log.clone()).await;
    let other = LogName::new("other").unwrap();
    for (transport, remote) in remotes(address) {
        let expected: Reject = log.checkpoint(Some(&other)).await.unwrap_err();
        assert_eq!(
            remote.checkpoint(Some(&other)).await.unwrap_err(),
            expected,
            "{transport}"
        );
        let tail = remote.tail(Some(&other), index(0)).await.err().unwrap();
        assert_eq!(tail, expected, "{transport}");
        let missing = EntryId::Index(index(5));
        let expected = log.entry(None, missing, None).await.unwrap_err();
        assert_eq!(
            remote.entry(None, missing, None).await.unwrap_err(),
            expected,
            "{transport}"
        );
        let expected = log
            .consistency(None, size(1), Some(size(2)))
            .await
            .unwrap_err();
        assert_eq!(
            remote
                .consistency(None, size(1), Some(size(2)))
                .await
                .unwrap_err(),
            expected,
            "{transport}"
        );
        let kind = remote.wait(None, index(0)).await.unwrap_err().kind;
        assert_eq!(kind, RejectKind::DeadlineExceeded, "{transport}");
        let mut unsigned = submission(&key(), 0);
        unsigned.verifiers.clear();
        assert_eq!(
            remote.submit(None, unsigned).await.unwrap_err().kind,
            RejectKind::Unverified,
            "{transport}"
        );
    }
}

#[tokio::test]
async fn a_stream_of_submissions_is_answered_in_order() {
    let log = Arc::new(FakeLog::default());
    let address = start(log.clone()).await;
    let remote = GrpcRemote::new(&HttpOptions::default(), &format!("http://{address}")).unwrap();
    let key = key();
    let mut submissions: Vec<_> = (0..20).map(|number| submission(&key, number)).collect();
    submissions[7].verifiers.clear();
    let results = remote
        .submit_stream(Some(name()), stream::iter(submissions))
        .await
        .unwrap();
    let results: Vec<_> = results.collect().await;
    assert_eq!(results.len(), 20);
    assert_eq!(
        results[7].as_ref().unwrap_err().kind,
        RejectKind::Unverified
    );
    let indexes: Vec<u64> = results
        .iter()
        .flatten()
        .map(|receipts| receipts[0].index.get())
        .collect();
    assert_eq!(indexes, (0..19).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_one_of_another_scheme_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for (transport, remote) in remotes(address) {
        assert_eq!(
            remote.logs().await.unwrap_err().kind,
            RejectKind::Unavailable,
            "{transport}"
        );
    }
    for url in ["ftp://host/", "host", "http://host/?a=b", ""] {
        assert!(
            Remote::new(Http::new(&HttpOptions::default()).unwrap(), url).is_err(),
            "{url}"
        );
        assert!(
            GrpcRemote::new(&HttpOptions::default(), url).is_err(),
            "{url}"
        );
    }
}
