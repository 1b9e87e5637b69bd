//! What is said to a witness and what it answers: c2sp.org/tlog-witness, `add-checkpoint`.
//!
//! The request is `old <size>`, the hashes of a consistency proof from that size, an empty line, and the signed
//! checkpoint. The answer is lines of cosignatures, or, where the witness holds another size, that size.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::{Hash, HashError};
use crate::note::{MAX_NOTE_LEN, MAX_SIGNATURES, NoteError, NoteSignature, SignedNote};
use crate::reader::Lines;
use crate::size::{DecimalError, TreeSize};

/// The path behind a witness's submission prefix.
pub const PATH: &str = "add-checkpoint";
/// The media type of an answer with status 409 that names the size which the witness holds.
pub const SIZE_TYPE: &str = "text/x.tlog.size";
/// The most hashes of a proof.
pub const MAX_HASHES: usize = 63;
/// The longest request that is read, in bytes: a note, and 63 hashes of 45 bytes behind a line for the size.
pub const MAX_REQUEST_LEN: usize = MAX_NOTE_LEN + 64 * 64;
/// The longest request that every witness takes, in bytes: litewitness stops reading here, others at 16 KiB.
pub const PORTABLE_REQUEST_LEN: usize = 10 * 1024;
/// The longest answer that is read, in bytes: as much as the signatures of a note may take.
pub const MAX_ANSWER_LEN: usize = MAX_NOTE_LEN;

/// Why bytes are not a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// Not a size, hashes, an empty line and a checkpoint.
    #[error("not a request: expected old SIZE, hashes, an empty line, a checkpoint")]
    Shape,
    /// Longer than [`MAX_REQUEST_LEN`] or [`MAX_ANSWER_LEN`].
    #[error("{found} bytes, expected at most {limit}")]
    TooLong {
        /// The most that is read.
        limit: usize,
        /// What there was.
        found: usize,
    },
    /// The old size, or the size of an answer, is not one.
    #[error("the size is {0}")]
    Size(#[source] DecimalError),
    /// A line of the proof is not a hash.
    #[error("a line of the proof is {0}")]
    Hash(#[source] HashError),
    /// More hashes than [`MAX_HASHES`].
    #[error("a proof of more than {MAX_HASHES} hashes")]
    TooManyHashes,
    /// What follows the empty line is not a signed note.
    #[error("the checkpoint is not a signed note: {0}")]
    Note(#[source] NoteError),
    /// The note is not a checkpoint.
    #[error("the note is not a checkpoint: {0}")]
    Checkpoint(#[source] CheckpointError),
    /// The proof would begin behind the checkpoint.
    #[error("an old size of {old}, expected at most the checkpoint's {size}")]
    OldSize {
        /// The size that the proof begins at.
        old: TreeSize,
        /// The size of the checkpoint.
        size: TreeSize,
    },
    /// The answer is not one or more signature lines that end in LF, or not one line with a size.
    #[error("not an answer of lines that end in LF")]
    Answer,
    /// A line of the answer is not a signature.
    #[error("line {line} of the answer is not a signature")]
    Signature {
        /// Its position from 1.
        line: usize,
    },
}

/// The body of a request to cosign a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness is thought to hold; 0 if it never saw the log.
    pub old: TreeSize,
    /// The consistency proof from that size; none from size 0.
    pub proof: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

impl AddCheckpoint {
    /// Reads a request. Who signed the checkpoint and whether the proof holds is for the caller to judge.
    ///
    /// # Errors
    /// If it is not exactly what [`Self::encode`] writes for some request of a size that does not shrink: what a
    /// witness answers with status 400.
    pub fn parse(bytes: &[u8]) -> Result<Self, WitnessError> {
        check_len(bytes, MAX_REQUEST_LEN)?;
        let text = std::str::from_utf8(bytes).map_err(|_| WitnessError::Shape)?;
        let mut lines = Lines::new(text);
        let old = lines.line().and_then(|line| line.strip_prefix("old "));
        let old = old.ok_or(WitnessError::Shape)?;
        let old: TreeSize = old.parse().map_err(WitnessError::Size)?;
        let mut proof = Vec::new();
        loop {
            let line = lines.line().ok_or(WitnessError::Shape)?;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_HASHES {
                return Err(WitnessError::TooManyHashes);
            }
            proof.push(Hash::from_base64(line).map_err(WitnessError::Hash)?);
        }
        let checkpoint = lines.rest();
        let note = SignedNote::parse(checkpoint.as_bytes()).map_err(WitnessError::Note)?;
        let size = Checkpoint::parse(note.text())
            .map_err(WitnessError::Checkpoint)?
            .size;
        if old > size {
            return Err(WitnessError::OldSize { old, size });
        }
        Ok(Self {
            old,
            proof,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// The body.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            text.push_str(&hash.to_base64());
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }
}

/// Reads the body of an answer with status 409 and media type [`SIZE_TYPE`]: the size that the witness holds.
///
/// # Errors
/// If it is not exactly what [`encode_size`] writes for some size.
pub fn parse_size(bytes: &[u8]) -> Result<TreeSize, WitnessError> {
    // 2^63 - 1 has 19 digits.
    check_len(bytes, 32)?;
    let line = std::str::from_utf8(bytes).ok();
    let line = line.and_then(|text| text.strip_suffix('\n'));
    line.ok_or(WitnessError::Answer)?
        .parse()
        .map_err(WitnessError::Size)
}

/// The body of an answer with status 409.
#[must_use]
pub fn encode_size(size: TreeSize) -> String {
    format!("{size}\n")
}

/// Reads the body of an answer with status 200: one or more lines of cosignatures, about which nothing is said but
/// their form.
///
/// # Errors
/// If it is not exactly what [`encode_cosignatures`] writes for at most [`MAX_SIGNATURES`] of them.
pub fn parse_cosignatures(bytes: &[u8]) -> Result<Vec<NoteSignature>, WitnessError> {
    check_len(bytes, MAX_ANSWER_LEN)?;
    let text = std::str::from_utf8(bytes).map_err(|_| WitnessError::Answer)?;
    let (mut lines, mut signatures) = (Lines::new(text), Vec::new());
    while let Some(line) = lines.line() {
        let refused = WitnessError::Signature {
            line: signatures.len() + 1,
        };
        if signatures.len() == MAX_SIGNATURES {
            return Err(refused);
        }
        signatures.push(NoteSignature::parse(line).map_err(|_| refused)?);
    }
    if signatures.is_empty() || !lines.rest().is_empty() {
        return Err(WitnessError::Answer);
    }
    Ok(signatures)
}

/// The body of an answer with status 200, and the lines to be added to a note.
#[must_use]
pub fn encode_cosignatures<'a>(signatures: impl IntoIterator<Item = &'a NoteSignature>) -> String {
    signatures
        .into_iter()
        .map(|signature| format!("{signature}\n"))
        .collect()
}

const fn check_len(bytes: &[u8], limit: usize) -> Result<(), WitnessError> {
    if bytes.len() > limit {
        return Err(WitnessError::TooLong {
            limit,
            found: bytes.len(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
