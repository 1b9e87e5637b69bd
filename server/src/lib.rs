#![doc = include_str!("../README.md")]

pub mod app;
pub mod audit;
pub mod clock;
pub mod config;
mod files;
pub mod init;
pub mod keys;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod service;
pub mod trust;
