//! Archivista's queries, from the bytes of a request to the bytes of the answer, over documents in memory.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is to panic; clippy knows the test functions, not what they call"
)]

mod bounds;
mod filters;
mod hostile;
mod paging;
mod recorded;
mod support;
