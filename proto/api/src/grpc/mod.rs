//! The gRPC surface: the generated code, and its conversions from and to the types of [`crate::log`].

mod answers;
mod fields;
mod refuse;
pub mod rekor_v2;
mod requests;

pub use refuse::REJECT_KEY;

/// The generated messages, client and server of `treering.v1`.
#[expect(missing_docs, reason = "generated code; the comments are in log.proto")]
#[expect(unused_qualifications, reason = "generated code")]
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
#[expect(clippy::too_many_lines, reason = "generated code")]
pub mod pb {
    tonic::include_proto!("treering.v1");
}

/// The encoded file descriptor set of `treering.v1`, for server reflection.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/treering.bin"));

/// The largest message, in bytes, that a client should let through: a batch at the server's default limits. tonic's own
/// default of 4 MiB is too small for one envelope.
pub const MAX_MESSAGE_LEN: usize = 256 * 1024 * 1024;
