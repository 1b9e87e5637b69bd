//! Rekor v1 by its API: there are no tiles, so only the tail is followed, and what was before on demand.
//!
//! The left siblings in the inclusion proof of entry `c` are the right edge of the tree of the first `c` entries. With
//! them the tree is rebuilt entry by entry up to a signed root: nothing that the API says about a proof is believed.
//! A shard that is no longer active is read to its end before its successor is begun.

mod api;
mod shard;

use std::sync::Arc;

use async_trait::async_trait;
use treering_client::LogKey;
use treering_rekor::v1::wire::Shard as ShardInfo;
use treering_tlog::checkpoint::{self, CheckpointError, Opened};
use treering_tlog::note::{SignedNote, VerifierKey};

use super::{Follow, Pass, Reach, Round, Shared};
use crate::evidence::{Seen, recorded};
use crate::findings::{Finding, Kind};
use crate::source::Fetcher;
use crate::state::{LogKind, LogRow, NewLog, StateError};

use api::Api;
use shard::{Position, Shard};

/// Why a log can't be followed by its API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a key of the log at {url}, found none")]
pub struct RekorV1Error {
    url: String,
}

/// A log that is read by Rekor v1's API.
pub struct RekorV1 {
    shared: Shared,
    api: Api,
    keys: Vec<VerifierKey>,
    first: Option<u64>,
    name: String,
}

impl RekorV1 {
    /// Follows the log whose API is below `base`. Of a shard that is new to the state the entries from `first` on are
    /// examined; without it, those that come from now on.
    ///
    /// # Errors
    /// [`RekorV1Error`] without a key.
    pub fn new(
        shared: Shared,
        fetcher: Arc<Fetcher>,
        base: reqwest::Url,
        keys: Vec<VerifierKey>,
        first: Option<u64>,
    ) -> Result<Self, RekorV1Error> {
        let name = base.host_str().unwrap_or_default().to_owned();
        if keys.is_empty() {
            return Err(RekorV1Error {
                url: base.to_string(),
            });
        }
        shared.metrics.init_log(&name);
        Ok(Self {
            shared,
            api: Api::new(fetcher, base),
            keys,
            first,
            name,
        })
    }

    /// A checkpoint that one of the keys signed, as whatever name it signs.
    fn open(&self, note: &str) -> Result<(Opened, LogKey), CheckpointError> {
        let mut last = None;
        for key in &self.keys {
            let key = renamed(key, note);
            match checkpoint::open(note.as_bytes(), &key) {
                Ok(opened) => {
                    let origin = opened.checkpoint().origin.clone();
                    return Ok((opened, LogKey::new(origin, key)));
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or(CheckpointError::Shape))
    }

    /// The shard of an answer, once its checkpoint is signed; `before` entries of earlier shards come first.
    fn shard(
        &self,
        round: &mut Round,
        info: &ShardInfo,
        before: u64,
    ) -> Result<Option<Shard<'_>>, StateError> {
        let (opened, key) = match self.open(&info.signed_tree_head) {
            Ok(opened) => opened,
            Err(error) => {
                self.foreign(round, info, &error);
                return Ok(None);
            }
        };
        let size = opened.checkpoint().size.get();
        let first = self
            .first
            .map_or(size, |first| first.saturating_sub(before).min(size));
        let new = NewLog {
            kind: LogKind::RekorV1,
            first,
        };
        let row = self.shared.state.follow(&key, new, round.now)?;
        self.shared.metrics.init_log(&row.origin);
        Ok(Some(Shard {
            shared: &self.shared,
            api: &self.api,
            key,
            opened,
            row,
            tree: info.tree_id.clone(),
            before,
        }))
    }

    fn foreign(&self, round: &mut Round, info: &ShardInfo, error: &CheckpointError) {
        round.complete = false;
        let finding = Finding::of_log(Kind::LogKeySurprise, &self.name, info.tree_id.as_str())
            .saying(
                "the log's checkpoint is not signed as it was announced",
                format!(
                    "a checkpoint of tree {} signed by a trusted key",
                    info.tree_id
                ),
                error.to_string(),
            );
        let Some(key) = self.keys.first() else { return };
        let seen = Seen {
            at: round.now,
            source: self.api.url(),
            bodies: &[],
        };
        let evidence = recorded(&finding, key, vec![info.signed_tree_head.clone()], seen);
        round.suspect(finding.showing(evidence));
    }

    /// Looks at the log's state, reads the shards that ended to their end, and then the active one.
    async fn follow(&self, round: &mut Round, reach: Reach) -> Result<Option<LogRow>, StateError> {
        let info = match self.api.info().await {
            Ok(info) => info,
            Err(trouble) => {
                round.trouble(self.api.url(), trouble);
                return self.known();
            }
        };
        let mut before = 0_u64;
        for ended in &info.inactive_shards {
            let known = self.follows(ended)?;
            let start = before;
            before = before.saturating_add(ended.tree_size);
            if !known {
                continue;
            }
            let Some(shard) = self.shard(round, ended, start)? else {
                return self.known();
            };
            if shard.row.done {
                shard.check_final(round)?;
                continue;
            }
            if !shard.advance(round, reach).await? {
                // Its successor waits until it is drained.
                return Ok(Some(shard.row()?));
            }
            self.shared.state.finish(shard.row.id)?;
            tracing::info!(origin = %shard.row.origin, "shard drained");
        }
        let Some(shard) = self.shard(round, &info.active, before)? else {
            return self.known();
        };
        shard.advance(round, reach).await?;
        Ok(Some(shard.row()?))
    }

    /// Whether a shard is followed: one that ended before the monitor began is not.
    fn follows(&self, info: &ShardInfo) -> Result<bool, StateError> {
        let Ok((opened, _)) = self.open(&info.signed_tree_head) else {
            return Ok(false);
        };
        let origin = opened.checkpoint().origin.as_str();
        let known = self.shared.state.logs()?;
        Ok(known.iter().any(|row| row.origin == origin) || self.first.is_some())
    }

    /// The newest shard that is known.
    fn known(&self) -> Result<Option<LogRow>, StateError> {
        let prefix = format!("{} - ", self.name);
        let logs = self.shared.state.logs()?;
        Ok(logs
            .into_iter()
            .filter(|row| row.origin.starts_with(&prefix))
            .max_by_key(|row| row.grown_at))
    }

    /// Keeps the round; a log that was never seen has no position.
    fn settle(&self, round: Round, row: Option<LogRow>) -> Result<Pass, StateError> {
        round.settle(&self.shared.state, &self.shared.limits)?;
        if let Some(row) = &row {
            self.shared.metrics.observe(row);
        }
        let row = row.unwrap_or_else(|| LogRow::unseen(&self.name));
        Ok(Pass { row })
    }

    async fn on_shards(
        &self,
        act: impl AsyncFn(&Shard<'_>, &mut Round) -> Result<(), StateError>,
    ) -> Result<Pass, StateError> {
        let mut round = Round::new(&self.name, self.shared.clock.now());
        let row = self.follow(&mut round, Reach::Head).await?;
        let Ok(info) = self.api.info().await else {
            return self.settle(round, row);
        };
        let mut before = 0;
        for one in info.inactive_shards.iter().chain([&info.active]) {
            let start = before;
            before += one.tree_size;
            if self.follows(one)?
                && let Some(shard) = self.shard(&mut round, one, start)?
            {
                act(&shard, &mut round).await?;
            }
        }
        let row = row.map(|row| self.shared.state.log(row.id)).transpose()?;
        self.settle(round, row)
    }
}

/// The key under the name of the signature line that has its id: a log that was renamed keeps its key, and the id does
/// not depend on the name.
fn renamed(key: &VerifierKey, note: &str) -> VerifierKey {
    let line = SignedNote::parse(note.as_bytes()).ok().and_then(|note| {
        let lines = note.signatures().iter();
        let mut own = lines.filter(|line| line.id() == key.id());
        own.next().map(|line| line.name().clone())
    });
    line.and_then(|name| VerifierKey::ecdsa(name, key.material()).ok())
        .unwrap_or_else(|| key.clone())
}

#[async_trait(?Send)]
impl Follow for RekorV1 {
    fn origin(&self) -> &str {
        &self.name
    }

    async fn pass(&self, reach: Reach) -> Result<Pass, StateError> {
        let mut round = Round::new(&self.name, self.shared.clock.now());
        let row = self.follow(&mut round, reach).await?;
        if let Some(row) = row.as_ref().filter(|row| row.size.get() > row.cursor) {
            let finding = Finding::of_log(Kind::MonitorBehind, &self.name, "behind").saying(
                "there are signed entries that are not examined yet",
                format!("entries up to {} of {}", row.size, row.origin),
                format!("{} examined", row.cursor),
            );
            round.raise(finding);
        }
        self.settle(round, row)
    }

    async fn backfill(&self, progress: &dyn Fn(u64, u64)) -> Result<Pass, StateError> {
        self.on_shards(async |shard, round| {
            let row = shard.row()?;
            let position = Position::Filled;
            shard
                .read(round, row.filled..row.first, position, progress)
                .await?;
            self.shared.state.join_backfill(row.id)
        })
        .await
    }

    async fn rescan(&self, progress: &dyn Fn(u64, u64)) -> Result<Pass, StateError> {
        self.on_shards(async |shard, round| {
            let row = shard.row()?;
            let position = Position::None;
            shard
                .read(round, row.first..row.cursor, position, progress)
                .await?;
            Ok(())
        })
        .await
    }
}
