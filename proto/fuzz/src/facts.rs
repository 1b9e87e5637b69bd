//! What `treering-attest` takes out of attestations: containers into items, items into facts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use treering_attest::container::{self, Item};
use treering_attest::facts::{Details, Facts, components};
use treering_attest::vsa::Summary;

/// A container: each item is a part of it, and by itself one item, too.
pub fn container(data: &[u8]) {
    let Ok(found) = container::open(data) else {
        return;
    };
    let mut places = Vec::new();
    for found in found {
        let place = match found {
            Ok(item) => {
                one(data, &item);
                item.place
            }
            Err(bad) => {
                assert!(!bad.to_string().is_empty());
                bad.place
            }
        };
        assert!(!places.contains(&place), "two items at {place}");
        places.push(place);
    }
}

fn one(data: &[u8], item: &Item<'_>) {
    let within = data.as_ptr_range();
    let part = item.bytes.as_ptr_range();
    assert!(within.start <= part.start && part.end <= within.end);
    let again = container::open(item.bytes).expect("the same kind by itself");
    assert_eq!(again.len(), 1);
    assert_eq!(
        item.payload().is_none(),
        item.payload_type().is_none() && is_message(item)
    );
    assert!(item.is_signed() || item.signed_bytes().is_none());
}

fn is_message(item: &Item<'_>) -> bool {
    matches!(item.content, container::Content::Message(_))
}

/// A statement, or the payloads of a container: every place that a fact names is there, and components are as many as counted.
pub fn facts(data: &[u8]) {
    statement(data);
    let Ok(found) = container::open(data) else {
        return;
    };
    for item in found.into_iter().flatten() {
        let Some(payload) = item.payload() else {
            continue;
        };
        statement(&payload);
        if let Ok(facts) = Facts::of_item(&item)
            && let Ok(document) = serde_json::from_slice(&payload)
        {
            places(&facts, &document);
        }
    }
}

fn statement(payload: &[u8]) {
    let mut count = 0_u64;
    let components = components(payload, &mut |_| count += 1);
    let Ok(facts) = Facts::of_statement(payload) else {
        return;
    };
    let sbom = components.expect("it has given facts");
    if let (Some(sbom), Details::Sbom(same)) = (&sbom, &facts.details) {
        assert_eq!(sbom, same.as_ref());
        let counted: u64 = sbom
            .components
            .candidates()
            .iter()
            .map(|stated| stated.value)
            .sum();
        assert!(counted <= count, "{counted} components of {count}");
    }
    // Members that are ignored may hold what serde_json reads nowhere else, such as 1e999.
    if let Ok(document) = serde_json::from_slice(payload) {
        places(&facts, &document);
    }
    if let Some(written) = summary(&facts) {
        let again = Facts::of_statement(&written).expect("what is written is a statement");
        assert_eq!(summary(&again), Some(written));
    }
}

/// A verification summary that is complete, as it would be written.
fn summary(facts: &Facts) -> Option<Vec<u8>> {
    let summary = Summary::from_facts(facts).ok()?;
    Some(summary.to_statement().expect("reading has checked it"))
}

/// Every `at` of the facts leads somewhere in the document.
fn places(facts: &Facts, document: &Value) {
    let written = serde_json::to_value(facts).expect("facts have text for names");
    let mut left = vec![&written];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(members) => {
                // A parameter's value is the document's own: what it calls `at` is not ours.
                let own = members.iter().filter(|(name, _)| *name != "value");
                for (name, member) in own {
                    match member {
                        Value::String(at) if name == "at" => {
                            assert!(leads(document, at), "{at:?} leads nowhere");
                        }
                        member => left.push(member),
                    }
                }
            }
            _ => {}
        }
    }
}

fn leads(document: &Value, at: &str) -> bool {
    // A `#` may also be part of a name; then the whole is a pointer.
    if document.pointer(at).is_some() {
        return true;
    }
    let inside = |(hash, _): (usize, &str)| {
        let (outer, inner) = (at.get(..hash)?, at.get(hash + 1..)?);
        let bytes = STANDARD.decode(document.pointer(outer)?.as_str()?).ok()?;
        let document: Value = serde_json::from_slice(&bytes).ok()?;
        document.pointer(inner).map(drop)
    };
    at.match_indices('#').any(|hash| inside(hash).is_some())
}
