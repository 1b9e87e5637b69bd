//! Evil logs within the process, by the hosts of their addresses.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use super::faults::Fault;
use super::{EvilLog, Faults, Reply, VirtualClock};
use crate::source::{Answer, Request, Transport, Trouble};

/// How many checkpoints a stale cache remembers.
const STALE: usize = 3;
/// What a request that times out takes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A network of logs.
#[derive(Default)]
pub struct Net {
    hosts: BTreeMap<String, Arc<EvilLog>>,
    faults: Option<(Mutex<Faults>, Arc<VirtualClock>)>,
    stale: Mutex<BTreeMap<String, VecDeque<Vec<u8>>>>,
    asked: Mutex<Vec<String>>,
}

impl Net {
    /// A log at `http://HOST/`.
    #[must_use]
    pub fn with(mut self, host: &str, log: Arc<EvilLog>) -> Self {
        self.hosts.insert(host.to_owned(), log);
        self
    }

    /// With trouble on the way; waiting for nothing takes time on this clock.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults, clock: Arc<VirtualClock>) -> Self {
        self.faults = Some((Mutex::new(faults), clock));
        self
    }

    /// The paths asked for since this was asked last.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock())
    }

    fn stale(&self, host: &str, path: &str, reply: Reply, serve: bool) -> Reply {
        if path != "checkpoint" {
            return reply;
        }
        let mut stale = self.stale.lock();
        let kept = stale.entry(host.to_owned()).or_default();
        if serve && let Some(old) = kept.front() {
            return Reply {
                body: old.clone(),
                ..reply
            };
        }
        kept.push_back(reply.body.clone());
        if kept.len() > STALE {
            kept.pop_front();
        }
        reply
    }

    fn spoil(&self, request: &Request, path: &str, reply: Reply) -> Result<Reply, Trouble> {
        let host = request.url.host_str().unwrap_or_default();
        let Some((faults, clock)) = &self.faults else {
            return Ok(reply);
        };
        let mut faults = faults.lock();
        let fault = faults.draw();
        let reply = self.stale(host, path, reply, fault == Some(Fault::Stale));
        match fault {
            None => Ok(reply),
            Some(Fault::Connection) => Err(Trouble::transient(&request.url, "connection reset")),
            Some(Fault::Timeout) => {
                clock.advance(TIMEOUT);
                Err(Trouble::transient(&request.url, "no answer in time"))
            }
            Some(fault) => Ok(faults.spoil(fault, reply)),
        }
    }
}

#[async_trait]
impl Transport for Net {
    async fn send(&self, request: Request) -> Result<Answer, Trouble> {
        let host = request.url.host_str().unwrap_or_default();
        let path = request.url.path().trim_start_matches('/').to_owned();
        self.asked.lock().push(path.clone());
        let Some(log) = self.hosts.get(host) else {
            return Err(Trouble::transient(&request.url, "no such host"));
        };
        let reply = self.spoil(&request, &path, log.respond(&path))?;
        if reply.body.len() > request.limit {
            return Err(Trouble::lasting(&request.url, "too large"));
        }
        Ok(Answer {
            status: reply.status,
            media_type: Some(reply.media_type.to_owned()),
            date: reply.date,
            retry_after: None,
            body: Bytes::from(reply.body),
        })
    }
}
