//! What one pass over a log came to: findings at once, and suspicions that must last.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::clock::Time;
use crate::evidence;
use crate::findings::{self, Finding, Kind};
use crate::judge::{self, Limits, Verdict};
use crate::state::{State, StateError, signed, unsigned};

/// Collects.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) origin: String,
    pub(crate) now: Time,
    raised: Vec<Finding>,
    suspected: Vec<Finding>,
    /// Whether everything could be looked at: only then is what was not seen again over.
    pub(crate) complete: bool,
}

impl Round {
    pub(crate) fn new(origin: &str, now: Time) -> Self {
        Self {
            origin: origin.to_owned(),
            now,
            raised: Vec::new(),
            suspected: Vec::new(),
            complete: true,
        }
    }

    /// A finding as it is. An accusation whose evidence does not hold becomes trouble of the monitor.
    pub(crate) fn raise(&mut self, finding: Finding) {
        self.raised.push(evidence::checked(finding));
    }

    /// A finding once it has lasted; until then, what [`judge::while_young`] says.
    pub(crate) fn suspect(&mut self, finding: Finding) {
        self.suspected.push(finding);
    }

    /// Trouble on the way to a log.
    pub(crate) fn trouble(&mut self, what: &str, detail: impl Into<String>) {
        self.complete = false;
        let finding = Finding::of_log(Kind::LogUnreachable, &self.origin, what);
        self.raised.push(finding.saying(
            "the log, or a view of it, could not be read; this says nothing about its honesty",
            what,
            detail,
        ));
    }

    /// Keeps all of it, in one transaction, and resolves the trouble that has passed.
    pub(crate) fn settle(self, state: &State, limits: &Limits) -> Result<(), StateError> {
        let Self {
            origin,
            now,
            mut raised,
            suspected,
            complete,
        } = self;
        let seen: Vec<(String, String)> = suspected.iter().map(key).collect();
        let ages = state.read(|connection| {
            let mut ages = Vec::with_capacity(seen.len());
            for (kind, grouping) in &seen {
                let row = connection
                    .prepare_cached(
                        "SELECT first_seen, times FROM suspicions WHERE scope = ?1 AND kind = ?2 AND grouping = ?3",
                    )?
                    .query_row(params![origin, kind, grouping], |row| {
                        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
                    })
                    .optional()?;
                ages.push(row.map_or((now, 1), |(first, times)| {
                    (Time::from_millis(unsigned(first)), unsigned(times) + 1)
                }));
            }
            Ok(ages)
        })?;
        for (finding, (first, times)) in suspected.into_iter().zip(&ages) {
            raised.push(match judge::suspicion(*first, *times, now, limits) {
                Verdict::Misbehaviour => evidence::checked(finding),
                Verdict::Operational => Finding {
                    // So that it is resolved with this log's other trouble.
                    log: origin.clone(),
                    ..young(finding, *first, limits)
                },
            });
        }
        if raised.is_empty() && state.read(|connection| is_quiet(connection, &origin))? {
            return Ok(());
        }
        let files = raised
            .iter()
            .map(|finding| evidence::write(state.dir(), finding));
        let files: Vec<Option<String>> = files.collect::<Result<_, _>>()?;
        state.commit(|tx| {
            keep_suspicions(tx, &origin, &seen, complete, now)?;
            for (finding, file) in raised.iter().zip(&files) {
                findings::record(tx, finding, file.as_deref(), now)?;
            }
            let raised: Vec<String> = raised.iter().map(Finding::fingerprint).collect();
            findings::resolve_absent(tx, &origin, &raised, now)
        })
    }
}

fn key(finding: &Finding) -> (String, String) {
    (finding.kind.as_str().to_owned(), finding.grouping.clone())
}

/// A suspicion as it is reported while it may still pass.
fn young(finding: Finding, first: Time, limits: &Limits) -> Finding {
    let why = format!(
        "{}; suspected of {} since {} ms after 1970, misbehaviour if it lasts {} s",
        finding.why,
        finding.kind.as_str(),
        first.millis(),
        limits.persistence.as_secs_f64()
    );
    Finding {
        grouping: format!("{} {}", finding.kind.as_str(), finding.grouping),
        kind: judge::while_young(&finding.kind),
        why,
        evidence: None,
        ..finding
    }
}

/// Whether nothing is suspected or troubled of a log, so that there is nothing to keep.
fn is_quiet(connection: &Connection, origin: &str) -> Result<bool, StateError> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM suspicions WHERE scope = ?1)
               AND NOT EXISTS (SELECT 1 FROM findings WHERE log = ?1 AND class = 'operational' AND status <> 'resolved')";
    let mut select = connection.prepare_cached(sql)?;
    Ok(select.query_row([origin], |row| row.get(0))?)
}

fn keep_suspicions(
    tx: &Transaction<'_>,
    origin: &str,
    seen: &[(String, String)],
    complete: bool,
    now: Time,
) -> Result<(), StateError> {
    for (kind, grouping) in seen {
        tx.execute(
            "INSERT INTO suspicions (scope, kind, grouping, first_seen, last_seen, times) VALUES (?1, ?2, ?3, ?4, ?4, 1)
             ON CONFLICT (scope, kind, grouping) DO UPDATE SET last_seen = excluded.last_seen, times = times + 1",
            params![origin, kind, grouping, signed(now.millis())],
        )?;
    }
    if complete {
        // What was looked for and not seen is over: the next time it begins anew.
        let known: Vec<(String, String)> = tx
            .prepare_cached("SELECT kind, grouping FROM suspicions WHERE scope = ?1")?
            .query_map([origin], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (kind, grouping) in known.iter().filter(|known| !seen.contains(known)) {
            tx.execute(
                "DELETE FROM suspicions WHERE scope = ?1 AND kind = ?2 AND grouping = ?3",
                params![origin, kind, grouping],
            )?;
        }
    }
    Ok(())
}
