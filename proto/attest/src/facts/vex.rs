//! OpenVEX: which vulnerabilities matter for which products.

use serde::Serialize;

use super::cursor::Cursor;
use super::{Details, Fact, Facts};

/// What an OpenVEX document says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vex {
    /// Its id.
    pub id: Fact<String>,
    /// Who says so.
    pub author: Fact<String>,
    /// When, as it is written (RFC 3339).
    pub timestamp: Fact<String>,
    /// What it says.
    pub statements: Fact<Vec<VexStatement>>,
}

/// One statement of an OpenVEX document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VexStatement {
    /// The vulnerability.
    pub vulnerability: Fact<String>,
    /// `not_affected`, `affected`, `fixed` or `under_investigation`, as it is written.
    pub status: Fact<String>,
    /// Why it does not affect.
    pub justification: Fact<String>,
    /// The products, by their ids.
    pub products: Fact<Vec<String>>,
    /// Where it stands.
    pub at: String,
}

pub(super) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    facts.details = Details::Vex(Box::new(Vex {
        id: predicate.get("@id").text(),
        author: predicate.get("author").text(),
        timestamp: predicate.get("timestamp").text(),
        statements: predicate.get("statements").list(|item| statement(&item)),
    }));
}

/// The vulnerability is a text in v0.0, an object since v0.2; so are products.
fn statement(cursor: &Cursor<'_>) -> VexStatement {
    let vulnerability = cursor.get("vulnerability");
    let name = vulnerability.text().and(vulnerability.get("name").text());
    VexStatement {
        vulnerability: name.or(|| vulnerability.get("@id").text()),
        status: cursor.get("status").text(),
        justification: cursor.get("justification").text(),
        products: cursor.get("products").fact(|products| {
            products
                .is_array()
                .then(|| products.items().filter_map(|item| product(&item)).collect())
        }),
        at: cursor.at().to_owned(),
    }
}

fn product(cursor: &Cursor<'_>) -> Option<String> {
    let purl = cursor.path(&["identifiers", "purl"]);
    let id = cursor.get("@id");
    let text = cursor.as_str().or(id.as_str()).or(purl.as_str())?;
    Some(text.to_owned())
}
