//! Readers beside a server that moves its files.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::sync::Barrier;

use treering_storage::contract::Model;
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Journal, LogId};

const LOG: LogId = LogId(1);
const ROUNDS: usize = 10;
/// How often the writer opens the database in a round. Opening writes the rows of the log into tables, drops the log
/// and merges tables; a reader that comes to the end of the round finds it at rest.
const OPENS: usize = 3;

fn write(dir: &std::path::Path, model: &mut Model) {
    let store = RocksStore::open(dir, &RocksOptions::default()).unwrap();
    for _ in 0..5 {
        let staged = model.stage(10);
        store.commit(&staged).unwrap();
        model.accept(&staged);
    }
}

#[test]
fn a_reader_sees_all_that_was_there_whatever_the_server_merges_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::new(LOG);
    write(dir.path(), &mut model);
    let round = Barrier::new(2);
    let mut opened = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                round.wait();
                (0..OPENS).for_each(|_| write(dir.path(), &mut model));
                round.wait();
            }
        });
        for _ in 0..ROUNDS {
            round.wait();
            let open = || RocksStore::open_read_only(dir.path());
            opened.extend((0..OPENS).map(|_| open()?.head(LOG)));
            round.wait();
        }
    });
    let mut before = 50;
    for (number, head) in opened.into_iter().enumerate() {
        let size = head
            .unwrap_or_else(|error| panic!("reader {number}: {error}"))
            .size
            .get();
        assert!(size >= before, "reader {number}: {size} after {before}");
        before = size;
    }
    let last = RocksStore::open_read_only(dir.path()).unwrap();
    model.check(&last);
}
