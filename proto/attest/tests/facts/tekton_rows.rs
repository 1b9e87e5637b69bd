//! Tekton's rows: the five questions about a PipelineRun (which task from where, with which parameters, with which results, how it
//! ended and in which order, on which image) over what Chains really wrote in each of its formats.

use serde_json::json;
use treering_attest::facts::{Fact, Facts, Origin, TaskRow, TaskStatus};

use crate::tekton::{BUILDAH, BUILDER, IMAGE, SHOP, document, images, named, source};
use crate::{facts, says, stated, tekton};

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
    }
}

#[test]
fn the_generic_type_says_what_the_run_was_called_with_and_made_from() {
    for format in ["v2alpha3", "v2alpha4"] {
        let facts = facts(&format!(
            "chains-payloads/0.29.2/pr-build_slsa-{format}.json"
        ));
        let tekton = tekton(&facts);
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
