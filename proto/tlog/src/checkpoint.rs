//! Checkpoints: c2sp.org/tlog-checkpoint.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::fmt;
use std::str::FromStr;

use crate::hash::{Hash, HashError};
use crate::note::{
    KeyKind, KeyName, MAX_NAME_LEN, MAX_NOTE_LEN, NoteError, NoteSigner, SignedNote, VerifierKey,
    VerifyError,
};
use crate::reader::Lines;
use crate::size::{DecimalError, TreeSize};

/// Why something is not a checkpoint, or not one to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Empty, longer than 255 bytes, or with a control character.
    #[error(
        "an origin that is empty, has a control character, or is longer than {MAX_NAME_LEN} bytes"
    )]
    Origin,
    /// No three lines that end in LF.
    #[error("a checkpoint without origin, size and root, each on its line")]
    Shape,
    /// Longer than any note.
    #[error("a checkpoint of {found} bytes, expected less than {MAX_NOTE_LEN}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// The second line is not the size of a tree.
    #[error("the size is {0}")]
    Size(#[source] DecimalError),
    /// The third line is not a hash in base64.
    #[error("the root is {0}")]
    Root(#[source] HashError),
    /// An extension line that is empty or has a control character.
    #[error("an empty or malformed extension line")]
    Extension,
    /// Not a signed note.
    #[error("not a signed note: {0}")]
    Note(#[source] NoteError),
    /// The log's signature is missing or wrong.
    #[error("not signed by the log: {0}")]
    Signature(#[source] VerifyError),
    /// Witnesses' keys say nothing about which log it is, and of keys of unknown types nothing is known.
    #[error("{name} is not the key of a log")]
    NotALogKey {
        /// The key's name.
        name: KeyName,
    },
    /// The checkpoint of another log.
    #[error("the origin is {found}, expected {expected}")]
    OtherOrigin {
        /// The log's origin.
        expected: Origin,
        /// The checkpoint's.
        found: Origin,
    },
}

/// What names a log: not empty, at most 255 bytes, no control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// This origin.
    ///
    /// # Errors
    /// If it is not one.
    pub fn new(origin: impl Into<String>) -> Result<Self, CheckpointError> {
        let origin = origin.into();
        if origin.is_empty() || origin.len() > MAX_NAME_LEN || origin.contains(|c| c < ' ') {
            return Err(CheckpointError::Origin);
        }
        Ok(Self(origin))
    }

    /// The origin as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the origin, by which witnesses and mirrors name logs in their URLs.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(self.0.as_bytes())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Origin {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(origin: &str) -> Result<Self, CheckpointError> {
        Self::new(origin)
    }
}

/// The state of a log: so many leaves, this root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// How many leaves it has.
    pub size: TreeSize,
    /// The root of their tree.
    pub root: Hash,
    /// Lines after those, which nobody should write and everybody must read over.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extensions.
    #[must_use]
    pub fn new(origin: Origin, size: TreeSize, root: Hash) -> Self {
        Self {
            origin,
            size,
            root,
            extensions: Vec::new(),
        }
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// If it is not exactly what [`Self::encode`] writes for some checkpoint.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        if text.len() >= MAX_NOTE_LEN {
            return Err(CheckpointError::TooLong { found: text.len() });
        }
        let mut lines = Lines::new(text);
        let mut line = || lines.line().ok_or(CheckpointError::Shape);
        let (origin, size, root) = (line()?, line()?, line()?);
        let origin = Origin::new(origin)?;
        let size = size.parse().map_err(CheckpointError::Size)?;
        let root = Hash::from_base64(root).map_err(CheckpointError::Root)?;
        let mut extensions = Vec::new();
        while let Some(line) = lines.line() {
            if !is_extension(line) {
                return Err(CheckpointError::Extension);
            }
            extensions.push(line.to_owned());
        }
        if !lines.rest().is_empty() {
            return Err(CheckpointError::Shape);
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions,
        })
    }

    /// The text of the note.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            self.root.to_base64()
        );
        for extension in &self.extensions {
            text.push_str(extension);
            text.push('\n');
        }
        text
    }
}

/// A checkpoint whose signature by the log has been checked; made by [`open`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    checkpoint: Checkpoint,
    note: SignedNote,
    text: String,
}

impl Opened {
    /// What the log signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, in which there may be more signatures than the log's.
    #[must_use]
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// The whole note, byte for byte as it was opened.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Reads a checkpoint and checks that the log's key signed it.
///
/// The caller must know which origin belongs to the key, and compare; or use [`open_of`].
///
/// # Errors
/// If the bytes are not a signed checkpoint, if the key did not sign it, or if the key is not of a type
/// that logs sign with (0x01 or 0x02).
pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<Opened, CheckpointError> {
    if !matches!(key.kind(), KeyKind::Ed25519 | KeyKind::Ecdsa) {
        return Err(CheckpointError::NotALogKey {
            name: key.name().clone(),
        });
    }
    let note = SignedNote::parse(bytes).map_err(CheckpointError::Note)?;
    note.verify(std::slice::from_ref(key))
        .map_err(CheckpointError::Signature)?;
    let checkpoint = Checkpoint::parse(note.text())?;
    let text = note.encode();
    Ok(Opened {
        checkpoint,
        note,
        text,
    })
}

/// As [`open`], and checks that the checkpoint is of the log with this origin.
///
/// # Errors
/// As [`open`], and if the origin is another.
pub fn open_of(
    bytes: &[u8],
    origin: &Origin,
    key: &VerifierKey,
) -> Result<Opened, CheckpointError> {
    let opened = open(bytes, key)?;
    let found = &opened.checkpoint.origin;
    if found != origin {
        return Err(CheckpointError::OtherOrigin {
            expected: origin.clone(),
            found: found.clone(),
        });
    }
    Ok(opened)
}

/// The signed note of a checkpoint.
///
/// # Errors
/// If an extension is one that [`Checkpoint::parse`] refuses, or the note becomes too long.
pub fn sign(checkpoint: &Checkpoint, signer: &NoteSigner) -> Result<String, CheckpointError> {
    if !checkpoint
        .extensions
        .iter()
        .all(|extension| is_extension(extension))
    {
        return Err(CheckpointError::Extension);
    }
    signer
        .sign(&checkpoint.encode())
        .map_err(CheckpointError::Note)
}

/// Whether a text may stand on a line of its own after the root.
fn is_extension(line: &str) -> bool {
    !line.is_empty() && !line.bytes().any(|byte| byte < 0x20)
}

#[cfg(test)]
mod tests;
