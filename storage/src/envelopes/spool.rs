//! One body on its way to disk.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use treering_tlog::Hash;
use treering_tlog::hash::Sha256Writer;

use super::path_in;
use crate::StoreError;
use crate::directory;

/// zstd's level for bodies of over 256 KiB: 3, its default; some 200 MB/s, far above what arrives.
const LEVEL: i32 = 3;
/// The skippable zstd frame in front: magic, length 8, then the length of the body, little endian as in all of zstd.
pub(super) const HEAD_LEN: usize = 16;
const SKIPPABLE: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 8, 0, 0, 0];

/// Why a body was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// The body is longer than allowed. Nothing of it stays.
    #[error("the envelope has more than {max} bytes")]
    TooLarge {
        /// The most bytes that were allowed.
        max: u64,
    },
    /// The disk refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A body being written to the spool. Dropping it without `finish` removes it.
pub struct Spool {
    /// Removed by `Drop`, unless it was renamed away.
    path: PathBuf,
    /// The folders of kept and of held bodies.
    targets: [PathBuf; 2],
    encoder: Option<zstd::stream::write::Encoder<'static, File>>,
    hasher: Sha256Writer,
    len: u64,
    max: u64,
}

impl Spool {
    pub(super) fn create(
        path: PathBuf,
        targets: [PathBuf; 2],
        max: u64,
    ) -> Result<Self, StoreError> {
        let encoder =
            start(&path).map_err(|error| StoreError::unavailable(path.display(), error))?;
        Ok(Self {
            path,
            targets,
            encoder: Some(encoder),
            hasher: Sha256Writer::new(),
            len: 0,
            max,
        })
    }

    /// The bytes so far.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "nobody asks whether a body that just started is empty"
    )]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// `TooLarge` beyond the maximum; otherwise what the disk says. Either way the body is lost: drop it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let len = self.len.saturating_add(bytes.len() as u64);
        if len > self.max {
            return Err(SpoolError::TooLarge { max: self.max });
        }
        let unavailable = |error| StoreError::unavailable(self.path.display(), error);
        let encoder = self
            .encoder
            .as_mut()
            .ok_or_else(|| unavailable(io::Error::other("already failed")))?;
        if let Err(error) = encoder.write_all(bytes) {
            self.encoder = None;
            return Err(StoreError::unavailable(self.path.display(), error).into());
        }
        self.hasher.update(bytes);
        self.len = len;
        Ok(())
    }

    /// Makes the body durable under its address, and returns that and the number of bytes. Only now may a record name it.
    ///
    /// # Errors
    /// What the disk says; the body is lost then.
    pub fn finish(self) -> Result<(Hash, u64), SpoolError> {
        let [kept, _] = self.targets.clone();
        self.finish_in(&kept)
    }

    /// The same for a body that is to be held: where no [`View::envelope`](crate::View::envelope) sees it. Only now
    /// may [`Documents::hold`](crate::Documents::hold) name it; a body that is never held is removed at the next
    /// start.
    ///
    /// # Errors
    /// As `finish`.
    pub fn finish_held(self) -> Result<(Hash, u64), SpoolError> {
        let [_, held] = self.targets.clone();
        self.finish_in(&held)
    }

    fn finish_in(mut self, folder: &Path) -> Result<(Hash, u64), SpoolError> {
        let unavailable = |path: &PathBuf, error| StoreError::unavailable(path.display(), error);
        let encoder = self.encoder.take();
        let encoder = encoder
            .ok_or_else(|| unavailable(&self.path, io::Error::other("an earlier write failed")))?;
        finish_file(encoder, self.len).map_err(|error| unavailable(&self.path, error))?;
        let sha256 = std::mem::take(&mut self.hasher).finish();
        let target = path_in(folder, sha256);
        let shelf = target.parent().expect("the path was made by joining");
        // Durable even if another body has just made the shelf and still waits for the disk.
        directory::create_folder(shelf)?;
        // Over an older file of the same body too: if that one was damaged, it is whole again.
        fs::rename(&self.path, &target).map_err(|error| unavailable(&target, error))?;
        directory::sync_folder(shelf)?;
        Ok((sha256, self.len))
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("path", &self.path)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // After `finish` there is no such file. If it cannot be removed, the next start does it.
        let _ = fs::remove_file(&self.path);
    }
}

fn start(path: &PathBuf) -> io::Result<zstd::stream::write::Encoder<'static, File>> {
    let mut file = File::create_new(path)?;
    file.write_all(&[0; HEAD_LEN])?;
    let mut encoder = zstd::stream::write::Encoder::new(file, LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

/// Ends the frame, writes the head, and waits for the disk.
fn finish_file(encoder: zstd::stream::write::Encoder<'static, File>, len: u64) -> io::Result<()> {
    let mut file = encoder.finish()?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&SKIPPABLE)?;
    file.write_all(&len.to_le_bytes())?;
    file.sync_all()
}

/// The length that a head names; `None` if it is no head.
pub(super) fn parse_head(head: &[u8; HEAD_LEN]) -> Option<u64> {
    let (magic, len) = head.split_first_chunk::<8>()?;
    let len = u64::from_le_bytes(len.try_into().ok()?);
    (*magic == SKIPPABLE).then_some(len)
}

#[cfg(test)]
mod tests {
    use crate::directory::tests::take_synced;
    use crate::envelopes::EnvelopeFiles;

    /// The second body finds its shelf there; whoever made it may not have waited for it.
    #[test]
    fn a_finished_body_is_durable_with_its_shelf() {
        let dir = tempfile::tempdir().unwrap();
        let files = EnvelopeFiles::open(dir.path()).unwrap();
        for _ in 0..2 {
            take_synced();
            let (sha256, _) = files.spool(0).unwrap().finish().unwrap();
            let shelf = files.path(sha256).parent().unwrap().to_owned();
            let synced = take_synced();
            assert!(synced.contains(&files.envelopes), "{synced:?}");
            assert_eq!(synced.last(), Some(&shelf));
        }
    }
}
