//! What is printed, and the code that a run ends with.

use serde::Serialize;
use serde_json::json;
use treering_client::evidence::Verdict;

use super::args::Format;
use super::{Exit, Failure};
use crate::clock::Time;
use crate::findings::{Class, Kind, Line, Severity};
use crate::state::LogRow;

/// What was covered of a log.
#[derive(Serialize)]
struct Coverage<'a> {
    #[serde(rename = "type")]
    tag: &'static str,
    origin: &'a str,
    from: u64,
    to: u64,
    size: u64,
    root: String,
}

/// Prints a line as text, or an object as JSON.
#[expect(clippy::print_stdout, reason = "this is where the program prints")]
pub(super) fn say(format: Format, text: &str, object: &impl Serialize) {
    match format {
        Format::Text => println!("{text}"),
        Format::Jsonl => println!(
            "{}",
            serde_json::to_string(object).expect("texts and numbers are JSON")
        ),
    }
}

/// One finding.
pub(super) fn finding(format: Format, line: &Line) {
    let index = line.index.map(|index| format!(" entry {index}"));
    let new = if line.new { "new, " } else { "" };
    let mut text = format!(
        "{} {} ({new}{}) {}{}: {}\n  expected {}\n  found {}",
        line.severity,
        line.kind,
        line.status,
        line.scope,
        index.unwrap_or_default(),
        line.why,
        line.expected,
        line.found
    );
    if let Some(evidence) = &line.evidence {
        text.push_str(&format!("\n  evidence {evidence}"));
    }
    text.push_str(&format!("\n  fingerprint {}", line.fingerprint));
    say(format, &text, line);
}

/// What was covered of a log.
pub(super) fn coverage(format: Format, row: &LogRow) {
    let line = Coverage {
        tag: "coverage",
        origin: &row.origin,
        from: row.first,
        to: row.cursor,
        size: row.size.get(),
        root: row.root.to_string(),
    };
    let text = format!(
        "{}: entries {} to {} of {} fit root {}",
        row.origin, row.first, row.cursor, row.size, row.root
    );
    say(format, &text, &line);
}

/// The code that a run with these open findings ends with.
pub(super) fn exit(open: &[Line], strict: bool) -> Exit {
    let class = |line: &Line, class: Class| line.class == class.as_str();
    if open.iter().any(|line| class(line, Class::Misbehaviour)) {
        return Exit::Misbehaviour;
    }
    let least = if strict {
        Severity::Medium
    } else {
        Severity::High
    };
    let denied = |line: &Line| {
        let severity = Severity::from_name(&line.severity).unwrap_or(Severity::Critical);
        class(line, Class::Policy) && (line.denies || (line.rule.is_none() && severity >= least))
    };
    if open.iter().any(denied) {
        return Exit::Denied;
    }
    let behind = [Kind::CoverageGap, Kind::MonitorBehind];
    let is_behind = |line: &Line| behind.iter().any(|kind| kind.as_str() == line.kind);
    let operational = |line: &&Line| class(line, Class::Operational);
    if open.iter().filter(operational).any(is_behind) {
        return Exit::Behind;
    }
    if open.iter().any(|line| class(line, Class::Operational)) {
        return Exit::Operational;
    }
    Exit::Clean
}

/// What went wrong with a command. Damaged state is a finding too: it stops the monitor.
pub(super) fn failure(format: Format, failure: &Failure) -> Exit {
    match failure {
        Failure::Usage(error) => {
            eprintln!("error: {error:#}");
            Exit::Usage
        }
        Failure::Operational(error) => {
            eprintln!("error: {error:#}");
            Exit::Operational
        }
        Failure::Damaged(detail) => {
            finding(format, &damaged(detail));
            eprintln!(
                "error: the state is not what this monitor left, so nobody is accused of anything; \
                 restore it, or forget it by `treering-monitor trust reset`"
            );
            Exit::Operational
        }
    }
}

fn damaged(detail: &str) -> Line {
    let found = crate::findings::Finding::of_log(Kind::StateDamaged, "monitor", "state").saying(
        "the monitor's state is not what it left; it stops, and accuses nobody",
        "the state of the last run",
        detail,
    );
    Line {
        tag: "finding",
        kind: found.kind.as_str().to_owned(),
        class: found.kind.class().as_str().to_owned(),
        severity: found.kind.severity().as_str().to_owned(),
        fingerprint: found.fingerprint(),
        scope: found.scope,
        log: found.log,
        index: None,
        why: found.why,
        expected: found.expected,
        found: found.found,
        rule: None,
        evidence: None,
        retroactive: false,
        new: true,
        status: "open".to_owned(),
        denies: false,
    }
}

/// How far a log is.
pub(super) fn status(format: Format, row: &LogRow, now: Time) {
    let behind = row.size.get().saturating_sub(row.cursor);
    let object = json!({
        "type": "log", "origin": row.origin, "from": row.first, "to": row.cursor, "filled": row.filled,
        "size": row.size.get(), "root": row.root.to_string(), "behind": behind, "final": row.done,
        "grownAt": row.grown_at.secs(),
    });
    let text = format!(
        "{}: examined {} to {} of {}, {behind} behind, grew {} s ago",
        row.origin,
        row.first,
        row.cursor,
        row.size,
        now.since(row.grown_at).as_secs()
    );
    say(format, &text, &object);
}

/// What evidence shows.
pub(super) fn verdict(format: Format, verdict: &Verdict) {
    let proof = format!("{:?}", verdict.proof);
    let object = json!({
        "type": "verdict", "kind": verdict.kind, "proof": proof, "holds": true,
        "proven": verdict.proven, "claimed": verdict.claimed,
    });
    let mut text = format!("{} ({proof}): the evidence holds", verdict.kind);
    for line in &verdict.proven {
        text.push_str(&format!("\n  proven: {line}"));
    }
    for line in &verdict.claimed {
        text.push_str(&format!("\n  claimed by the monitor: {line}"));
    }
    say(format, &text, &object);
}

/// Which version.
pub(super) fn version(format: Format) {
    let version = env!("CARGO_PKG_VERSION");
    let object = json!({"name": "treering-monitor", "version": version});
    say(format, &format!("treering-monitor {version}"), &object);
}

/// Events go to standard error, by `RUST_LOG`.
pub(super) fn logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Only a second call fails.
    let _ = subscriber.try_init();
}

/// A line on standard error while something takes long.
pub(super) fn progress(origin: &str, done: u64, of: u64) {
    eprintln!("{origin}: {done} of {of}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &Kind, rule: bool, denies: bool) -> Line {
        Line {
            kind: kind.as_str().to_owned(),
            class: kind.class().as_str().to_owned(),
            severity: kind.severity().as_str().to_owned(),
            rule: rule.then(|| "acme-app".to_owned()),
            denies,
            ..damaged("")
        }
    }

    fn policy(severity: Severity) -> Kind {
        let name = "unknown-signer".to_owned();
        Kind::Policy { name, severity }
    }

    #[test]
    fn the_worst_open_finding_decides_the_code() {
        let fork = line(&Kind::LogFork, false, false);
        let behind = line(&Kind::MonitorBehind, false, false);
        let unreachable = line(&Kind::LogUnreachable, false, false);
        let critical = line(&policy(Severity::Critical), false, false);
        let warned = line(&policy(Severity::Critical), true, false);
        let enforced = line(&policy(Severity::Low), true, true);
        let medium = line(&policy(Severity::Medium), false, false);
        for (open, code, strict) in [
            (vec![], 0, 0),
            (vec![warned.clone()], 0, 0),
            (vec![medium], 0, 1),
            (vec![enforced, unreachable.clone()], 1, 1),
            (vec![critical], 1, 1),
            (vec![unreachable.clone(), warned], 3, 3),
            (vec![unreachable.clone(), behind.clone()], 9, 9),
            (vec![behind, fork, unreachable], 6, 6),
        ] {
            assert_eq!(exit(&open, false).code(), code, "{open:?}");
            assert_eq!(exit(&open, true).code(), strict, "{open:?}");
        }
    }
}
