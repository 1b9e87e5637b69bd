//! Sigstore bundles (sigstore_bundle.proto as protojson), versions 0.1 to 0.3: what is in them. Nothing here verifies.

use serde_json::value::RawValue;

use crate::digest::DigestAlgorithm;

mod error;
mod json;
mod wire;

pub use error::BundleError;
pub(crate) use json::tlog_entry;
pub(crate) use wire::TlogEntryJson;

/// A parsed bundle, borrowed from the bytes that arrived.
#[derive(Debug, Clone)]
pub struct SigstoreBundle<'a> {
    version: BundleVersion,
    material: VerificationMaterial,
    tlog_entries: Vec<TlogEntry>,
    timestamps: Vec<Vec<u8>>,
    content: BundleContent<'a>,
}

/// The version that the media type names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundleVersion {
    /// `application/vnd.dev.sigstore.bundle+json;version=0.1`
    V0_1,
    /// `application/vnd.dev.sigstore.bundle+json;version=0.2`
    V0_2,
    /// `application/vnd.dev.sigstore.bundle.v0.3+json`, or the older form with `;version=0.3`
    V0_3,
}

/// What names the signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationMaterial {
    /// Certificates in DER, the signer's first; one at least.
    Certificates(Vec<Vec<u8>>),
    /// A key that is known otherwise; the hint is unauthenticated.
    PublicKeyHint(String),
}

/// What was signed.
#[derive(Debug, Clone)]
pub enum BundleContent<'a> {
    /// A DSSE envelope: the exact slice of the bundle's text.
    Dsse(&'a RawValue),
    /// A signature over an artifact.
    Message(MessageSignature),
}

/// A signature over an artifact that is not in the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSignature {
    /// The artifact's digest, for identification; may be absent.
    pub digest: Option<(DigestAlgorithm, Vec<u8>)>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// An entry of a transparency log, as Rekor answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogEntry {
    /// The index: of a Rekor v1 log the one over all its shards, else the leaf's.
    pub log_index: u64,
    /// The log's id: 32 bytes.
    pub log_id: Vec<u8>,
    /// The kind, such as `hashedrekord`.
    pub kind: String,
    /// The version of the kind, such as `0.0.2`.
    pub version: String,
    /// Seconds since the Unix epoch; nothing for Rekor v2.
    pub integrated_time: Option<u64>,
    /// Rekor v1's signed entry timestamp.
    pub signed_entry_timestamp: Option<Vec<u8>>,
    /// The inclusion proof; absent in old bundles.
    pub inclusion_proof: Option<TlogProof>,
    /// The leaf; may be absent (empty) where the verifier is to rebuild it.
    pub canonicalized_body: Vec<u8>,
}

/// An inclusion proof with the checkpoint that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// The leaf's index in its tree.
    pub log_index: u64,
    /// The root it leads to.
    pub root_hash: Vec<u8>,
    /// The size of that tree.
    pub tree_size: u64,
    /// The hashes, from the leaf up, 32 bytes each.
    pub hashes: Vec<Vec<u8>>,
    /// The signed note; empty if absent.
    pub checkpoint: String,
}

impl<'a> SigstoreBundle<'a> {
    /// Parses a bundle: both spellings of member names, nothing twice. Members that these versions do not define are ignored.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BundleError> {
        json::parse(bytes)
    }

    /// The version.
    pub fn version(&self) -> BundleVersion {
        self.version
    }

    /// What names the signer.
    pub fn material(&self) -> &VerificationMaterial {
        &self.material
    }

    /// What was signed.
    pub fn content(&self) -> &BundleContent<'a> {
        &self.content
    }

    /// Entries in transparency logs.
    pub fn tlog_entries(&self) -> &[TlogEntry] {
        &self.tlog_entries
    }

    /// RFC 3161 timestamps, in DER.
    pub fn timestamps(&self) -> &[Vec<u8>] {
        &self.timestamps
    }
}
