//! Each way in which a log can misbehave, what it is called, and what shows it.

use std::time::Duration;

use crate::support::World;
use treering_client::evidence::Proof;

#[tokio::test]
async fn a_fork_at_equal_size_is_proven_by_two_notes_at_once() {
    for size in [1, 5, 256, 300] {
        let world = World::new(size);
        world.pass().await;
        world.step(&format!("fork {}", size - 1));
        let pass = world.pass().await;
        assert_eq!(pass.row.cursor, size);
        assert_eq!(world.kinds(), ["log-fork"]);
        let (evidence, verdict) = world.evidence("log-fork");
        assert_eq!((evidence.notes.len(), verdict.proof), (2, Proof::T));
        assert!(evidence.nodes.is_empty());
    }
}

#[tokio::test]
async fn an_extended_fork_is_proven_wherever_the_trees_part() {
    for (size, grow) in [(1, 1), (4, 4), (256, 1), (300, 300), (65_000, 900)] {
        for at in [0, size / 2, size - 1] {
            if size > 60_000 && at != size - 1 {
                continue;
            }
            let world = World::new(size);
            world.pass().await;
            world.step(&format!("fork {at} {grow}"));
            let pass = world.pass().await;
            // The other tree is never taken, nor is any entry of it examined.
            assert_eq!((pass.row.size.get(), pass.row.cursor), (size, size));
            assert_eq!(world.kinds(), ["log-fork"], "{size} {at}");
            let (evidence, verdict) = world.evidence("log-fork");
            assert_eq!(verdict.proof, Proof::T);
            assert!(!evidence.nodes.is_empty());
        }
    }
}

#[tokio::test]
async fn a_smaller_tree_that_is_no_beginning_is_a_fork_at_once() {
    for smaller in [3, 255, 256, 299, 700] {
        let world = World::new(1000);
        world.pass().await;
        world.step("fork 2");
        world.step(&format!("publish {smaller}"));
        world.pass().await;
        // The log's tiles are those of the other tree by now: what was kept proves it.
        assert_eq!(world.kinds(), ["log-fork"], "{smaller}");
        let (evidence, _) = world.evidence("log-fork");
        assert!(!evidence.nodes.is_empty());
    }
}

#[tokio::test]
async fn a_rollback_is_a_stale_cache_until_it_lasts() {
    let world = World::new(300);
    world.pass().await;
    world.step("publish 290");
    world.pass().await;
    assert_eq!(world.kinds(), ["stale-cache"]);
    assert_eq!(world.finding("stale-cache").class, "operational");
    // Nobody waits: the next run, later, knows since when.
    world.wait(world.persistence());
    world.pass().await;
    assert_eq!(world.kinds(), ["log-rollback"]);
    let (evidence, verdict) = world.evidence("log-rollback");
    assert_eq!(verdict.proof, Proof::R);
    assert_eq!((evidence.notes.len(), verdict.proven.len()), (2, 2));
    assert!(verdict.claimed[0].contains("smaller tree"), "{verdict:?}");
}

#[tokio::test]
async fn a_cache_that_catches_up_accuses_nobody() {
    let world = World::new(300);
    world.pass().await;
    world.step("publish 290");
    world.pass().await;
    world.step("publish 300");
    world.wait(world.persistence());
    world.pass().await;
    world.step("publish 290");
    world.pass().await;
    // The suspicion began anew.
    assert_eq!(world.kinds(), ["stale-cache"]);
}

#[tokio::test]
async fn every_flipped_bit_of_every_resource_is_caught_before_the_cursor_moves() {
    let paths = World::new(600).log.paths();
    assert!(paths.len() == 8, "{paths:?}");
    for path in paths.iter().filter(|path| *path != "checkpoint") {
        for bit in [0, 9, 15, 16, 255, 4095, 60_001] {
            let world = World::new(600);
            world.step(&format!("flip {path} {bit}"));
            let pass = world.pass().await;
            let index: u64 = if path.contains("/000") { 0 } else { 1 };
            assert!(pass.row.cursor <= 256 * index + 256, "{path} {bit}");
            assert!(pass.row.cursor < 600, "{path} {bit}");
            if world.kinds().contains(&"coverage-gap".to_owned()) {
                // It reads as if it had been cut on the way: it must last.
                world.wait(world.persistence());
                world.pass().await;
                assert!(world.kinds().contains(&"log-missing-entries".to_owned()));
                continue;
            }
            let (_, verdict) = world.evidence("log-content-mismatch");
            assert_eq!((verdict.proof, verdict.proven.len()), (Proof::R, 1));
        }
    }
}

#[tokio::test]
async fn a_log_that_repairs_itself_is_read_on() {
    let world = World::new(600);
    world.step("flip tile/entries/001 77");
    let pass = world.pass().await;
    assert_eq!(pass.row.cursor, 256);
    world.step("repair");
    let pass = world.pass().await;
    assert_eq!(pass.row.cursor, 600);
    // What was seen was seen: somebody has to look at it.
    assert_eq!(world.kinds(), ["log-content-mismatch"]);
}

#[tokio::test]
async fn a_full_tile_that_does_not_begin_with_the_partial_one_is_caught() {
    let world = World::new(100);
    world.pass().await;
    world.step("grow 200");
    world.step("flip tile/0/000 5");
    world.pass().await;
    world.evidence("log-content-mismatch");
    let finding = world.finding("log-content-mismatch");
    assert!(finding.expected.contains("tile/0/000"), "{finding:?}");
}

#[tokio::test]
async fn a_hole_within_the_signed_size_is_operational_until_it_lasts() {
    for path in [
        "tile/entries/001",
        "tile/0/001",
        "tile/1/000.p/2",
        "tile/0/002.p/88",
    ] {
        let world = World::new(600);
        world.step(&format!("drop {path}"));
        if path.contains(".p/") {
            // Nor is there the full one yet.
            assert_eq!(
                world.log.respond(path.split(".p/").next().unwrap()).status,
                404
            );
        }
        world.pass().await;
        assert!(world.kinds().contains(&"coverage-gap".to_owned()), "{path}");
        world.wait(world.persistence());
        world.pass().await;
        let (_, verdict) = world.evidence("log-missing-entries");
        assert_eq!(verdict.proof, Proof::R);
        world.step("repair");
        world.pass().await;
        assert_eq!(world.kinds(), ["log-missing-entries"]);
    }
}

#[tokio::test]
async fn a_resource_with_two_bodies_is_an_equivocation() {
    let world = World::new(600);
    world.step("alternate tile/entries/001 77");
    let pass = world.pass().await;
    assert_eq!(world.kinds(), ["log-equivocation"]);
    let (evidence, _) = world.evidence("log-equivocation");
    assert_eq!(evidence.claim.bodies.len(), 2);
    // The second body was the right one.
    assert_eq!(pass.row.cursor, 600);
}

#[tokio::test]
async fn another_key_or_origin_is_a_surprise_once_it_lasts() {
    for (step, kind) in [
        ("key 77", "log-key-surprise"),
        ("flip checkpoint 900", "log-key-surprise"),
        ("origin other.example.org", "log-origin-surprise"),
    ] {
        let world = World::new(20);
        world.pass().await;
        world.step(step);
        world.pass().await;
        assert_eq!(world.kinds(), ["log-unreachable"], "{step}");
        world.wait(world.persistence());
        world.pass().await;
        let (_, verdict) = world.evidence(kind);
        assert_eq!(verdict.proof, Proof::R);
        assert_eq!(verdict.proven.len(), 1, "{verdict:?}");
    }
}

#[tokio::test]
async fn a_log_that_stands_still_is_frozen_only_if_something_waits() {
    let day = Duration::from_secs(86_400);
    let world = World::new(20);
    world.pass().await;
    world.wait(day * 3);
    world.pass().await;
    assert_eq!(
        world.kinds(),
        Vec::<String>::new(),
        "an idle log is not frozen"
    );
    // A receipt for the next entry, that never comes.
    let log = world.start();
    let index = treering_tlog::LeafIndex::new(20).unwrap();
    log.promised(index, treering_tlog::Hash::leaf(b"mine"))
        .unwrap();
    drop(log);
    world.pass().await;
    assert_eq!(world.kinds(), ["stale-cache"]);
    world.wait(day);
    world.pass().await;
    let (_, verdict) = world.evidence("log-frozen");
    assert_eq!(verdict.proof, Proof::R);
}

#[tokio::test]
async fn a_receipt_is_kept_or_the_log_is_accused() {
    let index = treering_tlog::LeafIndex::new(20).unwrap();
    let world = World::new(20);
    world.pass().await;
    world.step("grow 5");
    let log = world.start();
    log.promised(index, world.log.leaf_hash(20).unwrap())
        .unwrap();
    drop(log);
    world.pass().await;
    assert_eq!(world.kinds(), Vec::<String>::new());
    let log = world.start();
    log.promised(index, treering_tlog::Hash::leaf(b"mine"))
        .unwrap();
    drop(log);
    world.pass().await;
    assert_eq!(world.finding("log-late-inclusion").index, Some(20));
    world.evidence("log-late-inclusion");
}

#[tokio::test]
async fn a_log_that_grows_after_it_is_final_is_accused() {
    let world = World::new(20);
    let pass = world.pass().await;
    world.open().unwrap().finish(pass.row.id).unwrap();
    world.pass().await;
    assert_eq!(world.kinds(), Vec::<String>::new());
    world.step("grow 1");
    let pass = world.pass().await;
    world.evidence("log-grew-after-final");
    // And is read on all the same.
    assert_eq!(pass.row.cursor, 21);
}

#[tokio::test]
async fn the_same_trouble_is_one_finding() {
    let world = World::new(300);
    world.pass().await;
    world.step("fork 10 5");
    world.pass().await;
    let first = world.finding("log-fork");
    world.step("grow 100");
    world.pass().await;
    let later = world.finding("log-fork");
    assert_eq!(first.fingerprint, later.fingerprint);
    assert!(later.found.contains("405"), "{later:?}");
    let outbox = world.open().unwrap().read(|connection| {
        Ok(
            connection.query_row("SELECT count(*) FROM outbox", [], |row| {
                row.get::<_, i64>(0)
            })?,
        )
    });
    assert_eq!(outbox.unwrap(), 1);
}
