//! Who may come in: bounded bytes and submissions in flight, a full disk, a stop. Beyond a bound the answer is an
//! error at once; there is no silent queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use treering_api::reject::{Reject, RejectKind};

use crate::clock::Clock;
use crate::limits::Limits;
use crate::metrics::Metrics;

/// How old a reading of the free disk space may be.
const DISK_READING_MAX_AGE: Duration = Duration::from_secs(1);

/// Tells how many bytes are free where the store lives.
pub type FreeDisk = Box<dyn Fn() -> std::io::Result<u64> + Send + Sync>;

/// The gate before the write path.
pub struct Admission {
    limits: Limits,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    stopping: AtomicBool,
    in_flight: Mutex<InFlight>,
    emptied: Condvar,
    disk: Disk,
}

struct InFlight {
    bytes: usize,
    next: u64,
    admitted: BTreeMap<u64, Duration>,
}

struct Disk {
    free: FreeDisk,
    read_at_ms: AtomicU64,
    low: AtomicBool,
    /// What was free at the last reading, in bytes.
    last: AtomicU64,
}

/// The right to be on the write path; dropping it frees the place.
pub struct Permit {
    gate: Arc<Admission>,
    number: u64,
    bytes: usize,
}

impl Admission {
    /// An open gate.
    #[must_use]
    pub fn new(
        limits: Limits,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        free: FreeDisk,
    ) -> Arc<Self> {
        Arc::new(Self {
            limits,
            clock,
            metrics,
            stopping: AtomicBool::new(false),
            in_flight: Mutex::new(InFlight {
                bytes: 0,
                next: 0,
                admitted: BTreeMap::new(),
            }),
            emptied: Condvar::new(),
            disk: Disk {
                free,
                read_at_ms: AtomicU64::new(u64::MAX),
                low: AtomicBool::new(false),
                last: AtomicU64::new(0),
            },
        })
    }

    /// Admits a submission of that many bytes, or says at once why not.
    ///
    /// # Errors
    /// `Unavailable` while stopping or with a full disk, `Busy` when too much is in flight.
    pub fn admit(self: &Arc<Self>, bytes: usize) -> Result<Permit, Reject> {
        if let Some((free, reserve)) = self.disk_low() {
            return Err(Reject::mismatch(
                RejectKind::Unavailable,
                format!("at least {reserve} bytes of free disk"),
                format!("{free}; nothing is written until the operator makes room"),
            ));
        }
        let mut in_flight = self.in_flight.lock();
        // Read under the lock that `drain` takes: whoever is in before it is waited for, whoever comes after is refused.
        if self.stopping.load(Ordering::SeqCst) {
            return Err(Reject::new(
                RejectKind::Unavailable,
                "the server is stopping",
            ));
        }
        self.check_room(&in_flight, bytes)?;
        let number = in_flight.next;
        in_flight.next += 1;
        in_flight.bytes += bytes;
        in_flight.admitted.insert(number, self.clock.monotonic());
        self.metrics
            .set_in_flight(in_flight.admitted.len(), in_flight.bytes);
        Ok(Permit {
            gate: Arc::clone(self),
            number,
            bytes,
        })
    }

    fn check_room(&self, in_flight: &InFlight, bytes: usize) -> Result<(), Reject> {
        let busy = |limit: usize, what: &str| {
            Err(Reject::mismatch(
                RejectKind::Busy,
                format!("at most {limit} {what} in flight"),
                "more; ask again in a moment",
            ))
        };
        if in_flight.admitted.len() >= self.limits.max_submissions_in_flight {
            return busy(self.limits.max_submissions_in_flight, "submissions");
        }
        // A single submission always fits an idle server, whatever the two limits are.
        if in_flight.bytes > 0
            && in_flight.bytes.saturating_add(bytes) > self.limits.max_bytes_in_flight
        {
            return busy(self.limits.max_bytes_in_flight, "bytes");
        }
        Ok(())
    }

    /// How long the oldest admitted submission has waited.
    #[must_use]
    pub fn oldest_waiting(&self) -> Duration {
        let oldest = self
            .in_flight
            .lock()
            .admitted
            .first_key_value()
            .map(|(_, at)| *at);
        oldest.map_or(Duration::ZERO, |at| {
            self.clock.monotonic().saturating_sub(at)
        })
    }

    /// Free bytes and reserve, when the former is below the latter. Reads the disk at most once a second.
    #[must_use]
    pub fn disk_low(&self) -> Option<(u64, u64)> {
        let now = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX - 1);
        let read_at = self.disk.read_at_ms.load(Ordering::Relaxed);
        let max_age = u64::try_from(DISK_READING_MAX_AGE.as_millis()).unwrap_or(u64::MAX);
        if read_at == u64::MAX || now.saturating_sub(read_at) >= max_age {
            self.disk.read_at_ms.store(now, Ordering::Relaxed);
            // A disk that cannot be asked is not taken for a full one: the commit itself will tell.
            if let Ok(free) = (self.disk.free)() {
                self.disk.last.store(free, Ordering::Relaxed);
                self.disk
                    .low
                    .store(free < self.limits.disk_reserve_bytes, Ordering::Relaxed);
            }
        }
        self.disk.low.load(Ordering::Relaxed).then(|| {
            (
                self.disk.last.load(Ordering::Relaxed),
                self.limits.disk_reserve_bytes,
            )
        })
    }

    /// Refuses everybody from now on and waits until all who were admitted have left, or for `limit`.
    /// Says whether all have left.
    pub fn drain(&self, limit: Duration) -> bool {
        let mut in_flight = self.in_flight.lock();
        self.stopping.store(true, Ordering::SeqCst);
        let waited = self.emptied.wait_while_for(
            &mut in_flight,
            |in_flight| !in_flight.admitted.is_empty(),
            limit,
        );
        !waited.timed_out()
    }

    /// Whether [`Admission::drain`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

impl Permit {
    /// When the submission was admitted, on the gate's monotonic clock.
    #[must_use]
    pub fn waited(&self) -> Duration {
        let admitted = self
            .gate
            .in_flight
            .lock()
            .admitted
            .get(&self.number)
            .copied();
        admitted.map_or(Duration::ZERO, |at| {
            self.gate.clock.monotonic().saturating_sub(at)
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut in_flight = self.gate.in_flight.lock();
        in_flight.admitted.remove(&self.number);
        in_flight.bytes = in_flight.bytes.saturating_sub(self.bytes);
        self.gate
            .metrics
            .set_in_flight(in_flight.admitted.len(), in_flight.bytes);
        if in_flight.admitted.is_empty() {
            self.gate.emptied.notify_all();
        }
    }
}
