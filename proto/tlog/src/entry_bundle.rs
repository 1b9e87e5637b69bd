//! Entry bundles of c2sp.org/tlog-tiles: up to 256 leaves, each behind its length in two bytes.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::reader::Reader;
use crate::tile::{TILE_WIDTH, Width};

/// The longest leaf that a bundle can hold, in bytes.
pub const MAX_LEAF_LEN: usize = 65_535;
/// The longest bundle, in bytes: 256 of the longest leaves, each with its length.
pub const MAX_BUNDLE_LEN: usize = TILE_WIDTH as usize * (2 + MAX_LEAF_LEN);

/// Why leaves are not a bundle, or bytes not one of the expected width.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A leaf whose length does not fit in two bytes.
    #[error("a leaf of {found} bytes, expected at most {MAX_LEAF_LEN}")]
    LeafTooLong {
        /// Its length.
        found: usize,
    },
    /// A bundle holds at most 256 leaves.
    #[error("a bundle of more than {TILE_WIDTH} leaves")]
    TooMany,
    /// The bytes end inside a leaf, or before the last one.
    #[error("a bundle that ends after {found} leaves, expected {expected}")]
    Truncated {
        /// How many leaves the bundle must have.
        expected: usize,
        /// How many were whole.
        found: usize,
    },
    /// There are bytes after the last leaf.
    #[error("{found} bytes after the last of {width} leaves")]
    Trailing {
        /// How many leaves the bundle must have.
        width: usize,
        /// How many bytes follow them.
        found: usize,
    },
}

/// The bundle of these leaves.
///
/// # Errors
/// If a leaf is longer than 65,535 bytes, or there are more than 256.
pub fn encode<'a>(leaves: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, BundleError> {
    let mut bundle = Vec::new();
    for (index, leaf) in leaves.enumerate() {
        if index >= Width::FULL.count() {
            return Err(BundleError::TooMany);
        }
        append(&mut bundle, leaf)?;
    }
    Ok(bundle)
}

/// Adds a leaf to the end of a bundle, which must not be full.
///
/// # Errors
/// If the leaf is longer than 65,535 bytes; the bundle is then as it was.
pub fn append(bundle: &mut Vec<u8>, leaf: &[u8]) -> Result<(), BundleError> {
    let len =
        u16::try_from(leaf.len()).map_err(|_| BundleError::LeafTooLong { found: leaf.len() })?;
    bundle.reserve(2 + leaf.len());
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(leaf);
    Ok(())
}

/// The leaves of a bundle, borrowed from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryBundle<'a> {
    leaves: Vec<&'a [u8]>,
}

impl<'a> EntryBundle<'a> {
    /// Reads a bundle that must have this width.
    ///
    /// # Errors
    /// If there are fewer or more leaves than that, or the last is cut off.
    pub fn parse(bytes: &'a [u8], width: Width) -> Result<Self, BundleError> {
        let (mut reader, expected) = (Reader::new(bytes), width.count());
        let mut leaves = Vec::with_capacity(expected);
        while leaves.len() < expected {
            let leaf = reader.u16().and_then(|len| reader.take(len.into()));
            leaves.push(leaf.ok_or(BundleError::Truncated {
                expected,
                found: leaves.len(),
            })?);
        }
        let bundle = reader.all(Self { leaves });
        bundle.ok_or_else(|| BundleError::Trailing {
            width: expected,
            found: reader.rest().len(),
        })
    }

    /// The leaves from first to last.
    pub fn leaves(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.leaves.iter().copied()
    }

    /// The leaf at this position in the bundle.
    #[must_use]
    pub fn get(&self, index_in_bundle: usize) -> Option<&'a [u8]> {
        self.leaves.get(index_in_bundle).copied()
    }

    /// The bytes of the bundle.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self.leaves()).expect("what was parsed has at most 256 leaves of 65,535 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_exact() {
        let longest = vec![7u8; MAX_LEAF_LEN];
        let leaves = vec![longest.as_slice(); 256];
        let bundle = encode(leaves.iter().copied()).unwrap();
        assert_eq!(bundle.len(), MAX_BUNDLE_LEN);
        assert!(
            EntryBundle::parse(&bundle, Width::FULL)
                .unwrap()
                .leaves()
                .eq(leaves)
        );
        let mut bundle = vec![1];
        let refused = append(&mut bundle, &[0; MAX_LEAF_LEN + 1]);
        assert_eq!(refused, Err(BundleError::LeafTooLong { found: 65_536 }));
        assert_eq!(bundle, [1]);
        let many = vec![b"".as_slice(); 257];
        assert_eq!(encode(many.into_iter()), Err(BundleError::TooMany));
    }

    #[test]
    fn other_widths_are_refused() {
        let bundle = encode([b"a".as_slice(), b"", b"bc"].into_iter()).unwrap();
        assert_eq!(bundle, b"\x00\x01a\x00\x00\x00\x02bc");
        let parse = |bytes, width| EntryBundle::parse(bytes, Width::new(width).unwrap());
        let three = parse(&bundle, 3).unwrap();
        assert_eq!((three.get(2), three.get(3)), (Some(b"bc".as_slice()), None));
        assert_eq!(
            parse(&bundle, 2),
            Err(BundleError::Trailing { width: 2, found: 4 })
        );
        assert_eq!(
            parse(&bundle, 4),
            Err(BundleError::Truncated {
                expected: 4,
                found: 3
            })
        );
        let cut = bundle.get(..bundle.len() - 1).unwrap();
        assert_eq!(
            parse(cut, 3),
            Err(BundleError::Truncated {
                expected: 3,
                found: 2
            })
        );
    }
}
