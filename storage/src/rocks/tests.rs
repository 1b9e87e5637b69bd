//! Rows that are not what was written: each is told as `Corrupt`, and what does not depend on it is answered.

use std::fs;

use tempfile::TempDir;
use treering_tlog::LeafIndex;

use super::*;
use crate::contract::{Model, entries};
use crate::{Event, Journal, View};

const LOG: LogId = LogId(1);

/// Two batches: 0 to 299 and 300 to 599, so two full tiles.
fn filled() -> (TempDir, RocksStore, Model) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut model = Model::new(LOG);
    for _ in 0..2 {
        let staged = model.stage(300);
        store.commit(&staged).unwrap();
        model.accept(&staged);
    }
    (dir, store, model)
}

fn open(dir: &TempDir) -> RocksStore {
    RocksStore::open(dir.path(), &RocksOptions::default()).unwrap()
}

fn at(index: u64) -> LeafIndex {
    LeafIndex::new(index).unwrap()
}

impl RocksStore {
    fn lose(&self, family: &str, key: impl AsRef<[u8]>) {
        self.db.delete_cf(self.family(family), key).unwrap();
    }

    fn damage(&self, family: &str, key: impl AsRef<[u8]>, value: &[u8]) {
        self.db.put_cf(self.family(family), key, value).unwrap();
    }
}

#[track_caller]
fn assert_corrupt<T: std::fmt::Debug>(
    result: Result<T, StoreError>,
    [key, expected, found]: [&str; 3],
) {
    assert_eq!(
        result.unwrap_err(),
        StoreError::corrupt(key, expected, found)
    );
}

#[test]
fn a_missing_or_short_tile() {
    let (_dir, store, model) = filled();
    store.lose(keys::TILES, keys::tile(LOG, 0, 0));
    store.damage(keys::TILES, keys::tile(LOG, 0, 1), &[7; 8191]);
    let key = |index| format!("tile of log 1 at level 0, index {index}");
    let missing = [&key(0), "8192 bytes", "no row"];
    assert_corrupt(store.tile(LOG, 0, 0), missing);
    assert_corrupt(store.tile(LOG, 0, 1), [&key(1), "8192 bytes", "8191 bytes"]);
    assert_eq!(store.tile(LOG, 0, 2), Ok(None), "a partial one");
    assert_corrupt(crate::Edge::load(&store, LOG, model.head()), missing);
    for record in model.records() {
        assert_eq!(
            store.record(LOG, record.first).as_ref(),
            Ok(&Some(record.clone()))
        );
    }
}

#[test]
fn a_bad_dedup_row() {
    let (_dir, store, _) = filled();
    let hashes: Vec<_> = entries(LOG, 0, 3)
        .iter()
        .map(|entry| entry.leaf_hash)
        .collect();
    store.damage(keys::DEDUP, keys::dedup(LOG, &hashes[1]), &[0xab; 7]);
    let key = format!("index of leaf hash {} of log 1", hashes[1]);
    assert_corrupt(
        store.indexes(LOG, &hashes),
        [&key, "an index in 8 bytes", "ababababababab"],
    );
    assert_eq!(
        store.indexes(LOG, &[hashes[0], hashes[2]]),
        Ok(vec![Some(at(0)), Some(at(2))])
    );
}

#[test]
fn a_gap_in_the_entries() {
    let (_dir, store, model) = filled();
    store.lose(keys::ENTRIES, keys::indexed(LOG, at(7)));
    let gap = ["entry 7 of log 1", "its row", "the row of entry 8"];
    assert_corrupt(store.entries(LOG, at(0), 300), gap);
    assert_corrupt(
        store.entries(LOG, at(7), 1),
        ["entry 7 of log 1", "its row", "the end"],
    );
    assert_corrupt(store.record(LOG, at(0)), gap);
    assert_eq!(
        store.entries(LOG, at(8), 592).map(|rows| rows.len()),
        Ok(592)
    );
    let second = &model.records()[1];
    assert_eq!(
        store.record(LOG, second.first).as_ref(),
        Ok(&Some(second.clone()))
    );
    store.lose(keys::ENTRIES, keys::indexed(LOG, at(599)));
    assert_corrupt(
        store.entries(LOG, at(300), 300),
        ["entry 599 of log 1", "its row", "the end"],
    );
}

#[test]
fn a_bad_entry() {
    let (_dir, store, _) = filled();
    store.damage(keys::ENTRIES, keys::indexed(LOG, at(3)), &[3, 0, 0]);
    let bad = [
        "entry 3 of log 1",
        "flags 0, 1 or 2 and what they ask for",
        "030000",
    ];
    assert_corrupt(store.entries(LOG, at(0), 10), bad);
    assert_corrupt(store.record(LOG, at(0)), bad);
}

#[test]
fn a_missing_or_bad_batch() {
    let (_dir, store, _) = filled();
    store.damage(keys::BATCHES, keys::indexed(LOG, at(0)), &[1; 3]);
    let bad = [
        "batch of log 1 at 0",
        "size, root and time in 48 bytes",
        "010101",
    ];
    assert_corrupt(store.batch(LOG, at(5)), bad);
    assert_corrupt(store.record(LOG, at(0)), bad);
    store.lose(keys::BATCHES, keys::indexed(LOG, at(0)));
    assert_corrupt(
        store.batch(LOG, at(5)),
        [
            "batch of log 1 with entry 5",
            "a batch that holds it",
            "none",
        ],
    );
    assert!(store.batch(LOG, at(300)).unwrap().is_some());
}

#[test]
fn a_missing_envelope() {
    let (_dir, store, model) = filled();
    let envelope = model.records()[0].entries[1].envelope.as_ref().unwrap();
    store.lose(keys::ENVELOPES, keys::envelope(&envelope.sha256()));
    let key = format!("envelope {}", envelope.sha256());
    assert_corrupt(store.record(LOG, at(0)), [&key, "its row", "none"]);
}

#[test]
fn a_gap_in_the_events() {
    let (dir, store, model) = filled();
    for number in 0..3 {
        let event = Event::LogFrozen {
            id: LOG,
            size: model.edge().size(),
            successor: None,
            mark: None,
            at: number,
        };
        store.append_event(number, &event).unwrap();
    }
    store.lose(keys::EVENTS, keys::event(1));
    let gap = ["events", "event 1", "0000000000000002"];
    assert_corrupt(store.events(), gap);
    assert_corrupt(RocksStore::open_read_only(dir.path()), gap);
    drop(store);
    assert_corrupt(RocksStore::open_read_only(dir.path()), gap);
    assert_corrupt(RocksStore::open(dir.path(), &RocksOptions::default()), gap);
}

/// Tables and blob files that are damaged, cut or gone: the bytes are wrong, another try will not help.
#[test]
fn files_of_values_that_are_not_what_was_written() {
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 3] = [
        ("gone", |path| fs::remove_file(path).unwrap()),
        ("cut", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("zeros", |path| {
            let len = fs::read(path).unwrap().len();
            fs::write(path, vec![0; len]).unwrap();
        }),
    ];
    for (what, spoil) in spoils {
        for ext in ["blob", "sst"] {
            let (dir, store, _) = filled();
            drop(store);
            // Replaying the write-ahead log writes it to tables and blob files.
            drop(open(&dir));
            let files = fs::read_dir(directory::db(dir.path())).unwrap();
            let files: Vec<_> = files
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|found| found == ext))
                .collect();
            assert!(!files.is_empty());
            files.iter().for_each(|path| spoil(path));
            for read_only in [false, true] {
                let store = match read_only {
                    false => RocksStore::open(dir.path(), &RocksOptions::default()),
                    true => RocksStore::open_read_only(dir.path()),
                };
                let error = store.and_then(|store| store.tile(LOG, 0, 0)).unwrap_err();
                assert!(
                    matches!(error, StoreError::Corrupt { .. }),
                    "{what} {ext}, read only {read_only}: {error:?}"
                );
            }
        }
    }
}
