//! The protojson of a bundle.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;

use super::{
    BundleContent, BundleVersion, MessageSignature, SigstoreBundle, TlogEntry, TlogProof,
    VerificationMaterial,
};
use crate::base64::{self, Base64Error};
use crate::digest::DigestAlgorithm;
use crate::limits::{
    MAX_CHAIN, MAX_KEY, MAX_PROOF_HASHES, MAX_SIGNATURE, MAX_TIMESTAMPS, MAX_TLOG_ENTRIES,
};

/// Why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not JSON, not an object of this shape, a member there twice, or something behind it.
    #[error("expected a sigstore bundle, found {found}")]
    Json {
        /// What the parser says, with line and column.
        found: String,
    },
    /// A media type of another version, or of something else.
    #[error("expected a sigstore bundle of version 0.1, 0.2 or 0.3, found media type {found:?}")]
    MediaType {
        /// The media type, shortened.
        found: String,
    },
    /// A member that must be there.
    #[error("expected {member}, found none")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// Several members of which one only may be there.
    #[error("expected one of {members}, found {found}")]
    OneOf {
        /// Their names.
        members: &'static str,
        /// How many are there.
        found: usize,
    },
    /// More of something than [`crate::limits`] allows.
    #[error("expected at most {max} {part}, found {found}")]
    Limit {
        /// Which part.
        part: &'static str,
        /// At most.
        max: usize,
        /// Found.
        found: usize,
    },
    /// A part of more bytes than [`crate::limits`] allows.
    #[error("{part}: expected at most {max} bytes, found {found}")]
    TooLong {
        /// Which part.
        part: &'static str,
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
    /// A digest algorithm that is not taken.
    #[error("expected a message digest of SHA2_256, SHA2_384 or SHA2_512, found {found}")]
    Digest {
        /// Its name, shortened.
        found: String,
    },
}

type Result<T> = std::result::Result<T, BundleError>;

pub(super) fn parse(bytes: &[u8]) -> Result<SigstoreBundle<'_>> {
    let json: BundleJson<'_> =
        crate::json::parse(bytes).map_err(|found| BundleError::Json { found })?;
    let material = json.verification_material.ok_or(BundleError::Missing {
        member: "verificationMaterial",
    })?;
    let timestamps = material
        .timestamp_verification_data
        .map_or_else(Vec::new, |data| data.rfc3161_timestamps);
    limit("rfc 3161 timestamps", timestamps.len(), MAX_TIMESTAMPS)?;
    limit(
        "tlog entries",
        material.tlog_entries.len(),
        MAX_TLOG_ENTRIES,
    )?;
    Ok(SigstoreBundle {
        version: version(&json.media_type)?,
        timestamps: timestamps
            .iter()
            .map(|t| bytes_of("signedTimestamp", &t.signed_timestamp, MAX_KEY))
            .collect::<Result<_>>()?,
        tlog_entries: material
            .tlog_entries
            .into_iter()
            .map(tlog_entry)
            .collect::<Result<_>>()?,
        material: verification_material(
            material.certificate,
            material.x509_certificate_chain,
            material.public_key,
        )?,
        content: content(json.dsse_envelope, json.message_signature)?,
    })
}

fn version(media_type: &str) -> Result<BundleVersion> {
    match media_type {
        "application/vnd.dev.sigstore.bundle+json;version=0.1" => Ok(BundleVersion::V0_1),
        "application/vnd.dev.sigstore.bundle+json;version=0.2" => Ok(BundleVersion::V0_2),
        "application/vnd.dev.sigstore.bundle+json;version=0.3"
        | "application/vnd.dev.sigstore.bundle.v0.3+json" => Ok(BundleVersion::V0_3),
        other => Err(BundleError::MediaType {
            found: other.chars().take(128).collect(),
        }),
    }
}

fn verification_material(
    certificate: Option<RawBytes<'_>>,
    chain: Option<ChainJson<'_>>,
    key: Option<KeyHintJson>,
) -> Result<VerificationMaterial> {
    let members = "certificate, x509CertificateChain and publicKey";
    match (certificate, chain, key) {
        (Some(certificate), None, None) => {
            Ok(VerificationMaterial::Certificates(vec![der(&certificate)?]))
        }
        (None, Some(chain), None) => {
            limit(
                "certificates in a chain",
                chain.certificates.len(),
                MAX_CHAIN,
            )?;
            if chain.certificates.is_empty() {
                return Err(BundleError::Missing {
                    member: "a certificate in x509CertificateChain",
                });
            }
            chain
                .certificates
                .iter()
                .map(der)
                .collect::<Result<_>>()
                .map(VerificationMaterial::Certificates)
        }
        (None, None, Some(key)) => Ok(VerificationMaterial::PublicKeyHint(key.hint)),
        (a, b, c) => {
            let found = [a.is_some(), b.is_some(), c.is_some()]
                .into_iter()
                .filter(|there| *there)
                .count();
            Err(BundleError::OneOf { members, found })
        }
    }
}

fn content<'a>(
    dsse: Option<&'a RawValue>,
    message: Option<MessageJson<'_>>,
) -> Result<BundleContent<'a>> {
    match (dsse.filter(|raw| raw.get() != "null"), message) {
        (Some(raw), None) => Ok(BundleContent::Dsse(raw)),
        (None, Some(message)) => Ok(BundleContent::Message(message_signature(message)?)),
        (a, b) => {
            let found = usize::from(a.is_some()) + usize::from(b.is_some());
            Err(BundleError::OneOf {
                members: "dsseEnvelope and messageSignature",
                found,
            })
        }
    }
}

fn message_signature(json: MessageJson<'_>) -> Result<MessageSignature> {
    let digest = match json.message_digest {
        None => None,
        Some(digest) => {
            let algorithm =
                DigestAlgorithm::from_sigstore_name(&digest.algorithm).ok_or_else(|| {
                    BundleError::Digest {
                        found: digest.algorithm.chars().take(64).collect(),
                    }
                })?;
            Some((
                algorithm,
                bytes_of("messageDigest.digest", &digest.digest, 64)?,
            ))
        }
    };
    let signature = bytes_of("messageSignature.signature", &json.signature, MAX_SIGNATURE)?;
    if signature.is_empty() {
        return Err(BundleError::Missing {
            member: "messageSignature.signature",
        });
    }
    Ok(MessageSignature { digest, signature })
}

fn tlog_entry(json: TlogEntryJson<'_>) -> Result<TlogEntry> {
    let kind = json.kind_version.ok_or(BundleError::Missing {
        member: "kindVersion",
    })?;
    let log_id = json
        .log_id
        .ok_or(BundleError::Missing { member: "logId" })?;
    Ok(TlogEntry {
        log_index: json.log_index.0,
        log_id: bytes_of("logId.keyId", &log_id.key_id, 64)?,
        kind: kind.kind.into_owned(),
        version: kind.version.into_owned(),
        integrated_time: Some(json.integrated_time.0).filter(|&time| time != 0),
        signed_entry_timestamp: json
            .inclusion_promise
            .map(|promise| {
                bytes_of(
                    "signedEntryTimestamp",
                    &promise.signed_entry_timestamp,
                    MAX_SIGNATURE,
                )
            })
            .transpose()?,
        inclusion_proof: json.inclusion_proof.map(tlog_proof).transpose()?,
        canonicalized_body: json.canonicalized_body.map_or(Ok(Vec::new()), |text| {
            base64::decode(&text).map_err(|e| base64_error("canonicalizedBody", e))
        })?,
    })
}

fn tlog_proof(json: ProofJson<'_>) -> Result<TlogProof> {
    limit(
        "hashes in an inclusion proof",
        json.hashes.len(),
        MAX_PROOF_HASHES,
    )?;
    Ok(TlogProof {
        log_index: json.log_index.0,
        root_hash: bytes_of("rootHash", &json.root_hash, 64)?,
        tree_size: json.tree_size.0,
        hashes: json
            .hashes
            .iter()
            .map(|hash| bytes_of("hashes", hash, 64))
            .collect::<Result<_>>()?,
        checkpoint: json
            .checkpoint
            .map_or_else(String::new, |checkpoint| checkpoint.envelope),
    })
}

fn der(raw: &RawBytes<'_>) -> Result<Vec<u8>> {
    let der = bytes_of("rawBytes", &raw.raw_bytes, MAX_KEY)?;
    if der.is_empty() {
        Err(BundleError::Missing { member: "rawBytes" })
    } else {
        Ok(der)
    }
}

fn bytes_of(part: &'static str, text: &str, max: usize) -> Result<Vec<u8>> {
    let found = base64::decoded_len(text);
    if found > max {
        return Err(BundleError::TooLong { part, max, found });
    }
    base64::decode(text).map_err(|source| base64_error(part, source))
}

fn base64_error(part: &'static str, source: Base64Error) -> BundleError {
    BundleError::Base64 { part, source }
}

fn limit(part: &'static str, found: usize, max: usize) -> Result<()> {
    if found > max {
        Err(BundleError::Limit { part, max, found })
    } else {
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleJson<'a> {
    #[serde(borrow, alias = "media_type", default)]
    media_type: Cow<'a, str>,
    #[serde(borrow, alias = "verification_material")]
    verification_material: Option<MaterialJson<'a>>,
    #[serde(borrow, alias = "dsse_envelope")]
    dsse_envelope: Option<&'a RawValue>,
    #[serde(borrow, alias = "message_signature")]
    message_signature: Option<MessageJson<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MaterialJson<'a> {
    #[serde(borrow)]
    certificate: Option<RawBytes<'a>>,
    #[serde(
        borrow,
        rename = "x509CertificateChain",
        alias = "x509_certificate_chain"
    )]
    x509_certificate_chain: Option<ChainJson<'a>>,
    #[serde(alias = "public_key")]
    public_key: Option<KeyHintJson>,
    #[serde(borrow, alias = "tlog_entries", default)]
    tlog_entries: Vec<TlogEntryJson<'a>>,
    #[serde(borrow, alias = "timestamp_verification_data")]
    timestamp_verification_data: Option<TimestampsJson<'a>>,
}

#[derive(Deserialize)]
struct RawBytes<'a> {
    #[serde(borrow, rename = "rawBytes", alias = "raw_bytes", default)]
    raw_bytes: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ChainJson<'a> {
    #[serde(borrow, default)]
    certificates: Vec<RawBytes<'a>>,
}

#[derive(Deserialize)]
struct KeyHintJson {
    #[serde(default)]
    hint: String,
}

#[derive(Deserialize)]
struct TimestampsJson<'a> {
    #[serde(
        borrow,
        rename = "rfc3161Timestamps",
        alias = "rfc3161_timestamps",
        default
    )]
    rfc3161_timestamps: Vec<TimestampJson<'a>>,
}

#[derive(Deserialize)]
struct TimestampJson<'a> {
    #[serde(
        borrow,
        rename = "signedTimestamp",
        alias = "signed_timestamp",
        default
    )]
    signed_timestamp: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageJson<'a> {
    #[serde(borrow, alias = "message_digest")]
    message_digest: Option<DigestJson<'a>>,
    #[serde(borrow, default)]
    signature: Cow<'a, str>,
}

#[derive(Deserialize)]
struct DigestJson<'a> {
    #[serde(borrow, default)]
    algorithm: Cow<'a, str>,
    #[serde(borrow, default)]
    digest: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TlogEntryJson<'a> {
    #[serde(alias = "log_index", default)]
    log_index: Int64,
    #[serde(borrow, alias = "log_id")]
    log_id: Option<LogIdJson<'a>>,
    #[serde(borrow, alias = "kind_version")]
    kind_version: Option<KindJson<'a>>,
    #[serde(alias = "integrated_time", default)]
    integrated_time: Int64,
    #[serde(borrow, alias = "inclusion_promise")]
    inclusion_promise: Option<PromiseJson<'a>>,
    #[serde(borrow, alias = "inclusion_proof")]
    inclusion_proof: Option<ProofJson<'a>>,
    #[serde(borrow, alias = "canonicalized_body")]
    canonicalized_body: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct LogIdJson<'a> {
    #[serde(borrow, rename = "keyId", alias = "key_id", default)]
    key_id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct KindJson<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    version: Cow<'a, str>,
}

#[derive(Deserialize)]
struct PromiseJson<'a> {
    #[serde(
        borrow,
        rename = "signedEntryTimestamp",
        alias = "signed_entry_timestamp",
        default
    )]
    signed_entry_timestamp: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofJson<'a> {
    #[serde(alias = "log_index", default)]
    log_index: Int64,
    #[serde(borrow, alias = "root_hash", default)]
    root_hash: Cow<'a, str>,
    #[serde(alias = "tree_size", default)]
    tree_size: Int64,
    #[serde(borrow, default)]
    hashes: Vec<Cow<'a, str>>,
    checkpoint: Option<CheckpointJson>,
}

#[derive(Deserialize)]
struct CheckpointJson {
    #[serde(default)]
    envelope: String,
}

/// An `int64` that may not be negative, as protojson writes it: a decimal string; it reads numbers, too.
#[derive(Default)]
struct Int64(u64);

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Int64Visitor).map(Self)
    }
}

struct Int64Visitor;

impl Visitor<'_> for Int64Visitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer from 0 to 2^63-1, as a decimal string or a number")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> std::result::Result<u64, E> {
        if i64::try_from(number).is_ok() {
            Ok(number)
        } else {
            Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<u64, E> {
        let canonical =
            text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        match text
            .parse::<i64>()
            .ok()
            .filter(|_| canonical)
            .and_then(|number| u64::try_from(number).ok())
        {
            Some(number) => Ok(number),
            None => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}
