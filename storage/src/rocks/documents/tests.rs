//! Databases of earlier versions, and rows that are not what was written.

use std::path::Path;

use rocksdb::DB;
use tempfile::TempDir;
use treering_tlog::Hash;

use super::*;
use crate::contract::Model;
use crate::directory;
use crate::rocks::{RocksOptions, columns};
use crate::{Journal, View, keys};

const LOG: LogId = LogId(1);
/// The families of this module.
const FAMILIES: [&str; 4] = [
    keys::DOCUMENTS,
    keys::ATTACHMENTS,
    keys::HELD,
    keys::HELD_BODIES,
];

fn open(dir: &Path) -> RocksStore {
    RocksStore::open(dir, &RocksOptions::default()).unwrap()
}

fn document(text: &'static str) -> (Held, EnvelopeRef) {
    let bytes = Bytes::from_static(text.as_bytes());
    let held = Held {
        gitoid: Gitoid::of(&bytes),
        envelope_sha256: Hash::of(&bytes),
        len: bytes.len() as u64,
        arrived: 1,
        payload_sha256: Hash::of(b"payload"),
        key_ids: Vec::new(),
    };
    (held, EnvelopeRef::inline(bytes))
}

/// Three entries, a document of the first one, and one that is held.
fn filled() -> (TempDir, RocksStore, Attached, Held) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit(&Model::new(LOG).stage(3)).unwrap();
    let (row, body) = document("attached");
    let attached = Attached {
        gitoid: row.gitoid,
        envelope_sha256: row.envelope_sha256,
        log: LOG,
        index: LeafIndex::ZERO,
    };
    store.attach(&attached, Some(&body)).unwrap();
    let (held, body) = document("held");
    store.hold(&held, &body).unwrap();
    (dir, store, attached, held)
}

fn put(store: &RocksStore, family: &str, key: &[u8], value: &[u8]) {
    store.db.put_cf(store.family(family), key, value).unwrap();
}

fn lose(store: &RocksStore, family: &str, key: &[u8]) {
    store.db.delete_cf(store.family(family), key).unwrap();
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

/// What earlier versions wrote: no documents while it is read, and room for them once it is opened for writing.
#[test]
fn a_database_without_the_families() {
    let (dir, mut store, attached, held) = filled();
    for name in FAMILIES {
        store.db.drop_cf(name).unwrap();
    }
    drop(store);
    let reader = RocksStore::open_read_only(dir.path()).unwrap();
    assert_eq!(reader.held(), Ok(vec![]));
    assert_eq!(reader.document(held.gitoid), Ok(None));
    assert_eq!(reader.document(attached.gitoid), Ok(None));
    assert_eq!(reader.held_body(held.gitoid), Ok(None));
    assert_eq!(reader.attachments(LOG, LeafIndex::ZERO), Ok(vec![]));
    drop(reader);
    let store = open(dir.path());
    assert_eq!(store.document(attached.gitoid), Ok(None));
    // The body of it was a kept envelope before, and still is.
    store.attach(&attached, None).unwrap();
    let document = Document::Attached(attached);
    assert_eq!(store.document(attached.gitoid), Ok(Some(document)));
    drop(store);
    for name in FAMILIES {
        let known = columns::families(&RocksOptions::default(), |known| known != name);
        let database = columns::database();
        let refused = DB::open_cf_descriptors(&database, directory::db(dir.path()), known);
        let error = refused.unwrap_err();
        assert!(error.as_ref().contains(name), "{error}");
    }
}

#[test]
fn a_held_document_that_is_damaged() {
    let (dir, store, attached, held) = filled();
    let (key, name) = (
        keys::gitoid(&held.gitoid),
        format!("document {}", held.gitoid),
    );
    let body = format!("body of {}", held.gitoid);
    let expected = format!("a body of {}", held.envelope_sha256);
    let other = format!("one of {}", Hash::of(b"other"));
    put(&store, keys::HELD_BODIES, key, b"\0other");
    assert_corrupt(store.held_body(held.gitoid), [&body, &expected, &other]);
    lose(&store, keys::HELD_BODIES, key);
    let expected = format!("one of {}", held.envelope_sha256);
    assert_corrupt(store.held_body(held.gitoid), [&body, &expected, "none"]);
    assert_eq!(store.held(), Ok(vec![held.clone()]), "its row is whole");
    let of_another = Attached {
        gitoid: held.gitoid,
        envelope_sha256: held.envelope_sha256,
        ..attached
    };
    let error = store.attach(&of_another, None).unwrap_err();
    assert!(matches!(error, CommitError::Missing { .. }), "{error:?}");
    put(&store, keys::HELD, key, b"1");
    let damaged = [name.as_str(), "at least a CRC", "1 bytes"];
    assert_corrupt(store.held(), damaged);
    assert_corrupt(store.document(held.gitoid), damaged);
    assert_corrupt(store.held_body(held.gitoid), damaged);
    // Nothing is written on top of what cannot be read, and what it does not concern goes on.
    let error = store.expire(held.gitoid).unwrap_err();
    assert!(error.to_string().contains("at least a CRC"), "{error}");
    let document = Document::Attached(attached);
    assert_eq!(store.document(attached.gitoid), Ok(Some(document)));
    drop(store);
    let refused = RocksStore::open(dir.path(), &RocksOptions::default());
    assert_corrupt(refused.map(drop), damaged);
    RocksStore::open_read_only(dir.path()).unwrap();
}

#[test]
fn a_held_key_that_is_none() {
    let (_dir, store, _, held) = filled();
    put(&store, keys::HELD, &[7; 31], b"");
    let found = hex::encode([7; 31]);
    assert_corrupt(store.held(), ["key of a document", "a gitoid", &found]);
    let document = store.document(held.gitoid);
    assert_eq!(document, Ok(Some(Document::Held(held))));
}

#[test]
fn an_attachment_that_is_damaged() {
    let (_dir, store, attached, _) = filled();
    let Attached {
        gitoid, log, index, ..
    } = attached;
    let (key, name) = (
        keys::attachment(log, index, &gitoid),
        format!("document {gitoid}"),
    );
    put(&store, keys::ATTACHMENTS, &key, &[9; 3]);
    let damaged = [name.as_str(), "a hash of 32 bytes", "090909"];
    assert_corrupt(store.document(gitoid), damaged);
    assert_corrupt(store.attachments(log, index), damaged);
    let long = [key.as_slice(), &[0]].concat();
    put(&store, keys::ATTACHMENTS, &long, &[]);
    lose(&store, keys::ATTACHMENTS, &key);
    let none = [name.as_str(), "an attachment of entry 0 of log 1", "none"];
    assert_corrupt(store.document(gitoid), none);
    let found = hex::encode(&long);
    let no_key = ["key of an attachment", "log, index and gitoid", &found];
    assert_corrupt(store.attachments(log, index), no_key);
    put(&store, keys::DOCUMENTS, keys::gitoid(&gitoid), &[1]);
    let result = store.document(gitoid);
    assert_corrupt(result, [&name, "log and index", "01"]);
    let kept = store.envelope(attached.envelope_sha256);
    assert_eq!(kept, Ok(Some(Bytes::from_static(b"attached"))));
}

/// Rows of a commit that readers may not see yet; in a store that has stopped they show after the next start.
#[test]
fn rows_beyond_the_head_are_not_shown() {
    let (_dir, store, attached, _) = filled();
    let beyond = LeafIndex::new(3).unwrap();
    let (gitoid, other) = (Gitoid::of(b"beyond"), Gitoid::of(b"never"));
    let key = keys::attachment(LOG, beyond, &gitoid);
    put(
        &store,
        keys::ATTACHMENTS,
        &key,
        attached.envelope_sha256.as_bytes(),
    );
    put(
        &store,
        keys::DOCUMENTS,
        keys::gitoid(&gitoid),
        &keys::indexed(LOG, beyond),
    );
    for gitoid in [gitoid, other] {
        assert_eq!(store.document(gitoid), Ok(None));
    }
    assert_eq!(store.attachments(LOG, beyond), Ok(vec![]));
    let mut model = Model::new(LOG);
    model.accept(&model.stage(3));
    store.commit(&model.stage(1)).unwrap();
    let row = Attached {
        gitoid,
        index: beyond,
        ..attached
    };
    assert_eq!(store.attachments(LOG, beyond), Ok(vec![row]));
    assert_eq!(store.document(gitoid), Ok(Some(Document::Attached(row))));
}
