//! The only place of the server that asks for the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the server gets its time from; tests set their own.
pub trait Clock: Send + Sync {
    /// Seconds since the Unix epoch, rounded down.
    fn unix_secs(&self) -> u64;

    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The time of the machine.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that the lint asks for"
    )]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that the lint asks for"
    )]
    fn unix_secs(&self) -> u64 {
        // A machine set before 1970 yields 0; integrated times then stay at the newest record's.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
