//! Entries verified a second by one core: a whole first pass over a log of tiles, from memory, state on disk included.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use treering_client::LogKey;
use treering_monitor::clock::SystemClock;
use treering_monitor::evil::EvilLog;
use treering_monitor::examine::LogOnly;
use treering_monitor::follow::{Clocks, Follow as _, Reach, Shared, TileLog};
use treering_monitor::judge::Limits;
use treering_monitor::metrics::Metrics;
use treering_monitor::source::{
    Answer, FetchLimits, Fetcher, Request, TileSource, Transport, Trouble,
};
use treering_monitor::state::{Access, State};

const ENTRIES: u64 = 200_000;
/// As long as a log's entry with a certificate.
const ENTRY_LEN: usize = 1_983;

/// Every resource of a log, in memory.
struct Memory(HashMap<String, Bytes>);

#[async_trait]
impl Transport for Memory {
    async fn send(&self, request: Request) -> Result<Answer, Trouble> {
        let path = request.url.path().trim_start_matches('/');
        let body = self.0.get(path).cloned();
        Ok(Answer {
            status: if body.is_some() { 200 } else { 404 },
            body: body.unwrap_or_default(),
            ..Answer::default()
        })
    }
}

fn follow(criterion: &mut Criterion) {
    let log = EvilLog::new("bench.example.org", 1, 0);
    log.add((0..ENTRIES).map(|index| {
        let mut leaf = index.to_string().into_bytes();
        leaf.resize(ENTRY_LEN, b' ');
        leaf
    }));
    let paths = log.paths().into_iter();
    let bodies = paths.map(|path| (path.clone(), Bytes::from(log.respond(&path).body)));
    let memory: Arc<dyn Transport> = Arc::new(Memory(bodies.collect()));
    let key = LogKey::from_vkey(&log.vkey()).expect("a key that was made here");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let start = || {
        let dir = tempfile::tempdir().expect("a folder");
        let state = State::open(dir.path(), Access::Follow).expect("new state");
        let shared = Shared {
            state: Arc::new(state),
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            policy: None,
            examiner: Arc::new(LogOnly),
            clocks: Arc::new(Clocks::default()),
            metrics: Arc::new(Metrics::new()),
        };
        let limits = FetchLimits::default();
        let fetcher = Fetcher::new(Arc::clone(&memory), Arc::new(SystemClock), limits);
        let base = "http://log".parse().expect("an address");
        let source = TileSource::new(Arc::new(fetcher), base);
        let log = TileLog::new(shared, source, key.clone(), Vec::new(), 0);
        (log.expect("a new log"), dir)
    };
    let mut group = criterion.benchmark_group("monitor");
    group
        .throughput(Throughput::Elements(ENTRIES))
        .sample_size(10);
    group.bench_function("first_pass", |bencher| {
        bencher.iter_batched(
            start,
            |(log, dir)| {
                let pass = runtime.block_on(log.pass(Reach::Head)).expect("a pass");
                assert_eq!(pass.row.cursor, ENTRIES);
                dir
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, follow);
criterion_main!(benches);
