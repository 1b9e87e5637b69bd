//! How much of all bodies together is in memory, and how slowly one of them may come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Sleep, sleep};
use treering_api::reject::{Reject, RejectKind};

/// What must come within `http.body_timeout`, unless the body ends before. Less would let a client hold its part of
/// the budget for ever with a byte now and then.
const PACE_BYTES: usize = 64 * 1024;

/// The bytes that all bodies of one direction may take.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
    most: usize,
}

/// One body's part of a budget; given back when dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// So many bytes.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(most),
            most,
        })
    }

    /// A part of it, of no bytes yet.
    #[must_use]
    pub fn hold(self: &Arc<Self>) -> Held {
        Held {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Held {
    /// Takes more. One body never takes more than all there is, so that alone it always finds a place.
    ///
    /// # Errors
    /// `Busy` when others hold too much.
    pub fn take(&mut self, bytes: usize) -> Result<(), Reject> {
        let most = self.budget.most;
        let bytes = bytes.min(most.saturating_sub(self.bytes));
        let taken = self
            .budget
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        taken.map_err(|_| {
            Reject::mismatch(
                RejectKind::Busy,
                format!("at most {most} bytes of bodies at once (limits.max_bytes_in_flight)"),
                "more; ask again in a moment",
            )
        })?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives back all but so many bytes.
    pub fn keep(&mut self, bytes: usize) {
        let back = self.bytes.saturating_sub(bytes);
        self.bytes -= back;
        self.budget.left.fetch_add(back, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.keep(0);
    }
}

/// Bytes that hold a part of a budget for as long as anybody has them: until the last of them is sent.
pub fn owned(bytes: Bytes, held: Arc<Held>) -> Bytes {
    struct Owner {
        bytes: Bytes,
        _held: Arc<Held>,
    }
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    Bytes::from_owner(Owner { bytes, _held: held })
}

/// Watches that a body keeps coming. The clock runs only while it is waited for.
#[derive(Debug)]
pub struct Pace {
    within: Duration,
    came: usize,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// The bytes of one step must come within that time.
    #[must_use]
    pub const fn new(within: Duration) -> Self {
        Self {
            within,
            came: 0,
            waiting: None,
        }
    }

    /// So many bytes came.
    pub fn came(&mut self, bytes: usize) {
        self.came += bytes;
        // Time that ran out while nobody read is not the client's.
        let overslept = self
            .waiting
            .as_ref()
            .is_some_and(|sleep| sleep.is_elapsed());
        if self.came >= PACE_BYTES || overslept {
            self.restart();
        }
    }

    /// Begins anew.
    pub fn restart(&mut self) {
        (self.came, self.waiting) = (0, None);
    }

    /// Nothing is there yet: ready when that is so for too long.
    pub fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<Reject> {
        let within = self.within;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Reject::malformed(
            format!(
                "{PACE_BYTES} bytes of a body, or its end, within {within:?} (http.body_timeout)"
            ),
            format!("{} bytes", self.came),
        ))
    }
}
