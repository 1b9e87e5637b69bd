//! Keys as Rekor v1 takes them: PEM of a public key, of a certificate, or of a chain of certificates.

use std::sync::Arc;

use treering_attest::certificate::{ChainError, subject_alternative_names, verify_chain};
use treering_attest::limits::MAX_CHAIN;
use treering_attest::{DigestAlgorithm, PublicKey, RsaSizes, VerifierMaterial};

use super::pem::{self, MAX_PEM};
use super::refused::KeyRefused;

const PUBLIC_KEY: &str = "PUBLIC KEY";
const CERTIFICATE: &str = "CERTIFICATE";

/// What a signature is verified with, parsed. Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    key: PublicKey,
    certificates: Vec<Vec<u8>>,
    pem: String,
}

/// Where parsed keys come from, so that a server may keep those that it sees often.
pub trait Keys {
    /// The key of a PEM text.
    ///
    /// # Errors
    /// [`KeyRefused`].
    fn parse(&self, pem: &[u8]) -> Result<Verifier, KeyRefused>;
}

/// Parses each key when it is needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uncached;

impl Keys for Uncached {
    fn parse(&self, pem: &[u8]) -> Result<Verifier, KeyRefused> {
        Verifier::parse(pem)
    }
}

impl Verifier {
    /// Parses PEM: text before a block and its headers are dropped, several blocks must all be certificates, nothing else may
    /// stand behind.
    ///
    /// # Errors
    /// [`KeyRefused`].
    pub fn parse(text: &[u8]) -> Result<Self, KeyRefused> {
        if text.len() > MAX_PEM {
            return Err(KeyRefused::Pem);
        }
        let text = text.trim_ascii();
        let (block, rest) = pem::decode(text).ok_or(KeyRefused::Pem)?;
        if !rest.is_empty() {
            return Self::chain(block.der, rest);
        }
        match block.label.as_str() {
            PUBLIC_KEY => {
                let key = PublicKey::from_spki_der_with(&block.der, RsaSizes::Legacy)?;
                Ok(Self::of_key(key))
            }
            CERTIFICATE => Self::of_certificates(vec![block.der]),
            other => Err(KeyRefused::Label {
                label: other.chars().take(64).collect(),
            }),
        }
    }

    /// Whatever its label, as upstream does: the bytes of a key are no certificate.
    fn chain(first: Vec<u8>, mut rest: &[u8]) -> Result<Self, KeyRefused> {
        let mut ders = vec![first];
        while !rest.is_empty() {
            if ders.len() == MAX_CHAIN {
                return Err(KeyRefused::TooManyCertificates { max: MAX_CHAIN });
            }
            let (block, behind) = pem::decode(rest).ok_or(KeyRefused::Behind { max: MAX_CHAIN })?;
            ders.push(block.der);
            rest = behind;
        }
        Self::of_certificates(ders)
    }

    fn of_key(key: PublicKey) -> Self {
        let mut text = String::new();
        pem::encode(PUBLIC_KEY, key.spki_der(), &mut text);
        Self(Arc::new(Inner {
            key,
            certificates: Vec::new(),
            pem: text,
        }))
    }

    fn of_certificates(certificates: Vec<Vec<u8>>) -> Result<Self, KeyRefused> {
        let mut text = String::new();
        let mut first = None;
        for der in &certificates {
            let key = PublicKey::from_certificate_der_with(der, RsaSizes::Legacy)?;
            first.get_or_insert(key);
            pem::encode(CERTIFICATE, der, &mut text);
        }
        Ok(Self(Arc::new(Inner {
            key: first.ok_or(KeyRefused::Pem)?,
            certificates,
            pem: text,
        })))
    }

    /// The key to verify with: of a chain that of its first certificate.
    pub fn key(&self) -> &PublicKey {
        &self.0.key
    }

    /// The certificates in DER, the signer's first; none of a bare key.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.0.certificates
    }

    /// The text that a leaf holds.
    pub fn canonical_pem(&self) -> &str {
        &self.0.pem
    }

    /// SHA-256 of that text in hexadecimal, by which entries are found.
    pub fn index_digest(&self) -> String {
        hex::encode(DigestAlgorithm::Sha256.of(self.0.pem.as_bytes()))
    }

    /// The alternative names of the first certificate.
    pub fn subjects(&self) -> Vec<String> {
        let first = self.0.certificates.first();
        first
            .and_then(|der| subject_alternative_names(der).ok())
            .unwrap_or_default()
    }

    /// Checks that several certificates are a chain.
    pub(super) fn check_chain(&self) -> Result<(), ChainError> {
        if self.0.certificates.len() > 1 {
            verify_chain(&self.0.certificates)
        } else {
            Ok(())
        }
    }
}

impl From<&VerifierMaterial> for Verifier {
    fn from(material: &VerifierMaterial) -> Self {
        let (label, der, certificates) = match material {
            VerifierMaterial::Key(key) => (PUBLIC_KEY, key.spki_der(), Vec::new()),
            VerifierMaterial::Certificate { der, .. } => {
                (CERTIFICATE, &der[..], vec![der.to_vec()])
            }
        };
        let mut text = String::new();
        pem::encode(label, der, &mut text);
        Self(Arc::new(Inner {
            key: material.key().clone(),
            certificates,
            pem: text,
        }))
    }
}
