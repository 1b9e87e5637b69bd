//! Tiles of c2sp.org/tlog-tiles: their paths, their widths, and what a tree of some size has of them.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod hashes;
mod nodes;

use std::fmt;
use std::str::FromStr;

pub use hashes::{HashTile, HashTileError};
pub use nodes::{TileNodes, TileNodesError};

use crate::TreeSize;
use crate::size::{self, parse_decimal};

/// How many levels of the tree a tile holds.
pub const TILE_HEIGHT: u8 = 8;
/// How many hashes a full tile holds, and how many entries a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// The highest tile level that a path can name.
pub const MAX_LEVEL: u8 = 63;
/// Longer than any path of a tile: 7 groups of the index, a level, a width.
const MAX_PATH_LEN: usize = 64;

/// Why a text is not the path of a tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// Not of the form `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
    #[error("not the path of a tile")]
    Malformed,
    /// A level that is not a decimal of at most 63.
    #[error("a tile level that is not a decimal from 0 to {MAX_LEVEL}")]
    Level,
    /// An index that is not in groups of three digits, or of which there are more than necessary.
    #[error("a tile index that is not canonical groups of three digits")]
    Index,
    /// An index past the last leaf of the largest tree.
    #[error("a tile index above {limit}, the last one that a tree can have on its level")]
    IndexTooLarge {
        /// The largest index of the level.
        limit: u64,
    },
    /// A width that is not a decimal from 1 to 255; a full tile's path has none.
    #[error("a partial tile's width that is not a decimal from 1 to 255")]
    Width,
}

/// How many hashes or entries a tile has: 1 to 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Width(u16);

impl Width {
    /// A full tile's.
    pub const FULL: Self = Self(TILE_WIDTH);

    /// This width, if it is from 1 to 256.
    #[must_use]
    pub const fn new(width: u16) -> Option<Self> {
        if width >= 1 && width <= TILE_WIDTH {
            Some(Self(width))
        } else {
            None
        }
    }

    /// The width as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether it is that of a full tile.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.0 == TILE_WIDTH
    }

    /// The width as a number of elements.
    #[must_use]
    pub const fn count(self) -> usize {
        self.0 as usize
    }
}

/// What a path below `tile/` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tile {
    /// Hashes of the tree, `level` being that of tiles: 8 levels of the tree each.
    Hash {
        /// The tile level, 0 to 63.
        level: u8,
        /// The position among the tiles of the level.
        index: u64,
        /// How many hashes it has.
        width: Width,
    },
    /// The entries under the hashes of a tile of level 0.
    Entries {
        /// The position among the bundles.
        index: u64,
        /// How many entries it has.
        width: Width,
    },
}

impl Tile {
    /// Reads a whole path, `tile/` included.
    ///
    /// # Errors
    /// If the path is not exactly what [`Self::path`] writes for some tile.
    pub fn parse(path: &str) -> Result<Self, TileError> {
        Self::parse_rest(path.strip_prefix("tile/").ok_or(TileError::Malformed)?)
    }

    /// Reads what follows `tile/` in a path.
    ///
    /// # Errors
    /// If it is not exactly what [`Self::path`] writes there for some tile.
    pub fn parse_rest(rest: &str) -> Result<Self, TileError> {
        if rest.len() > MAX_PATH_LEN {
            return Err(TileError::Malformed);
        }
        let (kind, rest) = rest.split_once('/').ok_or(TileError::Malformed)?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, partial_width(width)?),
            None => (rest, Width::FULL),
        };
        let index = parse_index(number)?;
        let (tile, level) = if kind == "entries" {
            (Self::Entries { index, width }, 0)
        } else {
            let level = parse_decimal(kind, MAX_LEVEL.into())
                .ok()
                .and_then(|l| u8::try_from(l).ok());
            let level = level.ok_or(TileError::Level)?;
            (
                Self::Hash {
                    level,
                    index,
                    width,
                },
                level,
            )
        };
        let limit = index_limit(level);
        if index > limit {
            return Err(TileError::IndexTooLarge { limit });
        }
        Ok(tile)
    }

    /// The path of the tile, relative to the log's prefix.
    #[must_use]
    pub fn path(&self) -> String {
        let (mut path, index, width) = match *self {
            Self::Hash {
                level,
                index,
                width,
            } => (format!("tile/{level}/"), index, width),
            Self::Entries { index, width } => ("tile/entries/".to_owned(), index, width),
        };
        push_index(&mut path, index);
        if !width.is_full() {
            path.push_str(".p/");
            path.push_str(&width.get().to_string());
        }
        path
    }

    /// The position among the tiles of its kind and level.
    #[must_use]
    pub fn index(&self) -> u64 {
        match *self {
            Self::Hash { index, .. } | Self::Entries { index, .. } => index,
        }
    }

    /// How many hashes or entries it has.
    #[must_use]
    pub fn width(&self) -> Width {
        match *self {
            Self::Hash { width, .. } | Self::Entries { width, .. } => width,
        }
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

impl FromStr for Tile {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        Self::parse(path)
    }
}

/// How wide the tile is in a tree of that size; `None` if the tree has no such tile.
///
/// Entry bundles have the widths of level 0.
#[must_use]
pub fn width_at(level: u8, index: u64, size: TreeSize) -> Option<Width> {
    let hashes = size
        .get()
        .checked_shr(u32::from(TILE_HEIGHT) * u32::from(level))?;
    let beyond = hashes.checked_sub(index.checked_mul(TILE_WIDTH.into())?)?;
    Width::new(u16::try_from(beyond.min(TILE_WIDTH.into())).ok()?)
}

/// The last index that a tile of this level can have, in the largest tree.
fn index_limit(level: u8) -> u64 {
    size::MAX
        .checked_shr(u32::from(TILE_HEIGHT) * (u32::from(level) + 1))
        .unwrap_or(0)
}

fn partial_width(text: &str) -> Result<Width, TileError> {
    let width = parse_decimal(text, 255)
        .ok()
        .and_then(|w| u16::try_from(w).ok());
    width.and_then(Width::new).ok_or(TileError::Width)
}

/// Reads groups of three digits, all but the last of them marked with an `x`.
fn parse_index(text: &str) -> Result<u64, TileError> {
    let mut index = 0u64;
    let mut groups = text.split('/').peekable();
    let mut first = true;
    while let Some(group) = groups.next() {
        let last = groups.peek().is_none();
        let digits = if last {
            Some(group)
        } else {
            group.strip_prefix('x')
        };
        let digits = digits.filter(|d| d.len() == 3 && d.bytes().all(|b| b.is_ascii_digit()));
        let value: u64 = digits
            .and_then(|d| d.parse().ok())
            .ok_or(TileError::Index)?;
        if first && !last && value == 0 {
            return Err(TileError::Index);
        }
        first = false;
        let shifted = index.checked_mul(1000).and_then(|i| i.checked_add(value));
        index = shifted.ok_or(TileError::IndexTooLarge {
            limit: index_limit(0),
        })?;
    }
    Ok(index)
}

fn push_index(path: &mut String, index: u64) {
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}/", rest % 1000));
        rest /= 1000;
    }
    path.extend(groups.into_iter().rev());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_ones_of_the_specification() {
        for (index, text) in [
            (0, "000"),
            (999, "999"),
            (1000, "x001/000"),
            (1_234_067, "x001/x234/067"),
            (index_limit(0), "x036/x028/x797/x018/x963/967"),
        ] {
            let tile = Tile::Hash {
                level: 0,
                index,
                width: Width::FULL,
            };
            assert_eq!(tile.path(), format!("tile/0/{text}"));
            assert_eq!(Tile::parse(&tile.path()), Ok(tile));
        }
        let bundle = Tile::Entries {
            index: 1000,
            width: Width::new(5).unwrap(),
        };
        assert_eq!(Tile::parse("tile/entries/x001/000.p/5"), Ok(bundle));
        assert_eq!(Tile::parse_rest("entries/x001/000.p/5"), Ok(bundle));
    }

    #[test]
    fn anything_else_is_refused() {
        use TileError::{Index, IndexTooLarge, Level, Malformed, Width as W};
        for (path, error) in [
            ("", Malformed),
            ("tile/", Malformed),
            ("tile/0", Malformed),
            ("/tile/0/000", Malformed),
            ("tile/0/000.p/0", W),
            ("tile/0/000.p/256", W),
            ("tile/0/000.p/+5", W),
            ("tile/0/000.p/007", W),
            ("tile/0/000.p/5\n", W),
            ("tile/0/000.p/5/", W),
            ("tile/0/000.p/", W),
            ("tile/0/000.p", Index),
            ("tile/0/x000/005", Index),
            ("tile/0/x001/5", Index),
            ("tile/0/001/000", Index),
            ("tile/0/x001", Index),
            ("tile/0/X001/000", Index),
            ("tile/0/000\n", Index),
            ("tile/0/000\r", Index),
            ("tile/0/+00", Index),
            ("tile/0/", Index),
            ("tile/64/000", Level),
            ("tile/00/000", Level),
            ("tile/-1/000", Level),
            ("tile/data/000", Level),
            (
                "tile/0/x036/x028/x797/x018/x963/968",
                IndexTooLarge {
                    limit: index_limit(0),
                },
            ),
            (
                "tile/0/x018/x446/x744/x073/x709/x551/615",
                IndexTooLarge {
                    limit: index_limit(0),
                },
            ),
            (
                "tile/0/x018/x446/x744/x073/x709/x551/616",
                IndexTooLarge {
                    limit: index_limit(0),
                },
            ),
            ("tile/63/001", IndexTooLarge { limit: 0 }),
        ] {
            assert_eq!(Tile::parse(path), Err(error), "{path:?}");
        }
    }

    #[test]
    fn widths_follow_the_size() {
        let size = TreeSize::new(70_000).unwrap();
        let width = |level, index| width_at(level, index, size).map(Width::get);
        assert_eq!((width(0, 0), width(0, 272)), (Some(256), Some(256)));
        assert_eq!((width(0, 273), width(0, 274)), (Some(112), None));
        assert_eq!(
            (width(1, 0), width(1, 1), width(1, 2)),
            (Some(256), Some(17), None)
        );
        assert_eq!(
            (width(2, 0), width(2, 1), width(3, 0)),
            (Some(1), None, None)
        );
        assert_eq!((width(63, 0), width(0, u64::MAX)), (None, None));
        let exact = TreeSize::new(256).unwrap();
        assert_eq!(width_at(0, 0, exact), Some(Width::FULL));
        assert_eq!(
            (width_at(0, 1, exact), width_at(1, 0, exact)),
            (None, Width::new(1))
        );
        assert_eq!(width_at(0, 0, TreeSize::ZERO), None);
    }
}
