//! The second key of a log of dialect rekor-v1: ECDSA P-256, in `DIR/keys/NAME.ecdsa.pem` (PKCS#8). It signs entry
//! timestamps and Rekor v1's checkpoints, whose readers take no other algorithm.

use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use pkcs8::{Document, LineEnding, SecretDocument};
use treering_api::log::LogName;

use super::{KeyError, read_private};
use crate::files;

/// What stands around the bytes in PEM.
const LABEL: &str = "PRIVATE KEY";
const WANTED: &str = "an ECDSA P-256 key as PKCS#8 in PEM";

/// A private key.
pub struct EcdsaKey {
    pair: EcdsaKeyPair,
    spki: Vec<u8>,
}

impl EcdsaKey {
    /// The DER of the public key's SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The DER of an ECDSA signature over the SHA-256 of a message: another one each time.
    ///
    /// # Errors
    /// `Random` if the system gives no random bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        let signature = signature.map_err(|_| KeyError::Random("signing failed".to_owned()))?;
        Ok(signature.as_ref().to_vec())
    }

    fn from_pkcs8(der: &[u8], path: &Path) -> Result<Self, KeyError> {
        let format = || KeyError::Format {
            path: path.to_owned(),
            expected: WANTED,
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der);
        let pair = pair.map_err(|_| format())?;
        let spki = pair.public_key().as_der().map_err(|_| format())?;
        let spki = spki.as_ref().to_vec();
        Ok(Self { pair, spki })
    }
}

/// The second key of a log, or what its work has left.
pub enum SecondKey {
    /// The key.
    Signing(EcdsaKey),
    /// The log is frozen, all that the key had to sign is kept, and the key is gone.
    Retired {
        /// The DER of the public key's SubjectPublicKeyInfo.
        spki: Vec<u8>,
        /// The last checkpoint of Rekor v1.
        checkpoint: String,
    },
}

impl SecondKey {
    /// The DER of the public key's SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        match self {
            Self::Signing(key) => key.spki_der(),
            Self::Retired { spki, .. } => spki,
        }
    }
}

/// Reads a log's key; where it is gone, the public key and the last checkpoint, if there is one.
///
/// # Errors
/// As [`load`]; if the public key beside the checkpoint is none.
pub fn load_or_retired(
    keys: &Path,
    public_key: &Path,
    checkpoint: &Path,
    log: &LogName,
) -> Result<SecondKey, KeyError> {
    if path(keys, log).exists() || !checkpoint.exists() {
        return load(keys, log).map(SecondKey::Signing);
    }
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|source| KeyError::File {
            path: path.to_owned(),
            source,
        })
    };
    let pem = read(public_key)?;
    let (_, document) = Document::from_pem(&pem).map_err(|_| KeyError::Format {
        path: public_key.to_owned(),
        expected: "the public half of the log's second key in PEM",
    })?;
    Ok(SecondKey::Retired {
        spki: document.into_vec(),
        checkpoint: read(checkpoint)?,
    })
}

/// The file of a log's key.
#[must_use]
pub fn path(keys: &Path, log: &LogName) -> PathBuf {
    keys.join(format!("{log}.ecdsa.pem"))
}

/// Makes a key and keeps it, or takes the one that an earlier try left.
///
/// # Errors
/// If it cannot be made or kept.
pub fn create(keys: &Path, log: &LogName) -> Result<EcdsaKey, KeyError> {
    let path = path(keys, log);
    if path.exists() {
        let key = load(keys, log)?;
        // The earlier try may have ended before the file's name was durable.
        files::settle(&path).map_err(|source| KeyError::File { path, source })?;
        return Ok(key);
    }
    let random = |error: &dyn std::fmt::Display| KeyError::Random(error.to_string());
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|e| random(&e))?;
    let der = pair.to_pkcs8v1().map_err(|e| random(&e))?;
    let document = SecretDocument::try_from(der.as_ref()).map_err(|e| random(&e))?;
    let pem = document
        .to_pem(LABEL, LineEnding::LF)
        .map_err(|e| random(&e))?;
    files::create(&path, pem.as_bytes(), files::SECRET).map_err(|source| KeyError::File {
        path: path.clone(),
        source,
    })?;
    EcdsaKey::from_pkcs8(der.as_ref(), &path)
}

/// Reads a log's key.
///
/// # Errors
/// If it is not there, not private, or not a key.
pub fn load(keys: &Path, log: &LogName) -> Result<EcdsaKey, KeyError> {
    let path = path(keys, log);
    let pem = read_private(&path, WANTED)?;
    let format = || KeyError::Format {
        path: path.clone(),
        expected: WANTED,
    };
    let (label, document) = SecretDocument::from_pem(&pem).map_err(|_| format())?;
    if label != LABEL {
        return Err(format());
    }
    EcdsaKey::from_pkcs8(document.as_bytes(), &path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use treering_api::log::LogName;
    use treering_attest::{DigestAlgorithm, PublicKey, verify};

    use super::{create, load, path};

    #[test]
    fn a_key_is_private_comes_back_and_signs() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = LogName::new("rekor-v1").expect("a name");
        let made = create(folder.path(), &log).expect("made");
        let file = path(folder.path(), &log);
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = load(folder.path(), &log).expect("read");
        assert_eq!(read.spki_der(), made.spki_der());
        let again = create(folder.path(), &log).expect("kept");
        assert_eq!(again.spki_der(), made.spki_der());
        let key = PublicKey::from_spki_der(made.spki_der()).expect("a public key");
        let signature = read.sign(b"message").expect("signed");
        verify(&key, DigestAlgorithm::Sha256, b"message", &signature).expect("verifies");
        std::fs::write(
            &file,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        )
        .expect("written");
        let error = load(folder.path(), &log).map(|_| ()).expect_err("no key");
        assert!(error.to_string().contains("ECDSA P-256"), "{error}");
    }
}
