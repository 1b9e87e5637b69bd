//! The numbered journal of what makes no leaf: logs added and frozen.

use std::sync::Arc;

use parking_lot::Mutex;
use treering_storage::{CommitError, Event, Store};

/// Appends events one after another.
pub struct EventLog {
    store: Arc<dyn Store>,
    /// How many events there are. `None` after an append of unknown outcome: nothing may follow it before a restart.
    next: Mutex<Option<u64>>,
}

impl EventLog {
    /// The journal of a store that holds `count` events.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, count: usize) -> Self {
        Self {
            store,
            next: Mutex::new(u64::try_from(count).ok()),
        }
    }

    /// Makes an event durable.
    ///
    /// # Errors
    /// The store's; see [`treering_storage::Journal::append_event`].
    pub fn append(&self, event: &Event) -> Result<(), CommitError> {
        let mut next = self.next.lock();
        let number = next.ok_or_else(|| {
            CommitError::unknown(
                "append event",
                "an earlier event may or may not have been kept; restart the server",
            )
        })?;
        match self.store.append_event(number, event) {
            Ok(()) => {
                *next = number.checked_add(1);
                Ok(())
            }
            Err(error @ CommitError::Full { .. }) => Err(error),
            Err(error) => {
                *next = None;
                Err(error)
            }
        }
    }
}
