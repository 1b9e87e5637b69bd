//! The comparison at start.

use treering_tlog::{Hash, TreeSize};

use crate::{Head, LogId, Store, StoreError};

/// What a published checkpoint of a log claims, after its signature was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The size that was published.
    pub size: TreeSize,
    /// The root that was published for it.
    pub root: Hash,
}

/// Refuses a store that does not hold what was published: one that lost its end, that is an older copy put back, or
/// that took another course. A server that went on with it would sign a second root for a size.
///
/// `name` is the log's, for the message. What was published must be the end of some batch, because nothing else is
/// ever signed; an empty tree is held by every store.
///
/// # Errors
/// `Refused`, saying what happened and what to do; what the store says if it cannot be read.
pub fn check(
    store: &dyn Store,
    log: LogId,
    name: &str,
    published: &Published,
) -> Result<(), StoreError> {
    let head = store.head(log)?;
    if published.size > head.size {
        return Err(behind(name, &head, published));
    }
    let held = match published.size.last() {
        None => Some(Hash::empty_root()),
        Some(last) => store
            .batch(log, last)?
            .filter(|batch| batch.size == published.size)
            .map(|batch| batch.root),
    };
    if held != Some(published.root) {
        return Err(forked(name, published, held));
    }
    Ok(())
}

fn behind(name: &str, head: &Head, published: &Published) -> StoreError {
    StoreError::Refused {
        what: format!("log {name}: the database is behind what was published, so it lost its end or is an older copy"),
        expected: format!("at least {} entries", published.size),
        found: head.size.to_string(),
        remedy: "nothing was changed. put back the newest copy of the whole data directory; if there is none, this \
                 log has ended: freeze it elsewhere and add a new one. never delete the published file: going on from \
                 here would sign a second root for a size"
            .into(),
    }
}

fn forked(name: &str, published: &Published, held: Option<Hash>) -> StoreError {
    StoreError::Refused {
        what: format!("log {name}: the database took another course than what was published"),
        expected: format!("root {} at {} entries", published.root, published.size),
        found: held.map_or_else(|| "no batch that ends there".to_owned(), |root| format!("root {root}")),
        remedy: "nothing was changed. database and published file are not from the same data directory: put back \
                 the ones that belong together"
            .into(),
    }
}
