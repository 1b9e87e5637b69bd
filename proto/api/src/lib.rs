#![doc = include_str!("../README.md")]

mod entry_id;
pub mod grpc;
pub mod json;
pub mod log;
pub mod reject;

pub use log::Log;
pub use reject::{Reject, RejectKind};

/// The description of the JSON surface, as OpenAPI 3.1 in JSON.
pub const OPENAPI: &str = include_str!("../openapi.json");
