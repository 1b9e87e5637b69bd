//! JSON lines: an envelope, bundle or other document a line. Lines that are none of these are reported; the order means nothing.

use super::error::ItemError;
use super::item::Place;
use super::shape::Names;
use super::{Found, items};
use crate::json;

/// The items of lines; nothing if no line is a document of a known shape.
pub(super) fn open(bytes: &[u8]) -> Option<Vec<Found<'_>>> {
    let mut known = false;
    let mut found = Vec::new();
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let place = Place::line(number + 1);
        let names = json::parse::<Names>(line);
        match names.map(|names| (names.shape(), names)) {
            Ok((Some(shape), _)) => {
                known = true;
                found.extend(items(line, shape, &place));
            }
            Ok((None, names)) => found.push(unknown(&place, names.to_string())),
            Err(error) => found.push(unknown(&place, error)),
        }
    }
    known.then_some(found)
}

fn unknown<'a>(place: &Place, found: String) -> Found<'a> {
    place.found(Err(ItemError::shape("an attestation in a line of json")(
        found,
    )))
}
