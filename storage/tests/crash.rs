//! kill -9 in the middle of commits: everything that was acknowledged is there, whole, and nothing in part.
//!
//! The test runs itself as a child that commits without end and prints the size of each acknowledged record.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use treering_storage::contract::{Model, entries};
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Edge, Journal, LogId, View, apply};
use treering_tlog::LeafIndex;

const LOG: LogId = LogId(3);
/// Set in the child: the data directory.
const CHILD: &str = "TREERING_CRASH_DIR";
const ROUNDS: usize = 8;

/// Does nothing in the test run; in the child it never returns.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let store = RocksStore::open(Path::new(&dir), &small()).unwrap();
    let mut edge = Edge::load(&store, LOG, store.head(LOG).unwrap()).unwrap();
    loop {
        let first = edge.size().get();
        let count = 1 + usize::try_from(first % 700).unwrap();
        let staged = apply::stage(&edge, LOG, first, entries(LOG, first, count));
        store.commit(&staged).unwrap();
        edge = staged.edge;
        println!("acknowledged {}", edge.size());
    }
}

/// Small buffers, so that tables are written and merged while the child is killed.
fn small() -> RocksOptions {
    RocksOptions {
        write_buffer_bytes: 1 << 20,
        ..RocksOptions::default()
    }
}

#[test]
fn acknowledged_records_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        acknowledged = run_and_kill(dir.path(), 1 + round * 3).max(acknowledged);
        let store = RocksStore::open(dir.path(), &small()).unwrap();
        let head = store.head(LOG).unwrap();
        assert!(
            head.size.get() >= acknowledged,
            "{} of {acknowledged} entries are left",
            head.size
        );
        // Its root is compared with the head's.
        Edge::load(&store, LOG, head).unwrap();
        if round + 1 == ROUNDS {
            replay(&store);
        }
    }
    assert!(
        acknowledged > 10_000,
        "the child got to commit: {acknowledged}"
    );
}

/// Starts a child, waits for so many acknowledgements, kills it, and returns the last size that it has printed.
fn run_and_kill(dir: &Path, acknowledgements: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let size = |line: String| line.strip_prefix("acknowledged ")?.parse::<u64>().ok();
    let first: Vec<_> = lines
        .by_ref()
        .filter_map(size)
        .take(acknowledgements)
        .collect();
    assert_eq!(
        first.len(),
        acknowledgements,
        "the child went on until it was killed"
    );
    kill(&mut child);
    // What it printed before the signal took effect was acknowledged too; a line may be cut off.
    lines.filter_map(size).chain(first).max().unwrap()
}

fn kill(child: &mut Child) {
    // SIGKILL
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Rebuilds the whole log from its records, and compares everything else with it.
fn replay(store: &RocksStore) {
    let head = store.head(LOG).unwrap();
    let mut model = Model::new(LOG);
    while model.edge().size() < head.size {
        let first = model.edge().size().next_index();
        let record = store
            .record(LOG, first)
            .unwrap()
            .expect("a record where the one before it ends");
        assert_eq!(
            store.batch(LOG, first).unwrap().unwrap().size,
            record.size()
        );
        let staged = apply::restage(model.edge(), record).unwrap();
        model.accept(&staged);
    }
    model.check(store);
    assert_eq!(store.entries(LOG, LeafIndex::ZERO, 1).unwrap().len(), 1);
}
