//! The monitor against logs that misbehave, within the process and as a program.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod faults;
mod lifecycle;
mod misbehaviour;
mod program;
mod rekor_v1;
mod resume;
mod running;
mod support;
mod tampered;
mod views;
mod witnesses;
