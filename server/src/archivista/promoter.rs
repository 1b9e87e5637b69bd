//! Follows the published checkpoints of the logs while anything is held, and gives up what waited for too long.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt as _, select_all};
use tokio::sync::watch;
use treering_api::reject::{Reject, RejectKind};
use treering_attest::KeyAliases;
use treering_rekor::v1::Entry;
use treering_storage::{EntryRow, Gitoid};
use treering_tlog::TreeSize;

use super::join::Place;
use super::registry::Cursors;
use super::{Archivista, leaf, store_fault};
use crate::log::{LogHandle, following};
use crate::service::blocking;

/// The time between two looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// The time between two tries of what failed: each reads the envelope again.
const RETRY: Duration = Duration::from_secs(5);
/// Entries that are read at once.
const CHUNK: usize = 256;

/// What is to be tried again.
#[derive(Default)]
struct Failed {
    again: BTreeSet<Gitoid>,
    /// What only waits for a log that takes it: each try would read and verify it.
    frozen: BTreeSet<Gitoid>,
}

impl Failed {
    fn add(&mut self, gitoid: Gitoid, reject: &Reject) {
        match reject.kind {
            RejectKind::Frozen => self.frozen.insert(gitoid),
            _ => self.again.insert(gitoid),
        };
    }

    /// What is to be tried now, with a log that takes entries or without one.
    fn due(&mut self, is_writable: bool) -> BTreeSet<Gitoid> {
        let mut due = std::mem::take(&mut self.again);
        if is_writable {
            due.append(&mut self.frozen);
        }
        due
    }
}

/// Works until the service closes.
pub(super) async fn run(archivista: &Arc<Archivista>) {
    let service = &archivista.service;
    let (mut failed, mut retry_at) = (Failed::default(), Duration::ZERO);
    while !service.closing().is_cancelled() {
        let mut added = service.logs_added();
        // Before they are read, so that no size between is missed.
        let mut sizes: Vec<_> = archivista.logs().iter().map(|log| log.watch()).collect();
        let now = service.clock().monotonic();
        if now >= retry_at {
            retry_at = now + RETRY;
            let again = failed.due(archivista.is_writable());
            (again.iter()).for_each(|gitoid| archivista.registry.look_up(*gitoid, None));
        }
        let worked = archivista.work(&mut failed).await;
        if worked {
            continue;
        }
        let idle = archivista.registry.is_empty();
        tokio::select! {
            () = service.closing().cancelled() => return,
            () = archivista.registry.changed() => {}
            () = grown(&mut sizes), if !idle => {}
            _ = added.changed(), if !idle => {}
            () = tokio::time::sleep(TICK), if !idle => {}
        }
    }
}

/// Waits until one of the logs has grown.
async fn grown(sizes: &mut [watch::Receiver<TreeSize>]) {
    let changes = sizes.iter_mut().map(|size| size.changed().boxed());
    let changes: Vec<_> = changes.collect();
    if changes.is_empty() {
        return std::future::pending().await;
    }
    let (changed, ..) = select_all(changes).await;
    if changed.is_err() {
        // The log is gone: the service stops.
        std::future::pending::<()>().await;
    }
}

impl Archivista {
    /// The sizes that the logs have for their readers.
    pub(super) fn published_sizes(&self) -> Cursors {
        let sizes = self.logs().into_iter();
        sizes
            .map(|log| (log.identity.id, log.published().checkpoint.size))
            .collect()
    }

    /// Whether uploads can become entries.
    fn is_writable(&self) -> bool {
        self.log().is_ok_and(|log| !log.is_frozen())
    }

    /// One round: expires, follows, settles. Whether there was anything to settle.
    async fn work(self: &Arc<Self>, failed: &mut Failed) -> bool {
        self.expire().await;
        for log in self.logs() {
            if let Err(error) = self.follow(&log).await {
                // Asked again with the next round.
                tracing::warn!(log = %log.name(), %error, "entries not compared with what is held");
            }
        }
        let pending = self.registry.take_pending();
        let worked = !pending.is_empty();
        for (gitoid, place) in pending {
            if self.service.closing().is_cancelled() {
                return false;
            }
            if let Err(error) = self.settle(gitoid, place).await {
                tracing::debug!(%gitoid, %error, "held envelope not looked up");
                failed.add(gitoid, &error);
            }
        }
        worked
    }

    /// Compares what was published of a log since with what is held.
    async fn follow(self: &Arc<Self>, log: &Arc<LogHandle>) -> Result<(), Reject> {
        let size = log.published().checkpoint.size;
        while let Some(from) = self.registry.cursor(log.identity.id)
            && from < size
            && !self.service.closing().is_cancelled()
        {
            let (archivista, log) = (Arc::clone(self), Arc::clone(log));
            blocking(move || archivista.compare(&log, from, size)).await?;
        }
        Ok(())
    }

    fn compare(&self, log: &LogHandle, from: TreeSize, size: TreeSize) -> Result<(), Reject> {
        let left = usize::try_from(size.get() - from.get()).unwrap_or(usize::MAX);
        let first = from.next_index();
        let id = log.identity.id;
        let rows = self.service.store().entries(id, first, left.min(CHUNK));
        let mut index = first;
        for row in rows.map_err(|error| store_fault(&error))? {
            self.compare_entry(Place { log: id, index }, &row);
            index = following(index);
        }
        self.registry.advance(id, index.as_size_before());
        Ok(())
    }

    fn compare_entry(&self, place: Place, row: &EntryRow) {
        let Ok(entry) = Entry::parse(&row.leaf) else {
            return;
        };
        let payload = leaf::payload(&entry);
        let keys = leaf::keys(&entry, self.service.key_cache());
        let digests = keys.iter().map(|key| KeyAliases::of(key).digests());
        let digests: Vec<_> = digests.flatten().collect();
        for gitoid in self.registry.matches(payload.as_ref(), &digests) {
            self.registry.look_up(gitoid, Some(place));
        }
    }

    /// Gives up what has been held for as long as the settings say.
    async fn expire(self: &Arc<Self>) {
        let hold_for = self.settings.hold_for.as_secs();
        let Some(time) = self.service.clock().unix_secs().checked_sub(hold_for) else {
            return;
        };
        for gitoid in self.registry.arrived_by(time) {
            if self.service.closing().is_cancelled() {
                break;
            }
            let archivista = Arc::clone(self);
            let expired = blocking(move || archivista.expire_one(gitoid)).await;
            if let Err(error) = expired {
                tracing::warn!(%gitoid, %error, "held envelope not removed");
            }
        }
    }

    fn expire_one(&self, gitoid: Gitoid) -> Result<(), Reject> {
        let expired = self.service.store().expire(gitoid);
        let expired = expired.map_err(|error| self.write_fault(&error))?;
        self.registry.remove(gitoid);
        if expired {
            self.metrics().expired();
            tracing::info!(%gitoid, "held envelope expired");
        }
        self.show_held();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_log_takes_is_tried_with_one_that_does() {
        let mut failed = Failed::default();
        let (frozen, other) = (Gitoid::of(b"frozen"), Gitoid::of(b"other"));
        failed.add(frozen, &Reject::new(RejectKind::Frozen, "frozen"));
        failed.add(frozen, &Reject::new(RejectKind::Frozen, "frozen"));
        failed.add(other, &Reject::new(RejectKind::Unavailable, "full"));
        assert_eq!(failed.due(false), BTreeSet::from([other]));
        assert_eq!(failed.due(false), BTreeSet::new());
        assert_eq!(failed.due(true), BTreeSet::from([frozen]));
        assert_eq!(failed.due(true), BTreeSet::new());
    }
}
