//! `POST|GET /query`: the GraphQL that archivistactl, go-witness and `witness verify` ask Archivista.
//!
//! [`Endpoint`] takes the bytes of a request and makes the answer; [`Catalogue`] is what it reads. A catalogue only
//! narrows; each filter is evaluated here, on the documents themselves, so that an index which knows too little never
//! makes an answer wrong. Nothing is ever left out in silence: whatever goes past one of the [`limits`] is refused.
//!
//! As the real server (v0.10.0) does it: a query that is no GraphQL, or not of this schema, has status 422; a query that
//! can not be answered has 200 and `errors`, and no data then. Texts compare exactly. Empty lists in a filter say nothing, and an empty
//! filter inside of another is an error.
//!
//! What the schema leaves out of the real one: `node`, `nodes`, all ids but `Dsse.id` (which is the gitoid), the way back
//! from a thing to what it belongs to (`Subject.statement` apart), and of the conditions on texts all but
//! `x`, `xNEQ`, `xIn` and `xNotIn`. Lists have one order, that of the catalogue, and no `orderBy`; lists of subjects are
//! paged with `first` and `after` alone. A list that is longer than a page is refused to whoever asks for its edges with
//! neither `first` nor `pageInfo`, for it would be taken for all there is.

mod answer_bound;
mod catalogue;
mod collection;
mod compile;
mod cursors;
mod document;
mod endpoint;
mod error;
mod filter;
mod inputs;
pub mod limits;
mod lists;
mod nesting;
mod nodes;
mod scan;
mod schema;
mod session;
mod shape;
mod window;

pub use catalogue::{Candidate, Catalogue, CatalogueError, Cursor, Hint, Work};
pub use endpoint::Endpoint;
