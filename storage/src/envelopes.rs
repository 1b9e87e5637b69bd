//! Large envelopes: one zstd file each, named by the SHA-256 of the body, written while the body arrives.
//!
//! ```text
//! DIR/spool/<n>             being written, or given up: removed at the next start
//! DIR/spool/.lock           held while an `EnvelopeFiles` is open
//! DIR/envelopes/ab/<hex>.zst   durable; a 16-byte skippable zstd frame with the length of the body, then the body
//! DIR/held/ab/<hex>.zst        the same, of a document that is held
//! ```
//!
//! A body whose entry is refused after `finish`, and a crash between the two, leave a file that no record names. It
//! takes room until the same body comes again and writes the same name. [`EnvelopeFiles::read`] gives out any file, this
//! one too: who may serve only what is logged starts from an entry, whose [`EntryRow`](crate::EntryRow) names its
//! envelope.

mod held;
mod spool;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};
use treering_tlog::Hash;

use crate::StoreError;
use crate::directory;

pub use spool::{Spool, SpoolError};

/// The largest envelope that travels inside a batch; larger ones are spooled. 256 KiB: 4,096 of them would be 1 GiB of
/// batch, which the byte cap of the batch prevents; one file for each small one would be an fsync each.
pub const INLINE_MAX: usize = 256 * 1024;

/// The folders `envelopes/`, `held/` and `spool/` of a data directory.
#[derive(Debug)]
pub struct EnvelopeFiles {
    envelopes: PathBuf,
    held: PathBuf,
    spool: PathBuf,
    reserve: u64,
    next: AtomicU64,
    /// Nobody else removes our spool while we write to it. `None` for a reader.
    lock: Option<Lock>,
}

impl EnvelopeFiles {
    /// Opens the folders below a data directory for writing, creates them if need be, and removes what an earlier
    /// process left in the spool.
    ///
    /// # Errors
    /// `Refused` if another `EnvelopeFiles` has them open, here or in another process; `Unavailable`.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let mut files = Self::reader(dir);
        for folder in [&files.envelopes, &files.held, &files.spool] {
            directory::create_folder(folder)?;
        }
        files.lock = Some(lock(&files.spool.join(".lock"))?);
        files
            .remove_leftovers()
            .map_err(|error| StoreError::unavailable(files.spool.display(), error))?;
        Ok(files)
    }

    /// For reading only: creates nothing, removes nothing, takes no lock.
    #[must_use]
    pub fn reader(dir: &Path) -> Self {
        let (envelopes, spool) = (directory::envelopes(dir), directory::spool(dir));
        Self {
            envelopes,
            held: directory::held(dir),
            spool,
            reserve: 0,
            next: AtomicU64::new(0),
            lock: None,
        }
    }

    /// Refuses new spools while fewer bytes than this are free.
    #[must_use]
    pub const fn with_reserve(mut self, bytes: u64) -> Self {
        self.reserve = bytes;
        self
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.spool)? {
            let entry = entry?;
            if entry.file_name() != ".lock" {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Starts a body of at most `max` bytes.
    ///
    /// # Errors
    /// `Full`, if less disk is free than must stay free; `Refused` for a reader; `Unavailable`.
    pub fn spool(&self, max: u64) -> Result<Spool, StoreError> {
        if self.lock.is_none() {
            return Err(StoreError::Refused {
                what: "a new envelope".into(),
                expected: "files that are open for writing".into(),
                found: "files that are open for reading".into(),
                remedy: "open them for writing".into(),
            });
        }
        directory::check_free(&self.spool, self.reserve)?;
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let targets = [&self.envelopes, &self.held].map(Clone::clone);
        Spool::create(self.spool.join(name), targets, max)
    }

    /// Where the envelope with this address is, or would be.
    #[must_use]
    pub fn path(&self, sha256: Hash) -> PathBuf {
        path_in(&self.envelopes, sha256)
    }

    /// The bytes that all envelope files take, held ones included.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(directory::bytes_below(&self.envelopes)? + directory::bytes_below(&self.held)?)
    }

    /// The bytes of an envelope, checked against their hash; `None` if there is no such file. Whether a record names it
    /// is not asked.
    ///
    /// # Errors
    /// `Corrupt` if they do not hash to their address; `Unavailable`.
    pub fn read(&self, sha256: Hash) -> Result<Option<Bytes>, StoreError> {
        read_checked(&self.path(sha256), sha256)
    }
}

/// The body in a file, which has to hash to `sha256`; `None` if there is no such file.
fn read_checked(path: &Path, sha256: Hash) -> Result<Option<Bytes>, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::unavailable(path.display(), error)),
    };
    let corrupt = |found: String| {
        StoreError::corrupt(path.display(), format_args!("a body of {sha256}"), found)
    };
    let body = read_body(&mut file).map_err(|error| corrupt(error.to_string()))?;
    let found = Hash::of(&body);
    if found != sha256 {
        return Err(corrupt(format!("one of {found}")));
    }
    Ok(Some(body.into()))
}

fn path_in(folder: &Path, sha256: Hash) -> PathBuf {
    let hex = sha256.to_hex();
    let shelf = hex.get(..2).unwrap_or_default();
    folder.join(shelf).join(format!("{hex}.zst"))
}

/// The body, in one allocation of the length that the head names.
fn read_body(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = [0; spool::HEAD_LEN];
    file.read_exact(&mut head)?;
    let len =
        spool::parse_head(&head).ok_or_else(|| io::Error::other("no head of an envelope file"))?;
    let mut body = Vec::new();
    body.try_reserve_exact(usize::try_from(len).map_err(io::Error::other)?)?;
    // One byte more than it should be, to notice a body that is too long without reading all of it.
    zstd::stream::read::Decoder::new(file)?
        .take(len.saturating_add(1))
        .read_to_end(&mut body)?;
    if body.len() as u64 != len {
        return Err(io::Error::other(format!(
            "{} bytes, expected {len}",
            body.len()
        )));
    }
    Ok(body)
}

/// A lock that ends when it is dropped, also while a child that was just forked still has its descriptor: closing alone
/// would leave it to the child until its exec.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing releases it too, if later.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Opens and locks a file.
fn lock(path: &Path) -> Result<Lock, StoreError> {
    let unavailable = |error: io::Error| StoreError::unavailable(path.display(), error);
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(unavailable)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Refused {
            what: path.display().to_string(),
            expected: "nobody else to hold it".into(),
            found: "it locked".into(),
            remedy: "stop the other server, or give this one another folder".into(),
        }),
        Err(error) => Err(unavailable(error.into())),
    }
}
