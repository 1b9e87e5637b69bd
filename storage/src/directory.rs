//! The data directory: what is where, and in which format.
//!
//! ```text
//! DIR/FORMAT       "treering 1\n"; written last, so a folder without it was never finished
//! DIR/db/          RocksDB
//! DIR/envelopes/   large envelopes, one file each        DIR/spool/    those that are still arriving
//! DIR/held/        large bodies of documents that are held
//! DIR/published/   the newest published checkpoint of each log
//! DIR/keys/        signing keys; nobody but the owner can enter
//! ```

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// The one format that this version reads and writes.
pub const FORMAT: &str = "treering 1\n";

/// A data directory whose format was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Makes a data directory of `root`, which may exist if it is none yet.
    ///
    /// # Errors
    /// `Refused` if it is a data directory already; `Unavailable`.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let file = format_file(root);
        if fs::exists(&file).map_err(|error| StoreError::unavailable(file.display(), error))? {
            return Err(StoreError::Refused {
                what: root.display().to_string(),
                expected: "a folder that holds no log".into(),
                found: "FORMAT".into(),
                remedy: "start the server on it, or give another folder".into(),
            });
        }
        let directory = Self {
            root: root.to_owned(),
        };
        make_folders(root)?;
        for folder in [
            &directory.db(),
            &envelopes(root),
            &spool(root),
            &held(root),
            &directory.published(),
        ] {
            create_folder(folder)?;
        }
        let keys = directory.keys();
        create_folder(&keys)?;
        fs::set_permissions(&keys, Permissions::from_mode(0o700))
            .map_err(|error| StoreError::unavailable(keys.display(), error))?;
        replace_file(&file, FORMAT.as_bytes())?;
        Ok(directory)
    }

    /// Opens a data directory.
    ///
    /// # Errors
    /// `Missing` if it is none; `Refused` if another version wrote it; `Unavailable`.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let file = format_file(root);
        match fs::read(&file) {
            Ok(found) if found == FORMAT.as_bytes() => Ok(Self {
                root: root.to_owned(),
            }),
            Ok(found) => Err(StoreError::Refused {
                what: file.display().to_string(),
                expected: format!("{FORMAT:?}"),
                found: format!(
                    "{:?}",
                    String::from_utf8_lossy(found.get(..64).unwrap_or(&found))
                ),
                remedy: "use the version of the server that wrote it".into(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Missing {
                what: file.display().to_string(),
            }),
            Err(error) => Err(StoreError::unavailable(file.display(), error)),
        }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> PathBuf {
        db(&self.root)
    }

    /// The large envelopes.
    #[must_use]
    pub fn envelopes(&self) -> PathBuf {
        envelopes(&self.root)
    }

    /// The large envelopes that are still arriving.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        spool(&self.root)
    }

    /// The large bodies of documents that are held.
    #[must_use]
    pub fn held(&self) -> PathBuf {
        held(&self.root)
    }

    /// What was published last.
    #[must_use]
    pub fn published(&self) -> PathBuf {
        self.root.join("published")
    }

    /// The signing keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }
}

fn format_file(root: &Path) -> PathBuf {
    root.join("FORMAT")
}

/// The database below a data directory.
pub(crate) fn db(root: &Path) -> PathBuf {
    root.join("db")
}

/// The large envelopes below a data directory.
pub(crate) fn envelopes(root: &Path) -> PathBuf {
    root.join("envelopes")
}

/// The spool below a data directory.
pub(crate) fn spool(root: &Path) -> PathBuf {
    root.join("spool")
}

/// The held bodies below a data directory.
pub(crate) fn held(root: &Path) -> PathBuf {
    root.join("held")
}

/// Creates a folder of ours if it is not there, durably: also if it is there because somebody else has just created it
/// and not waited for the disk yet.
pub(crate) fn create_folder(path: &Path) -> Result<(), StoreError> {
    path.parent().map_or(Ok(()), make_folders)?;
    make_folder(path)?;
    sync_parent(path)
}

/// Creates a folder and those it is in, as far as they are not there, durably. What is there is somebody else's, and
/// its parent need not be ours to open.
fn make_folders(path: &Path) -> Result<(), StoreError> {
    let missing: Vec<_> = path
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        .collect();
    for folder in missing.into_iter().rev() {
        make_folder(folder)?;
        sync_parent(folder)?;
    }
    Ok(())
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(|error| StoreError::unavailable(path.display(), error)),
    }
}

/// Waits until the name of a file or folder is durable.
fn sync_parent(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        None => Ok(()),
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
    }
}

/// Waits until names that were created or renamed in a folder are durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let sync = || File::open(path)?.sync_all();
    sync().map_err(|error| StoreError::unavailable(path.display(), error))?;
    #[cfg(test)]
    tests::note_synced(path);
    Ok(())
}

/// Writes a file as a whole: a crash leaves the old bytes or the new ones, and perhaps a temporary file, whose name
/// starts with `~` as that of no log does.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut temporary = OsString::from("~");
    temporary.push(path.file_name().unwrap_or_default());
    let temporary = path.with_file_name(temporary);
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| StoreError::unavailable(path.display(), error))?;
    sync_parent(path)
}

/// Refuses if fewer than `reserve` bytes are free to us on the file system of `path`.
pub(crate) fn check_free(path: &Path, reserve: u64) -> Result<(), StoreError> {
    if reserve == 0 {
        return Ok(());
    }
    let stat = rustix::fs::statvfs(path)
        .map_err(|error| StoreError::unavailable(path.display(), error))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < reserve {
        return Err(StoreError::Full { free, reserve });
    }
    Ok(())
}

/// The bytes that all files below a folder take; what vanishes meanwhile counts nothing.
pub(crate) fn bytes_below(path: &Path) -> Result<u64, StoreError> {
    let unavailable = |error| StoreError::unavailable(path.display(), error);
    let mut total = 0_u64;
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let Some(entries) = found(fs::read_dir(folder)).map_err(unavailable)? else {
            continue;
        };
        for entry in entries {
            let entry = entry.map_err(unavailable)?;
            let Some(metadata) = found(entry.metadata()).map_err(unavailable)? else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                // `blocks` counts 512 bytes each, whatever the file system; unlike `len` it knows holes and reserves.
                total = total.saturating_add(metadata.blocks().saturating_mul(512));
            }
        }
    }
    Ok(total)
}

/// `None` instead of "not found".
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
pub(crate) mod tests;
