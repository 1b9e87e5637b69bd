//! The hashes of one tile, and the eight levels of the tree that they stand for.

use rs_merkle::{Hasher, MerkleTree};

use crate::Hash;
use crate::reader::Reader;
use crate::tile::{TILE_HEIGHT, Width};

/// Why bytes are not a tile of the expected width.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashTileError {
    /// A tile has 32 bytes for each of its hashes.
    #[error("a tile of {found} bytes, expected {expected}")]
    Length {
        /// 32 times the width.
        expected: usize,
        /// What there was.
        found: usize,
    },
    /// No tile has none, or more than 256.
    #[error("a tile of {found} hashes, expected 1 to 256")]
    Width {
        /// How many there were.
        found: usize,
    },
}

/// The hashes of a tile: those of its lowest level, from left to right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashTile {
    hashes: Vec<Hash>,
}

impl HashTile {
    /// Reads a tile that must have this width.
    ///
    /// # Errors
    /// If there are fewer or more bytes than that.
    pub fn parse(bytes: &[u8], width: Width) -> Result<Self, HashTileError> {
        let (expected, found) = (width.count() * Hash::LEN, bytes.len());
        if found != expected {
            return Err(HashTileError::Length { expected, found });
        }
        let mut reader = Reader::new(bytes);
        let hashes = std::iter::from_fn(|| reader.array().map(Hash::new)).collect();
        Ok(Self { hashes })
    }

    /// The tile of these hashes.
    ///
    /// # Errors
    /// If there are none, or more than 256.
    pub fn new(hashes: Vec<Hash>) -> Result<Self, HashTileError> {
        let found = hashes.len();
        match u16::try_from(found).ok().and_then(Width::new) {
            Some(_) => Ok(Self { hashes }),
            None => Err(HashTileError::Width { found }),
        }
    }

    /// The hashes of the tile's lowest level.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The hash of a complete subtree inside the tile, by its level over the tile's lowest (0 to 8) and
    /// its index on that level; `None` if the tile does not cover it.
    #[must_use]
    pub fn node(&self, level_in_tile: u8, index_in_tile: usize) -> Option<Hash> {
        if level_in_tile > TILE_HEIGHT {
            return None;
        }
        let len = 1usize << level_in_tile;
        let start = index_in_tile.checked_mul(len)?;
        let mut level = self.hashes.get(start..start.checked_add(len)?)?.to_vec();
        while level.len() > 1 {
            let (pairs, _) = level.as_chunks::<2>();
            level = pairs
                .iter()
                .map(|[left, right]| Hash::node(left, right))
                .collect();
        }
        level.first().copied()
    }

    /// The root of the tile's own tree: of a full tile the hash that the tile above it has for it.
    #[must_use]
    pub fn root(&self) -> Hash {
        let root = self.tree().root().map(Hash::new);
        root.expect("a tile has at least one hash")
    }

    /// The siblings from one of the tile's hashes to [`Self::root`]: of a full tile the lowest eight of
    /// that hash's own way to the root of the log. `None` if the tile has no such hash.
    #[must_use]
    pub fn path(&self, index_in_tile: usize) -> Option<Vec<Hash>> {
        self.hashes.get(index_in_tile)?;
        let proof = self.tree().proof(&[index_in_tile]);
        Some(
            proof
                .proof_hashes()
                .iter()
                .copied()
                .map(Hash::new)
                .collect(),
        )
    }

    /// The bytes of the tile.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.hashes
            .iter()
            .flat_map(|hash| hash.as_bytes())
            .copied()
            .collect()
    }

    fn tree(&self) -> MerkleTree<Rfc6962> {
        let leaves: Vec<[u8; 32]> = self.hashes.iter().map(|hash| *hash.as_bytes()).collect();
        MerkleTree::from_leaves(&leaves)
    }
}

/// RFC 6962's nodes for `rs_merkle`, whose own rule has no prefix. Its leaves are given as hashes.
#[derive(Debug, Clone)]
struct Rfc6962;

impl Hasher for Rfc6962 {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        *Hash::leaf(data).as_bytes()
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        match right {
            Some(right) => *Hash::node(&Hash::new(*left), &Hash::new(*right)).as_bytes(),
            None => *left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CompactRange, LeafIndex};

    fn tile(width: u16) -> HashTile {
        HashTile::new((0..width).map(|i| Hash::leaf(&i.to_be_bytes())).collect()).unwrap()
    }

    #[test]
    fn roots_and_paths_are_those_of_the_log() {
        for width in 1..=256u16 {
            let tile = tile(width);
            let growth = crate::Growth::new(&CompactRange::new(), tile.hashes().iter().copied());
            assert_eq!(tile.root(), growth.root());
            for index in [0, width / 2, width - 1] {
                let proof = growth.prove(LeafIndex::new(index.into()).unwrap()).unwrap();
                assert_eq!(tile.path(index.into()), Some(proof.hashes));
            }
            assert_eq!(tile.path(width.into()), None);
        }
    }

    #[test]
    fn nodes_are_complete_subtrees_only() {
        let (full, partial) = (tile(256), tile(7));
        assert_eq!(full.node(8, 0), Some(full.root()));
        assert_eq!(
            (full.node(8, 1), full.node(9, 0), full.node(255, 0)),
            (None, None, None)
        );
        assert_eq!(partial.node(0, 6), partial.hashes().get(6).copied());
        assert_eq!(
            (partial.node(0, 7), partial.node(1, 3), partial.node(3, 0)),
            (None, None, None)
        );
        assert_eq!(
            (partial.node(1, usize::MAX), partial.node(0, usize::MAX)),
            (None, None)
        );
        assert_eq!(partial.node(2, 0), tile(4).node(2, 0));
    }

    #[test]
    fn other_lengths_are_refused() {
        let bytes = tile(3).encode();
        let width = |w| Width::new(w).unwrap();
        assert_eq!(HashTile::parse(&bytes, width(3)), Ok(tile(3)));
        let refused = HashTile::parse(&bytes, width(2));
        assert_eq!(
            refused,
            Err(HashTileError::Length {
                expected: 64,
                found: 96
            })
        );
        assert_eq!(
            HashTile::new(Vec::new()),
            Err(HashTileError::Width { found: 0 })
        );
        let many = vec![Hash::of(b""); 257];
        assert_eq!(
            HashTile::new(many),
            Err(HashTileError::Width { found: 257 })
        );
    }
}
