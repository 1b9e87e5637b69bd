//! A log in memory: as a server's service would do it, without durability, one tree, dialect rekor-v2.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use treering_api::log::{
    Dialect, Entry, EntryId, EntryStream, Log, LogInfo, LogName, Receipt, SignedCheckpoint,
    SignedInclusion, Submission, Submitted,
};
use treering_api::{Reject, RejectKind};
use treering_attest::VerifierMaterial;
use treering_rekor::v2;
use treering_tlog::checkpoint::{Checkpoint, Origin};
use treering_tlog::merkle::{self, ConsistencyProof, Growth};
use treering_tlog::{CompactRange, Hash, LeafIndex, TreeSize};

use crate::tile_server::{ORIGIN, checkpoint, signer};

pub(crate) const NAME: &str = "small";

#[derive(Default)]
pub(crate) struct FakeLog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    leaves: Vec<Bytes>,
    envelopes: HashMap<Hash, Bytes>,
    /// By leaf hash: index and envelope.
    known: HashMap<Hash, (LeafIndex, Hash)>,
    misbehaviour: Option<Misbehaviour>,
}

/// What a dishonest log does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misbehaviour {
    /// Signs trees of other leaves.
    Fork,
    /// Shows its first half only.
    Rollback,
    /// Gives receipts for the first leaf, whatever was submitted.
    OtherLeaf,
}

pub(crate) fn name() -> LogName {
    LogName::new(NAME).unwrap()
}

fn index(number: usize) -> LeafIndex {
    LeafIndex::new(u64::try_from(number).unwrap()).unwrap()
}

impl State {
    /// The leaves that the log claims to have.
    fn hashes(&self) -> Vec<Hash> {
        let mut hashes: Vec<Hash> = self.leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
        match self.misbehaviour {
            Some(Misbehaviour::Fork) => hashes
                .iter_mut()
                .take(1)
                .for_each(|hash| *hash = Hash::of(b"forked")),
            Some(Misbehaviour::Rollback) => hashes.truncate(hashes.len() / 2),
            _ => {}
        }
        hashes
    }

    fn growth(&self) -> Growth {
        Growth::new(&CompactRange::new(), self.hashes())
    }

    fn signed(&self) -> SignedCheckpoint {
        let growth = self.growth();
        let (size, root) = (growth.new_size(), growth.root());
        let note = checkpoint(size.get(), root);
        SignedCheckpoint {
            note,
            checkpoint: Checkpoint::new(Origin::new(ORIGIN).unwrap(), size, root),
        }
    }

    fn proof(&self, index: LeafIndex, size: Option<TreeSize>) -> Result<SignedInclusion, Reject> {
        let newest = self.signed();
        let size = size.unwrap_or(newest.checkpoint.size);
        let out = || {
            Reject::mismatch(
                RejectKind::OutOfRange,
                format!("a size from {index} to newest"),
                size.to_string(),
            )
        };
        if size > newest.checkpoint.size {
            return Err(out());
        }
        let inclusion = merkle::inclusion::prove(index, size, &self.growth()).map_err(|_| out())?;
        let checkpoint = if size == newest.checkpoint.size {
            newest.note
        } else {
            String::new()
        };
        Ok(SignedInclusion {
            inclusion,
            checkpoint,
        })
    }

    fn add(&mut self, leaf: &[u8], envelope: &Bytes) -> Result<Receipt, Reject> {
        let leaf_hash = Hash::leaf(leaf);
        let duplicate = self.known.contains_key(&leaf_hash);
        if !duplicate {
            let sha256 = Hash::of(envelope);
            self.known
                .insert(leaf_hash, (index(self.leaves.len()), sha256));
            self.leaves.push(Bytes::copy_from_slice(leaf));
            self.envelopes.insert(sha256, envelope.clone());
        }
        let mut leaf_hash = leaf_hash;
        if self.misbehaviour == Some(Misbehaviour::OtherLeaf) {
            leaf_hash = Hash::leaf(&self.leaves[0]);
        }
        let (index, sha256) = self.known[&leaf_hash];
        let proof = self.proof(index, None)?;
        let (envelope_sha256, integrated_time) = (Some(sha256), 1_700_000_000 + index.get());
        Ok(Receipt {
            log: name(),
            index,
            leaf_hash,
            envelope_sha256,
            integrated_time,
            duplicate,
            proof,
        })
    }

    fn read(&self, at: LeafIndex) -> Option<Entry> {
        let leaf = self.leaves.get(usize::try_from(at.get()).unwrap())?.clone();
        let (_, sha256) = self.known[&Hash::leaf(&leaf)];
        let (envelope_sha256, integrated_time) = (Some(sha256), 1_700_000_000 + at.get());
        Some(Entry {
            log: name(),
            index: at,
            leaf,
            envelope_sha256,
            integrated_time,
            proof: None,
        })
    }
}

impl FakeLog {
    pub(crate) fn misbehave(&self, how: Option<Misbehaviour>) {
        self.state.lock().unwrap().misbehaviour = how;
    }

    pub(crate) fn leaves(&self) -> Vec<Vec<u8>> {
        self.state
            .lock()
            .unwrap()
            .leaves
            .iter()
            .map(|leaf| leaf.to_vec())
            .collect()
    }

    fn check(&self, log: Option<&LogName>) -> Result<(), Reject> {
        match log {
            Some(log) if *log != name() => Err(Reject::mismatch(
                RejectKind::NotFound,
                "log small",
                log.to_string(),
            )),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Log for FakeLog {
    async fn submit(&self, log: Option<&LogName>, submission: Submission) -> Submitted {
        self.check(log)?;
        let unverified =
            |e: &dyn std::fmt::Display| Reject::new(RejectKind::Unverified, e.to_string());
        let keys = submission
            .verifiers
            .iter()
            .map(|key| VerifierMaterial::from_pem_or_der(key));
        let keys: Vec<_> = keys.collect::<Result<_, _>>().map_err(|e| unverified(&e))?;
        let requests = v2::requests_from_submission(&submission.envelope, &keys)
            .map_err(|e| unverified(&e))?;
        let mut state = self.state.lock().unwrap();
        let leaves = requests.iter().map(|request| request.canonical().unwrap());
        leaves
            .map(|canonical| state.add(canonical.leaf(), &submission.envelope))
            .collect()
    }

    async fn submit_batch(
        &self,
        log: Option<&LogName>,
        submissions: Vec<Submission>,
    ) -> Vec<Submitted> {
        let mut results = Vec::new();
        for submission in submissions {
            results.push(self.submit(log, submission).await);
        }
        results
    }

    async fn entry(
        &self,
        log: Option<&LogName>,
        id: EntryId,
        size: Option<TreeSize>,
    ) -> Result<Entry, Reject> {
        self.check(log)?;
        let state = self.state.lock().unwrap();
        let index = match id {
            EntryId::Index(index) => Some(index),
            EntryId::LeafHash(hash) => state.known.get(&hash).map(|(index, _)| *index),
        };
        let entry = index.and_then(|index| state.read(index));
        let entry = entry.ok_or_else(|| {
            Reject::mismatch(RejectKind::NotFound, format!("an entry {id}"), "none")
        })?;
        let proof = Some(state.proof(entry.index, size)?);
        Ok(Entry { proof, ..entry })
    }

    async fn consistency(
        &self,
        log: Option<&LogName>,
        from: TreeSize,
        to: Option<TreeSize>,
    ) -> Result<ConsistencyProof, Reject> {
        self.check(log)?;
        let growth = self.state.lock().unwrap().growth();
        let to = to.unwrap_or(growth.new_size());
        if to > growth.new_size() {
            return Err(Reject::mismatch(
                RejectKind::OutOfRange,
                format!("at most {}", growth.new_size()),
                to.to_string(),
            ));
        }
        merkle::consistency::prove(from, to, &growth)
            .map_err(|e| Reject::new(RejectKind::OutOfRange, e.to_string()))
    }

    async fn checkpoint(&self, log: Option<&LogName>) -> Result<SignedCheckpoint, Reject> {
        self.check(log)?;
        Ok(self.state.lock().unwrap().signed())
    }

    async fn wait(
        &self,
        log: Option<&LogName>,
        index: LeafIndex,
    ) -> Result<SignedCheckpoint, Reject> {
        let signed = self.checkpoint(log).await?;
        let covered = signed.checkpoint.size.contains(index);
        covered
            .then_some(signed)
            .ok_or_else(|| Reject::new(RejectKind::DeadlineExceeded, "waited 0 s"))
    }

    /// Ends with the newest entry, unlike a real one.
    async fn tail(&self, log: Option<&LogName>, from: LeafIndex) -> Result<EntryStream, Reject> {
        self.check(log)?;
        let state = self.state.lock().unwrap();
        let first = usize::try_from(from.get()).unwrap();
        let entries: Vec<_> = (first..state.leaves.len())
            .filter_map(|at| state.read(index(at)))
            .map(Ok)
            .collect();
        let end = Err(Reject::new(RejectKind::Unavailable, "the server stops"));
        Ok(Box::pin(stream::iter(entries.into_iter().chain([end]))))
    }

    async fn logs(&self) -> Result<Vec<LogInfo>, Reject> {
        let size = self.state.lock().unwrap().signed().checkpoint.size;
        let vkey = signer().verifier().to_string();
        let (origin, dialect) = (ORIGIN.to_owned(), Dialect::RekorV2);
        Ok(vec![LogInfo {
            name: name(),
            dialect,
            origin,
            vkey,
            frozen: false,
            size,
        }])
    }

    async fn envelope(&self, sha256: Hash) -> Result<Bytes, Reject> {
        let state = self.state.lock().unwrap();
        let envelope = state.envelopes.get(&sha256).cloned();
        envelope.ok_or_else(|| {
            Reject::mismatch(
                RejectKind::NotFound,
                format!("an envelope {sha256}"),
                "none",
            )
        })
    }
}
