//! What answers are verified against: the log's name and key.

use std::time::Duration;

use anyhow::{Context, bail};
use treering_api::json::LogsJson;
use treering_api::log::{Dialect, LogInfo, LogName};
use treering_rekor::v1::Tree;
use treering_tlog::checkpoint::{Checkpoint, Origin, open_of};
use treering_tlog::note::VerifierKey;

use crate::connection::Target;

/// Who signs a log's checkpoints, and what their first line is.
#[derive(Clone, Debug)]
pub(crate) struct LogKey {
    origin: Origin,
    key: VerifierKey,
}

impl LogKey {
    /// The key of a log whose origin is the key's name, as that of a Rekor v2 is.
    ///
    /// # Errors
    /// Not a key, or its name cannot be an origin.
    pub(crate) fn parse(vkey: &str) -> anyhow::Result<Self> {
        let key = VerifierKey::parse(vkey)?;
        let origin = Origin::new(key.name().as_str())?;
        Ok(Self { origin, key })
    }

    /// That of one tree of a Rekor v1.
    pub(crate) fn of_tree(tree: &Tree) -> Self {
        Self {
            origin: tree.origin().clone(),
            key: tree.verifier().clone(),
        }
    }

    /// The checkpoint of a note of this log.
    ///
    /// # Errors
    /// Malformed, of another origin, or not signed with the key.
    pub(crate) fn open(&self, note: &str) -> anyhow::Result<Checkpoint> {
        let opened = open_of(note.as_bytes(), &self.origin, &self.key).context("checkpoint")?;
        Ok(opened.checkpoint().clone())
    }

    /// The log's id in the answers of a Rekor v2.
    pub(super) fn id(&self) -> [u8; 32] {
        self.key.full_id()
    }
}

/// A log as its server describes it.
#[derive(Clone, Debug)]
pub(crate) struct LogFacts {
    pub(crate) name: LogName,
    pub(crate) dialect: Dialect,
    pub(crate) key: LogKey,
}

impl LogFacts {
    /// Asks the server for its logs and takes the named one, else the server's default.
    ///
    /// # Errors
    /// No answer, no such log, or a description that makes no sense.
    pub(crate) async fn fetch(
        target: &Target,
        name: Option<&str>,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let body = target.get("/v1/logs", timeout).await?;
        let logs: LogsJson =
            serde_json::from_slice(&body).context("GET /v1/logs: not a list of logs")?;
        Self::choose(logs.into(), name)
    }

    fn choose(logs: Vec<LogInfo>, name: Option<&str>) -> anyhow::Result<Self> {
        let newest = |dialect| {
            logs.iter()
                .rev()
                .find(|log| !log.frozen && log.dialect == dialect)
        };
        let chosen = match name {
            Some(name) => logs.iter().find(|log| log.name.as_str() == name),
            None => newest(Dialect::RekorV1).or_else(|| newest(Dialect::RekorV2)),
        };
        let Some(log) = chosen else {
            bail!(
                "expected {} on the server, found {} others",
                name.unwrap_or("an active log"),
                logs.len()
            )
        };
        Ok(Self {
            name: log.name.clone(),
            dialect: log.dialect,
            key: LogKey {
                origin: Origin::new(log.origin.as_str()).context("the log's origin")?,
                key: VerifierKey::parse(&log.vkey).context("the log's vkey")?,
            },
        })
    }
}
