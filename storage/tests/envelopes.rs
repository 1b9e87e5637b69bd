//! Bodies that are spooled to files.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use treering_storage::contract::Model;
use treering_storage::envelopes::{EnvelopeFiles, SpoolError};
use treering_storage::record::{EnvelopeRef, RecordEntry};
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Journal, LogId, StoreError, View};
use treering_tlog::{Hash, LeafIndex};

const MAX: u64 = 1 << 20;

fn spool(files: &EnvelopeFiles, body: &[u8]) -> (Hash, u64) {
    let mut spool = files.spool(MAX).unwrap();
    body.chunks(1000)
        .for_each(|chunk| spool.write(chunk).unwrap());
    assert_eq!(spool.len(), body.len() as u64);
    spool.finish().unwrap()
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name() != ".lock")
        .count()
}

#[test]
fn bodies_come_back_and_are_zstd_at_rest() {
    let dir = tempfile::tempdir().unwrap();
    let files = EnvelopeFiles::open(dir.path()).unwrap();
    let random: Vec<u8> = (0..9000_u32)
        .flat_map(|at| *Hash::of(&at.to_be_bytes()).as_bytes())
        .collect();
    for body in [vec![], vec![b'a'; 900_000], random] {
        assert_eq!(files.read(Hash::of(&body)), Ok(None));
        let (sha256, len) = spool(&files, &body);
        assert_eq!((sha256, len), (Hash::of(&body), body.len() as u64));
        assert_eq!(files.read(sha256), Ok(Some(Bytes::from(body.clone()))));
        let file = fs::read(files.path(sha256)).unwrap();
        assert_eq!(
            zstd::decode_all(&*file).unwrap(),
            body,
            "any zstd reads the file"
        );
        assert!(
            file.len() < body.len() / 2 || body.len() < 300_000,
            "{} of {}",
            file.len(),
            body.len()
        );
    }
    assert_eq!(files_in(&dir.path().join("spool")), 0);
    assert!(files.size_on_disk().unwrap() > 288_000);
}

#[test]
fn a_body_that_is_too_large_or_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let files = EnvelopeFiles::open(dir.path()).unwrap();
    let mut large = files.spool(10).unwrap();
    large.write(b"0123456789").unwrap();
    assert_eq!(large.write(b"x"), Err(SpoolError::TooLarge { max: 10 }));
    let mut given_up = files.spool(MAX).unwrap();
    given_up.write(b"half").unwrap();
    let folder = dir.path().join("spool");
    assert_eq!(files_in(&folder), 2);
    drop((large, given_up));
    assert_eq!(files_in(&folder), 0);
    let full = files.with_reserve(u64::MAX).spool(MAX).unwrap_err();
    assert!(
        matches!(
            full,
            StoreError::Full {
                reserve: u64::MAX,
                ..
            }
        ),
        "{full:?}"
    );
}

/// What a crash leaves: bodies that were arriving, and one that is durable but that no record names.
#[test]
fn what_a_crash_leaves_is_removed_or_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let files = EnvelopeFiles::open(dir.path()).unwrap();
    let mut arriving = files.spool(MAX).unwrap();
    arriving.write(b"half").unwrap();
    // As a killed process would: nothing is cleaned up.
    std::mem::forget(arriving);
    let (unreferenced, _) = spool(&files, b"a body that was never committed");
    drop(files);
    assert_eq!(files_in(&dir.path().join("spool")), 1);
    let files = EnvelopeFiles::open(dir.path()).unwrap();
    assert_eq!(files_in(&dir.path().join("spool")), 0);
    assert!(files.read(unreferenced).unwrap().is_some());
    let before = files.size_on_disk().unwrap();
    assert_eq!(
        spool(&files, b"a body that was never committed").0,
        unreferenced
    );
    assert_eq!(files.size_on_disk().unwrap(), before);
}

#[test]
fn a_damaged_file_is_corrupt_until_the_body_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let files = EnvelopeFiles::open(dir.path()).unwrap();
    let body = b"0123456789".repeat(100);
    let (sha256, _) = spool(&files, &body);
    let path = files.path(sha256);
    let good = fs::read(&path).unwrap();
    let longer = spool(&files, &[body.as_slice(), b"x"].concat()).0;
    let another = fs::read(files.path(longer)).unwrap();
    let cut = &good[..good.len() - 3];
    for bad in [&another, cut, &good[..10], b"", &good[16..]] {
        fs::write(&path, bad).unwrap();
        let error = files.read(sha256).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        // Some bits of a frame mean nothing; the body is right or refused, never wrong.
        assert!(files.read(sha256).is_err() || files.read(sha256) == Ok(Some(body.clone().into())));
    }
    assert_eq!(spool(&files, &body).0, sha256);
    assert_eq!(files.read(sha256), Ok(Some(body.into())));
}

#[test]
fn only_one_writer_cleans_the_spool() {
    let dir = tempfile::tempdir().unwrap();
    let files = EnvelopeFiles::open(dir.path()).unwrap();
    let error = EnvelopeFiles::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    let reader = EnvelopeFiles::reader(dir.path());
    let (sha256, _) = spool(&files, b"body");
    assert_eq!(reader.read(sha256), Ok(Some(Bytes::from_static(b"body"))));
    assert!(matches!(reader.spool(MAX), Err(StoreError::Refused { .. })));
    drop(files);
    EnvelopeFiles::open(dir.path()).unwrap();
}

#[test]
fn a_store_finds_spooled_bodies() {
    let dir = tempfile::tempdir().unwrap();
    let store = RocksStore::open(dir.path(), &RocksOptions::default()).unwrap();
    let files = EnvelopeFiles::open(dir.path()).unwrap();
    let before = store.size_on_disk().unwrap();
    let body: Vec<u8> = (0..9000_u32)
        .flat_map(|at| *Hash::of(&at.to_be_bytes()).as_bytes())
        .collect();
    let (sha256, len) = spool(&files, &body);
    let entry = RecordEntry::new("leaf".into(), Some(EnvelopeRef::Spooled { sha256, len }));
    let mut model = Model::new(LogId(1));
    let staged = model.stage_entries(vec![entry]);
    store.commit(&staged).unwrap();
    model.accept(&staged);
    assert_eq!(store.envelope(sha256), Ok(Some(body.into())));
    assert_eq!(
        store.record(LogId(1), LeafIndex::ZERO),
        Ok(Some(staged.record))
    );
    model.check(&store);
    assert!(store.size_on_disk().unwrap() >= before + 280_000);
}
