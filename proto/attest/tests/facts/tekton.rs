//! Tekton: every recorded run in every format that Chains has for it, and the statements that Chains' own tests expect.

use serde_json::Value;
use treering_attest::Envelope;
use treering_attest::facts::{Facts, TaskRow};

use crate::{facts, facts_of, read, stated, tekton};

pub(crate) const BUILDER: Option<&str> = Some("https://tekton.dev/chains/v2");
pub(crate) const BUILDAH: &str = "3f1a3a90c2a9a2d0b2b7bb1c2b1cf1b7f1ac2ae7d3a0f5d0a8b54c7b0dbb4f61";
pub(crate) const IMAGE: &str = "718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f13";
pub(crate) const SHOP: [Option<&str>; 2] = [
    Some("https://git.example/shop/backend"),
    Some("6c1d2b3a4958677685949392a1b0c9d88f4e0f5c"),
];

/// The statement that Chains sent, for looking up what facts point at.
pub(crate) fn document(path: &str) -> Value {
    let bytes = read(path);
    let envelope = Envelope::parse(&bytes).unwrap();
    serde_json::from_slice(&envelope.payload().unwrap()).unwrap()
}

pub(crate) fn source(facts: &Facts) -> [Option<&str>; 2] {
    [stated(&facts.build.repository), stated(&facts.build.commit)]
}

pub(crate) fn named<'f>(facts: &'f Facts, name: &str) -> &'f TaskRow {
    let mut tasks = tekton(facts).tasks.iter().filter(|task| task.name.is(name));
    let task = tasks.next().unwrap_or_else(|| panic!("a task {name}"));
    assert!(tasks.next().is_none());
    task
}

pub(crate) fn images(facts: &Facts, task: &TaskRow) -> Vec<Option<String>> {
    let images = tekton(facts).step_images(task);
    images
        .into_iter()
        .map(|image| image.value().map(|image| image.repository.clone()))
        .collect()
}

/// Sample, kind, subjects in each of the three formats, repository and commit.
type Run = (
    &'static str,
    &'static str,
    [usize; 3],
    [Option<&'static str>; 2],
);

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
    let runs: [Run; 5] = [
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
