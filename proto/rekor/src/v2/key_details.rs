//! `PublicKeyDetails` of sigstore_common.proto: key, size, digest and padding in one name.

use std::fmt;

use treering_attest::{DigestAlgorithm, KeyAlgorithm, PublicKey};

/// The details on the public allow-list of Rekor v2 (rekor-tiles' algorithm registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyDetails {
    /// ECDSA P-256 over SHA-256; number 5.
    PkixEcdsaP256Sha256,
    /// Ed25519ph, over SHA-512; number 8.
    PkixEd25519Ph,
    /// RSA 2048, PKCS#1 v1.5 over SHA-256; number 9.
    PkixRsaPkcs1v15_2048Sha256,
    /// RSA 3072, PKCS#1 v1.5 over SHA-256; number 10.
    PkixRsaPkcs1v15_3072Sha256,
    /// RSA 4096, PKCS#1 v1.5 over SHA-256; number 11.
    PkixRsaPkcs1v15_4096Sha256,
    /// ECDSA P-384 over SHA-384; number 12.
    PkixEcdsaP384Sha384,
    /// ECDSA P-521 over SHA-512; number 13.
    PkixEcdsaP521Sha512,
}

/// Names and numbers that the protocol defines and no Rekor v2 log takes.
const NOT_TAKEN: [(&str, i32); 17] = [
    ("PUBLIC_KEY_DETAILS_UNSPECIFIED", 0),
    ("PKCS1_RSA_PKCS1V5", 1),
    ("PKCS1_RSA_PSS", 2),
    ("PKIX_RSA_PKCS1V5", 3),
    ("PKIX_RSA_PSS", 4),
    ("PKIX_ECDSA_P256_HMAC_SHA_256", 6),
    ("PKIX_ED25519", 7),
    ("LMS_SHA256", 14),
    ("LMOTS_SHA256", 15),
    ("PKIX_RSA_PSS_2048_SHA256", 16),
    ("PKIX_RSA_PSS_3072_SHA256", 17),
    ("PKIX_RSA_PSS_4096_SHA256", 18),
    ("PKIX_ECDSA_P384_SHA_256", 19),
    ("PKIX_ECDSA_P521_SHA_256", 20),
    ("ML_DSA_65", 21),
    ("ML_DSA_87", 22),
    ("ML_DSA_44", 23),
];

/// Why key details are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyDetailsError {
    /// No such name or number in the protocol.
    #[error("expected key details by name or number, found {found}")]
    Unknown {
        /// The name or number.
        found: String,
    },
    /// Defined, but not on the allow-list.
    #[error("expected one of {}, found {found}", allowed())]
    NotAllowed {
        /// Its name.
        found: &'static str,
    },
}

impl KeyDetails {
    /// All of them, by number.
    pub const ALL: [Self; 7] = [
        Self::PkixEcdsaP256Sha256,
        Self::PkixEd25519Ph,
        Self::PkixRsaPkcs1v15_2048Sha256,
        Self::PkixRsaPkcs1v15_3072Sha256,
        Self::PkixRsaPkcs1v15_4096Sha256,
        Self::PkixEcdsaP384Sha384,
        Self::PkixEcdsaP521Sha512,
    ];

    /// The digest that is signed.
    pub const fn digest_algorithm(self) -> DigestAlgorithm {
        self.row().2
    }

    /// The name in protojson and in leaves.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The number on the wire.
    pub const fn number(self) -> i32 {
        self.row().1
    }

    /// The details with that name.
    ///
    /// # Errors
    /// [`KeyDetailsError`].
    pub fn from_name(name: &str) -> Result<Self, KeyDetailsError> {
        Self::find(|found, _| found == name, || name.chars().take(64).collect())
    }

    /// The details with that number.
    ///
    /// # Errors
    /// [`KeyDetailsError`].
    pub fn from_number(number: i32) -> Result<Self, KeyDetailsError> {
        Self::find(|_, found| found == number, || number.to_string())
    }

    /// The details that describe a key; none for an Ed25519 key's *pure* signatures, which Rekor v2 does not take: for
    /// these keys it is Ed25519ph.
    pub const fn of_algorithm(algorithm: KeyAlgorithm) -> Option<Self> {
        Some(match algorithm {
            KeyAlgorithm::EcdsaP256 => Self::PkixEcdsaP256Sha256,
            KeyAlgorithm::EcdsaP384 => Self::PkixEcdsaP384Sha384,
            KeyAlgorithm::EcdsaP521 => Self::PkixEcdsaP521Sha512,
            KeyAlgorithm::Rsa { bits: 2048 } => Self::PkixRsaPkcs1v15_2048Sha256,
            KeyAlgorithm::Rsa { bits: 3072 } => Self::PkixRsaPkcs1v15_3072Sha256,
            KeyAlgorithm::Rsa { bits: 4096 } => Self::PkixRsaPkcs1v15_4096Sha256,
            KeyAlgorithm::Rsa { .. } => return None,
            KeyAlgorithm::Ed25519 => Self::PkixEd25519Ph,
        })
    }

    /// [`of_algorithm`](Self::of_algorithm) of a key.
    pub fn of(key: &PublicKey) -> Option<Self> {
        Self::of_algorithm(key.algorithm())
    }

    const fn row(self) -> (&'static str, i32, DigestAlgorithm) {
        match self {
            Self::PkixEcdsaP256Sha256 => ("PKIX_ECDSA_P256_SHA_256", 5, DigestAlgorithm::Sha256),
            Self::PkixEd25519Ph => ("PKIX_ED25519_PH", 8, DigestAlgorithm::Sha512),
            Self::PkixRsaPkcs1v15_2048Sha256 => {
                ("PKIX_RSA_PKCS1V15_2048_SHA256", 9, DigestAlgorithm::Sha256)
            }
            Self::PkixRsaPkcs1v15_3072Sha256 => {
                ("PKIX_RSA_PKCS1V15_3072_SHA256", 10, DigestAlgorithm::Sha256)
            }
            Self::PkixRsaPkcs1v15_4096Sha256 => {
                ("PKIX_RSA_PKCS1V15_4096_SHA256", 11, DigestAlgorithm::Sha256)
            }
            Self::PkixEcdsaP384Sha384 => ("PKIX_ECDSA_P384_SHA_384", 12, DigestAlgorithm::Sha384),
            Self::PkixEcdsaP521Sha512 => ("PKIX_ECDSA_P521_SHA_512", 13, DigestAlgorithm::Sha512),
        }
    }

    fn find(
        is: impl Fn(&str, i32) -> bool,
        found: impl FnOnce() -> String,
    ) -> Result<Self, KeyDetailsError> {
        if let Some(details) = Self::ALL.into_iter().find(|d| is(d.name(), d.number())) {
            return Ok(details);
        }
        match NOT_TAKEN
            .into_iter()
            .find(|&(name, number)| is(name, number))
        {
            Some((found, _)) => Err(KeyDetailsError::NotAllowed { found }),
            None => Err(KeyDetailsError::Unknown { found: found() }),
        }
    }
}

impl fmt::Display for KeyDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn allowed() -> String {
    KeyDetails::ALL.map(KeyDetails::name).join(", ")
}
