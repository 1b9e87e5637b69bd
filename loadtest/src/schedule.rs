//! When requests are due. The schedule of an open loop is fixed before the run and never stretches: a request that could
//! not be sent in time is still measured from the moment it was due, so a stall of the server shows in the latencies
//! (no coordinated omission). A closed loop (`--rate max`) has no schedule: each connection sends its next request when
//! the last one is answered.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Closed loop.
    Max,
    /// Open loop: so many entries a second.
    PerSecond(NonZeroU64),
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let rate: NonZeroU64 = text
            .parse()
            .map_err(|_| format!("expected `max` or a whole number above 0, found {text:?}"))?;
        if rate.get() > MAX_RATE {
            return Err(format!(
                "expected at most {MAX_RATE} a second, found {rate}"
            ));
        }
        Ok(Self::PerSecond(rate))
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::PerSecond(rate) => write!(f, "{rate}"),
        }
    }
}

/// A run's requests and their times, all known before it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Open or closed loop, in entries a second.
    pub(crate) pace: Pace,
    /// Entries (or tiles) in each request.
    pub(crate) entries_per_request: u64,
    /// Requests in all.
    pub(crate) requests: u64,
    /// No request starts later than this after the beginning (closed loop) or is scheduled later (open loop).
    pub(crate) duration: Duration,
}

impl Schedule {
    /// Limits the requests of an open loop to those that are due within the duration.
    pub(crate) fn bounded(mut self) -> Self {
        if matches!(self.pace, Pace::PerSecond(_)) {
            self.requests = self.due_by(self.duration.saturating_sub(Duration::from_nanos(1)));
        }
        self
    }

    /// When request `number` is due, from the beginning; nothing in a closed loop.
    pub(crate) fn due(&self, number: u64) -> Option<Duration> {
        let Pace::PerSecond(rate) = self.pace else {
            return None;
        };
        let nanos = u128::from(number) * u128::from(self.entries_per_request) * NANOS
            / u128::from(rate.get());
        Some(Duration::from_nanos(
            u64::try_from(nanos).unwrap_or(u64::MAX),
        ))
    }

    /// How many requests are due at `elapsed` or earlier.
    pub(crate) fn due_by(&self, elapsed: Duration) -> u64 {
        let Pace::PerSecond(rate) = self.pace else {
            return self.requests;
        };
        // number * entries * 1e9 / rate <= elapsed, rounded down, holds for every number up to this one.
        let numerator = (elapsed.as_nanos() + 1) * u128::from(rate.get()) - 1;
        let last = numerator / (u128::from(self.entries_per_request) * NANOS);
        u64::try_from(last + 1)
            .unwrap_or(u64::MAX)
            .min(self.requests)
    }
}

/// The time since the beginning of a run. The only reader of the machine's clock in this program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the load generator reads the monotonic clock"
    )]
    fn now() -> Instant {
        Instant::now()
    }

    /// A clock that begins now.
    pub(crate) fn start() -> Self {
        Self(Self::now())
    }

    /// The time since it began.
    pub(crate) fn elapsed(&self) -> Duration {
        Self::now().duration_since(self.0)
    }
}

/// The right to send one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Which request, from 0.
    pub(crate) number: u64,
    /// The moment its latency counts from: when it was due, or in a closed loop when it was taken.
    pub(crate) start: Duration,
}

/// Hands out the slots of a schedule to whichever connection is free.
#[derive(Debug)]
pub(crate) struct Dispenser {
    schedule: Schedule,
    clock: Clock,
    next: AtomicU64,
    gate: Semaphore,
}

impl Dispenser {
    /// Begins the run: the clock starts here.
    pub(crate) fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            clock: Clock::start(),
            next: AtomicU64::new(0),
            gate: Semaphore::new(0),
        }
    }

    /// The run's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The next slot as soon as it is due; nothing when all are taken or the time is over.
    pub(crate) async fn next(&self) -> Option<Slot> {
        match self.schedule.pace {
            Pace::PerSecond(_) => {
                self.gate.acquire().await.ok()?.forget();
                let number = self.take()?;
                if number + 1 == self.schedule.requests {
                    self.gate.close(); // whoever else waits need not wait for the pacer's grace
                }
                Some(Slot {
                    number,
                    start: self.schedule.due(number).unwrap_or_default(),
                })
            }
            Pace::Max => {
                let start = self.clock.elapsed();
                if start >= self.schedule.duration {
                    return None;
                }
                self.take().map(|number| Slot { number, start })
            }
        }
    }

    fn take(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.schedule.requests).then_some(number)
    }

    /// How many slots of an open loop nobody has taken. A closed loop has none: it owes no request.
    pub(crate) fn unsent(&self) -> u64 {
        let taken = self
            .next
            .load(Ordering::Relaxed)
            .min(self.schedule.requests);
        if self.schedule.pace == Pace::Max {
            0
        } else {
            self.schedule.requests - taken
        }
    }

    /// Opens the gate for each slot of an open loop when it is due; runs on a thread of its own, because the timers of
    /// the async runtime round up to whole milliseconds. Returns when everybody has left `team`, at the latest `grace`
    /// after the last slot was due; slots that nobody took by then stay unsent.
    pub(crate) fn pace(&self, team: &Team, grace: Duration) {
        if self.schedule.pace == Pace::Max {
            return;
        }
        let mut released = 0;
        while released < self.schedule.requests {
            let due = self.schedule.due_by(self.clock.elapsed());
            self.gate
                .add_permits(usize::try_from(due - released).unwrap_or(Semaphore::MAX_PERMITS));
            released = due;
            let until = self.schedule.due(released).unwrap_or_default();
            let pause = until.saturating_sub(self.clock.elapsed()).max(MIN_TICK);
            if released < self.schedule.requests && team.wait(pause) {
                break;
            }
        }
        team.wait(grace);
        self.gate.close();
    }
}

/// Those who still take slots. (A channel would do, but waiting on one with a timeout spins before it sleeps.)
#[derive(Debug, Default)]
pub(crate) struct Team {
    members: Mutex<usize>,
    left: Condvar,
}

impl Team {
    /// Whether everybody has left, by then at the latest.
    fn wait(&self, timeout: Duration) -> bool {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .left
            .wait_timeout_while(members, timeout, |members| *members > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }
}

/// Makes its holder one of a team until it is dropped.
#[derive(Debug)]
pub(crate) struct Member(Arc<Team>);

impl Member {
    pub(crate) fn join(team: &Arc<Team>) -> Self {
        *team.members.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self(Arc::clone(team))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        *self
            .0
            .members
            .lock()
            .unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_all();
    }
}

const NANOS: u128 = 1_000_000_000;

/// The highest `--rate`: far beyond what one machine serves, low enough that no sum here overflows.
const MAX_RATE: u64 = 100_000_000;

/// The pacer wakes at most this often. Coarser costs latency (a request is sent up to this late, and measured so), finer
/// costs CPU that the server needs.
const MIN_TICK: Duration = Duration::from_micros(200);

#[cfg(test)]
mod tests;
