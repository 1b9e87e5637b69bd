//! Envelopes on their way out: whoever reads slowly, or not at all, holds memory, so all of them share a budget.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use treering_api::reject::Reject;

use super::budget::{Budget, Held};

/// Envelopes that are read from the store at once. Their sizes are not known before.
const READS: usize = 4;

/// Bounds what is being sent.
#[derive(Debug)]
pub struct Outgoing {
    reads: Semaphore,
    budget: Arc<Budget>,
}

impl Outgoing {
    /// At most so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            reads: Semaphore::new(READS),
            budget: Budget::new(most),
        }
    }

    /// Reads an envelope in its turn, with its part of the budget to hold until it is sent.
    ///
    /// # Errors
    /// Those of `read`, and `Busy` when too much is being sent.
    pub async fn read(
        &self,
        read: impl Future<Output = Result<Bytes, Reject>>,
    ) -> Result<(Bytes, Arc<Held>), Reject> {
        let _turn = self
            .reads
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let bytes = read.await?;
        let mut held = self.budget.hold();
        held.take(bytes.len())?;
        Ok((bytes, Arc::new(held)))
    }
}
