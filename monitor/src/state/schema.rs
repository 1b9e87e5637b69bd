//! The tables, and how older ones become newer: forward only.

use rusqlite::Connection;

use super::StateError;

/// One step each; a step that a release has had is never changed.
const MIGRATIONS: &[&str] = &[include_str!("0001.sql")];

/// Brings a database to the newest form.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StateError> {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = MIGRATIONS.len();
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(pending) = MIGRATIONS.get(done..) else {
        return Err(StateError::damaged(format!(
            "expected a schema of at most version {known}, found {version}: a newer monitor wrote it"
        )));
    };
    for (step, sql) in pending.iter().enumerate() {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        let version = u32::try_from(done + step + 1).unwrap_or(u32::MAX);
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrating_twice_changes_nothing_and_a_newer_schema_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        let tables: u32 = connection
            .query_row(
                "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'logs'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(tables, 1);
        connection.pragma_update(None, "user_version", 99).unwrap();
        let refused = migrate(&mut connection).unwrap_err();
        assert!(refused.to_string().contains("found 99"), "{refused}");
    }
}
