//! Which kind of document some bytes are, by the names of their outermost members. Nothing is verified by that; it picks the
//! parser, and the words of an error.

use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

/// A kind of document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// A DSSE envelope: two at least of `payload`, `payloadType`, `signatures`.
    Envelope,
    /// A Sigstore bundle: `mediaType` or `verificationMaterial`, and one of the contents.
    SigstoreBundle,
    /// An in-toto statement: unsigned.
    Statement,
    /// Some other JSON object.
    OtherObject,
    /// JSON, but no object, or no JSON at all.
    NotAnObject {
        /// What the parser says, with line and column.
        found: String,
    },
    /// Nothing, or white space.
    Empty,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Envelope => f.write_str("a dsse envelope"),
            Self::SigstoreBundle => f.write_str("a sigstore bundle"),
            Self::Statement => f.write_str("an in-toto statement without a signature"),
            Self::OtherObject => f.write_str("a json object of another kind"),
            Self::NotAnObject { found } => f.write_str(found),
            Self::Empty => f.write_str("nothing"),
        }
    }
}

/// Looks at the outermost member names.
pub fn detect(bytes: &[u8]) -> Container {
    if bytes.trim_ascii().is_empty() {
        return Container::Empty;
    }
    let names = match crate::json::parse::<Names>(bytes) {
        Ok(names) => names,
        Err(found) => return Container::NotAnObject { found },
    };
    if names.envelope >= 2 {
        Container::Envelope
    } else if names.bundle >= 2 {
        Container::SigstoreBundle
    } else if names.statement >= 2 {
        Container::Statement
    } else {
        Container::OtherObject
    }
}

/// What the first member's name alone suggests: nothing to rely on, but enough to pick the parser to try first.
pub fn guess(bytes: &[u8]) -> Option<Container> {
    let rest = bytes.trim_ascii_start().strip_prefix(b"{")?;
    let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
    let name = rest.split(|&b| b == b'"').next()?;
    match name {
        b"payload" | b"payloadType" | b"signatures" => Some(Container::Envelope),
        b"mediaType" | b"verificationMaterial" | b"dsseEnvelope" | b"messageSignature" => {
            Some(Container::SigstoreBundle)
        }
        b"_type" | b"predicateType" | b"subject" => Some(Container::Statement),
        _ => None,
    }
}

#[derive(Default)]
struct Names {
    envelope: usize,
    bundle: usize,
    statement: usize,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
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
            match name.as_str() {
                "payload" | "payloadType" | "signatures" => self.envelope += 1,
                "mediaType" | "media_type" | "verificationMaterial" | "verification_material" => {
                    self.bundle += 1
                }
                "dsseEnvelope" | "dsse_envelope" | "messageSignature" | "message_signature" => {
                    self.bundle += 1
                }
                "_type" | "predicateType" | "subject" => self.statement += 1,
                _ => {}
            }
        }
        Ok(self)
    }
}
