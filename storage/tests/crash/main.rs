//! kill -9 in the middle of commits: everything that was acknowledged is there, whole, and nothing in part. What is
//! kept beside the entries is as it was, or lost. Documents are held, attached, logged or gone, with their bodies.
//!
//! The test runs itself as a child that commits without end and prints the size of each acknowledged record.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod documents;

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use treering_storage::contract::{Model, entries, terms};
use treering_storage::envelopes::EnvelopeFiles;
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{CommitError, Edge, Journal, LogId, Staged, View, apply};
use treering_tlog::LeafIndex;

const LOG: LogId = LogId(3);
/// Set in the child: the data directory.
const CHILD: &str = "TREERING_CRASH_DIR";
const ROUNDS: usize = 8;

/// Does nothing in the test run; in the child it commits until it is killed.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let store = RocksStore::open(Path::new(&dir), &small()).unwrap();
    let files = EnvelopeFiles::open(Path::new(&dir)).unwrap();
    let error = commit_until_failure(&store, Some(&files));
    panic!("a commit failed: {error}");
}

/// Does nothing in the test run; in the child it commits until the system refuses to write.
#[test]
fn limited_child() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let store = RocksStore::open(Path::new(&dir), &RocksOptions::default()).unwrap();
    let error = commit_until_failure(&store, None);
    println!("first {error:?}");
    // The same store takes nothing any more, whatever the disk would do.
    let edge = Edge::load(&store, LOG, store.head(LOG).unwrap()).unwrap();
    let staged = apply::stage(&edge, LOG, 0, entries(LOG, edge.size().get(), 1));
    println!("then {:?}", store.commit(&staged).unwrap_err());
    for error in documents::all_fail(&store) {
        println!("document {error:?}");
    }
}

/// Prints the size after each acknowledged record.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn commit_until_failure(store: &RocksStore, files: Option<&EnvelopeFiles>) -> CommitError {
    let mut edge = Edge::load(store, LOG, store.head(LOG).unwrap()).unwrap();
    loop {
        let first = edge.size().get();
        let count = 1 + usize::try_from(first % 700).unwrap();
        let mut staged = staged(&edge, first, count);
        if let Some(files) = files {
            staged = documents::hold(store, files, staged);
        }
        if let Err(error) = store.commit(&staged) {
            return error;
        }
        if files.is_some() {
            documents::settle(store, first);
        }
        edge = staged.edge;
        println!("acknowledged {}", edge.size());
        let fresh = (first..edge.size().get()).map(|index| (at(index), timestamp(index)));
        store
            .keep_timestamps(LOG, &fresh.collect::<Vec<_>>())
            .unwrap();
    }
}

/// Entries with the terms that the model expects of them.
fn staged(edge: &Edge, first: u64, count: usize) -> Staged {
    let entries = entries(LOG, first, count);
    let terms: Vec<_> = terms(at(first), &entries).collect();
    let staged = apply::stage(edge, LOG, first, entries);
    staged.with_terms(terms).unwrap()
}

fn timestamp(index: u64) -> Bytes {
    format!("{index}: {}", "s".repeat(70)).into()
}

fn at(index: u64) -> LeafIndex {
    LeafIndex::new(index).unwrap()
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
    let (mut acknowledged, mut torn) = (0, HashSet::new());
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
        assert_kept_or_lost(&store);
        let last = head
            .size
            .last()
            .and_then(|last| store.batch(LOG, last).unwrap());
        torn.extend([head.size.get(), last.unwrap().first.get()]);
        documents::check(&store, dir.path(), &torn);
        if round + 1 == ROUNDS {
            replay(&store);
        }
    }
    assert!(
        acknowledged > 10_000,
        "the child got to commit: {acknowledged}"
    );
}

/// Timestamps that a crash has lost are not there, and no entry has that of another.
fn assert_kept_or_lost(store: &RocksStore) {
    let found = store.timestamps(LOG, LeafIndex::ZERO, usize::MAX).unwrap();
    assert_eq!(found.len() as u64, store.head(LOG).unwrap().size.get());
    for (index, kept) in (0..).zip(found) {
        assert!(
            kept.is_none() || kept == Some(timestamp(index)),
            "{index}: {kept:?}"
        );
    }
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

/// A write-ahead log that the system refuses to grow: the commit is unknown, the store stops, and what was
/// acknowledged is there at the next start.
#[test]
fn a_failed_write_stops_the_store() {
    let dir = tempfile::tempdir().unwrap();
    // An ignored signal stays ignored in the program that the shell becomes, so writing beyond 4 MiB is an error.
    let script = r#"trap '' XFSZ; ulimit -f 8192; exec "$0" --exact limited_child --nocapture"#;
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |start: &str| {
        text.lines()
            .rev()
            .find_map(|line| line.strip_prefix(start))
            .unwrap_or("")
    };
    let refused = text
        .lines()
        .filter(|line| line.starts_with("document Unknown"));
    assert_eq!(
        refused.filter(|line| line.contains("earlier")).count(),
        3,
        "{text}"
    );
    assert!(
        line("first ").starts_with("Unknown") && line("first ").contains("too large"),
        "{text}"
    );
    assert!(
        line("then ").starts_with("Unknown") && line("then ").contains("earlier"),
        "{text}"
    );
    let acknowledged: u64 = line("acknowledged ").parse().unwrap();
    let store = RocksStore::open(dir.path(), &RocksOptions::default()).unwrap();
    assert!(store.head(LOG).unwrap().size.get() >= acknowledged && acknowledged > 0);
    replay(&store);
}
