//! Receipts whose promise is not settled.

use rusqlite::params;
use treering_tlog::{Hash, LeafIndex};

use super::{LogId, State, StateError, signed, unsigned};
use crate::clock::Time;

/// A log promised a leaf at an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Where.
    pub index: LeafIndex,
    /// The leaf's hash.
    pub leaf: Hash,
    /// Since when it is known here.
    pub since: Time,
}

impl State {
    /// Remembers a promise until it is settled.
    ///
    /// # Errors
    /// Those of the database.
    pub fn promise(
        &self,
        log: LogId,
        index: LeafIndex,
        leaf: Hash,
        now: Time,
    ) -> Result<(), StateError> {
        self.commit(|tx| {
            tx.execute(
                "INSERT OR IGNORE INTO receipts (log, idx, leaf, first_seen) VALUES (?1, ?2, ?3, ?4)",
                params![log, signed(index.get()), leaf.as_bytes(), signed(now.millis())],
            )?;
            Ok(())
        })
    }

    /// The promises that are not settled.
    ///
    /// # Errors
    /// Those of the database.
    pub fn promises(&self, log: LogId) -> Result<Vec<Promise>, StateError> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT idx, leaf, first_seen FROM receipts WHERE log = ?1")?;
            let rows = select.query_map([log], |row| {
                Ok(Promise {
                    index: LeafIndex::new(unsigned(row.get(0)?)).unwrap_or(LeafIndex::ZERO),
                    leaf: Hash::new(row.get(1)?),
                    since: Time::from_millis(unsigned(row.get(2)?)),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// A promise was kept.
    ///
    /// # Errors
    /// Those of the database.
    pub fn kept(&self, log: LogId, promise: &Promise) -> Result<(), StateError> {
        self.commit(|tx| {
            tx.execute(
                "DELETE FROM receipts WHERE log = ?1 AND idx = ?2 AND leaf = ?3",
                params![log, signed(promise.index.get()), promise.leaf.as_bytes()],
            )?;
            Ok(())
        })
    }
}
