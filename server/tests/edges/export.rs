//! Logs as files: what is written, that it is the log, and that nothing ever spoils what was there.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use treering_api::log::LogName;
use treering_client::fsck::{self, FsckError, FsckOptions};
use treering_client::{Http, HttpOptions, LogKey, TileReader};
use treering_server::app::Change;
use treering_server::export::{ExportError, Exported};
use treering_server::keys;
use treering_server::log::signer::Signer;
use treering_storage::directory::Directory;
use treering_storage::record::RecordEntry;
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Edge, Journal as _, LogId, apply};
use treering_tlog::Hash;
use treering_tlog::checkpoint::Opened;

use super::commands::ends;
use super::support::Running;

const LOG: &str = "rekor-v2";

fn export(dir: &Path, to: &Path) -> Result<Exported, ExportError> {
    let mut all = treering_server::export::export(dir, to, None, io::sink())?;
    assert_eq!(all.len(), 1);
    Ok(all.remove(0))
}

/// A web server that knows files and nothing else.
async fn file(State(root): State<PathBuf>, uri: Uri) -> Response {
    match tokio::fs::read(root.join(uri.path().trim_start_matches('/'))).await {
        Ok(bytes) => bytes.into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Reads a folder by such a server and checks all of it, as any client would.
async fn fsck(folder: &Path, vkey: &str) -> Result<Opened, FsckError> {
    let router = Router::new().fallback(file).with_state(folder.to_owned());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let http = Http::new(&HttpOptions::default()).unwrap();
    let reader = TileReader::new(http, &url).unwrap();
    let key = LogKey::from_vkey(vkey).unwrap();
    let checked = fsck::check(&reader, &key, FsckOptions::default(), |_| {}).await;
    server.abort();
    checked.map(|(opened, _)| opened)
}

fn vkey(server: &Running) -> String {
    let log = server.server.app().service().log(None).unwrap();
    log.vkey().to_owned()
}

/// A data directory that nobody serves, with so many entries, and its key.
async fn stopped(entries: usize) -> (tempfile::TempDir, PathBuf, String) {
    let server = Running::start().await;
    server.grow(0, entries).await;
    let (key, dir) = (vkey(&server), server.dir());
    (server.stop_keeping().await, dir, key)
}

/// Every file below a folder by its path, without the lock.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name != ".lock" {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, path) = entry
            .map(|entry| (entry.file_name(), entry.path()))
            .unwrap();
        if path.is_dir() {
            copy(&path, &to.join(entry));
        } else {
            fs::copy(&path, to.join(entry)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_grows_with_its_log_and_is_always_whole() {
    let to = tempfile::tempdir().unwrap();
    let folder = to.path().join(LOG);
    let mut server = Running::start().await;
    let key = vkey(&server);
    let (mut size, mut before) = (0, BTreeMap::new());
    for (next, paths) in [
        (0, "checkpoint"),
        (1, "checkpoint tile/0/000.p/1 tile/entries/000.p/1"),
        (
            255,
            "tile/0/000.p/1 tile/0/000.p/255 tile/entries/000.p/255",
        ),
        (256, "tile/0/000 tile/1/000.p/1 tile/entries/000"),
        (257, "tile/0/001.p/1 tile/1/000.p/1 tile/entries/001.p/1"),
        (
            513,
            "tile/0/001 tile/0/002.p/1 tile/1/000.p/2 tile/entries/002.p/1",
        ),
    ] {
        server.grow(size, next - size).await;
        size = next;
        server = server.restart().await;
        let done = export(&server.dir(), to.path()).unwrap();
        assert_eq!((done.size.get(), &done.folder), (size as u64, &folder));
        let opened = fsck(&folder, &key).await.unwrap();
        assert_eq!(
            (opened.checkpoint().size, opened.checkpoint().root),
            (done.size, done.root)
        );
        assert_eq!(
            opened.text().as_bytes(),
            server.get("/checkpoint").await.body
        );
        let now = files(&folder);
        for path in paths.split(' ') {
            assert_eq!(
                now[path],
                server.get(&format!("/{path}")).await.body,
                "{path}"
            );
        }
        for (path, bytes) in &before {
            assert!(
                path == "checkpoint" || now[path] == *bytes,
                "{path} has changed"
            );
        }
        let new = now
            .keys()
            .filter(|path| !before.contains_key(*path))
            .count() as u64;
        assert_eq!(
            done.written,
            new + u64::from(!before.is_empty()),
            "and the checkpoint"
        );
        let again = export(&server.dir(), to.path()).unwrap();
        assert_eq!((again.written, again.kept), (0, done.written + done.kept));
        assert_eq!(files(&folder), now);
        before = now;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_grows_meanwhile_is_exported_as_it_was_published() {
    let to = tempfile::tempdir().unwrap();
    let folder = to.path().join(LOG);
    let server = Running::start().await;
    let (key, dir) = (vkey(&server), server.dir());
    server.grow(0, 300).await;
    let server = server.restart().await;
    let exporting = async {
        let mut sizes = Vec::new();
        for _ in 0..5 {
            let (dir, to) = (dir.clone(), to.path().to_owned());
            let done = tokio::task::spawn_blocking(move || export(&dir, &to)).await;
            let size = done.unwrap().unwrap().size;
            assert_eq!(fsck(&folder, &key).await.unwrap().checkpoint().size, size);
            sizes.push(size.get());
        }
        sizes
    };
    let ((), sizes) = tokio::join!(server.grow(300, 700), exporting);
    assert!(
        sizes.is_sorted() && sizes[0] >= 300 && sizes[4] <= 1000,
        "{sizes:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_ends_at_any_file_leaves_the_log_as_it_was() {
    let (keep, dir, key) = stopped(257).await;
    let to = tempfile::tempdir().unwrap();
    let folder = to.path().join(LOG);
    export(&dir, to.path()).unwrap();
    let before = files(&folder);
    let old = to.path().join("old");
    copy(&folder, &old);

    let server = Running::serve_in(keep).await;
    server.grow(257, 300).await;
    let _keep = server.stop_keeping().await;
    let whole = tempfile::tempdir().unwrap();
    export(&dir, whole.path()).unwrap();
    let after = files(&whole.path().join(LOG));
    let new: Vec<&String> = after
        .keys()
        .filter(|path| !before.contains_key(*path))
        .collect();
    assert_eq!(new.len(), 5, "{new:?}");
    for path in new {
        let to = tempfile::tempdir().unwrap();
        let folder = to.path().join(LOG);
        copy(&old, &folder);
        // A folder where the file is to be, so that no rename puts one there.
        let obstacle = folder.join(path);
        fs::create_dir_all(obstacle.join("x")).unwrap();
        let error = export(&dir, to.path()).unwrap_err();
        assert!(matches!(error, ExportError::File { .. }), "{path}: {error}");
        assert!(error.to_string().contains(path.as_str()), "{path}: {error}");
        fs::remove_dir_all(obstacle).unwrap();
        let shown = fsck(&folder, &key).await.unwrap();
        assert_eq!(shown.checkpoint().size.get(), 257, "{path}");
        let done = export(&dir, to.path()).unwrap();
        assert_eq!(done.size.get(), 557, "{path}");
        fsck(&folder, &key).await.unwrap();
    }
    // What a process that was killed leaves.
    fs::write(folder.join(".partial"), "torn").unwrap();
    fs::write(folder.join("checkpoint.tmp"), "torn").unwrap();
    export(&dir, to.path()).unwrap();
    fsck(&folder, &key).await.unwrap();
    let mut there = files(&folder);
    there.retain(|path, _| after.contains_key(path));
    assert_eq!(there, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_the_folder_is_put_right_and_the_rest_left_alone() {
    let (_keep, dir, key) = stopped(300).await;
    let to = tempfile::tempdir().unwrap();
    let folder = to.path().join(LOG);
    export(&dir, to.path()).unwrap();
    let right = files(&folder);
    for path in right.keys().filter(|path| *path != "checkpoint") {
        let inodes = || {
            let of = |path| fs::metadata(folder.join(path)).unwrap().ino();
            right
                .keys()
                .filter(|other| *other != path)
                .map(of)
                .collect::<Vec<_>>()
        };
        let (others, good) = (inodes(), &right[path]);
        let flipped: Vec<u8> = good.iter().map(|byte| byte ^ 1).collect();
        let longer = [good.as_slice(), b"x"].concat();
        for wrong in [&flipped[..], &good[..good.len() - 1], &longer, b""] {
            fs::write(folder.join(path), wrong).unwrap();
            assert!(fsck(&folder, &key).await.is_err(), "{path}: it is wrong");
            let done = export(&dir, to.path()).unwrap();
            assert_eq!(
                (done.written, done.kept),
                (1, right.len() as u64 - 1),
                "{path}"
            );
            assert_eq!(files(&folder), right, "{path}");
        }
        assert_eq!(inodes(), others, "{path}: the others were not written");
    }
    fsck(&folder, &key).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_another_log_or_another_course_is_refused() {
    let to = tempfile::tempdir().unwrap();
    let folder = to.path().join(LOG);
    let start = Running::start().await;
    let twin = tempfile::tempdir().unwrap();
    let start = start.stop_keeping().await;
    copy(start.path(), twin.path());
    let ours = Running::serve_in(start).await;
    ours.grow(0, 5).await;
    let (key, dir) = (vkey(&ours), ours.dir());
    let older = tempfile::tempdir().unwrap();
    let ours = ours.stop_keeping().await;
    copy(ours.path(), older.path());
    let ours = Running::serve_in(ours).await;
    ours.grow(5, 4).await;
    let _ours = ours.stop_keeping().await;
    export(&dir, to.path()).unwrap();
    let exported = files(&folder);

    let error = export(&older.path().join("log"), to.path()).unwrap_err();
    assert!(matches!(error, ExportError::Ahead { .. }), "{error}");
    for word in [folder.to_str().unwrap(), "at size 9", "published size 5"] {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    // The same key and other entries: one of the two trees should not be.
    let forked = Running::serve_in(twin).await;
    assert_eq!(vkey(&forked), key);
    forked.grow(100, 12).await;
    let forked_dir = forked.dir();
    let _forked = forked.stop_keeping().await;
    let error = export(&forked_dir, to.path()).unwrap_err();
    assert!(matches!(error, ExportError::Damaged { .. }), "{error}");
    for word in [
        folder.to_str().unwrap(),
        "root at size 9: expected",
        "found",
    ] {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    // Another log, whose name and origin are the same.
    let (_keep, other, other_key) = stopped(20).await;
    assert_ne!(other_key, key);
    let error = export(&other, to.path()).unwrap_err();
    assert!(matches!(error, ExportError::OtherLog { .. }), "{error}");
    for word in [
        other_key.as_str(),
        "begins with \"localhost\"",
        "to another folder",
    ] {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    let lock = fs::File::open(folder.join(".lock")).unwrap();
    lock.lock().unwrap();
    let error = export(&dir, to.path()).unwrap_err();
    assert!(matches!(error, ExportError::Busy { .. }), "{error}");
    drop(lock);
    assert_eq!(files(&folder), exported, "nothing was touched");
    fsck(&folder, &key).await.unwrap();
}

/// Commits entries of which the second may claim another hash than its leaf has, and publishes them.
async fn false_leaf(count: usize, claimed: Hash) -> (tempfile::TempDir, PathBuf) {
    let (keep, dir, _) = stopped(0).await;
    let mut entries: Vec<RecordEntry> = (0..count)
        .map(|number| RecordEntry::new(format!("{{\"{number}\":0}}").into(), None))
        .collect();
    entries[1].leaf_hash = claimed;
    let staged = apply::stage(&Edge::new(), LogId(0), 5, entries);
    let store = RocksStore::open(&dir, &RocksOptions::default()).unwrap();
    store.commit(&staged).unwrap();
    drop(store);
    publish(&dir, &staged.edge);
    (keep, dir)
}

fn publish(dir: &Path, edge: &Edge) {
    let directory = Directory::open(dir).unwrap();
    let key = keys::load(&directory.keys(), &LogName::new(LOG).unwrap()).unwrap();
    let (_, note) = Signer::new("localhost", key).unwrap().sign(edge);
    fs::write(directory.published().join(LOG), note).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_of_a_log_that_does_not_fit_together() {
    let right = Hash::leaf(b"{\"1\":0}");
    let wrong = Hash::leaf(b"another");
    for (count, claimed, expected) in [
        (100, right, None),
        (600, right, None),
        (100, wrong, Some("corrupt right edge of log 0 at 100")),
        (
            600,
            wrong,
            Some("tile/entries/000: expected the leaves under tile 0 of level 0"),
        ),
    ] {
        let (_keep, dir) = false_leaf(count, claimed).await;
        let to = tempfile::tempdir().unwrap();
        let done = export(&dir, to.path());
        let shown = to.path().join(LOG).join("checkpoint").exists();
        match (done, expected) {
            (Ok(done), None) => assert_eq!((done.size.get(), shown), (count as u64, true)),
            (Err(ExportError::Damaged { what, .. }), Some(expected)) => {
                assert!(what.contains(expected) && !shown, "{what}");
            }
            (done, expected) => panic!("{count}: expected {expected:?}, found {done:?}"),
        }
    }
    // A checkpoint that is ahead of the store, one of another tree, one by nobody.
    let (_keep, dir, _) = stopped(3).await;
    let more = (0..4)
        .map(|number| RecordEntry::new(format!("{number}").into(), None))
        .collect();
    let ahead = apply::stage(&Edge::new(), LogId(0), 5, more).edge;
    let three = (0..3)
        .map(|number| RecordEntry::new(format!("{number}").into(), None))
        .collect();
    let other = apply::stage(&Edge::new(), LogId(0), 5, three).edge;
    let to = tempfile::tempdir().unwrap();
    let refused = || match export(&dir, to.path()) {
        Err(ExportError::Damaged { what, .. }) => what,
        other => panic!("expected damage, found {other:?}"),
    };
    publish(&dir, &ahead);
    assert!(refused().contains("expected at least size 4, which is published, found 3"));
    publish(&dir, &other);
    assert!(refused().contains("published root at size 3: expected"));
    fs::write(dir.join("published").join(LOG), "no checkpoint").unwrap();
    assert!(refused().contains("published checkpoint: "));
    assert_eq!(
        fs::read_dir(to.path()).unwrap().count(),
        0,
        "nothing was begun"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_log_reaches_its_export() {
    let (keep, dir, key) = stopped(3).await;
    let to = tempfile::tempdir().unwrap();
    let folder = to.path().join(LOG);
    export(&dir, to.path()).unwrap();
    let before = fsck(&folder, &key).await.unwrap();
    let server = Running::serve_in(keep).await;
    let freeze = Change::Freeze {
        name: LogName::new(LOG).unwrap(),
        successor: None,
        mark: true,
    };
    server.server.app().change(freeze).await.unwrap();
    let served = server.get("/checkpoint").await.body;
    let _keep = server.stop_keeping().await;
    let done = export(&dir, to.path()).unwrap();
    assert_eq!((done.written, done.kept), (1, 2), "the checkpoint alone");
    let after = fsck(&folder, &key).await.unwrap();
    assert_eq!(after.text().as_bytes(), served);
    let (old, new) = (before.checkpoint(), after.checkpoint());
    assert_eq!((old.size, old.root), (new.size, new.root));
    assert!(
        new.extensions[0].starts_with("Log frozen \u{2014} "),
        "{:?}",
        new.extensions
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_it_did_and_how_it_ended() {
    let (_keep, dir, key) = stopped(2).await;
    let to = tempfile::tempdir().unwrap();
    let (from, target) = (dir.to_str().unwrap(), to.path().to_str().unwrap());
    ends(
        0,
        &[
            "log",
            "add",
            from,
            "--name",
            "second",
            "--url",
            "https://two.example",
        ],
    );
    let (_, error) = ends(2, &["export", from, target, "--log", "third"]);
    assert!(
        error.contains("rekor-v2") && error.contains("second"),
        "{error}"
    );
    let (out, told) = ends(0, &["export", from, target, "--log", LOG, "-o", "json"]);
    assert!(told.contains("log rekor-v2: 2 of 2 entries"), "{told}");
    let said: Value = serde_json::from_str(&out).unwrap();
    let [log] = &said["logs"].as_array().unwrap()[..] else {
        panic!("{said}")
    };
    let opened = fsck(&to.path().join(LOG), &key).await.unwrap();
    assert_eq!(log["rootHash"], opened.checkpoint().root.to_hex());
    assert_eq!(
        (&log["log"], &log["size"], &log["written"], &log["kept"]),
        (&LOG.into(), &2.into(), &3.into(), &0.into())
    );
    assert_eq!(log["folder"], to.path().join(LOG).to_str().unwrap());
    assert!(!to.path().join("second").exists());
    let (out, _) = ends(0, &["export", from, target]);
    assert!(
        out.contains("log rekor-v2: size 2, root") && out.contains(": 0 files written, 3 kept"),
        "{out}"
    );
    assert!(
        out.contains("log second: size 0, root") && to.path().join("second/checkpoint").exists(),
        "{out}"
    );

    fs::remove_file(dir.join("published/second")).unwrap();
    let (_, error) = ends(3, &["export", from, target, "--log", "second"]);
    assert!(
        error.contains("log second: no checkpoint was published yet"),
        "{error}"
    );
    fs::write(dir.join("published").join(LOG), "no checkpoint").unwrap();
    let (_, error) = ends(6, &["export", from, target, "--log", LOG]);
    assert!(error.contains("published checkpoint"), "{error}");
    let (_, error) = ends(3, &["export", target, target]);
    assert!(error.contains("holds no log"), "{error}");
}
