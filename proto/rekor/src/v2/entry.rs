//! The leaf as readers see it: `fsck`, `get`, monitors.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use treering_attest::{DigestAlgorithm, verify_digest};
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

use super::encode;
use super::hashedrekord::{KeyDetailsPolicy, Request, Verifier};
use super::key_details::{KeyDetails, KeyDetailsError};
use super::refused::RefusedEntry;
use super::{API_VERSION, KIND};

/// A parsed leaf. Parsing checks the form; [`verify`](Self::verify) checks the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which digest was signed.
    pub algorithm: DigestAlgorithm,
    /// The digest.
    pub digest: Vec<u8>,
    /// The signature over it.
    pub signature: Vec<u8>,
    /// The key or certificate that verifies it.
    pub verifier: Verifier,
    /// What the submitter said the key is.
    pub key_details: EntryKeyDetails,
}

/// Key details found in a leaf. Logs of others may hold what ours refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKeyDetails {
    /// On the allow-list.
    Allowed(KeyDetails),
    /// Defined by the protocol, and not on the allow-list.
    Other(&'static str),
}

/// Why bytes are no leaf of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Longer than a leaf can be.
    #[error("expected an entry of at most {MAX_LEAF_LEN} bytes, found {found}")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Not JSON of this shape.
    #[error("expected a hashedrekord 0.0.2 entry, found {found}")]
    Json {
        /// What the parser says.
        found: String,
    },
    /// Another kind or version.
    #[error("expected kind {KIND} and apiVersion {API_VERSION}, found {kind} and {api_version}")]
    Kind {
        /// `kind`.
        kind: String,
        /// `apiVersion`.
        api_version: String,
    },
    /// A member whose text is none of its type.
    #[error("{member}: expected {expected}, found something else")]
    Member {
        /// Its name.
        member: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// `keyDetails` that the protocol does not have.
    #[error("keyDetails: {0}")]
    KeyDetails(KeyDetailsError),
    /// The right members, in other bytes than the canonical ones.
    #[error("expected the canonical bytes of the entry, found other bytes of the same meaning")]
    NotCanonical,
}

impl Entry {
    /// Parses a leaf. Strict: [`encode`](Self::encode) of the result is the same bytes.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn parse(leaf: &[u8]) -> Result<Self, EntryError> {
        if leaf.len() > MAX_LEAF_LEN {
            return Err(EntryError::TooLong { found: leaf.len() });
        }
        let json: EntryJson<'_> =
            treering_attest::json::parse(leaf).map_err(|found| EntryError::Json { found })?;
        if json.kind != KIND || json.api_version != API_VERSION {
            return Err(EntryError::Kind {
                kind: shorten(&json.kind),
                api_version: shorten(&json.api_version),
            });
        }
        let entry = Self::try_from(json.spec.hashed_rekord)?;
        if entry.encode() == leaf {
            Ok(entry)
        } else {
            Err(EntryError::NotCanonical)
        }
    }

    /// The leaf's bytes.
    pub fn encode(&self) -> Vec<u8> {
        encode::leaf(
            &self.digest,
            self.algorithm,
            &self.signature,
            &self.verifier,
            self.key_details.name(),
        )
    }

    /// Verifies the signature over the digest by the entry's own key, as a log that takes key details leniently did.
    ///
    /// # Errors
    /// [`RefusedEntry`]. Of an entry of a log of ours, it means that the log is broken.
    pub fn verify(&self) -> Result<(), RefusedEntry> {
        let key = self.verifier.parse()?;
        let expected = KeyDetails::of(&key).map(KeyDetails::digest_algorithm);
        if expected != Some(self.algorithm) {
            return Err(RefusedEntry::NotAllowed {
                key: key.algorithm(),
                digest: self.algorithm,
            });
        }
        Ok(verify_digest(
            &key,
            self.algorithm,
            &self.digest,
            &self.signature,
        )?)
    }

    /// The request that makes this entry; none if a log of ours would refuse its key details or digest algorithm.
    pub fn request(&self) -> Option<Request> {
        let EntryKeyDetails::Allowed(key_details) = self.key_details else {
            return None;
        };
        (key_details.digest_algorithm() == self.algorithm).then(|| Request {
            digest: self.digest.clone(),
            signature: self.signature.clone(),
            verifier: self.verifier.clone(),
            key_details,
        })
    }

    /// Whether a log of ours could have made this entry under a policy: its request canonicalizes to the same bytes.
    pub fn is_acceptable(&self, policy: KeyDetailsPolicy) -> bool {
        self.request()
            .is_some_and(|request| request.canonicalize(policy).is_ok())
    }
}

impl EntryKeyDetails {
    /// The name in the leaf.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allowed(details) => details.name(),
            Self::Other(name) => name,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryJson<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    spec: SpecJson<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecJson<'a> {
    #[serde(rename = "hashedRekordV002", borrow)]
    hashed_rekord: HashedRekordJson<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekordJson<'a> {
    #[serde(borrow)]
    data: DataJson<'a>,
    #[serde(borrow)]
    signature: SignatureJson<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataJson<'a> {
    #[serde(borrow)]
    algorithm: Cow<'a, str>,
    #[serde(borrow)]
    digest: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureJson<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(borrow)]
    verifier: VerifierJson<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerifierJson<'a> {
    #[serde(borrow)]
    key_details: Cow<'a, str>,
    #[serde(borrow)]
    public_key: Option<RawJson<'a>>,
    #[serde(borrow, rename = "x509Certificate")]
    certificate: Option<RawJson<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawJson<'a> {
    #[serde(borrow)]
    raw_bytes: Cow<'a, str>,
}

impl TryFrom<HashedRekordJson<'_>> for Entry {
    type Error = EntryError;

    fn try_from(json: HashedRekordJson<'_>) -> Result<Self, EntryError> {
        let verifier = json.signature.verifier;
        Ok(Self {
            algorithm: DigestAlgorithm::from_sigstore_name(&json.data.algorithm).ok_or(
                EntryError::Member {
                    member: "algorithm",
                    expected: "SHA2_256, SHA2_384 or SHA2_512",
                },
            )?,
            digest: bytes("digest", &json.data.digest)?,
            signature: bytes("content", &json.signature.content)?,
            key_details: match KeyDetails::from_name(&verifier.key_details) {
                Ok(details) => EntryKeyDetails::Allowed(details),
                Err(KeyDetailsError::NotAllowed { found }) => EntryKeyDetails::Other(found),
                Err(error) => return Err(EntryError::KeyDetails(error)),
            },
            verifier: match (verifier.public_key, verifier.certificate) {
                (Some(raw), None) => Verifier::PublicKey(bytes("rawBytes", &raw.raw_bytes)?),
                (None, Some(raw)) => Verifier::Certificate(bytes("rawBytes", &raw.raw_bytes)?),
                _ => {
                    return Err(EntryError::Member {
                        member: "verifier",
                        expected: "one of publicKey and x509Certificate",
                    });
                }
            },
        })
    }
}

fn bytes(member: &'static str, text: &str) -> Result<Vec<u8>, EntryError> {
    STANDARD.decode(text).map_err(|_| EntryError::Member {
        member,
        expected: "padded standard base64",
    })
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
