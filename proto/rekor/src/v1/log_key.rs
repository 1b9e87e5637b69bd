//! The ECDSA P-256 key of a Rekor v1 log: its names, and what it signs. Making signatures is left to a closure, so that no
//! private key comes here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use treering_attest::{DigestAlgorithm, KeyAlgorithm, KeyError, PublicKey, SignatureError, verify};
use treering_tlog::checkpoint::{self, CheckpointError, Opened, Origin};
use treering_tlog::note::{KeyError as NoteKeyError, KeyName, VerifierKey};
use treering_tlog::{Checkpoint, Hash, TreeSize};

use super::ids::TreeId;
use super::pem;
use super::wire::LogEntryAnon;

/// Why a key is not one that a log signs with, or a host's name not one that it signs as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogKeyError {
    /// No key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Of another kind: clients refuse timestamps that are not ECDSA.
    #[error("expected an ecdsa-p256 key, found {found}")]
    Algorithm {
        /// Which kind.
        found: KeyAlgorithm,
    },
    /// A host whose name cannot stand in a note.
    #[error("host name {host:?}: {source}")]
    Host {
        /// The name.
        host: String,
        /// What is wrong with it.
        source: NoteKeyError,
    },
    /// A name that is too long for an origin.
    #[error(transparent)]
    Origin(#[from] CheckpointError),
}

/// The public key of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    key: PublicKey,
}

impl LogKey {
    /// The key of the DER of a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`LogKeyError`] if it is not one of ECDSA on P-256.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, LogKeyError> {
        let key = PublicKey::from_spki_der(der)?;
        match key.algorithm() {
            KeyAlgorithm::EcdsaP256 => Ok(Self { key }),
            found => Err(LogKeyError::Algorithm { found }),
        }
    }

    /// `logID`: SHA-256 of the SubjectPublicKeyInfo, in hexadecimal.
    pub fn log_id(&self) -> String {
        hex::encode(self.key.fingerprint())
    }

    /// The SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        self.key.spki_der()
    }

    /// The answer of `GET /api/v1/log/publicKey`.
    pub fn to_pem(&self) -> String {
        let mut text = String::new();
        pem::encode("PUBLIC KEY", self.key.spki_der(), &mut text);
        text
    }

    /// Checks the signed entry timestamp of an entry.
    ///
    /// # Errors
    /// [`SignatureError`], also if there is none or the entry names another log.
    pub fn verify_timestamp(&self, entry: &LogEntryAnon) -> Result<(), SignatureError> {
        let text = entry.verification.as_ref();
        let signature = text.and_then(|v| STANDARD.decode(&v.signed_entry_timestamp).ok());
        match signature {
            Some(signature) if entry.log_id == self.log_id() => verify(
                &self.key,
                DigestAlgorithm::Sha256,
                &entry.timestamp_payload(),
                &signature,
            ),
            _ => Err(SignatureError::Mismatch {
                key: self.key.algorithm(),
            }),
        }
    }
}

/// One tree of a log: the key that signs its checkpoints, the host that it signs as, and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    origin: Origin,
    verifier: VerifierKey,
    id: TreeId,
}

impl Tree {
    /// The tree of this number at a host.
    ///
    /// # Errors
    /// [`LogKeyError`] if the host's name cannot stand in a note.
    pub fn new(key: &LogKey, host: &str, id: TreeId) -> Result<Self, LogKeyError> {
        let refused = |source| LogKeyError::Host {
            host: host.chars().take(64).collect(),
            source,
        };
        let name = KeyName::new(host).map_err(refused)?;
        let verifier = VerifierKey::ecdsa(name, key.spki_der()).map_err(refused)?;
        let origin = Origin::new(format!("{host} - {id}"))?;
        Ok(Self {
            origin,
            verifier,
            id,
        })
    }

    /// `HOST - TREEID`, the first line of its checkpoints.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its number.
    pub fn id(&self) -> TreeId {
        self.id
    }

    /// The key of its checkpoints, by the rules of notes: its id is the beginning of the log's.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// A checkpoint, with the one signature that clients take. `sign` is given the text, and returns the DER of an ECDSA
    /// signature of its SHA-256; what it returns is not checked here, [`open`](Self::open) does.
    ///
    /// # Errors
    /// Those of `sign`.
    pub fn checkpoint<E>(
        &self,
        size: TreeSize,
        root: Hash,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<String, E> {
        let text = Checkpoint::new(self.origin.clone(), size, root).encode();
        let signature = sign(text.as_bytes())?;
        let (name, id) = (self.verifier.name(), self.verifier.id());
        let signature = STANDARD.encode([&id[..], &signature].concat());
        Ok(format!("{text}\n\u{2014} {name} {signature}\n"))
    }

    /// Reads a checkpoint of this tree and checks that its key signed it.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(&self, note: &str) -> Result<Opened, CheckpointError> {
        checkpoint::open_of(note.as_bytes(), &self.origin, &self.verifier)
    }
}
