//! `export`.

use std::io;

use serde_json::json;

use super::{Exit, Failure, print};
use crate::cli::{Export, Output};
use crate::export::{ExportError, Exported, export};

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let exit = match &error {
            ExportError::NoSuchLog { .. } => Exit::Usage,
            ExportError::Damaged { .. } => Exit::Damaged,
            ExportError::Source(_)
            | ExportError::NotPublished(_)
            | ExportError::OtherLog { .. }
            | ExportError::Ahead { .. }
            | ExportError::Busy { .. }
            | ExportError::File { .. } => Exit::Operational,
        };
        Self::new(exit, error)
    }
}

pub(super) async fn run(command: Export) -> Result<(), Failure> {
    let exported = tokio::task::spawn_blocking(move || {
        export(
            &command.dir,
            &command.to,
            command.log.as_ref(),
            io::stderr(),
        )
    });
    let exported = exported.await.expect("reading a store does not panic")?;
    match command.output {
        Output::Json => print(&format!(
            "{:#}\n",
            json!({ "logs": exported.iter().map(as_json).collect::<Vec<_>>() })
        )),
        Output::Text => print(&exported.iter().map(as_text).collect::<String>()),
    }
}

fn as_json(log: &Exported) -> serde_json::Value {
    json!({
        "log": log.name,
        "folder": log.folder,
        "size": log.size.get(),
        "rootHash": log.root.to_hex(),
        "written": log.written,
        "kept": log.kept,
    })
}

fn as_text(log: &Exported) -> String {
    format!(
        "log {}: size {}, root {}, in {}: {} files written, {} kept\n",
        log.name,
        log.size,
        log.root,
        log.folder.display(),
        log.written,
        log.kept
    )
}
