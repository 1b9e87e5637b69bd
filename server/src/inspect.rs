//! Looking at a data directory without a server: the list of its logs, and the audit. Opens it for reading only, so a
//! server may hold it meanwhile; what that one commits later does not show.

use std::io::Write;
use std::path::Path;

use treering_api::json::{LogInfoJson, LogState};
use treering_api::log::LogName;
use treering_storage::directory::Directory;
use treering_storage::envelopes::EnvelopeFiles;
use treering_storage::published::PublishedFiles;
use treering_storage::rocks::RocksStore;
use treering_storage::{Journal, StoreError};
use treering_tlog::note::{KeyName, VerifierKey};

use crate::app::AppError;
use crate::audit::{Audited, Auditor, LogReport, published_notes};
use crate::keys;
use crate::log::State;
use crate::log::recover::{LogDescription, describe};
use crate::trust::VKEY_SUFFIX;

/// After how many entries progress is told again.
pub(crate) const PROGRESS_ENTRIES: u64 = 100_000;

/// The logs of a data directory.
///
/// # Errors
/// If it is none, or cannot be read.
pub fn list(dir: &Path) -> Result<Vec<LogInfoJson>, AppError> {
    let (directory, store) = open(dir)?;
    let described = describe(&store.events()?)?;
    described
        .iter()
        .map(|log| info(log, &directory, &store))
        .collect()
}

fn info(
    log: &LogDescription,
    directory: &Directory,
    store: &RocksStore,
) -> Result<LogInfoJson, AppError> {
    Ok(LogInfoJson {
        name: log.name.clone(),
        dialect: log.dialect,
        origin: log.origin.clone(),
        vkey: vkey(directory, &log.name, &log.origin).unwrap_or_default(),
        state: if matches!(log.state, State::Frozen { .. }) {
            LogState::Frozen
        } else {
            LogState::Active
        },
        size: store.head(log.id)?.size,
    })
}

/// Audits every log, telling its progress.
///
/// # Errors
/// If the data directory is none, or cannot be read at all.
pub fn fsck(dir: &Path, mut progress: impl Write) -> Result<Vec<LogReport>, AppError> {
    // Before the store: what a running server publishes meanwhile is not in the store as it is opened here.
    let published = published_notes(&PublishedFiles::open(&open_directory(dir)?.published())?)?;
    let (directory, store) = open(dir)?;
    let envelopes = EnvelopeFiles::reader(dir);
    let origins = describe(&store.events()?)?;
    let audited = Audited {
        store: &store,
        envelopes: Some(&envelopes),
        published: &published,
    };
    let key_of = |name: &str| {
        let log = origins.iter().find(|log| log.name.as_str() == name)?;
        vkey(&directory, &log.name, &log.origin)
    };
    let mut told = 0;
    let tell = |log: &str, done: treering_tlog::TreeSize, all: treering_tlog::TreeSize| {
        if done.get() / PROGRESS_ENTRIES != told || done == all {
            told = done.get() / PROGRESS_ENTRIES;
            // Nobody reads it; the audit goes on.
            let _ = writeln!(progress, "log {log}: {done} of {all} entries");
        }
    };
    Ok(Auditor::default().check(&audited, key_of, tell)?)
}

pub(crate) fn open(dir: &Path) -> Result<(Directory, RocksStore), AppError> {
    Ok((open_directory(dir)?, RocksStore::open_read_only(dir)?))
}

pub(crate) fn open_directory(dir: &Path) -> Result<Directory, AppError> {
    Directory::open(dir).map_err(|error| match error {
        StoreError::Missing { .. } => AppError::NotInitialised {
            dir: dir.to_owned(),
        },
        error => error.into(),
    })
}

/// A log's vkey made from its key, for the copy in the data directory might be another's; without the key, which an
/// auditor need not have, the copy.
pub(crate) fn vkey(directory: &Directory, log: &LogName, origin: &str) -> Option<String> {
    let Ok(key) = keys::load(&directory.keys(), log) else {
        let copy = directory.root().join(format!("{log}{VKEY_SUFFIX}"));
        return std::fs::read_to_string(copy)
            .ok()
            .map(|text| text.trim_end().to_owned());
    };
    let name = KeyName::new(origin).ok()?;
    let vkey = VerifierKey::ed25519(name, key.verifying_key().to_bytes()).ok()?;
    Some(vkey.to_string())
}
