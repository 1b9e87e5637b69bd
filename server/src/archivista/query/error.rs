//! Why a field has no answer: what GraphQL calls an error of the resolver, reported beside `data` with status 200.

use super::catalogue::CatalogueError;
use super::limits::{
    MAX_FILTER_DEPTH, MAX_HELD_BYTES, MAX_PAGE, MAX_SCANNED, MAX_STEPS, MAX_VALUES,
};

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueryError {
    /// A filter that says nothing, where one must: it would match everything.
    #[error("expected a condition in {input}, found none")]
    Empty { input: &'static str },
    #[error("expected a list of at most {MAX_VALUES} values, found {found}")]
    Values { found: usize },
    #[error("expected at most {MAX_FILTER_DEPTH} filters in one another, found more")]
    FilterDepth,
    #[error("expected {argument} from 0 to {MAX_PAGE}, found {found}")]
    Page { argument: &'static str, found: i32 },
    #[error("expected first or last, found both")]
    FirstAndLast,
    #[error("expected a cursor of this list in {argument}, found another")]
    Cursor { argument: &'static str },
    #[error(
        "expected at most {MAX_PAGE} matches where neither first nor pageInfo is asked for, found more: \
         ask with first, pageInfo {{ hasNextPage endCursor }} and after"
    )]
    Unpaged,
    #[error(
        "expected a query that looks at no more than {MAX_SCANNED} documents, found more: \
         narrow it by gitoidSha256 or by the digests of subjects"
    )]
    Scanned,
    #[error("expected a filter that tests at most {MAX_STEPS} conditions, found more: narrow it")]
    Steps,
    #[error(
        "expected at most {MAX_HELD_BYTES} bytes of documents on a page, found more: ask for fewer with first"
    )]
    Held,
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error("a document could not be read")]
    Broken,
}
