//! Growing the kept tree to a larger checkpoint, from the log's tiles of hashes.
//!
//! The old tree is never read again from the log: what is kept of it, with what the log now says comes after, must give
//! the signed root. If it does, the log has only grown, and every entry's place is bound to the root before any entry is
//! read.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use treering_tlog::tile::{HashTile, TILE_WIDTH, Width, width_at};
use treering_tlog::{Hash, TreeSize};

use super::insist::{Mismatch, Wrong};
use crate::source::{Served, TileSource};
use crate::state::{HeldTree, LogId, State, StateError, TileChange};

/// The tiles that a tree gains between two sizes, as the log serves them.
pub(super) struct Grown {
    /// With the path that each was read from.
    tiles: Vec<(TileChange, String)>,
}

/// Which tiles are new or wider in the larger tree.
fn wanted(from: TreeSize, to: TreeSize) -> Vec<(u8, u64, Width)> {
    let mut wanted = Vec::new();
    for level in 0_u8.. {
        let (old, new) = (nodes_at(level, from), nodes_at(level, to));
        if new == 0 {
            break;
        }
        if old == new {
            continue;
        }
        let (first, last) = (old / width(), (new - 1) / width());
        for index in first..=last {
            // Of level 0 only the edges: that which was unfinished, and that which is.
            let edge = index == last || (index == first && old % width() != 0);
            if (level > 0 || edge)
                && let Some(width) = width_at(level, index, to)
            {
                wanted.push((level, index, width));
            }
        }
    }
    wanted
}

const fn width() -> u64 {
    TILE_WIDTH as u64
}

/// How many hashes the tiles of a level have in all.
fn nodes_at(level: u8, size: TreeSize) -> u64 {
    size.get()
        .checked_shr(8 * u32::from(level))
        .unwrap_or_default()
}

/// Reads what the tree gains.
pub(super) async fn fetch(
    source: &TileSource,
    from: TreeSize,
    to: TreeSize,
) -> Result<Grown, Wrong> {
    let tiles = stream::iter(wanted(from, to))
        .map(|(level, index, width)| async move {
            let Served { path, content } = source.hash_tile(level, index, width).await?;
            let change = TileChange {
                level,
                index,
                hashes: content,
            };
            Ok::<_, Wrong>((change, path))
        })
        .buffered(source.parallel())
        .try_collect()
        .await?;
    Ok(Grown { tiles })
}

impl Grown {
    /// Checks it against what is kept and against the signed root; what is to be kept from now on.
    pub(super) fn verify(
        self,
        state: &State,
        log: LogId,
        from: TreeSize,
        to: TreeSize,
        signed: &Hash,
    ) -> Result<Result<Vec<TileChange>, Mismatch>, StateError> {
        state.read(|connection| {
            let kept = HeldTree::new(connection, log);
            for (tile, path) in &self.tiles {
                if let Some(mismatch) = self.misfit(&kept, tile, path, from)? {
                    return Ok(Err(mismatch));
                }
            }
            let tiles: Vec<TileChange> = self.tiles.iter().map(|(tile, _)| tile.clone()).collect();
            let found = kept.with(tiles.iter().cloned()).root(to)?;
            if found == *signed {
                return Ok(Ok(tiles));
            }
            Ok(Err(Mismatch {
                path: "checkpoint".to_owned(),
                expected: format!("root {found} at size {to}, as the tiles say"),
                found: format!("root {signed}"),
            }))
        })
    }

    /// How a tile does not fit what is kept, or the tiles below it.
    fn misfit(
        &self,
        kept: &HeldTree<'_>,
        tile: &TileChange,
        path: &str,
        from: TreeSize,
    ) -> Result<Option<Mismatch>, StateError> {
        let before = nodes_at(tile.level, from).saturating_sub(tile.index * width());
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        let held = kept.tile(tile.level, tile.index)?;
        let held = held.get(..before.min(held.len())).unwrap_or_default();
        for (at, (expected, found)) in held.iter().zip(&tile.hashes).enumerate() {
            if expected != found {
                return Ok(Some(misfit(path, at, *expected, *found)));
            }
        }
        let Some(below) = tile.level.checked_sub(1) else {
            return Ok(None);
        };
        for (at, found) in tile.hashes.iter().enumerate().skip(before) {
            let at_level = tile.index * width() + u64::try_from(at).unwrap_or(u64::MAX);
            let full = self.tiles.iter().find(|(tile, _)| {
                (tile.level, tile.index) == (below, at_level) && tile.hashes.len() == 256
            });
            let Some((full, _)) = full else { continue };
            let Ok(full) = HashTile::new(full.hashes.clone()) else {
                continue;
            };
            let expected = full.root();
            if expected != *found {
                return Ok(Some(misfit(path, at, expected, *found)));
            }
        }
        Ok(None)
    }
}

fn misfit(path: &str, at: usize, expected: Hash, found: Hash) -> Mismatch {
    Mismatch {
        path: path.to_owned(),
        expected: format!("hash {expected} at position {at}"),
        found: format!("hash {found}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(leaves: u64) -> TreeSize {
        TreeSize::new(leaves).unwrap()
    }

    #[test]
    fn only_what_is_new_is_wanted() {
        let tiles = |from, to| {
            wanted(size(from), size(to))
                .into_iter()
                .map(|(level, index, width)| (level, index, width.get()))
                .collect::<Vec<_>>()
        };
        assert_eq!(tiles(0, 5), [(0, 0, 5)]);
        assert_eq!(tiles(5, 5), []);
        assert_eq!(tiles(0, 256), [(0, 0, 256), (1, 0, 1)]);
        // The tile that was unfinished, and the one that is; none between.
        assert_eq!(tiles(5, 1000), [(0, 0, 256), (0, 3, 232), (1, 0, 3)]);
        assert_eq!(tiles(256, 1000), [(0, 3, 232), (1, 0, 3)]);
        assert_eq!(tiles(65_536, 65_537), [(0, 256, 1)]);
    }
}
