//! What becomes of findings.

use treering_monitor::clock::Time;
use treering_monitor::findings::{Event, Lifecycle, tend};
use treering_monitor::state::StateError;

use crate::support::World;

fn change(world: &World, fingerprint: &str, event: Event) -> Option<String> {
    let change = Lifecycle {
        event,
        actor: "ann",
        reason: "because",
        now: Time::from_secs(1),
    };
    let state = world.open().unwrap();
    let found = state.commit(|tx| tend(tx, fingerprint, change)).unwrap();
    found.map(|found| found.line.status)
}

fn history(world: &World) -> Vec<String> {
    let state = world.open().unwrap();
    let read = state.read(|connection| {
        let mut select = connection.prepare("SELECT event FROM finding_events ORDER BY id")?;
        let rows = select.query_map([], |row| row.get(0))?;
        Ok::<_, StateError>(rows.collect::<Result<Vec<String>, _>>()?)
    });
    read.unwrap()
}

#[tokio::test]
async fn open_acked_resolved_and_open_again() {
    let world = World::new(300);
    world.pass().await;
    world.step("fork 10");
    world.pass().await;
    let fork = world.finding("log-fork");
    assert_eq!(fork.status, "open");
    assert_eq!(
        change(&world, &fork.fingerprint[..8], Event::Ack).as_deref(),
        Some("acked")
    );
    // Seen again, it stays acknowledged, and it counts.
    world.pass().await;
    assert_eq!(world.finding("log-fork").status, "acked");
    let resolved = change(&world, &fork.fingerprint, Event::Resolve);
    assert_eq!(resolved.as_deref(), Some("resolved"));
    assert_eq!(world.kinds(), Vec::<String>::new());
    // It is not over.
    world.pass().await;
    assert_eq!(world.finding("log-fork").status, "open");
    assert_eq!(history(&world), ["opened", "acked", "resolved", "reopened"]);
    assert_eq!(change(&world, "ffffffffffff", Event::Ack), None);
}

#[tokio::test]
async fn each_change_is_delivered_once() {
    let world = World::new(30);
    world.pass().await;
    world.step("fail 500");
    for _ in 0..3 {
        world.pass().await;
    }
    world.step("repair");
    world.pass().await;
    world.pass().await;
    let state = world.open().unwrap();
    let read = state.read(|connection| {
        let mut select = connection.prepare("SELECT revision, body FROM outbox ORDER BY id")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok::<_, StateError>(rows.collect::<Result<Vec<(i64, String)>, _>>()?)
    });
    let sent = read.unwrap();
    assert_eq!(
        sent.iter()
            .map(|(revision, _)| *revision)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(sent[0].1.contains("\"status\":\"open\""));
    assert!(sent[1].1.contains("\"status\":\"resolved\""));
}
