//! Reading entries: each bundle is hashed and compared with the tree that the signed root bound, and only then examined.

use bytes::Bytes;
use treering_tlog::tile::{HashTile, TILE_WIDTH, Width, width_at};
use treering_tlog::{Hash, TreeSize};

use super::insist::{Mismatch, Wrong};
use crate::source::{ReadError, TileSource};
use crate::state::{HeldTree, LogId, State, StateError, TileChange};

/// The leaves of a bundle, bound to a signed root.
#[derive(Clone, Debug)]
pub(super) struct VerifiedBundle {
    pub(super) index: u64,
    pub(super) leaves: Vec<Bytes>,
    pub(super) hashes: Vec<Hash>,
}

impl VerifiedBundle {
    /// Its tile of level 0.
    pub(super) fn tile(&self) -> TileChange {
        TileChange {
            level: 0,
            index: self.index,
            hashes: self.hashes.clone(),
        }
    }

    /// The position of its first leaf.
    pub(super) const fn first(&self) -> u64 {
        self.index * TILE_WIDTH as u64
    }
}

/// What the kept tree says about the leaves of a bundle.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    /// The root of the full tile.
    Root(Hash),
    /// The hashes of the unfinished tile.
    Leaves(Vec<Hash>),
}

/// Looks up what a bundle of a tree of `size` must say.
pub(super) fn bound(
    state: &State,
    log: LogId,
    index: u64,
    size: TreeSize,
) -> Result<(Width, Bound), StateError> {
    let missing = || StateError::damaged(format!("expected bundle {index} in a tree of {size}"));
    let width = width_at(0, index, size).ok_or_else(missing)?;
    state.read(|connection| {
        let tree = HeldTree::new(connection, log);
        if !width.is_full() {
            return Ok((width, Bound::Leaves(tree.tile(0, index)?)));
        }
        let above = tree.tile(1, index / u64::from(TILE_WIDTH))?;
        let at = usize::try_from(index % u64::from(TILE_WIDTH)).unwrap_or(usize::MAX);
        let root = above.get(at).copied().ok_or_else(missing)?;
        Ok((width, Bound::Root(root)))
    })
}

/// Reads a bundle and the tile of hashes beside it, and checks both.
pub(super) async fn read(
    source: &TileSource,
    index: u64,
    width: Width,
    bound: &Bound,
) -> Result<VerifiedBundle, Wrong> {
    let (bundle, tile) = tokio::join!(
        source.bundle(index, width),
        source.hash_tile(0, index, width)
    );
    let tile = tile?;
    let bundle = match bundle {
        Err(error) => return Err(begins_otherwise(error, &tile.content, bound)),
        Ok(bundle) => bundle,
    };
    let hashes: Vec<Hash> = bundle.content.iter().map(|leaf| Hash::leaf(leaf)).collect();
    let entries_fit = fits(&hashes, bound);
    let tile_fits = fits(&tile.content, bound);
    if entries_fit && tile_fits {
        return Ok(VerifiedBundle {
            index,
            leaves: bundle.content,
            hashes,
        });
    }
    let blamed = if entries_fit { tile.path } else { bundle.path };
    let (good, bad) = if entries_fit {
        (&hashes, &tile.content)
    } else {
        (&tile.content, &hashes)
    };
    Err(Wrong::Mismatch(describe(
        blamed,
        (entries_fit || tile_fits).then_some(good.as_slice()),
        bad,
        bound,
    )))
}

/// A bundle that could not be read whole: if its whole leaves are not those that the root binds, it does not fit; else it
/// may have been cut on the way.
fn begins_otherwise(error: ReadError, tile: &[Hash], bound: &Bound) -> Wrong {
    let ReadError::Incomplete { path, begun, .. } = &error else {
        return error.into();
    };
    let found: Vec<Hash> = begun.iter().map(|leaf| Hash::leaf(leaf)).collect();
    let differs = found.iter().zip(tile).any(|(found, bound)| found != bound);
    if differs && fits(tile, bound) {
        return Wrong::Mismatch(describe(path.clone(), Some(tile), &found, bound));
    }
    error.into()
}

/// Whether leaf hashes are those that the signed root bound.
fn fits(hashes: &[Hash], bound: &Bound) -> bool {
    match bound {
        Bound::Leaves(expected) => hashes == expected,
        Bound::Root(root) => {
            HashTile::new(hashes.to_vec()).is_ok_and(|tile| tile_root(&tile) == *root)
        }
    }
}

/// The root of a full tile, pair by pair.
fn tile_root(tile: &HashTile) -> Hash {
    tile.node(8, 0).unwrap_or_else(Hash::empty_root)
}

fn describe(path: String, good: Option<&[Hash]>, bad: &[Hash], bound: &Bound) -> Mismatch {
    let expected = match bound {
        Bound::Leaves(leaves) => Some(leaves.as_slice()),
        Bound::Root(_) => good,
    };
    let differs = expected.and_then(|expected| {
        let pairs = expected.iter().zip(bad).enumerate();
        pairs.into_iter().find(|(_, (good, bad))| good != bad)
    });
    match (differs, bound) {
        (Some((at, (expected, found))), _) => Mismatch {
            path,
            expected: format!("leaf hash {expected} at position {at}, which the signed root binds"),
            found: format!("leaf hash {found}"),
        },
        (None, Bound::Root(root)) => Mismatch {
            path,
            expected: format!("leaves under hash {root}, which the signed root binds"),
            found: HashTile::new(bad.to_vec()).map_or_else(
                |e| e.to_string(),
                |tile| format!("leaves under {}", tile_root(&tile)),
            ),
        },
        (None, Bound::Leaves(leaves)) => Mismatch {
            path,
            expected: format!("{} leaves", leaves.len()),
            found: format!("{} leaves", bad.len()),
        },
    }
}
