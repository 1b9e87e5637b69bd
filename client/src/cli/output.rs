//! The one place that prints.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use treering_api::json::RejectJson;

use super::args::Format;
use super::exit::{CliError, Exit};

/// Where results, notes and progress go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
    quiet: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    exit: u8,
    reason: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<RejectJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence<'a>>,
}

#[derive(Serialize)]
struct Evidence<'a> {
    kind: &'static str,
    origin: &'a str,
    remembered: &'a str,
    found: &'a str,
}

impl Output {
    pub(crate) fn new(format: Format, quiet: bool) -> Self {
        Self { format, quiet }
    }

    /// A result: the text, or the object on one line.
    pub(crate) fn result(&self, text: &str, object: &impl Serialize) -> Result<(), CliError> {
        match self.format {
            Format::Text => self.raw(format!("{text}\n").as_bytes()),
            Format::Json => self.line(object),
        }
    }

    /// Bytes as they are, whatever the format: a file that was asked for on standard output.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(bytes)
            .and_then(|()| stdout.flush())
            .map_err(|e| closed(&e))
    }

    fn line(&self, object: &impl Serialize) -> Result<(), CliError> {
        let mut line =
            serde_json::to_vec(object).map_err(|e| CliError::new(Exit::Bug, e.to_string()))?;
        line.push(b'\n');
        self.raw(&line)
    }

    /// An error, about one of several files or about all: for people on standard error, as JSON on standard output.
    pub(crate) fn error(&self, file: Option<&str>, error: &CliError) -> Result<(), CliError> {
        match self.format {
            Format::Text => {
                let about = file.map_or_else(String::new, |file| format!("{file}: "));
                let mut text = format!("error: {about}{}\n", error.message);
                if let Some(proof) = &error.evidence {
                    text.push_str(&format!(
                        "\nseen before:\n{}\nfound now:\n{}\n",
                        proof.remembered, proof.found
                    ));
                }
                write_stderr(&text);
                Ok(())
            }
            Format::Json => self.line(&ErrorLine {
                file,
                error: body(error),
            }),
        }
    }

    /// Something worth knowing that is no result.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            write_stderr(&format!("{text}\n"));
        }
    }

    /// A bar on standard error, if that is a terminal.
    pub(crate) fn progress(&self, total: u64) -> ProgressBar {
        let shown = !self.quiet && io::stderr().is_terminal();
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        match ProgressStyle::with_template(
            "{bar:40} {human_pos}/{human_len} entries  {per_sec}  {eta}",
        ) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

fn body(error: &CliError) -> ErrorBody<'_> {
    ErrorBody {
        exit: error.exit.code(),
        reason: error.exit.label(),
        message: &error.message,
        reject: error.reject.clone().map(RejectJson::from),
        evidence: error.evidence.as_ref().map(|proof| Evidence {
            kind: proof.kind.as_str(),
            origin: proof.origin.as_str(),
            remembered: &proof.remembered,
            found: &proof.found,
        }),
    }
}

/// A reader that went away (`| head`) ends the program in peace.
fn closed(error: &io::Error) -> CliError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return CliError::new(Exit::Ok, "");
    }
    CliError::io("standard output", error)
}

/// Nothing can be done if standard error is gone.
fn write_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A time in seconds since the Unix epoch, for people.
pub(crate) fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|s| Timestamp::from_second(s).ok());
    time.map_or_else(
        || format!("{seconds} s after 1970"),
        |time| time.to_string(),
    )
}

/// The rows of a table, in aligned columns.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    for row in rows {
        table.add_row(row);
    }
    table
        .to_string()
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Writes a file that was asked for.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    std::fs::write(path, bytes).map_err(|e| CliError::io(path.display(), &e))
}
