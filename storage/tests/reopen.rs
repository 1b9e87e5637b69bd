//! Data directories that come back other than they were left.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use treering_storage::contract::Model;
use treering_storage::directory::{Directory, FORMAT};
use treering_storage::published::{Published, PublishedFiles, check};
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{CommitError, Edge, Event, Journal, LogId, StoreError, View};
use treering_tlog::{Hash, LeafIndex};

const LOG: LogId = LogId(1);
const NAME: &str = "rekor-v1";

fn open(dir: &Path) -> RocksStore {
    RocksStore::open(dir, &RocksOptions::default()).unwrap()
}

/// Commits, returning what was published after the last commit.
fn grow(dir: &Path, model: &mut Model, counts: &[usize]) -> Published {
    let store = open(dir);
    for count in counts {
        let staged = model.stage(*count);
        store.commit(&staged).unwrap();
        model.accept(&staged);
    }
    Published {
        size: model.edge().size(),
        root: model.edge().root(),
    }
}

/// The write-ahead logs that hold something, oldest first.
fn wals(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ext| ext == "log"))
        .filter(|path| path.metadata().unwrap().len() > 0)
        .collect();
    logs.sort();
    logs
}

fn last_wal(dir: &Path) -> PathBuf {
    wals(dir).pop().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The store is whole up to its head, but behind what was published, and is told so.
fn assert_refused(dir: &Path, published: &Published) {
    let store = open(dir);
    let head = store.head(LOG).unwrap();
    assert!(head.size < published.size, "{} entries are left", head.size);
    Edge::load(&store, LOG, head).unwrap();
    let error = check(&store, LOG, NAME, published).unwrap_err();
    let text = error.to_string();
    let numbers = format!(
        "found {}, expected at least {} entries",
        head.size, published.size
    );
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    for part in [
        NAME,
        numbers.as_str(),
        "behind what was published",
        "newest copy",
    ] {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
}

#[test]
fn a_write_ahead_log_that_was_cut_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let published = grow(dir.path(), &mut Model::new(LOG), &[10, 20, 300]);
    let wal = last_wal(dir.path());
    let len = wal.metadata().unwrap().len();
    for cut in [1, 200, len / 2] {
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        let wal = copied.path().join("db").join(wal.file_name().unwrap());
        File::options()
            .write(true)
            .open(wal)
            .unwrap()
            .set_len(len - cut)
            .unwrap();
        assert_refused(copied.path(), &published);
    }
    check(&open(dir.path()), LOG, NAME, &published).unwrap();
}

#[test]
fn a_write_ahead_log_with_flipped_bits_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let published = grow(dir.path(), &mut Model::new(LOG), &[10, 20, 300]);
    let wal = last_wal(dir.path());
    for back in [5, 3000] {
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        let wal = copied.path().join("db").join(wal.file_name().unwrap());
        flip(&wal, wal.metadata().unwrap().len() - back);
        assert_refused(copied.path(), &published);
    }
}

fn flip(path: &Path, at: u64) {
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte[0] ^ 0x40]).unwrap();
}

/// Only the end of the newest log can be lost unnoticed; RocksDB knows of the others.
#[test]
fn an_older_write_ahead_log_that_was_cut_or_removed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = RocksOptions {
        write_buffer_bytes: 1 << 20,
        ..RocksOptions::default()
    };
    let store = RocksStore::open(dir.path(), &options).unwrap();
    let mut model = Model::new(LOG);
    while wals(dir.path()).len() < 3 {
        let staged = model.stage(2000);
        store.commit(&staged).unwrap();
        model.accept(&staged);
    }
    drop(store);
    let older = wals(dir.path()).remove(1);
    for cut in [None, Some(older.metadata().unwrap().len() / 2)] {
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        let older = copied.path().join("db").join(older.file_name().unwrap());
        match cut {
            None => fs::remove_file(older).unwrap(),
            Some(len) => File::options()
                .write(true)
                .open(older)
                .unwrap()
                .set_len(len)
                .unwrap(),
        }
        let error = RocksStore::open(copied.path(), &options).unwrap_err();
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "{cut:?}: {error:?}"
        );
    }
    model.check(&RocksStore::open(dir.path(), &options).unwrap());
}

/// Timestamps go past the write-ahead log. They cannot outlive the entries they are of: writing them to a table starts a
/// new log, and the older one is known to have been whole.
#[test]
fn a_write_ahead_log_that_was_cut_before_timestamps_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::new(LOG);
    let store = open(dir.path());
    for count in [10, 300] {
        let staged = model.stage(count);
        store.commit(&staged).unwrap();
        model.accept(&staged);
    }
    let last = LeafIndex::new(309).unwrap();
    store
        .keep_timestamps(LOG, &[(last, "signature".into())])
        .unwrap();
    store.flush().unwrap();
    let copied = tempfile::tempdir().unwrap();
    copy(dir.path(), copied.path());
    let wal = last_wal(copied.path());
    let len = wal.metadata().unwrap().len();
    let wal = File::options().write(true).open(wal).unwrap();
    wal.set_len(len - 200).unwrap();
    let error = RocksStore::open(copied.path(), &RocksOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    drop(store);
    let kept = open(dir.path()).timestamps(LOG, last, 1);
    assert_eq!(kept, Ok(vec![Some("signature".into())]));
}

#[test]
fn an_older_copy_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::new(LOG);
    let old = grow(dir.path(), &mut model, &[10, 20]);
    let copied = tempfile::tempdir().unwrap();
    copy(dir.path(), copied.path());
    let new = grow(dir.path(), &mut model, &[5]);
    assert_refused(copied.path(), &new);
    for published in [old, new] {
        check(&open(dir.path()), LOG, NAME, &published).unwrap();
    }
}

#[test]
fn another_course_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::new(LOG);
    let published = grow(dir.path(), &mut model, &[10, 20]);
    let store = open(dir.path());
    let inside = Published {
        size: model.records()[1].first.as_size_before(),
        root: published.root,
    };
    let other = Published {
        root: Hash::of(b"another"),
        ..published
    };
    for published in [inside, other] {
        let text = check(&store, LOG, NAME, &published)
            .unwrap_err()
            .to_string();
        assert!(text.contains("another course"), "{text}");
    }
    let nothing = Published {
        size: Model::new(LOG).head().size,
        root: Hash::empty_root(),
    };
    check(&store, LOG, NAME, &nothing).unwrap();
}

/// A database that vanished is an empty one, and behind too.
#[test]
fn a_missing_database_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let published = grow(dir.path(), &mut Model::new(LOG), &[3]);
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    assert!(matches!(
        RocksStore::open_read_only(dir.path()),
        Err(StoreError::Missing { .. })
    ));
    assert_refused(dir.path(), &published);
}

#[test]
fn a_damaged_table_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::new(LOG);
    grow(dir.path(), &mut model, &[600]);
    // Replaying the write-ahead log at the next start writes it to tables and blob files.
    drop(open(dir.path()));
    let files = fs::read_dir(dir.path().join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let values: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ext| ext == "blob"))
        .collect();
    assert!(!values.is_empty(), "tiles are in blob files");
    for path in &values {
        let len = path.metadata().unwrap().len();
        (100..len).step_by(500).for_each(|at| flip(path, at));
    }
    let store = open(dir.path());
    let head = store.head(LOG).unwrap();
    let error = Edge::load(&store, LOG, head).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_full_disk_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = RocksOptions {
        reserve_bytes: u64::MAX / 2,
        ..RocksOptions::default()
    };
    let store = RocksStore::open(dir.path(), &options).unwrap();
    let model = Model::new(LOG);
    let event = Event::LogFrozen {
        id: LOG,
        size: model.edge().size(),
        successor: None,
        mark: None,
        at: 0,
    };
    for error in [
        store.commit(&model.stage(1)).unwrap_err(),
        store.append_event(0, &event).unwrap_err(),
    ] {
        assert!(
            matches!(error, CommitError::Full { reserve, .. } if reserve >= u64::MAX / 2),
            "{error:?}"
        );
        assert!(error.nothing_landed() && !error.is_final());
    }
    model.check(&store);
    drop(store);
    let store = open(dir.path());
    model.check(&store);
    store.commit(&model.stage(1)).unwrap();
}

#[test]
fn one_process_at_a_time_but_any_number_of_readers() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::new(LOG);
    let store = open(dir.path());
    let staged = model.stage(300);
    store.commit(&staged).unwrap();
    model.accept(&staged);
    let error = RocksStore::open(dir.path(), &RocksOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    let readers = [(); 2].map(|()| RocksStore::open_read_only(dir.path()).unwrap());
    for reader in &readers {
        model.check(reader);
        assert!(matches!(
            reader.commit(&model.stage(1)),
            Err(CommitError::Unknown { .. })
        ));
    }
    store.commit(&model.stage(5)).unwrap();
    model.check(&readers[0]);
}

#[test]
fn a_directory_is_made_once_and_opened_by_its_own_version() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("data");
    assert!(matches!(
        Directory::open(&root),
        Err(StoreError::Missing { .. })
    ));
    let made = Directory::create(&root).unwrap();
    assert_eq!(Directory::open(&root).unwrap(), made);
    for folder in [
        made.db(),
        made.envelopes(),
        made.spool(),
        made.held(),
        made.published(),
        made.keys(),
    ] {
        assert!(
            folder.is_dir() && folder.parent() == Some(made.root()),
            "{}",
            folder.display()
        );
    }
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&made.keys().metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    assert!(matches!(
        Directory::create(&root),
        Err(StoreError::Refused { .. })
    ));
    for other in ["treering 2\n", "treering 1", "", "treering 1\n\n"] {
        fs::write(root.join("FORMAT"), other).unwrap();
        let error = Directory::open(&root).unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("{other:?}")) && text.contains(&format!("{FORMAT:?}")),
            "{text}"
        );
    }
}

#[test]
fn published_notes_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let files = PublishedFiles::open(dir.path()).unwrap();
    assert_eq!(files.read(NAME), Ok(None));
    files.flush().unwrap();
    for note in 0..1000 {
        files.record(NAME, &format!("note {note}"));
        files.record("other", &format!("other {note}"));
    }
    files.flush().unwrap();
    assert_eq!(files.read(NAME), Ok(Some("note 999".into())));
    files.record(NAME, "last");
    // Closing writes it, without anybody asking.
    drop(files);
    let files = PublishedFiles::open(dir.path()).unwrap();
    assert_eq!(files.read(NAME), Ok(Some("last".into())));
    assert_eq!(files.read("other"), Ok(Some("other 999".into())));
    assert_eq!(files.last_error(), None);
}

#[test]
fn published_notes_that_cannot_be_written_are_told_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("published");
    let files = PublishedFiles::open(&folder).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    files.record(NAME, "note");
    assert!(matches!(files.flush(), Err(StoreError::Unavailable { .. })));
    assert!(matches!(
        files.last_error(),
        Some(StoreError::Unavailable { .. })
    ));
    fs::create_dir(&folder).unwrap();
    files.flush().unwrap();
    assert_eq!(
        (files.read(NAME), files.last_error()),
        (Ok(Some("note".into())), None)
    );
}

/// As long as one log's file cannot be written, the others' success hides nothing.
#[test]
fn a_published_note_that_cannot_be_written_is_told_beside_others_that_can() {
    let dir = tempfile::tempdir().unwrap();
    let files = PublishedFiles::open(dir.path()).unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    files.record("a", "note");
    for note in ["first", "second"] {
        files.record("b", note);
        let error = files.flush().unwrap_err();
        assert_eq!(files.read("b"), Ok(Some(note.into())));
        assert_eq!(files.last_error().as_ref(), Some(&error));
        let place = dir.path().join("a").display().to_string();
        assert!(error.to_string().contains(&place), "{error}");
    }
    fs::remove_dir(dir.path().join("a")).unwrap();
    files.flush().unwrap();
    assert_eq!(files.last_error(), None);
    assert_eq!(files.read("a"), Ok(Some("note".into())));
}

/// One log's name is another's with the usual ending of a temporary file; a crash has left one of ours.
#[test]
fn published_names_are_those_of_logs_and_meet_no_temporary_file() {
    let dir = tempfile::tempdir().unwrap();
    let files = PublishedFiles::open(dir.path()).unwrap();
    assert_eq!(files.names(), Ok(vec![]));
    files.record("a.tmp", "the other");
    files.flush().unwrap();
    for note in 0..50 {
        files.record("a", &format!("note {note}"));
        files.flush().unwrap();
        assert_eq!(files.read("a.tmp"), Ok(Some("the other".into())));
    }
    fs::write(dir.path().join("~b"), "half a no").unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    assert_eq!(files.names(), Ok(vec!["a".into(), "a.tmp".into()]));
    drop(files);
    let files = PublishedFiles::open(dir.path()).unwrap();
    assert_eq!(files.names(), Ok(vec!["a".into(), "a.tmp".into()]));
    assert_eq!(files.read("b"), Ok(None));
    files.record("b", "whole");
    files.flush().unwrap();
    assert_eq!(files.read("b"), Ok(Some("whole".into())));
    assert!(!fs::exists(dir.path().join("~b")).unwrap());
}
