//! The whole-log auditor: reads raw storage again, makes every leaf, tile and root anew and compares. The tests run it
//! after each step; operators run it as `treering-server fsck`.

mod entries;
mod published;

use std::collections::{BTreeMap, HashMap};

use treering_storage::apply::restage;
use treering_storage::envelopes::EnvelopeFiles;
use treering_storage::published::PublishedFiles;
use treering_storage::record::Record;
use treering_storage::{Edge, LogId, Rows, Store, StoreError};
use treering_tlog::{Hash, TreeSize};

use crate::log::State;
use crate::log::recover::{LogDescription, describe, unknown_names};

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The log, or the part of the store.
    pub place: String,
    /// What was expected and what was found.
    pub what: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// What was found in one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReport {
    /// Its name.
    pub name: String,
    /// Its size according to the journal.
    pub size: TreeSize,
    /// The root made anew from its leaves.
    pub root: Hash,
    /// What is damaged; empty for a clean log.
    pub damages: Vec<Damage>,
}

/// What an auditor reads.
pub struct Audited<'a> {
    /// Journal and view.
    pub store: &'a dyn Store,
    /// Large bodies.
    pub envelopes: Option<&'a EnvelopeFiles>,
    /// Checkpoints outside the store. They must have been read before the store was opened if a server may be writing
    /// to both: it publishes what the store holds already.
    pub published: &'a PublishedNotes,
}

/// The published checkpoint of each log by name, or why its file holds none.
pub type PublishedNotes = BTreeMap<String, Result<String, StoreError>>;

/// Reads all published checkpoints.
///
/// # Errors
/// `Unavailable`.
pub fn published_notes(files: &PublishedFiles) -> Result<PublishedNotes, StoreError> {
    let mut notes = PublishedNotes::new();
    for name in files.names()? {
        match files.read(&name) {
            Ok(Some(note)) => notes.insert(name, Ok(note)),
            Ok(None) => None,
            Err(error @ StoreError::Corrupt { .. }) => notes.insert(name, Err(error)),
            Err(error) => return Err(error),
        };
    }
    Ok(notes)
}

/// Reads logs, and remembers what it saw of each, so that a second pass notices what changed below the first one's size.
pub struct Auditor {
    seen: HashMap<LogId, Vec<(TreeSize, Hash)>>,
    most_damages: usize,
}

impl Default for Auditor {
    fn default() -> Self {
        Self {
            seen: HashMap::new(),
            most_damages: 20,
        }
    }
}

impl Auditor {
    /// Audits every log. `vkey` gives a log's checkpoint key by its name, `progress` hears of each record's end.
    ///
    /// # Errors
    /// If the store cannot be read at all.
    pub fn check(
        &mut self,
        audited: &Audited<'_>,
        vkey: impl Fn(&str) -> Option<String>,
        mut progress: impl FnMut(&str, TreeSize, TreeSize),
    ) -> Result<Vec<LogReport>, StoreError> {
        let events = audited.store.events()?;
        let logs = describe(&events)
            .map_err(|error| StoreError::corrupt("events", "a consistent list", error))?;
        let mut reports = Vec::with_capacity(logs.len());
        for log in &logs {
            let key = vkey(log.name.as_str());
            let mut pass = Pass {
                audited,
                log,
                damages: Vec::new(),
                most: self.most_damages,
                edge: Edge::new(),
                time: 0,
            };
            pass.walk(self.seen.entry(log.id).or_default(), &mut progress)?;
            pass.check_head()?;
            pass.check_published(key.as_deref())?;
            let (size, root) = (pass.edge.size(), pass.edge.root());
            self.seen.entry(log.id).or_default().push((size, root));
            reports.push(LogReport {
                name: log.name.to_string(),
                size,
                root,
                damages: pass.damages,
            });
        }
        reports.extend(unknown_names(audited.published.keys(), &logs).map(lost_log));
        Ok(reports)
    }
}

/// A log of which nothing is left but what was published.
fn lost_log(name: &str) -> LogReport {
    let what = "expected the log of a published checkpoint, found no event that names it: \
                the database is empty, an older copy, or lost its end";
    LogReport {
        name: name.to_owned(),
        size: TreeSize::ZERO,
        root: Hash::empty_root(),
        damages: vec![Damage {
            place: name.to_owned(),
            what: what.to_owned(),
        }],
    }
}

/// One walk over one log.
struct Pass<'a> {
    audited: &'a Audited<'a>,
    log: &'a LogDescription,
    damages: Vec<Damage>,
    most: usize,
    edge: Edge,
    time: u64,
}

impl Pass<'_> {
    fn damage(&mut self, what: impl Into<String>) {
        if self.damages.len() < self.most {
            self.damages.push(Damage {
                place: self.log.name.to_string(),
                what: what.into(),
            });
        }
    }

    fn expect<T: PartialEq + std::fmt::Display>(&mut self, what: &str, expected: &T, found: &T) {
        if expected != found {
            self.damage(format!("{what}: expected {expected}, found {found}"));
        }
    }

    /// What was read; `None`, noted as damage, if it is damaged or gone. Only what cannot be read at all ends the audit.
    fn found<T>(
        &mut self,
        what: impl std::fmt::Display,
        read: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Missing { .. })) => {
                self.damage(format!("{what}: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Follows the journal from the first record to the last and compares the view with what each record yields.
    fn walk(
        &mut self,
        seen: &mut [(TreeSize, Hash)],
        progress: &mut impl FnMut(&str, TreeSize, TreeSize),
    ) -> Result<(), StoreError> {
        let head = self.audited.store.head(self.log.id);
        let Some(head) = self.found("head", head)? else {
            return Ok(());
        };
        self.check_seen(seen);
        while self.edge.size() < head.size {
            let first = self.edge.size().next_index();
            let record = self.audited.store.record(self.log.id, first);
            let Some(record) = self.found(format_args!("record at index {first}"), record)? else {
                return Ok(());
            };
            let Some(record) = record else {
                self.damage(format!(
                    "expected a record at index {first} below size {}, found none",
                    head.size
                ));
                return Ok(());
            };
            if !self.check_record(record, seen)? {
                return Ok(());
            }
            progress(self.log.name.as_str(), self.edge.size(), head.size);
        }
        Ok(())
    }

    /// Says whether the walk can go on.
    fn check_record(
        &mut self,
        record: Record,
        seen: &[(TreeSize, Hash)],
    ) -> Result<bool, StoreError> {
        let (first, time) = (record.first, record.integrated_time);
        if time < self.time {
            self.damage(format!(
                "record at index {first}: expected an integrated time of at least {}, found {time}",
                self.time
            ));
        }
        self.time = time;
        let staged = match restage(&self.edge, record) {
            Ok(staged) => staged,
            Err(error) => {
                self.damage(format!("record at index {first}: {error}"));
                return Ok(false);
            }
        };
        self.check_entries(&staged.record)?;
        self.check_batch_row(&staged.record)?;
        self.check_tiles(&staged.rows)?;
        self.edge = staged.edge;
        self.check_seen(seen);
        Ok(true)
    }

    fn check_tiles(&mut self, rows: &Rows) -> Result<(), StoreError> {
        for (level, index, expected) in &rows.tiles {
            let name = format!("tile {index} of level {level}");
            let found = self.audited.store.tile(self.log.id, *level, *index);
            let Some(found) = self.found(&name, found)? else {
                continue;
            };
            if found.as_ref() != Some(expected) {
                let state = if found.is_some() {
                    "other bytes"
                } else {
                    "nothing"
                };
                self.damage(format!(
                    "{name}: expected the hashes of its entries, found {state}"
                ));
            }
        }
        Ok(())
    }

    fn check_batch_row(&mut self, record: &Record) -> Result<(), StoreError> {
        let Some(last) = record.size().last() else {
            return Ok(());
        };
        let row = self.audited.store.batch(self.log.id, last);
        let Some(row) = self.found(format_args!("batch row for index {last}"), row)? else {
            return Ok(());
        };
        match row {
            Some(row) => {
                self.expect("first index of the batch row", &record.first, &row.first);
                self.expect("size of the batch row", &record.size(), &row.size);
                self.expect("root of the batch row", &record.root, &row.root);
                self.expect(
                    "time of the batch row",
                    &record.integrated_time,
                    &row.integrated_time,
                );
            }
            None => self.damage(format!("expected a batch row for index {last}, found none")),
        }
        Ok(())
    }

    /// Nothing that an earlier pass saw has changed.
    fn check_seen(&mut self, seen: &[(TreeSize, Hash)]) {
        let size = self.edge.size();
        let Some((_, expected)) = seen.iter().find(|(at, _)| *at == size) else {
            return;
        };
        let found = self.edge.root();
        self.expect(
            &format!("root at size {size}, which was seen before"),
            expected,
            &found,
        );
    }

    fn check_head(&mut self) -> Result<(), StoreError> {
        let head = self.audited.store.head(self.log.id);
        let Some(head) = self.found("head", head)? else {
            return Ok(());
        };
        if let State::Frozen { size, .. } = self.log.state {
            self.expect("size of the head of a frozen log", &size, &head.size);
        }
        let (size, root) = (self.edge.size(), self.edge.root());
        self.expect("size of the head", &size, &head.size);
        self.expect("root of the head", &root, &head.root);
        Ok(())
    }
}
