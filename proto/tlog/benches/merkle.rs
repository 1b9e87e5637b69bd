//! What a leaf costs between its hash and its proof: the log's write path without its storage.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use treering_tlog::{CompactRange, Growth, Hash};

/// Leaves already in the log: enough for a deep right edge.
const OLD: u64 = 1_000_003;
/// Leaves in a batch: what 100 ms bring at 20,000 leaves a second.
const BATCH: u64 = 2_000;

fn leaf(index: u64) -> Hash {
    Hash::leaf(&index.to_be_bytes())
}

fn edge() -> CompactRange {
    let mut edge = CompactRange::new();
    (0..OLD).for_each(|index| edge.append(leaf(index)));
    edge
}

fn hashing(c: &mut Criterion) {
    let (left, right, kib) = (leaf(0), leaf(1), [7u8; 1024]);
    c.bench_function("hash/node", |b| {
        b.iter(|| Hash::node(black_box(&left), black_box(&right)))
    });
    c.bench_function("hash/leaf of 1 KiB", |b| {
        b.iter(|| Hash::leaf(black_box(&kib)))
    });
}

fn batches(c: &mut Criterion) {
    let edge = edge();
    let leaves: Vec<Hash> = (OLD..OLD + BATCH).map(leaf).collect();
    let grow = |leaves: Vec<Hash>| Growth::new(black_box(&edge), leaves);
    let prove_all = |growth: &Growth| {
        let mut index = growth.old_size().next_index();
        while let Some(proof) = growth.prove(index) {
            black_box(proof);
            index = index.next().expect("far from the largest index");
        }
    };
    let mut group = c.benchmark_group("batch of 2000, per leaf");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("range append", |b| {
        b.iter_batched_ref(
            || edge.clone(),
            |edge| leaves.iter().for_each(|leaf| edge.append(*leaf)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("grow", |b| {
        b.iter_batched(|| leaves.clone(), grow, BatchSize::SmallInput)
    });
    let growth = grow(leaves.clone());
    group.bench_function("prove", |b| b.iter(|| prove_all(&growth)));
    group.bench_function("grow and prove", |b| {
        b.iter_batched(
            || leaves.clone(),
            |leaves| prove_all(&grow(leaves)),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn verifying(c: &mut Criterion) {
    let growth = Growth::new(&edge(), (OLD..OLD + BATCH).map(leaf));
    let index = growth.old_size().next_index();
    let proof = growth.prove(index).expect("the first leaf of the batch");
    let (leaf, root) = (leaf(index.get()), growth.root());
    c.bench_function("verify inclusion", |b| {
        b.iter(|| black_box(&proof).verify(&leaf, &root))
    });
}

criterion_group!(benches, hashing, batches, verifying);
criterion_main!(benches);
