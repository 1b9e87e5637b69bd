//! What was last shown to the world, kept outside the database, to notice a database that lost its end.
//!
//! One file a log, `DIR/published/NAME`, holding the signed checkpoint as text. A thread writes it behind the server's
//! back (temporary file, fsync, rename, fsync of the folder) at most once a second, so it may be a second old. That
//! errs on the safe side: it never shows more than was published, and [`check`] only asks that the store has at least
//! that much.

mod check;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{fs, io, thread};

use crate::StoreError;
use crate::directory;
use writer::Shared;

pub use check::{Published, check};

/// The newest published checkpoint of each log.
#[derive(Debug)]
pub struct PublishedFiles {
    folder: PathBuf,
    shared: Arc<Shared>,
    /// Taken by `Drop`.
    thread: Option<JoinHandle<()>>,
}

impl PublishedFiles {
    /// Opens the folder, creates it if need be, and starts the thread that writes to it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        directory::create_folder(folder)?;
        let shared = Arc::new(Shared::default());
        let (folder, writer) = (folder.to_owned(), Arc::clone(&shared));
        let target = folder.clone();
        let write = move |name: &str, note: &str| {
            directory::replace_file(&file_of(&target, name), note.as_bytes())
        };
        let thread = thread::Builder::new()
            .name("published".into())
            .spawn(move || writer.run(&write))
            .map_err(|error| {
                StoreError::unavailable("thread of the published checkpoints", error)
            })?;
        Ok(Self {
            folder,
            shared,
            thread: Some(thread),
        })
    }

    /// The note that was written last for a log; `None` if there is none.
    ///
    /// # Errors
    /// `Corrupt` if it is no text; `Unavailable`.
    pub fn read(&self, name: &str) -> Result<Option<String>, StoreError> {
        let path = file_of(&self.folder, name);
        match fs::read(&path) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes);
                text.map(Some)
                    .map_err(|error| StoreError::corrupt(path.display(), "a checkpoint", error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::unavailable(path.display(), error)),
        }
    }

    /// The logs that have a file, in order. Everything else in the folder is passed over: files that nothing here has
    /// named, and temporary ones that a crash has left.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let unavailable = |error| StoreError::unavailable(self.folder.display(), error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(unavailable)? {
            let entry = entry.map_err(unavailable)?;
            if !entry.file_type().map_err(unavailable)?.is_dir() {
                names.extend(name_of(&self.folder, &entry.path()));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Has the note written soon. Returns at once; of several notes for one log only the newest is written. What goes
    /// wrong is tried again and told by [`flush`](Self::flush) and [`last_error`](Self::last_error).
    pub fn record(&self, name: &str, note: &str) {
        self.shared.record(name, note);
    }

    /// Waits until everything recorded before is durable.
    ///
    /// # Errors
    /// `Unavailable`, after one failed try that began after the call.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.shared.flush()
    }

    /// Why the newest try failed, of any log; `None` once a try has written all there was, and before the first.
    ///
    /// What fails is tried again every second, and together with whatever else is to be written, so this stays until
    /// every log's file is up to date. Nothing here speaks by itself: whoever runs the store asks, and tells a person,
    /// because while it fails a database that goes back is noticed only down to the checkpoint that was written last.
    #[must_use]
    pub fn last_error(&self) -> Option<StoreError> {
        self.shared.last_error()
    }
}

impl Drop for PublishedFiles {
    /// Writes what is left, and waits for it. If that fails it is lost unheard: [`flush`](Self::flush) first.
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // The thread does not panic; if it did, the message is out already.
            let _ = thread.join();
        }
    }
}

/// The file of a log: its name, with everything but ASCII letters, digits, `-`, `_` and inner dots as `%xx`.
fn file_of(folder: &Path, name: &str) -> PathBuf {
    let mut file = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => file.push(char::from(byte)),
            b'.' if !file.is_empty() => file.push('.'),
            other => {
                file.push('%');
                file.push_str(&hex::encode([other]));
            }
        }
    }
    folder.join(file)
}

/// The log that a file is of; `None` if [`file_of`] gives this path to none.
fn name_of(folder: &Path, path: &Path) -> Option<String> {
    let (mut name, mut rest) = (Vec::new(), path.file_name()?.to_str()?);
    while let Some((before, behind)) = rest.split_once('%') {
        name.extend_from_slice(before.as_bytes());
        let (digits, behind) = behind.split_at_checked(2)?;
        name.extend(hex::decode(digits).ok()?);
        rest = behind;
    }
    name.extend_from_slice(rest.as_bytes());
    let name = String::from_utf8(name).ok()?;
    (file_of(folder, &name) == path).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_folder_or_meets_another() {
        let folder = Path::new("/published");
        let names = [
            "rekor-v1",
            "rekor.v1",
            "..",
            ".",
            "",
            "a/b",
            "a%2fb",
            "../keys/x",
            "ä",
            "a\0b",
        ];
        let mut files: Vec<_> = names.iter().map(|name| file_of(folder, name)).collect();
        assert!(
            files
                .iter()
                .all(|file| file.parent() == Some(folder) || file == &folder.join("")),
            "{files:?}"
        );
        for (name, file) in names.iter().zip(&files) {
            let named = (!name.is_empty()).then(|| (*name).to_owned());
            assert_eq!(name_of(folder, file), named, "{file:?}");
        }
        files.sort();
        files.dedup();
        assert_eq!(files.len(), names.len());
    }

    #[test]
    fn files_of_others_name_no_log() {
        let folder = Path::new("/published");
        for file in [
            "~a", ".a", "a~", "a b", "%", "%6", "%61", "%2F", "%zz", "a%", "\u{e4}",
        ] {
            assert_eq!(name_of(folder, &folder.join(file)), None, "{file}");
        }
    }
}
