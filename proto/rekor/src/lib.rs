#![doc = include_str!("../README.md")]
#![deny(clippy::indexing_slicing)]

mod canonical;
pub mod v2;

pub use canonical::Canonical;
