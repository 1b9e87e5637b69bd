//! Answers of registries that list attestations: npm's `{"attestations":[{predicateType, bundle}]}` and GitHub's with
//! `repository_id` beside each bundle.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Found;
use super::error::ItemError;
use super::item::{Claims, Item, Place};
use super::sigstore;
use crate::json;

/// The items of an answer.
pub(super) fn items<'a>(bytes: &'a [u8], place: &Place) -> Vec<Found<'a>> {
    let attestations = match json::parse::<AnswerJson<'a>>(bytes) {
        Ok(answer) => answer.attestations,
        Err(found) => {
            let expected = "a list of attestations, each with its bundle";
            return vec![place.found(Err(ItemError::shape(expected)(found)))];
        }
    };
    let one = |(number, raw): (usize, &'a RawValue)| {
        let place = place.below(format_args!("/attestations/{number}"));
        place.below("/bundle").found(item(raw))
    };
    attestations.into_iter().enumerate().map(one).collect()
}

fn item(raw: &RawValue) -> Result<Item<'_>, ItemError> {
    let json: AttestationJson<'_> = json::parse(raw.get().as_bytes())
        .map_err(ItemError::shape("an attestation with its bundle"))?;
    let bundle = json.bundle.ok_or_else(|| ItemError::Shape {
        expected: "a sigstore bundle in the answer",
        found: match json.bundle_url {
            Some(_) => "the address of one".to_owned(),
            None => "none".to_owned(),
        },
    })?;
    let item = sigstore::item(bundle.get().as_bytes())?;
    Ok(Item {
        claims: Claims {
            predicate_type: json.predicate_type,
            repository_id: json.repository_id,
            publisher: None,
        },
        ..item
    })
}

#[derive(Deserialize)]
struct AnswerJson<'a> {
    #[serde(borrow)]
    attestations: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct AttestationJson<'a> {
    #[serde(rename = "predicateType")]
    predicate_type: Option<String>,
    repository_id: Option<u64>,
    bundle_url: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    bundle: Option<&'a RawValue>,
}
