//! Where rules plug in: what becomes of each verified entry.

use treering_tlog::{Hash, LeafIndex};

use crate::findings::Finding;

/// An entry whose leaf is bound to a signed root; nothing else is ever examined.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedEntry<'a> {
    /// The log's origin.
    pub origin: &'a str,
    /// Its position.
    pub index: LeafIndex,
    /// The leaf, verbatim.
    pub leaf: &'a [u8],
    /// The hash that the tree has of it.
    pub leaf_hash: Hash,
    /// Whether it was examined before: findings of a second reading say so.
    pub retroactive: bool,
}

/// What an entry says.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// What is kept of it, a text each (JSON, for whoever wrote it).
    pub facts: Vec<String>,
    /// What is not as expected. Those that name the entry's index and bring no evidence get the entry with its proof.
    pub findings: Vec<Finding>,
}

/// Examines entries, in the order of the log. What it returns is kept in one transaction with the cursor: of an entry
/// everything is kept once, or nothing and the entry comes again.
pub trait Examine: Send + Sync {
    /// Looks at one entry. It must give the same for the same entry.
    fn examine(&self, entry: &VerifiedEntry<'_>) -> Examined;
}

/// Expects nothing of entries: only the log is watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogOnly;

impl Examine for LogOnly {
    fn examine(&self, _: &VerifiedEntry<'_>) -> Examined {
        Examined::default()
    }
}
