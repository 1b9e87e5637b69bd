//! What one request may still do. Every field of it draws on the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::catalogue::{Catalogue, Work};
use super::error::QueryError;
use super::filter::Steps;
use super::limits::{MAX_ANSWER_BYTES, MAX_HELD_BYTES, MAX_SCANNED};

/// One request.
pub(super) struct Session {
    pub catalogue: Arc<dyn Catalogue>,
    pub steps: Steps,
    /// What the catalogue looks up.
    pub work: Arc<Work>,
    /// As many batches as may be in memory, of all requests.
    pub batches: Arc<Semaphore>,
    scanned: AtomicUsize,
    held: AtomicUsize,
    answered: AtomicUsize,
}

impl Session {
    pub(super) fn new(catalogue: Arc<dyn Catalogue>, batches: Arc<Semaphore>) -> Self {
        Self {
            catalogue,
            steps: Steps::default(),
            work: Arc::default(),
            batches,
            scanned: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
        }
    }

    /// Documents that may still be looked at.
    pub(super) fn left_to_scan(&self) -> usize {
        MAX_SCANNED.saturating_sub(self.scanned.load(Ordering::Relaxed))
    }

    /// Counts documents that were looked at.
    pub(super) fn scan(&self, documents: usize) -> Result<(), QueryError> {
        let scanned = self.scanned.fetch_add(documents, Ordering::Relaxed);
        if documents > MAX_SCANNED.saturating_sub(scanned) {
            return Err(QueryError::Scanned);
        }
        Ok(())
    }

    /// Counts bytes that are held until the request is answered.
    pub(super) fn hold(&self, bytes: usize) -> Result<(), QueryError> {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed);
        if bytes > MAX_HELD_BYTES.saturating_sub(held) {
            return Err(QueryError::Held);
        }
        Ok(())
    }

    /// Takes bytes back that are held no longer.
    pub(super) fn let_go(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Counts bytes of the answer; `false` from the first ones on that do not fit.
    pub(super) fn answer(&self, bytes: usize) -> bool {
        self.answered.fetch_add(bytes, Ordering::Relaxed);
        !self.answer_too_large()
    }

    /// Whether there was more to answer than an answer may have.
    pub(super) fn answer_too_large(&self) -> bool {
        self.answered.load(Ordering::Relaxed) > MAX_ANSWER_BYTES
    }
}
