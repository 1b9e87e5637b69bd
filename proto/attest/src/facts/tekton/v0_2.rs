//! Provenance v0.2 (`slsa/v1`, `in-toto`): `buildConfig.tasks[]` of a PipelineRun, `buildConfig.steps[]` of a TaskRun. The only format
//! that says how each task ended and what it waited for.

use std::collections::BTreeSet;

use super::parts::{image, parameters, reference, results, set_resolved, status, text_of};
use super::{Reference, Step, TaskResult, TaskRow, Tekton};
use crate::facts::build::{Material, Parameter};
use crate::facts::cursor::Cursor;
use crate::facts::digests::Digest;
use crate::facts::fact::Fact;
use crate::facts::provenance::Source;
use crate::facts::{Details, Facts};

pub(in crate::facts) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let config = predicate.get("buildConfig");
    let invocation = predicate.get("invocation");
    let tasks: Vec<TaskRow> = if config.get("tasks").is_array() {
        config.get("tasks").items().map(|task| row(&task)).collect()
    } else if config.get("steps").is_array() {
        vec![only_row(&config, &invocation, facts)]
    } else {
        Vec::new()
    };
    let source = source(&tasks, &config, &invocation, facts);
    source.settle(&mut facts.build);
    facts.details = Details::Tekton(Box::new(Tekton {
        run: Reference {
            resolved: facts.build.config.uri.clone(),
            resolved_digests: facts.build.config.digests.clone(),
            ..Reference::default()
        },
        service_account: config.get("serviceAccountName").text(),
        tasks,
        ..Tekton::default()
    }));
}

fn row(task: &Cursor<'_>) -> TaskRow {
    let invocation = task.get("invocation");
    let mut reference = reference(&task.get("ref"));
    let label = invocation.path(&["environment", "labels", "tekton.dev/task"]);
    reference.name = reference.name.or(|| label.text());
    resolved(&mut reference, &invocation);
    TaskRow {
        name: task.get("name").text(),
        task_run: Fact::Unknown,
        reference,
        status: task.get("status").fact(|word| Some(status(word.as_str()?))),
        started: task.get("startedOn").text(),
        finished: task.get("finishedOn").text(),
        after: task.get("after").texts(),
        parameters: task_parameters(&invocation.get("parameters")),
        results: results(&task.get("results")),
        steps: steps(&task.get("steps")),
        at: task.at().to_owned(),
    }
}

/// The row of a TaskRun: all that is said about it stands at the top.
fn only_row(config: &Cursor<'_>, invocation: &Cursor<'_>, facts: &Facts) -> TaskRow {
    let labels = invocation.path(&["environment", "labels"]);
    let mut reference = Reference {
        name: labels.get("tekton.dev/task").text(),
        ..Reference::default()
    };
    resolved(&mut reference, invocation);
    TaskRow {
        name: labels.get("tekton.dev/pipelineTask").text(),
        task_run: labels.get("tekton.dev/taskRun").text(),
        reference,
        started: facts.build.started.clone(),
        finished: facts.build.finished.clone(),
        parameters: task_parameters(&invocation.get("parameters")),
        results: results(&config.get("results")),
        steps: steps(&config.get("steps")),
        at: config.at().to_owned(),
        ..TaskRow::default()
    }
}

/// By name, or, in the oldest of these formats, as a list.
fn task_parameters(cursor: &Cursor<'_>) -> Fact<Vec<Parameter>> {
    if cursor.is_array() {
        parameters(cursor, &Cursor::nothing())
    } else {
        Parameter::members(cursor)
    }
}

/// What `configSource` says that the task was resolved to.
fn resolved(reference: &mut Reference, invocation: &Cursor<'_>) {
    let config = invocation.get("configSource");
    if config.get("uri").is_there() {
        set_resolved(reference, &[&Material::of(config.clone())]);
    }
    reference.path = reference
        .path
        .clone()
        .and(config.get("entryPoint").text().filter_map(|text| {
            // Of bundles the entry point is the task's name.
            (text.contains('/') || text.ends_with(".yaml")).then_some(text)
        }));
}

fn steps(cursor: &Cursor<'_>) -> Vec<Step> {
    let step = |step: Cursor<'_>| {
        let environment = step.get("environment");
        Step {
            name: environment.any(&["container", "name"]).text(),
            image: image(environment.get("image").text()),
        }
    };
    cursor.items().map(step).collect()
}

/// The source that the run's type hints name; else the materials of git that no task or pipeline was taken from.
fn source(
    tasks: &[TaskRow],
    config: &Cursor<'_>,
    invocation: &Cursor<'_>,
    facts: &Facts,
) -> Source {
    let mut source = Source::default();
    let mut hints: Vec<TaskResult> = Vec::new();
    for (name, value) in invocation.get("parameters").members() {
        hints.extend(hint(name, &value));
    }
    hints.extend(
        results(&config.get("results"))
            .value()
            .into_iter()
            .flatten()
            .cloned(),
    );
    for task in tasks {
        hints.extend(task.results.value().into_iter().flatten().cloned());
    }
    take_hints(&mut source, &hints);
    if !source.is_invoked() {
        let run = &facts.build.config.uri;
        let definitions: BTreeSet<&String> = tasks
            .iter()
            .filter_map(|task| task.reference.resolved.value())
            .chain(run.value())
            .collect();
        let materials = facts.materials.value().into_iter().flatten();
        source.inputs(materials.filter(|material| {
            material
                .uri
                .value()
                .is_some_and(|uri| !definitions.contains(uri))
        }));
    }
    source
}

fn hint(name: &str, value: &Cursor<'_>) -> Option<TaskResult> {
    Some(TaskResult {
        name: name.to_owned(),
        value: value.value()?.clone(),
        at: value.at().to_owned(),
    })
}

/// `CHAINS-GIT_URL` and `CHAINS-GIT_COMMIT`, and objects called `*ARTIFACT_INPUTS`, as Chains reads them.
pub(super) fn take_hints(source: &mut Source, hints: &[TaskResult]) {
    for hint in hints {
        let text = || text_of(&hint.value, &hint.at);
        match hint.name.as_str() {
            "CHAINS-GIT_URL" => source.invoked_as(text(), &[], ""),
            "CHAINS-GIT_COMMIT" => source.committed(text()),
            name if name.ends_with("ARTIFACT_INPUTS") => {
                let object = Cursor::new(&hint.value, hint.at.as_str());
                let digest = object.get("digest").as_str().and_then(Digest::parse);
                let uri = object.get("uri").text();
                if uri.value().is_some_and(|uri| uri.starts_with("git+")) {
                    source.invoked_as(uri, digest.as_slice(), &hint.at);
                }
            }
            _ => {}
        }
    }
}
