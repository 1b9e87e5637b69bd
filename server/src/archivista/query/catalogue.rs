//! What the queries are answered from.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use treering_tlog::Hash;

use super::limits::{MAX_CURSOR, MAX_GAP, MAX_WORK};

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

/// What a request has had looked up so far. All of its fields draw on the same.
#[derive(Debug, Default)]
pub struct Work(AtomicUsize);

impl Work {
    /// Counts look-ups: one for each entry that is gone through, and one for each term that is looked for.
    ///
    /// # Errors
    /// [`CatalogueError::Work`] beyond [`MAX_WORK`].
    pub fn spend(&self, units: usize) -> Result<(), CatalogueError> {
        let spent = self.0.fetch_add(units, Ordering::Relaxed);
        if units > MAX_WORK.saturating_sub(spent) {
            return Err(CatalogueError::Work);
        }
        Ok(())
    }
}

/// Why there are no candidates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// A cursor that this catalogue never gave.
    #[error("expected a cursor that came with an earlier answer, found another")]
    Cursor,
    /// The request had too much looked up.
    #[error(
        "expected a query for which at most {MAX_WORK} entries are gone through, found more: \
         narrow it by gitoidSha256, or by fewer digests of subjects"
    )]
    Work,
    /// Too many entries without a document.
    #[error(
        "expected a document among {MAX_GAP} entries, found none: \
         narrow the query by gitoidSha256 or by the digests of subjects"
    )]
    Gap,
    /// The store does not answer; asking again may help.
    #[error("documents can not be read now: {0}")]
    Unavailable(String),
}

/// What the queries are answered from.
#[async_trait]
pub trait Catalogue: Send + Sync + 'static {
    /// Documents that may match, a superset narrowed by the hint, in an order that never changes, without doubles,
    /// behind the cursor (which need not belong to one of them), at most `limit`, and fewer if they are large. None means that
    /// there are no more. What is looked up is counted in `work`.
    ///
    /// # Errors
    /// [`CatalogueError`].
    async fn candidates(
        &self,
        hint: &Hint,
        after: Option<Cursor>,
        limit: usize,
        work: &Arc<Work>,
    ) -> Result<Vec<Candidate>, CatalogueError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_up_to_its_bound() {
        let work = Work::default();
        assert_eq!(work.spend(MAX_WORK - 1), Ok(()));
        assert_eq!(work.spend(1), Ok(()));
        assert_eq!(work.spend(0), Ok(()));
        assert_eq!(work.spend(1), Err(CatalogueError::Work));
        assert_eq!(
            Work::default().spend(MAX_WORK + 1),
            Err(CatalogueError::Work)
        );
    }
}
