//! Verifier keys, and the names that keys go by.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};

use super::ecdsa::EcdsaKey;
use crate::hash::{Hash, Sha256Writer};
use crate::reader::Reader;

/// The longest key name or origin in bytes: cosignatures of type 0x06 have one byte for its length.
pub const MAX_NAME_LEN: usize = 255;
/// The longest vkey line that is read, in bytes: a name, an id, and room for an ML-DSA-87 key.
const MAX_VKEY_LEN: usize = 4096;

const ED25519: u8 = 0x01;
const ECDSA: u8 = 0x02;
const COSIGNATURE_V1: u8 = 0x04;

/// Why a text or some bytes are not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Empty, longer than [`MAX_NAME_LEN`] bytes, or with white space, a control character or a plus.
    #[error("not a key name")]
    Name,
    /// Not a name, eight lower-case hexadecimal digits and canonical base64, joined by pluses.
    #[error("not a verifier key: expected <name>+<8 hexadecimal digits>+<base64>")]
    Malformed,
    /// Not a public key of its type.
    #[error("not a public key of type {kind:#04x}")]
    Material {
        /// The signature type.
        kind: u8,
    },
    /// The id does not follow from the name and the key.
    #[error("key id {found}, expected {expected}")]
    Id {
        /// The id that follows.
        expected: String,
        /// The id in the text.
        found: String,
    },
}

/// The name of a key: not empty, at most 255 bytes, no white space, no control character, no plus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// This name.
    ///
    /// # Errors
    /// If it is not one.
    pub fn new(name: impl Into<String>) -> Result<Self, KeyError> {
        let name = name.into();
        let bad = |c: char| c.is_whitespace() || c < ' ' || c == '+';
        if name.is_empty() || name.len() > MAX_NAME_LEN || name.contains(bad) {
            return Err(KeyError::Name);
        }
        Ok(Self(name))
    }

    /// The name as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for KeyName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        Self::new(name)
    }
}

/// What a key signs, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// 0x01: Ed25519 over the text.
    Ed25519,
    /// 0x02: ECDSA on P-256, P-384 or P-521 over SHA-256 of the text.
    Ecdsa,
    /// 0x04: Ed25519 over the text and the time, as witnesses do.
    CosignatureV1,
    /// Another type: kept, and never verified with.
    Unknown,
}

/// The public key of a log or a witness, under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: [u8; 4],
    full_id: Hash,
    key: Key,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Ed25519(VerifyingKey),
    Ecdsa(EcdsaKey),
    CosignatureV1(VerifyingKey),
    Unknown { kind: u8, material: Vec<u8> },
}

impl VerifierKey {
    /// An Ed25519 key, type 0x01.
    ///
    /// # Errors
    /// If the bytes are not a point of the curve.
    pub fn ed25519(name: KeyName, key: [u8; 32]) -> Result<Self, KeyError> {
        Self::new(name, Key::parse(ED25519, &key)?)
    }

    /// An ECDSA key, type 0x02, from the DER of its `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// If it is not the DER of an uncompressed point of P-256, P-384 or P-521.
    pub fn ecdsa(name: KeyName, spki_der: &[u8]) -> Result<Self, KeyError> {
        Self::new(name, Key::parse(ECDSA, spki_der)?)
    }

    /// A witness's Ed25519 key, type 0x04.
    ///
    /// # Errors
    /// If the bytes are not a point of the curve.
    pub fn cosignature_v1(name: KeyName, key: [u8; 32]) -> Result<Self, KeyError> {
        Self::new(name, Key::parse(COSIGNATURE_V1, &key)?)
    }

    fn new(name: KeyName, key: Key) -> Result<Self, KeyError> {
        let full_id = key.full_id(&name);
        let id = Reader::new(full_id.as_ref())
            .array()
            .ok_or(KeyError::Malformed)?;
        Ok(Self {
            name,
            id,
            full_id,
            key,
        })
    }

    /// Reads a vkey: `<name>+<id>+<base64 of type and key>`.
    ///
    /// Of a key of an unknown type the id is taken as it stands, because each type may have its own rule.
    ///
    /// # Errors
    /// If it is not exactly what [`Display`](fmt::Display) writes for some key.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        if vkey.len() > MAX_VKEY_LEN {
            return Err(KeyError::Malformed);
        }
        // Base64 may have pluses, names not: the first two are the separators.
        let (name, rest) = vkey.split_once('+').ok_or(KeyError::Malformed)?;
        let (found, base64) = rest.split_once('+').ok_or(KeyError::Malformed)?;
        let name = KeyName::new(name)?;
        let mut id = [0; 4];
        if found.bytes().any(|b| b.is_ascii_uppercase())
            || hex::decode_to_slice(found, &mut id).is_err()
        {
            return Err(KeyError::Malformed);
        }
        let bytes = STANDARD.decode(base64).map_err(|_| KeyError::Malformed)?;
        let mut reader = Reader::new(&bytes);
        let kind = reader.u8().ok_or(KeyError::Malformed)?;
        let mut key = Self::new(name, Key::parse(kind, reader.rest())?)?;
        if key.kind() == KeyKind::Unknown {
            key.id = id;
        } else if key.id != id {
            return Err(KeyError::Id {
                expected: hex::encode(key.id),
                found: found.to_owned(),
            });
        }
        Ok(key)
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id that stands in signature lines.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The hash that [`Self::id`] is the beginning of; Rekor v2's `log_id`. Of a key of an unknown type
    /// it is the hash that the recommended rule yields, which that type need not follow.
    #[must_use]
    pub fn full_id(&self) -> [u8; 32] {
        *self.full_id.as_bytes()
    }

    /// Takes the id of another key, as only a collision of their hashes could.
    #[cfg(test)]
    pub(super) fn collide_with(&mut self, other: &Self) {
        self.id = other.id;
    }

    /// What the key signs.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self.key {
            Key::Ed25519(_) => KeyKind::Ed25519,
            Key::Ecdsa(_) => KeyKind::Ecdsa,
            Key::CosignatureV1(_) => KeyKind::CosignatureV1,
            Key::Unknown { .. } => KeyKind::Unknown,
        }
    }

    /// The public key without its type: 32 bytes of Ed25519, or the DER of a `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn material(&self) -> &[u8] {
        self.key.material()
    }

    /// Checks what follows the key id in a signature line over `text`. `None` if it is wrong; else the
    /// time of a cosignature, if it is one.
    pub(crate) fn check(&self, text: &str, body: &[u8]) -> Option<Option<u64>> {
        match &self.key {
            Key::Ed25519(key) => {
                let signature = Signature::from_slice(body).ok()?;
                key.verify_strict(text.as_bytes(), &signature)
                    .ok()
                    .map(|()| None)
            }
            Key::Ecdsa(key) => key.verifies(text.as_bytes(), body).then_some(None),
            Key::CosignatureV1(key) => crate::cosignature::check(key, text, body).map(Some),
            Key::Unknown { .. } => None,
        }
    }
}

/// The vkey.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.key.kind()], self.key.material()].concat();
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex::encode(self.id),
            STANDARD.encode(bytes)
        )
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(vkey: &str) -> Result<Self, KeyError> {
        Self::parse(vkey)
    }
}

impl Key {
    fn parse(kind: u8, material: &[u8]) -> Result<Self, KeyError> {
        let point = || {
            let bytes = material.try_into().ok()?;
            // Strict verification refuses every signature of a weak key; better to refuse the key.
            VerifyingKey::from_bytes(bytes)
                .ok()
                .filter(|key| !key.is_weak())
        };
        let key = match kind {
            ED25519 => point().map(Self::Ed25519),
            ECDSA => EcdsaKey::parse(material).map(Self::Ecdsa),
            COSIGNATURE_V1 => point().map(Self::CosignatureV1),
            _ => Some(Self::Unknown {
                kind,
                material: material.to_vec(),
            }),
        };
        key.ok_or(KeyError::Material { kind })
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Ed25519(_) => ED25519,
            Self::Ecdsa(_) => ECDSA,
            Self::CosignatureV1(_) => COSIGNATURE_V1,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    fn material(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) | Self::CosignatureV1(key) => key.as_bytes(),
            Self::Ecdsa(key) => key.spki_der(),
            Self::Unknown { material, .. } => material,
        }
    }

    /// c2sp.org/signed-note, "Signatures": of ECDSA keys the hash of the key alone, for the sake of those
    /// that were in use before the rule; of all others name, LF, type and key.
    fn full_id(&self, name: &KeyName) -> Hash {
        if let Self::Ecdsa(key) = self {
            return Hash::of(key.spki_der());
        }
        let mut sha = Sha256Writer::new();
        sha.update(name.as_str().as_bytes());
        sha.update(&[b'\n', self.kind()]);
        sha.update(self.material());
        sha.finish()
    }
}
