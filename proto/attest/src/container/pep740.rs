//! PEP 740: attestations of the Python package index, and the provenance objects in which it serves them. A signature is that of
//! DSSE over a statement, in an envelope of another form; what the object says around it is the index' word.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Found;
use super::error::{ItemError, base64};
use super::item::{Claims, Content, Item, ItemSignature, Kind, Place};
use crate::bundle::{TlogEntryJson, tlog_entry};
use crate::json;
use crate::limits::{MAX_CONTAINER, MAX_KEY, MAX_SIGNATURE, MAX_TLOG_ENTRIES};

const ATTESTATION: &str = "a pep 740 attestation of version 1";
const PROVENANCE: &str = "a pep 740 provenance object of version 1";

pub(super) fn item(bytes: &[u8]) -> Result<Item<'_>, ItemError> {
    let json: AttestationJson<'_> = json::parse(bytes).map_err(ItemError::shape(ATTESTATION))?;
    version(ATTESTATION, json.version)?;
    let entries = json.verification_material.transparency_entries;
    ItemError::within("transparency entries", entries.len(), 0, MAX_TLOG_ENTRIES)?;
    let statement = base64(
        "envelope.statement",
        &json.envelope.statement,
        MAX_CONTAINER,
    )?;
    let signature = ItemSignature {
        signature: base64(
            "envelope.signature",
            &json.envelope.signature,
            MAX_SIGNATURE,
        )?,
        certificates: vec![base64(
            "verification_material.certificate",
            &json.verification_material.certificate,
            MAX_KEY,
        )?],
        ..ItemSignature::default()
    };
    ItemError::within(
        "bytes of signature",
        signature.signature.len(),
        1,
        MAX_SIGNATURE,
    )?;
    Ok(Item {
        signatures: vec![signature],
        log_entries: entries
            .into_iter()
            .map(tlog_entry)
            .collect::<Result<_, _>>()?,
        ..Item::new(Kind::Pep740, bytes, Content::DetachedStatement(statement))
    })
}

/// Every attestation of a provenance object.
pub(super) fn provenance<'a>(bytes: &'a [u8], place: &Place) -> Vec<Found<'a>> {
    let parsed = json::parse::<ProvenanceJson<'a>>(bytes)
        .map_err(ItemError::shape(PROVENANCE))
        .and_then(|json| version(PROVENANCE, json.version).map(|()| json.attestation_bundles));
    let bundles = match parsed {
        Ok(bundles) => bundles,
        Err(error) => return vec![place.found(Err(error))],
    };
    let mut found = Vec::new();
    for (number, raw) in bundles.into_iter().enumerate() {
        let place = place.below(format_args!("/attestation_bundles/{number}"));
        match json::parse::<BundleJson<'a>>(raw.get().as_bytes()) {
            Ok(bundle) => found.extend(attestations(&bundle, &place)),
            Err(error) => {
                let expected = "publisher and attestations of a pep 740 provenance object";
                found.push(place.found(Err(ItemError::shape(expected)(error))));
            }
        }
    }
    found
}

fn attestations<'a>(bundle: &BundleJson<'a>, place: &Place) -> Vec<Found<'a>> {
    let publisher = bundle.publisher.map(|raw| raw.get().to_owned());
    let one = |(number, raw): (usize, &&'a RawValue)| {
        let place = place.below(format_args!("/attestations/{number}"));
        let mut found = place.found(item(raw.get().as_bytes()));
        if let Ok(item) = &mut found {
            item.claims = Claims {
                publisher: publisher.clone(),
                ..Claims::default()
            };
        }
        found
    };
    bundle.attestations.iter().enumerate().map(one).collect()
}

fn version(expected: &'static str, version: u64) -> Result<(), ItemError> {
    match version {
        1 => Ok(()),
        other => Err(ItemError::Shape {
            expected,
            found: format!("version {other}"),
        }),
    }
}

#[derive(Deserialize)]
struct ProvenanceJson<'a> {
    version: u64,
    #[serde(borrow)]
    attestation_bundles: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct BundleJson<'a> {
    #[serde(borrow)]
    publisher: Option<&'a RawValue>,
    #[serde(borrow)]
    attestations: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct AttestationJson<'a> {
    version: u64,
    #[serde(borrow)]
    verification_material: MaterialJson<'a>,
    #[serde(borrow)]
    envelope: EnvelopeJson<'a>,
}

#[derive(Deserialize)]
struct MaterialJson<'a> {
    #[serde(borrow)]
    certificate: Cow<'a, str>,
    #[serde(borrow)]
    transparency_entries: Vec<TlogEntryJson<'a>>,
}

#[derive(Deserialize)]
struct EnvelopeJson<'a> {
    #[serde(borrow)]
    statement: Cow<'a, str>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
}
