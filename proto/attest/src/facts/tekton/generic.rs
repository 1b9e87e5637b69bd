//! The generic build type of provenance v1: tasks are named only if the pipeline is written out in the run, and images are listed
//! beside them without saying whose.

use std::collections::BTreeMap;

use super::parts::{Dependencies, parameters, reference_or_inline, set_resolved};
use super::v1::{images, is_pipeline, named};
use super::{Reference, RunResult, TaskResult, TaskRow};
use crate::facts::Facts;
use crate::facts::build::Material;
use crate::facts::cursor::Cursor;
use crate::facts::fact::Fact;

pub(super) fn rows(
    run_spec: &Cursor<'_>,
    run: &Reference,
    materials: &[Material],
    results: &[RunResult],
    facts: &Facts,
) -> Vec<TaskRow> {
    let pipeline_tasks = named(materials, &["pipelineTask"]);
    let dependencies = Dependencies::new(&pipeline_tasks, &images(materials));
    if !is_pipeline(run_spec) {
        return vec![task_run(run_spec, run, &dependencies, results, facts)];
    }
    let spec = run_spec.get("pipelineSpec");
    if !spec.is_there() {
        return pipeline_tasks.into_iter().map(remote).collect();
    }
    let (tasks, last) = (spec.get("tasks"), spec.get("finally"));
    let tasks = tasks.items().chain(last.items());
    tasks.map(|task| inline(&task, &dependencies)).collect()
}

/// What the pipeline, if it is written out, says that these tasks had to wait for: a TaskRun does not.
pub(super) fn order(tasks: &mut [TaskRow], spec: &Cursor<'_>) {
    let after = |task: Cursor<'_>| {
        let name = task.get("name").as_str()?.to_owned();
        Some((name, task.get("runAfter").texts()))
    };
    let waits: BTreeMap<String, Fact<Vec<String>>> =
        spec.get("tasks").items().filter_map(after).collect();
    for task in tasks {
        let name = task.name.value().map(String::as_str);
        if let Some(waits) = name.and_then(|name| waits.get(name)) {
            task.after = waits.clone();
        }
    }
}

/// A task of a pipeline that is not written out: what it resolved to, and nothing else.
fn remote(material: &Material) -> TaskRow {
    let mut row = TaskRow {
        at: material.at.clone(),
        ..TaskRow::default()
    };
    set_resolved(&mut row.reference, &[material]);
    row
}

/// A task of a pipeline that is written out.
fn inline(task: &Cursor<'_>, dependencies: &Dependencies) -> TaskRow {
    let spec = task.get("taskSpec");
    let mut reference = reference_or_inline(&task.get("taskRef"), &spec);
    dependencies.resolve(&mut reference);
    TaskRow {
        name: task.get("name").text(),
        reference,
        after: task.get("runAfter").texts(),
        parameters: parameters(&task.get("params"), &spec.get("params")),
        steps: dependencies.steps(&spec),
        at: task.at().to_owned(),
        ..TaskRow::default()
    }
}

/// The only row of a TaskRun.
fn task_run(
    run_spec: &Cursor<'_>,
    run: &Reference,
    dependencies: &Dependencies,
    results: &[RunResult],
    facts: &Facts,
) -> TaskRow {
    let spec = run_spec.get("taskSpec");
    let own = |result: &&RunResult| result.scope == "taskRunResults";
    let names = results.iter().filter(own).filter_map(|result| {
        let [name] = result.of.as_slice() else {
            return None;
        };
        let at = result.value.at()?.trim_end_matches("/content#").to_owned();
        Some(Fact::stated(name.clone(), format!("{at}/name")))
    });
    TaskRow {
        task_run: Fact::all(names),
        reference: run.clone(),
        started: facts.build.started.clone(),
        finished: facts.build.finished.clone(),
        parameters: facts.parameters.clone(),
        results: task_results(results),
        steps: dependencies.steps(&spec),
        at: run_spec.at().to_owned(),
        ..TaskRow::default()
    }
}

/// Results of the task, which v2alpha4 lists except for those that became subjects.
fn task_results(results: &[RunResult]) -> Fact<Vec<TaskResult>> {
    let found: Vec<TaskResult> = results
        .iter()
        .filter(|result| result.scope == "taskRunResults")
        .filter_map(|result| {
            let stated = result.value.candidates().first()?;
            Some(TaskResult {
                name: result.name.clone(),
                value: stated.value.clone(),
                at: stated.at.clone(),
            })
        })
        .collect();
    match found.first().map(|result| result.at.clone()) {
        None => Fact::Unknown,
        Some(at) => Fact::stated(found, at),
    }
}
