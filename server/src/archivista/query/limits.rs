//! Every bound on a query, in one table.
//!
//! | what | bound | why this much |
//! |---|---|---|
//! | body, or query string of a GET | 64 KiB | the longest recorded query has 1.4 KB; 64 KiB hold 900 digests |
//! | brackets in one another, in a query or its variables | 48 | the deepest recorded query has 12; parsing recurses |
//! | fragments in one another | 16 | no client uses any |
//! | fields of a query, fragments written out | 200 | the largest recorded query has 25 |
//! | fields in one another | 16 | down to the digests of a document's subjects there are 9 |
//! | values of a list in a filter | 1,000 | more do not fit into a body, if they are digests |
//! | filters in one another | 16 | the deepest recorded filter has 4 |
//! | documents on a page | 1,000 | a page is held in memory |
//! | documents looked at for one request | 10,000 | each is parsed: about a second of work |
//! | entries gone through and terms looked for, for one request | 200,000 | a second or two of work; a digest is looked for by 25 terms |
//! | entries between two documents, without a digest | 100,000 | most entries have documents |
//! | bytes of documents that are read at once | 8 MiB, or one document | 16 of 64 MiB would be 1 GiB |
//! | steps of all requests at once | 2 | each has documents in memory, and all of a core |
//! | conditions tested for one request | 10 million | filters that ask a document's subjects about its subjects multiply |
//! | bytes of documents held for one request | 64 MiB | what memory a request may take |
//! | bytes of an answer | 16 MiB | aliases repeat what is held |
//!
//! Beyond each of them a request is refused. No answer is ever cut.

/// Bytes of a request: of its body, or of its query string.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Brackets in one another, in the text of a query or in its variables.
pub const MAX_NESTING: usize = 48;
/// Fragments that spread one another.
pub const MAX_SPREADS: usize = 16;
/// Fields that a query asks for, with its fragments written out.
pub const MAX_FIELDS: usize = 200;
/// Fields in one another.
pub const MAX_FIELD_DEPTH: usize = 16;
/// Directives on one field.
pub const MAX_DIRECTIVES: usize = 4;
/// Values of one list in a filter.
pub const MAX_VALUES: usize = 1000;
/// Filters in one another: `and`, `or`, `not` and the edges.
pub const MAX_FILTER_DEPTH: usize = 16;
/// Documents, or subjects, on a page; as many are on it when nothing is asked.
pub const MAX_PAGE: usize = 1000;
/// Documents looked at for one request.
pub const MAX_SCANNED: usize = 10_000;
/// Entries gone through and terms looked for, for one request.
pub const MAX_WORK: usize = 200_000;
/// Entries without a document between two that have one, where no digest leads on.
pub const MAX_GAP: usize = 100_000;
/// Conditions tested for one request.
pub const MAX_STEPS: u64 = 10_000_000;
/// Bytes of documents that one request holds.
pub const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of an answer, about: the texts in it, and a little for each field.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of a cursor.
pub const MAX_CURSOR: usize = 64;
/// Attestations of a witness collection. One with more counts as none.
pub const MAX_ATTESTATIONS: usize = 100_000;
/// Documents that are asked for at once, and so in memory as envelopes.
pub const BATCH: usize = 16;
/// Bytes of envelopes after which no more documents are asked for at once; the last one may go beyond.
pub const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// How many batches, of all requests, are in memory at once.
pub const MAX_BATCHES: usize = 2;
