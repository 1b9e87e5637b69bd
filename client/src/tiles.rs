//! A log's tiles: c2sp.org/tlog-tiles, the read path of any static log.

use std::collections::HashMap;

use bytes::Bytes;
use treering_tlog::entry_bundle::{EntryBundle, MAX_LEAF_LEN};
use treering_tlog::merkle::{self, ConsistencyProof, InclusionProof, Nodes, ProveError};
use treering_tlog::note::MAX_NOTE_LEN;
use treering_tlog::tile::{HashTile, TILE_WIDTH, Tile, TileNodes, TileNodesError, Width};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::error::FetchError;
use crate::transport::{Base, Http};

/// The largest bundle, in bytes: 256 leaves of 65,535 bytes with their lengths.
const MAX_BUNDLE: usize = TILE_WIDTH as usize * (2 + MAX_LEAF_LEN);
/// The largest tile of hashes, in bytes.
const MAX_TILE: usize = TILE_WIDTH as usize * Hash::LEN;

/// Why a resource of a log could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// Trouble on the way; it says nothing about the log.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The log answers that it has no such tile, neither partial nor full.
    #[error("{path}: expected a tile, found none (404)")]
    Missing {
        /// The path asked for first.
        path: String,
    },
    /// The bytes are not such a tile.
    #[error("{path}: expected {expected}, found {found}")]
    Malformed {
        /// The path that was read.
        path: String,
        /// What it should have been.
        expected: String,
        /// What it is.
        found: String,
    },
    /// No such proof exists: the index or the older size is beyond the tree.
    #[error("expected an index or size within a tree of {size}, found {asked}")]
    OutOfRange {
        /// The size of the tree.
        size: TreeSize,
        /// The index or size asked for.
        asked: u64,
    },
}

/// Reads one log's checkpoint, tiles and bundles. Nothing is verified: see [`crate::fsck`] and [`crate::verify`].
#[derive(Clone, Debug)]
pub struct TileReader {
    http: Http,
    base: Base,
}

impl TileReader {
    /// The log whose `checkpoint` and `tile/` are under this address.
    ///
    /// # Errors
    /// [`FetchError::Address`].
    pub fn new(http: Http, url: &str) -> Result<Self, FetchError> {
        Ok(Self {
            http,
            base: Base::parse(url)?,
        })
    }

    /// The log's address, ending in a slash.
    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// The newest checkpoint, as the log serves it.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn checkpoint(&self) -> Result<Bytes, FetchError> {
        self.fetch("checkpoint", MAX_NOTE_LEN).await
    }

    /// A tile of hashes, cut to `width` if the log has only the full one left.
    ///
    /// # Errors
    /// [`TileError`].
    pub async fn hash_tile(
        &self,
        level: u8,
        index: u64,
        width: Width,
    ) -> Result<HashTile, TileError> {
        let tile = |width| Tile::Hash {
            level,
            index,
            width,
        };
        let (path, found, bytes) = self.fetch_tile(tile, width, MAX_TILE).await?;
        let malformed = |e: &dyn std::fmt::Display| TileError::Malformed {
            path: path.clone(),
            expected: format!("a tile of {} hashes", found.get()),
            found: e.to_string(),
        };
        let parsed = HashTile::parse(&bytes, found).map_err(|e| malformed(&e))?;
        let hashes = parsed
            .hashes()
            .get(..width.count())
            .unwrap_or_default()
            .to_vec();
        HashTile::new(hashes).map_err(|e| malformed(&e))
    }

    /// The leaves of a bundle; of a full one that stands in for a partial one the first `width`.
    ///
    /// # Errors
    /// [`TileError`].
    pub async fn entries(&self, index: u64, width: Width) -> Result<Vec<Bytes>, TileError> {
        let bundle = |width| Tile::Entries { index, width };
        let (path, found, bytes) = self.fetch_tile(bundle, width, MAX_BUNDLE).await?;
        let parsed = EntryBundle::parse(&bytes, found).map_err(|e| TileError::Malformed {
            path,
            expected: format!("a bundle of {} entries", found.get()),
            found: e.to_string(),
        })?;
        Ok(parsed
            .leaves()
            .take(width.count())
            .map(|leaf| bytes.slice_ref(leaf))
            .collect())
    }

    /// The inclusion proof of a leaf, made from tiles.
    ///
    /// # Errors
    /// [`TileError`].
    pub async fn prove_inclusion(
        &self,
        index: LeafIndex,
        size: TreeSize,
    ) -> Result<InclusionProof, TileError> {
        if !size.contains(index) {
            return Err(TileError::OutOfRange {
                size,
                asked: index.get(),
            });
        }
        self.prove(size, |nodes| merkle::inclusion::prove(index, size, &nodes))
            .await
    }

    /// The consistency proof between two sizes, made from tiles.
    ///
    /// # Errors
    /// [`TileError`].
    pub async fn prove_consistency(
        &self,
        from: TreeSize,
        to: TreeSize,
    ) -> Result<ConsistencyProof, TileError> {
        if from > to {
            return Err(TileError::OutOfRange {
                size: to,
                asked: from.get(),
            });
        }
        self.prove(to, |nodes| merkle::consistency::prove(from, to, &nodes))
            .await
    }

    /// The full tile where the partial one is gone; only a 404 says that it is.
    async fn fetch_tile(
        &self,
        tile: impl Fn(Width) -> Tile,
        width: Width,
        limit: usize,
    ) -> Result<(String, Width, Bytes), TileError> {
        let asked = tile(width).path();
        match self.fetch(&asked, limit).await {
            Ok(bytes) => return Ok((asked, width, bytes)),
            Err(e) if !e.is_not_found() => return Err(e.into()),
            Err(_) if width.is_full() => return Err(TileError::Missing { path: asked }),
            Err(_) => {}
        }
        let full = tile(Width::FULL).path();
        match self.fetch(&full, limit).await {
            Ok(bytes) => Ok((full, Width::FULL, bytes)),
            Err(e) if e.is_not_found() => Err(TileError::Missing { path: asked }),
            Err(e) => Err(e.into()),
        }
    }

    async fn fetch(&self, path: &str, limit: usize) -> Result<Bytes, FetchError> {
        let url = self.base.at(path);
        let (status, body) = self.http.send(self.http.get(url.clone()), limit).await?;
        if status == http::StatusCode::OK {
            return Ok(body);
        }
        Err(FetchError::Status {
            url: url.to_string(),
            status,
        })
    }

    /// Runs a prover again and again, each time with the tile that it missed before: provers know no waiting, and need a
    /// few tiles only.
    async fn prove<P>(
        &self,
        size: TreeSize,
        prover: impl Fn(&dyn Nodes<Error = NodesError>) -> Result<P, ProveError<NodesError>>,
    ) -> Result<P, TileError> {
        let mut tiles = HashMap::new();
        loop {
            let absent = match attempt(&tiles, size, &prover) {
                Ok(proof) => return Ok(proof),
                Err(absent) => absent.ok_or(TileError::OutOfRange {
                    size,
                    asked: size.get(),
                })?,
            };
            let tile = self
                .hash_tile(absent.level, absent.index, absent.width)
                .await?;
            tiles.insert((absent.level, absent.index), tile);
        }
    }
}

/// A tile that has not been fetched yet.
#[derive(Clone, Copy, Debug)]
struct Absent {
    level: u8,
    index: u64,
    width: Width,
}

type NodesError = TileNodesError<Absent>;

/// One run with the tiles that are there: the proof, or the first tile that is not.
fn attempt<P>(
    tiles: &HashMap<(u8, u64), HashTile>,
    size: TreeSize,
    prover: impl Fn(&dyn Nodes<Error = NodesError>) -> Result<P, ProveError<NodesError>>,
) -> Result<P, Option<Absent>> {
    let nodes = TileNodes::new(size, |level, index, width| {
        tiles.get(&(level, index)).cloned().ok_or(Absent {
            level,
            index,
            width,
        })
    });
    prover(&nodes).map_err(|e| match e {
        ProveError::Nodes(TileNodesError::Fetch(absent)) => Some(absent),
        _ => None,
    })
}
