//! What the queries are answered from.

use async_trait::async_trait;
use bytes::Bytes;
use treering_tlog::Hash;

use super::limits::MAX_CURSOR;

/// A place in the order of all documents: bytes that mean something to the [`Catalogue`] alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(Box<[u8]>);

impl Cursor {
    /// These bytes as a cursor; nothing if they are more than [`MAX_CURSOR`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= MAX_CURSOR).then(|| Self(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Which documents a query can be about at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Any.
    All,
    /// The one of this gitoid.
    Gitoid(Hash),
    /// Those with a subject that has one of these values as a digest, whatever the algorithm. Values are as the client
    /// wrote them: hexadecimal, `gitoid:blob:sha256:…`, or anything.
    SubjectDigests(Vec<String>),
}

/// A document that may match.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its place in the order.
    pub cursor: Cursor,
    /// SHA-256 of `"blob " + length + NUL + envelope`.
    pub gitoid: Hash,
    /// The DSSE envelope as it was stored.
    pub envelope: Bytes,
}

/// Why there are no candidates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// A cursor that this catalogue never gave.
    #[error("expected a cursor that came with an earlier answer, found another")]
    Cursor,
    /// The store does not answer; asking again may help.
    #[error("documents can not be read now: {0}")]
    Unavailable(String),
}

/// What the queries are answered from.
#[async_trait]
pub trait Catalogue: Send + Sync + 'static {
    /// Documents that may match, a superset narrowed by the hint, in an order that never changes, without doubles,
    /// behind the cursor (which need not belong to one of them), at most `limit`. None means that there are no more.
    ///
    /// # Errors
    /// [`CatalogueError`].
    async fn candidates(
        &self,
        hint: &Hint,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Candidate>, CatalogueError>;
}
