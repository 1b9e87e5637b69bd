//! The parsers of `treering-api`: what a server reads from anybody, and what a client reads from a server.

use std::fmt::Debug;

use bytes::Bytes;
use http::StatusCode;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use treering_api::json::{
    BatchEntryJson, BatchRequestJson, BatchResponseJson, CheckpointJson, ConsistencyJson,
    EntryJson, ErrorJson, LogsJson, ReceiptJson, SubmittedJson, TailLineJson,
};
use treering_api::log::{Entry, LogInfo, Receipt, SignedCheckpoint, Submitted};
use treering_rekor::v2::{KeyDetailsPolicy, RequestError, Verifier};

/// The body of a batch: envelopes are slices of it, and a batch written again is read as the same one.
pub fn api_batch(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let Ok(request) = BatchRequestJson::parse(&body) else {
        return;
    };
    let submissions = request.into_submissions(&body);
    let whole = body.as_ptr_range();
    for submission in &submissions {
        assert!(whole.contains(&submission.envelope.as_ptr()), "copied");
    }
    let entries = submissions
        .iter()
        .map(|submission| BatchEntryJson::try_from(submission).expect("JSON that was read"));
    let again = BatchRequestJson {
        entries: entries.collect(),
    };
    let again = Bytes::from(serde_json::to_vec(&again).expect("plain data"));
    let read = BatchRequestJson::parse(&again).expect("a batch of ours");
    assert_eq!(read.into_submissions(&again), submissions);
}

/// Requests by gRPC: whatever bytes a message is made of, reading it ends in a request or a refusal.
pub fn grpc_requests(data: &[u8]) {
    use treering_api::grpc::pb;
    use treering_api::grpc::rekor_v2::CreateEntryRequest;

    fn read<M: Message + Default, T, E>(data: &[u8], read: impl FnOnce(M) -> Result<T, E>) {
        if let Ok(message) = M::decode(data) {
            let _ = read(message);
        }
    }
    read(data, pb::SubmitRequest::read);
    read(data, pb::SubmitBatchRequest::read);
    read(data, pb::GetEntryRequest::read);
    read(data, pb::GetConsistencyRequest::read);
    read(data, pb::GetCheckpointRequest::read);
    read(data, pb::TailRequest::read);
    read(data, pb::GetEnvelopeRequest::read);
    read(data, |message: CreateEntryRequest| {
        let create = message.read()?;
        let _ = create.canonicalize_with(KeyDetailsPolicy::Lenient, Verifier::parse);
        Ok::<_, RequestError>(())
    });
}

/// The answers of a server, each form tried: none panics, and one that is read is written as one that reads the same.
pub fn api_answers(data: &[u8]) {
    if let Some(json) = again::<ReceiptJson>(data) {
        let _ = Receipt::try_from(json);
    }
    if let Some(json) = again::<SubmittedJson>(data) {
        let _ = Vec::<Receipt>::try_from(json);
    }
    if let Some(json) = again::<BatchResponseJson>(data) {
        let _: Vec<Submitted> = json.results.into_iter().map(Submitted::from).collect();
    }
    if let Some(json) = again::<EntryJson>(data) {
        let _ = Entry::try_from(json);
    }
    if let Some(json) = again::<CheckpointJson>(data)
        && let Ok(signed) = SignedCheckpoint::try_from(json.clone())
    {
        assert_eq!(CheckpointJson::new(json.log.clone(), signed), json);
    }
    again::<ConsistencyJson>(data);
    if let Some(json) = again::<LogsJson>(data) {
        let _ = Vec::<LogInfo>::from(json);
    }
    again::<ErrorJson>(data);
    let _ = TailLineJson::parse(data);
    let _ = ErrorJson::reject(StatusCode::BAD_GATEWAY, data);
}

fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(data).ok()?;
    let text = serde_json::to_vec(&value).expect("plain data");
    let read: T = serde_json::from_slice(&text).expect("an answer of ours");
    assert_eq!(read, value);
    Some(value)
}
