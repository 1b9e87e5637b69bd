//! Keys of submitters: making them, reading them, and signing DSSE envelopes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::KeypairBytes;
use pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde::Serialize;
use treering_api::log::Dialect;
use treering_tlog::Hash;
use zeroize::Zeroizing;

/// The payload type of in-toto statements.
pub const IN_TOTO_TYPE: &str = "application/vnd.in-toto+json";

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// Not a private key of a kind that signs here. Says nothing of its content.
    #[error(
        "expected an unencrypted ECDSA P-256 or Ed25519 private key in PKCS#8 PEM (BEGIN PRIVATE KEY), found {found}"
    )]
    Key {
        /// What it seems to be.
        found: String,
    },
    /// The log's dialect has no form for this kind of signature.
    #[error(
        "expected an ECDSA P-256 key for a log of dialect {dialect}, which holds no pure Ed25519 signatures, found an Ed25519 key; \
         give another --key, or a log of dialect {other} by --log"
    )]
    Dialect {
        /// The log's dialect.
        dialect: Dialect,
        /// The dialect that could.
        other: Dialect,
    },
    /// The system's source of randomness failed, or an encoding of the key.
    #[error("cannot make a key: {detail}")]
    Generate {
        /// What failed.
        detail: String,
    },
}

/// The kinds of keys that [`SigningKey::generate`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// Pure Ed25519.
    Ed25519,
}

/// A submitter's private key. It is wiped from memory when dropped.
pub struct SigningKey(Inner);

enum Inner {
    EcdsaP256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl SigningKey {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    /// [`SignError::Generate`].
    pub fn generate(kind: KeyType) -> Result<Self, SignError> {
        let failed = |detail: String| SignError::Generate { detail };
        let mut seed = Zeroizing::new([0_u8; 32]);
        loop {
            getrandom::fill(seed.as_mut_slice()).map_err(|e| failed(e.to_string()))?;
            match kind {
                KeyType::Ed25519 => {
                    return Ok(Self(Inner::Ed25519(ed25519_dalek::SigningKey::from_bytes(
                        &seed,
                    ))));
                }
                // A number outside the curve's order is drawn once in 2^32 times: draw again.
                KeyType::EcdsaP256 => {
                    if let Ok(key) = p256::ecdsa::SigningKey::from_slice(seed.as_slice()) {
                        return Ok(Self(Inner::EcdsaP256(key)));
                    }
                }
            }
        }
    }

    /// Reads unencrypted PKCS#8 in PEM.
    ///
    /// # Errors
    /// [`SignError::Key`].
    pub fn from_pem(pem: &str) -> Result<Self, SignError> {
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self(Inner::EcdsaP256(key)));
        }
        if let Ok(key) = ed25519_dalek::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self(Inner::Ed25519(key)));
        }
        let label = pem
            .lines()
            .find_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
        let found = match label {
            Some("PRIVATE KEY") => "a private key of another kind".to_owned(),
            Some(label) => format!("PEM of {}", label.chars().take(40).collect::<String>()),
            None => "no PEM".to_owned(),
        };
        Err(SignError::Key { found })
    }

    /// The key as unencrypted PKCS#8 in PEM.
    ///
    /// # Errors
    /// [`SignError::Generate`].
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SignError> {
        let pem = match &self.0 {
            Inner::EcdsaP256(key) => key.to_pkcs8_pem(LineEnding::LF),
            // Without the public key (PKCS#8 version 1): OpenSSL 3.0 reads no version 2.
            Inner::Ed25519(key) => KeypairBytes {
                secret_key: key.to_bytes(),
                public_key: None,
            }
            .to_pkcs8_pem(LineEnding::LF),
        };
        pem.map_err(|e| SignError::Generate {
            detail: e.to_string(),
        })
    }

    /// The public key as a SubjectPublicKeyInfo in PEM.
    ///
    /// # Errors
    /// [`SignError::Generate`].
    pub fn public_pem(&self) -> Result<String, SignError> {
        let pem = match &self.0 {
            Inner::EcdsaP256(key) => key
                .verifying_key()
                .to_public_key_pem(LineEnding::LF)
                .map_err(|e| e.to_string()),
            Inner::Ed25519(key) => key
                .verifying_key()
                .to_public_key_pem(LineEnding::LF)
                .map_err(|e| e.to_string()),
        };
        pem.map_err(|detail| SignError::Generate { detail })
    }

    /// SHA-256 of the public key's SubjectPublicKeyInfo: its name everywhere in Treering.
    ///
    /// # Errors
    /// [`SignError::Generate`].
    pub fn fingerprint(&self) -> Result<Hash, SignError> {
        let der = match &self.0 {
            Inner::EcdsaP256(key) => key
                .verifying_key()
                .to_public_key_der()
                .map_err(|e| e.to_string()),
            Inner::Ed25519(key) => key
                .verifying_key()
                .to_public_key_der()
                .map_err(|e| e.to_string()),
        };
        der.map(|der| Hash::of(der.as_bytes()))
            .map_err(|detail| SignError::Generate { detail })
    }

    /// Refuses a log that cannot hold this key's signatures.
    ///
    /// # Errors
    /// [`SignError::Dialect`].
    pub fn fits(&self, dialect: Dialect) -> Result<(), SignError> {
        match (&self.0, dialect) {
            (Inner::Ed25519(_), Dialect::RekorV2) => Err(SignError::Dialect {
                dialect,
                other: Dialect::RekorV1,
            }),
            (Inner::Ed25519(_), Dialect::RekorV1) | (Inner::EcdsaP256(_), _) => Ok(()),
        }
    }

    /// Wraps a payload in a DSSE envelope with this key's signature; the key id is the [`fingerprint`](Self::fingerprint).
    ///
    /// # Errors
    /// [`SignError::Generate`].
    pub fn envelope(&self, payload_type: &str, payload: &[u8]) -> Result<Vec<u8>, SignError> {
        let message = treering_attest::pae(payload_type, payload);
        let sig = match &self.0 {
            Inner::EcdsaP256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(&message);
                signature.to_der().as_bytes().to_vec()
            }
            Inner::Ed25519(key) => key.sign(&message).to_bytes().to_vec(),
        };
        let signature = SignatureJson {
            keyid: self.fingerprint()?.to_hex(),
            sig: STANDARD.encode(sig),
        };
        let envelope = EnvelopeJson {
            payload_type,
            payload: STANDARD.encode(payload),
            signatures: [signature],
        };
        serde_json::to_vec(&envelope).map_err(|e| SignError::Generate {
            detail: e.to_string(),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeJson<'a> {
    payload_type: &'a str,
    payload: String,
    signatures: [SignatureJson; 1],
}

#[derive(Serialize)]
struct SignatureJson {
    keyid: String,
    sig: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use treering_attest::{DigestAlgorithm, Envelope, PublicKey, verify};

    #[test]
    fn envelopes_verify_with_the_public_key_in_pem() {
        for kind in [KeyType::EcdsaP256, KeyType::Ed25519] {
            let key = SigningKey::generate(kind).unwrap();
            let read = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
            let bytes = read.envelope(IN_TOTO_TYPE, b"{\"payload\":1}").unwrap();
            let envelope = Envelope::parse(&bytes).unwrap();
            assert_eq!(envelope.payload().unwrap(), b"{\"payload\":1}");
            let public = PublicKey::from_pem_or_der(key.public_pem().unwrap().as_bytes()).unwrap();
            let [signature] = envelope.signatures() else {
                panic!("{:?}", envelope.signatures())
            };
            assert_eq!(signature.keyid, hex::encode(public.fingerprint()));
            verify(
                &public,
                DigestAlgorithm::Sha256,
                &envelope.pae(),
                &signature.sig,
            )
            .unwrap();
            assert!(verify(&public, DigestAlgorithm::Sha256, b"other", &signature.sig).is_err());
        }
    }

    #[test]
    fn a_key_is_written_as_pkcs8_of_version_1() {
        use pkcs8::{PrivateKeyInfoRef, SecretDocument};

        for kind in [KeyType::EcdsaP256, KeyType::Ed25519] {
            let key = SigningKey::generate(kind).unwrap();
            let pem = key.to_pem().unwrap();
            let (label, der) = SecretDocument::from_pem(&pem).unwrap();
            assert_eq!(label, "PRIVATE KEY");
            let info = PrivateKeyInfoRef::try_from(der.as_bytes()).unwrap();
            assert!(info.public_key.is_none(), "{kind:?}");
            let read = SigningKey::from_pem(&pem).unwrap();
            assert_eq!(read.fingerprint().unwrap(), key.fingerprint().unwrap());
        }
    }

    #[test]
    fn only_ecdsa_goes_into_a_log_of_rekor_v2() {
        let (ecdsa, eddsa) = (KeyType::EcdsaP256, KeyType::Ed25519);
        for (kind, dialect, fits) in [
            (ecdsa, Dialect::RekorV1, true),
            (ecdsa, Dialect::RekorV2, true),
            (eddsa, Dialect::RekorV1, true),
            (eddsa, Dialect::RekorV2, false),
        ] {
            assert_eq!(
                SigningKey::generate(kind).unwrap().fits(dialect).is_ok(),
                fits,
                "{kind:?} {dialect}"
            );
        }
    }

    #[test]
    fn errors_name_the_label_and_never_the_key() {
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        for (pem, found) in [
            (encrypted, "PEM of ENCRYPTED PRIVATE KEY"),
            (
                "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
                "PEM of EC PRIVATE KEY",
            ),
            ("secret", "no PEM"),
        ] {
            let error = SigningKey::from_pem(pem).err().unwrap().to_string();
            assert!(
                error.ends_with(found) && !error.contains("secret") && !error.contains("AAAA"),
                "{error}"
            );
        }
    }
}
