//! Names of trees and entries.

use std::fmt;

use treering_tlog::Hash;

use super::rejected::Rejected;
use super::schema::{SchemaError, SchemaErrors};

/// What an entry id looks like.
const PATTERN: &str = "^([0-9a-fA-F]{64}|[0-9a-fA-F]{80})$";
/// Hexadecimal digits of a tree id in front of an entry's.
const TREE_DIGITS: usize = 16;

/// The number of a tree: from 1 to 2^63 - 1. Hexadecimal in entry ids, decimal elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeId(i64);

impl TreeId {
    /// This number; none if it is no tree's.
    pub fn new(id: i64) -> Option<Self> {
        (id > 0).then_some(Self(id))
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The number of 16 hexadecimal digits; none if it is zero or above 2^63 - 1.
    fn from_hex(digits: &str) -> Option<Self> {
        Self::new(i64::from_str_radix(digits, 16).ok()?)
    }

    /// Sixteen digits, as in front of an entry id.
    pub fn to_hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// The decimal form, as in an origin, in answers and in queries.
impl fmt::Display for TreeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The full name of an entry: 80 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId {
    /// Its tree.
    pub tree: TreeId,
    /// The hash of its leaf, which upstream calls UUID.
    pub leaf: Hash,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.tree.0, self.leaf.to_hex())
    }
}

/// What a client may name an entry by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKey {
    /// In one tree.
    Full(EntryId),
    /// In whichever tree has it, the active one first.
    Leaf(Hash),
}

/// Why an entry's name is none.
pub(super) enum BadKey {
    /// Not of the form.
    Pattern,
    /// The tree id is zero or too large.
    Tree,
}

impl EntryKey {
    /// Reads the last segment of `GET /api/v1/log/entries/{id}`.
    ///
    /// # Errors
    /// [`Rejected`]: 422 if it is not of the form, 400 if it names a tree that cannot be (upstream: 500 for zero).
    pub fn parse_path(id: &str) -> Result<Self, Rejected> {
        Self::read(id).map_err(|bad| match bad {
            BadKey::Pattern => bad_pattern("entryUUID", "path").into(),
            BadKey::Tree => Rejected::EntryId {
                words: "validation error: expected a tree id from 1 to 2^63 - 1, found",
                id: id.chars().take(TREE_DIGITS).collect(),
            },
        })
    }

    pub(super) fn read(id: &str) -> Result<Self, BadKey> {
        if !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadKey::Pattern);
        }
        let id = id.to_ascii_lowercase();
        let leaf = |digits: &str| Hash::from_hex(digits).map_err(|_| BadKey::Pattern);
        match id.len() {
            64 => leaf(&id).map(Self::Leaf),
            80 => {
                let (tree, digits) = id.split_at_checked(TREE_DIGITS).ok_or(BadKey::Pattern)?;
                let leaf = leaf(digits)?;
                let tree = TreeId::from_hex(tree).ok_or(BadKey::Tree)?;
                Ok(Self::Full(EntryId { tree, leaf }))
            }
            _ => Err(BadKey::Pattern),
        }
    }

    /// The hash of the leaf.
    pub fn leaf(&self) -> Hash {
        match self {
            Self::Full(id) => id.leaf,
            Self::Leaf(leaf) => *leaf,
        }
    }

    /// The tree, if it is named.
    pub fn tree(&self) -> Option<TreeId> {
        match self {
            Self::Full(id) => Some(id.tree),
            Self::Leaf(_) => None,
        }
    }
}

pub(super) fn bad_pattern(name: &str, place: &str) -> SchemaErrors {
    SchemaError::pattern(name, place, PATTERN).into()
}

impl From<SchemaError> for Rejected {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error.into())
    }
}
