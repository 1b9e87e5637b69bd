//! Rekor v1's API, of any server that has it: what must be known of the log, `submit` and `read`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use treering_attest::PublicKey;
use treering_rekor::v1::wire::LogInfo;
use treering_rekor::v1::{LogKey, Tree, TreeId};
use treering_tlog::Checkpoint;

use crate::args::Usage;
use crate::check;
use crate::connection::Target;

pub(crate) mod read;
pub(crate) mod submit;

/// The active tree of a log, as its server describes it.
#[derive(Debug)]
pub(crate) struct V1Log {
    /// Signs timestamps and checkpoints.
    pub(crate) key: LogKey,
    /// The key with the origin that it signs as.
    pub(crate) note_key: check::LogKey,
    /// The number in front of entry ids.
    pub(crate) tree: TreeId,
    /// The index over all trees of the first entry in this one.
    pub(crate) offset: u64,
    /// The tree as it was.
    pub(crate) checkpoint: Checkpoint,
}

impl V1Log {
    /// Asks the server for its state, and for its key where no file gives it.
    ///
    /// # Errors
    /// [`Usage`] if the file has no ECDSA P-256 key; no answer, or one that makes no sense or is not signed with the key.
    pub(crate) async fn fetch(
        target: &Target,
        key: Option<&Path>,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let key = match key {
            Some(path) => read_key(path).map_err(Usage)?,
            None => {
                let pem = target.get("/api/v1/log/publicKey", timeout).await?;
                log_key(&pem).context("GET /api/v1/log/publicKey")?
            }
        };
        let info = target.get("/api/v1/log", timeout).await?;
        Self::new(key, &info).context("GET /api/v1/log")
    }

    /// The log of that key whose state the server says is `info`.
    ///
    /// # Errors
    /// It makes no sense, or is not signed with the key.
    pub(crate) fn new(key: LogKey, info: &[u8]) -> anyhow::Result<Self> {
        let info: LogInfo = serde_json::from_slice(info).context("not the state of a log")?;
        let active = info.active;
        let note = &active.signed_tree_head;
        let host = note
            .lines()
            .next()
            .and_then(|origin| origin.strip_suffix(&format!(" - {}", active.tree_id)))
            .with_context(|| {
                format!(
                    "expected an origin that ends with tree {}, found checkpoint {note:?}",
                    active.tree_id
                )
            })?;
        let id = active.tree_id.parse().ok().and_then(TreeId::new);
        let id =
            id.with_context(|| format!("expected the id of a tree, found {}", active.tree_id))?;
        let tree = Tree::new(&key, host, id)?;
        let note_key = check::LogKey::of_tree(&tree);
        let checkpoint = note_key.open(note)?;
        let (size, root) = (checkpoint.size.get(), checkpoint.root.to_hex());
        ensure!(
            (size, &root) == (active.tree_size, &active.root_hash),
            "expected size {size} and root {root}, found {} and {}",
            active.tree_size,
            active.root_hash
        );
        Ok(Self {
            key,
            note_key,
            tree: id,
            offset: info
                .inactive_shards
                .iter()
                .map(|shard| shard.tree_size)
                .sum(),
            checkpoint,
        })
    }
}

fn read_key(path: &Path) -> anyhow::Result<LogKey> {
    let context = || format!("--log-key {}", path.display());
    log_key(&std::fs::read(path).with_context(context)?).with_context(context)
}

fn log_key(pem: &[u8]) -> anyhow::Result<LogKey> {
    let key = PublicKey::from_pem_or_der(pem)?;
    Ok(LogKey::from_spki_der(key.spki_der())?)
}
