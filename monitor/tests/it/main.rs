//! The monitor against logs that misbehave, within the process and as a program.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod faults;
mod misbehaviour;
mod resume;
mod support;
