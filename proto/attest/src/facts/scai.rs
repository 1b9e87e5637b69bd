//! SCAI: attributes of supply-chain components, each with what shows it.

use serde::Serialize;

use super::cursor::Cursor;
use super::{Details, Fact, Facts, Material};

/// What a SCAI report says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scai {
    /// The attributes.
    pub attributes: Fact<Vec<AttributeAssertion>>,
    /// Who made what the attributes are of.
    pub producer: Fact<Material>,
}

/// An attribute of something.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeAssertion {
    /// The attribute.
    pub attribute: Fact<String>,
    /// What has it; the subject if nothing is named.
    pub target: Fact<Material>,
    /// What shows it.
    pub evidence: Fact<Material>,
    /// Where it stands.
    pub at: String,
}

pub(super) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    facts.details = Details::Scai(Box::new(Scai {
        attributes: predicate.get("attributes").list(|item| AttributeAssertion {
            attribute: item.get("attribute").text(),
            target: resource(&item.get("target")),
            evidence: resource(&item.get("evidence")),
            at: item.at().to_owned(),
        }),
        producer: resource(&predicate.get("producer")),
    }));
}

fn resource(cursor: &Cursor<'_>) -> Fact<Material> {
    cursor.fact(|cursor| cursor.is_object().then(|| Material::of(cursor.clone())))
}
