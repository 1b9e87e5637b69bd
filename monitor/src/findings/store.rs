//! What is kept of findings, and what becomes of them: open, acked, resolved, reopened.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{Class, Finding, Line};
use crate::clock::Time;
use crate::state::{StateError, signed, unsigned};

/// What raising a finding changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Opened,
    /// It was resolved, and is back.
    Reopened,
    /// It was open already.
    Again,
}

/// Where a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredStatus {
    /// Nobody has looked at it.
    Open,
    /// Somebody knows of it; it still counts.
    Acked,
    /// It is over.
    Resolved,
}

impl StoredStatus {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acked => "acked",
            Self::Resolved => "resolved",
        }
    }
}

/// What somebody does with a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Knows of it.
    Ack,
    /// Says that it is over.
    Resolve,
}

/// Who does what, and why.
#[derive(Clone, Copy, Debug)]
pub struct Lifecycle<'a> {
    /// What.
    pub event: Event,
    /// Who.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When.
    pub now: Time,
}

/// A finding of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What others read; `new` is not set.
    pub line: Line,
    /// When it was raised first.
    pub first_seen: Time,
    /// When it was raised last.
    pub last_seen: Time,
    /// How often.
    pub times: u64,
    /// How often its status changed; with the fingerprint the key of a delivery.
    pub revision: u64,
}

const COLUMNS: &str = "kind, class, severity, scope, log, idx, why, expected, found, rule, fingerprint, evidence, \
                       retroactive, status, first_seen, last_seen, times, revision, denies";

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        line: Line {
            tag: "finding",
            kind: row.get(0)?,
            class: row.get(1)?,
            severity: row.get(2)?,
            scope: row.get(3)?,
            log: row.get(4)?,
            index: row.get::<_, Option<i64>>(5)?.map(unsigned),
            why: row.get(6)?,
            expected: row.get(7)?,
            found: row.get(8)?,
            rule: row.get(9)?,
            fingerprint: row.get(10)?,
            evidence: row.get(11)?,
            retroactive: row.get(12)?,
            new: false,
            status: row.get(13)?,
            denies: row.get(18)?,
        },
        first_seen: Time::from_millis(unsigned(row.get(14)?)),
        last_seen: Time::from_millis(unsigned(row.get(15)?)),
        times: unsigned(row.get(16)?),
        revision: unsigned(row.get(17)?),
    })
}

/// Raises a finding: keeps it if it is new, opens it again if it was resolved, and has it delivered if either.
/// `evidence` is the path of its file, if it has one.
///
/// # Errors
/// Those of the database.
pub fn record(
    tx: &Transaction<'_>,
    finding: &Finding,
    evidence: Option<&str>,
    now: Time,
) -> Result<Change, StateError> {
    let fingerprint = finding.fingerprint();
    let status: Option<String> = tx
        .prepare_cached("SELECT status FROM findings WHERE fingerprint = ?1")?
        .query_row([&fingerprint], |row| row.get(0))
        .optional()?;
    let change = match status.as_deref() {
        None => {
            insert(tx, finding, &fingerprint, evidence, now)?;
            Change::Opened
        }
        Some(status) => {
            tx.prepare_cached(
                "UPDATE findings SET last_seen = ?2, times = times + 1, expected = ?3, found = ?4, why = ?5, rule = ?6,
                 evidence = coalesce(?7, evidence), denies = ?8 WHERE fingerprint = ?1",
            )?
            .execute(params![
                fingerprint,
                signed(now.millis()),
                finding.expected,
                finding.found,
                finding.why,
                finding.rule,
                evidence,
                finding.denies
            ])?;
            if status == StoredStatus::Resolved.as_str() {
                turn(tx, &fingerprint, StoredStatus::Open)?;
                Change::Reopened
            } else {
                Change::Again
            }
        }
    };
    let event = match change {
        Change::Opened => "opened",
        Change::Reopened => "reopened",
        Change::Again => return Ok(change),
    };
    log_event(tx, &fingerprint, event, "monitor", "", now)?;
    enqueue(tx, &fingerprint, now)?;
    Ok(change)
}

fn insert(
    tx: &Transaction<'_>,
    finding: &Finding,
    fingerprint: &str,
    evidence: Option<&str>,
    now: Time,
) -> Result<(), StateError> {
    tx.prepare_cached(
        "INSERT INTO findings (fingerprint, kind, class, severity, scope, log, idx, why, expected, found, rule, evidence,
           retroactive, status, first_seen, last_seen, times, revision, denies)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'open', ?14, ?14, 1, 1, ?15)",
    )?
    .execute(params![
        fingerprint,
        finding.kind.as_str(),
        finding.kind.class().as_str(),
        finding.kind.severity().as_str(),
        finding.scope,
        finding.log,
        finding.index.map(signed),
        finding.why,
        finding.expected,
        finding.found,
        finding.rule,
        evidence,
        finding.retroactive,
        signed(now.millis()),
        finding.denies
    ])?;
    Ok(())
}

fn turn(tx: &Transaction<'_>, fingerprint: &str, status: StoredStatus) -> Result<(), StateError> {
    tx.prepare_cached(
        "UPDATE findings SET status = ?2, revision = revision + 1 WHERE fingerprint = ?1",
    )?
    .execute(params![fingerprint, status.as_str()])?;
    Ok(())
}

fn log_event(
    tx: &Transaction<'_>,
    fingerprint: &str,
    event: &str,
    actor: &str,
    reason: &str,
    now: Time,
) -> Result<(), StateError> {
    tx.prepare_cached(
        "INSERT INTO finding_events (fingerprint, at, event, actor, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![fingerprint, signed(now.millis()), event, actor, reason])?;
    Ok(())
}

/// Puts the finding as it is now into the outbox, once for each revision.
fn enqueue(tx: &Transaction<'_>, fingerprint: &str, now: Time) -> Result<(), StateError> {
    let Some(finding) = find(tx, fingerprint)? else {
        return Ok(());
    };
    let body = serde_json::to_string(&finding.line).expect("texts and numbers are JSON");
    tx.prepare_cached(
        "INSERT INTO outbox (fingerprint, revision, at, body) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        fingerprint,
        signed(finding.revision),
        signed(now.millis()),
        body
    ])?;
    Ok(())
}

/// The finding with this fingerprint.
fn find(connection: &Connection, fingerprint: &str) -> Result<Option<Stored>, StateError> {
    let sql = format!("SELECT {COLUMNS} FROM findings WHERE fingerprint = ?1");
    let mut select = connection.prepare_cached(&sql)?;
    Ok(select.query_row([fingerprint], stored).optional()?)
}

/// Findings, the worst and oldest first.
///
/// # Errors
/// Those of the database.
pub fn list(connection: &Connection, resolved_too: bool) -> Result<Vec<Stored>, StateError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM findings WHERE ?1 OR status <> 'resolved'
         ORDER BY CASE class WHEN 'misbehaviour' THEN 0 WHEN 'policy' THEN 1 ELSE 2 END, first_seen, fingerprint"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let rows = select.query_map([resolved_too], stored)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The findings that are open or acked; `new` are those that opened at or after a time.
///
/// # Errors
/// Those of the database.
pub fn open_findings(connection: &Connection, since: Time) -> Result<Vec<Line>, StateError> {
    let mut opened = connection.prepare_cached(
        "SELECT 1 FROM finding_events WHERE fingerprint = ?1 AND at >= ?2 AND event IN ('opened', 'reopened')",
    )?;
    let mut lines = Vec::new();
    for stored in list(connection, false)? {
        let mut line = stored.line;
        line.new = opened.exists(params![line.fingerprint, signed(since.millis())])?;
        lines.push(line);
    }
    Ok(lines)
}

/// Resolves the operational findings of a log that were not raised again: the trouble has passed.
///
/// # Errors
/// Those of the database.
pub fn resolve_absent(
    tx: &Transaction<'_>,
    log: &str,
    raised: &[String],
    now: Time,
) -> Result<(), StateError> {
    let open: Vec<String> = tx
        .prepare_cached(
            "SELECT fingerprint FROM findings WHERE log = ?1 AND class = ?2 AND status <> 'resolved'",
        )?
        .query_map(params![log, Class::Operational.as_str()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for fingerprint in open.iter().filter(|open| !raised.contains(open)) {
        turn(tx, fingerprint, StoredStatus::Resolved)?;
        log_event(tx, fingerprint, "resolved", "monitor", "it has passed", now)?;
        enqueue(tx, fingerprint, now)?;
    }
    Ok(())
}

/// Acknowledges or resolves the finding whose fingerprint begins so; none if there is no such finding, or more than one.
///
/// # Errors
/// Those of the database.
pub fn tend(
    tx: &Transaction<'_>,
    prefix: &str,
    change: Lifecycle<'_>,
) -> Result<Option<Stored>, StateError> {
    let matching: Vec<String> = tx
        .prepare("SELECT fingerprint FROM findings WHERE substr(fingerprint, 1, length(?1)) = ?1 LIMIT 2")?
        .query_map([prefix], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let [fingerprint] = matching.as_slice() else {
        return Ok(None);
    };
    let (status, event) = match change.event {
        Event::Ack => (StoredStatus::Acked, "acked"),
        Event::Resolve => (StoredStatus::Resolved, "resolved"),
    };
    turn(tx, fingerprint, status)?;
    log_event(
        tx,
        fingerprint,
        event,
        change.actor,
        change.reason,
        change.now,
    )?;
    enqueue(tx, fingerprint, change.now)?;
    find(tx, fingerprint)
}
