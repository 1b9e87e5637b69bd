//! Following an honest log: what is verified, kept, and read again or not.

use std::sync::Arc;

use treering_monitor::examine::{Examine, Examined, VerifiedEntry};
use treering_monitor::findings::{Finding, Kind, Severity};
use treering_monitor::follow::{Follow as _, Reach};
use treering_tlog::Hash;

use crate::support::{NAME, World};

/// Keeps every entry as a fact, and finds every hundredth.
struct Everything;

impl Examine for Everything {
    fn examine(&self, entry: &VerifiedEntry<'_>) -> Examined {
        assert_eq!(Hash::leaf(entry.leaf), entry.leaf_hash);
        let index = entry.index.get();
        let kind = Kind::Policy {
            name: "forbidden".to_owned(),
            severity: Severity::Critical,
        };
        let finding = Finding {
            index: Some(index),
            ..Finding::of_log(kind, entry.origin, index.to_string())
        };
        let finding = finding.saying("every hundredth entry is one too many", "none", "one");
        let findings = index.is_multiple_of(100).then_some(finding);
        Examined {
            facts: vec![String::from_utf8(entry.leaf.to_vec()).unwrap()],
            findings: findings.into_iter().collect(),
        }
    }
}

/// As [`Everything`], and dies at an entry.
struct DiesAt(u64);

impl Examine for DiesAt {
    fn examine(&self, entry: &VerifiedEntry<'_>) -> Examined {
        assert_ne!(entry.index.get(), self.0, "the examiner dies here");
        Everything.examine(entry)
    }
}

#[test]
fn what_dies_half_way_leaves_no_gap_and_repeats_nothing() {
    let mut world = World::new(20_000);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    // In the first transaction, in the second, and in the last.
    for entry in [5_000, 12_345, 19_999] {
        world.examiner = Arc::new(DiesAt(entry));
        let monitor = world.start();
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(monitor.pass(Reach::Head))
        }));
        assert!(died.is_err());
        drop(monitor);
        // Facts and findings end where the cursor does, together.
        let state = world.open().unwrap();
        let cursor = state.logs().unwrap()[0].cursor;
        drop(state);
        assert!(cursor <= entry);
        assert_eq!(facts(&world).len() as u64, cursor);
        assert_eq!(world.open_findings().len() as u64, cursor.div_ceil(100));
    }
    world.examiner = Arc::new(Everything);
    runtime.block_on(world.pass());
    assert_eq!(facts(&world), (0..20_000).collect::<Vec<_>>());
    let outbox = world.open().unwrap().read(|connection| {
        let sql = "SELECT count(*), count(DISTINCT fingerprint) FROM outbox";
        Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    });
    assert_eq!(outbox.unwrap(), (200_i64, 200_i64));
}

fn facts(world: &World) -> Vec<i64> {
    let state = world.open().unwrap();
    let read = state.read(|connection| {
        let mut select = connection.prepare("SELECT idx FROM facts ORDER BY idx")?;
        let rows = select.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<Vec<i64>, _>>()?)
    });
    read.unwrap()
}

#[tokio::test]
async fn an_honest_log_is_followed_as_it_grows_and_nothing_is_read_twice() {
    let mut world = World::new(5);
    world.examiner = Arc::new(Everything);
    // Sizes around tile boundaries of two levels.
    for grow in [0, 1, 250, 1, 255, 300, 65_000, 700] {
        world.step(&format!("grow {grow}"));
        let pass = world.pass().await;
        let size = world.log.size();
        assert_eq!((pass.row.cursor, pass.row.size.get()), (size, size));
        assert_eq!(pass.behind(), 0);
        assert_eq!(facts(&world).len() as u64, size);
    }
    let hundredth = world.log.size().div_ceil(100);
    assert_eq!(world.open_findings().len() as u64, hundredth);
    world.net.asked();
    // A pass over a log that has not grown reads its checkpoint and nothing else.
    world.pass().await;
    assert_eq!(world.net.asked(), ["checkpoint"]);
    // The next reads the edge only, although it is another process.
    world.step("grow 10");
    world.pass().await;
    assert!(world.net.asked().len() < 8);
}

#[tokio::test]
async fn what_an_entry_shows_is_proven_to_be_in_the_log() {
    let mut world = World::new(150);
    world.examiner = Arc::new(Everything);
    world.pass().await;
    let found = world.open_findings();
    assert_eq!(found.len(), 2);
    for finding in found {
        assert_eq!(
            (finding.class.as_str(), finding.log.as_str()),
            ("policy", NAME)
        );
        let bytes = std::fs::read(finding.evidence.unwrap()).unwrap();
        let evidence = treering_client::evidence::Evidence::parse(&bytes).unwrap();
        let verdict = treering_client::evidence::verify(&evidence).unwrap();
        let place = format!("number {}", finding.index.unwrap());
        assert!(verdict.proven[0].contains(&place), "{verdict:?}");
        assert!(!verdict.claimed.is_empty());
    }
}

#[tokio::test]
async fn a_pass_with_a_limit_goes_on_where_the_last_one_stopped() {
    let mut world = World::new(7_000);
    world.examiner = Arc::new(Everything);
    let mut positions = Vec::new();
    for _ in 0..3 {
        // Each time a new process.
        let pass = world.start().pass(Reach::Entries(2_500)).await.unwrap();
        positions.push(pass.row.cursor);
    }
    assert_eq!(positions, [2_500, 5_000, 7_000]);
    assert_eq!(facts(&world), (0..7_000).collect::<Vec<_>>());
    assert!(!world.kinds().contains(&"monitor-behind".to_owned()));
}

#[tokio::test]
async fn a_log_behind_its_head_is_said_to_be() {
    let world = World::new(1000);
    world.start().pass(Reach::Entries(256)).await.unwrap();
    assert_eq!(world.kinds(), ["monitor-behind"]);
    world.pass().await;
    assert_eq!(world.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn a_backfill_reads_what_was_before_and_coverage_joins() {
    let mut world = World::new(1000);
    world.examiner = Arc::new(Everything);
    world.first = 600;
    world.pass().await;
    assert_eq!(facts(&world), (600..1000).collect::<Vec<_>>());
    let steps = std::sync::Mutex::new(Vec::new());
    let log = world.start();
    let pass = log
        .backfill(&|done, of| steps.lock().unwrap().push((done, of)))
        .await
        .unwrap();
    drop(log);
    assert_eq!(steps.into_inner().unwrap().last(), Some(&(600, 600)));
    assert_eq!((pass.row.first, pass.row.cursor), (0, 1000));
    assert_eq!(facts(&world), (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_rescan_says_that_its_findings_are_of_a_second_reading() {
    let mut world = World::new(300);
    world.pass().await;
    assert!(world.open_findings().is_empty());
    world.examiner = Arc::new(Everything);
    world.start().rescan(&|_, _| {}).await.unwrap();
    let found = world.open_findings();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|finding| finding.retroactive));
    // And it sees what was changed after it was read first.
    world.step("flip tile/entries/000 900");
    world.start().rescan(&|_, _| {}).await.unwrap();
    assert!(world.kinds().contains(&"log-content-mismatch".to_owned()));
}
