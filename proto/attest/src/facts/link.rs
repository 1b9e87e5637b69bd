//! Links: what a step of a supply chain took and made. In-toto's first signed format, the same as a predicate (`Link/v*`), and the
//! predicate link v0.3 with a list of resource descriptors.

use serde::Serialize;

use super::build::Material;
use super::cursor::Cursor;
use super::digests::Digest;
use super::fact::Fact;
use super::names;
use super::subject::Subject;
use super::{Details, Facts};

/// What a link says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkFacts {
    /// The name of the step.
    pub name: Fact<String>,
    /// What was run.
    pub command: Fact<Vec<String>>,
    /// What it ended with.
    pub return_value: Fact<u64>,
    /// What it made, where the link says so itself; in a statement they are the subjects.
    pub products: Fact<Vec<Product>>,
}

/// What a step made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Its path.
    pub path: String,
    /// Its digests.
    pub digests: Vec<Digest>,
    /// Where it stands.
    pub at: String,
}

pub(super) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let materials = predicate.get("materials");
    facts.materials = if materials.is_array() {
        materials.list(Material::of)
    } else {
        artifacts(&materials, |path, digests| Material {
            name: Fact::stated(path.to_owned(), digests.at()),
            uri: Fact::Unknown,
            purl: names::purl(path).map_or(Fact::Unknown, |purl| Fact::stated(purl, digests.at())),
            digests: digests.digests(),
            at: digests.at().to_owned(),
        })
    };
    facts.details = Details::Link(Box::new(LinkFacts {
        name: predicate.get("name").text(),
        command: predicate.get("command").texts(),
        return_value: predicate.path(&["byproducts", "return-value"]).integer(),
        products: artifacts(&predicate.get("products"), |path, digests| Product {
            path: path.to_owned(),
            digests: digests.digests(),
            at: digests.at().to_owned(),
        }),
    }));
}

/// The `signed` part of a link in the first format: its products are what it is about.
pub(super) fn extract_signed(signed: &Cursor<'_>, facts: &mut Facts) {
    extract(signed, facts);
    let products = signed.get("products");
    let products = products.members().map(|(path, digests)| Subject {
        digests: digests.digests(),
        ..Subject::named(
            Fact::stated(path.to_owned(), digests.at()),
            Fact::Unknown,
            digests.at(),
        )
    });
    facts.subjects = products.collect();
}

/// `{PATH: {ALGORITHM: VALUE}}`.
fn artifacts<T>(cursor: &Cursor<'_>, of: impl Fn(&str, &Cursor<'_>) -> T) -> Fact<Vec<T>> {
    cursor.fact(|cursor| {
        let members = cursor.members();
        cursor
            .is_object()
            .then(|| members.map(|(path, digests)| of(path, &digests)).collect())
    })
}
