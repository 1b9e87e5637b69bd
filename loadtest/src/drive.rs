//! The run itself: opens the connections, starts the clock, lets every connection take slots until none is left, and
//! adds up what came of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::connection::{Connection, Target};
use crate::files;
use crate::histogram::{Failure, Outcome, Tally};
use crate::schedule::{Dispenser, Member, Schedule, Slot, Team};

/// How a run is spread and when it is given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// What is sent when.
    pub(crate) schedule: Schedule,
    /// Connections in all, opened before the clock starts.
    pub(crate) connections: u32,
    /// Threads, each with a runtime and its share of the connections.
    pub(crate) threads: u32,
    /// A request without an answer for so long has failed. Also the time that an open loop may lag behind its end.
    pub(crate) timeout: Duration,
}

/// What the connections of one thread share.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    dispenser: Arc<Dispenser>,
    tally: Arc<Mutex<Tally>>,
    /// See [`Load::timeout`].
    pub(crate) timeout: Duration,
}

impl Run {
    /// See [`Dispenser::next`].
    pub(crate) async fn next(&self) -> Option<Slot> {
        self.dispenser.next().await
    }

    /// Counts what came of a slot, now.
    pub(crate) fn record(&self, slot: Slot, outcome: Outcome) {
        let end = self.dispenser.clock().elapsed();
        self.tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .record(slot.start, end, outcome);
    }
}

/// A way to talk to a server.
pub(crate) trait Client: Send + Sync + 'static {
    /// An open connection.
    type Connection: Send + 'static;

    /// Connects.
    fn open(&self) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;

    /// Takes slots, sends their requests and records the outcomes until there is no slot left.
    fn work(
        self: Arc<Self>,
        connection: Self::Connection,
        run: Run,
    ) -> impl Future<Output = ()> + Send;
}

/// Makes requests and reads answers: what [`Http`] needs to be told.
pub(crate) trait Exchange: Send + Sync + 'static {
    /// The request of a slot.
    fn request(&self, number: u64) -> Request<Full<Bytes>>;

    /// What its answer says.
    fn read(&self, number: u64, status: StatusCode, body: Bytes) -> Outcome;

    /// The entries in a slot's request, all of which fail if it fails.
    fn entries(&self, number: u64) -> u64;
}

/// Runs the load to its end. The tally, and how many requests of an open loop were never sent.
///
/// # Errors
/// A connection could not be opened at the start, or the machine has no more threads or too few open files.
pub(crate) fn run<C: Client>(load: &Load, client: &Arc<C>) -> anyhow::Result<(Tally, u64)> {
    files::allow(load.connections, load.threads)?;
    let mut teams = Vec::new();
    for thread in 0..load.threads {
        let share =
            load.connections / load.threads + u32::from(thread < load.connections % load.threads);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot make a runtime")?;
        let connections = runtime.block_on(open_all(client, share, load.timeout))?;
        teams.push((runtime, connections));
    }
    let dispenser = Arc::new(Dispenser::new(load.schedule));
    let team = Arc::new(Team::default());
    let tally = std::thread::scope(|scope| {
        let workers: Vec<_> = teams
            .into_iter()
            .map(|(runtime, connections)| {
                let tally = Arc::new(Mutex::new(Tally::new()));
                let run = Run {
                    dispenser: Arc::clone(&dispenser),
                    tally,
                    timeout: load.timeout,
                };
                let (client, member) = (Arc::clone(client), Member::join(&team));
                scope.spawn(move || work_all(&runtime, &client, connections, &run, member))
            })
            .collect();
        dispenser.pace(&team, load.timeout);
        workers.into_iter().fold(Tally::new(), |mut sum, worker| {
            sum.merge(
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
            sum
        })
    });
    Ok((tally, dispenser.unsent()))
}

async fn open_all<C: Client>(
    client: &Arc<C>,
    count: u32,
    timeout: Duration,
) -> anyhow::Result<Vec<C::Connection>> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let opened = tokio::time::timeout(timeout, client.open())
            .await
            .unwrap_or(Err(Failure::TimedOut));
        connections.push(opened.map_err(|failure| anyhow::anyhow!("cannot connect: {failure}"))?);
    }
    Ok(connections)
}

/// One thread's part. Dropping `_member` tells the pacer that this thread is done.
fn work_all<C: Client>(
    runtime: &Runtime,
    client: &Arc<C>,
    connections: Vec<C::Connection>,
    run: &Run,
    _member: Member,
) -> Tally {
    runtime.block_on(async {
        let mut workers = JoinSet::new();
        for connection in connections {
            workers.spawn(Arc::clone(client).work(connection, run.clone()));
        }
        while let Some(ended) = workers.join_next().await {
            if let Err(error) = ended {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    });
    std::mem::replace(
        &mut *run.tally.lock().unwrap_or_else(PoisonError::into_inner),
        Tally::new(),
    )
}

/// Requests over HTTP/1.1, one at a time on each connection.
#[derive(Debug)]
pub(crate) struct Http<E> {
    target: Target,
    exchange: E,
}

impl<E: Exchange> Http<E> {
    pub(crate) const fn new(target: Target, exchange: E) -> Self {
        Self { target, exchange }
    }

    /// One request and its answer. A connection that failed is left as `None`.
    async fn call(
        &self,
        connection: &mut Option<Connection>,
        number: u64,
    ) -> Result<Outcome, Failure> {
        let mut kept = connection.take();
        let ready = match &mut kept {
            Some(open) => open.is_ready().await,
            None => false,
        };
        let mut open = match kept.filter(|_| ready) {
            Some(open) => open,
            None => self.open().await?,
        };
        let (status, body) = open.send(self.exchange.request(number)).await?;
        *connection = Some(open);
        Ok(self.exchange.read(number, status, body))
    }
}

impl<E: Exchange> Client for Http<E> {
    type Connection = Connection;

    async fn open(&self) -> Result<Connection, Failure> {
        Connection::open(&self.target).await
    }

    async fn work(self: Arc<Self>, connection: Connection, run: Run) {
        let mut connection = Some(connection);
        let mut broken = 0;
        while broken < RECONNECT_LIMIT {
            let Some(slot) = run.next().await else { break };
            let call = self.call(&mut connection, slot.number);
            let result = tokio::time::timeout(run.timeout, call)
                .await
                .unwrap_or(Err(Failure::TimedOut));
            let entries = self.exchange.entries(slot.number);
            run.record(
                slot,
                result.unwrap_or_else(|failure| Outcome::failed(failure, entries)),
            );
            broken = if connection.is_some() { 0 } else { broken + 1 };
            if broken > 1 {
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }
}

/// A connection gives up after so many failures in a row, each of which cost a slot; with the pause this bridges a
/// restart of about 5 seconds.
pub(crate) const RECONNECT_LIMIT: u32 = 50;

/// The pause between failures in a row, so that a dead server is not met with a busy loop.
pub(crate) const RECONNECT_PAUSE: Duration = Duration::from_millis(100);
