//! What is trusted: a log's key and origin, given as a vkey or in a Sigstore trusted root.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use treering_attest::{KeyAlgorithm, KeyError, PublicKey};
use treering_tlog::Hash;
use treering_tlog::checkpoint::{self, CheckpointError, Opened, Origin};
use treering_tlog::note::{KeyName, SignedNote, VerifierKey};

/// The largest trusted root that is read, in bytes; the public one has 10 KiB.
pub const MAX_TRUSTED_ROOT: usize = 4 * 1024 * 1024;

/// Trust material that is absent, unusable, or not what it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Not a vkey line.
    #[error(
        "expected a vkey (name+8 hexadecimal digits+base64) or a file with one, found {found:?}: {detail}"
    )]
    Vkey {
        /// The text.
        found: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Not a trusted root.
    #[error("expected a sigstore trusted root: {detail}")]
    TrustedRoot {
        /// What is wrong with it.
        detail: String,
    },
    /// A log of the trusted root that a bundle needs has a key that is of no use here.
    #[error("log {base_url} of the trusted root: {detail}")]
    LogKey {
        /// Which log.
        base_url: String,
        /// What is wrong with its key.
        detail: String,
    },
    /// No log with this id.
    #[error("expected log id {expected} among the trusted logs, found {found}")]
    UnknownLog {
        /// The id in hexadecimal.
        expected: String,
        /// The ids that are trusted.
        found: String,
    },
    /// A server's key of a log differs from the one it showed first.
    #[error("expected the key of log {log} that was pinned before, {expected}, found {found}")]
    Changed {
        /// The log.
        log: String,
        /// The pinned vkey.
        expected: String,
        /// The one the server shows now.
        found: String,
    },
    /// The remembered checkpoint of a log is signed by another key than the present one.
    #[error(
        "{origin}: expected the key that signed the remembered checkpoint, found {found}, another key than remembered; \
         remove {} if the log was made anew", path.display()
    )]
    Remembered {
        /// The log.
        origin: String,
        /// The present vkey.
        found: String,
        /// The file that remembers.
        path: PathBuf,
    },
    /// Nothing says whom to trust.
    #[error("expected {expected}, found none")]
    Absent {
        /// What would help.
        expected: String,
    },
}

/// The key that signs a log's checkpoints, and the origin they must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    origin: Origin,
    key: VerifierKey,
}

impl LogKey {
    /// A key whose log has this origin.
    #[must_use]
    pub fn new(origin: Origin, key: VerifierKey) -> Self {
        Self { origin, key }
    }

    /// From a vkey line; by C2SP's convention the origin is the key's name.
    ///
    /// # Errors
    /// [`TrustError::Vkey`].
    pub fn from_vkey(text: &str) -> Result<Self, TrustError> {
        let wrong = |detail: String| TrustError::Vkey {
            found: text.chars().take(200).collect(),
            detail,
        };
        let key = VerifierKey::parse(text.trim()).map_err(|e| wrong(e.to_string()))?;
        let origin = Origin::new(key.name().as_str()).map_err(|e| wrong(e.to_string()))?;
        Ok(Self { origin, key })
    }

    /// From a vkey line, or from a file whose first line is one.
    ///
    /// # Errors
    /// [`TrustError::Vkey`].
    pub fn from_vkey_or_file(text: &str) -> Result<Self, TrustError> {
        let direct = Self::from_vkey(text);
        if direct.is_ok() || !Path::new(text).is_file() {
            return direct;
        }
        let content = std::fs::read_to_string(text).map_err(|e| TrustError::Vkey {
            found: text.to_owned(),
            detail: e.to_string(),
        })?;
        Self::from_vkey(content.lines().next().unwrap_or_default())
    }

    /// What the log's checkpoints begin with.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Checks that a checkpoint is this log's.
    ///
    /// # Errors
    /// [`CheckpointError`]: not a checkpoint, not signed by the key, another origin.
    pub fn open(&self, note: &[u8]) -> Result<Opened, CheckpointError> {
        checkpoint::open_of(note, &self.origin, &self.key)
    }
}

/// The logs of a Sigstore `trusted_root.json`. Certificate authorities and timestamp authorities are not read: see the
/// crate's scope.
#[derive(Clone, Debug)]
pub struct TrustedRoot {
    logs: Vec<TrustedLog>,
}

/// One log of a trusted root.
#[derive(Clone, Debug)]
pub struct TrustedLog {
    base_url: String,
    log_id: Vec<u8>,
    spki: Vec<u8>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl TrustedRoot {
    /// Parses the file.
    ///
    /// # Errors
    /// [`TrustError::TrustedRoot`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        let wrong = |detail: String| TrustError::TrustedRoot { detail };
        if bytes.len() > MAX_TRUSTED_ROOT {
            return Err(wrong(format!(
                "expected at most {MAX_TRUSTED_ROOT} bytes, found {}",
                bytes.len()
            )));
        }
        let file: TrustedRootFile =
            serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
        if !file
            .media_type
            .starts_with("application/vnd.dev.sigstore.trustedroot")
        {
            return Err(wrong(format!(
                "expected its media type, found {:?}",
                file.media_type
            )));
        }
        let logs = file
            .tlogs
            .into_iter()
            .map(TrustedLog::try_from)
            .collect::<Result<_, _>>();
        Ok(Self {
            logs: logs.map_err(wrong)?,
        })
    }

    /// Every log, in the order of the file.
    #[must_use]
    pub fn logs(&self) -> &[TrustedLog] {
        &self.logs
    }

    /// The log with an id.
    ///
    /// # Errors
    /// [`TrustError::UnknownLog`].
    pub fn log(&self, id: &[u8]) -> Result<&TrustedLog, TrustError> {
        self.logs
            .iter()
            .find(|log| log.log_id == id)
            .ok_or_else(|| TrustError::UnknownLog {
                expected: hex::encode(id),
                found: self
                    .logs
                    .iter()
                    .map(|log| hex::encode(&log.log_id))
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }
}

impl TrustedLog {
    /// Where the log is.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The key as a Rekor v2 log's checkpoints name it: by the host of its address, without the port.
    ///
    /// # Errors
    /// [`TrustError::LogKey`]: neither ECDSA nor Ed25519, or no host.
    pub fn checkpoint_key(&self) -> Result<VerifierKey, TrustError> {
        let url = reqwest::Url::parse(&self.base_url).map_err(|e| self.wrong(e.to_string()))?;
        let name = KeyName::new(url.host_str().unwrap_or_default())
            .map_err(|e| self.wrong(e.to_string()))?;
        self.named_key(name)
    }

    /// The key as a Rekor v1 log's checkpoints name it: as the signature line with the key's id does, whose id does not
    /// depend on the name.
    ///
    /// # Errors
    /// As [`checkpoint_key`](Self::checkpoint_key).
    pub fn v1_checkpoint_key(&self, note: &[u8]) -> Result<VerifierKey, TrustError> {
        let id = Hash::of(&self.spki);
        let note = SignedNote::parse(note).ok();
        let line = note.as_ref().and_then(|note| {
            note.signatures()
                .iter()
                .find(|signature| id.as_bytes().starts_with(&signature.id()))
        });
        line.map_or_else(
            || self.checkpoint_key(),
            |line| self.named_key(line.name().clone()),
        )
    }

    fn named_key(&self, name: KeyName) -> Result<VerifierKey, TrustError> {
        let key = self.public_key().map_err(|e| self.wrong(e.to_string()))?;
        let made = match key.algorithm() {
            KeyAlgorithm::Ed25519 => {
                // The key is the last 32 bytes of its SubjectPublicKeyInfo.
                let raw = self.spki.last_chunk::<32>().copied().unwrap_or_default();
                VerifierKey::ed25519(name, raw)
            }
            KeyAlgorithm::Rsa { .. } => {
                return Err(self.wrong("expected an ecdsa or ed25519 key, found rsa".to_owned()));
            }
            _ => VerifierKey::ecdsa(name, &self.spki),
        };
        made.map_err(|e| self.wrong(e.to_string()))
    }

    fn wrong(&self, detail: String) -> TrustError {
        TrustError::LogKey {
            base_url: self.base_url.clone(),
            detail,
        }
    }

    /// The key itself.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_spki_der(&self.spki)
    }

    /// Whether the key was valid at a time in seconds since the Unix epoch; both ends belong to the validity.
    #[must_use]
    pub fn valid_at(&self, seconds: u64) -> bool {
        let at = i64::try_from(seconds)
            .ok()
            .and_then(|s| Timestamp::from_second(s).ok());
        at.is_some_and(|at| {
            self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at <= end)
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrustedRootFile {
    media_type: String,
    #[serde(default)]
    tlogs: Vec<TlogFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TlogFile {
    base_url: String,
    public_key: PublicKeyFile,
    log_id: LogIdFile,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyFile {
    raw_bytes: String,
    #[serde(default)]
    valid_for: ValidFor,
}

#[derive(Default, Deserialize)]
struct ValidFor {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogIdFile {
    key_id: String,
}

impl TryFrom<TlogFile> for TrustedLog {
    type Error = String;

    fn try_from(file: TlogFile) -> Result<Self, String> {
        let decode = |what: &str, text: &str| {
            STANDARD
                .decode(text)
                .map_err(|e| format!("{what} of log {}: expected base64: {e}", file.base_url))
        };
        let log_id = decode("logId", &file.log_id.key_id)?;
        let spki = decode("publicKey", &file.public_key.raw_bytes)?;
        let ValidFor { start, end } = file.public_key.valid_for;
        Ok(Self {
            base_url: file.base_url,
            log_id,
            spki,
            start,
            end,
        })
    }
}
