//! The folder that a log is exported to: files that are there as a whole or not at all, and never wrong.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use treering_tlog::note::MAX_NOTE_LEN;

use super::ExportError;
use crate::files::{self, PUBLIC};

/// The file that is locked while an export writes. Its name begins with a dot, as no resource of a log does.
const LOCK: &str = ".lock";
/// What is not whole yet. One export writes at a time, and one file at a time.
const PARTIAL: &str = ".partial";
const CHECKPOINT: &str = "checkpoint";

/// A folder that nobody else exports to.
pub(super) struct Target {
    pub(super) folder: PathBuf,
    pub(super) written: u64,
    pub(super) kept: u64,
    /// The folder that is known to be there.
    made: PathBuf,
    _lock: File,
}

impl Target {
    /// Makes the folder if it is not there, and locks it.
    pub(super) fn open(folder: PathBuf) -> Result<Self, ExportError> {
        fs::create_dir_all(&folder).map_err(|source| at(&folder, source))?;
        let path = folder.join(LOCK);
        let lock = File::create(&path).map_err(|source| at(&path, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ExportError::Busy { folder }),
            Err(TryLockError::Error(source)) => return Err(at(&path, source)),
        }
        Ok(Self {
            made: folder.clone(),
            folder,
            written: 0,
            kept: 0,
            _lock: lock,
        })
    }

    /// The checkpoint that was exported before.
    pub(super) fn checkpoint(&self) -> Result<Option<Vec<u8>>, ExportError> {
        self.read(CHECKPOINT, MAX_NOTE_LEN)
    }

    /// A file, or as much of it as shows that it is longer than `most` bytes.
    pub(super) fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, ExportError> {
        let path = self.folder.join(path);
        let read = || {
            let mut bytes = Vec::new();
            let most = u64::try_from(most).unwrap_or(u64::MAX);
            let mut file = File::open(&path)?.take(most.saturating_add(1));
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(at(&path, source)),
        }
    }

    /// Notes that a file is there and right.
    pub(super) const fn keep(&mut self) {
        self.kept += 1;
    }

    /// Makes a file hold these bytes, unless it does.
    pub(super) fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        if self.read(path, bytes.len())?.as_deref() == Some(bytes) {
            self.keep();
            return Ok(());
        }
        let (partial, path) = (self.folder.join(PARTIAL), self.folder.join(path));
        if let Some(parent) = path.parent()
            && parent != self.made
        {
            fs::create_dir_all(parent).map_err(|source| at(parent, source))?;
            parent.clone_into(&mut self.made);
        }
        write(&partial, bytes).map_err(|source| at(&partial, source))?;
        fs::rename(&partial, &path).map_err(|source| at(&path, source))?;
        self.written += 1;
        Ok(())
    }

    /// Makes all that was put durable, and then shows the checkpoint over it.
    pub(super) fn finish(&mut self, note: &str) -> Result<(), ExportError> {
        if self.checkpoint()?.as_deref() == Some(note.as_bytes()) {
            self.keep();
            return Ok(());
        }
        // One sync of the file system, not one for each of a million files.
        let synced = File::open(&self.folder).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        synced.map_err(|source| at(&self.folder, source))?;
        let path = self.folder.join(CHECKPOINT);
        files::replace(&path, note.as_bytes(), PUBLIC).map_err(|source| at(&path, source))?;
        self.written += 1;
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PUBLIC)
        .open(path)?;
    file.write_all(bytes)
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn at(path: &Path, source: io::Error) -> ExportError {
    ExportError::File {
        path: path.to_owned(),
        source,
    }
}
