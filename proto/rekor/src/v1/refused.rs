//! Why an entry is refused. The texts are upstream's where clients or their tests look at them, with what was expected and
//! found behind them where upstream says neither.

use treering_attest::bundle::BundleError;
use treering_attest::certificate::ChainError;
use treering_attest::{
    DigestAlgorithm, EnvelopeError, KeyAlgorithm, KeyError, SignatureError, TimestampError,
};
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

use super::base64::IllegalBase64;
use super::schema::SchemaErrors;
use crate::Refusal;

/// Why a text is no key, certificate or chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// No PEM block, or more text than a leaf could hold.
    #[error("invalid public key: failure decoding PEM")]
    Pem,
    /// A block of another kind.
    #[error("invalid public key: cannot handle type {label}")]
    Label {
        /// What it calls itself, shortened.
        label: String,
    },
    /// Something else than a chain of certificates behind the first block.
    #[error("expected pem of one key or of 1 to {max} certificates, found other text behind it")]
    Behind {
        /// The most certificates of a chain.
        max: usize,
    },
    /// More certificates than a chain may have.
    #[error("expected at most {max} certificates, found more")]
    TooManyCertificates {
        /// The limit.
        max: usize,
    },
    /// A key or certificate that does not parse, or of an algorithm that is not taken.
    #[error("invalid public key: {0}")]
    Key(#[from] KeyError),
}

/// Why a well-formed request does not become an entry, or a submission cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedEntry {
    /// A kind that is known, of a version that is not.
    #[error(
        "{kind} implementation for version '{version}' not found: unable to locate entry for version {version}"
    )]
    Version {
        /// The kind.
        kind: &'static str,
        /// The version asked for, shortened.
        version: String,
    },
    /// `spec` is no object.
    #[error("unsupported input type {found} for DecodeEntry")]
    SpecType {
        /// What it is.
        found: &'static str,
    },
    /// `spec` is no JSON that can be read.
    #[error("expected a spec, found {found}")]
    SpecJson {
        /// What the parser says.
        found: String,
    },
    /// Members of `spec` that are absent or of the wrong form.
    #[error("{}", .0.list())]
    Schema(SchemaErrors),
    /// A member of `spec` that is not base64.
    #[error("failed parsing base64 data for {place}: {source}")]
    Base64 {
        /// Which one.
        place: &'static str,
        /// What is wrong with it.
        source: IllegalBase64,
    },
    /// No key beside a signature.
    #[error("missing public key")]
    MissingKey,
    /// A key that is refused.
    #[error("{place}{source}")]
    Key {
        /// Words before it, or nothing.
        place: &'static str,
        /// What is wrong with it.
        source: KeyRefused,
    },
    /// A digest of another length than its algorithm has.
    #[error("invalid value for hash: expected {expected} hexadecimal digits, found {found} bytes")]
    DigestLength {
        /// Digits.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// A digest of the right length that is not hexadecimal.
    #[error("invalid value for hash: expected hexadecimal digits, found others")]
    DigestDigits,
    /// An artifact with another digest than the request says.
    #[error("SHA mismatch: {computed} != {found}")]
    DigestMismatch {
        /// Of the artifact.
        computed: String,
        /// In the request, shortened.
        found: String,
    },
    /// A format of signature that is known and not taken.
    #[error("expected a signature of a format that is taken, found {found}")]
    Format {
        /// Which one.
        found: String,
    },
    /// A signature of no bytes.
    #[error("verifying signature: X509 signature has not been initialized")]
    EmptySignature,
    /// Certificates that are no chain.
    #[error("verifying signature: {0}")]
    Chain(#[from] ChainError),
    /// The signature does not verify.
    #[error("verifying signature: {0}")]
    Signature(#[from] SignatureError),
    /// A key or signature that is not as its format says.
    #[error("expected of format {format} {expected}, found something else")]
    Detached {
        /// The format.
        format: &'static str,
        /// What is not there.
        expected: &'static str,
    },
    /// A signature that none of the keys of its format has made.
    #[error(
        "verifying signature: expected a {format} signature that verifies by the key, found one that does not"
    )]
    DetachedSignature {
        /// The format.
        format: &'static str,
    },
    /// Bytes that are no COSE message, or not one that its key can have signed.
    #[error("expected a cose sign1 message with {expected}, found something else there")]
    Cose {
        /// The part that is not there.
        expected: &'static str,
    },
    /// A key that no COSE message is taken from.
    #[error("expected a key of ecdsa-p256 or rsa for a cose message, found {found}")]
    CoseKey {
        /// The key.
        found: KeyAlgorithm,
    },
    /// A time-stamp response that does not count.
    #[error("verifying time-stamp: {0}")]
    Timestamp(#[from] TimestampError),
    /// A provenance file that is none, or not about one chart.
    #[error("expected a provenance file of helm with {expected}, found something else there")]
    Provenance {
        /// The part that is not there.
        expected: &'static str,
    },
    /// Bytes that are no metadata of TUF, or keys and roles in a root that cannot be used.
    #[error("expected tuf metadata with {expected}, found something else there")]
    Tuf {
        /// The part that is not there.
        expected: &'static str,
    },
    /// Metadata of TUF that fewer keys have signed than its role asks for.
    #[error(
        "tuf: valid signatures did not meet threshold: expected {threshold} keys of role {role}, found {found}"
    )]
    TufThreshold {
        /// The role, shortened.
        role: String,
        /// Keys that must have signed.
        threshold: u64,
        /// Different keys whose signatures verify.
        found: usize,
    },
    /// Metadata of TUF that is not valid any more.
    #[error(
        "tuf: expected metadata that expires after second {now}, found one that did at {expired}"
    )]
    Expired {
        /// When, in seconds since the Unix epoch.
        expired: i64,
        /// The time that was given, in the same unit.
        now: i64,
    },
    /// A key together with a digest that it is not used with.
    #[error("entry algorithms are not allowed: found {key} with {digest}")]
    NotAllowed {
        /// The key.
        key: KeyAlgorithm,
        /// The digest.
        digest: DigestAlgorithm,
    },
    /// Neither the proposed nor the canonical form of a dsse entry.
    #[error("either proposedContent or envelopeHash, payloadHash, and signatures must be present")]
    NoForm,
    /// Both of them.
    #[error(
        "either proposedContent or envelopeHash, payloadHash, and signatures must be present but not both"
    )]
    BothForms,
    /// The canonical form, which is good for looking an entry up.
    #[error("entry not insertable into log: {missing}")]
    NotInsertable {
        /// What an entry is made of and is not there.
        missing: &'static str,
    },
    /// An envelope that is not JSON of its shape.
    #[error("expected a dsse envelope, found {found}")]
    EnvelopeJson {
        /// What the parser says.
        found: String,
    },
    /// An envelope without a signature.
    #[error("DSSE envelope must contain 1 or more signatures")]
    NoSignatures,
    /// A part of an envelope that is not base64.
    #[error(
        "could not verify envelope: unable to base64 decode payload (is payload in the right format?): {part}: {source}"
    )]
    EnvelopeBase64 {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        source: IllegalBase64,
    },
    /// A verifier that verifies none of the signatures.
    #[error(
        "could not verify envelope: accepted signatures do not match threshold, Found: 0, Expected 1 \
         (verifier {verifier} verifies none of {signatures} signatures)"
    )]
    UnusedVerifier {
        /// Which one, from 0.
        verifier: usize,
        /// How many signatures there are.
        signatures: usize,
    },
    /// A signature that none of the verifiers verifies, or whose verifier another signature has taken.
    #[error(
        "all signatures must have a key that verifies it: expected {signatures}, found {verified}"
    )]
    UnverifiedSignature {
        /// How many different signatures there are.
        signatures: usize,
        /// How many of them verify.
        verified: usize,
    },
    /// No digest of the envelope in `intoto 0.0.2`, which stores what the client says.
    #[error("missing envelope digest")]
    MissingEnvelopeDigest,
    /// More combinations of signatures and keys than the limit.
    #[error("expected at most {max} combinations of a signature and a key to try, found more")]
    TooManyAttempts {
        /// The limit.
        max: usize,
    },
    /// More names and digests to find an entry by than the limit.
    #[error("expected at most {max} subjects and materials to index, found more")]
    TooManyIndexKeys {
        /// The limit.
        max: usize,
    },
    /// The leaf does not fit an entry bundle.
    #[error("expected an entry of at most {MAX_LEAF_LEN} bytes, found {found}")]
    LeafTooLong {
        /// Bytes of the leaf.
        found: usize,
    },
    /// Neither an envelope nor a bundle.
    #[error("expected a dsse envelope or a sigstore bundle, found {found}")]
    NotASubmission {
        /// What it is.
        found: String,
    },
    /// A submitted envelope that does not parse.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A submitted bundle that does not parse.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A bundle without what an entry is made of.
    #[error("expected a sigstore bundle with {expected}, found none")]
    Missing {
        /// The part.
        expected: &'static str,
    },
    /// A bundle's signature over an artifact that none of the keys verifies.
    #[error("expected a signature that verifies by one of {tried} keys, found none that does")]
    Unverified {
        /// How many keys it was tried with.
        tried: usize,
    },
}

impl RefusedEntry {
    /// The class of the refusal.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Key {
                source: KeyRefused::Key(KeyError::Algorithm { .. } | KeyError::RsaSize { .. }),
                ..
            }
            | Self::Version { .. }
            | Self::Format { .. }
            | Self::CoseKey { .. }
            | Self::NotAllowed { .. } => Refusal::Unsupported,
            Self::Timestamp(error) => timestamp(error),
            Self::EmptySignature
            | Self::DetachedSignature { .. }
            | Self::Chain(_)
            | Self::Signature(_)
            | Self::TufThreshold { .. }
            | Self::Expired { .. }
            | Self::UnusedVerifier { .. }
            | Self::UnverifiedSignature { .. }
            | Self::Unverified { .. } => Refusal::Unverified,
            Self::TooManyAttempts { .. }
            | Self::TooManyIndexKeys { .. }
            | Self::LeafTooLong { .. } => Refusal::TooLarge,
            Self::SpecType { .. }
            | Self::SpecJson { .. }
            | Self::Schema(_)
            | Self::Base64 { .. }
            | Self::MissingKey
            | Self::Key { .. }
            | Self::DigestLength { .. }
            | Self::DigestDigits
            | Self::DigestMismatch { .. }
            | Self::NoForm
            | Self::Detached { .. }
            | Self::Cose { .. }
            | Self::Provenance { .. }
            | Self::Tuf { .. }
            | Self::BothForms
            | Self::NotInsertable { .. }
            | Self::EnvelopeJson { .. }
            | Self::NoSignatures
            | Self::EnvelopeBase64 { .. }
            | Self::MissingEnvelopeDigest
            | Self::NotASubmission { .. }
            | Self::Envelope(_)
            | Self::Bundle(_)
            | Self::Missing { .. } => Refusal::Malformed,
        }
    }
}

fn timestamp(error: &TimestampError) -> Refusal {
    match error {
        TimestampError::TooLong { .. } => Refusal::TooLarge,
        TimestampError::Malformed { .. } => Refusal::Malformed,
        TimestampError::Algorithm { .. } | TimestampError::Key(_) => Refusal::Unsupported,
        TimestampError::NotGranted { .. }
        | TimestampError::Digest
        | TimestampError::NoCertificate
        | TimestampError::Signature(_) => Refusal::Unverified,
    }
}

impl From<SchemaErrors> for RefusedEntry {
    fn from(errors: SchemaErrors) -> Self {
        Self::Schema(errors)
    }
}
