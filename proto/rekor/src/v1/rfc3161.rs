//! `rfc3161 0.0.1`: a time-stamp response, which is kept whole.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use treering_attest::{DigestAlgorithm, verify_response};

use super::entry::{Entry, HashValue};
use super::json::{Object, Text, object};
use super::member;
use super::refused::RefusedEntry;
use super::schema::{SchemaError, SchemaErrors};
use super::verified::VerifiedEntry;
use super::verifier::Keys;

/// `kind`.
pub const KIND: &str = "rfc3161";

/// `spec` of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What was stamped, when and by whom.
    pub tsr: Response,
}

/// `spec.tsr`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// A DER `TimeStampResp` in base64, and whatever was submitted behind it.
    pub content: String,
}

object! {
    SpecJson<'a> Exact { "tsr" => tsr: Object<ResponseJson<'a>>, }
}

object! {
    ResponseJson<'a> Exact { "content" => content: Text<'a>, }
}

/// Reads, verifies and builds an entry. It needs no key: the certificate is in the response.
pub(super) fn propose(spec: &RawValue, _: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
    let response = read(member::spec(spec)?)?;
    verify_response(&response)?;
    let content = STANDARD.encode(&response);
    let spec = Spec {
        tsr: Response { content },
    };
    VerifiedEntry::new(Entry::Rfc3161(spec), None, Vec::new())
}

/// As [`propose`]: the canonical form is also one that can be proposed.
pub(super) fn look_up(spec: &RawValue, keys: &dyn Keys) -> Result<Entry, RefusedEntry> {
    propose(spec, keys).map(VerifiedEntry::into_entry)
}

fn read(json: SpecJson<'_>) -> Result<Vec<u8>, RefusedEntry> {
    let required = |name| SchemaErrors::from(SchemaError::required(name, "body"));
    let response = json.tsr.loose().ok_or_else(|| required("tsr"))?;
    let content = member::bytes(&response.content, "tsr content")?;
    if content.is_empty() {
        return Err(required("tsr.tsr.content").into());
    }
    Ok(content)
}

impl Spec {
    /// The digest of the response, which it is found by.
    pub(super) fn digest(&self) -> Option<HashValue> {
        let response = STANDARD.decode(&self.tsr.content).ok()?;
        let digest = DigestAlgorithm::Sha256.of(&response);
        Some(HashValue::sha256(hex::encode(digest)))
    }
}
