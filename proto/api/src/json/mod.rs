//! The JSON surface: serde structs with the field names of `/v1`, and their conversions from and to the types of
//! [`crate::log`].
//!
//! Hashes are lowercase hexadecimal, leaves base64, indexes, sizes and times JSON numbers; a text that breaks one of
//! these rules is refused while it is parsed. Readers of answers ignore fields they do not know, readers of requests
//! refuse them.

mod batch;
mod error;
mod fields;
mod logs;
mod read;
mod receipt;

pub use batch::{BatchEntryJson, BatchRequestJson, BatchResponseJson, BatchResultJson};
pub use error::{ErrorJson, RejectJson};
pub use fields::{verifier_from_query, verifier_to_query};
pub use logs::{LogInfoJson, LogState, LogsJson};
pub use read::{CheckpointJson, ConsistencyJson, EntryJson, TailLineJson};
pub(crate) use read::{check_entry, read_note};
pub use receipt::{ProofJson, ReceiptJson, SubmittedJson};
