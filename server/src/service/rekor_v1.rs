//! Rekor v1's operations over a chain of shards: the log that takes entries, and those that it followed.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use treering_api::log::{Dialect, LogName};
use treering_api::reject::{Reject, RejectKind};
use treering_rekor::v1::wire::{
    Attestation, InclusionProof, LogEntryAnon, Shard as ShardJson, Verification,
};
use treering_rekor::v1::{self, Entry, MAX_ATTESTATION, SearchIndex, TreeId};
use treering_tlog::merkle::{NodeId, Nodes};
use treering_tlog::tile::TILE_HEIGHT;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::content::Content;
use super::rekor_v1_search::too_many;
use super::submit::sequenced;
use super::{Service, read};
use crate::log::commit::Published;
use crate::log::rekor_v1::RekorV1;
use crate::log::{LogHandle, State, read_fault};

/// The most entries of one answer to a search.
pub const MAX_FOUND: usize = 100_000;

/// One log of a chain and where its indexes begin.
#[derive(Clone)]
pub struct Shard {
    /// The log.
    pub log: Arc<LogHandle>,
    /// What makes it one of Rekor v1.
    pub v1: Arc<RekorV1>,
    /// The index over all shards of its first entry: the sizes of the shards before it.
    pub offset: u64,
}

/// A chain of shards, oldest first. The last one takes the entries.
#[derive(Clone)]
pub struct Shards(Vec<Shard>);

/// An entry in its shard.
#[derive(Clone)]
pub struct Found {
    /// The shard.
    pub shard: Shard,
    /// The index in it.
    pub index: LeafIndex,
}

/// What became of a proposed entry.
pub enum LoggedV1 {
    /// It has an index now.
    New(v1::EntryId, Box<LogEntryAnon>),
    /// It had one before.
    Duplicate(v1::EntryId),
}

impl Shards {
    /// The shard that takes entries.
    #[must_use]
    pub fn active(&self) -> &Shard {
        self.0
            .last()
            .expect("a chain has the log that it was made for")
    }

    /// The others, oldest first.
    #[must_use]
    pub fn inactive(&self) -> &[Shard] {
        self.0.split_last().map_or(&[], |(_, before)| before)
    }

    /// The shard of a tree; without one the active.
    #[must_use]
    pub fn of_tree(&self, tree: Option<TreeId>) -> Option<&Shard> {
        match tree {
            None => Some(self.active()),
            Some(tree) => self.0.iter().find(|shard| shard.v1.tree().id() == tree),
        }
    }

    /// The entry at an index over all shards, if it is published.
    #[must_use]
    pub fn at(&self, index: u64) -> Option<Found> {
        let shard = self.0.iter().rev().find(|shard| shard.offset <= index)?;
        let local = LeafIndex::new(index - shard.offset)?;
        let size = shard.log.published().checkpoint.size;
        size.contains(local).then(|| Found {
            shard: shard.clone(),
            index: local,
        })
    }

    /// The entry with that leaf in a tree, or in whichever tree has it, the active one first. Blocks.
    ///
    /// # Errors
    /// Those of the store.
    pub fn find(&self, leaf: &Hash, tree: Option<TreeId>) -> Result<Option<Found>, Reject> {
        for shard in self.0.iter().rev() {
            if tree.is_some_and(|tree| tree != shard.v1.tree().id()) {
                continue;
            }
            if let Some(index) = shard.log.index_of(leaf)? {
                let size = shard.log.published().checkpoint.size;
                return Ok(size.contains(index).then(|| Found {
                    shard: shard.clone(),
                    index,
                }));
            }
        }
        Ok(None)
    }

    /// The ids of all entries that a search finds, oldest first. Blocks.
    ///
    /// # Errors
    /// `TooLarge` over [`MAX_FOUND`]; those of the store.
    pub fn search(&self, search: &SearchIndex) -> Result<Vec<v1::EntryId>, Reject> {
        self.search_within(search, MAX_FOUND)
    }

    /// As [`search`](Self::search), of at most `most` entries.
    ///
    /// # Errors
    /// As `search`.
    pub fn search_within(
        &self,
        search: &SearchIndex,
        most: usize,
    ) -> Result<Vec<v1::EntryId>, Reject> {
        let mut ids = Vec::new();
        for shard in &self.0 {
            let published = shard.log.published();
            let found = shard.matches(search, &published, most)?;
            if ids.len() + found.len() > most {
                return Err(too_many(most));
            }
            shard.add_ids(&found, &published, &mut ids)?;
        }
        Ok(ids)
    }
}

impl Shard {
    /// Its state, and the checkpoint that says so.
    ///
    /// # Errors
    /// `Internal` if it cannot be signed.
    pub fn state(&self) -> Result<ShardJson, Reject> {
        let published = self.log.published();
        let (size, root) = (published.checkpoint.size.get(), published.checkpoint.root);
        let note = self.log.rekor_v1_note(&self.v1, &published)?;
        Ok(ShardJson::new(self.v1.tree().id(), size, &root, note))
    }

    /// The ids of entries, of which a tile of the tree has up to 256: a search may find very many, and reading the entries
    /// themselves would cost as many reads.
    fn add_ids(
        &self,
        indexes: &BTreeSet<LeafIndex>,
        published: &Published,
        ids: &mut Vec<v1::EntryId>,
    ) -> Result<(), Reject> {
        let nodes = || self.log.tree_of(published);
        let mut tile = (0, nodes());
        for index in indexes {
            let number = index.get() >> TILE_HEIGHT;
            if tile.0 != number {
                tile = (number, nodes());
            }
            let leaf = NodeId {
                level: 0,
                index: index.get(),
            };
            let leaf = tile.1.node(leaf);
            let leaf = leaf.map_err(|error| read_fault(self.log.name(), &error))?;
            ids.push(self.id_of(leaf));
        }
        Ok(())
    }

    fn id_of(&self, leaf: Hash) -> v1::EntryId {
        v1::EntryId {
            tree: self.v1.tree().id(),
            leaf,
        }
    }
}

impl Found {
    /// The entry with all that proves it. Blocks.
    ///
    /// # Errors
    /// Those of the store.
    pub fn read(&self) -> Result<(v1::EntryId, LogEntryAnon), Reject> {
        let (shard, published) = (&self.shard, self.shard.log.published());
        let entry = shard.log.read_at(self.index, &published)?;
        let size = published.checkpoint.size;
        let proof = shard.log.prove_in(self.index, size, &published)?;
        let time = i64::try_from(entry.integrated_time).unwrap_or(i64::MAX);
        let mut anon = self.anon(&entry.leaf, time);
        anon.verification = Some(Verification {
            inclusion_proof: inclusion_json(shard, &published, &proof.inclusion)?,
            signed_entry_timestamp: self.timestamp(&anon)?,
        });
        anon.attestation = self.attestation(&entry.leaf, entry.envelope_sha256)?;
        Ok((shard.id_of(Hash::leaf(&entry.leaf)), anon))
    }

    fn anon(&self, leaf: &[u8], integrated_time: i64) -> LogEntryAnon {
        let log_id = self.shard.v1.log_id().to_owned();
        let index = self.shard.offset + self.index.get();
        LogEntryAnon::new(leaf, integrated_time, log_id, index)
    }

    /// The signed entry timestamp that was handed out first, in base64; made and kept if there is none.
    fn timestamp(&self, entry: &LogEntryAnon) -> Result<String, Reject> {
        use base64::Engine as _;
        let log = &self.shard.log;
        let fault = |error| read_fault(log.name(), &error);
        let kept = log.store.timestamps(log.identity.id, self.index, 1);
        let kept = kept.map_err(fault)?.into_iter().next().flatten();
        let timestamp = match kept {
            Some(kept) => kept,
            None => {
                let signed = self.shard.v1.sign_timestamp(entry)?;
                let offered = [(self.index, signed.clone())];
                // It is a cache: what cannot be kept is made again.
                let kept = log.store.keep_timestamps(log.identity.id, &offered);
                kept.map_or(signed, |kept| kept.into_iter().next().unwrap_or_default())
            }
        };
        Ok(base64::engine::general_purpose::STANDARD.encode(timestamp))
    }

    /// Signs the entry's timestamp and keeps it, unless another one is kept. Blocks.
    pub(super) fn keep_timestamp(&self) -> Result<(), Reject> {
        let (log, published) = (&self.shard.log, self.shard.log.published());
        let entry = log.read_at(self.index, &published)?;
        let time = i64::try_from(entry.integrated_time).unwrap_or(i64::MAX);
        let signed = self
            .shard
            .v1
            .sign_timestamp(&self.anon(&entry.leaf, time))?;
        let kept = log
            .store
            .keep_timestamps(log.identity.id, &[(self.index, signed)]);
        kept.map_err(|error| read_fault(log.name(), &error))
            .map(drop)
    }

    /// `attestation.data`: of intoto and cose entries, up to Rekor v1's own limit.
    fn attestation(
        &self,
        leaf: &[u8],
        envelope: Option<Hash>,
    ) -> Result<Option<Attestation>, Reject> {
        let Ok(entry) = Entry::parse(leaf) else {
            return Ok(None);
        };
        // Others keep none; so what is kept with them need not be read.
        let (Some(sha256), "intoto" | "cose") = (envelope, entry.kind()) else {
            return Ok(None);
        };
        let store = &self.shard.log.store;
        let envelope = store.envelope(sha256);
        let envelope = envelope.map_err(|error| read_fault(self.shard.log.name(), &error))?;
        let payload = envelope.and_then(|bytes| v1::attestation(&entry, &bytes, MAX_ATTESTATION));
        Ok(payload.map(|payload| Attestation::new(&payload)))
    }
}

fn inclusion_json(
    shard: &Shard,
    published: &Published,
    proof: &treering_tlog::merkle::InclusionProof,
) -> Result<InclusionProof, Reject> {
    Ok(InclusionProof {
        checkpoint: shard.log.rekor_v1_note(&shard.v1, published)?,
        hashes: proof.hashes.iter().map(Hash::to_hex).collect(),
        log_index: proof.index.get(),
        root_hash: published.checkpoint.root.to_hex(),
        tree_size: proof.size.get(),
    })
}

impl Service {
    /// The chain of shards that ends with a log.
    ///
    /// # Errors
    /// `Unsupported` for a log of another dialect.
    pub fn shards(&self, last: &Arc<LogHandle>) -> Result<Shards, Reject> {
        let logs = self.handles();
        let mut chain = vec![Arc::clone(last)];
        while let Some(newest) = chain.last()
            && let Some(before) = predecessor(&logs, newest.dialect(), newest.name())
            && !chain.iter().any(|log| Arc::ptr_eq(log, before))
        {
            chain.push(Arc::clone(before));
        }
        let mut offset = 0;
        let mut shards = Vec::with_capacity(chain.len());
        for log in chain.into_iter().rev() {
            let v1 = Arc::clone(log.rekor_v1().ok_or_else(|| {
                Reject::mismatch(
                    RejectKind::Unsupported,
                    "a log of dialect rekor-v1",
                    format!("log {} of dialect {}", log.name(), log.dialect()),
                )
            })?);
            let size = log.published().checkpoint.size.get();
            shards.push(Shard { log, v1, offset });
            offset += size;
        }
        Ok(Shards(shards))
    }

    /// Logs a proposed entry. Answers when a signed checkpoint covers it.
    ///
    /// # Errors
    /// As for a submission.
    pub async fn log_rekor_v1(&self, shards: &Shards, body: Bytes) -> Result<LoggedV1, Reject> {
        let shard = shards.active().clone();
        let answer = self.admit(&shard.log, Content::RekorV1(body))?;
        let sequenced = sequenced(answer).await?;
        let no_proof = || Reject::new(RejectKind::Internal, "no proof for a new entry");
        let placed = sequenced.placed.into_iter().next().ok_or_else(no_proof)?;
        let id = shard.id_of(placed.leaf_hash);
        if placed.duplicate {
            return Ok(LoggedV1::Duplicate(id));
        }
        let published = sequenced.published;
        let growth = published.growth.as_ref();
        let proof = growth.and_then(|growth| growth.prove(placed.index));
        let proof = proof.ok_or_else(no_proof)?;
        let found = Found {
            shard,
            index: placed.index,
        };
        read::blocking(move || {
            let time = i64::try_from(published.integrated_time).unwrap_or(i64::MAX);
            let mut anon = found.anon(&placed.leaf, time);
            anon.verification = Some(Verification {
                inclusion_proof: inclusion_json(&found.shard, &published, &proof)?,
                signed_entry_timestamp: found.timestamp(&anon)?,
            });
            Ok(LoggedV1::New(id, Box::new(anon)))
        })
        .await
    }

    /// The hashes between two sizes of a shard, and the root of its current tree.
    ///
    /// # Errors
    /// `OutOfRange` beyond the current size; those of the store.
    pub async fn prove_rekor_v1(
        &self,
        shard: &Shard,
        first: u64,
        last: u64,
    ) -> Result<v1::wire::ConsistencyProof, Reject> {
        let log = Arc::clone(&shard.log);
        let size = |size: u64| {
            TreeSize::new(size).ok_or_else(|| {
                Reject::mismatch(
                    RejectKind::OutOfRange,
                    "a size below 2^63",
                    size.to_string(),
                )
            })
        };
        let (first, last) = (size(first)?, size(last)?);
        read::blocking(move || {
            let proof = log.prove_consistency(first, Some(last))?;
            Ok(v1::wire::ConsistencyProof {
                hashes: proof.hashes.iter().map(Hash::to_hex).collect(),
                root_hash: log.published().checkpoint.root.to_hex(),
            })
        })
        .await
    }
}

/// The log that a log followed: frozen, with it as the successor.
pub(super) fn predecessor<'a>(
    logs: &'a [Arc<LogHandle>],
    dialect: Dialect,
    name: &LogName,
) -> Option<&'a Arc<LogHandle>> {
    logs.iter().find(|before| {
        before.dialect() == dialect
            && matches!(&*before.state(), State::Frozen { successor: Some(next), .. } if next == name.as_str())
    })
}

impl LogHandle {
    /// The index of a leaf, or that there is none. Blocks.
    pub(super) fn index_of(&self, leaf: &Hash) -> Result<Option<LeafIndex>, Reject> {
        match self.find(leaf) {
            Ok(index) => Ok(Some(index)),
            Err(reject) if reject.kind == RejectKind::NotFound => Ok(None),
            Err(reject) => Err(reject),
        }
    }
}
