//! What a commit costs, by batch size: staging (hashes, tiles) and the synced write, apart.

mod support;

use std::cell::RefCell;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Edge, Journal, LogId, View, apply};
use treering_tlog::Hash;

const LOG: LogId = LogId(1);
const SIZES: [usize; 3] = [64, 512, 4096];

fn commit(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = RocksStore::open(dir.path(), &RocksOptions::default()).expect("a store");
    let edge = RefCell::new(Edge::new());
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(30);
    for size in SIZES {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(size.to_string(), |bencher| {
            let stage = || {
                let mut edge = edge.borrow_mut();
                let staged = apply::stage(&edge, LOG, 0, support::entries(edge.size().get(), size));
                *edge = staged.edge.clone();
                staged
            };
            bencher.iter_batched(
                stage,
                |staged| store.commit(&staged).expect("a commit"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn stage(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stage");
    for size in SIZES {
        let entries = support::entries(0, size);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(size.to_string(), |bencher| {
            let edge = Edge::new();
            bencher.iter_batched(
                || entries.clone(),
                |entries| apply::stage(&edge, LOG, 0, entries),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn indexes(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = RocksStore::open(dir.path(), &RocksOptions::default()).expect("a store");
    let mut edge = Edge::new();
    for _ in 0..50 {
        let staged = apply::stage(&edge, LOG, 0, support::entries(edge.size().get(), 4096));
        store.commit(&staged).expect("a commit");
        edge = staged.edge;
    }
    let known: Vec<_> = support::entries(100_000, 512)
        .iter()
        .map(|entry| entry.leaf_hash)
        .collect();
    let unknown: Vec<_> = (0..512_u32)
        .map(|at| Hash::leaf(&at.to_be_bytes()))
        .collect();
    let mut group = criterion.benchmark_group("indexes");
    group.throughput(Throughput::Elements(512));
    for (name, hashes) in [("known", known), ("unknown", unknown)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| store.indexes(LOG, &hashes).expect("indexes"))
        });
    }
    group.finish();
}

criterion_group!(benches, stage, commit, indexes);
criterion_main!(benches);
