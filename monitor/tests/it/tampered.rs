//! State that is not what the monitor left.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use treering_monitor::state::{Access, DATABASE, State, StateError};

use crate::support::World;

fn state_dir(world: &World) -> PathBuf {
    world.dir.path().join("state")
}

fn refused(world: &World) -> String {
    match State::open(&state_dir(world), Access::Follow) {
        Err(StateError::Damaged { detail }) => detail,
        Err(other) => panic!("expected damaged state, found {other}"),
        Ok(_) => panic!("expected damaged state, found none"),
    }
}

fn edit(dir: &Path, sql: &str) {
    let connection = Connection::open(dir.join(DATABASE)).unwrap();
    connection
        .execute_batch("PRAGMA foreign_keys = OFF")
        .unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
}

async fn forked() -> World {
    let world = World::new(700);
    world.pass().await;
    world.step("fork 10");
    world.pass().await;
    world
}

#[tokio::test]
async fn an_edit_of_what_matters_is_seen() {
    for sql in [
        "UPDATE logs SET cursor = 5",
        "UPDATE logs SET size = 5",
        "UPDATE logs SET first = 300",
        "UPDATE logs SET root = zeroblob(32)",
        "UPDATE logs SET vkey = replace(vkey, 'evil', 'good')",
        "DELETE FROM checkpoints",
        "UPDATE checkpoints SET note = replace(note, '700', '701')",
        "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 1",
        "UPDATE tiles SET hashes = substr(hashes, 1, 32) WHERE level = 1",
        "DELETE FROM findings",
        "UPDATE findings SET status = 'resolved'",
        "DELETE FROM seal",
        "UPDATE seal SET counter = counter + 1",
    ] {
        let world = forked().await;
        edit(&state_dir(&world), sql);
        let detail = refused(&world);
        assert!(detail.contains("expected"), "{sql}: {detail}");
    }
}

#[tokio::test]
async fn state_that_was_set_back_or_removed_is_no_first_run() {
    let world = forked().await;
    let dir = state_dir(&world);
    let saved = fs::read(dir.join(DATABASE)).unwrap();
    world.step("repair");
    world.step("grow 5");
    world.pass().await;
    fs::write(dir.join(DATABASE), &saved).unwrap();
    assert!(refused(&world).contains("set back"));
    fs::write(
        dir.join(DATABASE),
        b"no database at all, but as long as a page of one",
    )
    .unwrap();
    refused(&world);
    fs::remove_file(dir.join(DATABASE)).unwrap();
    assert!(refused(&world).contains("removed"));
    // Only a word of its own begins anew.
    treering_monitor::state::reset(&dir).unwrap();
    let pass = world.pass().await;
    assert_eq!(pass.row.cursor, world.log.size());
    assert_eq!(world.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_key_of_the_seal_and_a_second_monitor_are_refused() {
    let world = World::new(30);
    world.pass().await;
    let first = world.open().unwrap();
    assert!(matches!(world.open(), Err(StateError::Busy { .. })));
    // Findings can be looked after meanwhile.
    State::open(&state_dir(&world), Access::Tend).unwrap();
    drop(first);
    fs::remove_file(state_dir(&world).join("seal.key")).unwrap();
    assert!(refused(&world).contains("seal"));
}

#[tokio::test]
async fn another_key_for_a_known_log_is_refused() {
    use treering_client::LogKey;
    use treering_monitor::clock::Time;
    use treering_monitor::evil::EvilLog;
    use treering_monitor::state::{LogKind, NewLog};
    let world = World::new(30);
    world.pass().await;
    let other = EvilLog::new(crate::support::NAME, 77, 0).vkey();
    let new = NewLog {
        kind: LogKind::Tiles,
        first: 0,
    };
    let key = LogKey::from_vkey(&other).unwrap();
    let refused = world.open().unwrap().follow(&key, new, Time::default());
    assert!(matches!(refused, Err(StateError::OtherKey { .. })));
}

#[tokio::test]
async fn a_first_start_that_died_half_way_is_a_first_start_again() {
    let world = World::new(30);
    let dir = state_dir(&world);
    fs::create_dir_all(&dir).unwrap();
    // Killed while the key was written; killed before the first transaction.
    fs::write(dir.join("seal.key"), b"").unwrap();
    drop(world.open().unwrap());
    fs::remove_file(dir.join("seal.count")).unwrap();
    edit(&dir, "DELETE FROM seal");
    let pass = world.pass().await;
    assert_eq!(pass.row.cursor, 30);
}
