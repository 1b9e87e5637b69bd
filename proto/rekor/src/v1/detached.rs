//! Keys of a rekord in its formats, and what verifies by them: `x509`, `minisign`, `ssh`, `pgp`.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use treering_attest::{DigestAlgorithm, verify};

use super::pem::MAX_PEM;
use super::refused::{KeyRefused, RefusedEntry};
use super::verifier::{Keys, Verifier};
use super::{minisign, openpgp, ssh};

/// The format of the other kinds.
pub(super) const X509: &str = "x509";

/// A key of one of the formats.
#[derive(Clone, Debug)]
pub(super) enum Key {
    X509(Verifier),
    Minisign(minisign::Key),
    Ssh(ssh::Key),
    Pgp(openpgp::Key),
}

impl Key {
    pub(super) fn parse(format: &str, bytes: &[u8], keys: &dyn Keys) -> Result<Self, RefusedEntry> {
        if bytes.len() > MAX_PEM {
            return Err(key_refused(KeyRefused::Pem));
        }
        match format {
            X509 => keys.parse(bytes).map(Self::X509).map_err(key_refused),
            minisign::FORMAT => minisign::Key::parse(bytes).map(Self::Minisign),
            ssh::FORMAT => ssh::Key::parse(bytes).map(Self::Ssh),
            openpgp::FORMAT => openpgp::Key::parse(bytes).map(Self::Pgp),
            other => Err(RefusedEntry::Format {
                found: other.to_owned(),
            }),
        }
    }

    /// The bytes that a leaf holds.
    pub(super) fn canonical(&self) -> Vec<u8> {
        match self {
            Self::X509(verifier) => verifier.canonical_pem().as_bytes().to_vec(),
            Self::Minisign(key) => key.canonical().into_bytes(),
            Self::Ssh(key) => key.canonical().into_bytes(),
            Self::Pgp(key) => key.canonical().into_bytes(),
        }
    }

    /// SHA-256 of these bytes in hexadecimal, by which entries are found.
    pub(super) fn index_digest(&self) -> String {
        hex::encode(DigestAlgorithm::Sha256.of(&self.canonical()))
    }

    /// Verifies a signature over `content`, and gives the bytes of it that a leaf holds.
    pub(super) fn verify(&self, content: &[u8], signature: &[u8]) -> Result<Vec<u8>, RefusedEntry> {
        if signature.is_empty() {
            return Err(RefusedEntry::EmptySignature);
        }
        match self {
            Self::X509(verifier) => {
                verify(verifier.key(), DigestAlgorithm::Sha256, content, signature)?;
                verifier.check_chain()?;
                Ok(signature.to_vec())
            }
            Self::Minisign(key) => Ok(key.verify(content, signature)?.into_bytes()),
            Self::Ssh(key) => Ok(key.verify(content, signature)?.into_bytes()),
            Self::Pgp(key) => key.verify(content, signature),
        }
    }

    /// The key as other kinds know it.
    pub(super) fn into_verifier(self) -> Option<Verifier> {
        match self {
            Self::X509(verifier) => Some(verifier),
            Self::Minisign(_) | Self::Ssh(_) | Self::Pgp(_) => None,
        }
    }
}

/// What an entry is found by of a key in the base64 of a leaf, unless it is of the format of the other kinds: the digest of the key,
/// and addresses in it.
pub(super) fn names(format: &str, content: &str) -> Vec<String> {
    if format == X509 {
        return Vec::new();
    }
    let Ok(key) = STANDARD.decode(content) else {
        return Vec::new();
    };
    let mut names = vec![hex::encode(DigestAlgorithm::Sha256.of(&key))];
    if format == openpgp::FORMAT {
        names.extend(openpgp::addresses(&key));
    }
    names
}

fn key_refused(source: KeyRefused) -> RefusedEntry {
    RefusedEntry::Key { place: "", source }
}
