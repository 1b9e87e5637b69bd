//! What the monitor remembers: one SQLite database, one transaction for everything that belongs together.
//!
//! State is precious: whoever can set it back or edit it can hide a fork. So every transaction seals cursors, roots and
//! accusations with a key of its own and counts up; the count is kept a second time outside the database. State that
//! does not fit is refused ([`StateError::Damaged`]) until somebody says `trust reset`; it is never a first run.

mod logs;
mod promises;
mod schema;
mod seal;
mod tree;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use logs::{Accepted, LogId, LogKind, LogRow, NewLog, SeenCheckpoint, Status};
pub use promises::Promise;
pub use tree::{HeldTree, TileChange, TreeError};
pub(crate) use tree::{keep as keep_tiles, keep_edge};

/// The database's file in the state folder.
pub const DATABASE: &str = "monitor.db";
/// The folder of evidence in the state folder.
pub const EVIDENCE: &str = "evidence";
const LOCK: &str = "lock";

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It is not what this monitor wrote last: edited, set back, or broken.
    #[error("{detail}")]
    Damaged {
        /// Expected and found.
        detail: String,
    },
    /// Another monitor follows with it.
    #[error("{}: another monitor uses this state folder", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
    },
    /// A log was followed with another key before.
    #[error(
        "{origin}: expected the key {expected} that it was followed with before, found {found}; see `trust reset`"
    )]
    OtherKey {
        /// The log.
        origin: String,
        /// The key of the state.
        expected: String,
        /// The key given now.
        found: String,
    },
    /// The file system.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The database.
    #[error("state database: {0}")]
    Database(#[from] rusqlite::Error),
}

impl StateError {
    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged {
            detail: detail.into(),
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// An open state folder.
pub struct State {
    dir: PathBuf,
    connection: Mutex<Connection>,
    seal: seal::Seal,
    /// Held by whoever follows logs; released with the process.
    _lock: Option<Lock>,
}

/// What a state folder is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To follow logs: one process at a time.
    Follow,
    /// To read, and to say what becomes of findings, also while another process follows.
    Tend,
}

impl State {
    /// Opens the folder, and checks that it is as it was left. A folder that does not exist is made where `access` is to
    /// follow.
    ///
    /// # Errors
    /// [`StateError`]; nothing of a damaged state is changed.
    pub fn open(dir: &Path, access: Access) -> Result<Self, StateError> {
        if access == Access::Follow {
            fs::create_dir_all(dir.join(EVIDENCE)).map_err(StateError::io(dir))?;
        }
        let lock = match access {
            Access::Follow => Some(lock(dir)?),
            Access::Tend => None,
        };
        let path = dir.join(DATABASE);
        let existed = path.exists();
        if access == Access::Tend && !existed {
            return Err(StateError::Io {
                path,
                source: io::Error::from(io::ErrorKind::NotFound),
            });
        }
        let seal = seal::Seal::open(dir, existed)?;
        let connection = connect(&path)?;
        let state = Self {
            dir: dir.to_owned(),
            connection: Mutex::new(connection),
            seal,
            _lock: lock,
        };
        state.check(existed)?;
        Ok(state)
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn check(&self, existed: bool) -> Result<(), StateError> {
        let mut connection = self.connection.lock();
        if existed {
            let sound: String = connection
                .query_row("PRAGMA quick_check", [], |row| row.get(0))
                .map_err(broken)?;
            if sound != "ok" {
                return Err(StateError::damaged(format!("sqlite says: {sound}")));
            }
        }
        schema::migrate(&mut connection)?;
        let existed = existed && !self.seal.is_unused(&connection)?;
        if existed {
            // One view of the database, whoever writes meanwhile.
            let view = connection.transaction()?;
            self.seal.verify(&view)?;
            logs::self_check(&view)?;
        }
        drop(connection);
        if !existed {
            self.commit(|_| Ok(()))?;
        }
        Ok(())
    }

    /// Reads.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        read(&self.connection.lock())
    }

    /// Changes what belongs together: all of it, or after an error or a crash nothing of it.
    ///
    /// # Errors
    /// Those of `change`, and if it cannot be written.
    pub fn commit<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&transaction)?;
        let counter = self.seal.write(&transaction)?;
        // Die here: nothing of it happened.
        transaction.commit()?;
        // Die here: the database is one ahead of the count outside, which the next start takes.
        self.seal.mirror(counter)?;
        Ok(done)
    }
}

/// Removes all state of a folder but the evidence. The next run is a first run.
///
/// # Errors
/// [`StateError::Io`], or [`StateError::Busy`] while a monitor uses it.
pub fn reset(dir: &Path) -> Result<(), StateError> {
    let _lock = lock(dir)?;
    let database = [DATABASE, "monitor.db-wal", "monitor.db-shm"];
    for name in database.into_iter().chain(seal::FILES) {
        let path = dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StateError::io(&path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A lock that is given up when it is dropped, also while a child that was just forked has its descriptor still: closing
/// alone would leave it to the child until its exec.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing releases it too, if later.
        let _ = self.0.unlock();
    }
}

fn lock(dir: &Path) -> Result<Lock, StateError> {
    let path = dir.join(LOCK);
    let opened = File::options().create(true).append(true).open(&path);
    let file = opened.map_err(StateError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(fs::TryLockError::WouldBlock) => Err(StateError::Busy { path }),
        Err(fs::TryLockError::Error(source)) => Err(StateError::Io { path, source }),
    }
}

fn connect(path: &Path) -> Result<Connection, StateError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    // A transaction that was reported as done survives a loss of power.
    let settings =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
    connection.execute_batch(settings).map_err(broken)?;
    Ok(connection)
}

/// An error of a database that could be read before.
fn broken(error: rusqlite::Error) -> StateError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            StateError::damaged(error.to_string())
        }
        _ => error.into(),
    }
}

/// An unsigned number as SQLite keeps it. Sizes and times end at 2^63 - 1.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of the database that cannot be negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
