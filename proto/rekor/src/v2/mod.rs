//! Rekor v2 (rekor-tiles): `hashedrekord 0.0.2`, its only kind.

pub mod create;
mod encode;
pub mod entry;
pub mod hashedrekord;
mod json;
pub mod key_details;
pub mod log_entry;
mod refused;
pub mod submission;

pub use crate::Refusal;
pub use create::{CreateEntry, DsseRequest};
pub use entry::{Entry, EntryError, EntryKeyDetails};
pub use hashedrekord::{KeyDetailsPolicy, Request, VerifiedRequest, Verifier};
pub use json::RequestError;
pub use key_details::{KeyDetails, KeyDetailsError};
pub use log_entry::TransparencyLogEntry;
pub use refused::RefusedEntry;
pub use submission::{requests_from_bundle, requests_from_envelope, requests_from_submission};

/// `apiVersion` of the entries.
pub const API_VERSION: &str = "0.0.2";
/// `kind` of the entries.
pub const KIND: &str = "hashedrekord";
