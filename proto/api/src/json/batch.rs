//! Several envelopes in one request.

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::RejectJson;
use super::fields::verifiers;
use super::receipt::SubmittedJson;
use crate::log::{Receipt, Submission, Submitted};
use crate::reject::Reject;

/// The body of `POST /v1/entries:batch`. It borrows the envelopes from the body's text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchRequestJson<'a> {
    /// The envelopes, in the order of the results.
    #[serde(borrow)]
    pub entries: Vec<BatchEntryJson<'a>>,
}

/// One envelope of a batch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchEntryJson<'a> {
    /// The envelope's own JSON. Its bytes are kept as they stand in the request.
    #[serde(borrow)]
    pub envelope: &'a RawValue,
    /// Keys or certificates (PEM or DER), each in base64 of the standard or the URL-safe alphabet. One that is not is kept
    /// as its text, for the log to refuse with its envelope alone.
    #[serde(default, with = "verifiers", skip_serializing_if = "Vec::is_empty")]
    pub verifiers: Vec<Bytes>,
}

impl<'a> BatchRequestJson<'a> {
    /// Parses a request's body.
    ///
    /// # Errors
    /// `Malformed` if it is not such a body; unknown fields are refused.
    pub fn parse(body: &'a [u8]) -> Result<Self, Reject> {
        serde_json::from_slice(body)
            .map_err(|e| Reject::malformed("a batch as {\"entries\":[..]}", e.to_string()))
    }

    /// The submissions; each envelope is a slice of `body`, which must be what was parsed (it is copied otherwise).
    #[must_use]
    pub fn into_submissions(self, body: &Bytes) -> Vec<Submission> {
        let range = body.as_ptr_range();
        let slice = |raw: &RawValue| {
            let text = raw.get().as_bytes();
            let inside = text.as_ptr() >= range.start && text.as_ptr_range().end <= range.end;
            if inside {
                body.slice_ref(text)
            } else {
                Bytes::copy_from_slice(text)
            }
        };
        self.entries
            .into_iter()
            .map(|entry| Submission {
                envelope: slice(entry.envelope),
                verifiers: entry.verifiers,
            })
            .collect()
    }
}

impl<'a> TryFrom<&'a Submission> for BatchEntryJson<'a> {
    type Error = Reject;

    /// Refuses an envelope that is not JSON, which a batch could not carry. White space around the JSON is lost.
    fn try_from(submission: &'a Submission) -> Result<Self, Reject> {
        let envelope: &RawValue = serde_json::from_slice(&submission.envelope)
            .map_err(|e| Reject::malformed("an envelope in JSON", e.to_string()))?;
        Ok(Self {
            envelope,
            verifiers: submission.verifiers.clone(),
        })
    }
}

/// The answer to a batch: one result for each envelope, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponseJson {
    /// The results.
    pub results: Vec<BatchResultJson>,
}

/// What became of one envelope: a receipt or an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResultJson {
    /// The status that the envelope alone would have got.
    pub status: u16,
    /// Its receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<SubmittedJson>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RejectJson>,
}

impl From<Submitted> for BatchResultJson {
    fn from(submitted: Submitted) -> Self {
        match submitted.and_then(SubmittedJson::try_from) {
            Ok(receipt) => Self {
                status: receipt.status().as_u16(),
                receipt: Some(receipt),
                error: None,
            },
            Err(reject) => Self {
                status: reject.kind.wire().status.as_u16(),
                receipt: None,
                error: Some(reject.into()),
            },
        }
    }
}

impl From<BatchResultJson> for Submitted {
    /// A result with both or neither of receipt and error, or with a status that contradicts them, is `Malformed`.
    fn from(json: BatchResultJson) -> Self {
        let success = StatusCode::from_u16(json.status).is_ok_and(|status| status.is_success());
        match (json.receipt, json.error) {
            (Some(receipt), None) if success => Vec::<Receipt>::try_from(receipt),
            (None, Some(error)) if !success => {
                Err(Reject::try_from(error).unwrap_or_else(|unknown| unknown))
            }
            (receipt, error) => Err(Reject::malformed(
                "a receipt with a status of success, or an error with another",
                format!(
                    "status {}, {} receipt, {} error",
                    json.status,
                    count(receipt.is_some()),
                    count(error.is_some())
                ),
            )),
        }
    }
}

const fn count(there: bool) -> &'static str {
    if there { "a" } else { "no" }
}
