//! Cosignatures of type 0x04: c2sp.org/tlog-cosignature, "cosignature/v1".
//!
//! A witness says that this was the largest consistent tree of the log it had seen at some second. The
//! message does not name the witness: one key must never serve under two names.
#![deny(clippy::indexing_slicing)]

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::note::{KeyError, KeyKind, KeyName, NoteSignature, VerifierKey};
use crate::reader::Reader;
use crate::size;

/// Why a cosignature is not right, or cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CosignatureError {
    /// The time is not a number of seconds from 1 to 2^63 - 1.
    #[error("a cosignature's time of {found} s, expected 1 to 2^63 - 1")]
    Time {
        /// The seconds.
        found: u64,
    },
    /// The witness's key is one that verifiers refuse.
    #[error("not a witness's key: {0}")]
    Key(#[source] KeyError),
    /// The key is not of type 0x04, or the signature is of another key.
    #[error("a signature that is not a cosignature of {name}")]
    OtherKey {
        /// The name of the witness's key.
        name: KeyName,
    },
    /// The signature does not verify.
    #[error("a wrong cosignature of {name}")]
    Wrong {
        /// The name of the witness's key.
        name: KeyName,
    },
}

/// What a witness signs: the time and the whole text of the checkpoint, extension lines included.
#[must_use]
pub fn message(timestamp_secs: u64, note_text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {timestamp_secs}\n{note_text}").into_bytes()
}

/// Cosigns the text of a checkpoint's note; `timestamp_secs` counts from 1970.
///
/// # Errors
/// If the time is zero or above 2^63 - 1, or the key a weak one.
pub fn sign(
    key: &SigningKey,
    name: &KeyName,
    timestamp_secs: u64,
    note_text: &str,
) -> Result<NoteSignature, CosignatureError> {
    if timestamp_secs == 0 || timestamp_secs > size::MAX {
        return Err(CosignatureError::Time {
            found: timestamp_secs,
        });
    }
    let public = key.verifying_key().to_bytes();
    let verifier =
        VerifierKey::cosignature_v1(name.clone(), public).map_err(CosignatureError::Key)?;
    let signature = key.sign(&message(timestamp_secs, note_text)).to_bytes();
    let body = [timestamp_secs.to_be_bytes().as_slice(), &signature].concat();
    Ok(NoteSignature::new(name.clone(), verifier.id(), body).expect("the body has 72 bytes"))
}

/// Checks a cosignature of the text of a note, and returns its time in seconds since 1970.
///
/// # Errors
/// If it is of another key, or wrong.
pub fn verify(
    key: &VerifierKey,
    signature: &NoteSignature,
    note_text: &str,
) -> Result<u64, CosignatureError> {
    let name = key.name().clone();
    let claimed = key.id() == signature.id() && name == *signature.name();
    if key.kind() != KeyKind::CosignatureV1 || !claimed {
        return Err(CosignatureError::OtherKey { name });
    }
    key.check(note_text, signature.body())
        .flatten()
        .ok_or(CosignatureError::Wrong { name })
}

/// The time in the body of a signature line, if the signature in it is right.
pub(crate) fn check(key: &VerifyingKey, note_text: &str, body: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(body);
    let timestamp_secs = reader.u64().filter(|secs| *secs <= size::MAX)?;
    let signature = reader.array().map(|bytes| Signature::from_bytes(&bytes))?;
    let message = reader.all(message(timestamp_secs, note_text))?;
    key.verify_strict(&message, &signature)
        .ok()
        .map(|()| timestamp_secs)
}
