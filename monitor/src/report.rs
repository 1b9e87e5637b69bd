//! What a run prints, and the code it ends with.

use std::process::ExitCode;

use serde::Serialize;
use treering_client::LogKey;

use crate::Format;
use crate::pass::Outcome;

const OPERATIONAL: u8 = 3;
const MISBEHAVIOUR: u8 = 6;

/// Collects the worst outcome while it prints.
pub(crate) struct Report {
    format: Format,
    worst: u8,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Finding {
        kind: &'a str,
        class: &'a str,
        log: &'a str,
        expected: &'a str,
        found: &'a str,
    },
    Coverage {
        origin: &'a str,
        from: u64,
        to: u64,
        size: u64,
        root: String,
    },
}

impl Report {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format, worst: 0 }
    }

    pub(crate) fn log(&mut self, url: &str, key: &LogKey, outcome: Outcome) {
        match outcome {
            Outcome::Covered(checkpoint) => {
                let size = checkpoint.size.get();
                let line = Line::Coverage {
                    origin: checkpoint.origin.as_str(),
                    from: 0,
                    to: size,
                    size,
                    root: checkpoint.root.to_string(),
                };
                self.print(
                    &line,
                    &format!(
                        "{url}: all {size} entries of {} fit root {}",
                        checkpoint.origin, checkpoint.root
                    ),
                );
            }
            Outcome::Misbehaviour {
                kind,
                expected,
                found,
            } => {
                self.worst = self.worst.max(MISBEHAVIOUR);
                let line = Line::Finding {
                    kind,
                    class: "misbehaviour",
                    log: key.origin().as_str(),
                    expected: &expected,
                    found: &found,
                };
                self.print(
                    &line,
                    &format!("{url}: {kind}: expected {expected}, found {found}"),
                );
            }
            Outcome::Operational(found) => {
                self.worst = self.worst.max(OPERATIONAL);
                let line = Line::Finding {
                    kind: "unreadable",
                    class: "operational",
                    log: key.origin().as_str(),
                    expected: "a log that can be read",
                    found: &found,
                };
                self.print(&line, &format!("{url}: not read: {found}"));
            }
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.worst)
    }

    #[expect(clippy::print_stdout, reason = "this is where the program prints")]
    fn print(&self, line: &Line<'_>, text: &str) {
        match self.format {
            Format::Text => println!("{text}"),
            Format::Jsonl => println!(
                "{}",
                serde_json::to_string(line).expect("strings and numbers are JSON")
            ),
        }
    }
}

/// Says what was wrong with the call.
pub(crate) fn usage(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
