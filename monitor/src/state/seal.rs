//! What tells that the state is as this monitor left it: a MAC over what matters, and a count outside the database.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{StateError, signed, unsigned};

const KEY: &str = "seal.key";
const COUNT: &str = "seal.count";
/// Bytes of the key.
const KEY_LEN: usize = 32;
/// The files of the seal, for `trust reset`.
pub(super) const FILES: [&str; 2] = [KEY, COUNT];

pub(super) struct Seal {
    key: hmac::Key,
    count: PathBuf,
}

impl Seal {
    /// Reads the key, or makes one where there is no database yet.
    pub(super) fn open(dir: &Path, existed: bool) -> Result<Self, StateError> {
        let (path, count) = (dir.join(KEY), dir.join(COUNT));
        if !existed && count.exists() {
            let count = read_count(&count)?.unwrap_or(0);
            return Err(StateError::damaged(format!(
                "expected the state of {count} transactions, found none: it was removed"
            )));
        }
        let secret = match fs::read(&path) {
            Ok(secret) if secret.len() == KEY_LEN => secret,
            // Die while it was made: nothing was sealed with it.
            Ok(_) if !existed => make_key(&path)?,
            Ok(secret) => {
                return Err(StateError::damaged(format!(
                    "expected a key of {KEY_LEN} bytes for the seal, found {}",
                    secret.len()
                )));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !existed => make_key(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StateError::damaged(format!(
                    "expected the key of its seal in {}, found none",
                    path.display()
                )));
            }
            Err(error) => return Err(StateError::io(&path)(error)),
        };
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            count,
        })
    }

    /// Whether database, seal and count go together.
    pub(super) fn verify(&self, connection: &Connection) -> Result<(), StateError> {
        // Read before the database: whoever follows meanwhile only moves the database ahead.
        let mirrored = read_count(&self.count)?;
        let row = connection
            .query_row("SELECT counter, mac FROM seal", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .optional()?;
        let Some((counter, mac)) = row else {
            return Err(StateError::damaged("expected a seal, found none"));
        };
        let counter = unsigned(counter);
        let message = message(connection, counter)?;
        if hmac::verify(&self.key, &message, &mac).is_err() {
            return Err(StateError::damaged(
                "expected the seal of cursors, roots and findings to fit, found that they were changed",
            ));
        }
        let expected = mirrored.ok_or_else(|| {
            StateError::damaged(format!(
                "expected the count of transactions in {}, found none",
                self.count.display()
            ))
        })?;
        if counter < expected {
            return Err(StateError::damaged(format!(
                "expected a state of {expected} transactions, found one of {counter}: it was set back"
            )));
        }
        Ok(())
    }

    /// Counts up and seals, within a transaction; returns the count.
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> Result<u64, StateError> {
        let last: Option<i64> = transaction
            .query_row("SELECT counter FROM seal", [], |row| row.get(0))
            .optional()?;
        let counter = unsigned(last.unwrap_or(0)).saturating_add(1);
        let mac = hmac::sign(&self.key, &message(transaction, counter)?);
        transaction.execute(
            "INSERT INTO seal (id, counter, mac) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET counter = excluded.counter, mac = excluded.mac",
            params![signed(counter), mac.as_ref()],
        )?;
        Ok(counter)
    }

    /// Whether nothing was ever sealed here: the process died before its first transaction.
    pub(super) fn is_unused(&self, connection: &Connection) -> Result<bool, StateError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM seal) OR EXISTS (SELECT 1 FROM logs)";
        let used: bool = connection.query_row(sql, [], |row| row.get(0))?;
        Ok(!used && !self.count.exists())
    }

    /// Keeps the count outside the database, whole or not at all. Losing the last one to a crash only makes it smaller,
    /// which is accepted.
    pub(super) fn mirror(&self, counter: u64) -> Result<(), StateError> {
        // Of one's own: others may tend findings meanwhile.
        let beside = self
            .count
            .with_extension(format!("{}.new", std::process::id()));
        let written = || {
            let mut file = File::create(&beside)?;
            file.write_all(format!("{counter}\n").as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.count)
        };
        written().map_err(StateError::io(&self.count))
    }
}

fn read_count(path: &Path) -> Result<Option<u64>, StateError> {
    match fs::read_to_string(path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| {
            StateError::damaged(format!(
                "expected a count of transactions in {}, found {:?}",
                path.display(),
                text.chars().take(40).collect::<String>()
            ))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::io(path)(error)),
    }
}

fn make_key(path: &Path) -> Result<Vec<u8>, StateError> {
    let mut secret = vec![0; KEY_LEN];
    let written = getrandom::fill(&mut secret)
        .map_err(io::Error::other)
        .and_then(|()| {
            let mut options = File::options();
            options.create(true).truncate(true).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path)?;
            file.write_all(&secret)?;
            file.sync_all()
        });
    written.map_err(StateError::io(path))?;
    Ok(secret)
}

/// What is sealed: every log's key, positions and root, and every accusation with what became of it.
fn message(connection: &Connection, counter: u64) -> Result<Vec<u8>, StateError> {
    let mut message = counter.to_be_bytes().to_vec();
    let mut add = |field: &[u8]| {
        let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(field);
    };
    let mut logs = connection.prepare_cached(
        "SELECT origin, vkey, first, cursor, filled, size, root, final FROM logs ORDER BY origin",
    )?;
    let mut rows = logs.query([])?;
    while let Some(row) = rows.next()? {
        add(row.get_ref(0)?.as_bytes().unwrap_or_default());
        add(row.get_ref(1)?.as_bytes().unwrap_or_default());
        for column in [2, 3, 4, 5, 7] {
            add(&row.get::<_, i64>(column)?.to_be_bytes());
        }
        add(row.get_ref(6)?.as_bytes().unwrap_or_default());
    }
    let mut accusations = connection.prepare_cached(
        "SELECT fingerprint, status FROM findings WHERE class = 'misbehaviour' ORDER BY fingerprint",
    )?;
    let mut rows = accusations.query([])?;
    while let Some(row) = rows.next()? {
        add(row.get_ref(0)?.as_bytes().unwrap_or_default());
        add(row.get_ref(1)?.as_bytes().unwrap_or_default());
    }
    Ok(message)
}
