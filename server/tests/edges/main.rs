//! The server from outside: its doors on a real port over a real data directory.

#![expect(
    clippy::too_many_lines,
    reason = "a test is one story; cut in pieces it is harder to follow"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is to panic; clippy knows the test functions, not what they call"
)]

mod admin;
mod archivista;
mod archivista_keys;
mod archivista_memory;
mod archivista_promotion;
mod archivista_query;
mod archivista_support;
mod commands;
mod envelopes;
mod export;
mod fake_witness;
mod freeze;
mod grpc;
mod init;
mod limits;
mod native;
mod rekor_v1;
mod rekor_v1_kinds;
mod rekor_v1_shown;
mod rekor_v2;
mod retire;
mod shutdown;
mod stalls;
mod support;
mod telemetry;
mod tiles;
mod watched;
mod witness_faults;
mod witnesses;
