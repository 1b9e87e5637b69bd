#![doc = include_str!("../README.md")]
#![deny(clippy::indexing_slicing)]

mod canonical;
mod refusal;
pub mod v1;
pub mod v2;

pub use canonical::Canonical;
pub use refusal::Refusal;
