//! Single values as messages carry them, checked on the way in: lengths of hashes, ranges of numbers, presence.

use bytes::Bytes;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::log::LogName;
use crate::reject::Reject;

pub(super) fn hash_bytes(hash: &Hash) -> Bytes {
    Bytes::copy_from_slice(hash.as_bytes())
}

pub(super) fn hash(field: &str, bytes: &[u8]) -> Result<Hash, Reject> {
    let found = || {
        Reject::malformed(
            format!("{field} of {} bytes", Hash::LEN),
            format!("{} bytes", bytes.len()),
        )
    };
    Hash::try_from(bytes).map_err(|_| found())
}

pub(super) fn hashes(field: &str, list: &[Bytes]) -> Result<Vec<Hash>, Reject> {
    list.iter().map(|bytes| hash(field, bytes)).collect()
}

pub(super) fn index(field: &str, number: u64) -> Result<LeafIndex, Reject> {
    LeafIndex::new(number)
        .ok_or_else(|| Reject::malformed(format!("{field} below 2^63"), number.to_string()))
}

pub(super) fn size(field: &str, number: u64) -> Result<TreeSize, Reject> {
    TreeSize::new(number)
        .ok_or_else(|| Reject::malformed(format!("{field} up to 2^63-1"), number.to_string()))
}

pub(super) fn present<T>(field: &str, value: Option<T>) -> Result<T, Reject> {
    value.ok_or_else(|| Reject::malformed(format!("field {field}"), "none"))
}

/// The log that a request names, if it names one.
///
/// # Errors
/// `Malformed` for a name that no log can have.
pub(super) fn log_name(name: Option<&str>) -> Result<Option<LogName>, Reject> {
    name.map(LogName::new).transpose()
}
