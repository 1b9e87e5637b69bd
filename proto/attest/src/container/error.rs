//! Why something is no container, or an item of one cannot be read.

use super::item::Place;
use crate::base64::Base64Error;
use crate::bundle::BundleError;
use crate::envelope::EnvelopeError;
use crate::limits::{MAX_CONTAINER, MAX_ITEMS};
use crate::statement::StatementError;

/// Why bytes hold no attestation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// More bytes than [`MAX_CONTAINER`].
    #[error("expected at most {MAX_CONTAINER} bytes, found {found}")]
    TooLarge {
        /// How many.
        found: usize,
    },
    /// More items than [`MAX_ITEMS`].
    #[error("expected at most {MAX_ITEMS} attestations in one container, found {found}")]
    Items {
        /// How many.
        found: usize,
    },
    /// None of the kinds that are known.
    #[error(
        "expected a dsse envelope, a sigstore bundle, a pep 740 attestation or provenance object, an answer with attestations \
         (npm, github), json lines of these, a cosign signature with its payload, an in-toto link or an in-toto statement, \
         found {found}"
    )]
    Unknown {
        /// The names of its first members, or what the parser of JSON says.
        found: String,
    },
}

/// An item that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {error}")]
pub struct BadItem {
    /// Where it stands in the container.
    pub place: Place,
    /// What is wrong with it.
    pub error: ItemError,
}

/// What is wrong with an item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// An envelope that is none.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A bundle that is none, or a log entry of a bundle's form.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A bare statement that is none.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// JSON of another shape.
    #[error("expected {expected}, found {found}")]
    Shape {
        /// What stands there otherwise.
        expected: &'static str,
        /// What the parser says, or the names of its first members.
        found: String,
    },
    /// A part that is too long or too numerous.
    #[error("expected {min} to {max} {part}, found {found}")]
    Limit {
        /// Which part.
        part: &'static str,
        /// At least.
        min: usize,
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
    /// A part that is not hexadecimal.
    #[error("{part}: expected hexadecimal digits, found {found}")]
    Hex {
        /// Which part.
        part: &'static str,
        /// What the decoder says.
        found: String,
    },
}

impl ItemError {
    /// JSON of another shape.
    pub(super) fn shape(expected: &'static str) -> impl FnOnce(String) -> Self {
        move |found| Self::Shape { expected, found }
    }

    /// A number of something that is out of its bounds.
    pub(super) fn within(
        part: &'static str,
        found: usize,
        min: usize,
        max: usize,
    ) -> Result<(), Self> {
        if (min..=max).contains(&found) {
            Ok(())
        } else {
            Err(Self::Limit {
                part,
                min,
                max,
                found,
            })
        }
    }
}

/// Decodes base64 of bounded length.
pub(super) fn base64(part: &'static str, text: &str, max: usize) -> Result<Vec<u8>, ItemError> {
    ItemError::within(part, crate::base64::decoded_len(text), 0, max)?;
    crate::base64::decode(text).map_err(|source| ItemError::Base64 { part, source })
}
