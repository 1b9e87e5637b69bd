//! The protojson of a request.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::create::{CreateEntry, DsseRequest, MAX_VERIFIERS};
use super::hashedrekord::{Request, Verifier};
use super::key_details::{KeyDetails, KeyDetailsError};

/// Why a body is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not JSON of this shape: the message says where.
    #[error("expected a hashedRekordRequestV002, found {found}")]
    Json {
        /// What the parser says, with line and column.
        found: String,
    },
    /// A kind of request that is not taken.
    #[error(
        "expected a hashedRekordRequestV002 (of an attestation: the digest of its DSSE pre-authentication encoding), found a dsseRequestV002"
    )]
    Dsse,
    /// Both kinds of request at once.
    #[error("expected one of hashedRekordRequestV002 and dsseRequestV002, found both")]
    TwoKinds,
    /// More verifiers than the limit.
    #[error("expected at most {MAX_VERIFIERS} verifiers, found {found}")]
    Verifiers {
        /// How many.
        found: usize,
    },
    /// A member that is absent, null or empty.
    #[error("expected {member}, found none")]
    Missing {
        /// Its path.
        member: &'static str,
    },
    /// Both members of a oneof.
    #[error("expected one of publicKey and x509Certificate, found both")]
    Both,
    /// `keyDetails` that the protocol or the allow-list does not have.
    #[error("keyDetails: {0}")]
    KeyDetails(#[from] KeyDetailsError),
}

pub(super) fn parse(bytes: &[u8]) -> Result<Request, RequestError> {
    let body = Body::parse(bytes)?;
    match (body.hashed_rekord, body.dsse) {
        (Some(request), None) => request.try_into(),
        (None, None) => Err(NO_REQUEST),
        (_, Some(_)) => Err(RequestError::Dsse),
    }
}

pub(super) fn parse_create(bytes: &[u8]) -> Result<CreateEntry, RequestError> {
    let body = Body::parse(bytes)?;
    match (body.hashed_rekord, body.dsse) {
        (Some(request), None) => request.try_into().map(CreateEntry::HashedRekord),
        (None, Some(request)) => parse_dsse(request).map(CreateEntry::Dsse),
        (None, None) => Err(NO_REQUEST),
        (Some(_), Some(_)) => Err(RequestError::TwoKinds),
    }
}

const NO_REQUEST: RequestError = RequestError::Missing {
    member: "hashedRekordRequestV002",
};

fn parse_json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, RequestError> {
    treering_attest::json::parse(bytes).map_err(|found| RequestError::Json { found })
}

fn parse_dsse(request: &RawValue) -> Result<DsseRequest, RequestError> {
    let json: Dsse<'_> = parse_json(request.get().as_bytes())?;
    let envelope = json.envelope.ok_or(RequestError::Missing {
        member: "dsseRequestV002.envelope",
    })?;
    let verifiers = json.verifiers.unwrap_or_default();
    match verifiers.len() {
        0 => Err(RequestError::Missing {
            member: "dsseRequestV002.verifiers",
        }),
        found if found > MAX_VERIFIERS => Err(RequestError::Verifiers { found }),
        _ => Ok(DsseRequest {
            envelope: envelope.get().as_bytes().to_vec(),
            verifiers: verifiers
                .into_iter()
                .map(VerifierJson::read)
                .collect::<Result<_, _>>()?,
        }),
    }
}

impl<'a> Body<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, RequestError> {
        if bytes.trim_ascii().is_empty() {
            return Err(RequestError::Json {
                found: "an empty body".into(),
            });
        }
        parse_json(bytes)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(
        rename = "hashedRekordRequestV002",
        alias = "hashed_rekord_request_v002"
    )]
    hashed_rekord: Option<HashedRekord>,
    #[serde(rename = "dsseRequestV002", alias = "dsse_request_v002")]
    #[serde(borrow)]
    dsse: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dsse<'a> {
    #[serde(borrow)]
    envelope: Option<&'a RawValue>,
    verifiers: Option<Vec<VerifierJson>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekord {
    digest: Option<Bytes>,
    signature: Option<SignatureJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureJson {
    content: Option<Bytes>,
    verifier: Option<VerifierJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifierJson {
    #[serde(rename = "publicKey", alias = "public_key")]
    public_key: Option<Raw>,
    #[serde(rename = "x509Certificate", alias = "x509_certificate")]
    certificate: Option<Raw>,
    #[serde(rename = "keyDetails", alias = "key_details")]
    key_details: Option<EnumJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "rawBytes", alias = "raw_bytes")]
    raw_bytes: Option<Bytes>,
}

impl TryFrom<HashedRekord> for Request {
    type Error = RequestError;

    fn try_from(json: HashedRekord) -> Result<Self, RequestError> {
        let signature = json.signature.ok_or(RequestError::Missing {
            member: "signature",
        })?;
        let verifier = signature.verifier.ok_or(RequestError::Missing {
            member: "signature.verifier",
        })?;
        let (verifier, key_details) = verifier.read()?;
        Ok(Self {
            digest: present(json.digest, "digest")?,
            signature: present(signature.content, "signature.content")?,
            verifier,
            key_details,
        })
    }
}

impl VerifierJson {
    fn read(self) -> Result<(Verifier, KeyDetails), RequestError> {
        let key_details = match self.key_details {
            None => {
                return Err(RequestError::Missing {
                    member: "verifier.keyDetails",
                });
            }
            Some(EnumJson(details)) => details?,
        };
        let verifier = match (self.public_key, self.certificate) {
            (Some(raw), None) => {
                Verifier::PublicKey(present(raw.raw_bytes, "verifier.publicKey.rawBytes")?)
            }
            (None, Some(raw)) => {
                Verifier::Certificate(present(raw.raw_bytes, "verifier.x509Certificate.rawBytes")?)
            }
            (None, None) => {
                return Err(RequestError::Missing {
                    member: "verifier.publicKey or .x509Certificate",
                });
            }
            (Some(_), Some(_)) => return Err(RequestError::Both),
        };
        Ok((verifier, key_details))
    }
}

/// Proto3 has no difference between an empty and an absent member.
fn present(bytes: Option<Bytes>, member: &'static str) -> Result<Vec<u8>, RequestError> {
    bytes
        .map(|bytes| bytes.0)
        .filter(|bytes| !bytes.is_empty())
        .ok_or(RequestError::Missing { member })
}

/// `bytes` as protojson reads it: either alphabet, padded or not.
struct Bytes(Vec<u8>);

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CowStr::deserialize(deserializer)?.0;
        let engine = if text.contains(['-', '_']) {
            &URL_SAFE
        } else {
            &STANDARD
        };
        let found = |e: base64::DecodeError| {
            D::Error::custom(format!("expected base64, found {e}").to_lowercase())
        };
        engine.decode(text.as_bytes()).map(Self).map_err(found)
    }
}

#[derive(Deserialize)]
struct CowStr<'a>(#[serde(borrow)] Cow<'a, str>);

/// An enum by name or by number. What it names is judged later, so that the error can say more than a position.
struct EnumJson(Result<KeyDetails, KeyDetailsError>);

impl<'de> Deserialize<'de> for EnumJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EnumVisitor)
    }
}

struct EnumVisitor;

impl Visitor<'_> for EnumVisitor {
    type Value = EnumJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or number of key details")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<EnumJson, E> {
        Ok(EnumJson(KeyDetails::from_name(name)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<EnumJson, E> {
        let number = i32::try_from(number)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))?;
        Ok(EnumJson(KeyDetails::from_number(number)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<EnumJson, E> {
        let number = i32::try_from(number)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))?;
        Ok(EnumJson(KeyDetails::from_number(number)))
    }
}
