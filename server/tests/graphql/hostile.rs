//! Documents that are not what they seem never break the page that they are on.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::{Gone, IN_TOTO, Memory, data, envelope, found, refusal, statement};

const EVERYTHING: &str = "{ dsses { totalCount edges { node { gitoidSha256 payloadType
    signatures { keyID signature timestamps { type timestamp } } payloadDigests { algorithm value }
    statement { predicate subjects { edges { node { name subjectDigests { algorithm value } statement { predicate } } } }
    attestationCollections { name attestations { type } } } } } }
    subjects { totalCount edges { node { name } } } }";

const COLLECTION: &str = "https://witness.testifysec.com/attestation-collection/v0.1";

fn hostile() -> Vec<Bytes> {
    let deep = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://witness.testifysec.com/attestation-collection/v0.1","predicate":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let collection = |predicate: Value| {
        let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": [],
            "predicateType": COLLECTION, "predicate": predicate});
        envelope(IN_TOTO, statement.to_string().as_bytes())
    };
    vec![
        envelope(IN_TOTO, b""),
        envelope(IN_TOTO, b"\xff\xfe"),
        envelope(IN_TOTO, b"[[[[[[["),
        envelope(IN_TOTO, br#"{"_type":"https://in-toto.io/Statement/v1"}"#),
        envelope(IN_TOTO, br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"a","predicateType":"b"}"#),
        envelope("https://witness.testifysec.com/policy/v0.1", br#"{"expires":"2030-01-01T00:00:00Z"}"#),
        collection(json!({"name": 1, "attestations": "none"})),
        collection(json!({"name": "a", "attestations": [{"type": null}]})),
        collection(json!(["\u{0}"])),
        collection(json!({"name": "a", "attestations": [["type"]]})),
        envelope(IN_TOTO, deep.as_bytes()),
    ]
}

#[tokio::test]
async fn hostile_payloads_are_listed_without_a_statement() {
    let mut documents = hostile();
    let good = statement("https://example.com/p", &[("a\u{0}\"\\", "aa")]);
    documents.push(good);
    let count = documents.len();
    let memory = Memory::of(documents);
    let data = data(memory.clone(), EVERYTHING).await;
    assert_eq!(found(&data), memory.gitoids());
    assert_eq!(data["dsses"]["totalCount"], count);
    let edges = data["dsses"]["edges"].as_array().unwrap();
    for edge in &edges[..6] {
        assert_eq!(edge["node"]["statement"], Value::Null);
        assert_eq!(edge["node"]["signatures"][0]["keyID"], "key-one");
    }
    for edge in &edges[6..11] {
        let claim = &edge["node"]["statement"];
        assert_eq!(claim["predicate"], COLLECTION);
        assert_eq!(claim["attestationCollections"], Value::Null);
    }
    assert_eq!(data["subjects"]["totalCount"], 1);
    assert_eq!(data["subjects"]["edges"][0]["node"]["name"], "a\u{0}\"\\");
}

#[tokio::test]
async fn what_is_no_envelope_is_passed_over() {
    let good = statement("https://example.com/p", &[]);
    let bad = [
        "",
        "hello",
        "{}",
        r#"{"payload":"!","payloadType":"a","signatures":[]}"#,
    ];
    let bad = bad.into_iter().map(Bytes::from);
    let memory = Memory::of(bad.chain([good]));
    let data = data(memory.clone(), EVERYTHING).await;
    assert_eq!(found(&data), memory.gitoids()[4..]);
    assert_eq!(data["dsses"]["totalCount"], 1);
}

#[tokio::test]
async fn timestamps_that_are_not_read_are_not_called_none() {
    let mut document: Value =
        serde_json::from_slice(&statement("https://example.com/p", &[])).unwrap();
    document["signatures"][0]["timestamps"] = json!([{"type": "tsp", "data": "AAAA"}]);
    let memory = Memory::of([Bytes::from(document.to_string())]);
    let query = "{ dsses { edges { node { signatures { timestamps { type } } } } } }";
    let data = data(memory, query).await;
    let signature = &data["dsses"]["edges"][0]["node"]["signatures"][0];
    assert_eq!(signature, &json!({"timestamps": null}));
}

#[tokio::test]
async fn a_catalogue_that_fails_is_an_error_of_the_field() {
    let (status, message) = refusal(std::sync::Arc::new(Gone), "{ dsses { totalCount } }").await;
    assert_eq!(
        (status, message.as_str()),
        (200, "documents can not be read now: the disk is gone")
    );
}
