//! The attestation collection: the predicate that witness writes, a step's name and what was recorded about it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::limits::MAX_ATTESTATIONS;

/// The predicate types of collections: the one that is written, and the one of the domain that its inner types have.
const TYPES: [&str; 2] = [
    "https://witness.testifysec.com/attestation-collection/v0.1",
    "https://witness.dev/attestation-collection/v0.1",
];

/// A collection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Collection {
    /// The step.
    pub name: String,
    /// The types of the attestations, in the order of the document.
    pub attestations: Vec<String>,
}

#[derive(Deserialize)]
struct StatementJson<'a> {
    #[serde(borrow)]
    predicate: &'a RawValue,
}

#[derive(Deserialize)]
struct PredicateJson<'a> {
    name: String,
    #[serde(default, borrow)]
    attestations: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct AttestationJson {
    #[serde(rename = "type")]
    kind: String,
}

/// An object: a list of its members' values, which serde would take for one, is none.
fn object<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<T> {
    let json = json.get();
    json.starts_with('{')
        .then(|| serde_json::from_str(json).ok())?
}

impl Collection {
    /// The collection in a statement; nothing if its predicate is of another type, or of another shape than its type says.
    pub(super) fn read(predicate_type: &str, payload: &[u8]) -> Option<Self> {
        if !TYPES.contains(&predicate_type) {
            return None;
        }
        let statement: StatementJson<'_> = treering_attest::json::parse(payload).ok()?;
        let predicate: PredicateJson<'_> = object(statement.predicate)?;
        if predicate.attestations.len() > MAX_ATTESTATIONS {
            return None;
        }
        let attestations = predicate.attestations.into_iter();
        let types = attestations.map(|json| Some(object::<AttestationJson>(json)?.kind));
        Some(Self {
            attestations: types.collect::<Option<_>>()?,
            name: predicate.name,
        })
    }
}
