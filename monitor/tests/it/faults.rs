//! Trouble on the way to honest logs.

use std::sync::Arc;
use std::time::Duration;

use treering_monitor::clock::Clock as _;
use treering_monitor::evil::{EvilLog, Faults, Net};
use treering_monitor::findings::Class;
use treering_monitor::follow::{Follow as _, Reach};

use crate::support::{NAME, World};

/// Every finding that ever was, open or not.
fn accusations(world: &World) -> Vec<String> {
    let state = world.open().unwrap();
    let all = state.read(|connection| treering_monitor::findings::list(connection, true));
    let accused = all.unwrap().into_iter().map(|stored| stored.line);
    accused
        .filter(|line| line.class == Class::Misbehaviour.as_str())
        .map(|line| format!("{line:?}"))
        .collect()
}

#[tokio::test]
async fn ten_minutes_of_random_faults_accuse_nobody() {
    for seed in 0..3 {
        let log = Arc::new(EvilLog::new(NAME, 9, 700));
        let mut world = World::with_net(Arc::clone(&log), Net::default());
        let faults = Faults::new(seed, 15);
        let net = Net::default()
            .with("log", Arc::clone(&log))
            .with("mirror", Arc::clone(&log))
            .with_faults(faults, Arc::clone(&world.clock));
        world.net = Arc::new(net);
        world.vantages = vec!["mirror".to_owned()];
        let monitor = world.start();
        let end = world.clock.now().plus(Duration::from_secs(600));
        let mut passes = 0;
        while world.clock.now() < end || passes < 60 {
            monitor.pass(Reach::Head).await.unwrap();
            world.clock.sleep(Duration::from_secs(4)).await;
            log.add([format!("entry {passes}").into_bytes()]);
            passes += 1;
        }
        drop(monitor);
        assert_eq!(accusations(&world), Vec::<String>::new(), "seed {seed}");
        // The trouble passes, and everything was read.
        world.net = Arc::new(Net::default().with("log", Arc::clone(&log)));
        world.vantages.clear();
        let pass = world.pass().await;
        assert_eq!((pass.behind(), pass.row.cursor), (0, log.size()));
        assert_eq!(world.kinds(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_log_that_is_down_for_an_hour_is_unreachable_and_no_more() {
    let world = World::new(30);
    world.pass().await;
    world.step("fail 503");
    for _ in 0..7 {
        world.pass().await;
        assert_eq!(world.kinds(), ["log-unreachable"]);
        world.wait(Duration::from_secs(600));
    }
    world.step("repair");
    world.pass().await;
    assert_eq!(world.kinds(), Vec::<String>::new());
    assert_eq!(accusations(&world), Vec::<String>::new());
}
