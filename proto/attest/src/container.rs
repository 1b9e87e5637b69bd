//! What holds attestations, recognised by its shape: one document, or several in one file, each with the exact bytes it had, what was
//! signed, by what, and where it was logged. Nothing is verified here.

use crate::json;
use crate::limits::{MAX_CONTAINER, MAX_ITEMS};

mod answers;
mod canonical;
mod dsse;
mod error;
mod item;
mod lines;
mod link;
mod outer;
mod pep740;
mod shape;
mod sigstore;
mod simple_signing;
mod statement;

pub use error::{BadItem, ContainerError, ItemError};
pub use item::{Claims, Content, Item, ItemSignature, Kind, Place};
pub use outer::{Container, detect, guess};

use shape::{Names, Shape};

/// An item, or why what stands in its place is none.
pub type Found<'a> = Result<Item<'a>, BadItem>;

/// Opens a container: one item of most, several of provenance objects (PEP 740), of answers of npm and GitHub, and of JSON lines. An
/// item that cannot be read is reported by its place and takes no other with it.
///
/// # Errors
/// [`ContainerError`]: too large, or of no kind that is known.
pub fn open(bytes: &[u8]) -> Result<Vec<Found<'_>>, ContainerError> {
    if bytes.len() > MAX_CONTAINER {
        return Err(ContainerError::TooLarge { found: bytes.len() });
    }
    let found = match json::parse::<Names>(bytes) {
        Ok(names) => document(bytes, &names)?,
        Err(found) => lines::open(bytes).ok_or(ContainerError::Unknown { found })?,
    };
    if found.len() > MAX_ITEMS {
        return Err(ContainerError::Items { found: found.len() });
    }
    Ok(found)
}

/// The items of one JSON document.
fn document<'a>(bytes: &'a [u8], names: &Names) -> Result<Vec<Found<'a>>, ContainerError> {
    let shape = names.shape().ok_or_else(|| ContainerError::Unknown {
        found: names.to_string(),
    })?;
    Ok(items(bytes, shape, &Place::default()))
}

/// The items of a JSON document of a known shape.
fn items<'a>(bytes: &'a [u8], shape: Shape, place: &Place) -> Vec<Found<'a>> {
    let one = |item: Result<Item<'a>, ItemError>| vec![place.found(item)];
    let bytes = bytes.trim_ascii();
    match shape {
        Shape::Envelope => one(dsse::item(bytes)),
        Shape::Bundle => one(sigstore::item(bytes)),
        Shape::Pep740 => one(pep740::item(bytes)),
        Shape::Provenance => pep740::provenance(bytes, place),
        Shape::Answers => answers::items(bytes, place),
        Shape::SimpleSigning => one(simple_signing::item(bytes)),
        Shape::SimpleSigningPayload => one(simple_signing::payload(bytes)),
        Shape::Link => one(link::item(bytes)),
        Shape::Statement => one(statement::item(bytes)),
    }
}
