//! Coalescing writes behind the caller's back.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::StoreError;

/// The shortest time from one fsync to the next, unless somebody waits: a checkpoint that is a second old still tells
/// a database that went back, and an fsync costs the commits some 0.3 ms.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// There is something to write, or to stop.
    work: Condvar,
    /// Somebody waits: no pause now.
    hurry: Condvar,
    /// A try is over.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By log: the newest note that is not written yet.
    pending: BTreeMap<String, String>,
    /// The number of notes that were ever recorded, and of those that are durable (or were overtaken).
    recorded: u64,
    durable: u64,
    /// The number of tries that are over.
    tries: u64,
    urgent: bool,
    stop: bool,
    error: Option<StoreError>,
}

impl Shared {
    pub(super) fn record(&self, name: &str, note: &str) {
        let mut state = self.state.lock();
        state.pending.insert(name.to_owned(), note.to_owned());
        state.recorded += 1;
        self.work.notify_one();
    }

    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let target = state.recorded;
        // One try may be under way that began before our notes; the one after it has them.
        let give_up = state.tries + 2;
        while state.durable < target {
            if let (true, Some(error)) = (state.tries >= give_up, &state.error) {
                return Err(error.clone());
            }
            state.urgent = true;
            self.hurry.notify_one();
            self.done.wait(&mut state);
        }
        Ok(())
    }

    pub(super) fn last_error(&self) -> Option<StoreError> {
        self.state.lock().error.clone()
    }

    pub(super) fn stop(&self) {
        self.state.lock().stop = true;
        self.work.notify_one();
        self.hurry.notify_one();
    }

    /// The body of the thread.
    pub(super) fn run(&self, write: &impl Fn(&str, &str) -> Result<(), StoreError>) {
        let mut state = self.state.lock();
        loop {
            while state.pending.is_empty() {
                if state.stop {
                    return;
                }
                self.work.wait(&mut state);
            }
            let failed = self.write_all(&mut state, write);
            if state.stop && failed {
                return;
            }
            if !state.urgent && !state.stop {
                self.hurry.wait_for(&mut state, PAUSE);
            }
        }
    }

    /// One try, without holding the lock while the disk works. What fails stays pending. Returns whether it failed.
    fn write_all(
        &self,
        state: &mut MutexGuard<'_, State>,
        write: &impl Fn(&str, &str) -> Result<(), StoreError>,
    ) -> bool {
        let pending = mem::take(&mut state.pending);
        let recorded = state.recorded;
        state.urgent = false;
        let (failed, error) = MutexGuard::unlocked(state, || write_each(pending, write));
        state.tries += 1;
        state.error = error;
        let any = !failed.is_empty();
        if !any {
            state.durable = recorded;
        }
        for (name, note) in failed {
            // A newer note may have come meanwhile.
            state.pending.entry(name).or_insert(note);
        }
        self.done.notify_all();
        any
    }
}

/// Writes them all, and returns those that failed with the error of the last one.
fn write_each(
    notes: BTreeMap<String, String>,
    write: &impl Fn(&str, &str) -> Result<(), StoreError>,
) -> (BTreeMap<String, String>, Option<StoreError>) {
    let (mut failed, mut last) = (BTreeMap::new(), None);
    for (name, note) in notes {
        if let Err(error) = write(&name, &note) {
            failed.insert(name, note);
            last = Some(error);
        }
    }
    (failed, last)
}
