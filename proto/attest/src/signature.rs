//! Verification of one signature by one key.

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey,
};
use ed25519_dalek::ed25519::signature::digest::{
    FixedOutput, HashMarker, Output, OutputSizeUser, Update, consts::U64,
};

use crate::digest::DigestAlgorithm;
use crate::keys::{KeyAlgorithm, PublicKey, Verifier};

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The digest given is not as long as its algorithm says.
    #[error("expected a {algorithm} digest of {} bytes, found {found}", algorithm.len())]
    DigestLength {
        /// The algorithm named.
        algorithm: DigestAlgorithm,
        /// Bytes found.
        found: usize,
    },
    /// This kind of key signs no such digest: Ed25519ph is defined over SHA-512 only.
    #[error("expected a digest that {key} keys sign, found {found}")]
    Digest {
        /// The kind of key.
        key: KeyAlgorithm,
        /// The digest asked for.
        found: DigestAlgorithm,
    },
    /// The signature is not one of this key over this message: malformed, of another message, or of another key.
    #[error("expected a signature that verifies by the {key} key, found one that does not")]
    Mismatch {
        /// The kind of key.
        key: KeyAlgorithm,
    },
}

/// Verifies a signature over a message: ECDSA (DER, or fixed-width `r || s`) and RSA PKCS#1 v1.5 over its digest, Ed25519
/// pure over the message itself, whatever `digest` says, in the strict form of `verify_strict`.
///
/// # Errors
/// [`SignatureError`].
pub fn verify(
    key: &PublicKey,
    digest: DigestAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let algorithm = key.algorithm();
    match key.verifier() {
        Verifier::Ed25519(ed25519) => ed25519_dalek::Signature::from_slice(signature)
            .and_then(|signature| ed25519.verify_strict(message, &signature))
            .map_err(|_| SignatureError::Mismatch { key: algorithm }),
        Verifier::Aws { .. } => verify_digest(key, digest, &digest.of(message), signature),
    }
}

/// Verifies a signature over a digest that was computed elsewhere: ECDSA (DER, or fixed-width `r || s`), RSA PKCS#1 v1.5,
/// or Ed25519ph (RFC 8032 §5.1, no context) over a SHA-512 digest.
///
/// # Errors
/// [`SignatureError`].
pub fn verify_digest(
    key: &PublicKey,
    algorithm: DigestAlgorithm,
    digest: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let mismatch = || SignatureError::Mismatch {
        key: key.algorithm(),
    };
    let imported = Digest::import_less_safe(digest, algorithm.aws()).map_err(|_| {
        SignatureError::DigestLength {
            algorithm,
            found: digest.len(),
        }
    })?;
    match key.verifier() {
        Verifier::Ed25519(ed25519) => {
            let prehashed = <[u8; 64]>::try_from(digest).map(Prehashed).map_err(|_| {
                SignatureError::Digest {
                    key: key.algorithm(),
                    found: algorithm,
                }
            })?;
            ed25519_dalek::Signature::from_slice(signature)
                .and_then(|signature| ed25519.verify_prehashed_strict(prehashed, None, &signature))
                .map_err(|_| mismatch())
        }
        verifier @ Verifier::Aws { .. } => {
            let parsed = verifier
                .parsed(key.algorithm(), algorithm)
                .ok_or_else(mismatch)?;
            let verifies = |der: &[u8]| parsed.verify_digest_sig(&imported, der).is_ok();
            // A fixed-width signature could by chance be the DER of another one, so a length alone decides nothing.
            let fixed = fixed_width(key.algorithm(), signature).is_some_and(|der| verifies(&der));
            if fixed || verifies(signature) {
                Ok(())
            } else {
                Err(mismatch())
            }
        }
    }
}

/// Verifies an RSASSA-PSS signature over a message: by an RSA key of 2048 bits or more, with the digest also as mask generator and
/// as long a salt (RFC 8017 8.1.2).
///
/// # Errors
/// [`SignatureError::Mismatch`], also for any other kind of key.
pub fn verify_pss(
    key: &PublicKey,
    digest: DigestAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let mismatch = || SignatureError::Mismatch {
        key: key.algorithm(),
    };
    let (KeyAlgorithm::Rsa { .. }, Verifier::Aws { key: rsa, .. }) =
        (key.algorithm(), key.verifier())
    else {
        return Err(mismatch());
    };
    let algorithm = match digest {
        DigestAlgorithm::Sha256 => &RSA_PSS_2048_8192_SHA256,
        DigestAlgorithm::Sha384 => &RSA_PSS_2048_8192_SHA384,
        DigestAlgorithm::Sha512 => &RSA_PSS_2048_8192_SHA512,
    };
    UnparsedPublicKey::new(algorithm, rsa)
        .verify(message, signature)
        .map_err(|_| mismatch())
}

/// The DER of a fixed-width ECDSA signature; nothing if the length is another or the key no ECDSA key.
fn fixed_width(algorithm: KeyAlgorithm, signature: &[u8]) -> Option<Vec<u8>> {
    let width = match algorithm {
        KeyAlgorithm::EcdsaP256 => 32,
        KeyAlgorithm::EcdsaP384 => 48,
        KeyAlgorithm::EcdsaP521 => 66,
        KeyAlgorithm::Rsa { .. } | KeyAlgorithm::Ed25519 => return None,
    };
    if signature.len() != 2 * width {
        return None;
    }
    let (r, s) = signature.split_at_checked(width)?;
    let mut body = Vec::with_capacity(2 * width + 8);
    push_integer(&mut body, r)?;
    push_integer(&mut body, s)?;
    let mut der = Vec::with_capacity(body.len() + 3);
    der.push(0x30);
    push_len(&mut der, body.len())?;
    der.extend_from_slice(&body);
    Some(der)
}

fn push_integer(der: &mut Vec<u8>, big_endian: &[u8]) -> Option<()> {
    let zeros = big_endian.iter().take_while(|&&b| b == 0).count();
    let digits = big_endian
        .get(zeros..)
        .filter(|digits| !digits.is_empty())
        .unwrap_or(&[0]);
    let sign = digits.first().is_some_and(|&b| b >= 0x80);
    der.push(0x02);
    push_len(der, digits.len() + usize::from(sign))?;
    if sign {
        der.push(0);
    }
    der.extend_from_slice(digits);
    Some(())
}

fn push_len(der: &mut Vec<u8>, len: usize) -> Option<()> {
    let short = u8::try_from(len).ok()?;
    if short >= 0x80 {
        der.push(0x81);
    }
    der.push(short);
    Some(())
}

/// A SHA-512 digest that is finished already, in the shape in which ed25519-dalek wants a hasher that it can finish. It never
/// feeds one (`verify_prehashed_strict` only finalizes), so `update` has nothing to do.
struct Prehashed([u8; 64]);

impl Default for Prehashed {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl HashMarker for Prehashed {}

impl OutputSizeUser for Prehashed {
    type OutputSize = U64;
}

impl Update for Prehashed {
    fn update(&mut self, _: &[u8]) {}
}

impl FixedOutput for Prehashed {
    fn finalize_into(self, out: &mut Output<Self>) {
        out.copy_from_slice(&self.0);
    }
}
