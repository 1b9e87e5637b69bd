//! JSON documents as all parsers here and in `treering-rekor` read them.

use serde::Deserialize;

/// Parses a whole document. Unlike `serde_json::from_slice`, it refuses text that is not UTF-8 also where it is skipped.
///
/// # Errors
/// What was found instead, with line and column.
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("bytes that are not utf-8 at offset {}", error.valid_up_to()))?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}
