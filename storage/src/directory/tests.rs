//! Which folders are waited for: nothing but losing power shows it from outside.

use std::cell::RefCell;
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};

use super::{Directory, create_folder, replace_file};

thread_local! {
    static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
}

/// `sync_folder` tells of its success.
pub(super) fn note_synced(path: &Path) {
    SYNCED.with_borrow_mut(|synced| synced.push(path.to_owned()));
}

/// The folders that this thread has waited for since it asked last.
pub(crate) fn take_synced() -> Vec<PathBuf> {
    SYNCED.with_borrow_mut(mem::take)
}

#[test]
fn every_new_folder_is_durable_in_its_parent() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("a/b"));
    let root = b.join("data");
    Directory::create(&root).unwrap();
    let synced = take_synced();
    assert_eq!(synced[..3], [dir.path().to_owned(), a, b]);
    assert!(synced[3..].iter().all(|folder| folder == &root));
    assert_eq!(synced.len(), 3 + 6 + 1, "six folders and FORMAT");
}

/// Its parent may be one that we cannot open.
#[test]
fn a_data_directory_made_by_somebody_else_is_taken_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("data");
    fs::create_dir(&root).unwrap();
    Directory::create(&root).unwrap();
    assert!(!take_synced().contains(&dir.path().to_owned()));
}

#[test]
fn a_folder_of_ours_that_is_there_already_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ab");
    for _ in 0..2 {
        create_folder(&folder).unwrap();
        assert!(take_synced().contains(&dir.path().to_owned()));
    }
    fs::write(dir.path().join("file"), "").unwrap();
    create_folder(&dir.path().join("file")).unwrap_err();
    create_folder(&dir.path().join("file/below")).unwrap_err();
}

#[test]
fn a_failed_replacement_leaves_the_old_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    replace_file(&path, b"old").unwrap();
    fs::create_dir(dir.path().join("~a")).unwrap();
    replace_file(&path, b"new").unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"old");
}
