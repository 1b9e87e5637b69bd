//! What `CreateEntry` may ask for: the kind of today, and the one that older clients still send.

use treering_attest::{Envelope, PublicKey};

use super::hashedrekord::{KeyDetailsPolicy, Request, Verifier};
use super::json::{self, RequestError};
use super::key_details::KeyDetails;
use super::refused::RefusedEntry;
use crate::Canonical;

/// The most verifiers of a [`DsseRequest`].
pub const MAX_VERIFIERS: usize = 10;

/// A `CreateEntryRequest`; nothing about it is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateEntry {
    /// `hashedRekordRequestV002`.
    HashedRekord(Request),
    /// `dsseRequestV002`, which rekor-tiles dropped in v2.3.0.
    Dsse(DsseRequest),
}

/// A whole envelope, to be logged as the `hashedrekord` over its pre-authentication encoding: that is how verifiers
/// look for an attestation since `dsse 0.0.2` is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DsseRequest {
    /// The JSON of the DSSE envelope as it came.
    pub envelope: Vec<u8>,
    /// Keys or certificates, and what the submitter says they are. One has to verify the signature.
    pub verifiers: Vec<(Verifier, KeyDetails)>,
}

impl CreateEntry {
    /// Verifies what is asked and builds the leaf; `parse` answers as [`Verifier::parse`] would.
    ///
    /// # Errors
    /// [`RefusedEntry`].
    pub fn canonicalize_with(
        &self,
        policy: KeyDetailsPolicy,
        parse: impl Fn(&Verifier) -> Result<PublicKey, RefusedEntry>,
    ) -> Result<Canonical, RefusedEntry> {
        match self {
            Self::HashedRekord(request) => request.canonicalize_with(policy, parse),
            Self::Dsse(request) => request.canonicalize_with(policy, parse),
        }
    }

    /// Parses the protojson of a `CreateEntryRequest` of either kind, by the rules of [`Request::parse_json`].
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn parse_json(bytes: &[u8]) -> Result<Self, RequestError> {
        json::parse_create(bytes)
    }
}

impl DsseRequest {
    /// Verifies the envelope's one signature and builds the leaf.
    ///
    /// # Errors
    /// [`RefusedEntry`]; with one verifier it says what is wrong with that one.
    pub fn canonicalize(&self, policy: KeyDetailsPolicy) -> Result<Canonical, RefusedEntry> {
        self.canonicalize_with(policy, Verifier::parse)
    }

    /// The same, for callers that keep parsed keys: `parse` answers as [`Verifier::parse`] would.
    ///
    /// # Errors
    /// [`RefusedEntry`].
    pub fn canonicalize_with(
        &self,
        policy: KeyDetailsPolicy,
        parse: impl Fn(&Verifier) -> Result<PublicKey, RefusedEntry>,
    ) -> Result<Canonical, RefusedEntry> {
        let envelope = Envelope::parse(&self.envelope)?;
        let [signature] = envelope.signatures() else {
            return Err(RefusedEntry::Signatures {
                found: envelope.signatures().len(),
            });
        };
        let attempt = |(verifier, details): &(Verifier, KeyDetails)| {
            let request = Request {
                digest: envelope.pae_digest(details.digest_algorithm()),
                signature: signature.sig.clone(),
                verifier: verifier.clone(),
                key_details: *details,
            };
            request.canonicalize_with(policy, &parse)
        };
        match self.verifiers.as_slice() {
            [only] => attempt(only),
            several => several
                .iter()
                .find_map(|verifier| attempt(verifier).ok())
                .ok_or_else(|| RefusedEntry::Unverified {
                    index: 0,
                    keyid: signature.keyid.chars().take(128).collect(),
                    tried: several.len(),
                }),
        }
    }
}
