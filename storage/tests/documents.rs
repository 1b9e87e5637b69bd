//! Documents: large bodies in files, what a crash leaves of them, and failures, each looked at after a restart.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;
use treering_storage::contract::Model;
use treering_storage::envelopes::EnvelopeFiles;
use treering_storage::faulty::{Fault, Faulty};
use treering_storage::memory::MemoryStore;
use treering_storage::record::{EnvelopeRef, RecordEntry};
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{
    Attached, CommitError, Document, Documents, Gitoid, Held, Journal, LogId, Staged, Store, View,
};
use treering_tlog::{Hash, LeafIndex};

const LOG: LogId = LogId(1);
const FIRST: LeafIndex = LeafIndex::ZERO;

fn open(dir: &Path) -> RocksStore {
    RocksStore::open(dir, &RocksOptions::default()).unwrap()
}

fn body(text: &str) -> Bytes {
    format!("{text} {}", "z".repeat(300_000)).into()
}

fn held(body: &Bytes) -> Held {
    Held {
        gitoid: Gitoid::of(body),
        envelope_sha256: Hash::of(body),
        len: body.len() as u64,
        arrived: 7,
        payload_sha256: Hash::of(b"payload"),
        key_ids: vec!["a key".into()],
    }
}

fn attached(body: &Bytes) -> Attached {
    Attached {
        gitoid: Gitoid::of(body),
        envelope_sha256: Hash::of(body),
        log: LOG,
        index: FIRST,
    }
}

/// Spools a body, to be held or to be kept.
fn spool(files: &EnvelopeFiles, body: &Bytes, to_hold: bool) -> EnvelopeRef {
    let mut spool = files.spool(1 << 20).unwrap();
    spool.write(body).unwrap();
    let (sha256, len) = match to_hold {
        true => spool.finish_held().unwrap(),
        false => spool.finish().unwrap(),
    };
    EnvelopeRef::Spooled { sha256, len }
}

fn hold(store: &dyn Store, files: &EnvelopeFiles, body: &Bytes) {
    let spooled = spool(files, body, true);
    store.hold(&held(body), &spooled).unwrap();
}

/// One entry, for documents to belong to.
fn with_an_entry(store: &dyn Store) -> Model {
    let mut model = Model::new(LOG);
    let staged = model.stage(1);
    store.commit(&staged).unwrap();
    model.accept(&staged);
    model
}

/// The next record of the log, with that envelope in a file and its gitoid.
fn record_of(model: &Model, body: &Bytes) -> Staged {
    let envelope = EnvelopeRef::Spooled {
        sha256: Hash::of(body),
        len: body.len() as u64,
    };
    let entry = RecordEntry::new(envelope.sha256().to_hex().into(), Some(envelope));
    let staged = model.stage_entries(vec![entry]);
    let own = (Gitoid::of(body), staged.record.first);
    staged.with_documents([own]).unwrap()
}

/// Whether there is a file of a held body, and one of a kept body.
fn in_files(files: &EnvelopeFiles, body: &Bytes) -> (bool, bool) {
    let sha256 = Hash::of(body);
    (
        files.held_path(sha256).is_file(),
        files.path(sha256).is_file(),
    )
}

#[track_caller]
fn assert_held(store: &dyn Store, files: &EnvelopeFiles, body: &Bytes) {
    let row = Document::Held(held(body));
    assert_eq!(store.document(Gitoid::of(body)), Ok(Some(row)));
    let bytes = store.held_body(Gitoid::of(body));
    assert_eq!(bytes, Ok(Some(body.clone())));
    assert_eq!(store.envelope(Hash::of(body)), Ok(None));
    assert_eq!(in_files(files, body), (true, false));
}

#[track_caller]
fn assert_attached(store: &dyn Store, files: &EnvelopeFiles, body: &Bytes, row: &Attached) {
    let document = Document::Attached(*row);
    assert_eq!(store.document(row.gitoid), Ok(Some(document)));
    assert_eq!(store.held_body(row.gitoid), Ok(None));
    let bytes = store.envelope(Hash::of(body));
    assert_eq!(bytes, Ok(Some(body.clone())));
    assert_eq!(in_files(files, body), (false, true));
}

#[track_caller]
fn assert_nowhere(store: &dyn Store, files: &EnvelopeFiles, body: &Bytes) {
    assert_eq!(store.document(Gitoid::of(body)), Ok(None));
    assert_eq!(store.held_body(Gitoid::of(body)), Ok(None));
    assert_eq!(store.envelope(Hash::of(body)), Ok(None));
    assert_eq!(in_files(files, body), (false, false));
}

/// What the contract's suite does with small bodies, whose backends need no files.
#[test]
fn large_bodies_are_held_in_files_of_their_own() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = [&one, &two].map(|dir| Arc::new(EnvelopeFiles::open(dir.path()).unwrap()));
    let stores: [Box<dyn Store>; 2] = [
        Box::new(MemoryStore::with_envelope_files(Arc::clone(&files[0]))),
        Box::new(open(two.path())),
    ];
    for (store, files) in stores.iter().zip(&files) {
        let store = store.as_ref();
        let mut model = with_an_entry(store);
        released(store, files);
        attached_from_files(store, files);
        logged(store, files, &mut model);
        superfluous(store, files);
        model.check(store);
        assert_eq!(store.held(), Ok(vec![]));
    }
}

/// A body that was never spooled is missing; one that is held comes back until it expires.
fn released(store: &dyn Store, files: &EnvelopeFiles) {
    let bytes = body("expires");
    let never = EnvelopeRef::Spooled {
        sha256: Hash::of(&bytes),
        len: bytes.len() as u64,
    };
    let missing = |result: Result<(), CommitError>| {
        let error = result.unwrap_err();
        assert!(matches!(error, CommitError::Missing { .. }), "{error:?}");
    };
    missing(store.hold(&held(&bytes), &never));
    missing(store.attach(&attached(&bytes), Some(&never)));
    assert_nowhere(store, files, &bytes);
    for _ in 0..2 {
        hold(store, files, &bytes);
        hold(store, files, &bytes);
        assert_held(store, files, &bytes);
        assert_eq!(store.expire(Gitoid::of(&bytes)), Ok(true));
        assert_nowhere(store, files, &bytes);
    }
}

/// From among the held ones, and spooled either way.
fn attached_from_files(store: &dyn Store, files: &EnvelopeFiles) {
    let bytes = body("held, then attached");
    hold(store, files, &bytes);
    store.attach(&attached(&bytes), None).unwrap();
    assert_attached(store, files, &bytes, &attached(&bytes));
    for to_hold in [true, false] {
        let bytes = body(&format!("attached at once: {to_hold}"));
        for _ in 0..2 {
            let spooled = spool(files, &bytes, to_hold);
            store.attach(&attached(&bytes), Some(&spooled)).unwrap();
            assert_attached(store, files, &bytes, &attached(&bytes));
        }
    }
    assert_eq!(store.attachments(LOG, FIRST).map(|all| all.len()), Ok(3));
}

/// A record takes over the held file, or brings its own.
fn logged(store: &dyn Store, files: &EnvelopeFiles, model: &mut Model) {
    for own in [false, true] {
        let bytes = body(&format!("logged, with its own file: {own}"));
        hold(store, files, &bytes);
        if own {
            spool(files, &bytes, false);
        }
        let staged = record_of(model, &bytes);
        store.commit(&staged).unwrap();
        model.accept(&staged);
        let row = staged.rows.documents[0];
        assert_attached(store, files, &bytes, &row);
        // Held once more: nothing of it stays.
        hold(store, files, &bytes);
        assert_attached(store, files, &bytes, &row);
    }
}

/// A file for a document that is held with its body in a row.
fn superfluous(store: &dyn Store, files: &EnvelopeFiles) {
    let bytes = body("in a row");
    let inline = EnvelopeRef::inline(bytes.clone());
    store.hold(&held(&bytes), &inline).unwrap();
    hold(store, files, &bytes);
    assert_eq!(in_files(files, &bytes), (false, false));
    let found = store.held_body(Gitoid::of(&bytes));
    assert_eq!(found, Ok(Some(bytes.clone())));
    store.attach(&attached(&bytes), None).unwrap();
    assert_eq!(store.envelope(Hash::of(&bytes)), Ok(Some(bytes)));
}

/// A directory with one entry, and its files.
fn directory() -> (TempDir, EnvelopeFiles) {
    let dir = tempfile::tempdir().unwrap();
    let files = EnvelopeFiles::open(dir.path()).unwrap();
    with_an_entry(&open(dir.path()));
    (dir, files)
}

#[test]
fn files_that_a_crash_left_are_swept_at_the_next_start() {
    let (dir, files) = directory();
    let all = ["never held", "on its way", "arrived", "logged too"].map(body);
    let [never, on_its_way, arrived, logged_too] = &all;
    let store = open(dir.path());
    spool(&files, never, true);
    for body in [on_its_way, arrived, logged_too] {
        hold(&store, &files, body);
    }
    store.attach(&attached(arrived), None).unwrap();
    let mut model = Model::new(LOG);
    model.accept(&model.stage(1));
    // A record that does not tell of the gitoid, with its own file.
    spool(&files, logged_too, false);
    let staged = record_of(&model, logged_too).with_documents([]).unwrap();
    store.commit(&staged).unwrap();
    drop(store);
    let paths = |body: &Bytes| (files.held_path(Hash::of(body)), files.path(Hash::of(body)));
    // Died between the second name and the write; and after the write, before the first name was gone.
    let link = |from: PathBuf, to: PathBuf| {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::hard_link(from, to).unwrap();
    };
    let (from, to) = paths(on_its_way);
    link(from, to);
    let (to, from) = paths(arrived);
    link(from, to);
    fs::write(dir.path().join("held/README"), "not ours").unwrap();
    // Who only reads changes nothing.
    drop(RocksStore::open_read_only(dir.path()).unwrap());
    assert_eq!(
        all.each_ref().map(|body| in_files(&files, body).0),
        [true; 4]
    );
    for _ in 0..2 {
        let store = open(dir.path());
        assert_nowhere(&store, &files, never);
        assert_held(&store, &files, on_its_way);
        assert_attached(&store, &files, arrived, &attached(arrived));
        assert_eq!(in_files(&files, logged_too), (true, true));
        let kept = store.envelope(Hash::of(logged_too));
        assert_eq!(kept, Ok(Some(logged_too.clone())));
    }
    assert!(dir.path().join("held/README").is_file());
}

/// A document that can be told apart before and after a step, small or large.
struct Step {
    what: &'static str,
    large: bool,
}

impl Step {
    fn bytes(&self) -> Bytes {
        Bytes::from(format!(
            "{} {}",
            self.what,
            if self.large { "l" } else { "s" }
        ))
    }

    fn body(&self, files: &EnvelopeFiles) -> EnvelopeRef {
        match self.large {
            true => spool(files, &self.bytes(), true),
            false => EnvelopeRef::inline(self.bytes()),
        }
    }

    /// What has to be there before.
    fn prepare(&self, store: &dyn Store, files: &EnvelopeFiles) {
        if self.what != "hold" {
            store.hold(&held(&self.bytes()), &self.body(files)).unwrap();
        }
    }

    fn run(&self, store: &dyn Store, files: &EnvelopeFiles) -> Result<(), CommitError> {
        match self.what {
            "hold" => store.hold(&held(&self.bytes()), &self.body(files)),
            "attach" => store.attach(&attached(&self.bytes()), None),
            _ => store.expire(Gitoid::of(&self.bytes())).map(drop),
        }
    }

    /// All of it has happened, or nothing.
    fn check(&self, store: &dyn Store, happened: bool) {
        let bytes = self.bytes();
        let some = |there: bool| Ok(there.then(|| bytes.clone()));
        let is_held = happened == (self.what == "hold");
        assert_eq!(store.held_body(Gitoid::of(&bytes)), some(is_held));
        let kept = happened && self.what == "attach";
        assert_eq!(store.envelope(Hash::of(&bytes)), some(kept));
        let expected = match (is_held, kept) {
            (true, _) => Some(Document::Held(held(&bytes))),
            (_, true) => Some(Document::Attached(attached(&bytes))),
            _ => None,
        };
        assert_eq!(store.document(Gitoid::of(&bytes)), Ok(expected));
        let of_entry = store.attachments(LOG, FIRST).map(|all| all.len());
        assert_eq!(of_entry, Ok(usize::from(kept)));
    }
}

fn steps() -> impl Iterator<Item = Step> {
    let steps = ["hold", "attach", "expire"].into_iter();
    steps.flat_map(|what| [false, true].map(|large| Step { what, large }))
}

/// Failed and lost, failed but kept, refused: the same after a restart, and the same step then succeeds.
#[test]
fn failures_leave_all_or_nothing() {
    for step in steps() {
        for (fault, happened) in [
            (Fault::Lost, false),
            (Fault::Kept, true),
            (Fault::Full, false),
        ] {
            let (dir, files) = directory();
            let store = Faulty::new(open(dir.path()));
            step.prepare(&store, &files);
            store.fail_document(fault);
            let error = step.run(&store, &files).unwrap_err();
            assert_eq!(error.nothing_landed(), fault == Fault::Full, "{error:?}");
            step.check(&store, happened);
            drop(store);
            let store = Faulty::new(open(dir.path()));
            step.check(&store, happened);
            for _ in 0..2 {
                step.run(&store, &files).unwrap();
                step.check(&store, true);
            }
            assert_eq!(store.counts().documents, 2);
        }
    }
}

/// Faults of documents are theirs alone, and stay until they are healed.
#[test]
fn documents_fail_by_themselves() {
    let store = Faulty::new(MemoryStore::new());
    store.fail_documents(Fault::Lost);
    let mut model = with_an_entry(&store);
    let bytes = Bytes::from_static(b"body");
    let (row, body) = (held(&bytes), EnvelopeRef::inline(bytes.clone()));
    for _ in 0..2 {
        let error = store.hold(&row, &body).unwrap_err();
        assert!(matches!(error, CommitError::Unknown { .. }), "{error:?}");
        let error = store.expire(row.gitoid).unwrap_err();
        assert!(matches!(error, CommitError::Unknown { .. }), "{error:?}");
    }
    store.heal();
    store.fail_commits(Fault::Lost);
    store.hold(&row, &body).unwrap();
    store.fail_reads(true);
    assert!(store.held().is_err() && store.document(row.gitoid).is_err());
    assert!(store.held_body(row.gitoid).is_err() && store.attachments(LOG, FIRST).is_err());
    store.heal();
    // A record that was lost has released nothing, one that was kept has.
    let inline = RecordEntry::new("leaf".into(), Some(body));
    let staged = model.stage_entries(vec![inline]);
    let own = (row.gitoid, staged.record.first);
    let staged = staged.with_documents([own]).unwrap();
    for (fault, held) in [(Fault::Lost, 1), (Fault::Full, 1), (Fault::Kept, 0)] {
        store.fail_commit(fault);
        store.commit(&staged).unwrap_err();
        assert_eq!(store.held().map(|all| all.len()), Ok(held));
    }
    model.accept(&staged);
    model.check(&store);
}

/// A torn end of the write-ahead log takes the last step back as a whole.
#[test]
fn a_torn_step_has_not_happened() {
    for step in steps() {
        let (dir, files) = directory();
        let store = open(dir.path());
        step.prepare(&store, &files);
        let kept_aside = dir.path().join("aside");
        if step.large && step.what != "hold" {
            // Losing power loses a removal that nobody waited for.
            fs::hard_link(files.held_path(Hash::of(&step.bytes())), &kept_aside).unwrap();
        }
        step.run(&store, &files).unwrap();
        drop(store);
        if kept_aside.is_file() {
            let path = files.held_path(Hash::of(&step.bytes()));
            fs::rename(&kept_aside, path).unwrap();
        }
        let log = last_log(&dir.path().join("db"));
        let len = log.metadata().unwrap().len();
        let log = File::options().write(true).open(log).unwrap();
        log.set_len(len - 1).unwrap();
        for _ in 0..2 {
            step.check(&open(dir.path()), false);
        }
    }
}

/// The newest write-ahead log that holds something.
fn last_log(db: &Path) -> PathBuf {
    let files = fs::read_dir(db).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| {
        path.extension().is_some_and(|ext| ext == "log") && path.metadata().unwrap().len() > 0
    });
    logs.max().unwrap()
}

/// Neither a full disk nor a reader takes documents; a full disk lets them go.
#[test]
fn documents_are_refused_where_commits_are() {
    let (dir, files) = directory();
    let [there, new] = ["there", "new"].map(body);
    let small = Bytes::from_static(b"small");
    let store = open(dir.path());
    hold(&store, &files, &there);
    let inline = EnvelopeRef::inline(small.clone());
    store.hold(&held(&small), &inline).unwrap();
    drop(store);
    let options = RocksOptions {
        reserve_bytes: u64::MAX / 2,
        ..RocksOptions::default()
    };
    let reader = RocksStore::open_read_only(dir.path()).unwrap();
    let full = RocksStore::open(dir.path(), &options).unwrap();
    for (store, expected) in [(&reader, "reading only"), (&full, "nothing was written")] {
        let spooled = spool(&files, &new, true);
        let held = store.hold(&held(&new), &spooled);
        let attach = store.attach(&attached(&there), None);
        for error in [held, attach].map(Result::unwrap_err) {
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_held(store, &files, &there);
    }
    assert_nowhere(&full, &files, &new);
    reader.expire(Gitoid::of(&there)).unwrap_err();
    for bytes in [&there, &small] {
        assert_eq!(full.expire(Gitoid::of(bytes)), Ok(true));
        assert_nowhere(&full, &files, bytes);
    }
    // The reader sees what was; the file is gone, and that is no damage.
    assert_eq!(reader.held().map(|all| all.len()), Ok(2));
    assert_eq!(reader.held_body(Gitoid::of(&there)), Ok(None));
    assert_eq!(reader.held_body(Gitoid::of(&small)), Ok(Some(small)));
}

/// What is held takes room.
#[test]
fn size_on_disk_counts_held_files() {
    let (dir, files) = directory();
    let store = open(dir.path());
    let random: Vec<u8> = (0..9000_u32)
        .flat_map(|at| *Hash::of(&at.to_be_bytes()).as_bytes())
        .collect();
    let before = files.size_on_disk().unwrap();
    hold(&store, &files, &random.into());
    let after = files.size_on_disk().unwrap();
    assert!(after >= before + 288_000, "{before} and then {after}");
    assert!(store.size_on_disk().unwrap() >= after);
}
