//! Cosignatures of type 0x04: c2sp.org/tlog-cosignature, "cosignature/v1".
//!
//! A witness says that this was the largest consistent tree of the log it had seen at some second. The
//! message does not name the witness: one key must never serve under two names.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

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

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> (SigningKey, KeyName, VerifierKey) {
        let (key, name) = (
            SigningKey::from_bytes(&[5; 32]),
            KeyName::new("w.test").unwrap(),
        );
        let public = key.verifying_key().to_bytes();
        let verifier = VerifierKey::cosignature_v1(name.clone(), public).unwrap();
        (key, name, verifier)
    }

    #[test]
    fn the_time_and_the_text_are_covered() {
        let (key, name, verifier) = parts();
        let signature = sign(&key, &name, 1_767_139_200, "text\n").unwrap();
        assert_eq!(verify(&verifier, &signature, "text\n"), Ok(1_767_139_200));
        let wrong = Err(CosignatureError::Wrong { name: name.clone() });
        assert_eq!(verify(&verifier, &signature, "text"), wrong);
        for position in 0..signature.body().len() {
            let mut body = signature.body().to_vec();
            body[position] ^= 1;
            let tampered = NoteSignature::new(name.clone(), signature.id(), body).unwrap();
            assert_eq!(
                verify(&verifier, &tampered, "text\n"),
                wrong,
                "byte {position}"
            );
        }
        for body in [&signature.body()[..71], &[signature.body(), &[0]].concat()] {
            let other = NoteSignature::new(name.clone(), signature.id(), body.to_vec()).unwrap();
            assert_eq!(verify(&verifier, &other, "text\n"), wrong);
        }
    }

    #[test]
    fn a_plain_signature_is_no_cosignature() {
        let (key, name, verifier) = parts();
        let plain = VerifierKey::ed25519(name.clone(), key.verifying_key().to_bytes()).unwrap();
        let signature = sign(&key, &name, 1, "text\n").unwrap();
        let refused = Err(CosignatureError::OtherKey { name: name.clone() });
        assert_eq!(verify(&plain, &signature, "text\n"), refused);
        let signer = crate::note::NoteSigner::new(name, key).unwrap();
        assert_eq!(
            verify(&verifier, &signer.signature("text\n"), "text\n"),
            refused
        );
    }

    #[test]
    fn times_outside_the_range_are_not_signed() {
        let (key, name, _) = parts();
        for found in [0, size::MAX + 1, u64::MAX] {
            assert_eq!(
                sign(&key, &name, found, ""),
                Err(CosignatureError::Time { found })
            );
        }
    }
}
