//! Facts: of every recorded statement, field by field; of generated ones of the families that nobody recorded; of what is hostile.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what tests share panics as tests do"
)]

mod builds;
mod families;
mod recorded;
mod registries;
mod sboms;
mod tekton;
mod tekton_rows;
mod traps;

use std::fs;
use std::path::{Path, PathBuf};

use treering_attest::container::{Item, open};
use treering_attest::facts::{Details, Fact, Facts, Tekton};

/// The bytes of a vector.
fn read(path: &str) -> Vec<u8> {
    fs::read(vectors(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn vectors(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(path)
}

/// The facts of an item of a container, by its number.
fn facts_of(bytes: &[u8], index: usize) -> Facts {
    let items: Vec<Item<'_>> = open(bytes)
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect();
    Facts::of_item(&items[index]).unwrap()
}

/// The facts of the only item of a vector.
fn facts(path: &str) -> Facts {
    facts_of(&read(path), 0)
}

/// The facts of a statement that is made here.
fn of(predicate_type: &str, predicate: &serde_json::Value) -> Facts {
    let statement = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": predicate_type, "predicate": predicate,
    });
    Facts::of_statement(statement.to_string().as_bytes()).unwrap()
}

/// A fact that is stated, as text; nothing if it is unknown. An ambiguous one fails the test.
fn stated(fact: &Fact<String>) -> Option<&str> {
    assert!(fact.is_unknown() || fact.value().is_some(), "{fact:?}");
    fact.value().map(String::as_str)
}

fn tekton(facts: &Facts) -> &Tekton {
    let Details::Tekton(tekton) = &facts.details else {
        panic!("it is provenance of tekton: {:?}", facts.details)
    };
    tekton
}

/// Checks that what a pointer names in a document is the text.
fn says(document: &serde_json::Value, at: &str, text: &str) {
    assert_eq!(
        document.pointer(at).and_then(serde_json::Value::as_str),
        Some(text),
        "{at}"
    );
}
