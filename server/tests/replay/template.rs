//! An answer against what the recorded server answered.
//!
//! No difference are: texts of messages, what caches are told beyond `no-store`, headers that were not there, the order of lists
//! in headers, and parameters of a content type. Every other member, header and status is one. What proves an entry is a text
//! here; `proofs` verifies it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::corpus::{BodyKind, Case, Expect};
use super::state::State;
use super::support::Answer;

/// Headers about caches and proxies that carry nothing of the answer.
const PASSED_OVER: [&str; 5] = [
    "vary",
    "pragma",
    "expires",
    "x-accel-expires",
    "content-encoding",
];

/// What differs, and where.
#[derive(Default)]
struct Found {
    differences: Vec<String>,
}

pub(crate) fn compare(state: &State, case: &Case, answer: &Answer) -> Vec<String> {
    let mut found = Found::default();
    let expect = &case.expect;
    if answer.status != expect.status {
        found.differ("status", expect.status, answer.status);
        return found.differences;
    }
    for (name, value) in &expect.headers {
        found.header(name, &state.fill(value), answer.header(name).as_deref());
    }
    for name in ["etag", "location"] {
        if !expect.headers.contains_key(name) && [201, 409].contains(&answer.status) {
            found.equal(name, &None, &answer.header(name));
        }
    }
    found.body(state, expect, answer);
    found.differences
}

/// Whether an answer has the form of Rekor v1's errors.
pub(crate) fn is_error(answer: &Answer) -> bool {
    let json = answer.json().unwrap_or_default();
    let members = json.as_object().map_or(0, Map::len);
    members == 2 && json["code"].is_u64() && json["message"].is_string()
}

/// Whether a member of a template says what must be there, instead of being it.
fn matcher(map: &Map<String, Value>) -> bool {
    map.keys()
        .any(|key| key.starts_with('$') && !key.starts_with("${"))
}

fn tokens(list: &str) -> BTreeSet<String> {
    list.split(',')
        .map(|token| token.trim().to_ascii_lowercase())
        .collect()
}

fn media_type(value: &str) -> String {
    let (essence, _) = value.split_once(';').unwrap_or((value, ""));
    essence.trim().to_ascii_lowercase()
}

impl Found {
    fn differ(&mut self, place: &str, expected: impl std::fmt::Debug, found: impl std::fmt::Debug) {
        self.differences
            .push(format!("{place}: expected {expected:?}, found {found:?}"));
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, place: &str, expected: &T, found: &T) {
        if expected != found {
            self.differ(place, expected, found);
        }
    }

    fn header(&mut self, name: &str, expected: &str, found: Option<&str>) {
        if PASSED_OVER.contains(&name) || (name == "content-type" && expected.is_empty()) {
            return;
        }
        let Some(value) = found else {
            return self.differ(name, expected, "none");
        };
        let same = match name {
            "content-type" => media_type(value) == media_type(expected),
            "cache-control" => tokens(value).contains("no-store"),
            "allow" | "access-control-allow-methods" | "access-control-allow-headers" => {
                tokens(expected) == tokens(value)
            }
            _ => value == expected,
        };
        if !same {
            self.differ(name, expected, value);
        }
    }

    fn body(&mut self, state: &State, expect: &Expect, answer: &Answer) {
        let text = answer.text();
        match expect.body_kind {
            BodyKind::Json => match answer.json() {
                Some(json) => self.value(state, "body", &expect.body, &json),
                None => self.differ("body", "json", text),
            },
            BodyKind::Empty => self.equal("body", &String::new(), &text),
            BodyKind::Text => {
                let expected = state.fill(expect.body.as_str().unwrap());
                self.equal("body", &expected, &text);
            }
            BodyKind::Pubkey => self.equal("body", &state.pem.trim(), &text.trim()),
            BodyKind::PubkeyJson => {
                let json = answer.json().unwrap_or_default();
                let pem = json.as_str().unwrap_or_default();
                self.equal("body", &state.pem.trim(), &pem.trim());
            }
            BodyKind::Length if text.is_empty() => self.differ("body", "a text", text),
            BodyKind::Length => {}
        }
    }

    fn value(&mut self, state: &State, place: &str, expected: &Value, found: &Value) {
        match (expected, found) {
            (Value::Object(template), _) if matcher(template) => {
                self.matched(state, place, template, found);
            }
            (Value::Object(template), Value::Object(members)) => {
                let filled = template.iter().map(|(name, v)| (state.fill(name), v));
                let template: BTreeMap<String, &Value> = filled.collect();
                let names = template.keys().chain(members.keys());
                for name in names.collect::<BTreeSet<_>>() {
                    let place = format!("{place}.{name}");
                    match (template.get(name), members.get(name)) {
                        (Some(expected), Some(found)) => self.value(state, &place, expected, found),
                        (expected, found) => self.differ(&place, expected, found),
                    }
                }
            }
            (Value::Array(template), Value::Array(elements)) => {
                self.equal(place, &template.len(), &elements.len());
                for (i, (expected, found)) in template.iter().zip(elements).enumerate() {
                    self.value(state, &format!("{place}[{i}]"), expected, found);
                }
            }
            (Value::String(text), _) => self.equal(place, &Value::from(state.fill(text)), found),
            _ => self.equal(place, expected, found),
        }
    }

    fn matched(
        &mut self,
        state: &State,
        place: &str,
        template: &Map<String, Value>,
        found: &Value,
    ) {
        let names = template.iter().find(|(name, _)| name.starts_with('$'));
        let (name, value) = names.unwrap();
        match name.as_str() {
            "$msg" => {
                let parts = template.get("must").and_then(Value::as_array);
                let parts = parts.into_iter().flatten().filter_map(Value::as_str);
                let text = found.as_str();
                for part in parts.map(|part| state.fill(part)).chain([String::new()]) {
                    if !text.is_some_and(|text| text.contains(&part)) {
                        self.differ(place, part, found);
                    }
                }
            }
            "$time" if found.is_u64() => {}
            "$checkpoint" | "$sig" if found.as_str().is_some_and(|text| !text.is_empty()) => {}
            "$time" | "$checkpoint" | "$sig" => self.differ(place, name, found),
            "$v" | "$l" | "$size" | "$logsize" | "$hash" | "$hashes" => {
                self.equal(place, value, found);
            }
            "$any" => {}
            "$set" => self.set(state, place, value, found),
            other => panic!("matcher {other}"),
        }
    }

    fn set(&mut self, state: &State, place: &str, expected: &Value, found: &Value) {
        let sorted = |list: &Value| {
            let texts = list.as_array().into_iter().flatten();
            let mut texts: Vec<String> = texts
                .map(|text| state.fill(text.as_str().unwrap_or("?")))
                .collect();
            texts.sort();
            texts
        };
        self.equal(place, &true, &found.is_array());
        self.equal(place, &sorted(expected), &sorted(found));
    }
}
