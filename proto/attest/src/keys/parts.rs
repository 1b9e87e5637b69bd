//! Keys out of the numbers that other formats hold.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1,
};
use const_oid::db::rfc8410::ID_ED_25519;
use der::Encode;
use der::asn1::{AnyRef, BitStringRef, UintRef};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::parse::RsaPublicKey;
use super::{KeyError, PublicKey, RsaSizes};

impl PublicKey {
    /// An Ed25519 key of its 32 bytes.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::of_parts(ID_ED_25519, None, bytes)
    }

    /// An ECDSA key of its uncompressed point, whose length tells the curve.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_ec_point(point: &[u8]) -> Result<Self, KeyError> {
        let curve = match point.len() {
            65 => SECP_256_R_1,
            97 => SECP_384_R_1,
            133 => SECP_521_R_1,
            _ => {
                return Err(KeyError::Value {
                    algorithm: "ecdsa",
                    found: "a point of another length",
                });
            }
        };
        Self::of_parts(ID_EC_PUBLIC_KEY, Some(AnyRef::from(&curve)), point)
    }

    /// An RSA key of its modulus and exponent, both big-endian, of any size that [`RsaSizes::Legacy`] takes.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let key = RsaPublicKey {
            modulus: UintRef::new(modulus).map_err(refused)?,
            public_exponent: UintRef::new(exponent).map_err(refused)?,
        };
        let bytes = key.to_der().map_err(refused)?;
        Self::of_parts(RSA_ENCRYPTION, Some(AnyRef::NULL), &bytes)
    }

    fn of_parts(
        oid: ObjectIdentifier,
        parameters: Option<AnyRef<'_>>,
        bits: &[u8],
    ) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef { oid, parameters },
            subject_public_key: BitStringRef::from_bytes(bits).map_err(refused)?,
        };
        let der = spki.to_der().map_err(refused)?;
        Self::from_spki_der_with(&der, RsaSizes::Legacy)
    }
}

fn refused(error: der::Error) -> KeyError {
    KeyError::Spki {
        found: error.to_string(),
    }
}
