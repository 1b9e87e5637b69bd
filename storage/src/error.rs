//! What can go wrong, sorted by what the caller must do next.

use std::fmt::Display;

/// Why a store could not be opened or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Something that has to be there is not. The caller names another place, or creates it.
    #[error("{what} is missing")]
    Missing {
        /// What was looked for.
        what: String,
    },
    /// The bytes are not what was written. Nothing that depends on them may be answered.
    #[error("corrupt {key}: found {found}, expected {expected}")]
    Corrupt {
        /// Which row or file.
        key: String,
        /// What would have been right.
        expected: String,
        /// What is there instead.
        found: String,
    },
    /// The medium or the operating system refused. Another try may succeed.
    #[error("the store is unavailable: {source}")]
    Unavailable {
        /// The refusal in its own words.
        r#source: String,
    },
    /// Less disk is free than must stay free. Nothing was written.
    #[error("{free} bytes of disk are free and {reserve} must stay free: nothing was written")]
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that must stay free.
        reserve: u64,
    },
    /// The store is readable and must not be used as it is: a person has to decide.
    #[error("refused {what}: found {found}, expected {expected}; {remedy}")]
    Refused {
        /// What is refused.
        what: String,
        /// What would have been accepted.
        expected: String,
        /// What is there instead.
        found: String,
        /// What the operator can do about it.
        remedy: String,
    },
}

impl StoreError {
    /// The medium or the operating system refused `doing`.
    #[must_use]
    pub fn unavailable(doing: impl Display, error: impl Display) -> Self {
        Self::Unavailable {
            source: format!("{doing}: {error}"),
        }
    }

    /// The same, and if it is `Corrupt`, of that row: who took the bytes apart did not know where they were from.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn of_row(self, row: impl Display) -> Self {
        match self {
            Self::Corrupt {
                expected, found, ..
            } => Self::corrupt(row, expected, found),
            other => other,
        }
    }

    /// `key` holds something else than what was written.
    #[must_use]
    pub fn corrupt(key: impl Display, expected: impl Display, found: impl Display) -> Self {
        Self::Corrupt {
            key: key.to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

/// Why a commit did not return `Ok`.
///
/// | | did it land? | the caller |
/// |---|---|---|
/// | `Full` | no | refuses the batch and may go on, once there is room |
/// | `Conflict` | no | stops: somebody else writes to this log, or its own state is wrong |
/// | `Missing` | no | may go on; the same call succeeds once it is there |
/// | `Unknown` | perhaps | stops: only opening the store again shows what is there |
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Another record or event has that number already, or the one before it is not there.
    #[error(
        "conflict: the record starts at {found}, the journal ends at {expected}; nothing was written"
    )]
    Conflict {
        /// Where the journal ends: the number that the next record has to have.
        expected: u64,
        /// The number that the record had.
        found: u64,
    },
    /// Less disk is free than must stay free.
    #[error("{free} bytes of disk are free and {reserve} must stay free: nothing was written")]
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that must stay free.
        reserve: u64,
    },
    /// What a document needs is not there: its body, or the entry that it belongs to. Only
    /// [`Documents`](crate::Documents) says so.
    #[error("{what} is missing: nothing was written")]
    Missing {
        /// What was looked for.
        what: String,
    },
    /// The record may be durable or lost. From now on this store refuses every commit.
    #[error("the commit failed and may or may not have landed: {source}")]
    Unknown {
        /// The failure in its own words.
        r#source: String,
    },
}

impl CommitError {
    /// Whether nothing of the call is durable, for certain.
    #[must_use]
    pub const fn nothing_landed(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Full { .. } | Self::Missing { .. } => true,
            Self::Unknown { .. } => false,
        }
    }

    /// Whether the caller must stop and open the store again before it does anything else.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Unknown { .. } => true,
            Self::Full { .. } | Self::Missing { .. } => false,
        }
    }

    /// The medium or the operating system refused `doing`, and nobody knows how far it got.
    #[must_use]
    pub fn unknown(doing: impl Display, error: impl Display) -> Self {
        Self::Unknown {
            source: format!("{doing}: {error}"),
        }
    }
}
