//! Other views of a log: vantage points, and checkpoints that somebody handed in.

use std::sync::Arc;

use treering_client::evidence::Proof;
use treering_monitor::evil::{EvilLog, Net, Step};

use crate::support::{NAME, World};

/// A log that shows the mirror's readers another tree.
fn split(size: u64, steps: &[&str]) -> (World, Arc<EvilLog>) {
    let (log, other) = (
        Arc::new(EvilLog::new(NAME, 9, size)),
        Arc::new(EvilLog::new(NAME, 9, size)),
    );
    for step in steps {
        other.step(&step.parse::<Step>().unwrap());
    }
    let net = Net::default()
        .with("log", Arc::clone(&log))
        .with("mirror", Arc::clone(&other));
    (World::with_net(log, net), other)
}

#[tokio::test]
async fn a_split_view_is_a_fork_whichever_view_is_larger() {
    for steps in [
        &["fork 5"][..],
        &["fork 5 10"],
        &["fork 100 600"],
        &["fork 5", "publish 290"],
    ] {
        let (mut world, _) = split(300, steps);
        world.vantages = vec!["mirror".to_owned()];
        let pass = world.pass().await;
        assert_eq!(pass.row.cursor, 300);
        assert_eq!(world.kinds(), ["log-fork"], "{steps:?}");
        let (_, verdict) = world.evidence("log-fork");
        assert_eq!(verdict.proof, Proof::T);
    }
}

#[tokio::test]
async fn a_view_that_is_only_older_or_newer_is_no_fork() {
    for steps in [&["grow 10"][..], &["publish 290"], &["publish 0"]] {
        let (mut world, other) = split(300, steps);
        world.vantages = vec!["mirror".to_owned()];
        world.pass().await;
        let expected: &[&str] = if other.size() > 300 {
            &["stale-cache"]
        } else {
            &[]
        };
        assert_eq!(world.kinds(), expected, "{steps:?}");
        // The log catches up with the view, which then is compared.
        world.step("grow 20");
        world.pass().await;
        assert_eq!(world.kinds(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_checkpoint_from_a_friend_proves_the_split_view_once_the_log_gets_there() {
    for (steps, at_once) in [
        (&["fork 5"][..], true),
        (&["fork 5", "publish 260"], true),
        (&["fork 5 30"], false),
    ] {
        let (mut world, other) = split(300, steps);
        world.gossip = vec![other.checkpoint()];
        world.pass().await;
        if !at_once {
            // Nothing contradicts it yet, but it waits.
            assert_eq!(world.kinds(), ["stale-cache"]);
            world.gossip.clear();
            world.step("grow 100");
            world.pass().await;
        }
        assert_eq!(world.kinds(), ["log-fork"], "{steps:?}");
        world.evidence("log-fork");
    }
}

#[tokio::test]
async fn a_log_that_hides_what_others_saw_is_frozen() {
    let (mut world, other) = split(300, &["grow 50"]);
    world.gossip = vec![other.checkpoint()];
    world.pass().await;
    world.wait(std::time::Duration::from_secs(86_400));
    world.pass().await;
    assert_eq!(world.kinds(), ["log-frozen"]);
    world.evidence("log-frozen");
}

#[tokio::test]
async fn a_larger_view_elsewhere_makes_a_smaller_one_stale_and_not_rolled_back() {
    let (mut world, _) = split(300, &[]);
    world.vantages = vec!["mirror".to_owned()];
    world.pass().await;
    world.step("publish 200");
    for _ in 0..3 {
        world.wait(world.persistence());
        world.pass().await;
        assert_eq!(world.kinds(), ["stale-cache"]);
    }
}

#[tokio::test]
async fn a_key_that_only_one_view_does_not_show_is_that_views_trouble() {
    let (mut world, _) = split(300, &[]);
    world.vantages = vec!["mirror".to_owned()];
    world.pass().await;
    world.step("key 50");
    for _ in 0..3 {
        world.wait(world.persistence());
        world.pass().await;
        assert_eq!(world.kinds(), ["log-unreachable"]);
    }
}
