//! Time that passes only when somebody waits.

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::clock::{Clock, Time};

/// A clock whose waits take no time.
#[derive(Debug)]
pub struct VirtualClock(Mutex<Time>);

impl VirtualClock {
    /// Stands at this time.
    #[must_use]
    pub const fn new(now: Time) -> Self {
        Self(Mutex::new(now))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock();
        *now = now.plus(by);
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Time {
        *self.0.lock()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}
