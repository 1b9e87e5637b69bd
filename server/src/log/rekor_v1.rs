//! What a log of dialect rekor-v1 has beside its tree: a second key, the tree's number, and what these sign.

use std::sync::Arc;

use bytes::Bytes;
use treering_api::reject::{Reject, RejectKind};
use treering_rekor::v1::wire::LogEntryAnon;
use treering_rekor::v1::{LogKey, Tree, TreeId};
use treering_storage::Head;
use treering_tlog::Hash;

use super::SharedLog;
use super::commit::Published;
use super::recover::OpenError;
use crate::keys::KeyError;
use crate::keys::ecdsa::SecondKey;

/// Hashed before the key, so that a tree's number is no part of any other hash of the key.
const TREE_DOMAIN: &[u8] = b"treering rekor-v1 tree\n";

/// The second key of a log and what it is known by.
pub struct RekorV1 {
    key: SecondKey,
    log_key: LogKey,
    log_id: String,
    tree: Tree,
}

impl RekorV1 {
    /// Of a log with that origin (`HOST/logs/NAME`): its checkpoints of Rekor v1 name the host and the tree's number,
    /// which follows from the key.
    ///
    /// # Errors
    /// If the key is none for such a log, or the host's name cannot stand in a checkpoint.
    pub fn new(name: &str, origin: &str, key: SecondKey) -> Result<Self, OpenError> {
        let refused = |reason: String| OpenError::Key {
            name: name.to_owned(),
            reason,
        };
        let log_key = LogKey::from_spki_der(key.spki_der()).map_err(|e| refused(e.to_string()))?;
        let host = origin.split('/').next().unwrap_or(origin);
        let tree = Tree::new(&log_key, host, tree_id(key.spki_der()));
        Ok(Self {
            log_id: log_key.log_id(),
            tree: tree.map_err(|error| refused(error.to_string()))?,
            log_key,
            key,
        })
    }

    /// The tree.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// `logID`.
    #[must_use]
    pub fn log_id(&self) -> &str {
        &self.log_id
    }

    /// The public key.
    #[must_use]
    pub const fn log_key(&self) -> &LogKey {
        &self.log_key
    }

    /// The signed entry timestamp of an entry: another one each time, so what is handed out is kept.
    pub(crate) fn sign_timestamp(&self, entry: &LogEntryAnon) -> Result<Bytes, Reject> {
        let SecondKey::Signing(key) = &self.key else {
            return Err(Reject::new(
                RejectKind::Internal,
                "no timestamp of the entry is kept and the log's second key is gone; put the key back",
            ));
        };
        let signed = key.sign(&entry.timestamp_payload());
        signed.map(Bytes::from).map_err(|error| unsigned(&error))
    }

    fn sign_checkpoint(&self, published: &Published) -> Result<String, Reject> {
        match &self.key {
            SecondKey::Signing(key) => {
                let signed = &published.checkpoint;
                let sign = |text: &[u8]| key.sign(text);
                let note = self.tree.checkpoint(signed.size, signed.root, sign);
                note.map_err(|error| unsigned(&error))
            }
            // `check_retired` held it against the tree when the log was opened.
            SecondKey::Retired { checkpoint, .. } => Ok(checkpoint.clone()),
        }
    }

    /// Whether a log may be opened without its second key: it takes no entries, and the checkpoint that was kept is of
    /// its tree.
    ///
    /// # Errors
    /// What is to be put back.
    pub(crate) fn check_retired(
        &self,
        name: &str,
        frozen: bool,
        head: &Head,
    ) -> Result<(), OpenError> {
        let SecondKey::Retired { checkpoint, .. } = &self.key else {
            return Ok(());
        };
        let refused = |reason: String| OpenError::Key {
            name: name.to_owned(),
            reason,
        };
        if !frozen {
            let reason = "it takes entries and keys/NAME.ecdsa.pem is missing; put the key back";
            return Err(refused(reason.replace("NAME", name)));
        }
        let opened = self.tree.open(checkpoint);
        let opened = opened.map_err(|e| {
            refused(format!(
                "its final checkpoint: {e}; put back the right one, or keys/{name}.ecdsa.pem"
            ))
        })?;
        let found = opened.checkpoint();
        if (found.size, found.root) != (head.size, head.root) {
            return Err(refused(format!(
                "expected its final checkpoint to be of size {} and root {}, found {} and {}; put back keys/{name}.ecdsa.pem",
                head.size, head.root, found.size, found.root
            )));
        }
        Ok(())
    }
}

fn unsigned(error: &KeyError) -> Reject {
    tracing::error!(%error, "not signed");
    Reject::new(RejectKind::Internal, "the log cannot sign; ask again")
}

fn tree_id(spki: &[u8]) -> TreeId {
    let hash = Hash::of(&[TREE_DOMAIN, spki].concat());
    let first = hash.as_bytes().first_chunk::<8>();
    let number = i64::from_be_bytes(*first.expect("32 bytes begin with 8")) & i64::MAX;
    TreeId::new(number.max(1)).expect("it is above zero")
}

impl SharedLog {
    /// What makes it a log of Rekor v1; `None` for other dialects.
    #[must_use]
    pub fn rekor_v1(&self) -> Option<&Arc<RekorV1>> {
        self.rekor_v1.as_ref()
    }

    /// Rekor v1's checkpoint of a published tree, signed when it is first asked for.
    pub(crate) fn rekor_v1_note(
        &self,
        v1: &RekorV1,
        published: &Published,
    ) -> Result<String, Reject> {
        if let Some(note) = published.rekor_v1_note.get() {
            return Ok(note.clone());
        }
        let note = v1.sign_checkpoint(published)?;
        Ok(published.rekor_v1_note.get_or_init(|| note).clone())
    }
}
