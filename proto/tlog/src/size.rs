//! Leaf indices and tree sizes: different types, so that an off-by-one does not compile.
//!
//! Both are at most 2^63 - 1, so that they fit the signed integers of other protocols (Rekor's
//! `log_index` among them) and so that index plus one never overflows.

use std::fmt;
use std::str::FromStr;

/// The largest index or size: 2^63 - 1.
pub const MAX: u64 = i64::MAX.unsigned_abs();

/// Why a text is not an index or a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Not decimal digits only, or with leading zeros, or empty.
    #[error("not a canonical decimal")]
    Malformed,
    /// More than 2^63 - 1.
    #[error("a decimal above {limit}")]
    TooLarge {
        /// The largest that is taken.
        limit: u64,
    },
}

/// The position of a leaf in a log, from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(u64);

/// The number of leaves of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TreeSize(u64);

impl LeafIndex {
    /// The first leaf.
    pub const ZERO: Self = Self(0);

    /// This index, if it is at most [`MAX`].
    #[must_use]
    pub const fn new(index: u64) -> Option<Self> {
        if index <= MAX {
            Some(Self(index))
        } else {
            None
        }
    }

    /// The index as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of leaves before this one.
    #[must_use]
    pub const fn as_size_before(self) -> TreeSize {
        TreeSize(self.0)
    }

    /// The index after this one, if there is one.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }
}

impl TreeSize {
    /// The tree of no leaves.
    pub const ZERO: Self = Self(0);

    /// This size, if it is at most [`MAX`].
    #[must_use]
    pub const fn new(size: u64) -> Option<Self> {
        if size <= MAX { Some(Self(size)) } else { None }
    }

    /// The size as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether the tree has no leaves.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The index of the last leaf, if there is one.
    #[must_use]
    pub const fn last(self) -> Option<LeafIndex> {
        match self.0.checked_sub(1) {
            Some(index) => Some(LeafIndex(index)),
            None => None,
        }
    }

    /// The index that the next leaf gets.
    #[must_use]
    pub const fn next_index(self) -> LeafIndex {
        LeafIndex(self.0)
    }

    /// Whether a tree of this size has a leaf at `index`.
    #[must_use]
    pub const fn contains(self, index: LeafIndex) -> bool {
        index.0 < self.0
    }

    /// The size after `leaves` more, if it is at most [`MAX`].
    #[must_use]
    pub const fn plus(self, leaves: u64) -> Option<Self> {
        match self.0.checked_add(leaves) {
            Some(size) => Self::new(size),
            None => None,
        }
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LeafIndex {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        parse_decimal(text, MAX).map(Self)
    }
}

impl FromStr for TreeSize {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        parse_decimal(text, MAX).map(Self)
    }
}

/// Reads ASCII digits only, with no sign and no leading zero.
pub(crate) fn parse_decimal(text: &str, limit: u64) -> Result<u64, DecimalError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(DecimalError::Malformed);
    }
    match text.parse() {
        Ok(value) if value <= limit => Ok(value),
        // Digits only, so the one thing that can be wrong is the range.
        _ => Err(DecimalError::TooLarge { limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_decimals_are_taken() {
        for (text, value) in [("0", 0), ("7", 7), ("10", 10), ("9223372036854775807", MAX)] {
            assert_eq!(text.parse::<TreeSize>().map(TreeSize::get), Ok(value));
            assert_eq!(
                text.parse::<LeafIndex>().map(|i| i.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "", "+5", "-1", "007", "00", "5\n", " 5", "5\r", "0x1", "٣", "1_0",
        ] {
            assert_eq!(
                text.parse::<TreeSize>(),
                Err(DecimalError::Malformed),
                "{text:?}"
            );
        }
        for text in [
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
        ] {
            assert_eq!(
                text.parse::<LeafIndex>(),
                Err(DecimalError::TooLarge { limit: MAX })
            );
        }
    }

    #[test]
    fn the_ends_do_not_overflow() {
        let last = LeafIndex::new(MAX).unwrap();
        assert_eq!(last.next(), None);
        assert_eq!(LeafIndex::new(MAX + 1), None);
        let full = TreeSize::new(MAX).unwrap();
        assert_eq!((full.plus(1), full.plus(u64::MAX)), (None, None));
        assert_eq!(full.last().and_then(LeafIndex::next), Some(last));
        assert_eq!(TreeSize::ZERO.last(), None);
        assert!(!full.contains(full.next_index()));
        assert!(full.contains(LeafIndex::ZERO) && !TreeSize::ZERO.contains(LeafIndex::ZERO));
    }
}
