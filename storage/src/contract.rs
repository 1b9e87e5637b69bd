//! The contract of [`Journal`](crate::Journal), [`View`](crate::View) and [`Documents`](crate::Documents), executable. Every backend and every
//! decorator passes it; a check that fails panics and says what it expected.

mod checks;
mod documents;
mod model;
mod races;
mod terms;
mod timestamps;

use crate::Store;

pub use model::{Model, entries, terms};

/// A store under test that can be closed and opened again, losing nothing that was acknowledged.
pub trait Subject {
    /// The store, as it is open now.
    fn store(&self) -> &dyn Store;
    /// Closes it and opens it again.
    fn reopen(&mut self);
}

/// When the suite closes and opens the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reopen {
    /// Where a check is about reopening.
    WhenAsked,
    /// After every commit as well, so that nothing is answered from memory.
    AfterEveryCommit,
}

/// Runs the suite. `make` returns a new, empty store each time.
///
/// # Panics
/// If the store breaks the contract.
pub fn run(make: &dyn Fn() -> Box<dyn Subject>, reopen: Reopen) {
    for (name, check) in CHECKS {
        println_for_failures(name);
        check(&mut Run {
            subject: make(),
            reopen,
        });
    }
}

/// Tests capture this and show it only if a check panics.
#[expect(clippy::print_stdout, reason = "test code: names the check that fails")]
fn println_for_failures(name: &str) {
    println!("contract: {name}");
}

/// What is done to a new store.
type Check = fn(&mut Run);

/// One check on one store.
struct Run {
    subject: Box<dyn Subject>,
    reopen: Reopen,
}

impl Run {
    fn store(&self) -> &dyn Store {
        self.subject.store()
    }

    /// Called after every commit.
    fn step(&mut self) {
        if self.reopen == Reopen::AfterEveryCommit {
            self.subject.reopen();
        }
    }

    /// Commits the next `count` entries of a model.
    fn commit(&mut self, model: &mut Model, count: usize) {
        let staged = model.stage(count);
        self.store()
            .commit(&staged)
            .expect("the next record of the log");
        model.accept(&staged);
        self.step();
    }
}

/// What is checked, in order, each on a new store.
const CHECKS: &[(&str, Check)] = &[
    ("an empty store", checks::empty),
    ("records and what follows from them", checks::grows),
    ("two logs", checks::logs_are_apart),
    ("a wrong first index", checks::conflict),
    ("a batch of nothing", checks::nothing),
    ("dedup", checks::dedup),
    ("envelopes", checks::envelopes),
    ("events", checks::events),
    ("pages of a term", terms::pages),
    ("terms of two logs and classes", terms::apart),
    ("terms of a refused record", terms::refused),
    ("terms that are rebuilt", terms::rebuilt),
    ("the first timestamp stays", timestamps::first_stays),
    ("timestamps that are refused", timestamps::refused),
    ("many timestamps", timestamps::many),
    ("documents that are held", documents::holds),
    ("many documents", documents::many),
    ("documents that are attached", documents::attaches),
    ("documents of several entries", documents::first_entry_stays),
    ("a record releases documents", documents::commit_releases),
    (
        "documents of a refused record",
        documents::refused_record_releases_nothing,
    ),
    ("a race of holders", documents::races::holders),
    (
        "a race of holders and attachers",
        documents::races::holders_and_attachers,
    ),
    (
        "a race of attachers and expiry",
        documents::races::attachers_and_expiry,
    ),
    ("readers of documents", documents::races::readers),
    ("a race of writers", races::writers),
    ("a race of events", races::events),
    ("a race of timestamps", races::timestamps),
    ("readers beside a writer", races::readers),
];
