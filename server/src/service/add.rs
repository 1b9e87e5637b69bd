//! How a log comes up: one that the store holds, and a new one.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use ed25519_dalek::SigningKey;
use treering_api::log::{Dialect, LogName};
use treering_api::reject::{Reject, RejectKind};
use treering_storage::{CommitError, Edge, Event, Head, LogId, StoreError};

use super::Service;
use super::rekor_v1::predecessor;
use crate::log::commit::Committer;
use crate::log::mark::Mark;
use crate::log::recover::{LogDescription, OpenError, describe, recover};
use crate::log::rekor_v1::RekorV1;
use crate::log::sequencer::Sequencer;
use crate::log::signer::Signer;
use crate::log::{LogHandle, LogIdentity, Ready, SharedLog, State};

/// A log that was checked in every way; only its thread is missing.
pub(super) struct Prepared {
    committer: Committer,
    edge: Edge,
    head: Head,
    state: State,
    mark: Option<Mark>,
    rekor_v1: Option<Arc<RekorV1>>,
}

impl Service {
    /// Reads a log back and checks it, its key and what was published of it. Changes nothing.
    pub(super) fn prepare(
        &self,
        description: LogDescription,
        key: SigningKey,
    ) -> Result<Prepared, OpenError> {
        let signer = Signer::new(&description.origin, key)?;
        let rekor_v1 = match description.dialect {
            Dialect::RekorV1 => Some(Arc::new(self.rekor_v1_key(&description)?)),
            Dialect::RekorV2 => None,
        };
        let identity = Arc::new(LogIdentity {
            id: description.id,
            name: description.name,
            dialect: description.dialect,
            origin: description.origin,
            vkey: signer.verifier().to_string(),
            key_id: signer.verifier().full_id(),
        });
        let (state, mark) = (description.state, description.mark);
        let (store, published) = (&self.parts.store, &self.parts.published);
        let (edge, head) = recover(store, published, &identity, &state, mark.as_ref())?;
        if let Some(v1) = &rekor_v1 {
            let frozen = matches!(state, State::Frozen { .. });
            v1.check_retired(identity.name.as_str(), frozen, &head)?;
        }
        let committer = Committer {
            identity,
            store: Arc::clone(&self.parts.store),
            signer,
            files: Arc::clone(&self.parts.published),
        };
        Ok(Prepared {
            committer,
            edge,
            head,
            state,
            mark,
            rekor_v1,
        })
    }

    fn rekor_v1_key(&self, log: &LogDescription) -> Result<RekorV1, OpenError> {
        let name = log.name.as_str();
        let key = (self.parts.second_keys)(&log.name).map_err(|reason| OpenError::Key {
            name: name.to_owned(),
            reason,
        })?;
        RekorV1::new(name, &log.origin, key)
    }

    /// Signs and publishes a log's head and starts its thread.
    pub(super) fn launch(&self, prepared: Prepared) -> Result<Arc<LogHandle>, OpenError> {
        let Prepared {
            committer,
            edge,
            head,
            state,
            mark,
            rekor_v1,
        } = prepared;
        let identity = Arc::clone(&committer.identity);
        let time = head.integrated_time.max(self.time_before(&identity));
        let published = match mark {
            None => committer.sign(edge, None, time),
            Some(mark) => committer.sign_final(edge, time, &mark),
        };
        committer.remember(&published);
        let metrics = self.parts.metrics.log(&identity.name);
        metrics.recovered(published.checkpoint.size.get());
        metrics.published(published.checkpoint.size.get());
        tracing::info!(log = %identity.name, size = published.checkpoint.size.get(), root = %published.checkpoint.root, "log opened");
        // Room for every admitted submission and for the commands beside them.
        let (queue, receiver) = bounded(self.parts.limits.max_submissions_in_flight + 16);
        let log = SharedLog::new(
            identity,
            Arc::clone(&self.parts.store),
            published,
            state,
            self.failure.clone(),
            Ready {
                cache_bytes: self.parts.limits.tile_cache_bytes,
                compressor: Arc::clone(&self.compressor),
                metrics: metrics.clone(),
                rekor_v1,
            },
        );
        let sequencer = Sequencer {
            handle: Arc::clone(&log),
            committer,
            events: Arc::clone(&self.events),
            queue: receiver,
            limits: self.parts.limits.clone(),
            clock: Arc::clone(&self.parts.clock),
            metrics,
            last_commit: Duration::ZERO,
        };
        let thread = std::thread::Builder::new()
            .name(format!("seq-{}", log.name()))
            .spawn(move || sequencer.run())?;
        self.threads.lock().push(thread);
        let handle = LogHandle::new(log, queue);
        self.logs.write().push(Arc::clone(&handle));
        self.added.send_modify(|logs| *logs += 1);
        if let Some(feeders) = &*self.feeders.lock() {
            feeders.feed(handle.shared());
        }
        Ok(handle)
    }

    /// The newest time of the log that this one goes on for: over a chain of shards it never goes back either.
    fn time_before(&self, log: &LogIdentity) -> u64 {
        let logs = self.handles();
        let before = predecessor(&logs, log.dialect, &log.name);
        before.map_or(0, |before| before.published().integrated_time)
    }

    /// Adds a log; its key must be kept by the caller before. Whatever can be refused is refused before the event is
    /// written, for an event is for ever. What fails after it, or whose outcome is unknown, stops the service: the next
    /// start sees what there is.
    ///
    /// # Errors
    /// `Malformed` if the name or origin is taken, `Unavailable` if the store fails, `Internal` if the name was
    /// published before with other contents.
    pub fn add_log(
        &self,
        name: &LogName,
        dialect: Dialect,
        origin: &str,
        key: SigningKey,
    ) -> Result<Arc<LogHandle>, Reject> {
        let _one_at_a_time = self.adding.lock();
        let description = LogDescription {
            id: self.free_place(name, origin)?,
            name: name.clone(),
            dialect,
            origin: origin.to_owned(),
            state: State::Active,
            mark: None,
        };
        let added = Event::LogAdded {
            id: description.id,
            name: name.to_string(),
            dialect: dialect.to_string(),
            origin: origin.to_owned(),
            created: self.parts.clock.unix_secs(),
        };
        let prepared = self
            .prepare(description, key)
            .map_err(|error| refusal(&error))?;
        if !prepared.head.size.is_empty() {
            return Err(Reject::mismatch(
                RejectKind::Internal,
                format!("no entry under the number of the new log {name}; run fsck"),
                format!("{} entries", prepared.head.size),
            ));
        }
        self.append_added(name, &added)?;
        self.launch(prepared).map_err(|error| {
            self.fail(format!("log {name}: added but not started: {error}"));
            Reject::new(
                RejectKind::Internal,
                format!("the log was added but not started, restart the server: {error}"),
            )
        })
    }

    /// The next number, if nobody ever took the name or the origin. The journal is asked and not the running logs: it
    /// holds what a failed try has left.
    fn free_place(&self, name: &LogName, origin: &str) -> Result<LogId, Reject> {
        let events = self.parts.store.events();
        let events = events.map_err(|error| refusal(&error.into()))?;
        let taken = describe(&events).map_err(|error| refusal(&error))?;
        if taken
            .iter()
            .any(|log| log.name == *name || log.origin == origin)
        {
            return Err(Reject::malformed(
                "a name and an origin that no log of this server has",
                format!("{name} with origin {origin}"),
            ));
        }
        let next = taken.iter().map(|log| log.id.0.checked_add(1)).max();
        next.unwrap_or(Some(0))
            .map(LogId)
            .ok_or_else(|| Reject::new(RejectKind::Internal, "every number of a log is taken"))
    }

    fn append_added(&self, name: &LogName, added: &Event) -> Result<(), Reject> {
        self.events.append(added).map_err(|error| match error {
            CommitError::Full { free, reserve } => Reject::mismatch(
                RejectKind::Unavailable,
                format!("at least {reserve} bytes of free disk"),
                free.to_string(),
            ),
            error => {
                self.fail(format!("log {name}: adding it failed: {error}"));
                Reject::new(
                    RejectKind::Unavailable,
                    format!("the log may or may not have been added, restart the server: {error}"),
                )
            }
        })
    }

    /// Has the process stop, for only a restart reads the truth from the store.
    fn fail(&self, reason: String) {
        tracing::error!(reason, "the server stops");
        self.failure.send_replace(Some(reason));
    }
}

fn refusal(error: &OpenError) -> Reject {
    let kind = match error {
        OpenError::BadOrigin { .. } => RejectKind::Malformed,
        OpenError::Store(StoreError::Unavailable { .. }) => RejectKind::Unavailable,
        _ => RejectKind::Internal,
    };
    Reject::new(kind, error.to_string())
}
