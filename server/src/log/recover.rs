//! From what the store holds to a running log: the same rows, read back, and nothing signed that is not there.

use std::sync::Arc;

use treering_api::log::{Dialect, LogName};
use treering_storage::published::PublishedFiles;
use treering_storage::{Edge, Event, Head, LogId, Store, StoreError};
use treering_tlog::checkpoint::{self, Opened};
use treering_tlog::merkle::{CompactRange, NodeId, Nodes};
use treering_tlog::note::VerifierKey;
use treering_tlog::{Hash, TreeSize};

use super::mark::Mark;
use super::nodes::StoreNodes;
use super::{LogIdentity, State};

/// Why a store is not opened. Each says what happened and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store is behind what was published.
    #[error(
        "log {name}: the store ends at size {found}, but size {expected} was published: entries that were acknowledged are missing here. \
         This is an older copy of the database, or its write-ahead log lost its end. Do not serve it: put back the newest copy, \
         or compare with a mirror or witness before any other step"
    )]
    Behind {
        /// The log.
        name: LogName,
        /// The published size.
        expected: TreeSize,
        /// The store's size.
        found: TreeSize,
    },
    /// A log was published that no event names.
    #[error(
        "log {name}: a checkpoint of it was published, but the database does not know the log: it is empty, an older copy, or lost its end. \
         Do not serve it and add no log to it: put back the newest copy of the whole data directory. If the log never was one \
         of this directory, move DIR/published/{name} away"
    )]
    LostLog {
        /// The log.
        name: String,
    },
    /// A frozen log has grown.
    #[error(
        "log {name}: it was frozen at size {frozen}, but the store holds {found} entries: something wrote to it after its end. \
         Do not serve it: put back the newest copy whose size is {frozen}, and run fsck on this one"
    )]
    GrownAfterFreeze {
        /// The log.
        name: LogName,
        /// The size at which it was frozen.
        frozen: TreeSize,
        /// The store's size.
        found: TreeSize,
    },
    /// The store holds another tree than the one that was published.
    #[error(
        "log {name}: at size {size} root {expected} was published, the store has root {found}: this is not the database that the \
         checkpoint was made from. Do not serve it: put back the right one"
    )]
    OtherTree {
        /// The log.
        name: LogName,
        /// The published size.
        size: TreeSize,
        /// The published root.
        expected: Hash,
        /// The store's root at that size.
        found: Hash,
    },
    /// A checkpoint was published that says of the log's end what the store does not know.
    #[error(
        "log {name}: the published checkpoint says {found:?}, the store knows of this mark: {expected}. The database is an older copy, or \
         lost the event that froze the log. Do not serve it: put back the newest copy, for the log must not grow again"
    )]
    OtherMark {
        /// The log.
        name: LogName,
        /// The mark that the store knows, or "none".
        expected: String,
        /// The extension lines of the published checkpoint.
        found: String,
    },
    /// The file with the published checkpoint does not open with the log's key.
    #[error(
        "log {name}: the published checkpoint kept beside the database does not open with the log's key {vkey}: {reason}. The key file or the checkpoint file was exchanged; put back the right one"
    )]
    PublishedFile {
        /// The log.
        name: LogName,
        /// The key that was tried.
        vkey: String,
        /// Why it does not open.
        reason: String,
    },
    /// A log's origin is no key name.
    #[error("origin {origin:?} cannot name a checkpoint key: {reason}")]
    BadOrigin {
        /// The origin.
        origin: String,
        /// Why.
        reason: String,
    },
    /// A log's key could not be loaded.
    #[error("log {name}: {reason}")]
    Key {
        /// The log.
        name: String,
        /// Why.
        reason: String,
    },
    /// The events contradict themselves.
    #[error("the journal of events is damaged: {0}")]
    Events(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A log as the events describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDescription {
    /// Its number.
    pub id: LogId,
    /// Its name.
    pub name: LogName,
    /// Its dialect.
    pub dialect: Dialect,
    /// Its origin.
    pub origin: String,
    /// Active or frozen.
    pub state: State,
    /// What its final checkpoint says of its end, if it was frozen so.
    pub mark: Option<Mark>,
}

/// The logs that a list of events describes, in the order they were added.
///
/// # Errors
/// `Events` when a number or name is given twice, or a log is frozen that was not added.
pub fn describe(events: &[Event]) -> Result<Vec<LogDescription>, OpenError> {
    let mut logs: Vec<LogDescription> = Vec::new();
    for event in events {
        match event {
            Event::LogAdded {
                id,
                name,
                dialect,
                origin,
                ..
            } => {
                let name = LogName::new(name).map_err(|error| OpenError::Events(error.message))?;
                let dialect = Dialect::parse(dialect).ok_or_else(|| {
                    OpenError::Events(format!(
                        "unknown dialect {dialect:?}; a newer version wrote it"
                    ))
                })?;
                if logs.iter().any(|log| log.id == *id || log.name == name) {
                    return Err(OpenError::Events(format!(
                        "log {name} (number {}) was added twice",
                        id.0
                    )));
                }
                logs.push(LogDescription {
                    id: *id,
                    name,
                    dialect,
                    origin: origin.clone(),
                    state: State::Active,
                    mark: None,
                });
            }
            Event::LogFrozen {
                id,
                size,
                successor,
                mark,
                ..
            } => {
                let log = logs.iter_mut().find(|log| log.id == *id).ok_or_else(|| {
                    OpenError::Events(format!("log number {} was frozen and never added", id.0))
                })?;
                log.state = State::Frozen {
                    size: *size,
                    successor: successor.clone(),
                };
                log.mark = mark.as_deref().map(Mark::read).transpose()?;
            }
        }
    }
    Ok(logs)
}

/// Refuses a store that lost the event of a log: a checkpoint is published only after the event is durable.
///
/// # Errors
/// `LostLog` for the first of the `published` names that no log has.
pub fn check_names(published: &[String], logs: &[LogDescription]) -> Result<(), OpenError> {
    match unknown_names(published, logs).next() {
        Some(name) => Err(OpenError::LostLog {
            name: name.to_owned(),
        }),
        None => Ok(()),
    }
}

/// The published names that no log has.
pub(crate) fn unknown_names<'a>(
    published: impl IntoIterator<Item = &'a String>,
    logs: &[LogDescription],
) -> impl Iterator<Item = &'a str> {
    published
        .into_iter()
        .map(String::as_str)
        .filter(|name| !logs.iter().any(|log| log.name.as_str() == *name))
}

/// The right edge of a log, checked against the head, the freeze and the published checkpoint.
///
/// # Errors
/// `Behind` and `OtherTree` for a store that went back, `Corrupt` for one whose rows do not yield the head's root.
pub fn recover(
    store: &Arc<dyn Store>,
    files: &PublishedFiles,
    identity: &LogIdentity,
    state: &State,
    mark: Option<&Mark>,
) -> Result<(Edge, Head), OpenError> {
    let head = store.head(identity.id)?;
    let edge = Edge::load(store.as_ref(), identity.id, head)?;
    if let State::Frozen { size, .. } = state
        && *size != head.size
    {
        let (name, frozen, found) = (identity.name.clone(), *size, head.size);
        return Err(if found > frozen {
            OpenError::GrownAfterFreeze {
                name,
                frozen,
                found,
            }
        } else {
            OpenError::Behind {
                name,
                expected: frozen,
                found,
            }
        });
    }
    if let Some(note) = files.read(identity.name.as_str())? {
        check_published(store, identity, &edge, mark, &note)?;
    }
    Ok((edge, head))
}

fn check_published(
    store: &Arc<dyn Store>,
    identity: &LogIdentity,
    edge: &Edge,
    mark: Option<&Mark>,
    note: &str,
) -> Result<(), OpenError> {
    let bad = |reason: String| OpenError::PublishedFile {
        name: identity.name.clone(),
        vkey: identity.vkey.clone(),
        reason,
    };
    let key = VerifierKey::parse(&identity.vkey).map_err(|error| bad(error.to_string()))?;
    let opened = checkpoint::open(note.as_bytes(), &key).map_err(|error| bad(error.to_string()))?;
    if let Some(found) = other_mark(&opened, mark) {
        return Err(OpenError::OtherMark {
            name: identity.name.clone(),
            expected: mark.map_or("none", Mark::as_str).to_owned(),
            found,
        });
    }
    let (size, expected) = (opened.checkpoint().size, opened.checkpoint().root);
    if size > edge.size() {
        return Err(OpenError::Behind {
            name: identity.name.clone(),
            expected: size,
            found: edge.size(),
        });
    }
    let found = root_from(&StoreNodes::new(store.as_ref(), identity.id, edge), size)?;
    if found != expected {
        return Err(OpenError::OtherTree {
            name: identity.name.clone(),
            size,
            expected,
            found,
        });
    }
    Ok(())
}

/// The extension lines of a checkpoint, if they are not the mark of the log. None at all are fine: it may have been
/// published before the log was frozen.
pub(crate) fn other_mark(opened: &Opened, mark: Option<&Mark>) -> Option<String> {
    let lines = &opened.checkpoint().extensions;
    let ours = mark.map(Mark::as_str);
    (!lines.is_empty() && lines.as_slice() != ours.as_slice()).then(|| lines.join("; "))
}

/// The root of the tree when it had `size` leaves.
///
/// # Errors
/// The store's.
pub fn root_from(nodes: &StoreNodes<'_>, size: TreeSize) -> Result<Hash, StoreError> {
    let mut hashes = Vec::new();
    let mut begin = 0_u64;
    // The complete subtrees of [0, size) from the largest on: one for each bit of the size (RFC 9162 §2.1.2).
    for level in (0..64_u8).rev() {
        if size.get() >> level & 1 == 1 {
            hashes.push(nodes.node(NodeId {
                level,
                index: begin >> level,
            })?);
            begin += 1 << level;
        }
    }
    let range = CompactRange::from_parts(size, hashes).map_err(|error| {
        StoreError::corrupt(
            format!("subtrees of size {size}"),
            "one for each bit",
            error,
        )
    })?;
    Ok(range.root())
}
