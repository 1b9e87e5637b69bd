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

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys made, and "text\n" signed over SHA-256, by `OpenSSL` 3.
    const SIGNED: [(&str, &str); 3] = [
        (
            "3059301306072a8648ce3d020106082a8648ce3d030107034200046e7705b13b79012b0835b070c3\
             d97e4371a2782bc27ec3cf3dad9ada1038323dc5207200377358ab1f0b27f97b1b8f4ef3d0de962d\
             6d31f2af8aa942898da3b8",
            "3046022100ea0c66f33532df9baf994b1dae62b9edf6f0eee97e8b456710e1cbea43940814022100\
             ba2705ea8b5cdb4efa06c4e0bf1e63439e6ed7f9d8fce31960124d0e0cc03169",
        ),
        (
            "3076301006072a8648ce3d020106052b810400220362000437c8f2b010b753e7ee154649fdd394aa\
             19fc084afe0b1d6cd9b624fc3cca6878cfe27afae2eb44dbc934c3cee6245b4b839aee13a31469a6\
             e10ac0c4b03f71e5e2c477b1c7b5bbcd4db11910a08ae4df005416f7cb9525a76ff11157f79f8b58",
            "306402305129cc0c8433fbf5e3f9a3fc4ba3dca8f683a74ab2ad5673921597fe2af8fe5dbd7012b4\
             6c46a8ffbd26951a627af2f802307a64907d521de4529d74d93f829d7bc702e5d97c6f89fcc81fc4\
             476342cce498ff4dd425457f98159edfdcdb05560e3d",
        ),
        (
            "30819b301006072a8648ce3d020106052b81040023038186000401376e776c878a4e5259520c0453\
             06b31942d734699dca725b860422ab3a2dff3cda15574ff3909499799ee1045308c3766e1eb05d6f\
             0da97f23b6683c96c97fd8f3001926d2c8bb3699b49937ee3bf58dd1bcb29fc72e54cb6e35734e6a\
             5740334a704ab99bb32c39117e49c76d35db7152710934dcc4a7a2c2166be9f6ca165161549f",
            "308187024201a0ab1de354184381f55712a3e9545ae28b34b99f7413e7750eb209e118f17346b047\
             14a18e0e9990f4609f6b7ee566c99b6e6064e3d519ee7fc23f3000b18881d402414300cab4fd34b3\
             00937806c94cc990c2ef5567310d11e6b8afb921bf14cd6c5f823b4ec1b23ebb2c84f6c9bd526c68\
             3d1b545ee321b0e1b84562f6ef180ae0542b",
        ),
    ];

    fn decoded() -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        SIGNED
            .iter()
            .map(|(key, signature)| (hex::decode(key).unwrap(), hex::decode(signature).unwrap()))
    }

    #[test]
    fn all_three_curves_verify_over_sha256() {
        for (spki, signature) in decoded() {
            let key = EcdsaKey::parse(&spki).unwrap();
            assert_eq!(key.spki_der(), spki);
            assert!(key.verifies(b"text\n", &signature));
            assert!(!key.verifies(b"text", &signature));
            assert!(!key.verifies(b"text\n", &[signature.as_slice(), &[0]].concat()));
            assert!(!key.verifies(b"text\n", &[]));
        }
    }

    #[test]
    fn other_keys_are_refused() {
        for (spki, _) in decoded() {
            assert_eq!(EcdsaKey::parse(&[spki.as_slice(), &[0]].concat()), None);
            assert_eq!(EcdsaKey::parse(spki.split_last().unwrap().1), None);
            // No point of the curve has these coordinates.
            let mut off_curve = spki.clone();
            off_curve
                .iter_mut()
                .rev()
                .take(64)
                .for_each(|byte| *byte = 0xff);
            assert_eq!(EcdsaKey::parse(&off_curve), None);
        }
        assert_eq!(EcdsaKey::parse(&[]), None);
    }
}
