//! ECDSA keys of notes: the DER of a `SubjectPublicKeyInfo` with an uncompressed point.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P521_SHA256_ASN1,
    EcdsaVerificationAlgorithm, ParsedPublicKey, UnparsedPublicKey,
};

/// Of each curve all that comes before the point's coordinates (sequence, algorithm, curve, bit string,
/// the mark of an uncompressed point), and how long those are. DER has no other way to write it.
const CURVES: [(&[u8], usize, &EcdsaVerificationAlgorithm); 3] = [
    (
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04",
        64,
        &ECDSA_P256_SHA256_ASN1,
    ),
    (
        b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00\x04",
        96,
        &ECDSA_P384_SHA256_ASN1,
    ),
    (
        b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00\x04",
        132,
        &ECDSA_P521_SHA256_ASN1,
    ),
];

/// A point of a known curve.
#[derive(Debug, Clone)]
pub(super) struct EcdsaKey {
    spki_der: Vec<u8>,
    algorithm: &'static EcdsaVerificationAlgorithm,
}

impl EcdsaKey {
    /// Reads the DER of a `SubjectPublicKeyInfo`; `None` if it is not one of a point of a known curve.
    pub(super) fn parse(spki_der: &[u8]) -> Option<Self> {
        let fits = |(prefix, len, _): &&(&[u8], usize, _)| {
            spki_der
                .strip_prefix(*prefix)
                .is_some_and(|point| point.len() == *len)
        };
        let (_, _, algorithm) = CURVES.iter().find(fits)?;
        ParsedPublicKey::new(*algorithm, spki_der).ok()?;
        Some(Self {
            spki_der: spki_der.to_vec(),
            algorithm,
        })
    }

    pub(super) fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// Whether this is the DER of a signature of SHA-256 of `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm, &self.spki_der)
            .verify(message, signature)
            .is_ok()
    }
}

/// The curve follows from the DER.
impl PartialEq for EcdsaKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki_der == other.spki_der
    }
}

impl Eq for EcdsaKey {}
