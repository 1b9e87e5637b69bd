//! Archivista's documents: envelopes by the address that Archivista gives them, attached to an entry or held back.
//!
//! An envelope is **attached** if it belongs to an entry: it is the entry's own, or another spelling of the same
//! statement. It is **held** if nobody knows its signer yet: kept and given out, but outside every tree, until it is
//! attached, logged or expires.

#[cfg(feature = "rocksdb")]
pub(crate) mod codec;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use treering_tlog::hash::{HashError, Sha256Writer};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::record::EnvelopeRef;
use crate::{CommitError, LogId, StoreError};

/// SHA-256 of a git blob object with these bytes: `blob `, their number in decimal, NUL, the bytes. Archivista's
/// address of an envelope.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gitoid(Hash);

impl Gitoid {
    /// The address of exactly these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = Sha256Writer::new();
        hash.update(b"blob ");
        hash.update(bytes.len().to_string().as_bytes());
        hash.update(&[0]);
        hash.update(bytes);
        Self(hash.finish())
    }

    /// An address that was computed or stored before.
    #[must_use]
    pub const fn from_hash(hash: Hash) -> Self {
        Self(hash)
    }

    /// The hash that it is.
    #[must_use]
    pub const fn as_hash(&self) -> &Hash {
        &self.0
    }
}

/// 64 hexadecimal digits in lower case.
impl fmt::Display for Gitoid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Gitoid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gitoid({self})")
    }
}

/// 64 hexadecimal digits in lower case, and nothing else.
impl FromStr for Gitoid {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        Hash::from_hex(text).map(Self)
    }
}

/// An envelope that belongs to an entry: its own, or another spelling of the same statement (same payload and
/// signature).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attached {
    /// The address that Archivista gives it.
    pub gitoid: Gitoid,
    /// The address that [`View::envelope`](crate::View::envelope) knows it by.
    pub envelope_sha256: Hash,
    /// The log of the entry.
    pub log: LogId,
    /// The entry.
    pub index: LeafIndex,
}

/// An envelope whose signer nobody knows yet: stored and downloadable, outside every tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The address that Archivista gives it.
    pub gitoid: Gitoid,
    /// SHA-256 of its bytes.
    pub envelope_sha256: Hash,
    /// The number of its bytes.
    pub len: u64,
    /// When it came, in seconds since the Unix epoch.
    pub arrived: u64,
    /// SHA-256 of the payload that it signs.
    pub payload_sha256: Hash,
    /// The names that its signatures give their keys: what a key that becomes known is compared with.
    pub key_ids: Vec<String>,
}

/// What a gitoid stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// It belongs to an entry.
    Attached(Attached),
    /// It waits for its signer to become known.
    Held(Held),
}

/// The documents of a store. Each gitoid is attached, held, or not known; who asks never sees it both ways, nor
/// unknown on its way from held to attached.
///
/// Rows that come, change and go; no events of the journal. Only the entries' own envelopes follow from it (and
/// [`attach`](Self::attach) without a body makes their rows again): what is held, and other spellings, would be lost
/// with these rows.
///
/// What every implementation MUST keep:
/// 1. **Durable.** When a call returns `Ok`, what it did survives the loss of power.
/// 2. **Whole.** After a crash at any moment a call has happened or not. A body is there whenever its row is.
/// 3. **Attached stays.** An attached gitoid is never held again, expires never, and goes on naming the entry that it
///    was attached to first. If it is attached to another entry too, by a call or as that entry's own envelope, it is
///    a document of both.
/// 4. **Held is apart.** [`View::envelope`](crate::View::envelope) does not give out a body for being held, and what
///    becomes of a held body does nothing to a kept one of the same bytes.
/// 5. **Honest errors.** As in [`Journal`](crate::Journal): `Full` and `Missing` say that nothing landed, and the caller may
///    go on; after `Unknown` the store has to be opened again.
///
/// What callers owe: gitoid and SHA-256 are those of the same bytes, and how much is held is bounded by their rules.
/// A body that is [`Spooled`](EnvelopeRef::Spooled) was finished before: with
/// [`finish_held`](crate::envelopes::Spool::finish_held) to be held, with either to be attached.
pub trait Documents: Send + Sync {
    /// Holds an envelope back. The same gitoid again changes nothing, whether it is held or attached.
    ///
    /// # Errors
    /// `Full`. `Missing`: the body is not the one that `held` names, or was spooled and is not there (any more: it
    /// was held already and expired meanwhile, so it has to be spooled again). `Unknown`.
    fn hold(&self, held: &Held, body: &EnvelopeRef) -> Result<(), CommitError>;

    /// Adds an envelope to the documents of an entry, and makes its body a kept one that
    /// [`View::envelope`](crate::View::envelope) reads: the given body, the held one, or the kept one that is there
    /// already. In the same write it is held no longer. The same again changes nothing.
    ///
    /// # Errors
    /// `Full`. `Missing`: the entry is not below the head, or there is no such body. `Unknown`.
    fn attach(&self, attached: &Attached, body: Option<&EnvelopeRef>) -> Result<(), CommitError>;

    /// Removes what is held under a gitoid, and says whether something was. Never touches what is attached. Works on a
    /// full disk.
    ///
    /// # Errors
    /// `Unknown`.
    fn expire(&self, gitoid: Gitoid) -> Result<bool, CommitError>;

    /// All that is held: oldest first, by gitoid within a second.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable`.
    fn held(&self) -> Result<Vec<Held>, StoreError>;

    /// What a gitoid stands for, if anything.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable`.
    fn document(&self, gitoid: Gitoid) -> Result<Option<Document>, StoreError>;

    /// Every document of an entry, by gitoid.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable`.
    fn attachments(&self, log: LogId, index: LeafIndex) -> Result<Vec<Attached>, StoreError>;

    /// The bytes of a held one, checked against their hash; `None` if that gitoid is not held.
    ///
    /// # Errors
    /// `Corrupt` if they do not hash to what the row says; `Unavailable`.
    fn held_body(&self, gitoid: Gitoid) -> Result<Option<Bytes>, StoreError>;
}

/// Why documents were not added to a staged record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentsError {
    /// A document of an entry that is not in the record.
    #[error("a document of entry {index}, expected one from {first} on and below {size}")]
    Outside {
        /// The entry that it was given for.
        index: LeafIndex,
        /// The first entry of the record.
        first: LeafIndex,
        /// The size of the tree after the record.
        size: TreeSize,
    },
    /// A document of an entry that is kept without an envelope.
    #[error("a document of entry {index}, which has no envelope")]
    NoEnvelope {
        /// The entry.
        index: LeafIndex,
    },
    /// Two addresses for the one envelope of an entry.
    #[error("a second gitoid of the envelope of entry {index}")]
    Second {
        /// The entry.
        index: LeafIndex,
    },
}

/// Refuses a body that is not the one that is named.
///
/// # Errors
/// `Missing`.
pub(crate) fn check_body(expected: Hash, body: &EnvelopeRef) -> Result<(), CommitError> {
    let found = body.sha256();
    if found == expected {
        return Ok(());
    }
    Err(CommitError::Missing {
        what: format!("the body {expected} (given: {found})"),
    })
}

/// There is no body to make a document of.
pub(crate) fn no_body(gitoid: Gitoid, sha256: Hash) -> CommitError {
    CommitError::Missing {
        what: format!("the body {sha256} of {gitoid}"),
    }
}

/// Refuses to attach to an entry that a log of this size does not have: it would show at another one some day.
///
/// # Errors
/// `Missing`.
pub(crate) fn check_entry(attached: &Attached, size: TreeSize) -> Result<(), CommitError> {
    let Attached { log, index, .. } = attached;
    if size.contains(*index) {
        return Ok(());
    }
    Err(CommitError::Missing {
        what: format!("entry {index} of log {} (it has {size} entries)", log.0),
    })
}

/// In the order in which [`Documents::held`] gives them.
pub(crate) fn oldest_first(mut held: Vec<Held>) -> Vec<Held> {
    held.sort_unstable_by_key(|held| (held.arrived, held.gitoid));
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `git hash-object --stdin` of a repository with SHA-256 says.
    #[test]
    fn a_gitoid_is_what_git_says() {
        for (bytes, expected) in [
            (
                b"".as_slice(),
                "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
            ),
            (
                b"hello\n",
                "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4",
            ),
        ] {
            let gitoid = Gitoid::of(bytes);
            assert_eq!(gitoid.to_string(), expected);
            assert_eq!(expected.parse(), Ok(gitoid));
            assert_eq!(Gitoid::from_hash(*gitoid.as_hash()), gitoid);
        }
    }

    #[test]
    fn only_64_lower_case_digits_are_a_gitoid() {
        let text = Gitoid::of(b"").to_string();
        for bad in [
            "",
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}00"),
            &format!(" {text}"),
        ] {
            assert!(bad.parse::<Gitoid>().is_err(), "{bad:?}");
        }
    }
}
