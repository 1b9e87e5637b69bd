//! The contract on RocksDB.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use tempfile::TempDir;
use treering_storage::Store;
use treering_storage::contract::{self, Reopen, Subject};
use treering_storage::rocks::{RocksOptions, RocksStore};

struct Rocks {
    dir: TempDir,
    /// `None` only while it is reopened.
    store: Option<RocksStore>,
}

impl Rocks {
    fn new() -> Self {
        let mut new = Self {
            dir: tempfile::tempdir().unwrap(),
            store: None,
        };
        new.reopen();
        new
    }
}

impl Subject for Rocks {
    fn store(&self) -> &dyn Store {
        self.store.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        // The lock of the old one goes first.
        self.store = None;
        self.store = Some(RocksStore::open(self.dir.path(), &RocksOptions::default()).unwrap());
    }
}

#[test]
fn rocksdb_keeps_the_contract() {
    contract::run(&|| Box::new(Rocks::new()), Reopen::WhenAsked);
}

#[test]
fn rocksdb_keeps_the_contract_without_any_memory() {
    contract::run(&|| Box::new(Rocks::new()), Reopen::AfterEveryCommit);
}
