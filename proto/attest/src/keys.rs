//! Public keys and the certificates that carry them, parsed once and ready to verify.

use std::fmt;
use std::sync::Arc;

use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::Certificate as X509;

use crate::digest::DigestAlgorithm;
use crate::limits::{MAX_CHAIN, MAX_KEY};
use crate::pem::{self, PemError};

mod aliases;
mod parse;
mod parts;

pub use aliases::{KeyAliases, KeyDigest};
pub(crate) use parse::Verifier;

/// Why a key or certificate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Longer than [`MAX_KEY`], or than [`MAX_CHAIN`] times that for PEM.
    #[error("expected a key or certificate of at most {max} bytes, found {found}")]
    TooLong {
        /// The bound.
        max: usize,
        /// Bytes found.
        found: usize,
    },
    /// Not the DER of a SubjectPublicKeyInfo, the whole of the input.
    #[error("expected the der of a subject public key info, found {found}")]
    Spki {
        /// What the decoder says.
        found: String,
    },
    /// Not the DER of an X.509 certificate, the whole of the input.
    #[error("expected the der of an x.509 certificate, found {found}")]
    Certificate {
        /// What the decoder says.
        found: String,
    },
    /// Neither of the two.
    #[error("expected the der or pem of a public key or certificate, found {found}")]
    Neither {
        /// What it is instead.
        found: String,
    },
    /// PEM that does not parse.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A PEM label that is no public key or certificate.
    #[error("expected a pem block PUBLIC KEY or CERTIFICATE, found {found}")]
    PemLabel {
        /// The label found.
        found: String,
    },
    /// Several PEM blocks which are not a certificate chain.
    #[error(
        "expected one pem block or a certificate chain, found {found} blocks with a public key among them"
    )]
    PemMixed {
        /// How many blocks.
        found: usize,
    },
    /// An algorithm or curve that is not taken.
    #[error("expected an ecdsa p-256, p-384 or p-521, rsa or ed25519 key, found algorithm {found}")]
    Algorithm {
        /// Its object identifier, and that of the curve.
        found: String,
    },
    /// An RSA modulus of another size.
    #[error("expected an rsa key of {expected} bits, found {found}")]
    RsaSize {
        /// The sizes that are taken.
        expected: RsaSizes,
        /// Bits found.
        found: usize,
    },
    /// The key itself: a point that is off the curve, compressed or of small order, a wrong length, wrong parameters.
    #[error("expected a valid {algorithm} key, found {found}")]
    Value {
        /// Which kind of key.
        algorithm: &'static str,
        /// What is wrong with it.
        found: &'static str,
    },
}

/// Kinds of keys that are taken. RSA always means PKCS#1 v1.5 signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256.
    EcdsaP256,
    /// ECDSA on NIST P-384.
    EcdsaP384,
    /// ECDSA on NIST P-521.
    EcdsaP521,
    /// RSA with PKCS#1 v1.5 signatures.
    Rsa {
        /// Bits of the modulus: 2048, 3072 or 4096, unless [`RsaSizes::Legacy`] was asked for.
        bits: u16,
    },
    /// Ed25519: pure, or prehashed with SHA-512 (Ed25519ph).
    Ed25519,
}

/// Which RSA moduli are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RsaSizes {
    /// 2048, 3072 and 4096 bits.
    #[default]
    Standard,
    /// 1024 to 8192 bits, for what Rekor v1 takes: its leaves hold such keys.
    Legacy,
}

impl RsaSizes {
    fn take(self, bits: usize) -> bool {
        match self {
            Self::Standard => matches!(bits, 2048 | 3072 | 4096),
            Self::Legacy => (1024..=8192).contains(&bits),
        }
    }
}

impl fmt::Display for RsaSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "2048, 3072 or 4096",
            Self::Legacy => "1024 to 8192",
        })
    }
}

impl KeyAlgorithm {
    /// The digest that goes with this kind of key where a protocol leaves no choice (Sigstore's algorithm registry).
    pub const fn digest_algorithm(self) -> DigestAlgorithm {
        match self {
            Self::EcdsaP256 | Self::Rsa { .. } => DigestAlgorithm::Sha256,
            Self::EcdsaP384 => DigestAlgorithm::Sha384,
            Self::EcdsaP521 | Self::Ed25519 => DigestAlgorithm::Sha512,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ecdsa-p256"),
            Self::EcdsaP384 => f.write_str("ecdsa-p384"),
            Self::EcdsaP521 => f.write_str("ecdsa-p521"),
            Self::Rsa { bits } => write!(f, "rsa-{bits}"),
            Self::Ed25519 => f.write_str("ed25519"),
        }
    }
}

/// A public key, parsed and checked, that can verify at once. Cloning shares it.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    algorithm: KeyAlgorithm,
    spki: Box<[u8]>,
    fingerprint: [u8; 32],
    verifier: Verifier,
}

impl PublicKey {
    /// Parses the DER of a SubjectPublicKeyInfo, without anything behind it.
    ///
    /// # Errors
    /// [`KeyError`], also for keys that could never verify: a point off the curve, RSA below 2048 bits, a small-order Ed25519 key.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_spki_der_with(der, RsaSizes::Standard)
    }

    /// As [`from_spki_der`](Self::from_spki_der), with other sizes of RSA keys.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_spki_der_with(der: &[u8], sizes: RsaSizes) -> Result<Self, KeyError> {
        check_len(der, MAX_KEY)?;
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|e| KeyError::Spki {
            found: e.to_string(),
        })?;
        let (algorithm, verifier) = parse::parse_key(der, &spki, sizes)?;
        let fingerprint = aws_lc_rs::digest::digest(DigestAlgorithm::Sha256.aws(), der);
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(fingerprint.as_ref());
        Ok(Self(Arc::new(Inner {
            algorithm,
            spki: der.into(),
            fingerprint: sha256,
            verifier,
        })))
    }

    /// The key of an X.509 certificate in DER, without anything behind it. Its validity, chain and extensions are not looked at.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_certificate_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_certificate_der_with(der, RsaSizes::Standard)
    }

    /// As [`from_certificate_der`](Self::from_certificate_der), with other sizes of RSA keys.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_certificate_der_with(der: &[u8], sizes: RsaSizes) -> Result<Self, KeyError> {
        check_len(der, MAX_KEY)?;
        let certificate = X509::from_der(der).map_err(|e| KeyError::Certificate {
            found: e.to_string(),
        })?;
        let spki = certificate
            .tbs_certificate()
            .subject_public_key_info()
            .to_der()
            .map_err(|e| KeyError::Certificate {
                found: e.to_string(),
            })?;
        Self::from_spki_der_with(&spki, sizes)
    }

    /// The key in a PEM or DER text that holds a public key or a certificate, as [`VerifierMaterial::from_pem_or_der`].
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem_or_der(bytes: &[u8]) -> Result<Self, KeyError> {
        VerifierMaterial::from_pem_or_der(bytes).map(|material| material.key().clone())
    }

    /// Which kind of key it is.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.0.algorithm
    }

    /// The SubjectPublicKeyInfo it was made of.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// SHA-256 of the SubjectPublicKeyInfo: the key's name everywhere in Treering.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.0.fingerprint
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PublicKey({} {})",
            self.0.algorithm,
            hex::encode(self.0.fingerprint)
        )
    }
}

/// What a signature is verified with: a bare key, or a certificate and its key. Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifierMaterial {
    /// A public key.
    Key(PublicKey),
    /// A certificate, which the log stores as it is.
    Certificate {
        /// The certificate's DER.
        der: Arc<[u8]>,
        /// Its key.
        key: PublicKey,
    },
}

impl VerifierMaterial {
    /// A certificate from its DER.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_certificate_der(der: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::Certificate {
            key: PublicKey::from_certificate_der(der)?,
            der: der.into(),
        })
    }

    /// A public key or certificate, PEM or DER. A PEM chain stands for its first certificate; the rest must be
    /// certificates, too, and is not kept.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem_or_der(bytes: &[u8]) -> Result<Self, KeyError> {
        if pem::looks_like_pem(bytes) {
            Self::from_pem(bytes)
        } else {
            Self::from_der(bytes)
        }
    }

    /// The key to verify with.
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Key(key) | Self::Certificate { key, .. } => key,
        }
    }

    fn from_pem(bytes: &[u8]) -> Result<Self, KeyError> {
        check_len(bytes, MAX_CHAIN * MAX_KEY)?;
        let blocks = pem::parse(bytes)?;
        if let [block] = blocks.as_slice()
            && block.label == "PUBLIC KEY"
        {
            return PublicKey::from_spki_der(&block.der).map(Self::Key);
        }
        let mut first = None;
        for block in &blocks {
            match block.label.as_str() {
                "CERTIFICATE" => {
                    let material = Self::from_certificate_der(&block.der)?;
                    first.get_or_insert(material);
                }
                "PUBLIC KEY" => {
                    return Err(KeyError::PemMixed {
                        found: blocks.len(),
                    });
                }
                other => {
                    return Err(KeyError::PemLabel {
                        found: other.to_owned(),
                    });
                }
            }
        }
        first.ok_or(KeyError::PemMixed { found: 0 })
    }

    fn from_der(bytes: &[u8]) -> Result<Self, KeyError> {
        check_len(bytes, MAX_KEY)?;
        if SubjectPublicKeyInfoRef::from_der(bytes).is_ok() {
            return PublicKey::from_spki_der(bytes).map(Self::Key);
        }
        match Self::from_certificate_der(bytes) {
            Err(KeyError::Certificate { found }) => Err(KeyError::Neither { found }),
            other => other,
        }
    }
}

impl From<PublicKey> for VerifierMaterial {
    fn from(key: PublicKey) -> Self {
        Self::Key(key)
    }
}

fn check_len(bytes: &[u8], max: usize) -> Result<(), KeyError> {
    if bytes.len() > max {
        Err(KeyError::TooLong {
            max,
            found: bytes.len(),
        })
    } else {
        Ok(())
    }
}
