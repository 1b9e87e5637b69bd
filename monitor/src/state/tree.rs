//! The kept tree of a log: all levels above 0, and the unfinished tile of level 0.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use treering_tlog::merkle::{InclusionProof, NodeId, Nodes, ProveError};
use treering_tlog::tile::{HashTile, TileNodes, TileNodesError, Width, width_at};
use treering_tlog::{Hash, LeafIndex, TreeSize, merkle};

use super::{LogId, StateError, signed};

/// Hashes that a tile has from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileChange {
    /// The tile level.
    pub level: u8,
    /// The index on that level.
    pub index: u64,
    /// All hashes of the tile.
    pub hashes: Vec<Hash>,
}

/// Why a kept tree cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// A tile that should be there is not, or is too narrow.
    #[error("tile {index} of level {level}: expected {expected} hashes, found {found}")]
    Tile {
        /// The tile level.
        level: u8,
        /// The index.
        index: u64,
        /// How many hashes the tree needs.
        expected: u16,
        /// How many there are.
        found: usize,
    },
    /// The database.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

impl From<TreeError> for StateError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Database(error) => Self::Database(error),
            error @ TreeError::Tile { .. } => Self::damaged(format!("the kept tree: {error}")),
        }
    }
}

/// The tree of a log as it is kept, with the tiles of level 0 that somebody brought.
pub struct HeldTree<'a> {
    connection: &'a Connection,
    log: LogId,
    brought: Vec<TileChange>,
}

impl<'a> HeldTree<'a> {
    /// The kept tree of this log.
    #[must_use]
    pub fn new(connection: &'a Connection, log: LogId) -> Self {
        Self {
            connection,
            log,
            brought: Vec::new(),
        }
    }

    /// With tiles that are not kept, or not yet.
    #[must_use]
    pub fn with(mut self, tiles: impl IntoIterator<Item = TileChange>) -> Self {
        self.brought.extend(tiles);
        self
    }

    /// The hashes that are kept of a tile; none if nothing is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn tile(&self, level: u8, index: u64) -> Result<Vec<Hash>, rusqlite::Error> {
        let at = |tile: &&TileChange| tile.level == level && tile.index == index;
        if let Some(tile) = self.brought.iter().rev().find(at) {
            return Ok(tile.hashes.clone());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT hashes FROM tiles WHERE log = ?1 AND level = ?2 AND idx = ?3",
        )?;
        let bytes: Option<Vec<u8>> = statement
            .query_row(params![self.log, level, signed(index)], |row| row.get(0))
            .optional()?;
        let bytes = bytes.unwrap_or_default();
        let (hashes, _) = bytes.as_chunks::<{ Hash::LEN }>();
        Ok(hashes.iter().map(|bytes| Hash::new(*bytes)).collect())
    }

    fn wide(&self, level: u8, index: u64, width: Width) -> Result<HashTile, TreeError> {
        let hashes = self.tile(level, index)?;
        let narrow = |found| TreeError::Tile {
            level,
            index,
            expected: width.get(),
            found,
        };
        if hashes.len() < width.count() {
            return Err(narrow(hashes.len()));
        }
        HashTile::new(hashes).map_err(|_| narrow(0))
    }

    /// The root of the first `size` leaves. The tile of level 0 in which they end must be kept or brought, unless they
    /// end with one.
    ///
    /// # Errors
    /// [`TreeError`].
    pub fn root(&self, size: TreeSize) -> Result<Hash, TreeError> {
        merkle::root(size, &self.nodes(size)).map_err(flatten)
    }

    /// One complete subtree of the first `size` leaves.
    ///
    /// # Errors
    /// [`TreeError`].
    pub fn node(&self, size: TreeSize, id: NodeId) -> Result<Hash, TreeError> {
        self.nodes(size).node(id).map_err(flatten)
    }

    /// The inclusion proof of a leaf in the first `size` leaves. The tile of level 0 that has it must be kept or brought.
    ///
    /// # Errors
    /// [`TreeError`].
    pub fn prove(&self, index: LeafIndex, size: TreeSize) -> Result<InclusionProof, TreeError> {
        merkle::inclusion::prove(index, size, &self.nodes(size)).map_err(|error| match error {
            ProveError::Nodes(error) => flatten(error),
            _ => TreeError::Tile {
                level: 0,
                index: index.get() / 256,
                expected: 1,
                found: 0,
            },
        })
    }

    fn nodes(
        &self,
        size: TreeSize,
    ) -> TileNodes<impl Fn(u8, u64, Width) -> Result<HashTile, TreeError>> {
        TileNodes::new(size, |level, index, width| self.wide(level, index, width))
    }

    /// Checks every kept tile against the one above it, up to `size`, and returns the root.
    ///
    /// # Errors
    /// [`TreeError`], or the text of the first contradiction.
    pub fn audit(&self, size: TreeSize) -> Result<Result<Hash, String>, TreeError> {
        for level in 1_u8.. {
            if width_at(level + 1, 0, size).is_none() {
                break;
            }
            for index in 0..(size.get() >> (8 * u32::from(level))) / 256 {
                let below = self.wide(level, index, Width::FULL)?.root();
                let above = self.tile(level + 1, index / 256)?;
                let at = usize::try_from(index % 256).unwrap_or(usize::MAX);
                if above.get(at) != Some(&below) {
                    return Ok(Err(format!(
                        "expected tile {index} of level {level} to fit the tile above it, found that it does not"
                    )));
                }
            }
        }
        Ok(Ok(self.root(size)?))
    }
}

fn flatten(error: TileNodesError<TreeError>) -> TreeError {
    match error {
        TileNodesError::Fetch(error) => error,
        TileNodesError::Narrow {
            level,
            index,
            found,
            ..
        } => TreeError::Tile {
            level,
            index,
            expected: 256,
            found,
        },
        _ => TreeError::Tile {
            level: 0,
            index: 0,
            expected: 1,
            found: 0,
        },
    }
}

/// Tiles of level 0 that are kept behind the newest: with them a smaller tree that comes back is judged, and proven to be
/// another one, without asking the log again.
const KEPT_EDGE: u64 = 64;

/// Keeps tiles; of level 0 the last ones only.
pub(crate) fn keep(
    transaction: &Transaction<'_>,
    log: LogId,
    size: TreeSize,
    tiles: &[TileChange],
) -> Result<(), StateError> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO tiles (log, level, idx, hashes) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (log, level, idx) DO UPDATE SET hashes = excluded.hashes",
    )?;
    let oldest = (size.get() / 256).saturating_sub(KEPT_EDGE);
    for tile in tiles {
        if tile.level == 0 && tile.index < oldest {
            continue;
        }
        let bytes: Vec<u8> = tile.hashes.iter().flat_map(|h| *h.as_bytes()).collect();
        put.execute(params![log, tile.level, signed(tile.index), bytes])?;
    }
    transaction
        .prepare_cached("DELETE FROM tiles WHERE log = ?1 AND level = 0 AND idx < ?2")?
        .execute(params![log, signed(oldest)])?;
    Ok(())
}

/// Keeps the right edge of a tree that is not kept otherwise, in place of the one before.
pub(crate) fn keep_edge(
    transaction: &Transaction<'_>,
    log: LogId,
    edge: &TileChange,
) -> Result<(), StateError> {
    let bytes: Vec<u8> = edge.hashes.iter().flat_map(|h| *h.as_bytes()).collect();
    transaction.execute("DELETE FROM tiles WHERE log = ?1", [log])?;
    transaction.execute(
        "INSERT INTO tiles (log, level, idx, hashes) VALUES (?1, 0, ?2, ?3)",
        params![log, signed(edge.index), bytes],
    )?;
    Ok(())
}
