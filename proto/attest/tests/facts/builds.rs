//! Each producer of provenance of which no real sample is at hand, and what contradicts itself.

use serde_json::{Value, json};
use treering_attest::facts::{Class, Fact, Facts, Producer};

use crate::{of, stated};

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

/// Build type, external parameters, producer and entry point.
fn producers() -> [(&'static str, Value, Producer, Option<&'static str>); 7] {
    let repository = "https://host/o/r";
    let source = json!({"uri": "git+https://host/o/r@refs/heads/main", "digest": {"sha1": COMMIT}});
    [
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
    ]
}

#[test]
fn provenance_v1_of_each_producer() {
    let uri = "git+https://host/o/r@refs/heads/main";
    let dependency = json!([{"uri": uri, "digest": {"gitCommit": COMMIT}}]);
    for (build_type, external, producer, entry_point) in producers() {
        let facts = v1(build_type, external, dependency.clone());
        let main = Some("refs/heads/main");
        let expected = [
            Some("b"),
            Some("https://host/o/r"),
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
