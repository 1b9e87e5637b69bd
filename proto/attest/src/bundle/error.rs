//! Why something is no bundle.

use crate::base64::Base64Error;

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
