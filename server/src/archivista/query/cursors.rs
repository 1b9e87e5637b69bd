//! Cursors as the API has them: base64 of bytes that mean nothing to a client.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use treering_tlog::Hash;

use super::catalogue::Cursor;
use super::error::QueryError;

/// A cursor on the wire.
#[derive(Clone, Debug)]
pub(super) struct CursorText(String);

#[Scalar(name = "Cursor")]
impl ScalarType for CursorText {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl CursorText {
    /// # Errors
    /// [`QueryError::Cursor`] for what was never given out as one.
    pub(super) fn envelope(&self, argument: &'static str) -> Result<Cursor, QueryError> {
        let bytes = STANDARD.decode(&self.0).ok();
        let cursor = bytes.and_then(|bytes| Cursor::new(&bytes));
        cursor.ok_or(QueryError::Cursor { argument })
    }

    /// # Errors
    /// [`QueryError::Cursor`] for what was never given out as one.
    pub(super) fn subject(&self, argument: &'static str) -> Result<SubjectCursor, QueryError> {
        let bytes = STANDARD.decode(&self.0).ok();
        let cursor = bytes.and_then(|bytes| SubjectCursor::parse(&bytes));
        cursor.ok_or(QueryError::Cursor { argument })
    }
}

impl From<&Cursor> for CursorText {
    fn from(cursor: &Cursor) -> Self {
        Self(STANDARD.encode(cursor.as_bytes()))
    }
}

impl From<&SubjectCursor> for CursorText {
    fn from(cursor: &SubjectCursor) -> Self {
        Self(STANDARD.encode(cursor.encode()))
    }
}

/// The place of a subject: that of its document is known only by the one in front of it, so that the rest of the
/// document can be asked for.
#[derive(Clone, Debug)]
pub(super) struct SubjectCursor {
    pub behind: Option<Cursor>,
    /// Lowercase hexadecimal.
    pub gitoid: String,
    pub place: usize,
}

/// The document in front depends on what was asked, the subject does not.
impl PartialEq for SubjectCursor {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place && self.gitoid == other.gitoid
    }
}

impl SubjectCursor {
    /// Place (4 bytes), gitoid (32), and the cursor of the document in front, if there is one, behind a 1.
    fn encode(&self) -> Vec<u8> {
        let place = u32::try_from(self.place).expect("a statement has at most 100,000 subjects");
        let gitoid = Hash::from_hex(&self.gitoid).expect("it was made of a hash");
        let mut bytes = [&place.to_be_bytes()[..], gitoid.as_bytes()].concat();
        if let Some(behind) = &self.behind {
            bytes.push(1);
            bytes.extend_from_slice(behind.as_bytes());
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (place, rest) = bytes.split_first_chunk()?;
        let (gitoid, rest) = rest.split_first_chunk()?;
        let behind = match rest {
            [] => None,
            [1, behind @ ..] => Some(Cursor::new(behind)?),
            _ => return None,
        };
        Some(Self {
            behind,
            gitoid: Hash::new(*gitoid).to_hex(),
            place: usize::try_from(u32::from_be_bytes(*place)).ok()?,
        })
    }
}
