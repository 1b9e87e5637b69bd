//! `Reject`: the one error of the API. A kind that the caller can act on, text for them, and one row per kind that
//! says how each door writes it.

use http::StatusCode;
use tonic::Code;

/// Why a request was not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Reject {
    /// What the caller can do about it.
    pub kind: RejectKind,
    /// For people: lowercase, with expected and found where both exist. Holds no secret and no whole body.
    pub message: String,
    /// What was expected, where that can be said apart from the message.
    pub expected: Option<String>,
    /// What was found instead.
    pub found: Option<String>,
}

/// The kinds of [`Reject`]. Exhaustive: a new kind must choose its row in [`RejectKind::wire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectKind {
    /// The request does not have the demanded shape. Send another one.
    Malformed,
    /// A signature does not verify, or no key for it was given.
    Unverified,
    /// Well-formed, but this log's dialect or settings cannot hold it.
    Unsupported,
    /// Over a documented limit; the message names it.
    TooLarge,
    /// No such log, entry or envelope.
    NotFound,
    /// A size or index beyond the newest checkpoint.
    OutOfRange,
    /// The log is frozen; the message names its final size and its successor.
    Frozen,
    /// Too much is waiting. Try again after the given time.
    Busy,
    /// The server starts, stops, or cannot write (disk full, failed commit). Try again, here or elsewhere.
    Unavailable,
    /// The wait took longer than the server's limit.
    DeadlineExceeded,
    /// A fault of the server; its log says more under the same time.
    Internal,
}

/// How the doors write a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The word in JSON errors and metric labels.
    pub label: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// The gRPC code.
    pub code: Code,
    /// The value of `Retry-After`, in seconds.
    pub retry_after_secs: Option<u64>,
}

impl RejectKind {
    /// Every kind, for tables and for metrics that start at zero.
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::Unverified,
        Self::Unsupported,
        Self::TooLarge,
        Self::NotFound,
        Self::OutOfRange,
        Self::Frozen,
        Self::Busy,
        Self::Unavailable,
        Self::DeadlineExceeded,
        Self::Internal,
    ];

    /// The kind's row.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one row per kind")]
    pub const fn wire(self) -> Wire {
        let (label, status, code, retry_after_secs) = match self {
            Self::Malformed => (
                "malformed",
                StatusCode::BAD_REQUEST,
                Code::InvalidArgument,
                None,
            ),
            Self::Unverified => (
                "unverified",
                StatusCode::BAD_REQUEST,
                Code::InvalidArgument,
                None,
            ),
            Self::Unsupported => (
                "unsupported",
                StatusCode::BAD_REQUEST,
                Code::FailedPrecondition,
                None,
            ),
            Self::TooLarge => (
                "too_large",
                StatusCode::PAYLOAD_TOO_LARGE,
                Code::InvalidArgument,
                None,
            ),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, Code::NotFound, None),
            Self::OutOfRange => (
                "out_of_range",
                StatusCode::BAD_REQUEST,
                Code::OutOfRange,
                None,
            ),
            Self::Frozen => (
                "frozen",
                StatusCode::METHOD_NOT_ALLOWED,
                Code::FailedPrecondition,
                None,
            ),
            Self::Busy => (
                "busy",
                StatusCode::SERVICE_UNAVAILABLE,
                Code::ResourceExhausted,
                Some(1),
            ),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                Code::Unavailable,
                Some(5),
            ),
            Self::DeadlineExceeded => (
                "deadline_exceeded",
                StatusCode::GATEWAY_TIMEOUT,
                Code::DeadlineExceeded,
                Some(1),
            ),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                Code::Internal,
                None,
            ),
        };
        Wire {
            label,
            status,
            code,
            retry_after_secs,
        }
    }

    /// The kind with that label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.wire().label == label)
    }
}

impl Reject {
    /// A reject of a kind with a message.
    #[must_use]
    pub fn new(kind: RejectKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            expected: None,
            found: None,
        }
    }

    /// A reject of a kind whose message is made of what was expected and what was found.
    #[must_use]
    pub fn mismatch(
        kind: RejectKind,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let (expected, found) = (expected.into(), found.into());
        Self {
            kind,
            message: format!("expected {expected}, found {found}"),
            expected: Some(expected),
            found: Some(found),
        }
    }

    /// `Malformed` by expected and found.
    #[must_use]
    pub fn malformed(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::mismatch(RejectKind::Malformed, expected, found)
    }
}
