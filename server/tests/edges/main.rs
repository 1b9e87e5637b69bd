//! The server from outside: its doors on a real port over a real data directory.

mod admin;
mod commands;
mod grpc;
mod init;
mod limits;
mod native;
mod shutdown;
mod support;
mod telemetry;
mod tiles;
