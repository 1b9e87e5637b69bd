//! The contract on the reference model, and on the decorator that injects faults while it injects none.

use treering_storage::Store;
use treering_storage::contract::{self, Reopen, Subject};
use treering_storage::faulty::Faulty;
use treering_storage::memory::MemoryStore;

/// A restart is a clone that goes on with the shared state.
struct Memory(MemoryStore);

impl Subject for Memory {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    fn reopen(&mut self) {
        self.0 = self.0.clone();
    }
}

struct Decorated(Faulty<MemoryStore>);

impl Subject for Decorated {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    fn reopen(&mut self) {
        self.0 = Faulty::new(self.0.inner().clone());
    }
}

#[test]
fn memory_keeps_the_contract() {
    contract::run(
        &|| Box::new(Memory(MemoryStore::new())),
        Reopen::AfterEveryCommit,
    );
}

#[test]
fn a_decorator_without_faults_keeps_the_contract() {
    contract::run(
        &|| Box::new(Decorated(Faulty::new(MemoryStore::new()))),
        Reopen::WhenAsked,
    );
}
