//! TaskRuns that `slsa-tekton` puts into its dependencies: each `pipelineTask` holds one, as JSON in base64.

use super::parts::{image, parameters, reference_or_inline, results, set_resolved};
use super::{Step, TaskRow, TaskStatus};
use crate::base64;
use crate::facts::build::Material;
use crate::facts::cursor::Cursor;
use crate::facts::fact::Fact;
use crate::strict;

/// A row for each dependency that holds a TaskRun; none if no one does.
pub(super) fn rows(dependencies: &Cursor<'_>) -> Vec<TaskRow> {
    let pipeline_tasks = dependencies.items().filter(|item| {
        let name = item.get("name");
        name.as_str() == Some("pipelineTask") && item.get("content").is_there()
    });
    pipeline_tasks.map(|dependency| row(&dependency)).collect()
}

/// One row, with nothing but what the dependency is if its content cannot be read.
fn row(dependency: &Cursor<'_>) -> TaskRow {
    let content = dependency.get("content");
    let decoded = content.as_str().and_then(|text| {
        let bytes = base64::decode(text).ok()?;
        strict::parse_bytes(&bytes).ok()
    });
    let mut row = match &decoded {
        Some(value) => task_run(&Cursor::new(value, format!("{}#", content.at()))),
        None => TaskRow::default(),
    };
    set_resolved(&mut row.reference, &[&Material::of(dependency.clone())]);
    row.at = dependency.at().to_owned();
    row
}

fn task_run(run: &Cursor<'_>) -> TaskRow {
    let (metadata, spec, status) = (run.get("metadata"), run.get("spec"), run.get("status"));
    let task_spec = status.get("taskSpec");
    let labels = metadata.get("labels");
    let mut reference = reference_or_inline(&spec.get("taskRef"), &spec.get("taskSpec"));
    reference.name = reference.name.or(|| labels.get("tekton.dev/task").text());
    TaskRow {
        name: labels.get("tekton.dev/pipelineTask").text(),
        task_run: metadata.get("name").text(),
        reference,
        status: outcome(&status),
        started: status.get("startTime").text(),
        finished: status.get("completionTime").text(),
        after: Fact::Unknown,
        parameters: parameters(&spec.get("params"), &task_spec.get("params")),
        results: results(&status.any(&["results", "taskResults"])),
        steps: status.get("steps").items().map(step).collect(),
        at: String::new(),
    }
}

fn step(step: Cursor<'_>) -> Step {
    Step {
        name: step.any(&["name", "container"]).text(),
        image: image(step.get("imageID").text()),
    }
}

/// The condition `Succeeded`: true, false, or still unknown.
fn outcome(status: &Cursor<'_>) -> Fact<TaskStatus> {
    let conditions = status.get("conditions");
    Fact::all(
        conditions
            .items()
            .filter(|condition| condition.get("type").as_str() == Some("Succeeded"))
            .map(|condition| {
                condition.get("status").fact(|word| {
                    Some(match word.as_str()? {
                        "True" => TaskStatus::Succeeded,
                        "False" => TaskStatus::Failed,
                        other => TaskStatus::Other(other.to_owned()),
                    })
                })
            }),
    )
}
