//! Why something does not become an entry.

use treering_attest::bundle::BundleError;
use treering_attest::{DigestAlgorithm, EnvelopeError, KeyAlgorithm, KeyError, SignatureError};
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

use super::key_details::KeyDetails;
use crate::Refusal;

/// A well-formed request that this kind refuses, or a submission that cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedEntry {
    /// Neither an envelope nor a bundle.
    #[error("expected a dsse envelope or a sigstore bundle, found {found}")]
    NotASubmission {
        /// What it is.
        found: String,
    },
    /// An envelope that does not parse.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A bundle that does not parse.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A key or certificate that does not parse, or of an algorithm that is not taken.
    #[error("{place}: {source}")]
    Key {
        /// Where it stood.
        place: &'static str,
        /// What is wrong with it.
        source: KeyError,
    },
    /// More combinations of signatures and keys than the limit.
    #[error("expected at most {max} combinations of a signature and a key to try, found more")]
    TooManyAttempts {
        /// The limit.
        max: usize,
    },
    /// A signature that no key verifies.
    #[error(
        "signature {index} (keyid {keyid:?}): expected to verify by one of {tried} keys, found none that does"
    )]
    Unverified {
        /// Which signature of the envelope, from 0.
        index: usize,
        /// The hint beside it, shortened.
        keyid: String,
        /// How many keys it was tried with.
        tried: usize,
    },
    /// A signature that verifies, but for which `hashedrekord 0.0.2` has no form.
    #[error(
        "signature {index} (keyid {keyid:?}): expected an algorithm with a form in a log of dialect rekor-v2, found {found}; \
         a log of dialect rekor-v1 takes it"
    )]
    NoForm {
        /// Which signature of the envelope, from 0.
        index: usize,
        /// The hint beside it, shortened.
        keyid: String,
        /// What the signature is.
        found: String,
    },
    /// A bundle without what an entry is made of.
    #[error("expected a sigstore bundle with {expected}, found none")]
    Missing {
        /// The part.
        expected: &'static str,
    },
    /// An envelope of another number of signatures than an entry has room for.
    #[error(
        "expected an envelope with one signature, found {found}; log each signature as an entry of its own"
    )]
    Signatures {
        /// How many.
        found: usize,
    },
    /// Key details that do not describe the key ([`KeyDetailsPolicy::Strict`](super::KeyDetailsPolicy)).
    #[error("expected key details {expected} for this key, found {found}")]
    KeyDetailsMismatch {
        /// What the key is.
        expected: KeyDetails,
        /// What the request says it is.
        found: KeyDetails,
    },
    /// A key together with a digest that it is not used with.
    #[error("expected a key and digest on the allow-list, found {key} with {digest}")]
    NotAllowed {
        /// The key.
        key: KeyAlgorithm,
        /// The digest.
        digest: DigestAlgorithm,
    },
    /// A digest of another length than its algorithm has.
    #[error("expected a {algorithm} digest of {} bytes, found {found}", algorithm.len())]
    DigestLength {
        /// The algorithm that follows from the key details.
        algorithm: DigestAlgorithm,
        /// Bytes found.
        found: usize,
    },
    /// The signature does not verify.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The leaf does not fit an entry bundle.
    #[error("expected an entry of at most {MAX_LEAF_LEN} bytes, found {found}")]
    LeafTooLong {
        /// Bytes of the leaf.
        found: usize,
    },
}

impl RefusedEntry {
    /// The class of the refusal.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::NotASubmission { .. } | Self::Envelope(_) | Self::Bundle(_) => Refusal::Malformed,
            Self::Missing { .. } | Self::DigestLength { .. } | Self::Signatures { .. } => {
                Refusal::Malformed
            }
            Self::Key {
                source: KeyError::Algorithm { .. } | KeyError::RsaSize { .. },
                ..
            } => Refusal::Unsupported,
            Self::Key { .. } | Self::KeyDetailsMismatch { .. } => Refusal::Malformed,
            Self::Unverified { .. } | Self::Signature(_) => Refusal::Unverified,
            Self::NoForm { .. } | Self::NotAllowed { .. } => Refusal::Unsupported,
            Self::TooManyAttempts { .. } | Self::LeafTooLong { .. } => Refusal::TooLarge,
        }
    }
}
