//! Large bodies of documents that are held: in a folder of their own, until they are kept or removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use treering_tlog::Hash;

use super::{EnvelopeFiles, path_in, read_checked};
use crate::StoreError;
use crate::directory;

impl EnvelopeFiles {
    /// Where the held body with this hash is, or would be.
    #[must_use]
    pub fn held_path(&self, sha256: Hash) -> PathBuf {
        path_in(&self.held, sha256)
    }

    /// The bytes of a held body, checked against their hash; `None` if there is no such file.
    pub(crate) fn read_held(&self, sha256: Hash) -> Result<Option<Bytes>, StoreError> {
        read_checked(&self.held_path(sha256), sha256)
    }

    /// Whether there is a held body with this hash.
    pub(crate) fn has_held(&self, sha256: Hash) -> Result<bool, StoreError> {
        exists(&self.held_path(sha256))
    }

    /// Whether there is a kept body with this hash.
    pub(crate) fn has_kept(&self, sha256: Hash) -> Result<bool, StoreError> {
        exists(&self.path(sha256))
    }

    /// Makes a kept body of a held one, durably, unless there is a kept one; whether there is one now. The held file
    /// stays: a second name of the same file, so that a start after a crash can tell whose the kept one is.
    pub(crate) fn keep_held(&self, sha256: Hash) -> Result<bool, StoreError> {
        let (held, kept) = (self.held_path(sha256), self.path(sha256));
        if !self.has_kept(sha256)? && !self.has_held(sha256)? {
            return Ok(false);
        }
        let shelf = kept.parent().expect("the path was made by joining");
        directory::create_folder(shelf)?;
        match fs::hard_link(&held, &kept) {
            Ok(()) => {}
            // One that was spooled to be kept; its folder may not have been waited for yet.
            Err(_) if self.has_kept(sha256)? => {}
            Err(error) => return Err(StoreError::unavailable(kept.display(), error)),
        }
        directory::sync_folder(shelf)?;
        Ok(true)
    }

    /// Removes a held body that no row names any more, if it is there. What stays, or comes back after a crash, is
    /// swept at the next start.
    pub(crate) fn remove_held(&self, sha256: Hash) {
        let _ = remove(&self.held_path(sha256));
    }

    /// Removes the held bodies that no row names, and the kept ones that are held ones on their way: linked, but the
    /// write that was to name them was lost.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn sweep_held(
        &self,
        named: &std::collections::HashSet<Hash>,
    ) -> Result<(), StoreError> {
        for path in files_on_shelves(&self.held)? {
            let name = path.file_stem().and_then(|name| name.to_str());
            let Some(sha256) = name.and_then(|name| Hash::from_hex(name).ok()) else {
                continue;
            };
            if !named.contains(&sha256) {
                remove(&path)?;
            } else if same_file(&path, &self.path(sha256))? {
                remove(&self.path(sha256))?;
            }
        }
        Ok(())
    }
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    fs::exists(path).map_err(|error| StoreError::unavailable(path.display(), error))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::unavailable(path.display(), error))
        }
        _ => Ok(()),
    }
}

/// Whether two names are there and are names of one file.
#[cfg(feature = "rocksdb")]
fn same_file(a: &Path, b: &Path) -> Result<bool, StoreError> {
    use std::os::unix::fs::MetadataExt;

    let identity = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::unavailable(path.display(), error)),
    };
    let a = identity(a)?;
    Ok(a.is_some() && a == identity(b)?)
}

/// The files two folders down; none if the folder is not there.
#[cfg(feature = "rocksdb")]
fn files_on_shelves(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    for shelf in names(folder)?.into_iter().filter(|shelf| shelf.is_dir()) {
        files.extend(names(&shelf)?);
    }
    Ok(files)
}

#[cfg(feature = "rocksdb")]
fn names(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    };
    match list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|error| StoreError::unavailable(folder.display(), error)),
    }
}
