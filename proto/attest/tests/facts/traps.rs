//! What parsers have fallen over: each trap a test.

use serde_json::{Value, json};
use treering_attest::Envelope;
use treering_attest::container::{Content, open};
use treering_attest::facts::{
    Class, Details, Digest, Fact, Facts, FactsError, Format, components, file_key,
};
use treering_attest::limits::{MAX_SUBJECTS, MAX_VALUES};

use crate::{facts, of, read, stated};

fn statement(text: &str) -> Result<Facts, FactsError> {
    Facts::of_statement(text.as_bytes())
}

fn with_predicate(predicate: &str) -> Result<Facts, FactsError> {
    statement(&format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","predicate":{predicate}}}"#
    ))
}

#[test]
fn a_statement_v0_1_may_hold_provenance_v1() {
    let text = r#"{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v1.0?draft","subject":[],"predicate":{"runDetails":{"builder":{"id":"b"}}}}"#;
    let facts = statement(text).unwrap();
    assert_eq!(
        (facts.format, stated(&facts.build.builder_id)),
        (Format::StatementV0_1, Some("b"))
    );
}

#[test]
fn provenance_v0_2_comes_in_bundles_0_3() {
    let bytes = read("slsa-github/v2.1.0-push-v14.2.intoto.jsonl");
    let items = open(&bytes).unwrap();
    let item = items[0].as_ref().unwrap();
    assert_eq!(item.kind.label(), "bundle-0.3");
    assert_eq!(
        Facts::of_item(item).unwrap().predicate_type,
        "https://slsa.dev/provenance/v0.2"
    );
}

#[test]
fn spellings_of_a_package_url_are_one_subject() {
    let purl = |name: &str| {
        let text = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "x", "subject": [{"name": name, "digest": {}}]});
        statement(&text.to_string()).unwrap().subjects[0]
            .purl
            .clone()
    };
    assert_eq!(purl("pkg:npm/%40scope/x@1.0"), purl("pkg:npm/@scope/x@1.0"));
    assert_eq!(
        stated(&purl("pkg:npm/@scope/x@1.0")),
        Some("pkg:npm/%40scope/x@1.0")
    );
    assert_eq!(purl("pkg:"), Fact::Unknown);
}

#[test]
fn the_tags_of_a_wheel_come_in_any_order() {
    let facts = facts(
        "pep740/spt3g-1.0-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl.publish.attestation",
    );
    let name = stated(&facts.subjects[0].name).unwrap();
    let file = "spt3g-1.0-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.whl";
    assert_ne!(name, file);
    assert_eq!(file_key(name), file_key(file));
}

#[test]
fn signed_payloads_need_not_be_in_toto() {
    let text = json!({"payload": "aGVsbG8=", "payloadType": "text/plain", "signatures": [{"keyid": "", "sig": "AA=="}]});
    let text = text.to_string();
    let items = open(text.as_bytes()).unwrap();
    let item = items[0].as_ref().unwrap();
    assert!(matches!(item.content, Content::Envelope(_)));
    assert_eq!(item.signatures[0].hint, "");
    let facts = Facts::of_item(item).unwrap();
    assert_eq!(
        (facts.class, facts.format, facts.predicate_type.as_str()),
        (Class::Unknown, Format::Payload, "text/plain")
    );
    // A statement under another type is not taken for one; under in-toto's two forms it is.
    let payload = br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p"}"#;
    for (payload_type, predicate_type) in [
        ("text/plain", "text/plain"),
        ("application/vnd.in-toto+json", "p"),
        ("application/vnd.in-toto.provenance+json", "p"),
        (
            "application/vnd.in-totox+json",
            "application/vnd.in-totox+json",
        ),
    ] {
        let facts = Facts::of_payload(payload_type, payload).unwrap();
        assert_eq!(facts.predicate_type, predicate_type);
    }
}

#[test]
fn a_subject_may_be_called_underscore_or_nothing_or_not_be_there() {
    assert_eq!(
        stated(&facts("vsa/gke-gce-pre.bcid-vsa.jsonl").subjects[0].name),
        Some("_")
    );
    for subject in [r#","subject":null"#, r#","subject":[]"#, ""] {
        let text = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"p"{subject}}}"#
        );
        assert_eq!(statement(&text).unwrap().subjects, []);
    }
    let chains = read("chains-payloads/0.29.2/tr-no-subject_slsa-v2alpha4.json");
    let payload = Envelope::parse(&chains).unwrap().payload().unwrap();
    let value: Value = serde_json::from_slice(&payload).unwrap();
    assert!(value.get("subject").is_none());
    assert_eq!(Facts::of_statement(&payload).unwrap().subjects, []);
    let nameless = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[{"name":"","digest":{"sha256":"00"}}]}"#;
    assert_eq!(statement(nameless).unwrap().subjects[0].name, Fact::Unknown);
}

#[test]
fn a_member_twice_is_refused_wherever_it_stands() {
    for predicate in [
        r#"{"buildDefinition":{},"buildDefinition":{}}"#,
        r#"{"runDetails":{"builder":{"id":"a","id":"b"}}}"#,
        r#"{"x":[{"a":1,"a":1}]}"#,
        r#"{"a":1,"\u0061":2}"#,
    ] {
        let error = with_predicate(predicate).unwrap_err().to_string();
        assert!(error.contains("duplicate member"), "{error}");
    }
    // Of predicates that nobody reads, too: two readers could disagree.
    let text = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","predicate":{"a":1,"a":2}}"#;
    assert!(matches!(statement(text), Err(FactsError::Json { .. })));
    for text in [
        r#"{"_type":"https://in-toto.io/Statement/v1","_type":"https://in-toto.io/Statement/v1","predicateType":"p"}"#,
        r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","predicate":{},"predicate":{}}"#,
        r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[{"digest":{"a":"1","a":"2"}}]}"#,
        r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p"}{}"#,
        "\u{feff}{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"p\"}",
    ] {
        assert!(
            matches!(statement(text), Err(FactsError::Statement(_))),
            "{text}"
        );
    }
}

#[test]
fn odd_texts_and_numbers_are_refused_or_say_nothing() {
    for (predicate, found) in [
        (r#"{"a":"\ud800"}"#, "hex escape"),
        (r#"{"a":"\ud800\u0041"}"#, "surrogate"),
        (r#"{"a":1e999}"#, "out of range"),
    ] {
        let error = with_predicate(predicate).unwrap_err().to_string();
        assert!(error.contains(found), "{error}");
    }
    let mut text =
        br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","predicate":""#.to_vec();
    text.extend_from_slice(b"\xff\"}");
    assert!(
        Facts::of_statement(&text)
            .unwrap_err()
            .to_string()
            .contains("utf-8")
    );
    // Numbers beyond 64 bits, fractions and signs are no counts.
    for number in [
        "18446744073709551616",
        "123456789012345678901234567890",
        "-1",
        "1.5",
        "\"x\"",
        "null",
    ] {
        let text = format!(r#"{{"byproducts":{{"return-value":{number}}}}}"#);
        let facts = of(
            "https://in-toto.io/attestation/link/v0.3",
            &serde_json::from_str(&text).unwrap(),
        );
        let Details::Link(link) = facts.details else {
            panic!()
        };
        assert_eq!(link.return_value, Fact::Unknown, "{number}");
    }
    // A fact of another type is none.
    let facts = of(
        "https://slsa.dev/provenance/v1",
        &json!({"runDetails": {"builder": {"id": 7}}, "buildDefinition": []}),
    );
    assert_eq!(facts.build.builder_id, Fact::Unknown);
}

#[test]
fn nesting_is_bounded() {
    for open in ["[", r#"{"a":"#] {
        let deep = open.repeat(1_000_000);
        assert!(with_predicate(&deep).is_err());
        let text = format!(r#"{{"_type":{deep}"#);
        assert!(statement(&text).is_err());
    }
    let nested = format!("{}{}", "[".repeat(120), "]".repeat(120));
    with_predicate(&format!(r#"{{"a":{nested}}}"#)).unwrap();
}

#[test]
fn subjects_and_values_are_bounded_and_ten_thousand_are_fine() {
    let subjects = |count: usize| {
        let subjects: Vec<Value> = (0..count)
            .map(|number| json!({"name": format!("pkg:npm/x@{number}"), "digest": {"sha256": format!("{number:064x}")}}))
            .collect();
        json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "p", "subject": subjects}).to_string()
    };
    let facts = statement(&subjects(10_000)).unwrap();
    assert_eq!(facts.subjects.len(), 10_000);
    let last = facts.subjects.last().unwrap();
    assert_eq!(
        (stated(&last.purl), last.at.as_str()),
        (Some("pkg:npm/x@9999"), "/subject/9999")
    );
    assert!(last.matches(&Digest::new("SHA-256", &format!("{:064X}", 9_999))));
    let empty = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[{}{{}}]}}"#,
        "{},".repeat(MAX_SUBJECTS)
    );
    assert!(matches!(statement(&empty), Err(FactsError::Statement(_))));
    let values = format!("[{}0]", "0,".repeat(MAX_VALUES));
    assert!(
        with_predicate(&values)
            .unwrap_err()
            .to_string()
            .contains("values in a document")
    );
}

/// Nothing in here may take time or memory by the square of its input: a quadratic step over a hundred thousand inputs would not end.
#[test]
fn many_inputs_tasks_and_results_are_read_in_linear_time() {
    let git = |number: usize| json!({"name": "pipelineTask", "uri": format!("git+https://h/r{number}"), "digest": {"sha1": format!("{number:040x}")}});
    let dependencies: Vec<Value> = (0..10_000).map(git).collect();
    let task = |number: usize| json!({"name": format!("t{number}"), "taskRef": {"bundle": format!("r/{number}")}});
    let tasks: Vec<Value> = (0..10_000).map(task).collect();
    let facts = of(
        "https://slsa.dev/provenance/v1",
        &json!({"buildDefinition": {"buildType": "https://tekton.dev/chains/v2/slsa",
            "externalParameters": {"runSpec": {"pipelineSpec": {"tasks": tasks}}}, "resolvedDependencies": dependencies}}),
    );
    assert_eq!(crate::tekton(&facts).tasks.len(), 10_000);
    let materials: Vec<Value> = (0..40_000).map(git).collect();
    let facts = of(
        "https://slsa.dev/provenance/v0.2",
        &json!({"materials": materials}),
    );
    assert!(facts.build.repository.value().is_none());
    assert!(!facts.build.repository.candidates().is_empty());
}

#[test]
fn two_spellings_of_an_algorithm_that_differ_are_ambiguous() {
    let text = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[{"digest":{"sha256":"aa","SHA-256":"bb","sha1":"cc"}}]}"#;
    let facts = statement(text).unwrap();
    let digest = facts.subjects[0].digest("sha256");
    assert_eq!((digest.value(), digest.candidates().len()), (None, 2));
    assert!(facts.subjects[0].digest("sha1").is("cc"));
    assert!(facts.subjects[0].digest("md5").is_unknown());
}

#[test]
fn content_of_a_task_that_cannot_be_read_leaves_its_facts_unknown() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let twice = STANDARD.encode(r#"{"status":{},"status":{}}"#);
    for content in ["!", "AAAA", twice.as_str()] {
        let facts = of(
            "https://slsa.dev/provenance/v1",
            &json!({"buildDefinition": {"buildType": "https://tekton.dev/chains/v2/slsa-tekton", "resolvedDependencies": [
                {"name": "pipelineTask", "uri": "r/t", "digest": {"sha256": "00"}, "content": content}]}}),
        );
        let [row] = crate::tekton(&facts).tasks.as_slice() else {
            panic!()
        };
        assert_eq!(
            (&row.name, &row.status, stated(&row.reference.resolved)),
            (&Fact::Unknown, &Fact::Unknown, Some("r/t"))
        );
    }
}

#[test]
fn components_stop_where_the_document_is_broken() {
    let text = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://spdx.dev/Document","predicate":{"packages":[{"name":"a"},{"name":"b","name":"c"}]}}"#;
    let mut seen = 0;
    let error = components(text.as_bytes(), &mut |_| seen += 1).unwrap_err();
    assert!(error.to_string().contains("duplicate member"), "{error}");
    assert_eq!(seen, 1);
}
