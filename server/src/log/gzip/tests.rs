use std::io::Read as _;

use ed25519_dalek::SigningKey;
use flate2::read::MultiGzDecoder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use treering_api::log::{Dialect, LogName};
use treering_storage::memory::MemoryStore;
use treering_storage::record::RecordEntry;
use treering_storage::{Edge, Journal as _, LogId, apply};
use treering_tlog::entry_bundle;

use super::super::commit::Published;
use super::super::signer::Signer;
use super::super::{LogIdentity, Ready, State};
use super::*;
use crate::metrics::Metrics;

const BUNDLES: u64 = 8;

fn leaf(index: u64) -> String {
    format!("{{\"leaf\":{index},\"text\":\"{}\"}}", "again ".repeat(40))
}

fn bundle(index: u64) -> Vec<u8> {
    let leaves: Vec<String> = (index * 256..(index + 1) * 256).map(leaf).collect();
    entry_bundle::encode(leaves.iter().map(String::as_bytes)).unwrap()
}

/// A log of so many full bundles and one entry, whose bundles that compressor makes.
fn log(compressor: Arc<Compressor>, cache_bytes: usize, metrics: &Metrics) -> Arc<SharedLog> {
    let store = MemoryStore::new();
    let entries = (0..=BUNDLES * 256)
        .map(|index| RecordEntry::new(leaf(index).into(), None))
        .collect();
    let staged = apply::stage(&Edge::new(), LogId(0), 5, entries);
    store.commit(&staged).unwrap();
    let signer = Signer::new("log.example.org", SigningKey::from_bytes(&[7; 32])).unwrap();
    let (checkpoint, note) = signer.sign(&staged.edge);
    let name = LogName::new("a").unwrap();
    let ready = Ready {
        cache_bytes,
        compressor,
        metrics: metrics.log(&name),
        rekor_v1: None,
    };
    let identity = LogIdentity {
        id: LogId(0),
        name,
        dialect: Dialect::RekorV2,
        origin: "log.example.org".to_owned(),
        vkey: signer.verifier().to_string(),
        key_id: signer.verifier().full_id(),
    };
    let published = Published {
        note,
        checkpoint,
        edge: staged.edge,
        growth: None,
        integrated_time: 5,
        rekor_v1_note: std::sync::OnceLock::new(),
    };
    let failure = watch::Sender::new(None);
    SharedLog::new(
        Arc::new(identity),
        Arc::new(store),
        published,
        State::Active,
        failure,
        ready,
    )
}

fn running(cache_bytes: usize, metrics: &Metrics) -> Arc<SharedLog> {
    log(Arc::new(Compressor::start().unwrap()), cache_bytes, metrics)
}

/// A compressor without its thread: what is queued stays queued until the test works it off.
fn halted(places: usize) -> (Arc<Compressor>, Receiver<Job>) {
    let (sender, receiver) = bounded(places);
    let compressor = Compressor {
        queue: Mutex::new(Some(sender)),
        worker: Mutex::new(None),
        stopping: Arc::default(),
    };
    (Arc::new(compressor), receiver)
}

fn compressed(metrics: &Metrics) -> u64 {
    let text = metrics.text();
    let name = "treering_bundles_compressed_total{log=\"a\"} ";
    let count = text.lines().find_map(|line| line.strip_prefix(name));
    count.unwrap().parse().unwrap()
}

fn unzipped(gzipped: &Gzipped) -> Vec<u8> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(&gzipped.bytes[..])
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// Does what the thread does with what is queued now.
fn work_off(queue: &Receiver<Job>) {
    let jobs: Vec<Job> = queue.try_iter().collect();
    let (sender, receiver) = bounded(jobs.len());
    for job in jobs {
        sender.send(job).ok().unwrap();
    }
    drop(sender);
    work(&receiver, &AtomicBool::new(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_compressed_once_however_many_ask_for_it() {
    let metrics = Metrics::new();
    let log = running(1 << 20, &metrics);
    let mut readers = JoinSet::new();
    for number in 0..200 {
        let log = Arc::clone(&log);
        readers.spawn(async move { (number % 2, log.gzipped(number % 2).await) });
    }
    while let Some(read) = readers.join_next().await {
        let (index, gzipped) = read.unwrap();
        assert_eq!(unzipped(&gzipped.unwrap()), bundle(index));
    }
    assert_eq!(compressed(&metrics), 2, "of 200 readers two");
    assert!(log.gzipped(BUNDLES).await.is_none(), "not full");
    assert!(log.gzipped(BUNDLES + 1).await.is_none(), "not there");
    assert_eq!(compressed(&metrics), 2);
}

#[tokio::test]
async fn who_asks_while_it_waits_or_is_made_gets_the_same() {
    let metrics = Metrics::new();
    let (compressor, queue) = halted(8);
    let log = log(compressor, 1 << 20, &metrics);
    let mut readers = JoinSet::new();
    for _ in 0..50 {
        let log = Arc::clone(&log);
        readers.spawn(async move { log.gzipped(3).await });
    }
    // One thread: all of them have asked when this task is heard again.
    while queue.is_empty() {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert_eq!(queue.len(), 1, "one job for all");
    work_off(&queue);
    let all = readers.join_all().await;
    assert_eq!(all.len(), 50);
    let first = all[0].clone().unwrap();
    assert!(all.iter().all(|each| each.as_ref() == Some(&first)));
    assert_eq!((unzipped(&first), compressed(&metrics)), (bundle(3), 1));
    assert!(log.gzip.waiting.lock().is_empty());
}

#[tokio::test]
async fn a_commit_has_its_bundles_made_and_never_waits() {
    let metrics = Metrics::new();
    let (compressor, queue) = halted(QUEUE_AHEAD + 1);
    let log = log(compressor, 1 << 20, &metrics);
    let size = |size| TreeSize::new(size).unwrap();
    log.compress_new(size(0), size(255));
    assert!(queue.is_empty(), "none is full");
    log.compress_new(size(255), size(256));
    log.compress_new(size(256), size(3 * 256 + 5));
    let queued: Vec<u64> = queue.try_iter().map(|job| job.index).collect();
    assert_eq!(queued, [0, 1, 2]);
    // Nobody works: what is too much is left, and readers still find a place.
    log.gzip.waiting.lock().clear();
    log.compress_new(size(0), size(100_000 * 256));
    assert_eq!(
        (queue.len(), log.gzip.waiting.lock().len()),
        (QUEUE_AHEAD, QUEUE_AHEAD)
    );
    let reader = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.gzipped(QUEUE_AHEAD as u64).await }
    });
    while queue.len() == QUEUE_AHEAD {
        tokio::task::yield_now().await;
    }
    let turned_away = log.gzipped(QUEUE_AHEAD as u64 + 1).await;
    assert_eq!(turned_away, None, "a full queue: the bundle as it is");
    work_off(&queue);
    assert_eq!(reader.await.unwrap(), None, "beyond the tree");
    assert_eq!(compressed(&metrics), BUNDLES);
    assert!(log.gzip.waiting.lock().is_empty());
    let ready = log.gzipped(0).await.unwrap();
    assert_eq!((unzipped(&ready), queue.len()), (bundle(0), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_below_the_limit_and_what_was_dropped_is_made_again() {
    let one = Gzipped::make(&bundle(0)).unwrap().len();
    let limit = 4 * one + 200;
    let metrics = Metrics::new();
    let log = running(limit, &metrics);
    let mut first = HashMap::new();
    for round in 0..3 {
        for index in 0..BUNDLES {
            let gzipped = log.gzipped(index).await.unwrap();
            assert_eq!(unzipped(&gzipped), bundle(index));
            assert_eq!(
                *first.entry(index).or_insert_with(|| gzipped.clone()),
                gzipped,
                "round {round}"
            );
            assert!(
                log.cache.bytes() <= limit,
                "{} of {limit}",
                log.cache.bytes()
            );
        }
    }
    assert!(compressed(&metrics) > BUNDLES, "the limit was felt");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_and_without_a_cache_readers_get_what_there_is() {
    let metrics = Metrics::new();
    let compressor = Arc::new(Compressor::start().unwrap());
    let log = log(Arc::clone(&compressor), 0, &metrics);
    for made in 1..3 {
        assert_eq!(unzipped(&log.gzipped(0).await.unwrap()), bundle(0));
        assert_eq!(compressed(&metrics), made, "nothing is kept");
    }
    compressor.stop();
    assert_eq!(log.gzipped(0).await, None);
    log.compress_new(TreeSize::ZERO, TreeSize::new(256).unwrap());
    assert!(log.gzip.waiting.lock().is_empty());
}
