//! The attestation collection: the predicate that witness writes, a step's name and what was recorded about it.

use serde::Deserialize;

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
struct StatementJson {
    predicate: PredicateJson,
}

#[derive(Deserialize)]
struct PredicateJson {
    name: String,
    #[serde(default)]
    attestations: Vec<AttestationJson>,
}

#[derive(Deserialize)]
struct AttestationJson {
    #[serde(rename = "type")]
    kind: String,
}

impl Collection {
    /// The collection in a statement; nothing if its predicate is of another type, or of another shape than its type says.
    pub(super) fn read(predicate_type: &str, payload: &[u8]) -> Option<Self> {
        if !TYPES.contains(&predicate_type) {
            return None;
        }
        let statement: StatementJson = treering_attest::json::parse(payload).ok()?;
        let attestations = statement.predicate.attestations;
        (attestations.len() <= MAX_ATTESTATIONS).then(|| Self {
            name: statement.predicate.name,
            attestations: attestations.into_iter().map(|item| item.kind).collect(),
        })
    }
}
