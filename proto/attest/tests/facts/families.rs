//! One statement of each family of which no real sample is at hand.

use serde_json::{Value, json};
use treering_attest::container::Item;
use treering_attest::facts::{Class, Details, Dialect, Fact, Facts, Format, Origin};

use crate::{facts_of, of, stated};

const COMMIT: &str = "2bcaa7495e1cbd11fbd4f598d857b3a6f18df933";

fn vsa(predicate_type: &str, predicate: &Value) -> treering_attest::facts::VsaFacts {
    let facts = of(predicate_type, predicate);
    assert_eq!(facts.class, Class::Vsa);
    let Details::Vsa(vsa) = facts.details else {
        panic!("{:?}", facts.details)
    };
    *vsa
}

#[test]
fn verification_summaries_v1() {
    let v1 = vsa(
        "https://slsa.dev/verification_summary/v1",
        &json!({
            "verifier": {"id": "https://v", "version": {"slsa-verifier": "2.7"}}, "timeVerified": "2024-06-12T07:24:34Z",
            "resourceUri": "pkg:oci/x", "policy": {"uri": "https://p", "digest": {"sha256": "AB"}},
            "inputAttestations": [{"uri": "https://a", "digest": {"sha256": "cd"}}], "verificationResult": "FAILED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_3"], "dependencyLevels": {"SLSA_BUILD_LEVEL_1": 2, "SLSA_BUILD_LEVEL_2": "1"},
            "slsaVersion": "1.1",
        }),
    );
    assert_eq!(
        (v1.dialect, stated(&v1.result), stated(&v1.slsa_version)),
        (Dialect::V1, Some("FAILED"), Some("1.1"))
    );
    assert_eq!(
        v1.verifier_versions.value().unwrap()[0],
        ("slsa-verifier".to_owned(), "2.7".to_owned())
    );
    assert_eq!(v1.policy.digests.value().unwrap()[0].key(), "sha256:ab");
    assert_eq!(
        v1.input_attestations.value().unwrap()[0].digests[0].key(),
        "sha256:cd"
    );
    let levels = v1.dependency_levels.value().unwrap();
    assert_eq!((levels[0].1, levels[1].1), (2, 1));
}

#[test]
fn verification_summaries_v0_2_and_of_witness() {
    let old = vsa(
        "https://slsa.dev/verification_summary/v0.2",
        &json!({
            "verifier": {"id": "https://v"}, "time_verified": "t", "resource_uri": "r", "policy": {"uri": "p"},
            "input_attestations": [], "verification_result": "PASSED", "policy_level": "SLSA_LEVEL_3", "dependency_levels": {},
        }),
    );
    assert_eq!(
        (
            old.dialect,
            stated(&old.resource_uri),
            stated(&old.time_verified)
        ),
        (Dialect::V0_2, Some("r"), Some("t"))
    );
    assert_eq!(old.levels.value().unwrap(), &["SLSA_LEVEL_3"]);
    // Set but empty is "none", absent is no claim.
    assert_eq!(
        (
            old.dependency_levels.value(),
            old.input_attestations.value()
        ),
        (Some(&vec![]), Some(&vec![]))
    );

    let witness = vsa(
        "https://slsa.dev/verification_summary/v1",
        &json!({"verifier": {"id": "witness"}, "verificationResult": "PASSED", "policy": {"uri": "p"}, "timeVerified": "t"}),
    );
    assert_eq!(
        (witness.dialect, &witness.levels, &witness.dependency_levels),
        (Dialect::Witness, &Fact::Unknown, &Fact::Unknown)
    );
}

#[test]
fn verification_summaries_of_conforma_and_with_two_results() {
    let conforma = vsa(
        "https://conforma.dev/verification_summary/v1",
        &json!({
            "status": "PASSED", "verifier": "conforma", "timestamp": "t", "policySource": "oci::p",
            "imageRefs": ["q/a@sha256:1"], "summary": {"violations": 0, "warnings": ["w"]},
        }),
    );
    assert_eq!(
        (
            conforma.dialect,
            stated(&conforma.verifier),
            stated(&conforma.result)
        ),
        (Dialect::Conforma, Some("conforma"), Some("PASSED"))
    );
    assert_eq!(
        (stated(&conforma.resource_uri), stated(&conforma.policy.uri)),
        (Some("q/a@sha256:1"), Some("oci::p"))
    );
    assert_eq!(
        (conforma.violations.value(), conforma.warnings.value()),
        (Some(&0), Some(&1))
    );

    let both = vsa(
        "https://slsa.dev/verification_summary/v1",
        &json!({"verificationResult": "PASSED", "verification_result": "FAILED", "resourceUri": "r"}),
    );
    assert_eq!(
        (both.result.value(), both.result.candidates().len()),
        (None, 2)
    );
}

#[test]
fn simple_results_and_tests() {
    let facts = of(
        "https://in-toto.io/attestation/svr/v0.2",
        &json!({"verifier": {"id": "v", "policies": [{"uri": "p", "digest": {"sha256": "00"}}]}, "timeCreated": "t", "properties": ["A", "B"]}),
    );
    let Details::Svr(svr) = &facts.details else {
        panic!()
    };
    assert_eq!(
        (stated(&svr.verifier), stated(&svr.time_created)),
        (Some("v"), Some("t"))
    );
    assert_eq!(svr.properties.value().unwrap(), &["A", "B"]);
    assert_eq!(stated(&svr.policies.value().unwrap()[0].uri), Some("p"));

    let facts = of(
        "https://in-toto.io/attestation/test-result/v0.1",
        &json!({"result": "WARNED", "configuration": [{"name": "c", "digest": {"gitBlob": COMMIT}}], "url": "u", "passedTests": ["a", "b"], "warnedTests": ["c"], "failedTests": []}),
    );
    let Details::TestResult(test) = &facts.details else {
        panic!()
    };
    assert_eq!(
        (stated(&test.result), stated(&test.url)),
        (Some("WARNED"), Some("u"))
    );
    assert_eq!(
        [&test.passed, &test.warned, &test.failed].map(|count| count.value().copied()),
        [Some(2), Some(1), Some(0)]
    );
    assert_eq!(
        stated(&test.configuration.value().unwrap()[0].name),
        Some("c")
    );
}

#[test]
fn scans() {
    let scan = |predicate_type: &str, result: Value| {
        let facts = of(
            predicate_type,
            &json!({
                "scanner": {"uri": "s", "version": "1", "db": {"uri": "d", "version": "2", "lastUpdate": "l"}, "result": result},
                "metadata": {"scanStartedOn": "b", "scanFinishedOn": "e"},
            }),
        );
        assert_eq!(facts.class, Class::Vulns);
        let Details::Vulnerabilities(found) = facts.details else {
            panic!()
        };
        assert_eq!(
            [
                &found.scanner,
                &found.database_version,
                &found.database_updated,
                &found.finished
            ]
            .map(stated),
            [Some("s"), Some("2"), Some("l"), Some("e")]
        );
        found.found
    };
    let severity = json!([{"method": "nvd", "score": 9.8}, {"method": "cvss", "score": "7"}]);
    let text = scan(
        "https://in-toto.io/attestation/vulns/v0.1",
        json!([{"vulnerability": {"id": "CVE-1", "severity": severity}}]),
    );
    let example = scan(
        "https://in-toto.io/attestation/vulns/v0.2",
        json!([{"id": "CVE-1", "severity": severity}]),
    );
    for found in [text, example] {
        let [only] = found.value().unwrap().as_slice() else {
            panic!()
        };
        assert_eq!(stated(&only.id), Some("CVE-1"));
        let severities: Vec<(&str, &str)> = only
            .severities
            .iter()
            .map(|(method, score)| (method.as_str(), score.as_str()))
            .collect();
        assert_eq!(severities, [("nvd", "9.8"), ("cvss", "7")]);
    }
    assert_eq!(
        scan(
            "https://cosign.sigstore.dev/attestation/vuln/v1",
            json!({"free": 1})
        ),
        Fact::Unknown
    );
}

#[test]
fn attributes_and_releases() {
    let facts = of(
        "https://in-toto.io/attestation/scai/v0.3",
        &json!({"attributes": [{"attribute": "A", "target": {"name": "t", "digest": {"sha256": "00"}}, "evidence": {"uri": "e"}}], "producer": {"uri": "p"}}),
    );
    let Details::Scai(scai) = &facts.details else {
        panic!()
    };
    let [attribute] = scai.attributes.value().unwrap().as_slice() else {
        panic!()
    };
    assert_eq!(
        (stated(&attribute.attribute), attribute.at.as_str()),
        (Some("A"), "/predicate/attributes/0")
    );
    assert_eq!(stated(&attribute.evidence.value().unwrap().uri), Some("e"));
    assert_eq!(stated(&scai.producer.value().unwrap().uri), Some("p"));

    for (version, member) in [("v0.1", "releaseId"), ("v0.2", "packageId")] {
        let predicate = json!({"purl": "pkg:npm/@s/x@1", member: "7"});
        let facts = of(
            &format!("https://in-toto.io/attestation/release/{version}"),
            &predicate,
        );
        let Details::Release(release) = &facts.details else {
            panic!()
        };
        assert_eq!(
            (stated(&release.purl), stated(&release.package_id)),
            (Some("pkg:npm/%40s/x@1"), Some("7"))
        );
    }
}

#[test]
fn links() {
    let facts = of(
        "https://in-toto.io/attestation/link/v0.3",
        &json!({"name": "n", "command": ["a", "b"], "materials": [{"uri": "m", "digest": {"sha256": "00"}}], "byproducts": {"return-value": 1}}),
    );
    let Details::Link(link) = &facts.details else {
        panic!()
    };
    assert_eq!(
        (stated(&link.name), link.return_value.value()),
        (Some("n"), Some(&1))
    );
    assert_eq!(stated(&facts.materials.value().unwrap()[0].uri), Some("m"));

    let classic = json!({
        "signatures": [], "signed": {"_type": "link", "name": "n", "command": [], "byproducts": {}, "environment": {},
            "materials": {"a/b": {"sha256": "AA"}}, "products": {"c": {"sha512": "bb"}}}
    });
    let facts = facts_of(classic.to_string().as_bytes(), 0);
    assert_eq!((facts.class, facts.format), (Class::Link, Format::Link));
    assert_eq!(
        (
            stated(&facts.subjects[0].name),
            facts.subjects[0].digests[0].key()
        ),
        (Some("c"), "sha512:bb".to_owned())
    );
    let material = &facts.materials.value().unwrap()[0];
    assert_eq!(
        (material.at.as_str(), material.digests[0].key()),
        ("/materials/a~1b", "sha256:aa".to_owned())
    );
    let Details::Link(link) = &facts.details else {
        panic!()
    };
    assert_eq!(link.products.value().unwrap()[0].path, "c");
}

#[test]
fn vex_and_source_provenance() {
    let facts = of(
        "https://openvex.dev/ns/v0.2.0",
        &json!({
            "@id": "i", "author": "a", "timestamp": "t",
            "statements": [
                {"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:x/y"}, "z", 1], "status": "not_affected", "justification": "j"},
                {"vulnerability": "CVE-2", "status": "fixed"},
            ],
        }),
    );
    let Details::Vex(vex) = &facts.details else {
        panic!()
    };
    assert_eq!(
        [&vex.id, &vex.author, &vex.timestamp].map(stated),
        ["i", "a", "t"].map(Some)
    );
    let [first, second] = vex.statements.value().unwrap().as_slice() else {
        panic!()
    };
    assert_eq!(
        [&first.vulnerability, &first.status, &first.justification].map(stated),
        ["CVE-1", "not_affected", "j"].map(Some)
    );
    assert_eq!(first.products.value().unwrap(), &["pkg:x/y", "z"]);
    assert_eq!(
        (stated(&second.vulnerability), &second.products),
        (Some("CVE-2"), &Fact::Unknown)
    );

    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://github.com/slsa-framework/slsa-source-poc/source-provenance/v1",
        "subject": [{"digest": {"gitCommit": COMMIT}, "annotations": {"sourceRefs": ["refs/heads/main"]}}],
        "predicate": {"repo_uri": "https://github.com/o/r", "branch": "refs/heads/main", "activity_type": "pr_merge", "created_on": "t"},
    });
    let facts = Facts::of_statement(statement.to_string().as_bytes()).unwrap();
    assert_eq!(facts.class, Class::SourceProvenance);
    let build = &facts.build;
    assert_eq!(
        [&build.repository, &build.commit, &build.reference].map(stated),
        ["https://github.com/o/r", COMMIT, "refs/heads/main"].map(Some)
    );
    assert_eq!(facts.subjects[0].source_refs, ["refs/heads/main"]);
    assert_eq!(build.commit.at(), Some("/subject/0/digest"));
}

#[test]
fn signatures_over_images() {
    let hex = "ab".repeat(32);
    let payload = json!({
        "critical": {"identity": {"docker-reference": "r.example/a"}, "image": {"docker-manifest-digest": format!("sha256:{hex}")},
            "type": "cosign container image signature"},
        "optional": {"team": "x"},
    });
    let payload = payload.to_string();
    let item = Item::from_simple_signing(payload.as_bytes(), "AQI=", Vec::new()).unwrap();
    let facts = Facts::of_item(&item).unwrap();
    assert_eq!(
        (facts.class, facts.format),
        (Class::Image, Format::SimpleSigning)
    );
    assert_eq!(facts.predicate_type, "cosign container image signature");
    let subject = &facts.subjects[0];
    assert_eq!(
        (stated(&subject.name), subject.digests[0].key()),
        (Some("r.example/a"), format!("sha256:{hex}"))
    );
    let parameter = &facts.parameters.value().unwrap()[0];
    assert_eq!(
        (
            parameter.name.as_str(),
            parameter.origin,
            parameter.at.as_str()
        ),
        ("team", Origin::Given, "/optional/team")
    );
}

#[test]
fn unknown_predicates_keep_their_type_and_subjects() {
    for predicate in [
        json!({"a": {"b": [1]}}),
        json!(null),
        json!("text"),
        json!(7),
    ] {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/mine/v7",
            "subject": [{"name": "n", "uri": "pkg:cargo/x@1", "digest": {"sha256": "00"}}], "predicate": predicate,
        });
        let facts = Facts::of_statement(statement.to_string().as_bytes()).unwrap();
        assert_eq!(
            (facts.class, facts.predicate_type.as_str()),
            (Class::Unknown, "https://example.com/mine/v7")
        );
        assert_eq!(stated(&facts.subjects[0].purl), Some("pkg:cargo/x@1"));
        assert_eq!(facts.details, Details::None);
    }
}

#[test]
fn facts_are_written_as_json_with_their_places() {
    let facts = of(
        "https://slsa.dev/provenance/v0.2",
        &json!({"builder": {"id": "b"}}),
    );
    let value = serde_json::to_value(&facts).unwrap();
    assert_eq!(
        value["build"]["builderId"],
        json!({"is": "stated", "value": "b", "at": "/predicate/builder/id"})
    );
    assert_eq!(value["build"]["commit"], json!({"is": "unknown"}));
    assert_eq!(
        (&value["class"], &value["format"]),
        (&json!("provenance"), &json!("statement-v1"))
    );
}
