#![doc = include_str!("../README.md")]

pub mod cli;
pub mod clock;
pub mod evidence;
#[cfg(feature = "evil-log")]
pub mod evil;
pub mod examine;
pub mod findings;
pub mod follow;
pub mod judge;
pub mod metrics;
pub mod source;
pub mod state;
