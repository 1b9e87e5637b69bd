//! Simple verification results: what a verifier found to hold. They cannot say that something failed.

use serde::Serialize;

use super::cursor::Cursor;
use super::vsa::Policy;
use super::{Details, Fact, Facts};

/// What a simple verification result says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Svr {
    /// Who verified.
    pub verifier: Fact<String>,
    /// By which policies.
    pub policies: Fact<Vec<Policy>>,
    /// When it was made, as it is written (RFC 3339).
    pub time_created: Fact<String>,
    /// What holds.
    pub properties: Fact<Vec<String>>,
}

pub(super) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let verifier = predicate.get("verifier");
    facts.details = Details::Svr(Box::new(Svr {
        verifier: verifier.get("id").text(),
        policies: verifier.get("policies").list(|policy| Policy {
            uri: policy.get("uri").text(),
            digests: policy.get("digest").digest_fact(),
        }),
        time_created: predicate.get("timeCreated").text(),
        properties: predicate.get("properties").texts(),
    }));
}
