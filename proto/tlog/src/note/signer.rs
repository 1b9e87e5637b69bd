//! Signing notes with an Ed25519 key.

use ed25519_dalek::{Signer as _, SigningKey};

use super::{KeyError, KeyName, NoteError, NoteSignature, SignedNote, VerifierKey};

/// An Ed25519 key (type 0x01) that signs notes under its name. Its debug form does not show the key.
#[derive(Clone)]
pub struct NoteSigner {
    key: SigningKey,
    verifier: VerifierKey,
}

impl NoteSigner {
    /// Signs as `name` with `key`.
    ///
    /// # Errors
    /// If the public key is one that verifiers refuse.
    pub fn new(name: KeyName, key: SigningKey) -> Result<Self, KeyError> {
        let verifier = VerifierKey::ed25519(name, key.verifying_key().to_bytes())?;
        Ok(Self { key, verifier })
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signature of a text.
    #[must_use]
    pub fn signature(&self, text: &str) -> NoteSignature {
        let body = self.key.sign(text.as_bytes()).to_vec();
        NoteSignature {
            name: self.verifier.name().clone(),
            id: self.verifier.id(),
            body,
        }
    }

    /// The signature line of a text, its LF included.
    #[must_use]
    pub fn signature_line(&self, text: &str) -> String {
        format!("{}\n", self.signature(text))
    }

    /// The whole note of a text, which must end in LF.
    ///
    /// # Errors
    /// If the text is not that of any note.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        let note = format!("{text}\n{}", self.signature_line(text));
        match SignedNote::parse(note.as_bytes())? {
            parsed if parsed.text() == text => Ok(note),
            // The text does not end in LF.
            _ => Err(NoteError::Shape),
        }
    }
}

impl std::fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NoteSigner")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}
