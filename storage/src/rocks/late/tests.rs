//! Databases without these families, rows past the write-ahead log, and damaged keys.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use treering_tlog::LeafIndex;

use super::*;
use crate::contract::Model;
use crate::rocks::{DB, RocksOptions, columns};
use crate::{Journal, View};

const LOG: LogId = LogId(1);

fn open(dir: &Path) -> RocksStore {
    RocksStore::open(dir, &RocksOptions::default()).unwrap()
}

fn at(index: u64) -> LeafIndex {
    LeafIndex::new(index).unwrap()
}

/// 300 entries.
fn filled() -> (TempDir, RocksStore, Model) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut model = Model::new(LOG);
    let staged = model.stage(300);
    store.commit(&staged).unwrap();
    model.accept(&staged);
    (dir, store, model)
}

/// The bytes of all write-ahead logs.
fn logged(dir: &Path) -> u64 {
    let files = fs::read_dir(directory::db(dir)).unwrap();
    files
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "log"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum()
}

/// What earlier versions wrote: read as it is, and brought up by whoever opens it for writing.
#[test]
fn a_database_without_the_families() {
    let (dir, mut store, model) = filled();
    for name in keys::LATER {
        store.db.drop_cf(name).unwrap();
    }
    drop(store);
    let term = Term::new(1, "late");
    let reader = RocksStore::open_read_only(dir.path()).unwrap();
    let error = reader.find(LOG, &term, Order::OLDEST, 1).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
    let text = error.to_string();
    for part in ["column family terms", "earlier version", "db"] {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
    assert_eq!(reader.timestamps(LOG, at(298), 9), Ok(vec![None; 2]));
    let first = &model.records()[0];
    assert_eq!(reader.record(LOG, at(0)).as_ref(), Ok(&Some(first.clone())));
    drop(reader);
    let store = open(dir.path());
    assert_eq!(store.find(LOG, &term, Order::OLDEST, 1), Ok(vec![]));
    let terms: Vec<_> = crate::contract::terms(at(0), &first.entries).collect();
    store.put_terms(LOG, &terms).unwrap();
    model.check(&store);
    store.flush().unwrap();
    model.check(&RocksStore::open_read_only(dir.path()).unwrap());
    drop(store);
    // An earlier version opens the families that it knows.
    let known = columns::families(&RocksOptions::default(), |name| {
        !keys::LATER.contains(&name)
    });
    let refused = DB::open_cf_descriptors(&columns::database(), directory::db(dir.path()), known);
    let error = refused.unwrap_err();
    assert!(error.as_ref().contains("terms"), "{error}");
}

/// Late rows do not touch the write-ahead log, so their failure cannot tear it; closing the store keeps them.
#[test]
fn late_rows_go_past_the_write_ahead_log() {
    let (dir, store, mut model) = filled();
    let before = logged(dir.path());
    let term = Term::new(1, "late");
    let kept: Vec<_> = (0..300)
        .map(|index| (at(index), Bytes::from(vec![b's'; 1000])))
        .collect();
    store.keep_timestamps(LOG, &kept).unwrap();
    store
        .put_terms(LOG, &[(term, at(7)), (term, at(0))])
        .unwrap();
    assert_eq!(logged(dir.path()), before);
    let staged = model.stage(5);
    store.commit(&staged).unwrap();
    model.accept(&staged);
    assert!(logged(dir.path()) > before);
    drop(store);
    let store = open(dir.path());
    let found = store.timestamps(LOG, at(0), 300).unwrap();
    assert!(
        found
            .into_iter()
            .eq(kept.into_iter().map(|(_, bytes)| Some(bytes)))
    );
    let found = store.find(LOG, &term, Order::NEWEST, 9);
    assert_eq!(found, Ok(vec![at(7), at(0)]));
    model.check(&store);
}

/// Neither a full disk nor a store that is only read takes late rows.
#[test]
fn late_rows_are_refused_where_commits_are() {
    let (dir, store, _) = filled();
    let reader = RocksStore::open_read_only(dir.path()).unwrap();
    drop(store);
    let options = RocksOptions {
        reserve_bytes: u64::MAX / 2,
        ..RocksOptions::default()
    };
    let full = RocksStore::open(dir.path(), &options).unwrap();
    let term = Term::new(1, "late");
    for (store, expected) in [(&reader, "reading only"), (&full, "nothing was written")] {
        let kept = store.keep_timestamps(LOG, &[(at(0), "signature".into())]);
        let put = store.put_terms(LOG, &[(term, at(0))]);
        for error in [kept.map(|_| ()), put].map(Result::unwrap_err) {
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(store.timestamps(LOG, at(0), 1), Ok(vec![None]));
        assert_eq!(store.find(LOG, &term, Order::OLDEST, 1), Ok(vec![]));
    }
    let error = reader.flush().unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

#[test]
fn a_key_that_is_none() {
    let (_dir, store, model) = filled();
    let put = |family, key: &[u8]| store.db.put_cf(store.family(family), key, []).unwrap();
    let term = Term::new(1, "damaged");
    let long = [keys::term(&term, LOG, at(3)).as_slice(), &[0]].concat();
    put(keys::TERMS, &long);
    for order in [Order::OLDEST, Order::NEWEST] {
        let error = store.find(LOG, &term, order, 9).unwrap_err();
        let expected =
            StoreError::corrupt("key of a term", "term, log and index", hex::encode(&long));
        assert_eq!(error, expected);
    }
    let long = [keys::indexed(LOG, at(5)).as_slice(), &[0]].concat();
    put(keys::TIMESTAMPS, &long);
    let error = store.timestamps(LOG, at(0), 300).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    model.check(&store);
}
