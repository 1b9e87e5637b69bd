//! The names that other systems give a key, as digests, and the key ids that may stand for one.
//!
//! | digest of | written as | by |
//! |---|---|---|
//! | SubjectPublicKeyInfo | hex, or base64 with or without padding | Treering; cosign's `hint`, slsa-verifier |
//! | OpenSSH's form of the key | `SHA256:` and base64 without padding | Tekton Chains, go-securesystemslib, npm |
//! | PEM text | hex | witness |
//! | key object as canonical JSON | hex | TUF, classic in-toto |

use ::base64::Engine as _;
use ::base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use der::Decode as _;
use spki::SubjectPublicKeyInfoRef;

use super::parse::RsaPublicKey;
use super::{KeyAlgorithm, PublicKey};
use crate::digest::DigestAlgorithm;

/// The 32 bytes that a key id may stand for.
pub type KeyDigest = [u8; 32];

/// What OpenSSH puts before a fingerprint.
const OPENSSH: &str = "SHA256:";

/// A key's digests under which other systems know it: 32 bytes each, and a key id is one of them as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyAliases {
    /// SHA-256 of the SubjectPublicKeyInfo: [`PublicKey::fingerprint`].
    pub spki: KeyDigest,
    /// SHA-256 of the key as OpenSSH sends it (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4).
    pub ssh: KeyDigest,
    /// SHA-256 of the SubjectPublicKeyInfo as PEM: lines of 64 characters, each with a line feed behind it.
    pub pem: KeyDigest,
    /// SHA-256 of TUF's key object as canonical JSON, with the schemes that securesystemslib gives the algorithms, and with
    /// `keyid_hash_algorithms`, as classic in-toto and the keys of most roots have it.
    pub tuf: KeyDigest,
}

impl KeyAliases {
    /// Of a key.
    pub fn of(key: &PublicKey) -> Self {
        let pem = pem_text(key.spki_der());
        Self {
            spki: key.fingerprint(),
            ssh: sha256(&ssh_wire(key)),
            tuf: sha256(tuf_object(key, &pem).as_bytes()),
            pem: sha256(pem.as_bytes()),
        }
    }

    /// All of them.
    pub const fn digests(&self) -> [KeyDigest; 4] {
        [self.spki, self.ssh, self.pem, self.tuf]
    }

    /// Whether the key goes by that digest.
    pub fn contains(&self, digest: &KeyDigest) -> bool {
        self.digests().contains(digest)
    }

    /// The digest that a key id stands for, if it is one of these forms: 64 hexadecimal digits of either case, or the base64 of
    /// 32 bytes (standard alphabet, with or without padding), which may stand behind `SHA256:`. Anything else is free text.
    pub fn parse_key_id(text: &str) -> Option<KeyDigest> {
        if let Some(base64) = text.strip_prefix(OPENSSH) {
            return from_base64(base64);
        }
        if text.len() == 64 {
            return hex::decode(text).ok()?.try_into().ok();
        }
        from_base64(text)
    }
}

fn from_base64(text: &str) -> Option<KeyDigest> {
    let bytes = match text.len() {
        43 => STANDARD_NO_PAD.decode(text).ok()?,
        44 => STANDARD.decode(text).ok()?,
        _ => return None,
    };
    bytes.try_into().ok()
}

fn sha256(bytes: &[u8]) -> KeyDigest {
    let mut digest = [0; 32];
    digest.copy_from_slice(&DigestAlgorithm::Sha256.of(bytes));
    digest
}

fn pem_text(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = String::with_capacity(base64.len() + base64.len() / 64 + 64);
    text.push_str("-----BEGIN PUBLIC KEY-----\n");
    let mut rest = base64.as_str();
    while let Some((line, behind)) = rest.split_at_checked(64) {
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    if !rest.is_empty() {
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str("-----END PUBLIC KEY-----\n");
    text
}

/// The bits of the SubjectPublicKeyInfo: a point, an Ed25519 key, an RSA key in DER.
fn key_bits(key: &PublicKey) -> Vec<u8> {
    let spki = SubjectPublicKeyInfoRef::from_der(key.spki_der());
    let bits = spki.map(|spki| spki.subject_public_key.raw_bytes().to_vec());
    bits.expect("a key was parsed out of the same bytes")
}

fn ssh_wire(key: &PublicKey) -> Vec<u8> {
    let bits = key_bits(key);
    let mut wire = Vec::with_capacity(bits.len() + 64);
    let curve = match key.algorithm() {
        KeyAlgorithm::Ed25519 => {
            push_string(&mut wire, b"ssh-ed25519");
            push_string(&mut wire, &bits);
            return wire;
        }
        KeyAlgorithm::Rsa { .. } => {
            let rsa = RsaPublicKey::from_der(&bits).expect("it was parsed as one before");
            push_string(&mut wire, b"ssh-rsa");
            push_mpint(&mut wire, rsa.public_exponent.as_bytes());
            push_mpint(&mut wire, rsa.modulus.as_bytes());
            return wire;
        }
        KeyAlgorithm::EcdsaP256 => "nistp256",
        KeyAlgorithm::EcdsaP384 => "nistp384",
        KeyAlgorithm::EcdsaP521 => "nistp521",
    };
    push_string(&mut wire, format!("ecdsa-sha2-{curve}").as_bytes());
    push_string(&mut wire, curve.as_bytes());
    push_string(&mut wire, &bits);
    wire
}

/// RFC 4251 5, `string`.
fn push_string(wire: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).expect("a key is below 64 KiB");
    wire.extend_from_slice(&len.to_be_bytes());
    wire.extend_from_slice(bytes);
}

/// RFC 4251 5, `mpint` of a number above zero without leading zeros.
fn push_mpint(wire: &mut Vec<u8>, big_endian: &[u8]) {
    if big_endian.first().is_some_and(|&byte| byte >= 0x80) {
        push_string(wire, &[&[0], big_endian].concat());
    } else {
        push_string(wire, big_endian);
    }
}

/// Canonical JSON as securesystemslib writes it: members in order, and of a string's characters only `\` and `"` escaped, of which
/// a PEM text and hex digits have none.
fn tuf_object(key: &PublicKey, pem: &str) -> String {
    let (keytype, scheme, public) = match key.algorithm() {
        KeyAlgorithm::Ed25519 => ("ed25519", "ed25519", hex::encode(key_bits(key))),
        KeyAlgorithm::Rsa { .. } => ("rsa", "rsassa-pss-sha256", pem.to_owned()),
        KeyAlgorithm::EcdsaP256 => ("ecdsa", "ecdsa-sha2-nistp256", pem.to_owned()),
        KeyAlgorithm::EcdsaP384 => ("ecdsa", "ecdsa-sha2-nistp384", pem.to_owned()),
        KeyAlgorithm::EcdsaP521 => ("ecdsa", "ecdsa-sha2-nistp521", pem.to_owned()),
    };
    format!(
        r#"{{"keyid_hash_algorithms":["sha256","sha512"],"keytype":"{keytype}","keyval":{{"public":"{public}"}},"scheme":"{scheme}"}}"#
    )
}
