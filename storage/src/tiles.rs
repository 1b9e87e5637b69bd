//! What every backend owes whoever asks for a hash tile.

use std::fmt::Display;

use treering_tlog::tile::{TILE_HEIGHT, TILE_WIDTH};
use treering_tlog::{Hash, TreeSize};

use crate::{LogId, StoreError};

/// The bytes of a full tile.
const TILE_LEN: usize = TILE_WIDTH as usize * Hash::LEN;

/// Whether all leaves below that tile are in a tree of this size.
pub(crate) fn is_full(level: u8, index: u64, size: TreeSize) -> bool {
    let hashes = level
        .checked_mul(TILE_HEIGHT)
        .and_then(|shift| size.get().checked_shr(shift.into()));
    let (Some(hashes), Some(end)) = (hashes, index.checked_add(1)) else {
        return false;
    };
    end.checked_mul(TILE_WIDTH.into())
        .is_some_and(|end| end <= hashes)
}

/// The row of a tile that is full.
///
/// # Errors
/// `Corrupt` if it is not there or has another length.
pub(crate) fn full<T: AsRef<[u8]>>(
    log: LogId,
    level: u8,
    index: u64,
    row: Option<T>,
) -> Result<T, StoreError> {
    let corrupt = |found: &dyn Display| {
        StoreError::corrupt(
            name(log, level, index),
            format_args!("{TILE_LEN} bytes"),
            found,
        )
    };
    let row = row.ok_or_else(|| corrupt(&"no row"))?;
    match row.as_ref().len() {
        TILE_LEN => Ok(row),
        found => Err(corrupt(&format_args!("{found} bytes"))),
    }
}

/// What a tile is called in a message.
pub(crate) fn name(log: LogId, level: u8, index: u64) -> String {
    format!("tile of log {} at level {level}, index {index}", log.0)
}
