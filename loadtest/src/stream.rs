//! `submit` by gRPC: one `SubmitStream` on each connection, with many envelopes in flight on it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, stream};
use tokio::sync::Semaphore;
use tonic::transport::{Channel, Endpoint};
use treering_api::grpc::pb;
use treering_api::grpc::pb::log_client::LogClient;
use treering_api::log::LogName;

use crate::check::{Answer, Sample};
use crate::connection::Target;
use crate::drive::{Client, RECONNECT_LIMIT, RECONNECT_PAUSE, Run};
use crate::histogram::{Failure, Outcome};
use crate::schedule::Slot;
use crate::submit::Source;

/// Streams of submissions.
#[derive(Debug)]
pub(crate) struct Streams {
    source: Source,
    endpoint: Endpoint,
    log: LogName,
    in_flight: usize,
}

/// What was sent on a stream and not yet answered: its answers come in the same order.
#[derive(Debug)]
struct Flight {
    window: Semaphore,
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    slots: VecDeque<Slot>,
    /// There is no slot left to send.
    ended: bool,
    /// The stream is gone: what is taken now cannot be sent on it.
    closed: bool,
    /// At least one result came.
    answered: bool,
}

impl Flight {
    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot that the next result belongs to.
    fn answered(&self) -> Option<Slot> {
        let mut pending = self.pending();
        pending.answered = true;
        pending.slots.pop_front()
    }

    /// Ends it: what was still pending, whether the schedule has ended and whether there was any result.
    fn close(&self) -> Pending {
        std::mem::replace(
            &mut *self.pending(),
            Pending {
                closed: true,
                ..Pending::default()
            },
        )
    }
}

impl Streams {
    /// # Errors
    /// A target that is no URL for gRPC.
    pub(crate) fn new(
        source: Source,
        target: &Target,
        log: LogName,
        in_flight: usize,
    ) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(target.origin())?
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        Ok(Self {
            source,
            endpoint,
            log,
            in_flight,
        })
    }

    /// Takes a slot when there is room in flight and it is due.
    async fn take(&self, flight: &Flight, run: &Run) -> Option<pb::SubmitRequest> {
        flight.window.acquire().await.ok()?.forget();
        let slot = run.next().await;
        let mut pending = flight.pending();
        let Some(slot) = slot else {
            pending.ended = true;
            return None;
        };
        if pending.closed {
            run.record(slot, Outcome::failed(stream_broke(), 1));
            return None;
        }
        pending.slots.push_back(slot);
        drop(pending);
        let (envelope, key) = self.source.entry(slot.number);
        Some(pb::SubmitRequest {
            log: Some(self.log.to_string()),
            envelope,
            verifiers: vec![key.spki_der.clone()],
            wait: None,
        })
    }

    fn requests(
        self: &Arc<Self>,
        flight: &Arc<Flight>,
        run: &Run,
    ) -> impl Stream<Item = pb::SubmitRequest> + use<> {
        let state = (Arc::clone(self), Arc::clone(flight), run.clone());
        stream::unfold(state, |(this, flight, run)| async move {
            let request = this.take(&flight, &run).await?;
            Some((request, (this, flight, run)))
        })
    }

    /// Drives one stream to its end.
    async fn converse(
        self: &Arc<Self>,
        client: &mut LogClient<Channel>,
        flight: &Arc<Flight>,
        run: &Run,
    ) -> Result<(), Failure> {
        let opened = client.submit_stream(self.requests(flight, run)).await;
        let mut results = opened
            .map_err(|status| status_failure(&status))?
            .into_inner();
        loop {
            let Ok(message) = tokio::time::timeout(run.timeout, results.message()).await else {
                if flight.pending().slots.is_empty() {
                    continue; // nothing was due
                }
                return Err(Failure::TimedOut);
            };
            let Some(result) = message.map_err(|status| status_failure(&status))? else {
                return Ok(());
            };
            let Some(slot) = flight.answered() else {
                return Err(Failure::Unreadable("a result of nothing that was sent"));
            };
            flight.window.add_permits(1);
            run.record(slot, self.read(slot.number, result));
        }
    }

    fn read(&self, number: u64, result: pb::SubmitResult) -> Outcome {
        let duplicate = match &result.result {
            Some(pb::submit_result::Result::Submitted(pb::SubmitResponse {
                receipt: Some(receipt),
                ..
            })) => receipt.duplicate,
            Some(pb::submit_result::Result::Submitted(_)) => {
                return Outcome::failed(Failure::Unreadable("no receipt"), 1);
            }
            Some(pb::submit_result::Result::Error(reject)) => {
                return Outcome::failed(Failure::Rejected(reject.kind.clone()), 1);
            }
            None => {
                return Outcome::failed(Failure::Unreadable("neither receipts nor an error"), 1);
            }
        };
        let answer = || Sample {
            first: self.source.first + number,
            answer: Answer::Stream(Box::new(result)),
        };
        let sample = self.source.sampler.picks(number).then(answer);
        Outcome {
            fresh: u64::from(!duplicate),
            duplicates: u64::from(duplicate),
            sample,
            ..Outcome::default()
        }
    }
}

impl Client for Streams {
    type Connection = LogClient<Channel>;

    async fn open(&self) -> Result<Self::Connection, Failure> {
        let channel = self
            .endpoint
            .connect()
            .await
            .map_err(|_| Failure::Transport("cannot connect".to_owned()))?;
        Ok(LogClient::new(channel))
    }

    async fn work(self: Arc<Self>, mut client: Self::Connection, run: Run) {
        let mut broken = 0;
        while broken < RECONNECT_LIMIT {
            let flight = Arc::new(Flight {
                window: Semaphore::new(self.in_flight),
                pending: Mutex::default(),
            });
            let failure = match self.converse(&mut client, &flight, &run).await {
                Ok(()) => Failure::Transport("the server ended the stream".to_owned()),
                Err(failure) => failure,
            };
            let rest = flight.close();
            for slot in rest.slots {
                run.record(slot, Outcome::failed(failure.clone(), 1));
            }
            if rest.ended {
                break;
            }
            broken = if rest.answered { 0 } else { broken + 1 };
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }
}

fn status_failure(status: &tonic::Status) -> Failure {
    match treering_api::Reject::from(status.clone()).kind {
        _ if std::error::Error::source(status).is_some() => stream_broke(),
        kind => Failure::Rejected(format!("{} ({:?})", kind.wire().label, status.code())),
    }
}

fn stream_broke() -> Failure {
    Failure::Transport("the stream broke".to_owned())
}

/// Room for what is in flight: HTTP/2's default of 64 KiB would throttle the stream after 40 envelopes.
const WINDOW: u32 = 8 << 20;
