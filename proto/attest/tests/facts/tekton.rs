//! Tekton: the five questions about a PipelineRun (which task from where, with which parameters, with which results, how it ended
//! and in which order, on which image) over what Chains really wrote in each of its formats.

use serde_json::{Value, json};
use treering_attest::Envelope;
use treering_attest::facts::{Fact, Facts, Origin, TaskRow, TaskStatus};

use crate::{facts, facts_of, read, says, stated, tekton};

const BUILDER: Option<&str> = Some("https://tekton.dev/chains/v2");
const BUILDAH: &str = "3f1a3a90c2a9a2d0b2b7bb1c2b1cf1b7f1ac2ae7d3a0f5d0a8b54c7b0dbb4f61";
const IMAGE: &str = "718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f13";
const SHOP: [Option<&str>; 2] = [
    Some("https://git.example/shop/backend"),
    Some("6c1d2b3a4958677685949392a1b0c9d88f4e0f5c"),
];

/// The statement that Chains sent, for looking up what facts point at.
fn document(path: &str) -> Value {
    let bytes = read(path);
    let envelope = Envelope::parse(&bytes).unwrap();
    serde_json::from_slice(&envelope.payload().unwrap()).unwrap()
}

fn source(facts: &Facts) -> [Option<&str>; 2] {
    [stated(&facts.build.repository), stated(&facts.build.commit)]
}

fn named<'f>(facts: &'f Facts, name: &str) -> &'f TaskRow {
    let mut tasks = tekton(facts).tasks.iter().filter(|task| task.name.is(name));
    let task = tasks.next().unwrap_or_else(|| panic!("a task {name}"));
    assert!(tasks.next().is_none());
    task
}

fn images(facts: &Facts, task: &TaskRow) -> Vec<Option<String>> {
    let images = tekton(facts).step_images(task);
    images
        .into_iter()
        .map(|image| image.value().map(|image| image.repository.clone()))
        .collect()
}

#[test]
fn every_recorded_run_names_builder_type_source_and_subjects() {
    let frontend = [
        Some("https://git.example/shop/frontend"),
        Some("8f4e0f5c6c1d2b3a4958677685949392a1b0c9d8"),
    ];
    let cli = [
        Some("https://git.example/tools/cli"),
        Some("13f0a9d7e6c5b4a39281706f5e4d3c2b1a098f7e"),
    ];
    let none = [None, None];
    let runs: [(&str, &str, [usize; 3], [Option<&str>; 2]); 5] = [
        ("tr-image", "tekton.dev/v1/TaskRun", [1, 1, 1], frontend),
        ("tr-artifacts", "tekton.dev/v1/TaskRun", [5, 5, 5], cli),
        ("tr-no-subject", "tekton.dev/v1/TaskRun", [0, 0, 0], none),
        ("pr-build", "tekton.dev/v1/PipelineRun", [2, 2, 2], SHOP),
        ("pr-inline", "tekton.dev/v1/PipelineRun", [2, 2, 2], none),
    ];
    for (run, kind, subjects, expected) in runs {
        for (format, subjects) in ["slsa-v1", "slsa-v2alpha3", "slsa-v2alpha4"]
            .iter()
            .zip(subjects)
        {
            let path = format!("chains-payloads/0.29.2/{run}_{format}.json");
            let facts = facts(&path);
            let build_type = match *format {
                "slsa-v1" => kind,
                _ => "https://tekton.dev/chains/v2/slsa",
            };
            assert_eq!(stated(&facts.build.builder_id), BUILDER, "{path}");
            assert_eq!(stated(&facts.build.build_type), Some(build_type), "{path}");
            assert_eq!(source(&facts), expected, "{path}");
            assert_eq!(facts.subjects.len(), subjects, "{path}");
            // Only provenance v1 names the run: by its UID.
            let run = stated(&facts.build.run);
            assert_eq!(run.is_some(), *format != "slsa-v1", "{path}");
            assert!(
                facts.build.started.value().is_some() && facts.build.finished.value().is_some()
            );
        }
    }
}

#[test]
fn both_versions_of_chains_say_the_same() {
    for case in [
        "slsa-v1",
        "slsa-v2alpha3",
        "slsa-v2alpha4",
        "slsa-v2alpha3_slsa-tekton",
        "slsa-v2alpha4_slsa-tekton",
        "slsa-v2alpha3_deep-inspection",
        "slsa-v2alpha4_deep-inspection",
    ] {
        let [old, new] = ["0.26.2", "0.29.2"]
            .map(|version| facts(&format!("chains-payloads/{version}/pr-build_{case}.json")));
        let rows = |facts: &Facts| {
            let tasks = tekton(facts).tasks.iter();
            tasks
                .map(|task| {
                    (
                        task.name.value().cloned(),
                        task.status.value().cloned(),
                        task.reference.resolved.value().cloned(),
                    )
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(&old), rows(&new), "{case}");
        assert_eq!((source(&old), source(&new)), (SHOP, SHOP), "{case}");
        let names = |facts: &Facts| {
            let mut names: Vec<_> = facts
                .subjects
                .iter()
                .map(|subject| stated(&subject.name).unwrap().to_owned())
                .collect();
            names.sort_unstable();
            names
        };
        assert_eq!(
            names(&old),
            [
                "pkg:maven/example.shop/backend@5.0.0",
                "registry.example/shop/backend"
            ],
            "{case}"
        );
        assert_eq!(names(&new), names(&old), "{case}");
    }
}

/// A and B of the five questions, and E, which the same two formats answer alike.
fn answers_alike(facts: &Facts) -> &TaskRow {
    let build = named(facts, "build");
    let reference = &build.reference;
    assert_eq!(stated(&reference.name), Some("buildah"));
    assert_eq!(stated(&reference.source), Some("bundles"));
    assert_eq!(
        stated(&reference.resolved),
        Some("registry.example/tasks/buildah")
    );
    let bundle = reference.bundle.value().unwrap();
    assert_eq!(bundle.repository, "registry.example/tasks/buildah");
    assert_eq!(bundle.tag.as_deref(), Some("0.6"));
    assert_eq!(bundle.digest.as_ref().unwrap().value, BUILDAH);
    assert_eq!(
        reference.resolved_digests.value().unwrap()[0].value,
        BUILDAH
    );
    assert_eq!(build.status.value(), Some(&TaskStatus::Succeeded));
    let result = build.result("IMAGE_DIGEST");
    assert_eq!(result.value(), Some(&json!(format!("sha256:{IMAGE}"))));
    // The task that made the subject, and the image that it ran in.
    assert!(
        facts
            .subjects
            .iter()
            .any(|subject| subject.digest("sha256").is(IMAGE))
    );
    assert_eq!(
        images(facts, build),
        [Some("quay.io/buildah/stable".to_owned())]
    );
    let parameter = build.parameter("IMAGE");
    assert_eq!(
        parameter.value(),
        Some(&json!("registry.example/shop/backend:5.0.0"))
    );
    let clone = named(facts, "clone");
    assert_eq!(stated(&clone.reference.name), Some("git-clone"));
    assert_eq!(stated(&clone.reference.source), Some("git"));
    assert_eq!(
        stated(&clone.reference.repository),
        Some("https://git.example/platform/catalog.git")
    );
    assert_eq!(stated(&clone.reference.revision), Some("v3"));
    assert_eq!(
        stated(&clone.reference.path),
        Some("tasks/git-clone/git-clone.yaml")
    );
    build
}

#[test]
fn provenance_v0_2_answers_all_five_questions() {
    let path = "chains-payloads/0.29.2/pr-build_slsa-v1.json";
    let (facts, document) = (facts(path), document(path));
    let build = answers_alike(&facts);
    let at = "/predicate/buildConfig/tasks/1";
    assert_eq!(build.at, at);
    assert_eq!(build.after.value().unwrap(), &["clone"]);
    assert_eq!(
        build.after.at(),
        Some("/predicate/buildConfig/tasks/1/after")
    );
    assert_eq!(stated(&build.started), Some("2026-10-07T10:00:41Z"));
    assert_eq!(stated(&build.finished), Some("2026-10-07T10:07:02Z"));
    assert_eq!(build.task_run, Fact::Unknown);
    assert_eq!(named(&facts, "scan").after.value().unwrap(), &["build"]);
    assert_eq!(named(&facts, "clone").after, Fact::Unknown);
    says(
        &document,
        build.result("IMAGE_URL").at().unwrap(),
        "registry.example/shop/backend:5.0.0",
    );
    says(
        &document,
        build.reference.resolved.at().unwrap(),
        "registry.example/tasks/buildah",
    );
    says(
        &document,
        build.parameter("HERMETIC").at().unwrap(),
        "false",
    );
    says(
        &document,
        build.steps[0].image.at().unwrap(),
        "oci://quay.io/buildah/stable@sha256:0c4a2d6f3f6a9b1e7d5c8f2a4b6d9e1f3a5c7e9b1d3f5a7c9e1b3d5f7a9c1e30",
    );
    let run = &tekton(&facts).run;
    assert_eq!(
        stated(&run.resolved),
        Some("registry.example/pipelines/build-and-scan")
    );
    assert_eq!(
        stated(&facts.build.config.entry_point),
        Some("build-and-scan")
    );
}

#[test]
fn slsa_tekton_answers_all_but_what_the_order_was() {
    for (format, version) in [("v2alpha3", "0.26.2"), ("v2alpha4", "0.29.2")] {
        let path = format!("chains-payloads/{version}/pr-build_slsa-{format}_slsa-tekton.json");
        let facts = facts(&path);
        let build = answers_alike(&facts);
        assert_eq!(
            stated(&facts.build.build_type),
            Some("https://tekton.dev/chains/v2/slsa-tekton")
        );
        assert_eq!(
            build.at,
            "/predicate/buildDefinition/resolvedDependencies/3"
        );
        // The pipeline is not written out, and a TaskRun does not say what it waited for.
        assert_eq!(build.after, Fact::Unknown);
        assert_eq!(stated(&build.task_run), Some("shop-backend-7h2vd-build"));
        assert_eq!(stated(&build.started), Some("2026-10-07T10:00:41Z"));
        let result = build.result("IMAGE_DIGEST");
        let at = result.at().unwrap();
        assert!(
            at.starts_with(
                "/predicate/buildDefinition/resolvedDependencies/3/content#/status/results/"
            ),
            "{at}"
        );
        assert_eq!(stated(&tekton(&facts).service_account), Some("pipeline"));
    }
}

#[test]
fn the_generic_type_leaves_open_what_it_does_not_say() {
    for format in ["v2alpha3", "v2alpha4"] {
        let facts = facts(&format!(
            "chains-payloads/0.29.2/pr-build_slsa-{format}.json"
        ));
        let tekton = tekton(&facts);
        let resolved: Vec<_> = tekton
            .tasks
            .iter()
            .map(|task| stated(&task.reference.resolved))
            .collect();
        assert_eq!(
            resolved,
            [
                Some("git+https://git.example/platform/catalog.git"),
                Some("registry.example/tasks/buildah"),
                Some("registry.example/tasks/scan"),
            ]
        );
        for task in &tekton.tasks {
            assert_eq!(
                (&task.name, &task.status, &task.results),
                (&Fact::Unknown, &Fact::Unknown, &Fact::Unknown)
            );
            assert_eq!(
                (&task.parameters, &task.after),
                (&Fact::Unknown, &Fact::Unknown)
            );
            // Three images of the run, and nothing says which task ran in which.
            let images = tekton.step_images(task);
            assert_eq!(
                (
                    images.len(),
                    images[0].candidates().len(),
                    images[0].value()
                ),
                (1, 3, None)
            );
        }
        let parameters = facts.parameters.value().unwrap();
        let git_url = parameters
            .iter()
            .find(|parameter| parameter.name == "git-url")
            .unwrap();
        assert_eq!(git_url.value, "https://git.example/shop/backend.git");
        let bundle = tekton.run.bundle.value().unwrap();
        assert_eq!(
            bundle.repository,
            "registry.example/pipelines/build-and-scan"
        );
        assert_eq!(stated(&tekton.run.name), Some("build-and-scan"));
        let commit = tekton
            .results
            .iter()
            .find(|result| result.name == "CHAINS-GIT_COMMIT")
            .unwrap();
        assert_eq!(
            (commit.scope.as_str(), commit.value.value()),
            ("pipelineRunResults", Some(&json!(SHOP[1].unwrap())))
        );
        assert_eq!(
            commit.of,
            if format == "v2alpha4" {
                vec!["shop-backend-7h2vd"]
            } else {
                vec![]
            }
        );
    }
}

#[test]
fn deep_inspection_lists_results_of_tasks_by_generated_names() {
    let facts = facts("chains-payloads/0.29.2/pr-build_slsa-v2alpha4_deep-inspection.json");
    let results = tekton(&facts).results.iter();
    let of_tasks: Vec<_> = results
        .filter(|result| result.scope == "taskRunResults")
        .collect();
    assert_eq!(of_tasks.len(), 4);
    let url = of_tasks.iter().find(|result| result.name == "url").unwrap();
    assert_eq!(url.of, ["shop-backend-7h2vd-clone"]);
    assert_eq!(
        url.value.value(),
        Some(&json!("https://git.example/shop/backend.git"))
    );
    assert!(url.value.at().unwrap().ends_with("/byproducts/2/content#"));
    // Before that they said not even so much.
    let older =
        crate::facts("tekton/recorded/att_05_slsa_v1_0_tekton_build_type_pipeline_in_cluster.json");
    let results = tekton(&older).results.iter();
    let mut of_tasks = results.filter(|result| result.scope == "taskRunResults");
    assert!(of_tasks.all(|result| result.of.is_empty()));
}

#[test]
fn an_inline_pipeline_names_its_tasks_and_resolves_their_images() {
    for format in ["v2alpha3", "v2alpha4"] {
        let facts = facts(&format!(
            "chains-payloads/0.29.2/pr-inline_slsa-{format}.json"
        ));
        let build = named(&facts, "build");
        assert_eq!(stated(&build.reference.source), Some("inline"));
        let parameters = build.parameters.value().unwrap();
        assert_eq!(
            (parameters[0].name.as_str(), parameters[0].origin),
            ("image", Origin::Unresolved)
        );
        let image = build.steps[0].image.value().unwrap();
        // The specification says alpine:3.22, the dependency which alpine that was.
        assert_eq!(image.repository, "docker.io/library/alpine");
        assert!(image.digest.as_ref().unwrap().value.starts_with("4e5f6071"));
        assert_eq!(build.status, Fact::Unknown);
    }
    let facts = facts("chains-payloads/0.29.2/pr-inline_slsa-v1.json");
    let build = named(&facts, "build");
    assert_eq!(build.status.value(), Some(&TaskStatus::Succeeded));
    assert_eq!(build.reference.source, Fact::Unknown);
}

#[test]
fn a_task_run_is_one_row() {
    for (run, steps) in [("tr-image", 3), ("tr-artifacts", 2), ("tr-no-subject", 1)] {
        let old = facts(&format!("chains-payloads/0.29.2/{run}_slsa-v1.json"));
        let [row] = tekton(&old).tasks.as_slice() else {
            panic!("one row")
        };
        assert_eq!(row.steps.len(), steps, "{run}");
        assert!(
            row.steps.iter().all(|step| step.image.value().is_some()),
            "{run}"
        );
        // It may have failed: no format says so of a TaskRun.
        assert_eq!(row.status, Fact::Unknown);
        let new = facts(&format!("chains-payloads/0.29.2/{run}_slsa-v2alpha4.json"));
        let [row] = tekton(&new).tasks.as_slice() else {
            panic!("one row")
        };
        assert_eq!(row.status, Fact::Unknown);
    }
    let facts = facts("chains-payloads/0.29.2/tr-image_slsa-v2alpha4.json");
    let row = &tekton(&facts).tasks[0];
    assert_eq!(stated(&row.task_run), Some("build-frontend-x7k2p"));
    assert_eq!(stated(&row.reference.name), Some("buildah"));
    assert_eq!(
        row.reference.resolved_digests.value().unwrap()[0].value,
        BUILDAH
    );
    let failed = &crate::facts("chains-payloads/0.29.2/tr-no-subject_slsa-v2alpha3.json");
    assert_eq!(
        tekton(failed).tasks[0].result("failed").value(),
        Some(&json!("1"))
    );
}

#[test]
fn the_recorded_run_in_a_cluster_v0_2() {
    let facts = facts("tekton/recorded/att_01_slsa_v0_2_pipeline_in_cluster.json");
    assert_eq!(stated(&facts.build.builder_id), BUILDER);
    assert_eq!(
        stated(&facts.build.build_type),
        Some("tekton.dev/v1beta1/PipelineRun")
    );
    assert_eq!(
        source(&facts),
        [
            Some("gitspam.spam/spam/spam"),
            Some("a95a628c6bb3de64fe3a56aea3d367a7fd1628a6")
        ]
    );
    assert_eq!(
        stated(&facts.subjects[0].name),
        Some("quay.io/lucarval/test-policies-chains")
    );
    let names: Vec<_> = tekton(&facts)
        .tasks
        .iter()
        .map(|task| stated(&task.name).unwrap())
        .collect();
    assert_eq!(names, ["git-clone", "scan", "av-scan", "build"]);
    let clone = named(&facts, "git-clone");
    assert_eq!(stated(&clone.reference.name), Some("mock-git-clone"));
    assert_eq!(
        stated(&clone.reference.repository),
        Some("https://github.com/conforma/hacks.git")
    );
    let scan = named(&facts, "scan");
    assert_eq!(
        (&scan.reference.source, &scan.reference.name),
        (&Fact::Unknown, &Fact::Unknown)
    );
    assert_eq!(scan.after.value().unwrap(), &["git-clone"]);
    assert_eq!(
        stated(&named(&facts, "av-scan").reference.name),
        Some("mock-av-scanner")
    );
    let build = named(&facts, "build");
    assert_eq!(
        build.reference.bundle.value().unwrap().repository,
        "quay.io/lucarval/test-policies-chains"
    );
    let digest = build.result("IMAGE_DIGEST");
    assert_eq!(
        digest.value(),
        Some(&json!(
            "sha256:2cfcb34dcaabc76e331dc9b28c3256a3d0508f6ddf6b3a9fee156c9bfce91c85"
        ))
    );
    assert_eq!(
        images(&facts, build),
        [Some("registry.access.redhat.com/ubi9".to_owned())]
    );
}

#[test]
fn the_recorded_run_in_a_cluster_slsa_tekton() {
    let facts =
        facts("tekton/recorded/att_05_slsa_v1_0_tekton_build_type_pipeline_in_cluster.json");
    assert_eq!(
        source(&facts),
        [
            Some("https://github.com/st3penta/golden-container"),
            Some("713bec2fb039b529d66f0449516174665fb3a87e"),
        ]
    );
    assert_eq!(
        stated(&facts.build.run),
        Some("582e211c-05e6-4339-b949-94ab934054d4")
    );
    let tekton = tekton(&facts);
    assert_eq!(tekton.tasks.len(), 16);
    assert!(
        tekton
            .tasks
            .iter()
            .all(|task| task.status.value() == Some(&TaskStatus::Succeeded))
    );
    let build = named(&facts, "build-container");
    assert_eq!(
        stated(&build.reference.resolved),
        Some("quay.io/konflux-ci/tekton-catalog/task-buildah-oci-ta")
    );
    assert_eq!(stated(&build.reference.name), Some("buildah-oci-ta"));
    // The pipeline is written out in the run, so the order is stated, too.
    assert_eq!(
        named(&facts, "clone-repository").after.value().unwrap(),
        &["init"]
    );
    let index = named(&facts, "build-image-index");
    let digest = index.result("IMAGE_DIGEST");
    let subject = facts.subjects[0].digest("sha256");
    assert_eq!(
        digest.value(),
        Some(&json!(format!("sha256:{}", subject.value().unwrap())))
    );
    assert_eq!(stated(&tekton.no_match_policy), Some("ignore"));
    assert_eq!(stated(&tekton.nonfalsifiability), Some("none"));
    assert_eq!(
        stated(&tekton.service_account),
        Some("build-pipeline-golden-container")
    );
    let defaults = facts.parameters.value().unwrap().iter();
    assert!(
        defaults
            .filter(|parameter| parameter.origin == Origin::Default)
            .count()
            > 5
    );
}

/// The templates of Chains' own tests, filled in.
#[test]
fn what_chains_itself_expects() {
    let digest = "05f95b26ed10668b7183c1e2da98610e91372fa9f510046d4ce5812addad86b5";
    for (file, subjects, tasks) in [
        ("v1/pipeline-output-image", 1, 1),
        ("v1/task-output-image", 1, 1),
        ("v2/task-output-image", 1, 0),
        ("v2alpha3/pipeline-output-image", 1, 1),
        ("v2alpha3/task-output-image", 1, 1),
        ("v2alpha4/pipeline-output-image", 1, 1),
        ("v2alpha4/pipeline-with-object-type-hinting", 1, 1),
        ("v2alpha4/pipeline-with-repeated-results", 1, 1),
        ("v2alpha4/task-output-image", 1, 1),
        ("v2alpha4/task-with-object-type-hinting", 1, 1),
    ] {
        let template = String::from_utf8(read(&format!("tekton/{file}.json"))).unwrap();
        let facts = facts_of(fill(&template, digest).as_bytes(), 0);
        let build = &facts.build;
        assert_eq!(stated(&build.builder_id), BUILDER, "{file}");
        assert!(
            stated(&build.build_type).unwrap().contains("tekton.dev"),
            "{file}"
        );
        assert!(facts.subjects.len() >= subjects, "{file}");
        assert!(
            facts.subjects[0].digest("sha256").value().is_some(),
            "{file}"
        );
        let rows = &tekton(&facts).tasks;
        assert!(rows.len() >= tasks, "{file}: {}", rows.len());
        for row in rows {
            assert!(!tekton(&facts).step_images(row).is_empty(), "{file}");
        }
    }
}

/// One material for each loop, and some word for anything else.
fn fill(template: &str, digest: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, after) = after.split_once("}}").unwrap();
        out.push_str(before);
        out.push_str(match action.trim() {
            "end" => "",
            action if action.starts_with("range") || action.starts_with("...") => "",
            ".Digest" => digest,
            ".URI" => "oci://docker.io/library/busybox",
            _ => "2026-01-01T00:00:00Z",
        });
        rest = after;
    }
    out + rest
}
