//! One statement of each family of which no real sample is at hand, and each producer of provenance.

use serde_json::{Value, json};
use treering_attest::container::Item;
use treering_attest::facts::{Class, Details, Dialect, Fact, Facts, Format, Origin, Producer};

use crate::{facts_of, of, stated};

const COMMIT: &str = "2bcaa7495e1cbd11fbd4f598d857b3a6f18df933";

/// Producer, builder, repository, commit, reference, entry point, run.
type Build<'f> = (Producer, [Option<&'f str>; 6]);

fn build(facts: &Facts) -> Build<'_> {
    assert_eq!(facts.class, Class::Provenance);
    let build = &facts.build;
    let facts = [
        &build.builder_id,
        &build.repository,
        &build.commit,
        &build.reference,
        &build.config.entry_point,
        &build.run,
    ];
    (build.producer, facts.map(stated))
}

#[test]
fn provenance_v0_1_of_google_cloud_build_in_its_own_member() {
    let predicate = json!({
        "builder": {"id": "https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.2"},
        "recipe": {"type": "https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1", "definedInMaterial": 1,
            "entryPoint": "cloudbuild.yaml", "arguments": {"a": "b"}},
        "metadata": {"buildInvocationId": "18aef8f6", "buildStartedOn": "2022-06-29T18:03:33Z", "buildFinishedOn": "2022-06-29T18:04:42Z"},
        "materials": [
            {"uri": "https://example.com/x.tar", "digest": {"sha256": "00"}},
            {"uri": "https://github.com/o/r/commit/", "digest": {"sha1": COMMIT}},
        ],
    });
    for member in ["predicate", "slsaProvenance"] {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.1",
            "subject": [{"name": "https://us-west2-docker.pkg.dev/i", "digest": {"sha256": "11"}}], member: predicate,
        });
        let facts = Facts::of_statement(statement.to_string().as_bytes()).unwrap();
        let worker = Some("https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.2");
        let expected = [
            worker,
            Some("https://github.com/o/r/commit"),
            Some(COMMIT),
            None,
            Some("cloudbuild.yaml"),
            Some("18aef8f6"),
        ];
        assert_eq!(build(&facts), (Producer::GoogleCloudBuild, expected));
        assert_eq!(
            facts.build.builder_id.at(),
            Some(format!("/{member}/builder/id").as_str())
        );
        assert_eq!(
            facts.build.commit.at(),
            Some(format!("/{member}/materials/1/digest").as_str())
        );
        assert_eq!(stated(&facts.build.finished), Some("2022-06-29T18:04:42Z"));
        assert_eq!(facts.parameters.value().unwrap()[0].name, "a");
    }
}

fn v0_2(build_type: &str, builder: &str, config: Value, materials: Value) -> Facts {
    of(
        "https://slsa.dev/provenance/v0.2",
        &json!({
            "builder": {"id": builder}, "buildType": build_type,
            "invocation": {"configSource": config, "parameters": {}, "environment": {"GITHUB_EVENT_NAME": "push"}},
            "metadata": {"buildInvocationId": "1-2"}, "materials": materials,
        }),
    )
}

#[test]
fn provenance_v0_2_of_npm_gitlab_and_buildkit() {
    let uri = "git+https://github.com/o/r@refs/heads/main";
    let config = json!({"uri": uri, "digest": {"sha1": COMMIT}, "entryPoint": "w.yml"});
    let material = json!([{"uri": uri, "digest": {"sha1": COMMIT}}]);
    let facts = v0_2(
        "https://github.com/npm/cli/gha/v2",
        "https://github.com/actions/runner",
        config.clone(),
        material,
    );
    let repository = Some("https://github.com/o/r");
    let expected = [
        Some("https://github.com/actions/runner"),
        repository,
        Some(COMMIT),
        Some("refs/heads/main"),
        Some("w.yml"),
        Some("1-2"),
    ];
    assert_eq!(build(&facts), (Producer::NpmGithub, expected));
    assert_eq!(stated(&facts.build.trigger), Some("push"));

    // GitLab calls a commit sha256.
    let material = json!([{"uri": "https://gitlab.com/g/p", "digest": {"sha256": COMMIT}}]);
    let gitlab = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/2147fb44/PROVENANCE.md";
    let config = json!({"uri": "https://gitlab.com/g/p", "digest": {"sha256": COMMIT}, "entryPoint": "build"});
    let facts = v0_2(
        gitlab,
        "https://gitlab.com/g/p/-/runners/1",
        config,
        material,
    );
    let expected = [
        Some("https://gitlab.com/g/p/-/runners/1"),
        Some("https://gitlab.com/g/p"),
        Some(COMMIT),
        None,
        Some("build"),
        Some("1-2"),
    ];
    assert_eq!(build(&facts), (Producer::Gitlab, expected));

    // BuildKit may name nobody as builder; its images are materials without being sources.
    let config = json!({"uri": "https://github.com/o/r.git#refs/heads/main", "digest": {"sha1": COMMIT}, "entryPoint": "Dockerfile"});
    let materials = json!([
        {"uri": "pkg:docker/golang@1.22?platform=linux%2Famd64", "digest": {"sha256": "ab"}},
        {"uri": "https://github.com/o/r.git#refs/heads/main", "digest": {"sha1": COMMIT}},
    ]);
    let facts = v0_2("https://mobyproject.org/buildkit@v1", "", config, materials);
    let expected = [
        None,
        repository,
        Some(COMMIT),
        Some("refs/heads/main"),
        Some("Dockerfile"),
        Some("1-2"),
    ];
    assert_eq!(build(&facts), (Producer::Buildkit, expected));
    let materials = facts.materials.value().unwrap();
    assert_eq!(
        stated(&materials[0].purl),
        Some("pkg:docker/golang@1.22?platform=linux%2Famd64")
    );
}

fn v1(build_type: &str, external: Value, dependencies: Value) -> Facts {
    of(
        "https://slsa.dev/provenance/v1",
        &json!({
            "buildDefinition": {"buildType": build_type, "externalParameters": external, "resolvedDependencies": dependencies},
            "runDetails": {"builder": {"id": "b"}, "metadata": {"invocationId": "i"}},
        }),
    )
}

#[test]
fn provenance_v1_of_each_producer() {
    let repository = "https://host/o/r";
    let dependency =
        json!([{"uri": "git+https://host/o/r@refs/heads/main", "digest": {"gitCommit": COMMIT}}]);
    let source = json!({"uri": "git+https://host/o/r@refs/heads/main", "digest": {"sha1": COMMIT}});
    let rows = [
        (
            "https://actions.github.io/buildtypes/workflow/v1",
            json!({"workflow": {"repository": repository, "ref": "refs/heads/main", "path": "w"}}),
            Producer::GithubActions,
            Some("w"),
        ),
        (
            "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
            json!({"buildConfigSource": {"repository": "git+https://host/o/r", "ref": "refs/heads/main", "path": "c"}}),
            Producer::GoogleCloudBuild,
            Some("c"),
        ),
        (
            "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/x/PROVENANCE.md",
            json!({"source": "https://host/o/r", "entryPoint": "job"}),
            Producer::Gitlab,
            Some("job"),
        ),
        (
            "https://slsa.dev/container-based-build/v0.1?draft",
            json!({"source": source}),
            Producer::ContainerBased,
            None,
        ),
        (
            "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0",
            json!({"inputs": {}, "vars": {}}),
            Producer::SlsaGithubGenerator,
            None,
        ),
        (
            "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
            json!({"configSource": {"uri": "https://host/o/r.git#refs/heads/main", "path": "Dockerfile"}}),
            Producer::Buildkit,
            Some("Dockerfile"),
        ),
        (
            "https://example.com/other",
            json!({}),
            Producer::Other,
            None,
        ),
    ];
    for (build_type, external, producer, entry_point) in rows {
        let facts = v1(build_type, external, dependency.clone());
        let main = Some("refs/heads/main");
        let expected = [
            Some("b"),
            Some(repository),
            Some(COMMIT),
            main,
            entry_point,
            Some("i"),
        ];
        assert_eq!(build(&facts), (producer, expected), "{build_type}");
    }
}

#[test]
fn sources_that_contradict_each_other_are_ambiguous() {
    let workflow = "https://actions.github.io/buildtypes/workflow/v1";
    let external = json!({"workflow": {"repository": "https://host/o/r", "ref": "refs/heads/main", "path": "w"}});
    let other = "f".repeat(40);
    let dependency = |uri: &str, commit: &str| json!({"uri": uri, "digest": {"gitCommit": commit}});
    // Another repository than the one that the workflow is of.
    let facts = v1(
        workflow,
        external.clone(),
        json!([dependency("git+https://host/evil/r", COMMIT)]),
    );
    assert_eq!(facts.build.repository.candidates().len(), 2);
    assert_eq!(facts.build.repository.value(), None);
    // Two commits of the right one.
    let twice = json!([
        dependency("git+https://host/o/r", COMMIT),
        dependency("git+https://host/o/r", &other)
    ]);
    let facts = v1(workflow, external.clone(), twice);
    assert!(facts.build.repository.is("https://host/o/r"));
    let places: Vec<&str> = facts
        .build
        .commit
        .candidates()
        .iter()
        .map(|said| said.at.as_str())
        .collect();
    assert_eq!(
        places,
        [0, 1].map(|i| format!("/predicate/buildDefinition/resolvedDependencies/{i}/digest"))
    );
    // Another repository beside the right one is only another input.
    let beside = json!([
        dependency("git+https://host/o/r", COMMIT),
        dependency("git+https://host/lib", &other)
    ]);
    assert!(
        v1(workflow, external.clone(), beside)
            .build
            .commit
            .is(COMMIT)
    );
    // None at all.
    let none = v1(workflow, external, json!([]));
    assert_eq!(
        (none.build.commit.clone(), stated(&none.build.repository)),
        (Fact::Unknown, Some("https://host/o/r"))
    );
    // Two inputs of git, and nobody says which is the source.
    let two = json!([
        dependency("git+https://host/a", COMMIT),
        dependency("git+https://host/b", &other)
    ]);
    assert_eq!(
        v1("https://example.com/t", json!({}), two)
            .build
            .repository
            .candidates()
            .len(),
        2
    );
}

fn vsa(predicate_type: &str, predicate: &Value) -> treering_attest::facts::VsaFacts {
    let facts = of(predicate_type, predicate);
    assert_eq!(facts.class, Class::Vsa);
    let Details::Vsa(vsa) = facts.details else {
        panic!("{:?}", facts.details)
    };
    *vsa
}

#[test]
fn verification_summaries_in_all_forms() {
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
fn simple_results_tests_and_scans() {
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
fn attributes_releases_and_links() {
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
