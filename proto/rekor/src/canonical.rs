//! The receipt that lets an entry into a log.

use treering_tlog::Hash;

/// A leaf ready to be sequenced. Only a kind's canonicalization makes one, so its signature has been verified, its bytes are
/// canonical, and it is short enough for an entry bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    leaf: Vec<u8>,
}

impl Canonical {
    pub(crate) fn new(leaf: Vec<u8>) -> Self {
        Self { leaf }
    }

    /// The bytes that the tree hashes.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// The same, given away.
    pub fn into_leaf(self) -> Vec<u8> {
        self.leaf
    }

    /// `SHA-256(0x00 || leaf)`.
    pub fn leaf_hash(&self) -> Hash {
        Hash::leaf(&self.leaf)
    }
}
