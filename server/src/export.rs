//! Whole logs as plain files in the layout of c2sp.org/tlog-tiles, for any web server: `TO/NAME/checkpoint`,
//! `TO/NAME/tile/...`.
//!
//! Everything is verified on its way: what lies in `TO` already is read again and kept if it is right, the rest comes
//! out of the store, and the root over all of it must be the one that was signed. The checkpoint is written last, when
//! every tile under it is durable; so whenever an export ends, the folder holds the log as it was before or as it is.

mod target;
mod tree;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use treering_api::log::LogName;
use treering_storage::published::PublishedFiles;
use treering_storage::rocks::RocksStore;
use treering_storage::{Edge, Journal as _, StoreError};
use treering_tlog::checkpoint::{self, Opened, Origin};
use treering_tlog::note::VerifierKey;
use treering_tlog::{Hash, TreeSize};

use crate::app::AppError;
use crate::audit::{PublishedNotes, published_notes};
use crate::inspect::{open, open_directory, vkey};
use crate::log::mark::Mark;
use crate::log::nodes::StoreNodes;
use crate::log::recover::{LogDescription, describe, other_mark, root_from};
use target::Target;
use tree::Tree;

/// Why a log was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The data directory cannot be read.
    #[error(transparent)]
    Source(#[from] AppError),
    /// There is no log of that name.
    #[error("expected one of the logs {names:?}, found {name}")]
    NoSuchLog {
        /// The name that was asked for.
        name: LogName,
        /// Those that there are.
        names: Vec<String>,
    },
    /// No checkpoint of the log was ever published.
    #[error("log {0}: no checkpoint was published yet; start the server once")]
    NotPublished(LogName),
    /// The store, or what was published, is damaged; nothing that was exported before was changed.
    #[error("log {log}: {what}")]
    Damaged {
        /// The log.
        log: LogName,
        /// What was expected and what was found.
        what: String,
    },
    /// The folder holds something else.
    #[error(
        "{folder} holds another log: expected {expected}, found {found}; export to another folder"
    )]
    OtherLog {
        /// The folder.
        folder: PathBuf,
        /// The log that was to be exported.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The folder holds more of the log than was published here: this is an older copy of the data directory.
    #[error(
        "{folder} holds the log at size {found}, expected at most the published size {expected}: the data directory is older than the export"
    )]
    Ahead {
        /// The folder.
        folder: PathBuf,
        /// What was published.
        expected: TreeSize,
        /// What is there.
        found: TreeSize,
    },
    /// Another export writes to the folder.
    #[error("{folder} is being written by another export")]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the export.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// A log that was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its name.
    pub name: LogName,
    /// Where it is.
    pub folder: PathBuf,
    /// The size of its checkpoint.
    pub size: TreeSize,
    /// The root of its checkpoint, made anew from the exported entries.
    pub root: Hash,
    /// Files that were written.
    pub written: u64,
    /// Files that were there and right.
    pub kept: u64,
}

/// Exports every log of a data directory, or one, as it was last published; a server may be running on it.
///
/// # Errors
/// [`ExportError`] of the first log that fails; those before it are exported.
pub fn export(
    dir: &Path,
    to: &Path,
    only: Option<&LogName>,
    mut progress: impl Write,
) -> Result<Vec<Exported>, ExportError> {
    // Before the store: what a running server publishes meanwhile is not in the store as it is opened here.
    let files = PublishedFiles::open(&open_directory(dir)?.published()).map_err(AppError::Store)?;
    let published = published_notes(&files).map_err(AppError::Store)?;
    let (directory, store) = open(dir)?;
    let events = store.events().map_err(AppError::Store)?;
    let logs = describe(&events).map_err(AppError::Open)?;
    if let Some(name) = only
        && !logs.iter().any(|log| log.name == *name)
    {
        let names = logs.iter().map(|log| log.name.to_string()).collect();
        return Err(ExportError::NoSuchLog {
            name: name.clone(),
            names,
        });
    }
    let wanted = logs
        .iter()
        .filter(|log| only.is_none_or(|name| log.name == *name));
    wanted
        .map(|log| {
            let vkey = vkey(&directory, &log.name, &log.origin);
            let source = Source::open(&store, log, &published, vkey.as_deref())?;
            source.export(to, &mut progress)
        })
        .collect()
}

/// A log whose published checkpoint was checked against the store.
struct Source<'a> {
    store: &'a RocksStore,
    log: &'a LogDescription,
    edge: Edge,
    key: VerifierKey,
    opened: Opened,
}

impl<'a> Source<'a> {
    fn open(
        store: &'a RocksStore,
        log: &'a LogDescription,
        published: &PublishedNotes,
        vkey: Option<&str>,
    ) -> Result<Self, ExportError> {
        let damaged = |what: String| damaged(log, what);
        let note = match published.get(log.name.as_str()) {
            None => return Err(ExportError::NotPublished(log.name.clone())),
            Some(note) => note.as_ref().map_err(|error| damaged(error.to_string()))?,
        };
        let key = vkey.and_then(|vkey| VerifierKey::parse(vkey).ok());
        let key = key.ok_or_else(|| {
            damaged(
                "expected a checkpoint key to open the published checkpoint with, found none"
                    .to_owned(),
            )
        })?;
        let opened = Origin::new(&*log.origin)
            .and_then(|origin| checkpoint::open_of(note.as_bytes(), &origin, &key))
            .map_err(|error| damaged(format!("published checkpoint: {error}")))?;
        if let Some(found) = other_mark(&opened, log.mark.as_ref()) {
            let expected = log.mark.as_ref().map_or("none", Mark::as_str);
            return Err(damaged(format!(
                "extension lines of the published checkpoint: expected {expected:?}, found {found:?}"
            )));
        }
        let fault = |error| fault(log, error);
        let head = store.head(log.id).map_err(fault)?;
        let edge = Edge::load(store, log.id, head).map_err(fault)?;
        let source = Self {
            store,
            log,
            edge,
            key,
            opened,
        };
        source.check_root("published", &source.opened)?;
        Ok(source)
    }

    /// A tree that was shown to the world is the store's at its size.
    fn check_root(&self, what: &str, shown: &Opened) -> Result<(), ExportError> {
        let (size, expected) = (shown.checkpoint().size, shown.checkpoint().root);
        if size > self.edge.size() {
            let found = self.edge.size();
            return Err(damaged(
                self.log,
                format!("expected at least size {size}, which is {what}, found {found}"),
            ));
        }
        let nodes = StoreNodes::new(self.store, self.log.id, &self.edge);
        let found = root_from(&nodes, size).map_err(|error| fault(self.log, error))?;
        if found != expected {
            return Err(damaged(
                self.log,
                format!("{what} root at size {size}: expected {expected}, found {found}"),
            ));
        }
        Ok(())
    }

    fn export(&self, to: &Path, progress: &mut impl Write) -> Result<Exported, ExportError> {
        let mut target = Target::open(to.join(self.log.name.as_str()))?;
        self.check_target(&target)?;
        let signed = self.opened.checkpoint();
        let tree = Tree::new(self.store, self.log, signed.size, &mut target);
        let root = tree.write(progress)?;
        if root != signed.root {
            return Err(damaged(
                self.log,
                format!(
                    "root over the exported entries at size {}: expected {}, which was signed, found {root}",
                    signed.size, signed.root
                ),
            ));
        }
        target.finish(self.opened.text())?;
        Ok(Exported {
            name: self.log.name.clone(),
            size: signed.size,
            root,
            written: target.written,
            kept: target.kept,
            folder: target.folder,
        })
    }

    /// What lies in the folder is nothing, or an earlier state of this very tree.
    fn check_target(&self, target: &Target) -> Result<(), ExportError> {
        let Some(there) = target.checkpoint()? else {
            return Ok(());
        };
        let folder = target.folder.clone();
        let signed = self.opened.checkpoint();
        let there = checkpoint::open_of(&there, &signed.origin, &self.key).map_err(|error| {
            ExportError::OtherLog {
                folder: folder.clone(),
                expected: format!("a checkpoint of {} signed by {}", signed.origin, self.key),
                found: format!("{error}{}", told(&there)),
            }
        })?;
        let found = there.checkpoint().size;
        if found > signed.size {
            return Err(ExportError::Ahead {
                folder,
                expected: signed.size,
                found,
            });
        }
        self.check_root(&format!("exported to {}", folder.display()), &there)
    }
}

/// The beginning of what lies where a checkpoint should be.
fn told(there: &[u8]) -> String {
    let text = String::from_utf8_lossy(there);
    let origin: String = text
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(80)
        .collect();
    format!(" (it begins with {origin:?})")
}

fn damaged(log: &LogDescription, what: String) -> ExportError {
    ExportError::Damaged {
        log: log.name.clone(),
        what,
    }
}

/// What a fault of the store means: that it is damaged, or that it cannot be read.
fn fault(log: &LogDescription, error: StoreError) -> ExportError {
    match error {
        StoreError::Corrupt { .. } | StoreError::Missing { .. } => damaged(log, error.to_string()),
        error => AppError::Store(error).into(),
    }
}
