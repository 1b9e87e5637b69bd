//! Adding a log: the event is written once, and only when nothing can refuse the log any more.

use std::sync::Arc;

use treering_api::log::{Dialect, LogName};
use treering_api::reject::{Reject, RejectKind};
use treering_server::log::LogHandle;
use treering_storage::Journal as _;
use treering_storage::faulty::Fault;

use super::support::{Running, World, checkpoint_key, log_name};

fn add(running: &Running) -> Result<Arc<LogHandle>, Reject> {
    running.service.add_log(
        &log_name(),
        Dialect::RekorV2,
        "log.example.org",
        checkpoint_key(&log_name()).unwrap(),
    )
}

fn refused(running: &Running) -> Reject {
    match add(running) {
        Ok(_) => panic!("expected a refusal, found a log"),
        Err(reject) => reject,
    }
}

#[test]
fn a_log_that_cannot_start_leaves_no_event() {
    let world = World::new();
    let running = world.start().unwrap();
    let note = world.published_folder().join(log_name().as_str());
    std::fs::write(&note, "a note of another log").unwrap();
    for _ in 0..2 {
        let reject = refused(&running);
        assert!(reject.message.contains("does not open"), "{reject}");
        assert_eq!(world.memory.events().unwrap(), []);
    }
    std::fs::remove_file(&note).unwrap();
    add(&running).unwrap();
    running.stop();
    assert_eq!(world.start().unwrap().service.handles().len(), 1);
}

#[tokio::test]
async fn an_event_of_unknown_outcome_stops_the_service() {
    for (fault, logs) in [(Fault::Lost, 0), (Fault::Kept, 1)] {
        let world = World::new();
        let running = world.start().unwrap();
        running.store.fail_event(fault);
        assert_eq!(refused(&running).kind, RejectKind::Unavailable, "{fault:?}");
        let failed = running.service.failed().await;
        assert!(failed.contains("adding it failed"), "{failed}");
        // A second try before the restart adds no second event.
        refused(&running);
        assert_eq!(world.memory.events().unwrap().len(), logs, "{fault:?}");
        running.stop();

        let running = world.start().unwrap();
        assert_eq!(running.service.handles().len(), logs, "{fault:?}");
        assert_eq!(add(&running).is_ok(), logs == 0, "{fault:?}");
        running.stop();
        let running = world.start().unwrap();
        assert_eq!(running.service.handles().len(), 1, "{fault:?}");
        running.stop();
    }
}

#[test]
fn what_the_journal_names_is_taken_even_if_no_log_of_it_runs() {
    let world = World::new();
    let running = world.start().unwrap();
    // As a try leaves it whose log could not be started.
    let other = World::with_log();
    let event = other.memory.events().unwrap().remove(0);
    world.memory.append_event(0, &event).unwrap();
    let by_name = refused(&running);
    assert_eq!(by_name.kind, RejectKind::Malformed, "{by_name}");
    let by_origin = running.service.add_log(
        &LogName::new("other").unwrap(),
        Dialect::RekorV2,
        "log.example.org",
        checkpoint_key(&log_name()).unwrap(),
    );
    assert_eq!(
        by_origin.err().map(|reject| reject.kind),
        Some(RejectKind::Malformed)
    );
    running.stop();
}
