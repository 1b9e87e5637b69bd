//! Why a request is answered with an error, and with which: HTTP status, `code` and `message`.
//!
//! Upstream answers 500 to JSON that it cannot read and to an `intoto 0.0.2` without digest. Chains repeats a 5xx twenty times,
//! so these are 400 here, as is everything that a client alone can mend.

use serde::{Deserialize, Serialize};

use super::ids::EntryId;
use super::refused::RefusedEntry;
use super::schema::SchemaErrors;

/// A request that is refused by what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The body of a new entry is no JSON of its shape.
    #[error("{found}")]
    Json {
        /// What the parser says.
        found: String,
    },
    /// The body of a query is no JSON of its shape.
    #[error("parsing {what} body from \"\" failed, because {found}")]
    QueryJson {
        /// `entry` or `query`.
        what: &'static str,
        /// What the parser says.
        found: String,
    },
    /// A member or parameter that is absent or of the wrong form.
    #[error("{0}")]
    Schema(#[from] SchemaErrors),
    /// A kind that is not known, or not taken.
    #[error("invalid kind value: {kind:?}")]
    Kind {
        /// The kind, shortened.
        kind: String,
    },
    /// A new entry.
    #[error("error processing entry: {0}")]
    Entry(RefusedEntry),
    /// An entry that is looked up.
    #[error("{0}")]
    LookedUp(RefusedEntry),
    /// More than ten entries asked for at once.
    #[error("more than max allowed {max} entries in request")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// An entry id whose tree id is none.
    #[error("{words} {id}")]
    EntryId {
        /// Words before it.
        words: &'static str,
        /// What was found.
        id: String,
    },
    /// A tree id in a query that does not fit.
    #[error("invalid tree ID specified: {found}")]
    TreeId {
        /// What was found, shortened.
        found: String,
    },
    /// A key to search by that is none.
    #[error("public key provided could not be parsed")]
    SearchKey,
    /// A proof from a larger to a smaller size.
    #[error("firstSize({first}) must be less than lastSize({last})")]
    ProofOrder {
        /// From.
        first: u64,
        /// To.
        last: u64,
    },
}

/// The body of every error but 404 of an entry, which has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// Mostly the HTTP status; a number from 600 up for faults against the schema.
    pub code: u16,
    /// For people.
    pub message: String,
}

impl ApiError {
    /// An error with its HTTP status as code.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code: status,
            message,
        }
    }

    /// The body of a 409, whose id clients read out of the text.
    pub fn conflict(existing: &EntryId) -> Self {
        let message = format!(
            "an equivalent entry already exists in the transparency log with UUID {existing}"
        );
        Self::new(409, message)
    }
}

impl Rejected {
    /// The HTTP status: 400 or 422.
    pub fn status(&self) -> u16 {
        match self {
            Self::Schema(_) | Self::Kind { .. } | Self::TooMany { .. } => 422,
            Self::Json { .. }
            | Self::QueryJson { .. }
            | Self::Entry(_)
            | Self::LookedUp(_)
            | Self::EntryId { .. }
            | Self::TreeId { .. }
            | Self::SearchKey
            | Self::ProofOrder { .. } => 400,
        }
    }

    /// The body of the answer.
    pub fn body(&self) -> ApiError {
        let code = match self {
            Self::Schema(errors) => errors.code(),
            _ => self.status(),
        };
        ApiError::new(code, self.to_string())
    }
}
