//! The write path without any door: the sequencer, its faults, its recovery, and the auditor after each step.

mod audit;
mod dedup;
mod faults;
mod recovery;
mod sequencing;
mod support;
