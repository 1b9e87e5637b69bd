//! The description agrees with the structs and with itself.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};
use treering_api::json::{
    BatchEntryJson, BatchRequestJson, BatchResponseJson, BatchResultJson, CheckpointJson,
    ConsistencyJson, EntryJson, ErrorJson, LogInfoJson, LogState, LogsJson, ProofJson, ReceiptJson,
    SubmittedJson,
};
use treering_api::log::{Dialect, LogName};
use treering_api::{OPENAPI, Reject, RejectKind};
use treering_tlog::{Hash, LeafIndex, TreeSize};

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

fn schema<'a>(document: &'a Value, name: &str) -> &'a Value {
    &document["components"]["schemas"][name]
}

/// A full sample of each struct, by the name of its schema: every optional field is there.
#[expect(clippy::too_many_lines, reason = "a table: one sample a schema")]
fn samples() -> BTreeMap<&'static str, Value> {
    let (index, size) = (
        LeafIndex::new(i64::MAX.unsigned_abs()).unwrap(),
        TreeSize::new(9).unwrap(),
    );
    let (log, hash) = (LogName::new("rekor-v1").unwrap(), Hash::of(b"x"));
    let proof = ProofJson {
        index,
        size,
        hashes: vec![hash],
        checkpoint: "note".to_owned(),
    };
    let receipt = ReceiptJson {
        log: log.clone(),
        index,
        leaf_hash: hash,
        envelope_sha256: Some(hash),
        integrated_time: 1,
        duplicate: false,
        proof: proof.clone(),
    };
    let submitted = SubmittedJson {
        receipt: receipt.clone(),
        others: vec![receipt.clone()],
    };
    let reject = Reject::mismatch(RejectKind::Busy, "a", "b");
    let error = ErrorJson::from(reject.clone());
    let result = BatchResultJson {
        status: 201,
        receipt: Some(submitted.clone()),
        error: Some(error.error.clone()),
    };
    let envelope = serde_json::value::RawValue::from_string("{}".to_owned()).unwrap();
    let batch_entry = BatchEntryJson {
        envelope: &envelope,
        verifiers: vec![Bytes::from_static(b"k")],
    };
    let batch_entry_value = serde_json::to_value(&batch_entry).unwrap();
    let info = LogInfoJson {
        name: log.clone(),
        dialect: Dialect::RekorV1,
        origin: "o".to_owned(),
        vkey: "v".to_owned(),
        state: LogState::Frozen,
        size,
    };
    let entry = EntryJson {
        log: log.clone(),
        index,
        leaf_hash: Hash::leaf(b"l"),
        leaf: Bytes::from_static(b"l"),
        envelope_sha256: Some(hash),
        integrated_time: 1,
        proof: Some(proof.clone()),
    };
    let consistency = ConsistencyJson {
        log: log.clone(),
        from: size,
        to: size,
        hashes: vec![],
        checkpoint: Some("n".to_owned()),
    };
    let checkpoint = CheckpointJson {
        log,
        origin: "o".to_owned(),
        size,
        root_hash: hash,
        checkpoint: "n".to_owned(),
    };
    BTreeMap::from([
        ("Proof", json!(proof)),
        ("Receipt", json!(receipt)),
        ("Submitted", json!(submitted)),
        ("Reject", json!(error.error)),
        ("Error", json!(error)),
        ("BatchEntry", batch_entry_value),
        (
            "BatchRequest",
            json!(BatchRequestJson {
                entries: vec![batch_entry]
            }),
        ),
        (
            "BatchResponse",
            json!(BatchResponseJson {
                results: vec![result.clone()]
            }),
        ),
        ("BatchResult", json!(result)),
        ("LogInfo", json!(info)),
        ("Logs", json!(LogsJson { logs: vec![info] })),
        ("Entry", json!(entry)),
        ("Consistency", json!(consistency)),
        ("Checkpoint", json!(checkpoint)),
    ])
}

/// The property names of a schema and which are required, `allOf` included.
fn properties(document: &Value, schema: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut names, mut required) = (BTreeSet::new(), BTreeSet::new());
    if let Some(reference) = schema["$ref"].as_str() {
        return properties(document, resolve(document, reference));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (more, also) = properties(document, part);
        names.extend(more);
        required.extend(also);
    }
    names.extend(
        schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(|map| map.keys().cloned()),
    );
    required.extend(
        schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|v| v.as_str().unwrap().to_owned()),
    );
    (names, required)
}

fn resolve<'a>(document: &'a Value, reference: &str) -> &'a Value {
    let pointer = reference
        .strip_prefix('#')
        .expect("a reference within the document");
    document
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

#[test]
fn structs_have_the_properties_of_their_schemas() {
    let document = document();
    let samples = samples();
    for (name, sample) in &samples {
        let keys: BTreeSet<String> = sample.as_object().unwrap().keys().cloned().collect();
        let (names, required) = properties(&document, schema(&document, name));
        assert_eq!(keys, names, "schema {name}");
        assert!(
            required.is_subset(&names),
            "schema {name} requires what it does not have"
        );
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        let object = schema["properties"].is_object() || schema["allOf"].is_array();
        assert!(
            !object || samples.contains_key(name.as_str()),
            "schema {name} has no sample"
        );
    }
}

#[test]
fn a_field_that_may_be_absent_is_absent_and_not_required() {
    let document = document();
    let reject = json!(ErrorJson::from(Reject::new(RejectKind::Malformed, "m")));
    for (name, sample) in [
        ("Reject", &reject["error"]),
        (
            "BatchResult",
            &json!(BatchResultJson {
                status: 200,
                receipt: None,
                error: None
            }),
        ),
    ] {
        let (_, required) = properties(&document, schema(&document, name));
        let keys: BTreeSet<String> = sample.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, required, "schema {name}");
    }
}

#[test]
fn every_kind_dialect_and_state_is_listed() {
    let document = document();
    let list = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    let kinds: Vec<&str> = RejectKind::ALL
        .iter()
        .map(|kind| kind.wire().label)
        .collect();
    assert_eq!(
        list(&schema(&document, "Reject")["properties"]["kind"]["enum"]),
        kinds
    );
    let dialects = [Dialect::RekorV1, Dialect::RekorV2].map(Dialect::as_str);
    assert_eq!(list(&schema(&document, "Dialect")["enum"]), dialects);
    assert_eq!(
        schema(&document, "LogInfo")["properties"]["state"]["enum"],
        json!([LogState::Active, LogState::Frozen])
    );
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(document: &Value, value: &Value, seen: &mut usize) {
        match value {
            Value::Object(map) => {
                if let Some(reference) = map.get("$ref") {
                    resolve(document, reference.as_str().unwrap());
                    *seen += 1;
                }
                map.values().for_each(|v| walk(document, v, seen));
            }
            Value::Array(list) => list.iter().for_each(|v| walk(document, v, seen)),
            _ => {}
        }
    }
    let document = document();
    let mut seen = 0;
    walk(&document, &document, &mut seen);
    assert!(seen > 50, "{seen} references");
}

#[test]
fn every_operation_is_complete() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
            let parameters: Vec<&Value> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .collect();
            let resolved = parameters
                .iter()
                .map(|p| p["$ref"].as_str().map_or(*p, |r| resolve(&document, r)));
            let in_path: BTreeSet<String> = resolved
                .filter(|p| p["in"] == "path")
                .map(|p| p["name"].as_str().unwrap().to_owned())
                .collect();
            let templated: BTreeSet<String> = path
                .split('{')
                .skip(1)
                .map(|part| part.split('}').next().unwrap().to_owned())
                .collect();
            assert_eq!(in_path, templated, "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                assert!(
                    response["description"].is_string(),
                    "{method} {path} {status}"
                );
                let error = response["content"]["application/json"]["schema"]["$ref"]
                    == "#/components/schemas/Error";
                assert_eq!(error, !status.starts_with('2'), "{method} {path} {status}");
            }
        }
    }
    let wanted = [
        "submit",
        "submitBatch",
        "getEntry",
        "tail",
        "getConsistency",
        "getCheckpoint",
        "listLogs",
        "getEnvelope",
        "getTrustedRoot",
        "getSigningConfig",
        "getVkey",
        "getOpenapi",
    ];
    assert_eq!(ids, wanted.map(str::to_owned).into());
}

#[test]
fn the_statuses_of_submit_are_those_of_the_kinds() {
    let document = document();
    let submit = document["paths"]["/v1/entries"]["post"]["responses"]
        .as_object()
        .unwrap();
    for kind in RejectKind::ALL {
        let status = kind.wire().status.as_u16().to_string();
        assert!(submit.contains_key(&status), "{kind:?} has status {status}");
        let retry = submit[&status]["headers"]["Retry-After"].is_object();
        assert_eq!(retry, kind.wire().retry_after_secs.is_some(), "{kind:?}");
    }
}

#[test]
fn the_grpc_service_has_an_rpc_for_every_operation_of_the_log() {
    use prost::Message as _;
    let set = prost_types::FileDescriptorSet::decode(treering_api::grpc::DESCRIPTOR).unwrap();
    let service = set
        .file
        .iter()
        .flat_map(|file| &file.service)
        .next()
        .unwrap();
    let names: Vec<&str> = service.method.iter().map(|method| method.name()).collect();
    assert_eq!(service.name(), "Log");
    assert_eq!(
        names,
        [
            "Submit",
            "SubmitBatch",
            "SubmitStream",
            "GetEntry",
            "GetConsistency",
            "GetCheckpoint",
            "Tail",
            "ListLogs",
            "GetEnvelope"
        ]
    );
}
