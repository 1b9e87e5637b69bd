#![doc = include_str!("../README.md")]

pub mod admin;
pub mod api;
pub mod app;
pub mod archivista;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod descriptors;
pub mod export;
mod files;
pub mod init;
pub mod inspect;
pub mod keys;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod remote;
pub mod run;
pub mod serve;
pub mod service;
pub mod shutdown;
pub mod telemetry;
pub mod trust;
pub mod witness;
