//! What every backend refuses of rows that come after their record.

use bytes::Bytes;
use treering_tlog::{LeafIndex, TreeSize};

use crate::{LogId, StoreError, TIMESTAMP_LEN_MAX, Term};

/// Terms that are put into a log of this size: all of entries that are there.
///
/// # Errors
/// `Refused`, naming the first that is not.
pub(crate) fn check_terms(
    log: LogId,
    size: TreeSize,
    terms: &[(Term, LeafIndex)],
) -> Result<(), StoreError> {
    let beyond = terms.iter().find(|(_, index)| !size.contains(*index));
    match beyond {
        None => Ok(()),
        Some((term, index)) => Err(too_early(&format!("term {term}"), log, size, *index)),
    }
}

/// The same for timestamps, none of which may be too long.
///
/// # Errors
/// `Refused`, naming the first that is not.
pub(crate) fn check_timestamps(
    log: LogId,
    size: TreeSize,
    timestamps: &[(LeafIndex, Bytes)],
) -> Result<(), StoreError> {
    for (index, bytes) in timestamps {
        if !size.contains(*index) {
            return Err(too_early("timestamp", log, size, *index));
        }
        if bytes.len() > TIMESTAMP_LEN_MAX {
            return Err(StoreError::Refused {
                what: format!("timestamp of entry {index} of log {}", log.0),
                expected: format!("at most {TIMESTAMP_LEN_MAX} bytes"),
                found: bytes.len().to_string(),
                remedy: "nothing of this call was kept".into(),
            });
        }
    }
    Ok(())
}

/// Rows of an entry that is not there would show one day at another entry.
fn too_early(what: &str, log: LogId, size: TreeSize, index: LeafIndex) -> StoreError {
    StoreError::Refused {
        what: format!("{what} of log {}", log.0),
        expected: format!("an entry below {size}"),
        found: format!("entry {index}"),
        remedy: "nothing of this call was written; write it after the commit".into(),
    }
}
