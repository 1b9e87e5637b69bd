//! Bare statements, as BuildKit leaves them in image indexes: read and labelled unsigned.

use super::error::ItemError;
use super::item::{Content, Item, Kind};
use crate::statement::Statement;

pub(super) fn item(bytes: &[u8]) -> Result<Item<'_>, ItemError> {
    Statement::parse(bytes)?;
    Ok(Item::new(Kind::Statement, bytes, Content::Statement(bytes)))
}
