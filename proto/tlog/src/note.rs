//! Signed notes: c2sp.org/signed-note.
//!
//! A note is a text and lines of signatures under it. [`SignedNote::parse`] says nothing about who
//! signed; [`SignedNote::verify`] does.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod ecdsa;
mod key;
mod signer;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use key::{KeyError, KeyKind, KeyName, MAX_NAME_LEN, VerifierKey};
pub use signer::NoteSigner;

use crate::reader::{Lines, Reader};

/// The longest note that is read, in bytes: sixteen ML-DSA signature lines of 3.3 KiB and a checkpoint.
pub const MAX_NOTE_LEN: usize = 64 * 1024;
/// The most signature lines that are read, as in Go's sumdb/note.
pub const MAX_SIGNATURES: usize = 100;
/// What begins a signature line: U+2014 and a space.
const DASH: &str = "\u{2014} ";
/// The length of a key id in bytes.
const ID_LEN: usize = 4;

/// Why bytes are not a signed note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_LEN`].
    #[error("a note of {found} bytes, expected at most {MAX_NOTE_LEN}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// Not UTF-8, or with a control character other than LF.
    #[error("a note that is not UTF-8 without control characters")]
    Text,
    /// No text that ends in LF, followed by an empty line and by at least one line that ends in LF.
    #[error("a note without a text, an empty line and signatures")]
    Shape,
    /// More lines than [`MAX_SIGNATURES`].
    #[error("a note of more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// A line that is not a dash, a key name and canonical base64 of at least 5 bytes.
    #[error("a malformed signature line {line}")]
    Signature {
        /// Its position among the signature lines, from 1.
        line: usize,
    },
}

/// Why a note is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A signature under the name and id of a given key does not verify with it.
    #[error("a wrong signature of {name}")]
    WrongSignature {
        /// The key's name.
        name: KeyName,
    },
    /// Not one signature is of a given key.
    #[error("no signature of a known key among {found}")]
    NoKnownSignature {
        /// How many signatures the note has.
        found: usize,
    },
    /// Two different keys were given that share their name and id.
    #[error("two different keys of {name} with one id")]
    AmbiguousKey {
        /// The name that they share.
        name: KeyName,
    },
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    id: [u8; ID_LEN],
    body: Vec<u8>,
}

impl NoteSignature {
    /// The signature `body` of the key of this name and id; `None` if it is empty.
    #[must_use]
    pub fn new(name: KeyName, id: [u8; 4], body: Vec<u8>) -> Option<Self> {
        if body.is_empty() {
            None
        } else {
            Some(Self { name, id, body })
        }
    }

    /// Reads a line without its LF.
    ///
    /// # Errors
    /// If it is not exactly what [`Display`](fmt::Display) writes for some signature.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        Self::read(line).ok_or(NoteError::Signature { line: 1 })
    }

    fn read(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(DASH)?.split_once(' ')?;
        let name = KeyName::new(name).ok()?;
        let bytes = STANDARD.decode(base64).ok()?;
        let mut reader = Reader::new(&bytes);
        let id = reader.array()?;
        Self::new(name, id, reader.rest().to_vec())
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// What follows the key id: for a cosignature the time and the signature, else the signature.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The line without its LF.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_slice(), &self.body].concat();
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A note whose signatures have not been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Reads a whole note.
    ///
    /// # Errors
    /// If it is not exactly what [`Self::encode`] writes for some note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLong { found: bytes.len() });
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Text);
        }
        // The text may have empty lines of its own: the last one counts.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Shape)?;
        let signatures = parse_signatures(lines)?;
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }

    /// The text that is signed, its last LF included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in their order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The whole note.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut note = format!("{}\n", self.text);
        for signature in &self.signatures {
            note.push_str(&signature.to_string());
            note.push('\n');
        }
        note
    }

    /// Checks the signatures of these keys. Those of other keys are ignored, as are the second and later
    /// ones of a key, and keys of a type that is not known here.
    ///
    /// # Errors
    /// If a signature under a given key's name and id is wrong, if there is none of any given key, or if
    /// the keys are ambiguous.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Verified<'k>, VerifyError> {
        let mut verified = Verified {
            signatures: Vec::new(),
        };
        for signature in &self.signatures {
            let Some(key) = find(keys, signature)? else {
                continue;
            };
            if verified.by(key).is_some() {
                continue;
            }
            let wrong = || VerifyError::WrongSignature {
                name: key.name().clone(),
            };
            let timestamp = key.check(&self.text, &signature.body).ok_or_else(wrong)?;
            verified
                .signatures
                .push(VerifiedSignature { key, timestamp });
        }
        if verified.signatures.is_empty() {
            return Err(VerifyError::NoKnownSignature {
                found: self.signatures.len(),
            });
        }
        Ok(verified)
    }
}

/// The keys whose signatures of a note are right; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'k> {
    signatures: Vec<VerifiedSignature<'k>>,
}

impl<'k> Verified<'k> {
    /// The signatures that are right, in the order of the note, one of a key.
    #[must_use]
    pub fn signatures(&self) -> &[VerifiedSignature<'k>] {
        &self.signatures
    }

    /// The signature of this key, if it signed.
    #[must_use]
    pub fn by(&self, key: &VerifierKey) -> Option<&VerifiedSignature<'k>> {
        self.signatures
            .iter()
            .find(|signature| signature.key == key)
    }
}

/// A signature that is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedSignature<'k> {
    /// The key that made it.
    pub key: &'k VerifierKey,
    /// Of a cosignature, when the witness says it made it, in seconds since 1970.
    pub timestamp: Option<u64>,
}

/// The lines under a note's text.
fn parse_signatures(text: &str) -> Result<Vec<NoteSignature>, NoteError> {
    if text.is_empty() || !text.ends_with('\n') {
        return Err(NoteError::Shape);
    }
    let (mut lines, mut signatures) = (Lines::new(text), Vec::new());
    while let Some(line) = lines.line() {
        if signatures.len() == MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        let refused = NoteError::Signature {
            line: signatures.len() + 1,
        };
        signatures.push(NoteSignature::read(line).ok_or(refused)?);
    }
    Ok(signatures)
}

/// The one key that a signature claims to be of, if it is among `keys` and of a known type.
fn find<'k>(
    keys: &'k [VerifierKey],
    signature: &NoteSignature,
) -> Result<Option<&'k VerifierKey>, VerifyError> {
    let claimed = |key: &&VerifierKey| {
        key.kind() != KeyKind::Unknown && key.id() == signature.id && *key.name() == signature.name
    };
    let mut candidates = keys.iter().filter(claimed);
    let found = candidates.next();
    if let Some(key) = found
        && candidates.any(|other| other != key)
    {
        return Err(VerifyError::AmbiguousKey {
            name: key.name().clone(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
