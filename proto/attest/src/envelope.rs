//! DSSE envelopes (secure-systems-lab/dsse), and the certificates that the witness dialect adds to a signature.

use std::borrow::Cow;

use serde::Deserialize;

use crate::base64::{self, Alphabet, Base64Error};
use crate::digest::{DigestAlgorithm, Digester};
use crate::limits::{
    MAX_CHAIN, MAX_KEY, MAX_KEYID, MAX_PAYLOAD_TYPE, MAX_SIGNATURE, MAX_SIGNATURES, MAX_TIMESTAMPS,
};

/// Why bytes are no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON, not an object of this shape, a member missing or there twice, or something behind it.
    #[error("expected a dsse envelope, found {found}")]
    Json {
        /// What the parser says, with line and column.
        found: String,
    },
    /// A part that is longer or more numerous than [`crate::limits`] allows.
    #[error("expected {min} to {max} {part}, found {found}")]
    Limit {
        /// Which part.
        part: &'static str,
        /// At least.
        min: usize,
        /// At most.
        max: usize,
        /// Found.
        found: usize,
    },
    /// A part that is not base64.
    #[error("{part}: {source}")]
    Base64 {
        /// Which part.
        part: &'static str,
        /// What is wrong.
        source: Base64Error,
    },
}

/// An envelope, borrowed from the bytes that arrived. Its payload is base64, both alphabets, and stays encoded until asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<'a> {
    payload_type: Cow<'a, str>,
    payload: Cow<'a, str>,
    alphabet: Alphabet,
    signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// An unauthenticated hint at the key; may be empty, and never decides anything.
    pub keyid: String,
    /// The signature's bytes.
    pub sig: Vec<u8>,
    /// The signer's certificate, as PEM: `certificate` in base64 (witness dialect) or `cert` as it is (SLSA's GitHub generator).
    pub certificate: Option<Vec<u8>>,
    /// The certificates between it and a root, as PEM (witness dialect).
    pub intermediates: Vec<Vec<u8>>,
    /// RFC 3161 tokens over the signature, in DER (witness dialect: `timestamps` of type `tsp`).
    pub timestamps: Vec<Vec<u8>>,
}

impl<'a> Envelope<'a> {
    /// Parses an envelope and checks that its payload is base64. Members that DSSE does not define are ignored.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let json: EnvelopeJson<'a> =
            crate::json::parse(bytes).map_err(|found| EnvelopeError::Json { found })?;
        within(
            "bytes of payload type",
            json.payload_type.len(),
            0,
            MAX_PAYLOAD_TYPE,
        )?;
        within("signatures", json.signatures.len(), 1, MAX_SIGNATURES)?;
        let alphabet = base64::check(&json.payload).map_err(|source| EnvelopeError::Base64 {
            part: "payload",
            source,
        })?;
        let signatures = json
            .signatures
            .into_iter()
            .map(EnvelopeSignature::try_from)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            payload_type: json.payload_type,
            payload: json.payload,
            alphabet,
            signatures,
        })
    }

    /// The media type of the payload.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload, decoded.
    ///
    /// # Errors
    /// [`EnvelopeError::Base64`], which [`parse`](Self::parse) has ruled out.
    pub fn payload(&self) -> Result<Vec<u8>, EnvelopeError> {
        base64::decode(&self.payload).map_err(|source| EnvelopeError::Base64 {
            part: "payload",
            source,
        })
    }

    /// Bytes of the decoded payload.
    pub fn payload_len(&self) -> usize {
        base64::decoded_len(&self.payload)
    }

    /// The signatures: one at least.
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }

    /// The pre-authentication encoding: what the signatures are made over. See [`pae_digest`](Self::pae_digest) for large payloads.
    pub fn pae(&self) -> Vec<u8> {
        let mut out = pae_header(&self.payload_type, self.payload_len());
        out.reserve_exact(self.payload_len());
        self.feed(|piece| out.extend_from_slice(piece));
        out
    }

    /// The digest of the pre-authentication encoding, computed while decoding, without a copy of the payload.
    pub fn pae_digest(&self, algorithm: DigestAlgorithm) -> Vec<u8> {
        let mut digester = Digester::new(algorithm);
        digester.update(&pae_header(&self.payload_type, self.payload_len()));
        self.feed(|piece| digester.update(piece));
        digester.finish()
    }

    /// The digest of the decoded payload alone, as Rekor v1's `payloadHash` has it.
    pub fn payload_digest(&self, algorithm: DigestAlgorithm) -> Vec<u8> {
        let mut digester = Digester::new(algorithm);
        self.feed(|piece| digester.update(piece));
        digester.finish()
    }

    fn feed(&self, take: impl FnMut(&[u8])) {
        base64::decode_chunks(&self.payload, self.alphabet, take)
            .expect("parse has decoded the same text before");
    }
}

/// The pre-authentication encoding of DSSE v1: `"DSSEv1" SP len(type) SP type SP len(payload) SP payload`.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = pae_header(payload_type, payload.len());
    out.extend_from_slice(payload);
    out
}

fn pae_header(payload_type: &str, payload_len: usize) -> Vec<u8> {
    format!(
        "DSSEv1 {} {payload_type} {payload_len} ",
        payload_type.len()
    )
    .into_bytes()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeJson<'a> {
    #[serde(borrow)]
    payload_type: Cow<'a, str>,
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(borrow)]
    signatures: Vec<SignatureJson<'a>>,
}

#[derive(Deserialize)]
struct SignatureJson<'a> {
    keyid: Option<String>,
    #[serde(borrow)]
    sig: Cow<'a, str>,
    #[serde(borrow)]
    certificate: Option<Cow<'a, str>>,
    cert: Option<String>,
    #[serde(borrow)]
    intermediates: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    timestamps: Option<Vec<TimestampJson<'a>>>,
}

#[derive(Deserialize)]
struct TimestampJson<'a> {
    #[serde(borrow, rename = "type", default)]
    type_: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Cow<'a, str>,
}

impl TryFrom<SignatureJson<'_>> for EnvelopeSignature {
    type Error = EnvelopeError;

    fn try_from(json: SignatureJson<'_>) -> Result<Self, EnvelopeError> {
        let keyid = json.keyid.unwrap_or_default();
        within("bytes of keyid", keyid.len(), 0, MAX_KEYID)?;
        let intermediates = json.intermediates.unwrap_or_default();
        within("intermediates", intermediates.len(), 0, MAX_CHAIN)?;
        let timestamps = json.timestamps.unwrap_or_default();
        within("timestamps", timestamps.len(), 0, MAX_TIMESTAMPS)?;
        Ok(Self {
            keyid,
            sig: bytes("bytes of signature", &json.sig, MAX_SIGNATURE)?,
            certificate: certificate(json.certificate, json.cert)?,
            intermediates: intermediates
                .iter()
                .map(|text| bytes("bytes of intermediate", text, MAX_KEY))
                .collect::<Result<_, _>>()?,
            timestamps: timestamps
                .iter()
                .filter(|timestamp| timestamp.type_ == "tsp")
                .map(|timestamp| bytes("bytes of timestamp", &timestamp.data, MAX_KEY))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Of the two dialects' members; an empty one counts as absent.
fn certificate(
    base64_pem: Option<Cow<'_, str>>,
    pem: Option<String>,
) -> Result<Option<Vec<u8>>, EnvelopeError> {
    let part = "bytes of certificate";
    if let Some(text) = base64_pem.filter(|text| !text.is_empty()) {
        return bytes(part, &text, MAX_KEY).map(Some);
    }
    let Some(pem) = pem.filter(|pem| !pem.is_empty()) else {
        return Ok(None);
    };
    within(part, pem.len(), 1, MAX_KEY)?;
    Ok(Some(pem.into_bytes()))
}

fn bytes(part: &'static str, text: &str, max: usize) -> Result<Vec<u8>, EnvelopeError> {
    within(part, base64::decoded_len(text), 0, max)?;
    let bytes = base64::decode(text).map_err(|source| EnvelopeError::Base64 { part, source })?;
    within(part, bytes.len(), 1, max)?;
    Ok(bytes)
}

fn within(part: &'static str, found: usize, min: usize, max: usize) -> Result<(), EnvelopeError> {
    if (min..=max).contains(&found) {
        Ok(())
    } else {
        Err(EnvelopeError::Limit {
            part,
            min,
            max,
            found,
        })
    }
}
