//! DSSE envelopes as Rekor v1 reads them: a string of JSON whose member names match in any case, base64 with Go's leniencies.

use std::borrow::Cow;

use treering_attest::digest::Digester;
use treering_attest::limits::MAX_SIGNATURES;
use treering_attest::{DigestAlgorithm, KeyAlgorithm, PublicKey, pae, verify, verify_digest};

use super::base64::{self, Alphabet, IllegalBase64};
use super::json::{self, List, Object, Text, object};
use super::refused::RefusedEntry;

/// Combinations of a signature and a key that are tried for one entry. A P-521 verification, the slowest, takes 0.4 ms, so this
/// bounds an entry to a tenth of a second.
pub const MAX_ATTEMPTS: usize = 256;

/// An envelope; of its parts only the JSON types have been looked at.
pub(super) struct Envelope<'a> {
    pub(super) payload_type: Cow<'a, str>,
    /// Base64 of either alphabet.
    pub(super) payload: Cow<'a, str>,
    /// One at least.
    pub(super) signatures: Vec<Signature<'a>>,
}

/// A signature as it was written.
pub(super) struct Signature<'a> {
    pub(super) sig: Cow<'a, str>,
}

object! {
    EnvelopeJson<'a> FoldedOnce {
        "payloadType" => payload_type: Text<'a>,
        "payload" => payload: Text<'a>,
        "signatures" => signatures: List<Object<SignatureJson<'a>>, { MAX_SIGNATURES + 1 }>,
    }
}

object! {
    SignatureJson<'a> FoldedOnce { "keyid" => keyid: Text<'a>, "sig" => sig: Text<'a>, }
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, RefusedEntry> {
        Self::read(text).map_err(|found| RefusedEntry::EnvelopeJson { found })
    }

    fn read(text: &'a str) -> Result<Self, String> {
        let json = json::whole::<Object<EnvelopeJson<'a>>>(text)?
            .strict("Envelope")?
            .unwrap_or_default();
        let signatures = match json.signatures {
            List::Absent => Vec::new(),
            List::Of { items, len } if len <= MAX_SIGNATURES => items,
            List::Of { len, .. } => {
                return Err(format!(
                    "{len} signatures, expected at most {MAX_SIGNATURES}"
                ));
            }
            List::Other(found) => {
                return Err(json::wrong_type(found, "Envelope.signatures", "array"));
            }
        };
        Ok(Self {
            payload_type: json
                .payload_type
                .strict("Envelope.payloadType")?
                .unwrap_or_default(),
            payload: json.payload.strict("Envelope.payload")?.unwrap_or_default(),
            signatures: signatures
                .into_iter()
                .map(Signature::read)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The payload, decoded.
    pub(super) fn payload(&self) -> Result<Vec<u8>, IllegalBase64> {
        base64::either(&self.payload)
    }

    /// Decodes and hashes what the signatures are made over.
    pub(super) fn prepare(&self) -> Result<Prepared<'_, 'a>, RefusedEntry> {
        if self.signatures.is_empty() {
            return Err(RefusedEntry::NoSignatures);
        }
        let (pae_digest, payload_digest) = self.digests()?;
        let signatures = self
            .signatures
            .iter()
            .map(|signature| base64::either(&signature.sig))
            .collect::<Result<_, _>>()
            .map_err(|source| illegal("sig", source))?;
        Ok(Prepared {
            envelope: self,
            pae_digest,
            payload_digest,
            signatures,
            pae: None,
            attempts: 0,
        })
    }

    fn digests(&self) -> Result<(Vec<u8>, Vec<u8>), RefusedEntry> {
        self.digests_in(Alphabet::Standard)
            .or_else(|error| self.digests_in(Alphabet::UrlSafe).map_err(|_| error))
            .map_err(|source| illegal("payload", source))
    }

    /// Of the pre-authentication encoding and of the payload, in one pass.
    fn digests_in(&self, alphabet: Alphabet) -> Result<(Vec<u8>, Vec<u8>), IllegalBase64> {
        let mut pae = Digester::new(DigestAlgorithm::Sha256);
        let mut payload = Digester::new(DigestAlgorithm::Sha256);
        let payload_type = &self.payload_type;
        let header = format!(
            "DSSEv1 {} {payload_type} {} ",
            payload_type.len(),
            decoded_len(&self.payload)
        );
        pae.update(header.as_bytes());
        base64::chunks(&self.payload, alphabet, |piece| {
            pae.update(piece);
            payload.update(piece);
        })?;
        Ok((pae.finish(), payload.finish()))
    }
}

impl<'a> Signature<'a> {
    fn read(json: Object<SignatureJson<'a>>) -> Result<Self, String> {
        let json = json.strict("Envelope.signatures")?.unwrap_or_default();
        // A hint that nothing is done with, but that must be a text.
        json.keyid.strict("Signature.keyid")?;
        Ok(Self {
            sig: json.sig.strict("Signature.sig")?.unwrap_or_default(),
        })
    }
}

/// Bytes of what a text decodes to, if it does.
fn decoded_len(text: &str) -> usize {
    let line_ends = text.bytes().filter(|b| matches!(b, b'\n' | b'\r')).count();
    let padding = text
        .bytes()
        .rev()
        .filter(|b| !matches!(b, b'\n' | b'\r'))
        .take_while(|&b| b == b'=')
        .count();
    ((text.len() - line_ends) / 4 * 3).saturating_sub(padding)
}

fn illegal(part: &'static str, source: IllegalBase64) -> RefusedEntry {
    RefusedEntry::EnvelopeBase64 { part, source }
}

/// An envelope whose signatures can be tried with keys.
pub(super) struct Prepared<'e, 'a> {
    envelope: &'e Envelope<'a>,
    pae_digest: Vec<u8>,
    payload_digest: Vec<u8>,
    signatures: Vec<Vec<u8>>,
    pae: Option<Vec<u8>>,
    attempts: usize,
}

impl Prepared<'_, '_> {
    /// SHA-256 of the decoded payload in hexadecimal.
    pub(super) fn payload_hash(&self) -> String {
        hex::encode(&self.payload_digest)
    }

    /// The first signature that a key verifies. Others by the same key do not count, as upstream counts each key once.
    pub(super) fn accept(&mut self, key: &PublicKey) -> Result<Option<usize>, RefusedEntry> {
        for index in 0..self.signatures.len() {
            self.attempts += 1;
            if self.attempts > MAX_ATTEMPTS {
                return Err(RefusedEntry::TooManyAttempts { max: MAX_ATTEMPTS });
            }
            if self.verifies(index, key) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn verifies(&mut self, index: usize, key: &PublicKey) -> bool {
        let Some(signature) = self.signatures.get(index) else {
            return false;
        };
        const SHA256: DigestAlgorithm = DigestAlgorithm::Sha256;
        if key.algorithm() != KeyAlgorithm::Ed25519 {
            return verify_digest(key, SHA256, &self.pae_digest, signature).is_ok();
        }
        let envelope = self.envelope;
        let pae = self.pae.get_or_insert_with(|| {
            let payload = envelope.payload().unwrap_or_default();
            pae(&envelope.payload_type, &payload)
        });
        verify(key, SHA256, pae, signature).is_ok()
    }
}
