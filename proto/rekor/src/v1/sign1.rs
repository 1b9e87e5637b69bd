//! `COSE_Sign1` messages (RFC 9052 4.2) as Rekor v1 takes them: tagged, with their payload, by ES256 or PS256.

use std::collections::BTreeSet;

use treering_attest::{DigestAlgorithm, KeyAlgorithm, PublicKey, verify, verify_pss};

use super::cbor::{Label, Reader, push_bytes};
use super::refused::RefusedEntry;

/// Parameters of one header; real ones have five.
const MAX_PARAMETERS: u64 = 256;
/// Tag 18, and an array of four.
const PREFIX: [u8; 2] = [0xd2, 0x84];
/// The start of what is signed: an array of four, the first its context.
const SIGNED: &[u8] = b"\x84\x6aSignature1";
/// Bytes of an ES256 signature; DER is none.
const ES256_LEN: usize = 64;

const ALG: Label<'_> = Label::Int(1);
const CRIT: Label<'_> = Label::Int(2);
const CONTENT_TYPE: Label<'_> = Label::Int(3);
const ES256: Label<'_> = Label::Int(-7);
const PS256: Label<'_> = Label::Int(-37);

/// A message in its parts.
#[derive(Debug)]
pub(super) struct Message<'a> {
    protected: &'a [u8],
    header: Header<'a>,
    pub(super) payload: &'a [u8],
    signature: &'a [u8],
}

/// What is read of a protected header.
#[derive(Debug, Default)]
struct Header<'a> {
    algorithm: Option<Label<'a>>,
    content_type: Option<Label<'a>>,
}

fn malformed(expected: &'static str) -> RefusedEntry {
    RefusedEntry::Cose { expected }
}

impl<'a> Message<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, RefusedEntry> {
        let parts = bytes.strip_prefix(&PREFIX);
        let mut reader = Reader::new(parts.ok_or_else(|| malformed("tag 18 before four parts"))?);
        let protected = reader
            .bytes()
            .ok_or_else(|| malformed("a protected header"))?;
        let header = Header::of_bytes(protected)?;
        Header::read(&mut reader)
            .ok_or_else(|| malformed("an unprotected header that is a map of labels"))?;
        let payload = reader
            .bytes()
            .ok_or_else(|| malformed("its payload inside"))?;
        let signature = reader.bytes().filter(|bytes| !bytes.is_empty());
        let signature = signature.ok_or_else(|| malformed("a signature"))?;
        if !reader.is_finished() {
            return Err(malformed("nothing behind the signature"));
        }
        Ok(Self {
            protected,
            header,
            payload,
            signature,
        })
    }

    /// The type of the payload, if it is a text.
    pub(super) fn content_type(&self) -> Option<&'a str> {
        match self.header.content_type {
            Some(Label::Text(text)) => Some(text),
            Some(Label::Int(_)) | None => None,
        }
    }

    /// Verifies the signature, over additional data, too. The header must name the algorithm that goes with the key, unless there
    /// is additional data, which may.
    pub(super) fn verify(&self, key: &PublicKey, aad: &[u8]) -> Result<(), RefusedEntry> {
        let expected = match key.algorithm() {
            KeyAlgorithm::EcdsaP256 => ES256,
            KeyAlgorithm::Rsa { .. } => PS256,
            found => return Err(RefusedEntry::CoseKey { found }),
        };
        match self.header.algorithm {
            Some(found) if found == expected => {}
            None if !aad.is_empty() => {}
            Some(_) | None => {
                return Err(malformed(
                    "the algorithm of the key in its protected header",
                ));
            }
        }
        let mut message = SIGNED.to_vec();
        for part in [self.protected, aad, self.payload] {
            push_bytes(&mut message, part);
        }
        let digest = DigestAlgorithm::Sha256;
        if expected == PS256 {
            return Ok(verify_pss(key, digest, &message, self.signature)?);
        }
        if self.signature.len() != ES256_LEN {
            return Err(malformed("an es256 signature of 64 bytes"));
        }
        Ok(verify(key, digest, &message, self.signature)?)
    }
}

impl<'a> Header<'a> {
    /// Of no bytes, or of a map.
    fn of_bytes(bytes: &'a [u8]) -> Result<Self, RefusedEntry> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(bytes);
        let header = Self::read(&mut reader).filter(|_| reader.is_finished());
        header.ok_or_else(|| malformed("a protected header that is a map of labels"))
    }

    /// Every label once, and of the critical ones each.
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let pairs = reader.map().filter(|&pairs| pairs <= MAX_PARAMETERS)?;
        let (mut header, mut seen, mut critical) = (Self::default(), BTreeSet::new(), Vec::new());
        for _ in 0..pairs {
            let label = reader.label()?;
            match label {
                ALG => header.algorithm = Some(reader.label()?),
                CONTENT_TYPE => header.content_type = Some(reader.label()?),
                CRIT => {
                    let labels = reader
                        .array()
                        .filter(|&len| (1..=MAX_PARAMETERS).contains(&len))?;
                    critical = (0..labels).map(|_| reader.label()).collect::<Option<_>>()?;
                }
                _ => reader.skip()?,
            }
            if !seen.insert(label) {
                return None;
            }
        }
        critical
            .iter()
            .all(|label| seen.contains(label))
            .then_some(header)
    }
}
