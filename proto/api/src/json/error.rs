//! The body of an error.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::reject::{Reject, RejectKind};

/// The body that every refused request gets, with the status of the kind's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorJson {
    /// What was refused, and why.
    pub error: RejectJson,
}

/// A [`Reject`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectJson {
    /// The label of the kind.
    pub kind: String,
    /// For people.
    pub message: String,
    /// What was expected, where it can be said apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was found instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// As the `Retry-After` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u64>,
}

impl From<Reject> for RejectJson {
    fn from(reject: Reject) -> Self {
        let wire = reject.kind.wire();
        Self {
            kind: wire.label.to_owned(),
            message: reject.message,
            expected: reject.expected,
            found: reject.found,
            retry_after_secs: wire.retry_after_secs,
        }
    }
}

impl TryFrom<RejectJson> for Reject {
    type Error = Self;

    /// Refuses an unknown kind; its message is kept in that error.
    fn try_from(json: RejectJson) -> Result<Self, Self> {
        let RejectJson {
            kind: label,
            message,
            expected,
            found,
            ..
        } = json;
        match RejectKind::from_label(&label) {
            Some(kind) => Ok(Self {
                kind,
                message,
                expected,
                found,
            }),
            None => Err(Self::new(
                RejectKind::Internal,
                format!("error of an unknown kind {label:?}: {message}"),
            )),
        }
    }
}

impl From<Reject> for ErrorJson {
    fn from(reject: Reject) -> Self {
        Self {
            error: reject.into(),
        }
    }
}

impl ErrorJson {
    /// The [`Reject`] of an HTTP answer that is not a success: of its body if that is an error body, else the kind that
    /// fits the status best (a proxy's page, say), with the beginning of the body as the message.
    #[must_use]
    pub fn reject(status: StatusCode, body: &[u8]) -> Reject {
        if let Ok(Self { error }) = serde_json::from_slice(body) {
            return Reject::try_from(error)
                .unwrap_or_else(|unknown| Reject::new(kind_of(status), unknown.message));
        }
        let text = String::from_utf8_lossy(body);
        let start: String = text.trim().chars().take(200).collect();
        Reject::new(
            kind_of(status),
            format!("status {status} without an error body: {start:?}"),
        )
    }
}

/// The kind that a bare status means.
fn kind_of(status: StatusCode) -> RejectKind {
    match status.as_u16() {
        404 | 410 => RejectKind::NotFound,
        413 => RejectKind::TooLarge,
        429 => RejectKind::Busy,
        502 | 503 => RejectKind::Unavailable,
        408 | 504 => RejectKind::DeadlineExceeded,
        400..=499 => RejectKind::Malformed,
        _ => RejectKind::Internal,
    }
}
