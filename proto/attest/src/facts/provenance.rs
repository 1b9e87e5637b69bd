//! SLSA provenance v0.1, v0.2 and v1 of every producer that is known: one build, whatever the version.

mod git;
mod v0_1;
mod v0_2;
mod v1;

pub(super) use git::{Source, repository};
pub(super) use v0_1::extract as v0_1;
pub(super) use v0_2::extract as v0_2;
pub(super) use v1::extract as v1;

use super::build::Material;
use super::cursor::Cursor;
use super::fact::Fact;

/// Materials or resolved dependencies.
fn materials(cursor: &Cursor<'_>) -> Fact<Vec<Material>> {
    cursor.list(Material::of)
}

/// The first of several spellings that is there.
fn text(cursor: &Cursor<'_>, names: &[&str]) -> Fact<String> {
    cursor.any(names).text()
}
