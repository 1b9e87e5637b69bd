//! Why something could not be fetched. Each module that decides something has its own errors beside this one.

use std::error::Error;

use http::StatusCode;
use treering_api::{Reject, RejectKind};

/// A request that brought no usable answer. It says nothing about the log's honesty.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Not an address of a server.
    #[error("expected an address like https://log.example.org, found {url:?}: {detail}")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The transport could not be set up.
    #[error("cannot set up the transport: {detail}")]
    Setup {
        /// What went wrong.
        detail: String,
    },
    /// No connection, or it broke.
    #[error("{url}: {detail}")]
    Connection {
        /// What was asked for.
        url: String,
        /// The causes, outermost first.
        detail: String,
    },
    /// It took too long.
    #[error("{url}: no answer within {seconds} s")]
    Timeout {
        /// What was asked for.
        url: String,
        /// The limit.
        seconds: u64,
    },
    /// A status other than success.
    #[error("{url}: expected status 200, found {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The answer's status.
        status: StatusCode,
    },
    /// More bytes than such an answer can have.
    #[error("{url}: expected at most {limit} bytes, found more")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The most that is read.
        limit: usize,
    },
}

impl FetchError {
    /// Whether the server said that there is no such thing. Only this status says so; any other is trouble.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::NOT_FOUND)
    }
}

impl From<FetchError> for Reject {
    fn from(error: FetchError) -> Self {
        let kind = match &error {
            FetchError::Address { .. } => RejectKind::Malformed,
            FetchError::Timeout { .. } => RejectKind::DeadlineExceeded,
            FetchError::TooLarge { .. } | FetchError::Status { .. } => RejectKind::Internal,
            FetchError::Connection { .. } | FetchError::Setup { .. } => RejectKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}
