//! The checkpoint keys: one Ed25519 key for each log, in `DIR/keys/NAME.pem` (PKCS#8), readable by nobody else.

pub mod ecdsa;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use pkcs8::LineEnding;
use treering_api::log::LogName;
use zeroize::Zeroizing;

use crate::files;

/// The longest key file that is read, in bytes; one has 119.
const MAX_FILE_BYTES: u64 = 4096;

const WANTED: &str = "an Ed25519 key as PKCS#8 in PEM";

/// Why there is no key. Says nothing about its bytes.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("key {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Others than the owner may read the file.
    #[error(
        "key {path}: expected mode 0600 or stricter, found {found:04o}; run chmod 600, and think about who may have read it"
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        found: u32,
    },
    /// The file holds something else.
    #[error("key {path}: expected {expected}, found something else")]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The system gives no random bytes.
    #[error("no random bytes for a key: {0}")]
    Random(String),
}

/// The file of a log's key.
#[must_use]
pub fn path(keys: &Path, log: &LogName) -> PathBuf {
    keys.join(format!("{log}.pem"))
}

/// Makes a key and keeps it, or takes the one that an earlier try left.
///
/// # Errors
/// If it cannot be made or kept.
pub fn create(keys: &Path, log: &LogName) -> Result<SigningKey, KeyError> {
    let path = path(keys, log);
    if path.exists() {
        let key = load(keys, log)?;
        // The earlier try may have ended before the file's name was durable.
        files::settle(&path).map_err(|source| KeyError::File { path, source })?;
        return Ok(key);
    }
    let mut seed = Zeroizing::new([0_u8; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|error| KeyError::Random(error.to_string()))?;
    let key = SigningKey::from_bytes(&seed);
    // Without the public key (PKCS#8 version 1): OpenSSL and others read no version 2.
    let pem = KeypairBytes {
        secret_key: key.to_bytes(),
        public_key: None,
    }
    .to_pkcs8_pem(LineEnding::LF)
    .map_err(|_| KeyError::Format {
        path: path.clone(),
        expected: WANTED,
    })?;
    files::create(&path, pem.as_bytes(), files::SECRET)
        .map_err(|source| KeyError::File { path, source })?;
    Ok(key)
}

/// Reads a log's key.
///
/// # Errors
/// If it is not there, not private, or not a key.
pub fn load(keys: &Path, log: &LogName) -> Result<SigningKey, KeyError> {
    let path = path(keys, log);
    let pem = read_private(&path, WANTED)?;
    SigningKey::from_pkcs8_pem(&pem).map_err(|_| KeyError::Format {
        path,
        expected: WANTED,
    })
}

/// The text of a key's file, which nobody else may read.
fn read_private(path: &Path, expected: &'static str) -> Result<Zeroizing<String>, KeyError> {
    let path = path.to_owned();
    let file = |source| KeyError::File {
        path: path.clone(),
        source,
    };
    let metadata = std::fs::metadata(&path).map_err(file)?;
    let found = metadata.permissions().mode() & 0o777;
    if found & 0o077 != 0 {
        return Err(KeyError::Mode { path, found });
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(KeyError::Format { path, expected });
    }
    Ok(Zeroizing::new(
        std::fs::read_to_string(&path).map_err(file)?,
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{KeyError, create, load, path};
    use treering_api::log::LogName;

    #[test]
    fn a_key_is_private_and_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = LogName::new("rekor-v2").expect("a name");
        let made = create(folder.path(), &log).expect("made");
        let file = path(folder.path(), &log);
        let mode = |file| std::fs::metadata(file).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert!(
            std::fs::read_to_string(&file)
                .expect("text")
                .starts_with("-----BEGIN PRIVATE KEY-----\n")
        );
        assert_eq!(
            load(folder.path(), &log).expect("read").to_bytes(),
            made.to_bytes()
        );
        assert_eq!(
            create(folder.path(), &log).expect("kept").to_bytes(),
            made.to_bytes()
        );

        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("changed");
        assert!(matches!(
            load(folder.path(), &log),
            Err(KeyError::Mode { found: 0o640, .. })
        ));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("changed");
        std::fs::write(&file, "secret").expect("written");
        let error = load(folder.path(), &log).expect_err("no key").to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
