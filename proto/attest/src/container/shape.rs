//! Which container a JSON object is, by the names of its members alone.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

/// What the member names of an object say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Envelope,
    Bundle,
    Pep740,
    Provenance,
    Answers,
    SimpleSigning,
    SimpleSigningPayload,
    Link,
    Statement,
}

/// For each shape the member names that tell it from the others, and how many of them must be there. Tried in this order: an
/// envelope that also has a statement's members is an envelope.
const SHAPES: [(Shape, usize, &[&str]); 9] = [
    (
        Shape::Envelope,
        2,
        &["payload", "payloadType", "signatures"],
    ),
    (
        Shape::Bundle,
        2,
        &[
            "mediaType",
            "media_type",
            "verificationMaterial",
            "dsseEnvelope",
            "dsse_envelope",
            "messageSignature",
            "message_signature",
        ],
    ),
    (Shape::Pep740, 2, &["verification_material", "envelope"]),
    // In the snake case of protobuf's own names; the word is PEP 740's too.
    (
        Shape::Bundle,
        2,
        &[
            "verification_material",
            "dsse_envelope",
            "message_signature",
            "media_type",
        ],
    ),
    (Shape::Provenance, 1, &["attestation_bundles"]),
    (Shape::SimpleSigning, 2, &["Base64Signature", "Payload"]),
    (Shape::Link, 2, &["signed", "signatures"]),
    (Shape::Statement, 2, &["_type", "predicateType", "subject"]),
    (Shape::Answers, 1, &["attestations"]),
];

/// The names of an object's members, as far as they tell anything.
#[derive(Default)]
pub(super) struct Names {
    /// Those that some shape knows.
    known: Vec<&'static str>,
    /// The first few, for an error.
    first: Vec<String>,
    all: usize,
}

/// Names that an error shows.
const SHOWN: usize = 8;

impl Names {
    pub(super) fn shape(&self) -> Option<Shape> {
        let fits = |(_, least, names): &&(Shape, usize, &[&str])| {
            names
                .iter()
                .filter(|name| self.known.contains(name))
                .count()
                >= *least
        };
        if let Some((shape, ..)) = SHAPES.iter().find(fits) {
            return Some(*shape);
        }
        self.known
            .contains(&"critical")
            .then_some(Shape::SimpleSigningPayload)
    }

    fn take(&mut self, name: &str) {
        self.all += 1;
        if self.first.len() < SHOWN {
            self.first.push(name.chars().take(32).collect());
        }
        let mut names = SHAPES.iter().flat_map(|(_, _, names)| *names);
        if let Some(known) = names.find(|known| **known == name)
            && !self.known.contains(known)
        {
            self.known.push(known);
        } else if name == "critical" && !self.known.contains(&"critical") {
            self.known.push("critical");
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first.is_empty() {
            return f.write_str("a json object without members");
        }
        write!(f, "a json object with {}", self.first.join(", "))?;
        match self.all - self.first.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a json object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            self.take(&name);
        }
        Ok(self)
    }
}
