//! Rekor v1: `hashedrekord 0.0.1`, `dsse 0.0.1`, `intoto 0.0.1` and `0.0.2`, `rekord 0.0.1`, `rfc3161 0.0.1`,
//! `cose 0.0.1`.
//!
//! [`ProposedEntry`] is what was asked, [`VerifiedEntry`] one whose signatures verified and whose leaf fits, [`Entry`] a leaf as
//! readers see it. [`Rejected`] is the answer to a request that is refused: status, code, message. What upstream (v1.5.4) does is
//! done here, also where it is lenient, as the leaf must be byte for byte the same; where it is done otherwise, the README says why.

pub mod attestation;
mod base64;
mod cbor;
pub mod cose;
mod detached;
pub mod dsse;
pub mod entry;
mod envelope;
pub mod hashedrekord;
pub mod ids;
pub mod index;
pub mod intoto_v001;
pub mod intoto_v002;
mod json;
pub mod log_key;
mod member;
mod minisign;
mod pem;
pub mod proposed;
pub mod query;
pub mod refused;
pub mod rejected;
pub mod rekord;
pub mod retrieve;
pub mod rfc3161;
pub mod schema;
pub mod search;
mod sign1;
mod ssh;
pub mod submission;
mod verified;
pub mod verifier;
pub mod wire;

pub use crate::Refusal;
pub use attestation::{MAX_ATTESTATION, attestation};
pub use base64::IllegalBase64;
pub use entry::{Entry, EntryError, HashValue};
pub use envelope::MAX_ATTEMPTS;
pub use ids::{EntryId, EntryKey, TreeId};
pub use index::{MAX_INDEX_KEYS, index_keys};
pub use log_key::{LogKey, LogKeyError, Tree};
pub use proposed::{ProposedEntry, kinds};
pub use query::{NamedTree, ProofRange, Query};
pub use refused::{KeyRefused, RefusedEntry};
pub use rejected::{ApiError, Rejected};
pub use retrieve::{MAX_RETRIEVED, Retrieve};
pub use schema::{SchemaError, SchemaErrors};
pub use search::{Operator, SearchIndex};
pub use submission::{
    entry_beside_envelope, entry_from_bundle, entry_from_envelope, entry_from_submission,
};
pub use verified::{Parts, VerifiedEntry};
pub use verifier::{Keys, Uncached, Verifier};
