//! Provenance v1 (`slsa/v2alpha3`, `slsa/v2alpha4`): the generic build type, and `slsa-tekton`, whose dependencies hold the TaskRuns.

use super::parts::{Dependencies, parameters, reference_or_inline, set_resolved};
use super::{RunResult, TaskResult, Tekton, generic, task_run, v0_2};
use crate::base64;
use crate::facts::build::{Config, Material};
use crate::facts::cursor::Cursor;
use crate::facts::fact::Fact;
use crate::facts::provenance::Source;
use crate::facts::{Details, Facts};
use crate::strict;

/// The names of dependencies, in the spellings of Chains and of its documentation.
pub(super) const PIPELINE: [&str; 2] = ["pipeline", "config/pipeline"];
pub(super) const TASK: [&str; 2] = ["task", "config/task"];
const INPUTS: [&str; 3] = ["inputs/result", "input/result", "input/results"];

pub(in crate::facts) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let definition = predicate.get("buildDefinition");
    let external = definition.get("externalParameters");
    let internal = definition.get("internalParameters");
    let run_spec = external.any(&["runSpec", "configSpec"]);
    let materials = facts.materials.value().cloned().unwrap_or_default();
    let byproducts = predicate
        .get("runDetails")
        .any(&["byproducts", "byProducts"]);
    let results: Vec<RunResult> = byproducts
        .items()
        .filter_map(|item| run_result(&item))
        .collect();

    let spec = run_spec.any(&["pipelineSpec", "taskSpec"]);
    let mut run = reference_or_inline(&run_spec.any(&["pipelineRef", "taskRef"]), &spec);
    let config: Vec<&Material> = named(&materials, &[PIPELINE, TASK].concat());
    set_resolved(&mut run, &config);
    if config.len() > 1 {
        Dependencies::new(&config, &[]).resolve(&mut run);
    }
    facts.parameters = parameters(&run_spec.get("params"), &spec.get("params"));
    facts.build.config = config_source(&external, &run);
    source(&materials, &results).settle(&mut facts.build);

    let mut tasks = task_run::rows(&definition.get("resolvedDependencies"));
    if tasks.is_empty() {
        tasks = generic::rows(&run_spec, &run, &materials, &results, facts);
    } else {
        generic::order(&mut tasks, &spec);
    }
    let flags = internal.any(&[
        "tekton-pipelines-feature-flags",
        "tekton-pipelines-feature-flags-config",
    ]);
    let account = run_spec.path(&["taskRunTemplate", "serviceAccountName"]);
    facts.details = Details::Tekton(Box::new(Tekton {
        tasks,
        run,
        images: images_fact(&materials, definition.get("resolvedDependencies").at()),
        service_account: account
            .text()
            .and(run_spec.get("serviceAccountName").text()),
        no_match_policy: flags
            .any(&["verificationNoMatchPolicy", "VerificationNoMatchPolicy"])
            .text(),
        nonfalsifiability: flags
            .any(&["enforceNonfalsifiability", "EnforceNonfalsifiability"])
            .text(),
        results,
    }));
}

/// The materials that have one of these names.
pub(super) fn named<'m>(materials: &'m [Material], names: &[&str]) -> Vec<&'m Material> {
    let has = |material: &&Material| {
        let name = material.name.value().map(String::as_str);
        name.is_some_and(|name| names.contains(&name))
    };
    materials.iter().filter(has).collect()
}

/// Images of steps and sidecars: those without a name.
pub(super) fn images(materials: &[Material]) -> Vec<&Material> {
    let is_image = |material: &&Material| {
        let uri = material.uri.value().map_or("", String::as_str);
        material.name.is_unknown() && uri.starts_with("oci://")
    };
    materials.iter().filter(is_image).collect()
}

fn images_fact(materials: &[Material], at: &str) -> Fact<Vec<Material>> {
    let images: Vec<Material> = images(materials).into_iter().cloned().collect();
    if images.is_empty() {
        Fact::Unknown
    } else {
        Fact::stated(images, at)
    }
}

fn config_source(external: &Cursor<'_>, run: &super::Reference) -> Config {
    let source = external.get("buildConfigSource");
    Config {
        uri: source.get("repository").text().or(|| run.resolved.clone()),
        digests: run.resolved_digests.clone(),
        entry_point: source.get("path").text(),
    }
}

/// The inputs that type hints named; else the hints among the results.
fn source(materials: &[Material], results: &[RunResult]) -> Source {
    let mut source = Source::default();
    source.inputs(named(materials, &INPUTS));
    let hints = results.iter().filter_map(|result| {
        let [value] = result.value.candidates() else {
            return None;
        };
        Some(TaskResult {
            name: result.name.clone(),
            value: value.value.clone(),
            at: value.at.clone(),
        })
    });
    v0_2::take_hints(&mut source, &hints.collect::<Vec<_>>());
    source
}

/// `pipelineRunResults/NAME` (v2alpha3), `pipelineRunResults/RUN/NAME` (v2alpha4); the content is JSON in base64.
fn run_result(item: &Cursor<'_>) -> Option<RunResult> {
    let name = item.get("name");
    let mut parts = name.as_str()?.split('/').map(str::to_owned);
    let scope = parts.next()?;
    let mut of: Vec<String> = parts.collect();
    let name = of.pop()?;
    let content = item.get("content");
    let value = content.as_str().and_then(|text| {
        let bytes = base64::decode(text).ok()?;
        strict::parse_bytes(&bytes).ok()
    });
    Some(RunResult {
        scope,
        of,
        name,
        value: value.map_or(Fact::Unknown, |value| {
            Fact::stated(value, format!("{}#", content.at()))
        }),
    })
}

/// Whether the run is of a pipeline, not of a task.
pub(super) fn is_pipeline(run_spec: &Cursor<'_>) -> bool {
    ["pipelineSpec", "pipelineRef", "taskRunTemplate"]
        .iter()
        .any(|member| run_spec.get(member).is_there())
}
