//! Witnesses: what they cosign, what the policy asks for, and clocks.

use std::sync::Arc;

use treering_client::evidence::Proof;
use treering_monitor::evil::{EvilLog, Net, Step, witness_key};
use treering_tlog::policy::Policy;

use crate::support::{BEGIN, NAME, World};

/// Two of three.
fn policy() -> Policy {
    let mut text = String::new();
    for (name, seed) in [("w1", 101), ("w2", 102), ("w3", 103)] {
        let key = witness_key(&format!("{name}.example.org"), seed);
        text.push_str(&format!("witness {name} {key}\n"));
    }
    text.push_str("group g 2 w1 w2 w3\nquorum g\n");
    Policy::parse(text.as_bytes()).unwrap()
}

fn cosign(world: &World, name: u8, at: u64, rest: &str) {
    let seed = 100 + name;
    world.step(&format!("cosign w{name}.example.org {seed} {at} {rest}"));
}

fn world() -> World {
    let mut world = World::new(30);
    world.policy = Some(policy());
    world
}

#[tokio::test]
async fn a_checkpoint_is_taken_with_its_quorum_only() {
    let world = world();
    cosign(&world, 1, BEGIN, "");
    let pass = world.pass().await;
    assert_eq!((pass.row.size.get(), pass.row.cursor), (0, 0));
    assert_eq!(world.kinds(), ["log-unreachable"]);
    cosign(&world, 3, BEGIN, "");
    let pass = world.pass().await;
    assert_eq!((pass.row.size.get(), pass.row.cursor), (30, 30));
    assert_eq!(world.kinds(), Vec::<String>::new());
    // All signatures are kept with the note.
    let note = world
        .open()
        .unwrap()
        .newest(&pass.row)
        .unwrap()
        .unwrap()
        .note;
    assert!(note.contains("w1.example.org") && note.contains("w3.example.org"));
}

#[tokio::test]
async fn a_quorum_that_stays_lost_is_misbehaviour() {
    let world = world();
    cosign(&world, 1, BEGIN, "");
    world.pass().await;
    world.wait(world.persistence());
    world.pass().await;
    let (_, verdict) = world.evidence("witness-quorum-lost");
    assert_eq!(verdict.proof, Proof::R);
}

#[tokio::test]
async fn a_wrong_cosignature_is_said_even_if_the_quorum_is_met() {
    let world = world();
    cosign(&world, 1, BEGIN, "");
    cosign(&world, 2, BEGIN, "wrong");
    cosign(&world, 3, BEGIN, "");
    let pass = world.pass().await;
    assert_eq!(pass.row.cursor, 30);
    assert_eq!(world.kinds(), ["witness-invalid"]);
    assert!(
        world
            .finding("witness-invalid")
            .expected
            .contains("w2.example.org")
    );
    world.evidence("witness-invalid");
}

#[tokio::test]
async fn a_witness_that_cosigned_both_trees_of_a_fork_is_accused_with_its_log() {
    let world = world();
    cosign(&world, 1, BEGIN, "");
    cosign(&world, 3, BEGIN, "");
    world.pass().await;
    world.step("fork 10 40");
    world.step("uncosign");
    cosign(&world, 3, BEGIN, "");
    cosign(&world, 2, BEGIN, "");
    world.pass().await;
    assert_eq!(world.kinds(), ["log-fork", "witness-fork"]);
    let (evidence, verdict) = world.evidence("witness-fork");
    assert_eq!(verdict.proof, Proof::T);
    // Only the one that signed both, and its key is the one that proves it.
    assert!(evidence.vkey.starts_with("w3.example.org+"));
}

/// Three more logs, whose clocks say the same.
fn with_clocks(secs: u64) -> World {
    let log = Arc::new(EvilLog::new(NAME, 9, 30));
    let mut net = Net::default().with("log", Arc::clone(&log));
    let hosts = ["one", "two", "three"];
    for host in hosts {
        let view = EvilLog::new(NAME, 9, 30);
        view.step(&Step::Clock(secs));
        net = net.with(host, Arc::new(view));
    }
    let mut world = World::with_net(log, net);
    world.vantages = hosts.map(str::to_owned).to_vec();
    world
}

#[tokio::test]
async fn a_time_that_has_not_come_is_the_signers_fault_only_if_three_clocks_say_so() {
    let signed = BEGIN + 86_400;
    let world = with_clocks(BEGIN);
    world.step(&format!("signed-time {signed}"));
    // The first pass hears the other clocks after the log's own checkpoint.
    let monitor = world.start();
    use treering_monitor::follow::{Follow as _, Reach};
    monitor.pass(Reach::Head).await.unwrap();
    monitor.pass(Reach::Head).await.unwrap();
    drop(monitor);
    let (_, verdict) = world.evidence("log-clock");
    assert_eq!(verdict.proof, Proof::R);
    // Nobody but the log says what time it is.
    let world = World::new(30);
    world.step(&format!("signed-time {signed}"));
    world.pass().await;
    assert_eq!(world.kinds(), ["clock-unsure"]);
}

#[tokio::test]
async fn a_wrong_clock_of_the_monitor_accuses_nobody() {
    // Everybody else is a day ahead: it is ours that is wrong.
    let world = with_clocks(BEGIN + 86_400);
    world.step(&format!("signed-time {}", BEGIN + 86_400));
    let monitor = world.start();
    use treering_monitor::follow::{Follow as _, Reach};
    monitor.pass(Reach::Head).await.unwrap();
    monitor.pass(Reach::Head).await.unwrap();
    drop(monitor);
    assert_eq!(world.kinds(), ["clock-unsure"]);
}
