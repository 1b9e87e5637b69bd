//! One at a time of those that are about the same payload: from the look at the entries to the entry, nothing of it comes between.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use treering_api::reject::{Reject, RejectKind};
use treering_tlog::Hash;

/// The most payloads that are worked on at once.
const MAX_PAYLOADS: usize = 4096;
/// The most that are about one payload at once: it takes one commit after the other to log them.
const MAX_OF_ONE: usize = 64;

/// Who is about which payload now.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Hash, Queue>>);

#[derive(Default)]
struct Queue {
    lock: Arc<AsyncMutex<()>>,
    /// Those that wait, and the one whose turn it is.
    users: usize,
}

/// The turn of one; over when dropped.
pub(super) struct Turn<'t> {
    turns: &'t Turns,
    payload: Hash,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for one's turn with the payload of this SHA-256.
    ///
    /// # Errors
    /// `Busy` if too many wait.
    pub(super) async fn of(&self, payload: Hash) -> Result<Turn<'_>, Reject> {
        let lock = self.enter(payload)?;
        // Before it waits, so that it leaves when nobody waits for it any longer.
        let mut turn = Turn {
            turns: self,
            payload,
            guard: None,
        };
        turn.guard = Some(lock.lock_owned().await);
        Ok(turn)
    }

    fn enter(&self, payload: Hash) -> Result<Arc<AsyncMutex<()>>, Reject> {
        let mut queues = self.0.lock();
        let users = queues.get(&payload).map_or(0, |queue| queue.users);
        if users >= MAX_OF_ONE {
            return Err(Reject::mismatch(
                RejectKind::Busy,
                format!("at most {MAX_OF_ONE} envelopes of one payload at once"),
                format!("{users} already"),
            ));
        }
        if users == 0 && queues.len() >= MAX_PAYLOADS {
            return Err(Reject::mismatch(
                RejectKind::Busy,
                format!("at most {MAX_PAYLOADS} payloads at once"),
                "as many already",
            ));
        }
        let queue = queues.entry(payload).or_default();
        queue.users += 1;
        Ok(Arc::clone(&queue.lock))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut queues = self.turns.0.lock();
        if let Some(queue) = queues.get_mut(&self.payload) {
            queue.users -= 1;
            if queue.users == 0 {
                queues.remove(&self.payload);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn is_ready<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
        poll(future).is_ready()
    }

    #[test]
    fn the_same_payload_waits_and_another_does_not() {
        let turns = Turns::default();
        let (one, other) = (Hash::of(b"one"), Hash::of(b"other"));
        let Poll::Ready(first) = poll(pin!(turns.of(one))) else {
            panic!("nobody else is there");
        };
        assert!(is_ready(pin!(turns.of(other))), "and gone again");
        {
            let mut second = pin!(turns.of(one));
            assert!(!is_ready(second.as_mut()));
            assert!(!is_ready(pin!(turns.of(one))), "given up");
            drop(first);
            assert!(is_ready(second));
        }
        assert!(
            turns.0.lock().is_empty(),
            "nothing is left of those that are gone"
        );
    }

    #[test]
    fn too_many_are_busy() {
        let turns = Turns::default();
        let hash = |number: usize| Hash::of(&number.to_be_bytes());
        for _ in 0..MAX_OF_ONE {
            turns.enter(hash(0)).unwrap();
        }
        assert_eq!(turns.enter(hash(0)).unwrap_err().kind, RejectKind::Busy);
        for number in 1..MAX_PAYLOADS {
            turns.enter(hash(number)).unwrap();
        }
        let more = turns.enter(hash(MAX_PAYLOADS));
        assert_eq!(more.unwrap_err().kind, RejectKind::Busy);
        turns.enter(hash(1)).expect("is there already");
    }
}
