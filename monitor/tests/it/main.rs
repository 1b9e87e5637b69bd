//! The monitor against logs that misbehave, within the process and as a program.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod faults;
mod lifecycle;
mod misbehaviour;
mod options;
mod program;
mod rekor_v1;
mod resume;
mod running;
mod served;
mod support;
mod tampered;
mod views;
mod witnesses;
