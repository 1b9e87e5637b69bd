//! SHA-256 as RFC 6962 section 2.1 uses it. The only module that knows which library computes it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Why a text or a slice is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The wrong number of bytes.
    #[error("a hash of {found} bytes, expected {expected}")]
    Length {
        /// Always [`Hash::LEN`].
        expected: usize,
        /// What there was.
        found: usize,
    },
    /// Not 64 hexadecimal digits in lower case.
    #[error("a hash that is not lower-case hexadecimal")]
    Hex,
    /// Not base64 of the standard alphabet, padded, with no stray bits.
    #[error("a hash that is not canonical base64")]
    Base64,
}

/// A SHA-256 hash: of a leaf, of a node, or of anything else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The length of a hash in bytes.
    pub const LEN: usize = 32;

    /// These bytes, taken as a hash.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Plain SHA-256 of `data`, with no prefix.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        Self(Sha256::digest(data).into())
    }

    /// The hash of a leaf: SHA-256(0x00 || data), RFC 6962 section 2.1.
    #[must_use]
    pub fn leaf(data: &[u8]) -> Self {
        let mut sha = Sha256::new();
        sha.update([0]);
        sha.update(data);
        Self(sha.finalize().into())
    }

    /// The hash of a node: SHA-256(0x01 || left || right), RFC 6962 section 2.1.
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        let mut message = [0u8; 65];
        message[0] = 1;
        message[1..33].copy_from_slice(&left.0);
        message[33..].copy_from_slice(&right.0);
        Self::of(&message)
    }

    /// The root of the tree of no leaves: SHA-256 of nothing.
    #[must_use]
    pub fn empty_root() -> Self {
        Self::of(&[])
    }

    /// Reads 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// If the text is anything else.
    pub fn from_hex(text: &str) -> Result<Self, HashError> {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(HashError::Hex);
        }
        let bytes = hex::decode(text).map_err(|_| HashError::Hex)?;
        Self::try_from(bytes.as_slice())
    }

    /// The hash as 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        // Every receipt prints a dozen hashes, and `hex::encode` collects them character by character.
        let mut digits = vec![0; 2 * Self::LEN];
        hex::encode_to_slice(self.0, &mut digits).expect("two digits for each byte");
        String::from_utf8(digits).expect("hexadecimal digits are ascii")
    }

    /// Reads 44 characters of canonical standard base64.
    ///
    /// # Errors
    /// If the text is anything else.
    pub fn from_base64(text: &str) -> Result<Self, HashError> {
        let bytes = STANDARD.decode(text).map_err(|_| HashError::Base64)?;
        Self::try_from(bytes.as_slice())
    }

    /// The hash as 44 characters of standard base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = HashError;

    fn try_from(bytes: &[u8]) -> Result<Self, HashError> {
        let found = bytes.len();
        let bytes = bytes.try_into().map_err(|_| HashError::Length {
            expected: Self::LEN,
            found,
        })?;
        Ok(Self(bytes))
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        Self::from_hex(text)
    }
}

/// SHA-256 of bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct Sha256Writer(Sha256);

impl Sha256Writer {
    /// Nothing hashed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hashes some more bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The hash of all that was given.
    #[must_use]
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        assert_eq!(
            Hash::leaf(b"").to_hex(),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            Hash::leaf(b"L123456").to_hex(),
            "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
        );
        assert_eq!(
            Hash::empty_root().to_base64(),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
    }

    #[test]
    fn a_node_is_the_prefixed_concatenation() {
        let (left, right) = (Hash::leaf(b"N123"), Hash::leaf(b"N456"));
        let mut sha = Sha256Writer::new();
        sha.update(&[1]);
        sha.update(left.as_ref());
        sha.update(right.as_ref());
        assert_eq!(Hash::node(&left, &right), sha.finish());
    }

    #[test]
    fn texts_other_than_the_canonical_one_are_refused() {
        let hash = Hash::of(b"x");
        assert_eq!(Hash::from_hex(&hash.to_hex()), Ok(hash));
        assert_eq!(
            Hash::from_hex(&hash.to_hex().to_uppercase()),
            Err(HashError::Hex)
        );
        assert_eq!(
            Hash::from_hex("00"),
            Err(HashError::Length {
                expected: 32,
                found: 1
            })
        );
        let base64 = hash.to_base64();
        assert_eq!(Hash::from_base64(&base64), Ok(hash));
        assert_eq!(
            Hash::from_base64(base64.trim_end_matches('=')),
            Err(HashError::Base64)
        );
        assert_eq!(
            Hash::from_base64(&format!("{base64}\n")),
            Err(HashError::Base64)
        );
        // The last digit before the padding carries two bits that must be zero.
        assert_eq!(
            Hash::from_base64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV="),
            Err(HashError::Base64)
        );
        // The URL-safe alphabet is not the standard one.
        assert_eq!(
            Hash::from_base64("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="),
            Err(HashError::Base64)
        );
    }
}
