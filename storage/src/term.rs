//! Terms: what an entry can be found by, exactly.

use std::fmt;

use treering_tlog::hash::Sha256Writer;
use treering_tlog::{LeafIndex, TreeSize};

/// Hashed before class and text, so that no other hash of the log is a term.
const DOMAIN: &[u8] = b"treering term\n";

/// The most terms of one record: 64 for each of 4,096 entries, 9 MB of the one write that a commit is.
pub const TERMS_MAX: usize = 64 * 4096;

/// What an entry is found by: the first 16 bytes of SHA-256 over `treering term`, a newline, the class in one byte and
/// the text.
///
/// Exact but for collisions. To find one to a given text takes 2^128 hashes; whoever spends 2^64 to make two texts of
/// one term gets entries of their own listed under both. Where that matters, compare with the entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term([u8; Self::LEN]);

impl Term {
    /// The number of bytes of a term.
    pub const LEN: usize = 16;
    /// Class of the index keys of Rekor v1, in the spelling in which they are stored: `sha256:` and hex digits, an
    /// e-mail address, the digest of a public key. The next class takes the next number; none is used again.
    pub const REKOR_V1_INDEX_KEY: u8 = 1;
    /// Class of the digests that other systems name a verifier's key by, each as 64 hexadecimal digits in lower case.
    pub const SIGNER_KEY: u8 = 2;
    /// Class of the digests of subjects, in lower case and without the algorithm, where that is an unusual one.
    pub const SUBJECT_DIGEST: u8 = 3;

    /// The term of exactly this text. The same text in another class is another term; any folding of case or
    /// normalising is the caller's.
    #[must_use]
    pub fn new(class: u8, text: &str) -> Self {
        let mut hash = Sha256Writer::new();
        hash.update(DOMAIN);
        hash.update(&[class]);
        hash.update(text.as_bytes());
        let hash = hash.finish();
        let term = hash.as_bytes().first_chunk();
        Self(*term.expect("32 bytes begin with 16"))
    }

    /// A term that was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Term({self})")
    }
}

/// In which order, and from where on, entries are found. The next page starts behind the last index of this one:
/// one above it, or one below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Ascending, from this index on.
    OldestFrom(LeafIndex),
    /// Descending, from this index on; one beyond the end of the log is as good as its last.
    NewestFrom(LeafIndex),
}

impl Order {
    /// Ascending, from the first entry on.
    pub const OLDEST: Self = Self::OldestFrom(LeafIndex::ZERO);
    /// Descending, from the last entry on.
    pub const NEWEST: Self = Self::NewestFrom(match LeafIndex::new(u64::MAX >> 1) {
        Some(last) => last,
        None => panic!("2^63-1 is an index"),
    });

    /// The first and the last index of a log of this size that may be found; `None` if there is none.
    pub(crate) fn span(self, size: TreeSize) -> Option<(LeafIndex, LeafIndex)> {
        let last = size.last()?;
        match self {
            Self::OldestFrom(from) => (from <= last).then_some((from, last)),
            Self::NewestFrom(from) => Some((LeafIndex::ZERO, from.min(last))),
        }
    }
}

/// Why terms were not taken to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// More than a commit may carry. The caller closes its batch earlier.
    #[error("terms of one record: found more than {limit}, expected at most {limit}")]
    TooMany {
        /// [`TERMS_MAX`].
        limit: usize,
    },
    /// A term of an entry that is not in the record.
    #[error(
        "a term of entry {index}: expected one of the record's {first} up to, not including, {size}"
    )]
    Outside {
        /// The entry that was named.
        index: LeafIndex,
        /// The first entry of the record.
        first: LeafIndex,
        /// The size of the tree after it.
        size: TreeSize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored, so it must never change: `printf 'treering term\n\001a@b' | sha256sum`.
    #[test]
    fn known_answer() {
        let term = Term::new(Term::REKOR_V1_INDEX_KEY, "a@b");
        assert_eq!(term.to_string(), "028ec9bb5a6743d9ff513978f07f80d8");
        assert_eq!(Term::from_bytes(*term.as_bytes()), term);
        for other in [Term::new(2, "a@b"), Term::new(1, "A@b"), Term::new(1, "")] {
            assert_ne!(other, term);
        }
    }

    #[test]
    fn an_order_stays_inside_the_log() {
        let at = |index| LeafIndex::new(index).unwrap();
        let span = |order: Order, size| {
            let span = order.span(TreeSize::new(size).unwrap());
            span.map(|(first, last)| (first.get(), last.get()))
        };
        for order in [Order::OLDEST, Order::NEWEST] {
            assert_eq!((span(order, 0), span(order, 5)), (None, Some((0, 4))));
        }
        assert_eq!(span(Order::OldestFrom(at(4)), 5), Some((4, 4)));
        assert_eq!(span(Order::OldestFrom(at(5)), 5), None);
        assert_eq!(span(Order::NewestFrom(at(5)), 5), Some((0, 4)));
        assert_eq!(span(Order::NewestFrom(at(3)), 5), Some((0, 3)));
    }
}
