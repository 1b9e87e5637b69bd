//! Keys in a root of TUF: `ed25519`, `ecdsa` as PEM or as the bare point of older roots, `rsa` for RSASSA-PSS.

use rsa::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pss, RsaPublicKey, sha2};
use serde_json::Value;
use treering_attest::{DigestAlgorithm, KeyAlgorithm, PublicKey, RsaSizes, verify};

use super::pem;
use super::refused::RefusedEntry;
use super::tuf_metadata::{list, malformed, member, text};

/// A key that can verify.
#[derive(Clone, Debug)]
pub(super) struct Key(PublicKey);

impl Key {
    /// The scheme and the digests of its id are not looked at, as upstream.
    pub(super) fn parse(json: &Value) -> Result<Self, RefusedEntry> {
        text(json, "scheme")?;
        if !list(json, "keyid_hash_algorithms")?
            .iter()
            .all(Value::is_string)
        {
            return Err(malformed("texts in their places"));
        }
        let value = text(member(json, "keyval")?, "public")?;
        let (key, expected) = match text(json, "keytype")? {
            "ed25519" => (
                bare(value, 32).and_then(|key| PublicKey::from_ed25519(&key).ok()),
                "an ed25519 key of 32 bytes in hexadecimal digits",
            ),
            "ecdsa" | "ecdsa-sha2-nistp256" => (
                spki(value).or_else(|| PublicKey::from_ec_point(&bare(value, 65)?).ok()),
                "an ecdsa key in pem or a point in hexadecimal digits",
            ),
            "rsa" => (spki(value), "an rsa key in pem"),
            _ => return Err(malformed("keys of type ed25519, ecdsa or rsa")),
        };
        let key = key.ok_or_else(|| malformed(expected))?;
        let fits = match key.algorithm() {
            KeyAlgorithm::Ed25519 => text(json, "keytype")? == "ed25519",
            KeyAlgorithm::Rsa { .. } => text(json, "keytype")? == "rsa",
            _ => text(json, "keytype")?.starts_with("ecdsa"),
        };
        fits.then_some(Self(key))
            .ok_or_else(|| malformed("keys of the type that they say"))
    }

    /// What tells keys apart, whatever they are called.
    pub(super) fn identity(&self) -> &[u8] {
        self.0.spki_der()
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let digest = DigestAlgorithm::Sha256;
        match self.0.algorithm() {
            KeyAlgorithm::Rsa { .. } => {
                verify_pss(&self.0, &digest.of(message), signature).is_some()
            }
            _ => verify(&self.0, digest, message, signature).is_ok(),
        }
    }
}

/// Of PEM the first block counts, as upstream.
fn spki(value: &str) -> Option<PublicKey> {
    let (block, _) = pem::decode(value.as_bytes())?;
    let der = (block.label == "PUBLIC KEY").then_some(block.der)?;
    PublicKey::from_spki_der_with(&der, RsaSizes::Legacy).ok()
}

fn bare(value: &str, len: usize) -> Option<Vec<u8>> {
    hex::decode(value).ok().filter(|key| key.len() == len)
}

/// RSASSA-PSS with a salt as long as the digest, as securesystemslib signs, or as long as fits, as go-tuf does. The library of
/// other signatures has the former alone. Keys of more than 4096 bits verify nothing.
fn verify_pss(key: &PublicKey, digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = RsaPublicKey::from_public_key_der(key.spki_der()).ok()?;
    // RFC 8017 9.1.1: the message is one bit shorter than the modulus, and has two bytes beside digest and salt.
    let encoded = (key.n().bits() - 1).div_ceil(8);
    let longest = encoded.checked_sub(digest.len() + 2)?;
    [digest.len(), longest].into_iter().find_map(|salt| {
        let scheme = Pss::new_with_salt::<sha2::Sha256>(salt);
        key.verify(scheme, digest, signature).ok()
    })
}
