//! Queries of real clients, with the real server's answers.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use treering_server::archivista::query::Endpoint;

use crate::support::{Memory, read};

/// Queries whose recorded answer counts what else was in the real server's database.
const OF_OTHER_DOCUMENTS: [&str; 2] = [
    "dsses(first: 1, where: {payloadType:",
    "slsa.dev/provenance/v0.2",
];

fn recorded(name: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/archivista");
    let file = fs::read(folder.join(name)).unwrap();
    let mut file: Value = serde_json::from_slice(&file).unwrap();
    let member = if file["exchanges"].is_array() {
        "exchanges"
    } else {
        "archivista"
    };
    match file[member].take() {
        Value::Array(exchanges) => exchanges,
        other => panic!("expected exchanges, found {other}"),
    }
}

/// What was uploaded, and accepted.
fn uploaded(exchanges: &[Value]) -> Vec<Bytes> {
    let accepted = exchanges.iter().filter(|exchange| {
        exchange["request"]["path"] == "/upload" && exchange["response"]["status"] == 200
    });
    let body = |exchange: &Value| exchange["request"]["body"].as_str().unwrap().to_owned();
    accepted
        .map(|exchange| Bytes::from(body(exchange)))
        .collect()
}

/// Every document that was recorded: the uploads come before the queries that they are asked for by.
pub(crate) fn documents() -> Vec<Bytes> {
    let files = [
        "archivistactl-store.json",
        "chains-no-subject.json",
        "chains-image.json",
        "witness-client.json",
    ];
    files
        .into_iter()
        .flat_map(|file| uploaded(&recorded(file)))
        .collect()
}

/// Ids and cursors are each server's own, and so is the order of what has no order in the query.
fn without_own(mut value: Value) -> Value {
    fn blank(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(blank),
            Value::Object(members) => {
                for (name, value) in members {
                    if matches!(name.as_str(), "id" | "cursor" | "startCursor" | "endCursor") {
                        assert!(value.is_string(), "{name}: {value}");
                        *value = json!("own");
                    }
                    blank(value);
                    if let ("edges", Value::Array(edges)) = (name.as_str(), value) {
                        edges.sort_by_key(Value::to_string);
                    }
                }
            }
            _ => {}
        }
    }
    blank(&mut value);
    value
}

/// A value with its members and the kinds of its texts and numbers, not what they are.
fn shape(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), shape(value)));
            Value::Object(members.collect())
        }
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("text"),
        other => other.clone(),
    }
}

async fn replay(file: &str) -> usize {
    let catalogue = Memory::of(documents());
    let endpoint = Endpoint::new(catalogue);
    let mut replayed = 0;
    for exchange in recorded(file) {
        if exchange["request"]["path"] != "/query" {
            continue;
        }
        let body = exchange["request"]["body"].as_str().unwrap();
        let (status, answer) = read(endpoint.post(body.as_bytes()).await).await;
        assert_eq!(status, exchange["response"]["status"], "{body}");
        let theirs = exchange["response"]["body"].as_str().unwrap();
        let theirs: Value = serde_json::from_str(theirs).unwrap();
        if theirs["errors"].is_array() {
            same_error(&answer, &theirs);
        } else if OF_OTHER_DOCUMENTS
            .iter()
            .any(|part| body.replace("\\\"", "\"").contains(part))
        {
            assert_eq!(shape(&answer), shape(&theirs), "{body}");
        } else {
            assert_eq!(without_own(answer), without_own(theirs), "{body}");
        }
        replayed += 1;
    }
    replayed
}

/// The same in all but the words, which name the same field.
fn same_error(ours: &Value, theirs: &Value) {
    let (our, their) = (&ours["errors"][0], &theirs["errors"][0]);
    for member in ["locations", "extensions"] {
        assert_eq!(our[member], their[member]);
    }
    assert_eq!(ours["data"], theirs["data"]);
    let message = our["message"].as_str().unwrap();
    assert!(
        message.contains("field \"nothing\" on type \"Query\""),
        "{message}"
    );
}

#[tokio::test]
async fn witness_and_archivistactl_are_answered_as_by_the_real_server() {
    assert_eq!(replay("witness-client.json").await, 12);
    assert_eq!(replay("archivistactl-search.json").await, 1);
    assert_eq!(replay("archivistactl-search-nothing.json").await, 1);
    assert_eq!(replay("archivistactl-retrieve-subjects.json").await, 1);
}

#[tokio::test]
async fn what_chains_uploads_has_no_collection_and_may_have_no_subject() {
    let query = r#"{ dsses(where: {hasStatementWith: {predicateIn: ["https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"]}}) {
        totalCount edges { node { statement { predicate attestationCollections { name } subjects { totalCount edges { node { name subjectDigests { value } } } } } } } } }"#;
    let data = crate::support::data(Memory::of(documents()), query).await;
    let digest = "9d2f8f0a0f2e4cf0e5a30a1ce3d7a6b8f2b5a0d4b6d2f8e3a1c9b7e5d3f10203";
    let expected = json!({"dsses": {"totalCount": 2, "edges": [
        {"node": {"statement": {
            "predicate": "https://slsa.dev/provenance/v0.2",
            "attestationCollections": null,
            "subjects": {"totalCount": 0, "edges": []},
        }}},
        {"node": {"statement": {
            "predicate": "https://slsa.dev/provenance/v1",
            "attestationCollections": null,
            "subjects": {"totalCount": 1, "edges": [{"node": {
                "name": "registry.example/shop/frontend",
                "subjectDigests": [{"value": digest}],
            }}]},
        }}},
    ]}});
    assert_eq!(data, expected);
}
