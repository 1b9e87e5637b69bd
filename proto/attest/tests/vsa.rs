//! Verification summaries: the seven steps, each failing by itself, over a real one and ones that are written here.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::fs;

use serde_json::{Value, json};
use treering_attest::container::{Item, open};
use treering_attest::facts::{Digest, Facts};
use treering_attest::vsa::{
    Expectation, InputAttestation, Level, Outcome, PREDICATE_TYPE, Pair, Report, Step, Summary,
    SummaryError, SummaryPolicy, SummarySubject, Verdict, signers, verify,
};
use treering_attest::{PublicKey, Statement};

const BCID: &str = "https://bcid.corp.google.com/verifier/bcid_package_enforcer/v0.1";
const IMAGE: &str =
    "gce_image://gke-node-images:gke-12615-gke1418000-cos-101-17162-463-29-c-cgpv1-pre";

fn vector(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    fs::read(format!("{folder}/{name}")).unwrap()
}

fn google() -> Expectation {
    Expectation {
        artifact: vec![Digest::new("gce_image_id", "8970095005306000053")],
        predicate_types: vec![PREDICATE_TYPE.to_owned()],
        pairs: vec![Pair {
            signer: "google".to_owned(),
            verifier: BCID.to_owned(),
            at_most: vec![Level::parse("SLSA_BUILD_LEVEL_3")],
        }],
        resource_uri: IMAGE.to_owned(),
        levels: vec![Level::parse("SLSA_BUILD_LEVEL_1"), Level::parse("BCID_L1")],
    }
}

/// The one step that did not pass, and how.
fn only_failure(report: &Report) -> (Step, Outcome, &str) {
    let failed: Vec<_> = report
        .steps
        .iter()
        .filter(|step| step.outcome != Outcome::Passed)
        .collect();
    let [only] = failed.as_slice() else {
        panic!("one step, not {failed:?}")
    };
    assert_eq!(report.first_not_passed(), Some(*only));
    assert_eq!(report.step(only.step), Some(*only));
    (only.step, only.outcome, only.found.as_str())
}

#[test]
fn the_real_summary_takes_all_seven_steps() {
    let bytes = vector("vsa/gke-gce-pre.bcid-vsa.jsonl");
    let items: Vec<Item<'_>> = open(&bytes)
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let key = PublicKey::from_pem_or_der(&vector("vsa/vsa_signing_public_key.pem")).unwrap();
    let by = signers(&items[0], &[("google".to_owned(), key.clone())]);
    assert_eq!(by, ["google"]);
    let facts = Facts::of_item(&items[0]).unwrap();
    let report = verify(&facts, &by, &google());
    assert!(report.passed(), "{report:?}");
    let labels: Vec<&str> = report.steps.iter().map(|step| step.step.label()).collect();
    let expected = [
        "signature",
        "subject",
        "predicate-type",
        "verifier-signer-pair",
        "resource-uri",
        "result",
        "level",
    ];
    assert_eq!(labels, expected);

    // Another key signed nothing, and a changed payload is signed by nobody.
    let mut envelope: Value = serde_json::from_slice(&bytes).unwrap();
    envelope["payload"] = json!("e30=");
    let text = envelope.to_string();
    let items = open(text.as_bytes()).unwrap();
    assert_eq!(
        signers(items[0].as_ref().unwrap(), &[("google".to_owned(), key)]),
        Vec::<String>::new()
    );
}

#[test]
fn each_step_fails_by_itself_and_says_what_it_found() {
    let bytes = vector("vsa/gke-gce-pre.bcid-vsa.jsonl");
    let items = open(&bytes).unwrap();
    let facts = Facts::of_item(items[0].as_ref().unwrap()).unwrap();
    let google_ = ["google".to_owned()];
    let with = |change: fn(&mut Expectation)| {
        let mut expectation = google();
        change(&mut expectation);
        let report = verify(&facts, &google_, &expectation);
        let (step, outcome, found) = only_failure(&report);
        (step, outcome, found.to_owned())
    };
    let failed = |step, found: &str| (step, Outcome::Failed, found.to_owned());
    assert_eq!(
        with(|expected| expected.artifact = vec![Digest::new("sha256", "00")]),
        failed(Step::Subject, "gce_image_id:8970095005306000053")
    );
    assert_eq!(
        with(|expected| expected.predicate_types =
            vec!["https://slsa.dev/verification_summary/v0.2".to_owned()]),
        failed(Step::PredicateType, PREDICATE_TYPE)
    );
    assert_eq!(
        with(|expected| expected.pairs[0].verifier = "other".to_owned()),
        failed(Step::Verifier, &format!("{BCID} signed by google"))
    );
    assert_eq!(
        with(|expected| expected.resource_uri = "other".to_owned()),
        failed(Step::ResourceUri, IMAGE)
    );
    assert_eq!(
        with(|expected| expected.levels = vec![Level::parse("SLSA_BUILD_LEVEL_3")]),
        failed(Step::Levels, "BCID_L1 or SLSA_BUILD_LEVEL_2")
    );
    assert_eq!(
        with(|expected| expected.pairs[0].at_most = vec![Level::parse("SLSA_BUILD_LEVEL_1")]),
        failed(
            Step::Levels,
            "SLSA_BUILD_LEVEL_2, more than the verifier may state"
        )
    );
}

#[test]
fn whoever_signs_speaks_as_no_verifier_but_his_own() {
    let bytes = vector("vsa/gke-gce-pre.bcid-vsa.jsonl");
    let items = open(&bytes).unwrap();
    let facts = Facts::of_item(items[0].as_ref().unwrap()).unwrap();
    let mut expectation = google();
    expectation.pairs.push(Pair {
        signer: "mallory".to_owned(),
        verifier: "https://mallory".to_owned(),
        at_most: Vec::new(),
    });
    let report = verify(&facts, &["mallory".to_owned()], &expectation);
    let (step, outcome, found) = only_failure(&report);
    assert_eq!((step, outcome), (Step::Verifier, Outcome::Failed));
    assert_eq!(
        found,
        format!("{BCID}, which these signers may not speak as: mallory")
    );
    // Signed by nobody, or by somebody whom no pair names: two steps fail.
    for signers in [vec![], vec!["stranger".to_owned()]] {
        let report = verify(&facts, &signers, &google());
        let failed: Vec<Step> = report
            .steps
            .iter()
            .filter(|step| step.outcome == Outcome::Failed)
            .map(|step| step.step)
            .collect();
        assert_eq!(failed, [Step::Signature, Step::Verifier]);
    }
}

fn summary() -> Summary {
    Summary {
        subjects: vec![SummarySubject {
            name: Some("a".to_owned()),
            uri: None,
            digests: vec![Digest::new("sha256", &"ab".repeat(32))],
        }],
        verifier: "https://v".to_owned(),
        verifier_versions: vec![("tool".to_owned(), "1.0".to_owned())],
        time_verified: Some("2026-01-31T10:00:00Z".to_owned()),
        resource_uri: "pkg:oci/a".to_owned(),
        policy: SummaryPolicy {
            uri: "https://p".to_owned(),
            digests: vec![Digest::new("sha256", &"cd".repeat(32))],
        },
        input_attestations: Some(vec![InputAttestation {
            uri: Some("https://i".to_owned()),
            digests: vec![Digest::new("sha256", &"ef".repeat(32))],
        }]),
        result: Verdict::Passed,
        levels: vec!["SLSA_BUILD_LEVEL_3".to_owned()],
        dependency_levels: Some(vec![("SLSA_BUILD_LEVEL_1".to_owned(), 2)]),
        slsa_version: Some("1.2".to_owned()),
    }
}

#[test]
fn what_is_written_is_canonical_and_read_again_the_same() {
    let written = summary().to_statement().unwrap();
    let hex = |byte: &str| byte.repeat(32);
    let expected = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{{"dependencyLevels":{{"SLSA_BUILD_LEVEL_1":2}},"inputAttestations":[{{"digest":{{"sha256":"{}"}},"uri":"https://i"}}],"policy":{{"digest":{{"sha256":"{}"}},"uri":"https://p"}},"resourceUri":"pkg:oci/a","slsaVersion":"1.2","timeVerified":"2026-01-31T10:00:00Z","verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"],"verifier":{{"id":"https://v","version":{{"tool":"1.0"}}}}}},"predicateType":"https://slsa.dev/verification_summary/v1","subject":[{{"digest":{{"sha256":"{}"}},"name":"a"}}]}}"#,
        hex("ef"),
        hex("cd"),
        hex("ab"),
    );
    assert_eq!(String::from_utf8(written.clone()).unwrap(), expected);
    Statement::parse(&written).unwrap();
    let facts = Facts::of_statement(&written).unwrap();
    assert_eq!(Summary::from_facts(&facts).as_ref(), Ok(&summary()));
    // What makes no claim is not written, and what is empty is.
    let bare = Summary {
        verifier_versions: Vec::new(),
        time_verified: None,
        input_attestations: None,
        dependency_levels: Some(Vec::new()),
        slsa_version: None,
        ..summary()
    };
    let facts = Facts::of_statement(&bare.to_statement().unwrap()).unwrap();
    assert_eq!(Summary::from_facts(&facts), Ok(bare));
}

#[test]
fn a_failed_summary_is_written_and_its_result_does_not_pass() {
    let failed = Summary {
        result: Verdict::Failed,
        ..summary()
    };
    let facts = Facts::of_statement(&failed.to_statement().unwrap()).unwrap();
    let expectation = Expectation {
        artifact: vec![Digest::new("SHA-256", &"AB".repeat(32))],
        predicate_types: vec![PREDICATE_TYPE.to_owned()],
        pairs: vec![Pair {
            signer: "s".to_owned(),
            verifier: "https://v".to_owned(),
            at_most: Vec::new(),
        }],
        resource_uri: "pkg:oci/a".to_owned(),
        levels: vec![Level::parse("SLSA_BUILD_LEVEL_2")],
    };
    let report = verify(&facts, &["s".to_owned()], &expectation);
    assert_eq!(
        only_failure(&report),
        (Step::Result, Outcome::Failed, "FAILED")
    );
    let text = report.first_not_passed().unwrap().to_string();
    assert_eq!(text, "result: expected PASSED, found FAILED");
}

#[test]
fn what_readers_would_refuse_is_not_written() {
    let refused = |change: fn(&mut Summary)| {
        let mut summary = summary();
        change(&mut summary);
        match summary.to_statement().unwrap_err() {
            SummaryError::Field { field, .. } => field,
            other => panic!("{other}"),
        }
    };
    assert_eq!(refused(|it| it.subjects.clear()), "subject");
    assert_eq!(
        refused(|it| it.subjects[0].digests.clear()),
        "subject.digest"
    );
    let empty = |it: &mut Summary| it.policy.digests[0].value.clear();
    assert_eq!(refused(empty), "policy.digest");
    assert_eq!(refused(|it| it.verifier.clear()), "verifier.id");
    assert_eq!(refused(|it| it.resource_uri.clear()), "resourceUri");
    assert_eq!(refused(|it| it.policy.uri.clear()), "policy.uri");
    assert_eq!(
        refused(|it| it.time_verified = Some("yesterday".to_owned())),
        "timeVerified"
    );
    let twice = |it: &mut Summary| {
        it.dependency_levels = Some(vec![("L".to_owned(), 1), ("L".to_owned(), 2)])
    };
    assert_eq!(refused(twice), "dependencyLevels");
    let many = |it: &mut Summary| it.dependency_levels = Some(vec![("L".to_owned(), u64::MAX)]);
    assert_eq!(refused(many), "dependencyLevels");
    let twice = |it: &mut Summary| it.subjects[0].digests.push(Digest::new("SHA256", "00"));
    assert_eq!(refused(twice), "subject.digest");
}

#[test]
fn unknown_and_ambiguous_facts_never_pass() {
    let of = |predicate: Value| {
        let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": PREDICATE_TYPE, "predicate": predicate});
        Facts::of_statement(statement.to_string().as_bytes()).unwrap()
    };
    let outcome = |facts: &Facts, step: Step| {
        let report = verify(facts, &["google".to_owned()], &google());
        assert!(!report.passed());
        let result = report.step(step).unwrap();
        (result.outcome, result.found.clone())
    };
    let nothing = of(json!({}));
    for step in [
        Step::Verifier,
        Step::ResourceUri,
        Step::Result,
        Step::Levels,
    ] {
        assert_eq!(
            outcome(&nothing, step),
            (Outcome::Unknown, "nothing".to_owned()),
            "{step:?}"
        );
    }
    let both = of(
        json!({"verificationResult": "PASSED", "verification_result": "FAILED", "verifiedLevels": ["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_1"]}),
    );
    assert_eq!(
        outcome(&both, Step::Result),
        (Outcome::Unknown, "2 values that differ".to_owned())
    );
    assert_eq!(outcome(&both, Step::Levels).0, Outcome::Unknown);
    assert!(matches!(
        Summary::from_facts(&both),
        Err(SummaryError::Field { .. })
    ));
    let other =
        Facts::of_statement(br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p"}"#)
            .unwrap();
    assert_eq!(
        Summary::from_facts(&other),
        Err(SummaryError::Class {
            found: "p".to_owned()
        })
    );
    assert_eq!(outcome(&other, Step::PredicateType).0, Outcome::Failed);
}
