//! Software bills of materials, SPDX 2 and 3 and CycloneDX, read as a stream: each component goes to a callback and is forgotten, so
//! that a document of any size takes the memory of its largest component. What the document says of itself are its facts.

use std::borrow::Cow;

use serde::Serialize;

use super::digests::Digest;
use super::extract::FactsError;
use super::fact::Fact;
use super::{Class, Details, Facts, class};
use crate::statement::Statement;

mod cyclonedx;
mod spdx;
mod stream;

/// What a bill of materials says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sbom {
    /// Its format.
    pub format: SbomFormat,
    /// The version of the format: `SPDX-2.3`, `1.6`.
    pub spec_version: Fact<String>,
    /// Its name; of CycloneDX the name of what it is about.
    pub name: Fact<String>,
    /// What tells it from every other: SPDX's namespace or id, CycloneDX's serial number.
    pub namespace: Fact<String>,
    /// What made it: tools with their versions, as far as they are texts.
    pub tools: Fact<Vec<String>>,
    /// When it was made, as it is written (RFC 3339).
    pub created: Fact<String>,
    /// The package URL of what it is about, as it is written (CycloneDX).
    pub root_purl: Fact<String>,
    /// How many components it lists, nested ones too (SPDX: packages).
    pub components: Fact<u64>,
}

/// The format of a bill of materials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SbomFormat {
    /// SPDX 2 and 3 in JSON.
    Spdx,
    /// CycloneDX in JSON.
    CycloneDx,
}

/// A component of a bill of materials, borrowed from its text where it can be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Component<'a> {
    /// Its name.
    pub name: Option<Cow<'a, str>>,
    /// Its version.
    pub version: Option<Cow<'a, str>>,
    /// Its package URL, as it is written; see [`purl`](super::purl).
    pub purl: Option<Cow<'a, str>>,
    /// Its digests, at most [`MAX_DIGESTS`](crate::limits::MAX_DIGESTS).
    pub digests: Vec<Digest>,
    /// Where it stands.
    pub at: String,
}

impl Sbom {
    fn new(format: SbomFormat) -> Self {
        Self {
            format,
            spec_version: Fact::Unknown,
            name: Fact::Unknown,
            namespace: Fact::Unknown,
            tools: Fact::Unknown,
            created: Fact::Unknown,
            root_purl: Fact::Unknown,
            components: Fact::Unknown,
        }
    }
}

/// Reads a bill of materials that stands at the JSON pointer `at` of its document (empty: it is the document), and hands over each
/// component as soon as it has been read.
///
/// # Errors
/// What was found instead of such a document, with line and column. Components before that have been handed over.
pub fn read_sbom<'a>(
    format: SbomFormat,
    text: &'a str,
    at: &str,
    each: &mut dyn FnMut(Component<'a>),
) -> Result<Sbom, String> {
    match format {
        SbomFormat::Spdx => spdx::read(text, at, each),
        SbomFormat::CycloneDx => cyclonedx::read(text, at, each),
    }
}

/// Reads the components of a statement whose predicate is a bill of materials; nothing if it is another.
///
/// # Errors
/// [`FactsError`]. Components before what is wrong have been handed over.
pub fn components<'a>(
    payload: &'a [u8],
    each: &mut dyn FnMut(Component<'a>),
) -> Result<Option<Sbom>, FactsError> {
    let (statement, predicate) = Statement::parse_with_predicate(payload)?;
    let Some(predicate) = predicate else {
        return Ok(None);
    };
    if class::find(&statement.predicate_type).0 != Class::Sbom {
        return Ok(None);
    }
    let format = if statement.predicate_type.contains("cyclonedx") {
        SbomFormat::CycloneDx
    } else {
        SbomFormat::Spdx
    };
    let at = format!("/{}", predicate.member);
    let read = read_sbom(format, predicate.text, &at, each);
    read.map(Some).map_err(|found| FactsError::Json {
        expected: "a bill of materials",
        found,
    })
}

/// The extractor of SPDX.
pub(super) fn spdx(text: &str, at: &str, facts: &mut Facts) -> Result<(), String> {
    document(SbomFormat::Spdx, text, at, facts)
}

/// The extractor of CycloneDX.
pub(super) fn cyclonedx(text: &str, at: &str, facts: &mut Facts) -> Result<(), String> {
    document(SbomFormat::CycloneDx, text, at, facts)
}

fn document(format: SbomFormat, text: &str, at: &str, facts: &mut Facts) -> Result<(), String> {
    let sbom = read_sbom(format, text, at, &mut |_| ())?;
    facts.details = Details::Sbom(Box::new(sbom));
    Ok(())
}
