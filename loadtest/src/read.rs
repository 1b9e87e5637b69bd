//! `tiles`: reads full tiles and entry bundles of a log by HTTP, as monitors and mirrors do, in an order that the seed
//! decides. Works with any server of tlog-tiles, also one of plain files.

use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use tokio::runtime::Runtime;
use treering_tlog::checkpoint::{Checkpoint, open};
use treering_tlog::entry_bundle::EntryBundle;
use treering_tlog::merkle::{ProveError, inclusion};
use treering_tlog::note::{SignedNote, VerifierKey};
use treering_tlog::tile::{
    HashTile, TILE_HEIGHT, TILE_WIDTH, Tile, TileNodes, TileNodesError, Width,
};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::args::TileKind;
use crate::check::{Answer, Sample, Sampler, Verdict, scramble};
use crate::connection::Target;
use crate::drive::Exchange;
use crate::histogram::Outcome;
use crate::submit::refusal;

/// The full tiles of a tree.
#[derive(Clone, Debug)]
pub(crate) struct FullTiles {
    seed: u64,
    kind: TileKind,
    /// Full tiles by level, from 0; a level without any ends the list.
    hash_tiles: Vec<u64>,
}

impl FullTiles {
    /// # Errors
    /// The tree is too small to have one.
    pub(crate) fn new(size: TreeSize, kind: TileKind, seed: u64) -> anyhow::Result<Self> {
        let full_at = |level: &u64| {
            size.get()
                .checked_shr(u32::try_from((level + 1) * u64::from(TILE_HEIGHT)).ok()?)
        };
        let hash_tiles: Vec<u64> = (0..)
            .map_while(|level| full_at(&level).filter(|&count| count > 0))
            .collect();
        ensure!(
            !hash_tiles.is_empty(),
            "expected a tree of at least {TILE_WIDTH} entries, found {size}"
        );
        Ok(Self {
            seed,
            kind,
            hash_tiles,
        })
    }

    /// The tile that a slot reads.
    pub(crate) fn pick(&self, number: u64) -> Tile {
        let chance = scramble(self.seed ^ scramble(number));
        let bundle = match self.kind {
            TileKind::Both => number % 2 == 1,
            TileKind::Hashes => false,
            TileKind::Entries => true,
        };
        if bundle {
            return Tile::Entries {
                index: chance % self.hash_tiles[0],
                width: Width::FULL,
            };
        }
        let mut index = chance % self.hash_tiles.iter().sum::<u64>();
        for (level, &count) in (0..).zip(&self.hash_tiles) {
            if index < count {
                return Tile::Hash {
                    level,
                    index,
                    width: Width::FULL,
                };
            }
            index -= count;
        }
        unreachable!("the index is below the sum of the counts")
    }
}

/// The reads.
#[derive(Debug)]
pub(crate) struct Tiles {
    tiles: FullTiles,
    target: Target,
    sampler: Sampler,
}

impl Tiles {
    pub(crate) const fn new(tiles: FullTiles, target: Target, sampler: Sampler) -> Self {
        Self {
            tiles,
            target,
            sampler,
        }
    }
}

impl Exchange for Tiles {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        let path = format!("/{}", self.tiles.pick(number).path());
        let uri = self
            .target
            .uri(&path)
            .unwrap_or_else(|_| Uri::from_static("/"));
        self.target.request(Method::GET, uri, Bytes::new())
    }

    fn read(&self, number: u64, status: StatusCode, body: Bytes) -> Outcome {
        let bytes = body.len() as u64;
        if status != StatusCode::OK {
            return Outcome {
                bytes,
                ..Outcome::failed(refusal(status, &body), 1)
            };
        }
        let sample = self.sampler.picks(number).then_some(Sample {
            first: number,
            answer: Answer::Read(body),
        });
        Outcome {
            fresh: 1,
            bytes,
            sample,
            ..Outcome::default()
        }
    }

    fn entries(&self, _number: u64) -> u64 {
        1
    }
}

/// The checkpoint of a log; its signature is verified if a key is given.
///
/// # Errors
/// No answer, no checkpoint, or a wrong signature.
pub(crate) async fn fetch_checkpoint(
    target: &Target,
    vkey: Option<&str>,
    timeout: Duration,
) -> anyhow::Result<Checkpoint> {
    let note = target.get("/checkpoint", timeout).await?;
    match vkey {
        Some(vkey) => {
            let key = VerifierKey::parse(vkey).context("--vkey")?;
            Ok(open(&note, &key)
                .context("GET /checkpoint")?
                .checkpoint()
                .clone())
        }
        None => Ok(Checkpoint::parse(
            SignedNote::parse(&note).context("GET /checkpoint")?.text(),
        )?),
    }
}

/// Verifies sampled tiles against the root of the checkpoint, fetching the further tiles that this takes.
#[derive(Debug)]
pub(crate) struct TileChecker<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) target: &'a Target,
    pub(crate) tiles: &'a FullTiles,
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) timeout: Duration,
}

impl TileChecker<'_> {
    /// Verifies all of them.
    pub(crate) fn check(&self, samples: Vec<Sample>) -> Verdict {
        let mut verdict = Verdict::default();
        for Sample { first, answer } in samples {
            let Answer::Read(body) = answer else { continue };
            let tile = self.tiles.pick(first);
            verdict.add(&tile.path(), self.tile(&tile, &body));
        }
        verdict
    }

    fn tile(&self, tile: &Tile, body: &[u8]) -> anyhow::Result<()> {
        match *tile {
            Tile::Hash {
                level,
                index,
                width,
            } => {
                let hashes = HashTile::parse(body, width)?;
                // The way from the first leaf below the tile to the root passes all hashes of the tile.
                let leaf = index << (u32::from(level + 1) * u32::from(TILE_HEIGHT));
                self.prove(leaf, None, Some((level, index, &hashes)))
            }
            Tile::Entries { index, width } => {
                let hashes = EntryBundle::parse(body, width)?
                    .leaves()
                    .map(Hash::leaf)
                    .collect();
                let hashes = HashTile::new(hashes)?;
                let leaf = index << TILE_HEIGHT;
                self.prove(
                    leaf,
                    hashes.hashes().first().copied(),
                    Some((0, index, &hashes)),
                )
            }
        }
    }

    /// Proves a leaf by tiles, of which one is given and the others are fetched.
    fn prove(
        &self,
        leaf: u64,
        leaf_hash: Option<Hash>,
        given: Option<(u8, u64, &HashTile)>,
    ) -> anyhow::Result<()> {
        let fetch = |level: u8, index: u64, width: Width| -> anyhow::Result<HashTile> {
            match given {
                Some((at, number, hashes)) if (at, number) == (level, index) => Ok(hashes.clone()),
                _ => self.fetch(level, index, width),
            }
        };
        let leaf = LeafIndex::new(leaf).context("no such leaf")?;
        let leaf_hash = match leaf_hash {
            Some(hash) => hash,
            None => self.leaf_hash(leaf, &fetch)?,
        };
        let nodes = TileNodes::new(self.checkpoint.size, fetch);
        let proof = inclusion::prove(leaf, self.checkpoint.size, &nodes).map_err(plain)?;
        proof
            .verify(&leaf_hash, &self.checkpoint.root)
            .context("the tile does not lead to the checkpoint's root")
    }

    fn leaf_hash(
        &self,
        leaf: LeafIndex,
        fetch: &impl Fn(u8, u64, Width) -> anyhow::Result<HashTile>,
    ) -> anyhow::Result<Hash> {
        let tile = fetch(0, leaf.get() >> TILE_HEIGHT, Width::FULL)?;
        tile.hashes().first().copied().context("an empty tile")
    }

    fn fetch(&self, level: u8, index: u64, width: Width) -> anyhow::Result<HashTile> {
        let path = format!(
            "/{}",
            Tile::Hash {
                level,
                index,
                width
            }
            .path()
        );
        let bytes = self
            .runtime
            .block_on(self.target.get(&path, self.timeout))?;
        Ok(HashTile::parse(&bytes, width)?)
    }
}

/// The cause, where fetching failed; else what is wrong with the tiles.
fn plain(error: ProveError<TileNodesError<anyhow::Error>>) -> anyhow::Error {
    match error {
        ProveError::Nodes(TileNodesError::Fetch(cause)) => cause,
        ProveError::Nodes(error) => anyhow!("{error}"),
        error => anyhow!("{error}"),
    }
}
