//! From the DER of a key to what verifies by it.

use std::sync::OnceLock;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ParsedPublicKey, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, VerificationAlgorithm,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1,
};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::{AnyRef, UintRef};
use der::{Decode, Sequence};
use spki::SubjectPublicKeyInfoRef;

use super::{KeyAlgorithm, KeyError, RsaSizes};
use crate::digest::DigestAlgorithm;

/// The library's form of the key.
pub(crate) enum Verifier {
    /// ECDSA and RSA, one form for each digest: the key's own is made when the key is parsed, the others when first needed.
    Aws {
        key: Box<[u8]>,
        parsed: [OnceLock<ParsedPublicKey>; 3],
    },
    /// Ed25519.
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

impl Verifier {
    /// The form that verifies signatures over digests of this kind; none for Ed25519.
    pub(crate) fn parsed(
        &self,
        algorithm: KeyAlgorithm,
        digest: DigestAlgorithm,
    ) -> Option<&ParsedPublicKey> {
        let Self::Aws { key, parsed } = self else {
            return None;
        };
        let [sha256, sha384, sha512] = parsed;
        let cell = match digest {
            DigestAlgorithm::Sha256 => sha256,
            DigestAlgorithm::Sha384 => sha384,
            DigestAlgorithm::Sha512 => sha512,
        };
        if let Some(ready) = cell.get() {
            return Some(ready);
        }
        let fresh = ParsedPublicKey::new(verification(algorithm, digest)?, key).ok()?;
        Some(cell.get_or_init(|| fresh))
    }
}

fn verification(
    algorithm: KeyAlgorithm,
    digest: DigestAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    use DigestAlgorithm::{Sha256, Sha384, Sha512};
    Some(match (algorithm, digest) {
        (KeyAlgorithm::EcdsaP256, Sha256) => &ECDSA_P256_SHA256_ASN1,
        (KeyAlgorithm::EcdsaP256, Sha384) => &ECDSA_P256_SHA384_ASN1,
        (KeyAlgorithm::EcdsaP256, Sha512) => &ECDSA_P256_SHA512_ASN1,
        (KeyAlgorithm::EcdsaP384, Sha256) => &ECDSA_P384_SHA256_ASN1,
        (KeyAlgorithm::EcdsaP384, Sha384) => &ECDSA_P384_SHA384_ASN1,
        (KeyAlgorithm::EcdsaP384, Sha512) => &ECDSA_P384_SHA512_ASN1,
        (KeyAlgorithm::EcdsaP521, Sha256) => &ECDSA_P521_SHA256_ASN1,
        (KeyAlgorithm::EcdsaP521, Sha384) => &ECDSA_P521_SHA384_ASN1,
        (KeyAlgorithm::EcdsaP521, Sha512) => &ECDSA_P521_SHA512_ASN1,
        (KeyAlgorithm::Rsa { bits: ..2048 }, Sha256) => {
            &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        }
        (KeyAlgorithm::Rsa { bits: ..2048 }, Sha384) => return None,
        (KeyAlgorithm::Rsa { bits: ..2048 }, Sha512) => {
            &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
        }
        (KeyAlgorithm::Rsa { .. }, Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        (KeyAlgorithm::Rsa { .. }, Sha384) => &RSA_PKCS1_2048_8192_SHA384,
        (KeyAlgorithm::Rsa { .. }, Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        (KeyAlgorithm::Ed25519, _) => return None,
    })
}

pub(super) fn parse_key(
    der: &[u8],
    spki: &SubjectPublicKeyInfoRef<'_>,
    sizes: RsaSizes,
) -> Result<(KeyAlgorithm, Verifier), KeyError> {
    let bits = spki
        .subject_public_key
        .as_bytes()
        .ok_or_else(|| KeyError::Spki {
            found: "a bit string that is not whole bytes".into(),
        })?;
    let parameters = spki.algorithm.parameters;
    match spki.algorithm.oid {
        ID_EC_PUBLIC_KEY => parse_ecdsa(der, bits, parameters),
        RSA_ENCRYPTION => parse_rsa(bits, parameters, sizes),
        ID_ED_25519 => parse_ed25519(bits, parameters),
        other => Err(KeyError::Algorithm {
            found: other.to_string(),
        }),
    }
}

fn parse_ecdsa(
    der: &[u8],
    point: &[u8],
    parameters: Option<AnyRef<'_>>,
) -> Result<(KeyAlgorithm, Verifier), KeyError> {
    let curve = parameters.and_then(|p| p.decode_as::<ObjectIdentifier>().ok());
    let (algorithm, name, len) = match curve {
        Some(SECP_256_R_1) => (KeyAlgorithm::EcdsaP256, "ecdsa p-256", 65),
        Some(SECP_384_R_1) => (KeyAlgorithm::EcdsaP384, "ecdsa p-384", 97),
        Some(SECP_521_R_1) => (KeyAlgorithm::EcdsaP521, "ecdsa p-521", 133),
        Some(other) => {
            return Err(KeyError::Algorithm {
                found: format!("{ID_EC_PUBLIC_KEY} on curve {other}"),
            });
        }
        None => {
            return Err(KeyError::Algorithm {
                found: format!("{ID_EC_PUBLIC_KEY} without a named curve"),
            });
        }
    };
    let wrong = |found| KeyError::Value {
        algorithm: name,
        found,
    };
    if point.first() != Some(&4) || point.len() != len {
        return Err(wrong("a point that is not uncompressed"));
    }
    aws_key(algorithm, der).ok_or_else(|| wrong("a point off the curve"))
}

/// RFC 8017 A.1.1.
#[derive(Sequence)]
pub(super) struct RsaPublicKey<'a> {
    pub(super) modulus: UintRef<'a>,
    pub(super) public_exponent: UintRef<'a>,
}

fn parse_rsa(
    bits: &[u8],
    parameters: Option<AnyRef<'_>>,
    sizes: RsaSizes,
) -> Result<(KeyAlgorithm, Verifier), KeyError> {
    let wrong = |found| KeyError::Value {
        algorithm: "rsa",
        found,
    };
    if !parameters.is_some_and(|p| p.is_null()) {
        return Err(wrong("algorithm parameters other than null"));
    }
    let key = RsaPublicKey::from_der(bits)
        .map_err(|_| wrong("something else than a modulus and an exponent"))?;
    if key.public_exponent.as_bytes().len() > 4 {
        return Err(wrong("an exponent over 32 bits"));
    }
    let found = bit_len(key.modulus.as_bytes());
    let size = u16::try_from(found).ok().filter(|_| sizes.take(found));
    let Some(size) = size else {
        return Err(KeyError::RsaSize {
            expected: sizes,
            found,
        });
    };
    aws_key(KeyAlgorithm::Rsa { bits: size }, bits)
        .ok_or_else(|| wrong("a modulus or exponent that cannot verify"))
}

fn bit_len(big_endian: &[u8]) -> usize {
    let zeros = big_endian.first().map_or(0, |b| b.leading_zeros() as usize);
    (big_endian.len() * 8).saturating_sub(zeros)
}

fn aws_key(algorithm: KeyAlgorithm, key: &[u8]) -> Option<(KeyAlgorithm, Verifier)> {
    let verifier = Verifier::Aws {
        key: key.into(),
        parsed: Default::default(),
    };
    verifier.parsed(algorithm, algorithm.digest_algorithm())?;
    Some((algorithm, verifier))
}

fn parse_ed25519(
    bits: &[u8],
    parameters: Option<AnyRef<'_>>,
) -> Result<(KeyAlgorithm, Verifier), KeyError> {
    let wrong = |found| KeyError::Value {
        algorithm: "ed25519",
        found,
    };
    if parameters.is_some() {
        return Err(wrong("algorithm parameters"));
    }
    let bytes: &[u8; 32] = bits
        .try_into()
        .map_err(|_| wrong("another length than 32 bytes"))?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
        .map_err(|_| wrong("a point off the curve"))?;
    if key.is_weak() {
        return Err(wrong("a point of small order"));
    }
    Ok((KeyAlgorithm::Ed25519, Verifier::Ed25519(Box::new(key))))
}
