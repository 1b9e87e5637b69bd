//! `trait Log`: what a log does, whatever the door. The server's service and the client's `Remote` both implement it.

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use treering_tlog::checkpoint::Checkpoint;
use treering_tlog::merkle::{ConsistencyProof, InclusionProof};
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::reject::Reject;

/// The name of a log on its server: 1 to 64 of `a-z`, `0-9`, `-`, `.` and `_`, starting with a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName(String);

impl LogName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Takes a name that keeps the rules above.
    ///
    /// # Errors
    /// `Malformed`, which says what was expected and found.
    pub fn new(name: &str) -> Result<Self, Reject> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = (1..=Self::MAX_LEN).contains(&name.len())
            && name.starts_with(plain)
            && name.chars().all(|c| plain(c) || "-._".contains(c));
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            let found: String = name.chars().take(Self::MAX_LEN + 1).collect();
            Err(Reject::malformed(
                "a log name of 1 to 64 characters a-z, 0-9, '-', '.' or '_', starting with a letter or digit",
                format!("{found:?}"),
            ))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for LogName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What decides the bytes of a log's leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Rekor v1 canonical bodies.
    RekorV1,
    /// Rekor v2 canonical bodies (`hashedrekord 0.0.2`).
    RekorV2,
}

impl Dialect {
    /// `rekor-v1` or `rekor-v2`, as configuration and API write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RekorV1 => "rekor-v1",
            Self::RekorV2 => "rekor-v2",
        }
    }

    /// The reverse of [`Dialect::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::RekorV1, Self::RekorV2]
            .into_iter()
            .find(|dialect| dialect.as_str() == text)
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing to be logged: the signed bytes as they are, and the keys that they do not carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// A DSSE envelope or a Sigstore bundle, kept byte for byte.
    pub envelope: Bytes,
    /// Public keys or certificates (PEM or DER) to verify the signatures with, beside those in the envelope.
    pub verifiers: Vec<Bytes>,
}

/// What the answer to a submission waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// A checkpoint that the log signed.
    #[default]
    Published,
    /// A checkpoint that a quorum of the log's witnesses cosigned, too.
    Cosigned,
}

impl Wait {
    /// The word for [`Wait::Cosigned`].
    const COSIGNED: &str = "cosigned";

    /// As requests say it: nothing, or `cosigned`.
    ///
    /// # Errors
    /// `Malformed` for another word.
    pub fn parse(word: Option<&str>) -> Result<Self, Reject> {
        match word {
            None => Ok(Self::Published),
            Some(Self::COSIGNED) => Ok(Self::Cosigned),
            Some(other) => {
                let found: String = other.chars().take(80).collect();
                Err(Reject::malformed(
                    "wait to be \"cosigned\"",
                    format!("{found:?}"),
                ))
            }
        }
    }
}

/// What the submitter of an entry gets, and everybody who submits the same entry later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The log that holds the entry.
    pub log: LogName,
    /// The entry's index in that log.
    pub index: LeafIndex,
    /// `SHA-256(0x00 || leaf)`.
    pub leaf_hash: Hash,
    /// The address of the envelope that was kept with the entry when it was first logged, if one was.
    pub envelope_sha256: Option<Hash>,
    /// When the entry was sequenced, in seconds since the Unix epoch; never goes back within a log.
    pub integrated_time: u64,
    /// The entry was in the log before: index and time are the first ones, the proof may be of a newer size.
    pub duplicate: bool,
    /// The entry's inclusion in the tree of the checkpoint.
    pub proof: SignedInclusion,
}

/// An inclusion proof together with the signed checkpoint it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedInclusion {
    /// Index, size and hashes.
    pub inclusion: InclusionProof,
    /// The signed note whose size is the proof's size. For an older size than the newest
    /// checkpoint this is empty: the log signs no old tree anew.
    pub checkpoint: String,
}

/// An entry as it is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The log that holds it.
    pub log: LogName,
    /// The index in that log.
    pub index: LeafIndex,
    /// The bytes that the tree hashes.
    pub leaf: Bytes,
    /// The address of the envelope kept with it, if one was.
    pub envelope_sha256: Option<Hash>,
    /// See [`Receipt::integrated_time`].
    pub integrated_time: u64,
    /// Present where the operation gives proofs (not in a tail).
    pub proof: Option<SignedInclusion>,
}

/// How an entry is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryId {
    /// By its position.
    Index(LeafIndex),
    /// By `SHA-256(0x00 || leaf)`.
    LeafHash(Hash),
}

/// A log of a server as its list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogInfo {
    /// Its name.
    pub name: LogName,
    /// The dialect of its leaves.
    pub dialect: Dialect,
    /// The first line of its checkpoints.
    pub origin: String,
    /// Its checkpoint key in C2SP's vkey form.
    pub vkey: String,
    /// It takes no new entries any more.
    pub frozen: bool,
    /// The size of its newest published checkpoint.
    pub size: TreeSize,
}

/// The newest signed checkpoint of a log, as text and as what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The signed note.
    pub note: String,
    /// Its content. The server made it; whoever got it over a wire has still to check the signature.
    pub checkpoint: Checkpoint,
}

/// The entries of a log in order, without an end until the server stops or the reader goes away.
pub type EntryStream = Pin<Box<dyn Stream<Item = Result<Entry, Reject>> + Send>>;

/// One result of a submission: a receipt for each entry that the envelope became, in the order of its signatures.
pub type Submitted = Result<Vec<Receipt>, Reject>;

/// The operations of a log server. `log` names the log; without it the server's default is meant
/// (the newest active log of dialect rekor-v1, else of rekor-v2).
#[async_trait]
pub trait Log: Send + Sync {
    /// Logs one envelope and answers when its entries are durable, included and signed.
    ///
    /// # Errors
    /// A [`Reject`] whose kind says who must act. After `Unavailable` the entry may be in the log; asking again is safe.
    async fn submit(&self, log: Option<&LogName>, submission: Submission) -> Submitted;

    /// Logs several envelopes; one result each, in order. One refusal does not touch the others.
    async fn submit_batch(
        &self,
        log: Option<&LogName>,
        submissions: Vec<Submission>,
    ) -> Vec<Submitted>;

    /// An entry with its inclusion proof in the tree of `size`, or of the newest checkpoint.
    ///
    /// # Errors
    /// `NotFound` if there is no such entry under the newest checkpoint, `OutOfRange` if `size` is beyond it or does not hold the entry.
    async fn entry(
        &self,
        log: Option<&LogName>,
        id: EntryId,
        size: Option<TreeSize>,
    ) -> Result<Entry, Reject>;

    /// The proof that the tree of `to` (by default the newest) is an extension of that of `from`.
    ///
    /// # Errors
    /// `OutOfRange` if a size is beyond the newest checkpoint or `from` exceeds `to`.
    async fn consistency(
        &self,
        log: Option<&LogName>,
        from: TreeSize,
        to: Option<TreeSize>,
    ) -> Result<ConsistencyProof, Reject>;

    /// The newest published checkpoint.
    ///
    /// # Errors
    /// `NotFound` for an unknown log.
    async fn checkpoint(&self, log: Option<&LogName>) -> Result<SignedCheckpoint, Reject>;

    /// Waits until a published checkpoint covers `index`, and answers with it.
    ///
    /// # Errors
    /// `DeadlineExceeded` when the server's limit for waiting is reached first.
    async fn wait(
        &self,
        log: Option<&LogName>,
        index: LeafIndex,
    ) -> Result<SignedCheckpoint, Reject>;

    /// The entries from `from` on, each as soon as a signed checkpoint covers it.
    ///
    /// # Errors
    /// `NotFound` for an unknown log.
    async fn tail(&self, log: Option<&LogName>, from: LeafIndex) -> Result<EntryStream, Reject>;

    /// The server's logs in the order they were added.
    ///
    /// # Errors
    /// Only what a transport brings.
    async fn logs(&self) -> Result<Vec<LogInfo>, Reject>;

    /// The bytes of a kept envelope.
    ///
    /// # Errors
    /// `NotFound` if none of that hash is kept.
    async fn envelope(&self, sha256: Hash) -> Result<Bytes, Reject>;
}
