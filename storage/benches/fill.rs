//! Fills a store and prints, for each tenth of the way, what an entry costs, and the memory and disk it has taken.
//!
//! `cargo bench -p treering-storage --bench fill -- 10000000 512 5`: entries, entries in a batch, and terms an entry.
//! One of an entry's terms is shared by a thousand entries, the others are its own.

#![expect(clippy::print_stdout, reason = "a bench prints what it measures")]

mod support;

use std::time::Instant;

use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Edge, Journal, LogId, Staged, Term, View, apply, keys};
use treering_tlog::LeafIndex;

const LOG: LogId = LogId(1);

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse::<usize>().ok());
    let entries = numbers.next().unwrap_or(200_000);
    let batch = numbers.next().unwrap_or(512);
    let terms = numbers.next().unwrap_or(0);
    let dir = tempfile::tempdir().expect("a folder");
    let store = RocksStore::open(dir.path(), &RocksOptions::default()).expect("a store");
    let mut edge = Edge::new();
    println!(
        "   entries  entries/s  us CPU/entry  bytes written/entry  slowest ms  RSS MB  disk MB"
    );
    for _ in 0..10 {
        edge = tenth(&store, edge, entries / 10, [batch, terms]);
    }
    measure_terms(&store, edge.size().get() * terms as u64);
    reopen(store, &dir);
}

/// Commits that many entries, each looked up first as the server does, and prints a line.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn tenth(store: &RocksStore, mut edge: Edge, entries: usize, [batch, terms]: [usize; 2]) -> Edge {
    let (cpu, written) = (cpu_us(), field("/proc/self/io", "write_bytes:"));
    let (mut busy, mut slowest) = (0.0, 0.0_f64);
    let batches = entries.div_ceil(batch);
    for _ in 0..batches {
        let fresh = support::entries(edge.size().get(), batch);
        let hashes: Vec<_> = fresh.iter().map(|entry| entry.leaf_hash).collect();
        let start = Instant::now();
        let known = store.indexes(LOG, &hashes).expect("indexes");
        assert!(
            known.iter().all(Option::is_none),
            "no entry is known before"
        );
        let staged = with_terms(apply::stage(&edge, LOG, 0, fresh), terms);
        store.commit(&staged).expect("a commit");
        let took = start.elapsed().as_secs_f64();
        edge = staged.edge;
        busy += took;
        slowest = slowest.max(took);
    }
    let done = (batches * batch) as u64;
    println!(
        "{:>10} {:>10.0} {:>13.1} {:>20} {:>11.1} {:>7} {:>8}",
        edge.size().get(),
        done as f64 / busy,
        (cpu_us() - cpu) as f64 / done as f64,
        (field("/proc/self/io", "write_bytes:") - written) / done,
        slowest * 1e3,
        field("/proc/self/status", "VmRSS:") >> 10,
        store.size_on_disk().expect("a size") >> 20,
    );
    edge
}

/// So many terms for each entry, hashed as the server does.
fn with_terms(staged: Staged, count: usize) -> Staged {
    let of = |index: u64, number: usize| match number {
        0 => Term::new(1, &format!("shared {}", index / 1000)),
        _ => Term::new(1, &format!("{index}:{number}")),
    };
    let indexes = staged.record.first.get()..staged.record.size().get();
    let terms = indexes.flat_map(|index| {
        let at = LeafIndex::new(index).expect("an index of the record");
        (0..count).map(move |number| (of(index, number), at))
    });
    staged.with_terms(terms).expect("a few terms an entry")
}

/// The bytes that a term takes in the end.
fn measure_terms(store: &RocksStore, rows: u64) {
    if rows > 0 {
        let bytes = store.compacted_bytes(keys::TERMS).expect("a merge");
        println!(
            "{rows} terms take {:.1} bytes each",
            bytes as f64 / rows as f64
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn reopen(store: RocksStore, dir: &tempfile::TempDir) {
    drop(store);
    let start = Instant::now();
    let store = RocksStore::open(dir.path(), &RocksOptions::default()).expect("a store");
    let opened = start.elapsed().as_secs_f64() * 1e3;
    let edge = Edge::load(&store, LOG, store.head(LOG).expect("a head")).expect("the edge");
    let loaded = start.elapsed().as_secs_f64() * 1e3 - opened;
    println!(
        "opened again in {opened:.0} ms, edge of {} loaded in {loaded:.0} ms",
        edge.size()
    );
}

/// The number behind a name in a file of /proc.
fn field(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).expect("Linux");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("a line of that name");
    line.split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// User and system time of all threads, in microseconds (the kernel counts hundredths of a second).
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|number| number.parse::<u64>().expect("ticks"));
    ticks.sum::<u64>() * 10_000
}
