//! The logs that are followed: how far, and the checkpoints that they signed.

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use treering_client::LogKey;
use treering_tlog::checkpoint::{Opened, Origin};
use treering_tlog::note::VerifierKey;
use treering_tlog::{Hash, TreeSize};

use super::tree::{self, HeldTree, TileChange};
use super::{State, StateError, signed, unsigned};
use crate::clock::Time;

/// The number of a log in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(i64);

impl ToSql for LogId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for LogId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

/// How a log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// By tiles: the whole tree is kept.
    Tiles,
    /// By Rekor v1's API: checkpoints are kept, and entries from some index on.
    RekorV1,
}

impl LogKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tiles => "tiles",
            Self::RekorV1 => "rekor-v1",
        }
    }
}

/// What became of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The kept tree has it.
    Accepted,
    /// Larger than what the log itself has shown so far.
    Ahead,
    /// It contradicts an accepted one.
    Conflict,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ahead => "ahead",
            Self::Conflict => "conflict",
        }
    }
}

/// A log that is new to the state.
#[derive(Clone, Copy, Debug)]
pub struct NewLog {
    /// How it is read.
    pub kind: LogKind,
    /// The first entry that is examined.
    pub first: u64,
}

/// How far a log is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// Its number.
    pub id: LogId,
    /// What its checkpoints begin with.
    pub origin: String,
    /// The key that it is followed with.
    pub vkey: String,
    /// The first entry that was examined.
    pub first: u64,
    /// The entries before this one, from `first`, are verified and examined.
    pub cursor: u64,
    /// How far a backfill of the entries before `first` has come.
    pub filled: u64,
    /// The size of the newest accepted checkpoint.
    pub size: TreeSize,
    /// Its root.
    pub root: Hash,
    /// When it grew last, as seen from here.
    pub grown_at: Time,
    /// Whether it was announced that it grows no more.
    pub done: bool,
}

/// A checkpoint with its tree's new tiles.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    /// The signed checkpoint.
    pub opened: &'a Opened,
    /// What the tree gains.
    pub tiles: &'a [TileChange],
    /// Where it was seen.
    pub vantage: &'a str,
    /// When.
    pub now: Time,
}

/// A checkpoint that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCheckpoint {
    /// Its size.
    pub size: TreeSize,
    /// Its root.
    pub root: Hash,
    /// The note, verbatim.
    pub note: String,
    /// When it was seen first.
    pub first_seen: Time,
    /// Where.
    pub vantage: String,
}

const COLUMNS: &str = "id, origin, vkey, first, cursor, filled, size, root, grown_at, final";

fn log_row(row: &Row<'_>) -> rusqlite::Result<LogRow> {
    Ok(LogRow {
        id: row.get(0)?,
        origin: row.get(1)?,
        vkey: row.get(2)?,
        first: unsigned(row.get(3)?),
        cursor: unsigned(row.get(4)?),
        filled: unsigned(row.get(5)?),
        size: size(row.get(6)?),
        root: Hash::new(row.get(7)?),
        grown_at: Time::from_millis(unsigned(row.get(8)?)),
        done: row.get(9)?,
    })
}

fn size(number: i64) -> TreeSize {
    TreeSize::new(unsigned(number)).unwrap_or_default()
}

impl State {
    /// The log with this origin, which from now on belongs to this state.
    ///
    /// # Errors
    /// [`StateError::OtherKey`] if it was followed with another key.
    pub fn follow(&self, key: &LogKey, new: NewLog, now: Time) -> Result<LogRow, StateError> {
        let origin = key.origin().as_str();
        let known = self.read(|connection| find(connection, origin))?;
        let row = match known {
            Some(row) => row,
            None => self.commit(|tx| {
                tx.execute(
                    "INSERT INTO logs (origin, kind, vkey, first, cursor, filled, size, root, grown_at)
                     VALUES (?1, ?2, ?3, ?4, ?4, 0, 0, ?5, ?6)",
                    params![
                        origin,
                        new.kind.as_str(),
                        key.key().to_string(),
                        signed(new.first),
                        Hash::empty_root().as_bytes(),
                        signed(now.millis()),
                    ],
                )?;
                find(tx, origin)?.ok_or_else(|| StateError::damaged("a log that was added is gone"))
            })?,
        };
        if row.vkey != key.key().to_string() {
            return Err(StateError::OtherKey {
                origin: row.origin,
                expected: row.vkey,
                found: key.key().to_string(),
            });
        }
        Ok(row)
    }

    /// How far a log is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn log(&self, id: LogId) -> Result<LogRow, StateError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM logs WHERE id = ?1");
            Ok(connection.query_row(&sql, [id], log_row)?)
        })
    }

    /// All logs, by origin.
    ///
    /// # Errors
    /// Those of the database.
    pub fn logs(&self) -> Result<Vec<LogRow>, StateError> {
        self.read(|connection| {
            let mut all =
                connection.prepare(&format!("SELECT {COLUMNS} FROM logs ORDER BY origin"))?;
            let rows = all.query_map([], log_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Takes a larger checkpoint: its note, its tiles and the size belong together.
    ///
    /// # Errors
    /// Those of the database.
    pub fn accept(&self, log: LogId, accepted: Accepted<'_>) -> Result<(), StateError> {
        self.take(log, accepted, true)
    }

    /// Takes a larger checkpoint of a log whose tree is not kept.
    ///
    /// # Errors
    /// Those of the database.
    pub fn accept_unkept(&self, log: LogId, accepted: Accepted<'_>) -> Result<(), StateError> {
        self.take(log, accepted, false)
    }

    fn take(&self, log: LogId, accepted: Accepted<'_>, tree: bool) -> Result<(), StateError> {
        let checkpoint = accepted.opened.checkpoint();
        self.commit(|tx| {
            if tree {
                tree::keep(tx, log, checkpoint.size, accepted.tiles)?;
            }
            let (opened, vantage, now) = (accepted.opened, accepted.vantage, accepted.now);
            see(tx, log, opened, vantage, Status::Accepted, now)?;
            tx.execute(
                "UPDATE logs SET size = ?2, root = ?3, grown_at = ?4 WHERE id = ?1",
                params![
                    log,
                    signed(checkpoint.size.get()),
                    checkpoint.root.as_bytes(),
                    signed(now.millis())
                ],
            )?;
            Ok(())
        })
    }

    /// Once a backfill has reached the first entry, nothing before the cursor is missing.
    ///
    /// # Errors
    /// Those of the database.
    pub fn join_backfill(&self, log: LogId) -> Result<(), StateError> {
        self.commit(|tx| {
            tx.execute(
                "UPDATE logs SET first = 0, filled = 0 WHERE id = ?1 AND filled >= first",
                [log],
            )?;
            Ok(())
        })
    }

    /// It was announced that a log grows no more.
    ///
    /// # Errors
    /// Those of the database.
    pub fn finish(&self, log: LogId) -> Result<(), StateError> {
        self.commit(|tx| {
            tx.execute("UPDATE logs SET final = 1 WHERE id = ?1", [log])?;
            Ok(())
        })
    }

    /// Remembers a checkpoint that was seen, with all its signatures; of two notes of one tree the longer one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn saw(
        &self,
        log: LogId,
        opened: &Opened,
        vantage: &str,
        status: Status,
        now: Time,
    ) -> Result<(), StateError> {
        let known = self.read(|connection| {
            let checkpoint = opened.checkpoint();
            let known = connection.query_row(
                "SELECT length(note) FROM checkpoints WHERE log = ?1 AND size = ?2 AND root = ?3 AND status = ?4",
                params![log, signed(checkpoint.size.get()), checkpoint.root.as_bytes(), status.as_str()],
                |row| row.get::<_, i64>(0),
            );
            Ok(known.optional()?)
        })?;
        let length = i64::try_from(opened.text().chars().count()).unwrap_or(i64::MAX);
        if known.is_some_and(|known| known >= length) {
            return Ok(());
        }
        self.commit(|tx| see(tx, log, opened, vantage, status, now))
    }

    /// The note of the newest accepted checkpoint.
    ///
    /// # Errors
    /// Those of the database.
    pub fn newest(&self, row: &LogRow) -> Result<Option<SeenCheckpoint>, StateError> {
        self.read(|connection| newest(connection, row))
    }

    /// Checkpoints that are larger than what the log itself has shown.
    ///
    /// # Errors
    /// Those of the database.
    pub fn ahead(&self, log: LogId) -> Result<Vec<SeenCheckpoint>, StateError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT size, root, note, first_seen, vantage FROM checkpoints
                 WHERE log = ?1 AND status = 'ahead' ORDER BY size",
            )?;
            let rows = select.query_map([log], seen)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl LogRow {
    /// A log that could not be seen yet.
    #[must_use]
    pub(crate) fn unseen(origin: &str) -> Self {
        Self {
            id: LogId(0),
            origin: origin.to_owned(),
            vkey: String::new(),
            first: 0,
            cursor: 0,
            filled: 0,
            size: TreeSize::ZERO,
            root: Hash::empty_root(),
            grown_at: Time::default(),
            done: false,
        }
    }

    /// The key that it is followed with.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it is none.
    pub fn key(&self) -> Result<LogKey, StateError> {
        let damaged = |e: &dyn std::fmt::Display| {
            StateError::damaged(format!("expected a key of {}, found {e}", self.origin))
        };
        let key = VerifierKey::parse(&self.vkey).map_err(|e| damaged(&e))?;
        let origin = Origin::new(self.origin.as_str()).map_err(|e| damaged(&e))?;
        Ok(LogKey::new(origin, key))
    }
}

fn find(connection: &Connection, origin: &str) -> Result<Option<LogRow>, StateError> {
    let sql = format!("SELECT {COLUMNS} FROM logs WHERE origin = ?1");
    Ok(connection.query_row(&sql, [origin], log_row).optional()?)
}

fn seen(row: &Row<'_>) -> rusqlite::Result<SeenCheckpoint> {
    Ok(SeenCheckpoint {
        size: size(row.get(0)?),
        root: Hash::new(row.get(1)?),
        note: row.get(2)?,
        first_seen: Time::from_millis(unsigned(row.get(3)?)),
        vantage: row.get(4)?,
    })
}

fn newest(connection: &Connection, row: &LogRow) -> Result<Option<SeenCheckpoint>, StateError> {
    let found = connection.query_row(
        "SELECT size, root, note, first_seen, vantage FROM checkpoints
         WHERE log = ?1 AND size = ?2 AND root = ?3",
        params![row.id, signed(row.size.get()), row.root.as_bytes()],
        seen,
    );
    Ok(found.optional()?)
}

fn see(
    tx: &Transaction<'_>,
    log: LogId,
    opened: &Opened,
    vantage: &str,
    status: Status,
    now: Time,
) -> Result<(), StateError> {
    let checkpoint = opened.checkpoint();
    tx.execute(
        "INSERT INTO checkpoints (log, size, root, note, first_seen, vantage, status)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (log, size, root) DO UPDATE SET status = excluded.status,
           note = CASE WHEN length(excluded.note) > length(note) THEN excluded.note ELSE note END",
        params![
            log,
            signed(checkpoint.size.get()),
            checkpoint.root.as_bytes(),
            opened.text(),
            signed(now.millis()),
            vantage,
            status.as_str()
        ],
    )?;
    Ok(())
}

/// Checks every log's kept tree against the checkpoint that it was accepted with.
pub(super) fn self_check(connection: &Connection) -> Result<(), StateError> {
    let mut all = connection.prepare(&format!("SELECT {COLUMNS}, kind FROM logs"))?;
    let rows = all.query_map([], |row| Ok((log_row(row)?, row.get::<_, String>(10)?)))?;
    for row in rows.collect::<Result<Vec<_>, _>>()? {
        let (log, kind) = row;
        if log.size.is_empty() {
            continue;
        }
        let origin = &log.origin;
        let note = newest(connection, &log)?.ok_or_else(|| {
            StateError::damaged(format!(
                "{origin}: expected its newest checkpoint, found none"
            ))
        })?;
        let opened = log.key()?.open(note.note.as_bytes()).map_err(|e| {
            StateError::damaged(format!("{origin}: expected a signed checkpoint, found {e}"))
        })?;
        if (opened.checkpoint().size, opened.checkpoint().root) != (log.size, log.root) {
            return Err(StateError::damaged(format!(
                "{origin}: expected a checkpoint of size {}, found one of size {}",
                log.size,
                opened.checkpoint().size
            )));
        }
        if kind == LogKind::Tiles.as_str() {
            check_tree(connection, &log)?;
        }
    }
    Ok(())
}

fn check_tree(connection: &Connection, log: &LogRow) -> Result<(), StateError> {
    let audited = HeldTree::new(connection, log.id).audit(log.size);
    let wrong = match audited {
        Ok(Ok(root)) if root == log.root => return Ok(()),
        Ok(Ok(root)) => format!("expected root {}, found {root}", log.root),
        Ok(Err(detail)) => detail,
        Err(error) => error.to_string(),
    };
    Err(StateError::damaged(format!(
        "{}: the kept tree: {wrong}",
        log.origin
    )))
}
