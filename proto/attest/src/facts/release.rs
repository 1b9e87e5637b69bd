//! Releases and publications: in-toto's release v0.1 and v0.2, npm's publish attestation, PyPI's, which has no predicate.

use serde::Serialize;

use super::cursor::Cursor;
use super::names;
use super::{Details, Fact, Facts};

/// What a release or publish attestation says; the files are the subjects.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The package URL in normal form.
    pub purl: Fact<String>,
    /// What the registry calls the package, or, in v0.1, the release.
    pub package_id: Fact<String>,
    /// The name (npm).
    pub name: Fact<String>,
    /// The version (npm).
    pub version: Fact<String>,
    /// The registry (npm).
    pub registry: Fact<String>,
}

pub(super) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let text = |name: &str| predicate.get(name).text();
    facts.details = Details::Release(Box::new(Release {
        purl: text("purl").filter_map(|text| names::purl(&text)),
        package_id: text("packageId").and(text("releaseId")),
        name: text("name"),
        version: text("version"),
        registry: text("registry"),
    }));
}
