//! Keys and signatures of minisign and signify: lines of comment and of base64. A leaf holds them without the comments.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use blake2::{Blake2b512, Digest};
use treering_attest::{DigestAlgorithm, PublicKey, verify};

use super::base64;
use super::refused::{KeyRefused, RefusedEntry};

/// `format` of a rekord.
pub(super) const FORMAT: &str = "minisign";

/// Algorithm and key id, which stand before a key or a signature.
const HEAD: usize = 2 + 8;
const KEY_LEN: usize = HEAD + 32;
const SIGNATURE_LEN: usize = HEAD + 64;
const GLOBAL_SIGNATURE_LEN: usize = 64;
const COMMENT: &str = "untrusted comment:\n";

/// A key as it was submitted, without its comment.
#[derive(Clone, Debug)]
pub(super) struct Key {
    bytes: Vec<u8>,
    key: PublicKey,
}

fn malformed(expected: &'static str) -> RefusedEntry {
    RefusedEntry::Detached {
        format: FORMAT,
        expected,
    }
}

fn text(bytes: &[u8]) -> Result<&str, RefusedEntry> {
    std::str::from_utf8(bytes).map_err(|_| malformed("text"))
}

fn decode(line: &str, len: usize) -> Option<Vec<u8>> {
    base64::standard(line)
        .ok()
        .filter(|bytes| bytes.len() == len)
}

impl Key {
    /// A line of comment and the key, or the key alone.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, RefusedEntry> {
        let text = text(bytes)?;
        let second = text
            .split_once('\n')
            .and_then(|(_, rest)| decode(rest, KEY_LEN));
        let bytes = second.or_else(|| decode(text, KEY_LEN));
        let bytes = bytes.ok_or_else(|| malformed("a key of 42 bytes in base64"))?;
        let key = PublicKey::from_ed25519(bytes.get(HEAD..).unwrap_or_default());
        let key = key.map_err(|error| RefusedEntry::Key {
            place: "",
            source: KeyRefused::Key(error),
        })?;
        Ok(Self { bytes, key })
    }

    pub(super) fn canonical(&self) -> String {
        STANDARD.encode(&self.bytes)
    }

    /// Verifies a signature over `content`, and gives its canonical form. The trusted comment and the signature over it, which
    /// signify does not have, are dropped, as is any look at key ids.
    pub(super) fn verify(&self, content: &[u8], signature: &[u8]) -> Result<String, RefusedEntry> {
        let signature = parse_signature(text(signature)?)?;
        let (head, bytes) = signature.split_at_checked(HEAD).unwrap_or_default();
        let hashed;
        // "ED" by its specification, "EE" as the recorded upstream takes it.
        let message = if matches!(head.get(1), Some(b'D' | b'E')) {
            hashed = Blake2b512::digest(content);
            &hashed[..]
        } else {
            content
        };
        verify(&self.key, DigestAlgorithm::Sha512, message, bytes)?;
        Ok(COMMENT.to_owned() + &STANDARD.encode(&signature))
    }
}

/// Four lines of minisign, or two of signify.
fn parse_signature(text: &str) -> Result<Vec<u8>, RefusedEntry> {
    let lines: Vec<&str> = text.splitn(4, '\n').collect();
    if let [_, signature, _, global] = lines[..]
        && let Some(signature) = decode(signature, SIGNATURE_LEN)
        && decode(global, GLOBAL_SIGNATURE_LEN).is_some()
    {
        return Ok(signature);
    }
    let lines: Vec<&str> = text.trim_end_matches('\n').splitn(3, '\n').collect();
    let [_, signature] = lines[..] else {
        return Err(malformed("a signature of two or four lines"));
    };
    decode(signature, SIGNATURE_LEN).ok_or_else(|| malformed("a signature of 74 bytes in base64"))
}
