//! The members of a bundle as protojson has them: both spellings, nothing twice, unknown ones ignored.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BundleJson<'a> {
    #[serde(borrow, alias = "media_type", default)]
    pub(super) media_type: Cow<'a, str>,
    #[serde(borrow, alias = "verification_material")]
    pub(super) verification_material: Option<MaterialJson<'a>>,
    #[serde(borrow, alias = "dsse_envelope")]
    pub(super) dsse_envelope: Option<&'a RawValue>,
    #[serde(borrow, alias = "message_signature")]
    pub(super) message_signature: Option<MessageJson<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MaterialJson<'a> {
    #[serde(borrow)]
    pub(super) certificate: Option<RawBytes<'a>>,
    #[serde(
        borrow,
        rename = "x509CertificateChain",
        alias = "x509_certificate_chain"
    )]
    pub(super) x509_certificate_chain: Option<ChainJson<'a>>,
    #[serde(alias = "public_key")]
    pub(super) public_key: Option<KeyHintJson>,
    #[serde(borrow, alias = "tlog_entries", default)]
    pub(super) tlog_entries: Vec<TlogEntryJson<'a>>,
    #[serde(borrow, alias = "timestamp_verification_data")]
    pub(super) timestamp_verification_data: Option<TimestampsJson<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawBytes<'a> {
    #[serde(borrow, rename = "rawBytes", alias = "raw_bytes", default)]
    pub(super) raw_bytes: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct ChainJson<'a> {
    #[serde(borrow, default)]
    pub(super) certificates: Vec<RawBytes<'a>>,
}

#[derive(Deserialize)]
pub(super) struct KeyHintJson {
    #[serde(default)]
    pub(super) hint: String,
}

#[derive(Deserialize)]
pub(super) struct TimestampsJson<'a> {
    #[serde(
        borrow,
        rename = "rfc3161Timestamps",
        alias = "rfc3161_timestamps",
        default
    )]
    pub(super) rfc3161_timestamps: Vec<TimestampJson<'a>>,
}

#[derive(Deserialize)]
pub(super) struct TimestampJson<'a> {
    #[serde(
        borrow,
        rename = "signedTimestamp",
        alias = "signed_timestamp",
        default
    )]
    pub(super) signed_timestamp: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageJson<'a> {
    #[serde(borrow, alias = "message_digest")]
    pub(super) message_digest: Option<DigestJson<'a>>,
    #[serde(borrow, default)]
    pub(super) signature: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct DigestJson<'a> {
    #[serde(borrow, default)]
    pub(super) algorithm: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) digest: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TlogEntryJson<'a> {
    #[serde(alias = "log_index", default)]
    pub(crate) log_index: Int64,
    #[serde(borrow, alias = "log_id")]
    pub(crate) log_id: Option<LogIdJson<'a>>,
    #[serde(borrow, alias = "kind_version")]
    pub(crate) kind_version: Option<KindJson<'a>>,
    #[serde(alias = "integrated_time", default)]
    pub(crate) integrated_time: Int64,
    #[serde(borrow, alias = "inclusion_promise")]
    pub(crate) inclusion_promise: Option<PromiseJson<'a>>,
    #[serde(borrow, alias = "inclusion_proof")]
    pub(crate) inclusion_proof: Option<ProofJson<'a>>,
    #[serde(borrow, alias = "canonicalized_body")]
    pub(crate) canonicalized_body: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(crate) struct LogIdJson<'a> {
    #[serde(borrow, rename = "keyId", alias = "key_id", default)]
    pub(crate) key_id: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(crate) struct KindJson<'a> {
    #[serde(borrow, default)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) version: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(crate) struct PromiseJson<'a> {
    #[serde(
        borrow,
        rename = "signedEntryTimestamp",
        alias = "signed_entry_timestamp",
        default
    )]
    pub(crate) signed_entry_timestamp: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProofJson<'a> {
    #[serde(alias = "log_index", default)]
    pub(crate) log_index: Int64,
    #[serde(borrow, alias = "root_hash", default)]
    pub(crate) root_hash: Cow<'a, str>,
    #[serde(alias = "tree_size", default)]
    pub(crate) tree_size: Int64,
    #[serde(borrow, default)]
    pub(crate) hashes: Vec<Cow<'a, str>>,
    pub(crate) checkpoint: Option<CheckpointJson>,
}

#[derive(Deserialize)]
pub(crate) struct CheckpointJson {
    #[serde(default)]
    pub(crate) envelope: String,
}

/// An `int64` that may not be negative, as protojson writes it: a decimal string; it reads numbers, too.
#[derive(Default)]
pub(crate) struct Int64(pub(crate) u64);

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Int64Visitor).map(Self)
    }
}

struct Int64Visitor;

impl Visitor<'_> for Int64Visitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer from 0 to 2^63-1, as a decimal string or a number")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        if i64::try_from(number).is_ok() {
            Ok(number)
        } else {
            Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
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
