//! `hashedrekord 0.0.2`: a digest, a signature over it, and the key or certificate that verifies it.

use treering_attest::{PublicKey, VerifierMaterial, verify_digest};
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

use super::encode;
use super::json::{self, RequestError};
use super::key_details::KeyDetails;
use super::refused::RefusedEntry;
use crate::Canonical;

/// What is asked to be logged; nothing about it is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The digest that was signed, of the algorithm that the key details name.
    pub digest: Vec<u8>,
    /// The signature: ECDSA in DER or fixed-width `r || s`, RSA PKCS#1 v1.5, or Ed25519ph.
    pub signature: Vec<u8>,
    /// What it verifies with.
    pub verifier: Verifier,
    /// What the submitter says the key is.
    pub key_details: KeyDetails,
}

/// The key of a request, as the leaf stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verifier {
    /// The DER of a SubjectPublicKeyInfo.
    PublicKey(Vec<u8>),
    /// The DER of an X.509 certificate.
    Certificate(Vec<u8>),
}

/// What becomes of key details that do not describe the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyDetailsPolicy {
    /// They are refused. Clients pick the verification algorithm by the key details: with wrong ones, they cannot verify.
    #[default]
    Strict,
    /// They only name the digest, as in rekor-tiles: (key, digest) must be on the allow-list, the entry keeps the details as
    /// they came. For sigstore-js, which writes P-256 for RSA certificates.
    Lenient,
}

/// A request whose signature has been verified; the receipt for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRequest {
    request: Request,
    key: PublicKey,
}

impl Request {
    /// Parses the protojson of a `CreateEntryRequest`: member names in both spellings, enums by name or number, base64 of
    /// either alphabet, padded or not; nothing unknown, nothing twice, nothing behind it.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn parse_json(bytes: &[u8]) -> Result<Self, RequestError> {
        json::parse(bytes)
    }

    /// Verifies the signature and builds the leaf.
    ///
    /// # Errors
    /// [`RefusedEntry`].
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
        parse: impl FnOnce(&Verifier) -> Result<PublicKey, RefusedEntry>,
    ) -> Result<Canonical, RefusedEntry> {
        self.check(policy, &parse(&self.verifier)?)?;
        self.leaf()
    }

    /// Verifies the signature and keeps the request, for those who build the leaf later.
    ///
    /// # Errors
    /// [`RefusedEntry`].
    pub fn verify(self, policy: KeyDetailsPolicy) -> Result<VerifiedRequest, RefusedEntry> {
        let key = self.verifier.parse()?;
        self.check(policy, &key)?;
        Ok(VerifiedRequest { request: self, key })
    }

    fn check(&self, policy: KeyDetailsPolicy, key: &PublicKey) -> Result<(), RefusedEntry> {
        let expected = KeyDetails::of(key);
        let algorithm = self.key_details.digest_algorithm();
        let expected = expected.ok_or_else(|| RefusedEntry::NotAllowed {
            key: key.algorithm(),
            digest: algorithm,
        })?;
        if policy == KeyDetailsPolicy::Strict && expected != self.key_details {
            return Err(RefusedEntry::KeyDetailsMismatch {
                expected,
                found: self.key_details,
            });
        }
        if expected.digest_algorithm() != algorithm {
            return Err(RefusedEntry::NotAllowed {
                key: key.algorithm(),
                digest: algorithm,
            });
        }
        if self.digest.len() != algorithm.len() {
            return Err(RefusedEntry::DigestLength {
                algorithm,
                found: self.digest.len(),
            });
        }
        Ok(verify_digest(
            key,
            algorithm,
            &self.digest,
            &self.signature,
        )?)
    }

    fn leaf(&self) -> Result<Canonical, RefusedEntry> {
        let leaf = encode::leaf(
            &self.digest,
            self.key_details.digest_algorithm(),
            &self.signature,
            &self.verifier,
            self.key_details.name(),
        );
        if leaf.len() > MAX_LEAF_LEN {
            return Err(RefusedEntry::LeafTooLong { found: leaf.len() });
        }
        Ok(Canonical::new(leaf))
    }
}

impl VerifiedRequest {
    /// For callers in this crate that have verified `request.signature` over `request.digest` with `key`.
    pub(super) fn vouch(request: Request, key: PublicKey) -> Self {
        Self { request, key }
    }

    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The key whose signature verified.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Builds the leaf, without verifying again.
    ///
    /// # Errors
    /// [`RefusedEntry::LeafTooLong`].
    pub fn canonical(&self) -> Result<Canonical, RefusedEntry> {
        self.request.leaf()
    }
}

impl Verifier {
    /// The DER, of whichever.
    pub fn der(&self) -> &[u8] {
        match self {
            Self::PublicKey(der) | Self::Certificate(der) => der,
        }
    }

    /// Parses the key or certificate.
    ///
    /// # Errors
    /// [`RefusedEntry::Key`].
    pub fn parse(&self) -> Result<PublicKey, RefusedEntry> {
        let (place, parsed) = match self {
            Self::PublicKey(der) => ("publicKey", PublicKey::from_spki_der(der)),
            Self::Certificate(der) => ("x509Certificate", PublicKey::from_certificate_der(der)),
        };
        parsed.map_err(|source| RefusedEntry::Key { place, source })
    }
}

impl From<&VerifierMaterial> for Verifier {
    fn from(material: &VerifierMaterial) -> Self {
        match material {
            VerifierMaterial::Key(key) => Self::PublicKey(key.spki_der().to_vec()),
            VerifierMaterial::Certificate { der, .. } => Self::Certificate(der.to_vec()),
        }
    }
}
