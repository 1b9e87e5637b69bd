//! The protojson of a request.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserializer, Error as _, IgnoredAny, Visitor};
use serde::{Deserialize, de};

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
    /// A kind of request that is not taken: an attestation is logged as the digest of its PAE.
    #[error("expected a hashedRekordRequestV002, found a {found}")]
    Kind {
        /// The member found.
        found: &'static str,
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
    if bytes.trim_ascii().is_empty() {
        return Err(RequestError::Json {
            found: "an empty body".into(),
        });
    }
    let body: Body =
        treering_attest::json::parse(bytes).map_err(|found| RequestError::Json { found })?;
    match (body.hashed_rekord, body.dsse) {
        (Some(request), None) => request.try_into(),
        (None, None) => Err(RequestError::Missing {
            member: "hashedRekordRequestV002",
        }),
        (_, Some(_)) => Err(RequestError::Kind {
            found: "dsseRequestV002",
        }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(
        rename = "hashedRekordRequestV002",
        alias = "hashed_rekord_request_v002"
    )]
    hashed_rekord: Option<HashedRekord>,
    #[serde(rename = "dsseRequestV002", alias = "dsse_request_v002")]
    dsse: Option<IgnoredAny>,
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
        Ok(Self {
            digest: present(json.digest, "digest")?,
            signature: present(signature.content, "signature.content")?,
            key_details: match verifier.key_details {
                None => {
                    return Err(RequestError::Missing {
                        member: "signature.verifier.keyDetails",
                    });
                }
                Some(EnumJson(details)) => details?,
            },
            verifier: match (verifier.public_key, verifier.certificate) {
                (Some(raw), None) => Verifier::PublicKey(present(
                    raw.raw_bytes,
                    "signature.verifier.publicKey.rawBytes",
                )?),
                (None, Some(raw)) => Verifier::Certificate(present(
                    raw.raw_bytes,
                    "signature.verifier.x509Certificate.rawBytes",
                )?),
                (None, None) => {
                    return Err(RequestError::Missing {
                        member: "signature.verifier.publicKey or .x509Certificate",
                    });
                }
                (Some(_), Some(_)) => return Err(RequestError::Both),
            },
        })
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
