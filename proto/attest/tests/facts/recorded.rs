//! Every recorded statement that is no Tekton's: builder, build type, source, run and subjects, as one reads them in the file.

use treering_attest::facts::{Class, Details, Dialect, Facts, Format};

use crate::{facts, read, stated, vectors};

/// What a build says: builder, build type, repository, commit, reference, entry point, run, trigger.
pub(crate) type Build = [Option<&'static str>; 8];

pub(crate) fn build(facts: &Facts) -> [Option<&str>; 8] {
    let build = &facts.build;
    [
        stated(&build.builder_id),
        stated(&build.build_type),
        stated(&build.repository),
        stated(&build.commit),
        stated(&build.reference),
        stated(&build.config.entry_point),
        stated(&build.run),
        stated(&build.trigger),
    ]
}

/// The only subject: name, package URL, algorithm, value.
pub(crate) fn subject(facts: &Facts) -> (Option<&str>, Option<&str>, &str, &str) {
    let [subject] = facts.subjects.as_slice() else {
        panic!("it has one subject")
    };
    let [digest] = subject.digests.as_slice() else {
        panic!("it has one digest")
    };
    assert!(digest.well_formed);
    let (name, purl) = (stated(&subject.name), stated(&subject.purl));
    (name, purl, digest.algorithm.as_str(), digest.value.as_str())
}

const GENERATOR: &str = "https://github.com/slsa-framework/slsa-github-generator/go@v1";
const EXAMPLE: Option<&str> = Some("https://github.com/slsa-framework/example-package");
const E2E: Option<&str> =
    Some(".github/workflows/verifier-e2e.all.workflow_dispatch.main.all.slsa3.yml");
const V1_9: Option<&str> = Some(
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_go_slsa3.yml@refs/tags/v1.9.0",
);
const V2_1: Option<&str> = Some(
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_go_slsa3.yml@refs/tags/v2.1.0",
);
const COMMIT_1_9: Option<&str> = Some("2bcaa7495e1cbd11fbd4f598d857b3a6f18df933");
const COMMIT_2_1: Option<&str> = Some("4d329c75e7ec1725f7c9ce917a8799d408d06be3");
const BINARY_1_9: &str = "c73dd6a049474a594ff95ef05e87d73d54254051c4b83779a98282324ffdd726";
const BINARY_2_1: &str = "f6ab7ad0c7549b5a4942c3b0690519d791c28c4c0f8b286208cb40da3322a066";
const TAG: Option<&str> = Some("refs/tags/v14.2");
pub(crate) const MAIN: Option<&str> = Some("refs/heads/main");
pub(crate) const PUSH: Option<&str> = Some("push");
pub(crate) const DISPATCH: Option<&str> = Some("workflow_dispatch");

/// File, name and digest of the subject, and what the build says.
const GENERATED: [(&str, &str, &str, Build); 4] = [
    (
        "v1.9.0-push-v14.2",
        "gha_go-binary-linux-amd64-v14.2",
        BINARY_1_9,
        [
            V1_9,
            Some(GENERATOR),
            EXAMPLE,
            COMMIT_1_9,
            TAG,
            E2E,
            Some("5947345583-1"),
            PUSH,
        ],
    ),
    (
        "v1.9.0-workflow_dispatch",
        "gha_go-binary-linux-amd64-workflow_dispatch",
        BINARY_1_9,
        [
            V1_9,
            Some(GENERATOR),
            EXAMPLE,
            COMMIT_1_9,
            MAIN,
            E2E,
            Some("5947340677-1"),
            DISPATCH,
        ],
    ),
    (
        "v2.1.0-push-v14.2",
        "gha_go-binary-linux-amd64-v14.2",
        BINARY_2_1,
        [
            V2_1,
            Some(GENERATOR),
            EXAMPLE,
            COMMIT_2_1,
            TAG,
            E2E,
            Some("13530999644-1"),
            PUSH,
        ],
    ),
    (
        "v2.1.0-workflow_dispatch",
        "gha_go-binary-linux-amd64-workflow_dispatch",
        BINARY_2_1,
        [
            V2_1,
            Some(GENERATOR),
            EXAMPLE,
            COMMIT_2_1,
            MAIN,
            E2E,
            Some("13531731005-1"),
            DISPATCH,
        ],
    ),
];

#[test]
fn slsa_github_generator() {
    for (file, name, digest, expected) in GENERATED {
        let facts = facts(&format!("slsa-github/{file}.intoto.jsonl"));
        assert_eq!(facts.class, Class::Provenance, "{file}");
        // A statement v0.1 with provenance v0.2, in a bundle 0.3 of the later two.
        assert_eq!(facts.format, Format::StatementV0_1, "{file}");
        assert_eq!(
            facts.predicate_type, "https://slsa.dev/provenance/v0.2",
            "{file}"
        );
        assert_eq!(build(&facts), expected, "{file}");
        assert_eq!(
            subject(&facts),
            (Some(name), None, "sha256", digest),
            "{file}"
        );
        let materials = facts.materials.value().unwrap();
        assert_eq!(materials.len(), 2, "{file}");
        assert_eq!(
            materials[0].digests[0].key(),
            format!("sha1:{}", expected[3].unwrap())
        );
        assert_eq!(
            facts.build.commit.at(),
            Some("/predicate/invocation/configSource/digest")
        );
        assert_eq!(facts.build.builder_id.at(), Some("/predicate/builder/id"));
    }
}

#[test]
fn witness_collections_and_policy() {
    let commit = Some("be20100af602c780deeef50c54f5338662ce917c");
    for (file, step, command, subjects) in [
        ("build", "build", &["go", "build", "-o=testapp", "."][..], 5),
        ("fail", "build", &["go", "build", "-o=testapp", "."], 4),
        (
            "package",
            "package",
            &["tar", "czf", "./testapp.tar.tgz", "./testapp"],
            5,
        ),
    ] {
        let facts = facts(&format!("witness/{file}.attestation.json"));
        assert_eq!(facts.class, Class::Collection, "{file}");
        assert_eq!(stated(&facts.build.commit), commit, "{file}");
        assert_eq!(
            (build(&facts)[0], build(&facts)[1], build(&facts)[2]),
            (None, None, None)
        );
        assert_eq!(facts.subjects.len(), subjects, "{file}");
        let Details::Collection(collection) = &facts.details else {
            panic!("{:?}", facts.details)
        };
        assert_eq!(stated(&collection.step), Some(step));
        assert_eq!(collection.command.value().unwrap(), command);
        assert_eq!(collection.exit_code.value(), Some(&0));
        let kinds: Vec<Option<&str>> = collection
            .attestations
            .value()
            .unwrap()
            .iter()
            .map(|part| stated(&part.kind)?.rsplit('/').nth(1))
            .collect();
        assert_eq!(
            kinds,
            ["environment", "git", "material", "command-run", "product"].map(Some)
        );
    }
}

#[test]
fn digests_of_witness_are_kept_apart() {
    let product = facts("witness/build.attestation.json");
    let digests: Vec<String> = product.subjects[0]
        .digests
        .iter()
        .map(|digest| digest.key())
        .collect();
    assert_eq!(
        digests,
        [
            "gitoid:sha1:gitoid:blob:sha1:85e3a023c97c8aadace2d8c959535abffbf4e175",
            "gitoid:sha256:gitoid:blob:sha256:473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
            "sha256:423da4cff198bbffbe3220ed9510d32ba96698e4b1f654552521d1f541abb6dc",
        ]
    );
}

#[test]
fn a_policy_and_a_payload_that_is_no_statement() {
    let policy = facts("witness/policy-signed.json");
    assert_eq!(
        (policy.class, policy.format),
        (Class::Policy, Format::Payload)
    );
    let Details::Collection(collection) = &policy.details else {
        panic!("{:?}", policy.details)
    };
    assert_eq!(
        stated(&collection.expires),
        Some("2025-12-17T23:57:40-05:00")
    );
    let invalid = read("witness/invalid_payload.attestation.json");
    let items = treering_attest::container::open(&invalid).unwrap();
    let error = Facts::of_item(items[0].as_ref().unwrap()).unwrap_err();
    assert!(
        error.to_string().contains("expected an in-toto statement"),
        "{error}"
    );
}

#[test]
fn the_real_verification_summary() {
    let facts = facts("vsa/gke-gce-pre.bcid-vsa.jsonl");
    assert_eq!(facts.class, Class::Vsa);
    assert_eq!(
        subject_of_image(&facts),
        (Some("_"), "gce_image_id:8970095005306000053".to_owned())
    );
    let Details::Vsa(vsa) = &facts.details else {
        panic!("{:?}", facts.details)
    };
    assert_eq!(vsa.dialect, Dialect::V1);
    assert_eq!(
        [
            stated(&vsa.verifier),
            stated(&vsa.time_verified),
            stated(&vsa.resource_uri),
            stated(&vsa.result),
            stated(&vsa.slsa_version),
        ],
        [
            Some("https://bcid.corp.google.com/verifier/bcid_package_enforcer/v0.1"),
            Some("2024-06-12T07:24:34.351608Z"),
            Some(
                "gce_image://gke-node-images:gke-12615-gke1418000-cos-101-17162-463-29-c-cgpv1-pre"
            ),
            Some("PASSED"),
            None,
        ]
    );
    assert_eq!(
        vsa.levels.value().unwrap(),
        &["BCID_L1", "SLSA_BUILD_LEVEL_2"]
    );
    let policy = stated(&vsa.policy.uri).unwrap();
    assert!(
        policy.ends_with("gce_image/gke/vm_images.sw_policy.textproto"),
        "{policy}"
    );
    assert!(vsa.dependency_levels.is_unknown() && vsa.input_attestations.is_unknown());
}

fn subject_of_image(facts: &Facts) -> (Option<&str>, String) {
    let subject = &facts.subjects[0];
    (stated(&subject.name), subject.digests[0].key())
}

pub(crate) const OLD_RUNNER: Option<&str> = Some("https://github.com/actions/runner/github-hosted");
const A_TXT: &str = "a0cfc71271d6e278e57cd332ff957c3f7043fdda354c4cbb190a30d56efa01bf";
const REGENERATED: Option<&str> =
    Some("https://github.com/sigstore-conformance/rekor2-dsse-hashedrekord-regen");

/// Builder, repository, commit.
type Three = [Option<&'static str>; 3];

/// The bundles of the conformance suite that hold a statement, by the start of their names, with builder, repository, commit, subject.
const STATEMENTS: [(&str, Three, (&str, &str)); 3] = [
    ("rekor2-dsse-", [REGENERATED, None, None], ("a.txt", A_TXT)),
    (
        "intoto-",
        [
            OLD_RUNNER,
            Some("https://github.com/sigstore/sigstore-conformance"),
            Some("c5f5fb255163ed85ddb32d54dcdd710ac3f04603"),
        ],
        ("d.txt", "330a043220fa"),
    ),
    (
        "",
        [
            Some(
                "https://github.com/loosebazooka/aa-test/.github/workflows/provenance.yaml@refs/heads/main",
            ),
            Some("https://github.com/loosebazooka/aa-test"),
            Some("ebff8dfbd609b7b22237c7719ce07f2dc7934f5f"),
        ],
        ("a.txt", A_TXT),
    ),
];

#[test]
fn every_bundle_of_the_conformance_suite() {
    let mut seen = [0; 4];
    for entry in std::fs::read_dir(vectors("sigstore-bundles")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let Ok(Ok(item)) =
            treering_attest::container::open(&bytes).map(|mut items| items.remove(0))
        else {
            continue; // SOURCE, and those that containers.rs has refused.
        };
        let facts = Facts::of_item(&item).unwrap();
        let subject = &facts.subjects[0];
        let digest = &subject.digests[0].value;
        if facts.class == Class::Artifact {
            seen[3] += 1;
            let expected = match name.as_str() {
                "bundle-with-root-cert_fail" => "b5c037f31d4a",
                "message-digest-mismatch_fail" => "a1cfc71271d6",
                _ => "a0cfc71271d6",
            };
            assert!(digest.starts_with(expected), "{name}: {digest}");
            assert_eq!(
                (facts.format, stated(&subject.name)),
                (Format::Message, None)
            );
            continue;
        }
        let row = STATEMENTS
            .iter()
            .position(|(start, ..)| name.starts_with(start))
            .unwrap();
        seen[row] += 1;
        let (_, expected, (file, start)) = STATEMENTS[row];
        let build = build(&facts);
        assert_eq!([build[0], build[2], build[3]], expected, "{name}");
        assert_eq!(stated(&subject.name), Some(file), "{name}");
        assert!(digest.starts_with(start), "{name}: {digest}");
    }
    assert_eq!(seen, [3, 5, 3, 38]);
}
