//! A whole log, rebuilt from its entries and compared with what it serves and what it signed.
//!
//! Every bundle is fetched and hashed, every tile of hashes of every level is built anew and compared with the one that
//! the log serves, and the root with the checkpoint's. Nothing that the log says is taken for granted but its key.

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use treering_tlog::checkpoint::{Checkpoint, Opened};
use treering_tlog::merkle::CompactRange;
use treering_tlog::note::SignedNote;
use treering_tlog::tile::{HashTile, TILE_WIDTH, Tile, Width, width_at};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::error::FetchError;
use crate::tiles::{TileError, TileReader};
use crate::trust::LogKey;

/// How a log is read.
#[derive(Clone, Copy, Debug)]
pub struct FsckOptions {
    /// How many bundles (each with its tile) are fetched at the same time. Default 8; at 16 MiB for the largest bundle
    /// this bounds the memory.
    pub parallel: usize,
}

impl Default for FsckOptions {
    fn default() -> Self {
        Self { parallel: 8 }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries whose hashes were compared.
    pub entries: u64,
    /// Entries of the checkpoint.
    pub size: u64,
    /// Tiles of hashes compared.
    pub tiles: u64,
    /// Bytes of leaves.
    pub bytes: u64,
}

/// How a log does not fit together. Only a mismatch is the log's own contradiction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InconsistencyKind {
    /// The checkpoint is none, or not signed by the given key: perhaps the key is another log's.
    Checkpoint,
    /// A tile under the signed size is not there (404): perhaps not yet, or not here.
    Missing,
    /// A tile is none of its width, or says something else than the entries, the other tiles or the signed root.
    Mismatch,
}

/// The first place where a log does not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}, found {found}")]
pub struct Inconsistency {
    /// How.
    pub kind: InconsistencyKind,
    /// `checkpoint`, or the path of a tile or bundle.
    pub path: String,
    /// What it should say.
    pub expected: String,
    /// What it says.
    pub found: String,
}

/// Why a check did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsckError {
    /// The log does not fit together.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistency),
    /// Trouble on the way; it says nothing about the log.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl From<TileError> for FsckError {
    fn from(error: TileError) -> Self {
        match error {
            TileError::Fetch(error) => Self::Fetch(error),
            TileError::Missing { path } => Inconsistency {
                kind: InconsistencyKind::Missing,
                path,
                expected: "a tile".to_owned(),
                found: "none (404)".to_owned(),
            }
            .into(),
            TileError::Malformed {
                path,
                expected,
                found,
            } => inconsistent(path, expected, found),
            TileError::OutOfRange { size, asked } => inconsistent(
                "checkpoint".to_owned(),
                format!("a tree that holds {asked}"),
                format!("size {size}"),
            ),
        }
    }
}

fn inconsistent(path: String, expected: impl Into<String>, found: impl Into<String>) -> FsckError {
    Inconsistency {
        kind: InconsistencyKind::Mismatch,
        path,
        expected: expected.into(),
        found: found.into(),
    }
    .into()
}

/// Fetches the log's checkpoint, checks its signature, and then [`check_tree`].
///
/// # Errors
/// [`FsckError`]: the first inconsistency in the order of the entries, or trouble while fetching.
pub async fn check(
    log: &TileReader,
    key: &LogKey,
    options: FsckOptions,
    progress: impl FnMut(Progress),
) -> Result<(Opened, Progress), FsckError> {
    let opened = open_checkpoint(log, key).await?;
    let done = check_tree(log, &opened, options, progress).await?;
    Ok((opened, done))
}

/// The log's newest checkpoint, its signature checked.
///
/// # Errors
/// [`FsckError`].
pub async fn open_checkpoint(log: &TileReader, key: &LogKey) -> Result<Opened, FsckError> {
    let note = log.checkpoint().await?;
    key.open(&note).map_err(|e| {
        let signers = SignedNote::parse(&note).map(|note| {
            note.signatures()
                .iter()
                .map(|s| s.name().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        });
        let signed =
            signers.map_or_else(|_| String::new(), |names| format!(" (signed by {names})"));
        Inconsistency {
            kind: InconsistencyKind::Checkpoint,
            path: "checkpoint".to_owned(),
            expected: format!("one signed by {}", key.key()),
            found: format!("{e}{signed}"),
        }
        .into()
    })
}

/// Rebuilds the tree of a checkpoint from the log's bundles and compares everything below it.
///
/// # Errors
/// [`FsckError`].
pub async fn check_tree(
    log: &TileReader,
    opened: &Opened,
    options: FsckOptions,
    mut progress: impl FnMut(Progress),
) -> Result<Progress, FsckError> {
    let signed = opened.checkpoint();
    let bundles = signed.size.get().div_ceil(TILE_WIDTH.into());
    let mut fetched = stream::iter(0..bundles)
        .map(|index| fetch_pair(log, index, signed.size))
        .buffered(options.parallel.max(1));
    let mut tree = Rebuilt::new(log, signed);
    while let Some((bundle, served)) = fetched.try_next().await? {
        tree.append(&bundle, &served).await?;
        progress(tree.progress);
    }
    tree.finish().await
}

async fn fetch_pair(
    log: &TileReader,
    index: u64,
    size: TreeSize,
) -> Result<(Vec<Bytes>, HashTile), FsckError> {
    let Some(width) = width_at(0, index, size) else {
        return Err(TileError::OutOfRange { size, asked: index }.into());
    };
    let (bundle, tile) = tokio::join!(log.entries(index, width), log.hash_tile(0, index, width));
    Ok((bundle?, tile?))
}

/// The tree so far, and the hashes of each level's unfinished tile.
struct Rebuilt<'a> {
    log: &'a TileReader,
    signed: &'a Checkpoint,
    range: CompactRange,
    /// By tile level: how many tiles are finished, and the hashes of the next.
    levels: Vec<(u64, Vec<Hash>)>,
    progress: Progress,
}

impl<'a> Rebuilt<'a> {
    fn new(log: &'a TileReader, signed: &'a Checkpoint) -> Self {
        let progress = Progress {
            size: signed.size.get(),
            ..Progress::default()
        };
        Self {
            log,
            signed,
            range: CompactRange::new(),
            levels: Vec::new(),
            progress,
        }
    }

    /// Takes the next bundle and the tile of hashes that the log serves for it.
    async fn append(&mut self, bundle: &[Bytes], served: &HashTile) -> Result<(), FsckError> {
        let index = self.range.size().get() / u64::from(TILE_WIDTH);
        let hashes: Vec<Hash> = bundle.iter().map(|leaf| Hash::leaf(leaf)).collect();
        if let Some(at) = differing(&hashes, served.hashes()) {
            return Err(self.blame(index, at, &hashes, served.hashes()).await);
        }
        for hash in &hashes {
            self.range.append(*hash);
        }
        self.progress.entries += u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        self.progress.bytes += bundle
            .iter()
            .map(|leaf| u64::try_from(leaf.len()).unwrap_or(u64::MAX))
            .sum::<u64>();
        self.progress.tiles += 1;
        if hashes.len() == usize::from(TILE_WIDTH) {
            self.promote(root_of(&hashes)).await?;
        }
        Ok(())
    }

    /// Adds the root of a finished tile to the tile above it, and so on up.
    async fn promote(&mut self, root: Hash) -> Result<(), FsckError> {
        let mut carried = root;
        for level in 1_u8.. {
            let slot = usize::from(level - 1);
            if self.levels.len() == slot {
                self.levels.push((0, Vec::with_capacity(TILE_WIDTH.into())));
            }
            let Some((finished, hashes)) = self.levels.get_mut(slot) else {
                break;
            };
            hashes.push(carried);
            if hashes.len() < usize::from(TILE_WIDTH) {
                break;
            }
            let (index, full) = (*finished, std::mem::take(hashes));
            *finished += 1;
            self.compare(level, index, &full).await?;
            carried = root_of(&full);
        }
        Ok(())
    }

    /// Compares a tile above level 0 with the one that the log serves.
    async fn compare(&mut self, level: u8, index: u64, hashes: &[Hash]) -> Result<(), FsckError> {
        let Some(width) = u16::try_from(hashes.len()).ok().and_then(Width::new) else {
            return Ok(()); // no hashes: no such tile
        };
        let served = self.log.hash_tile(level, index, width).await?;
        self.progress.tiles += 1;
        match differing(hashes, served.hashes()) {
            None => Ok(()),
            Some(at) => {
                let (expected, found) = describe(at, hashes, served.hashes());
                Err(inconsistent(
                    Tile::Hash {
                        level,
                        index,
                        width,
                    }
                    .path(),
                    expected,
                    found,
                ))
            }
        }
    }

    /// Compares the partial tiles of the right edge and the root.
    async fn finish(mut self) -> Result<Progress, FsckError> {
        for (level, (index, hashes)) in (1_u8..).zip(std::mem::take(&mut self.levels)) {
            self.compare(level, index, &hashes).await?;
        }
        let (expected, found) = (self.range.root(), self.signed.root);
        if expected != found {
            let expected = format!("root {expected} at size {}", self.signed.size);
            return Err(inconsistent(
                "checkpoint".to_owned(),
                expected,
                format!("root {found}"),
            ));
        }
        Ok(self.progress)
    }

    /// Says which of bundle and tile is wrong where they differ: the one whose hash does not lead to the signed root.
    async fn blame(&self, index: u64, at: usize, hashes: &[Hash], served: &[Hash]) -> FsckError {
        let first = index.saturating_mul(TILE_WIDTH.into());
        let leaf = LeafIndex::new(first.saturating_add(u64::try_from(at).unwrap_or(u64::MAX)));
        let width = width_at(0, index, self.signed.size).unwrap_or(Width::FULL);
        let of_tile = self.leads_to_root(leaf, served.get(at)).await;
        let (expected, found) = describe(at, hashes, served);
        if of_tile {
            // `expected` speaks of what the entries say, which here is what is wrong.
            return inconsistent(Tile::Entries { index, width }.path(), found, expected);
        }
        inconsistent(
            Tile::Hash {
                level: 0,
                index,
                width,
            }
            .path(),
            expected,
            found,
        )
    }

    async fn leads_to_root(&self, leaf: Option<LeafIndex>, hash: Option<&Hash>) -> bool {
        let (Some(leaf), Some(hash)) = (leaf, hash) else {
            return false;
        };
        let proof = self.log.prove_inclusion(leaf, self.signed.size).await;
        proof.is_ok_and(|proof| proof.verify(hash, &self.signed.root).is_ok())
    }
}

/// The position of the first difference.
fn differing(ours: &[Hash], served: &[Hash]) -> Option<usize> {
    let same = ours.iter().zip(served).take_while(|(a, b)| a == b).count();
    (same < ours.len() || same < served.len()).then_some(same)
}

/// What two lists say at a position.
fn describe(at: usize, ours: &[Hash], served: &[Hash]) -> (String, String) {
    let say = |list: &[Hash]| {
        let hash = list
            .get(at)
            .map_or_else(|| "nothing".to_owned(), Hash::to_hex);
        format!("{hash} at position {at}")
    };
    (say(ours), say(served))
}

/// The root of a full tile.
fn root_of(hashes: &[Hash]) -> Hash {
    let mut range = CompactRange::new();
    for hash in hashes {
        range.append(*hash);
    }
    range.root()
}
