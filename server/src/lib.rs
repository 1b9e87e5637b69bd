#![doc = include_str!("../README.md")]

pub mod audit;
pub mod clock;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod service;
