#![doc = include_str!("../README.md")]
#![deny(clippy::indexing_slicing)]

mod base64;
pub mod bundle;
pub mod certificate;
pub mod container;
pub mod digest;
pub mod envelope;
pub mod facts;
pub mod json;
pub mod keys;
pub mod limits;
mod pem;
pub mod signature;
pub mod statement;
mod strict;
pub mod timestamp;
pub mod vsa;

pub use base64::Base64Error;
pub use bundle::SigstoreBundle;
pub use container::Container;
pub use digest::DigestAlgorithm;
pub use envelope::{Envelope, EnvelopeError, EnvelopeSignature, pae};
pub use keys::{
    KeyAlgorithm, KeyAliases, KeyDigest, KeyError, PublicKey, RsaSizes, VerifierMaterial,
};
pub use pem::PemError;
pub use signature::{SignatureError, verify, verify_digest, verify_pss};
pub use statement::Statement;
pub use timestamp::{TimestampError, verify_response};
