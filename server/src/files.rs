//! Small files that are there as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The mode of what everybody may read.
pub(crate) const PUBLIC: u32 = 0o644;
/// The mode of what only the owner may read.
pub(crate) const SECRET: u32 = 0o600;

/// Writes a file by way of a temporary one beside it: after a crash the old bytes are there or the new ones.
///
/// # Errors
/// The system's.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = path.with_added_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Writes a file that must not exist yet: it gets its name when its bytes are durable, never before.
///
/// # Errors
/// `AlreadyExists`, or what the system says.
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    create_synced(path, bytes, mode, File::sync_all)
}

fn create_synced(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    sync: impl Fn(&File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = path.with_added_extension("tmp");
    // What a crash has left may have another mode.
    remove(&temporary)?;
    let written = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(bytes)?;
        sync(&file)?;
        // Unlike a rename this replaces nothing.
        fs::hard_link(&temporary, path)
    };
    let result = written();
    remove(&temporary)?;
    result?;
    sync_parent(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a file durable that somebody else may have written, and its name.
///
/// # Errors
/// The system's.
pub(crate) fn settle(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_parent(path)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent()
        .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_that_could_not_be_made_durable_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        let refused = |_: &File| Err(io::Error::other("no fsync"));
        let error = create_synced(&path, b"bytes", SECRET, refused).unwrap_err();
        assert_eq!(error.to_string(), "no fsync");
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn a_file_is_created_once_over_what_a_crash_has_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        fs::write(folder.path().join("a.pem.tmp"), "torn").unwrap();
        create(&path, b"first", SECRET).unwrap();
        let error = create(&path, b"second", SECRET).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, SECRET);
        assert_eq!(names(folder.path()), ["a.pem"]);
    }
}
