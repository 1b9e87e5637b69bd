//! Cosign's signatures over images: a payload in Red Hat's "simple signing" form, signed as it is. Read from the lines that
//! `cosign download signature` writes, from the two parts of an OCI layer, or as a bare payload, which nobody signed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ItemError, base64};
use super::item::{Content, Item, ItemSignature, Kind};
use crate::bundle::TlogEntry;
use crate::json;
use crate::limits::{MAX_CHAIN, MAX_CONTAINER, MAX_KEY, MAX_SIGNATURE};

const DOWNLOADED: &str = "a cosign signature with its payload";

pub(super) fn item(bytes: &[u8]) -> Result<Item<'_>, ItemError> {
    let json: SignedJson<'_> = json::parse(bytes).map_err(ItemError::shape(DOWNLOADED))?;
    let payload = base64("Payload", &json.payload, MAX_CONTAINER)?;
    check(&payload)?;
    let chain = json.chain.unwrap_or_default();
    let certificates = json.cert.into_iter().chain(chain);
    let token = json.timestamp.map(|stamp| stamp.signed);
    let log_entries = json.bundle.map(log_entry).transpose()?;
    let signature = ItemSignature {
        signature: signature(&json.signature)?,
        hint: String::new(),
        certificates: certificates
            .map(|certificate| base64("Cert", &certificate.raw, MAX_KEY))
            .collect::<Result<_, _>>()?,
        timestamps: token
            .map(|text| base64("RFC3161Timestamp", &text, MAX_KEY))
            .transpose()?
            .into_iter()
            .collect(),
    };
    ItemError::within("certificates", signature.certificates.len(), 0, MAX_CHAIN)?;
    let content = Content::SimpleSigning(Cow::Owned(payload));
    Ok(Item {
        signatures: vec![signature],
        log_entries: log_entries.into_iter().collect(),
        ..Item::new(Kind::SimpleSigning, bytes, content)
    })
}

/// A payload by itself.
pub(super) fn payload(bytes: &[u8]) -> Result<Item<'_>, ItemError> {
    check(bytes)?;
    let content = Content::SimpleSigning(Cow::Borrowed(bytes));
    Ok(Item::new(Kind::SimpleSigning, bytes, content))
}

pub(super) fn from_parts<'a>(
    bytes: &'a [u8],
    text: &str,
    certificates: Vec<Vec<u8>>,
) -> Result<Item<'a>, ItemError> {
    ItemError::within("bytes of payload", bytes.len(), 1, MAX_CONTAINER)?;
    ItemError::within("certificates", certificates.len(), 0, MAX_CHAIN)?;
    let longest = certificates.iter().map(Vec::len).max().unwrap_or(0);
    ItemError::within("bytes of certificate", longest, 0, MAX_KEY)?;
    let signature = ItemSignature {
        signature: signature(text)?,
        certificates,
        ..ItemSignature::default()
    };
    let item = payload(bytes)?;
    Ok(Item {
        signatures: vec![signature],
        ..item
    })
}

fn signature(text: &str) -> Result<Vec<u8>, ItemError> {
    let signature = base64("Base64Signature", text, MAX_SIGNATURE)?;
    ItemError::within("bytes of signature", signature.len(), 1, MAX_SIGNATURE)?;
    Ok(signature)
}

fn check(payload: &[u8]) -> Result<(), ItemError> {
    let expected = "a cosign payload with critical.image and critical.type";
    json::parse::<PayloadJson<'_>>(payload)
        .map(drop)
        .map_err(ItemError::shape(expected))
}

/// Rekor's entry as cosign writes it down: the signed entry timestamp and what it is over.
fn log_entry(json: LogJson<'_>) -> Result<TlogEntry, ItemError> {
    let body = base64("Bundle.Payload.body", &json.payload.body, MAX_CONTAINER)?;
    let kind: KindJson =
        json::parse(&body).map_err(ItemError::shape("the body of an entry of rekor"))?;
    let log_id = hex::decode(json.payload.log_id.as_ref()).map_err(|error| ItemError::Hex {
        part: "Bundle.Payload.logID",
        found: error.to_string(),
    })?;
    Ok(TlogEntry {
        log_index: json.payload.log_index,
        log_id,
        kind: kind.kind,
        version: kind.api_version,
        integrated_time: Some(json.payload.integrated_time).filter(|&time| time != 0),
        signed_entry_timestamp: Some(base64(
            "Bundle.SignedEntryTimestamp",
            &json.signed,
            MAX_SIGNATURE,
        )?),
        inclusion_proof: None,
        canonicalized_body: body,
    })
}

#[derive(Deserialize)]
struct SignedJson<'a> {
    #[serde(borrow, rename = "Base64Signature")]
    signature: Cow<'a, str>,
    #[serde(borrow, rename = "Payload")]
    payload: Cow<'a, str>,
    #[serde(borrow, rename = "Cert")]
    cert: Option<CertificateJson<'a>>,
    #[serde(borrow, rename = "Chain")]
    chain: Option<Vec<CertificateJson<'a>>>,
    #[serde(borrow, rename = "Bundle")]
    bundle: Option<LogJson<'a>>,
    #[serde(borrow, rename = "RFC3161Timestamp")]
    timestamp: Option<StampJson<'a>>,
}

/// A certificate as Go writes its struct; the other members repeat what `Raw` says.
#[derive(Deserialize)]
struct CertificateJson<'a> {
    #[serde(borrow, rename = "Raw")]
    raw: Cow<'a, str>,
}

#[derive(Deserialize)]
struct StampJson<'a> {
    #[serde(borrow, rename = "SignedRFC3161Timestamp")]
    signed: Cow<'a, str>,
}

#[derive(Deserialize)]
struct LogJson<'a> {
    #[serde(borrow, rename = "SignedEntryTimestamp")]
    signed: Cow<'a, str>,
    #[serde(borrow, rename = "Payload")]
    payload: LogPayloadJson<'a>,
}

#[derive(Deserialize)]
struct LogPayloadJson<'a> {
    #[serde(borrow)]
    body: Cow<'a, str>,
    #[serde(rename = "integratedTime")]
    integrated_time: u64,
    #[serde(rename = "logIndex")]
    log_index: u64,
    #[serde(borrow, rename = "logID")]
    log_id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct KindJson {
    kind: String,
    #[serde(rename = "apiVersion")]
    api_version: String,
}

#[derive(Deserialize)]
struct PayloadJson<'a> {
    #[serde(borrow, rename = "critical")]
    _critical: CriticalJson<'a>,
}

#[derive(Deserialize)]
struct CriticalJson<'a> {
    #[serde(borrow, rename = "image")]
    _image: &'a RawValue,
    #[serde(rename = "type")]
    _type: String,
}
