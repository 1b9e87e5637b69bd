//! What real servers were asked, asked of this one in the same order, and its answers held against theirs.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is to panic; clippy knows the test functions, not what they call"
)]

mod chains;
mod comparison;
mod corpus;
mod differences;
mod proofs;
mod rekor_v1;
mod replay;
mod state;
mod support;
mod template;
