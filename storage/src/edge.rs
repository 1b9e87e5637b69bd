//! The right edge of a log in memory: what the next batch grows on, and what serves its partial tiles.

use treering_tlog::tile::{TILE_HEIGHT, TILE_WIDTH};
use treering_tlog::{CompactRange, Growth, Hash, LeafIndex, TreeSize};

use crate::{Head, LogId, StoreError, View, tiles};

/// Tile levels of the largest tree: 8 levels of nodes each, 63 bits of size.
const TILE_LEVELS: u8 = 8;
/// Hashes of a full tile.
const WIDTH: usize = TILE_WIDTH as usize;

/// The compact range of a tree and the hashes of each tile level's partial tile: at most 16 KiB a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    range: CompactRange,
    /// By tile level; each shorter than [`WIDTH`]. Levels above the last one are empty.
    partials: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of an empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The size of the tree.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.range.size()
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.range.root()
    }

    /// The roots of the complete subtrees that make up the tree.
    #[must_use]
    pub const fn range(&self) -> &CompactRange {
        &self.range
    }

    /// The hashes of the partial tile at a tile level: less than 256, none if the level ends with a full tile.
    #[must_use]
    pub fn partial(&self, level: u8) -> &[Hash] {
        self.partials
            .get(usize::from(level))
            .map_or(&[], Vec::as_slice)
    }

    /// The edge after `growth`, which grew on this edge; `full` gets every tile that it fills: level, index, hashes.
    pub(crate) fn grow(&self, growth: &Growth, mut full: impl FnMut(u8, u64, &[Hash])) -> Self {
        let mut partials = self.partials.clone();
        for level in 0..TILE_LEVELS {
            let added = growth.nodes(level * TILE_HEIGHT);
            if added.is_empty() {
                break;
            }
            if partials.len() <= usize::from(level) {
                partials.resize(usize::from(level) + 1, Vec::new());
            }
            let partial = &mut partials[usize::from(level)];
            let mut index = (self.size().get() >> (level * TILE_HEIGHT)) / u64::from(TILE_WIDTH);
            for hash in added {
                partial.push(*hash);
                if partial.len() == WIDTH {
                    full(level, index, partial);
                    partial.clear();
                    index += 1;
                }
            }
        }
        Self {
            range: growth.edge().clone(),
            partials,
        }
    }

    /// Reads the edge of a tree that ends at `head`: the last leaves and, for the levels above, the roots of the last
    /// full tiles (at most 255 tiles a level).
    ///
    /// # Errors
    /// `Corrupt` if a row is not there, or if the rows give another root than `head.root`; `Unavailable`.
    pub fn load(view: &dyn View, log: LogId, head: Head) -> Result<Self, StoreError> {
        let size = head.size.get();
        let levels = (0..TILE_LEVELS).take_while(|level| size >> (level * TILE_HEIGHT) > 0);
        let partials = levels.map(|level| match level {
            0 => partial_leaves(view, log, size),
            _ => partial_roots(view, log, level, size),
        });
        let partials = partials.collect::<Result<Vec<_>, _>>()?;
        let range = range_of(head.size, &partials)?;
        let found = range.root();
        if found != head.root {
            let key = format!("right edge of log {} at {size}", log.0);
            return Err(StoreError::corrupt(
                key,
                format_args!("root {}", head.root),
                format_args!("root {found}"),
            ));
        }
        Ok(Self { range, partials })
    }
}

/// The leaf hashes behind the last full tile.
fn partial_leaves(view: &dyn View, log: LogId, size: u64) -> Result<Vec<Hash>, StoreError> {
    let first = size - size % u64::from(TILE_WIDTH);
    let key = || format!("entries of log {} from {first}", log.0);
    let from = LeafIndex::new(first)
        .ok_or_else(|| StoreError::corrupt(key(), "an index below 2^63", first))?;
    let rows = view.entries(log, from, WIDTH)?;
    let found = rows.len() as u64;
    if found < size - first {
        return Err(StoreError::corrupt(
            key(),
            format_args!("{} entries", size - first),
            found,
        ));
    }
    // Others may have committed since `head` was read.
    let wanted = rows.iter().zip(first..size);
    Ok(wanted.map(|(row, _)| Hash::leaf(&row.leaf)).collect())
}

/// The roots of the full tiles one level below that are behind the last full tile of `level`.
fn partial_roots(
    view: &dyn View,
    log: LogId,
    level: u8,
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    let end = size >> (level * TILE_HEIGHT);
    let first = end - end % u64::from(TILE_WIDTH);
    (first..end)
        .map(|index| tile_root(view, log, level - 1, index))
        .collect()
}

/// The root of a full tile: the hash one tile level up.
fn tile_root(view: &dyn View, log: LogId, level: u8, index: u64) -> Result<Hash, StoreError> {
    let bytes = tiles::full(log, level, index, view.tile(log, level, index)?)?;
    let (hashes, _) = bytes.as_chunks::<{ Hash::LEN }>();
    Ok(subtree_root(
        hashes.iter().map(|hash| Hash::new(*hash)).collect(),
    ))
}

/// The root over a power of two of hashes.
fn subtree_root(mut hashes: Vec<Hash>) -> Hash {
    while hashes.len() > 1 {
        hashes = hashes
            .chunks_exact(2)
            .map(|pair| Hash::node(&pair[0], &pair[1]))
            .collect();
    }
    hashes[0]
}

/// The compact range from the partial tiles: one subtree for each bit of the size, high to low.
fn range_of(size: TreeSize, partials: &[Vec<Hash>]) -> Result<CompactRange, StoreError> {
    let mut roots = Vec::new();
    for partial in partials.iter().rev() {
        let mut rest = partial.as_slice();
        for bit in (0..TILE_HEIGHT).rev() {
            let width = 1_usize << bit;
            if rest.len() >= width {
                let (subtree, after) = rest.split_at(width);
                roots.push(subtree_root(subtree.to_vec()));
                rest = after;
            }
        }
    }
    CompactRange::from_parts(size, roots)
        .map_err(|error| StoreError::corrupt("right edge", "a compact range", error))
}
