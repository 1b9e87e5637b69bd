//! A signed document of TUF: its signatures, what it says of itself, and its canonical forms.

use std::fmt;

use jiff::civil;
use jiff::fmt::temporal::Pieces;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::olpc;
use super::refused::RefusedEntry;

/// Bytes of a document. A leaf has room for less, but not all of it is kept.
const MAX_METADATA: usize = 128 * 1024;
/// Signatures of a document.
const MAX_SIGNATURES: usize = 64;

static NULL: Value = Value::Null;

/// A document whose signatures have not been verified.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    /// `_type`: which role must have signed it.
    pub(super) role: String,
    /// `version`
    pub(super) version: i64,
    /// `spec_version`
    pub(super) spec_version: String,
    /// `expires`, in seconds since the Unix epoch.
    pub(super) expires: i64,
    /// What is signed.
    pub(super) signed: Value,
    pub(super) signatures: Vec<Signature>,
}

/// A signature and the id of the key that is said to have made it.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) key: String,
    pub(super) bytes: Vec<u8>,
}

pub(super) fn malformed(expected: &'static str) -> RefusedEntry {
    RefusedEntry::Tuf { expected }
}

impl Metadata {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, RefusedEntry> {
        if bytes.len() > MAX_METADATA {
            return Err(malformed("at most 128 KiB"));
        }
        let Unique(document) = treering_attest::json::parse(bytes)
            .map_err(|_| malformed("json whose members are there once"))?;
        let signed = member(&document, "signed")?;
        let signatures = list(&document, "signatures")?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(malformed("at most 64 signatures"));
        }
        let expires = seconds(text(signed, "expires")?);
        Ok(Self {
            role: text(signed, "_type")?.to_owned(),
            version: integer(signed, "version")?,
            spec_version: text(signed, "spec_version")?.to_owned(),
            expires: expires.ok_or_else(|| malformed("a time of rfc 3339 at which it expires"))?,
            signed: signed.clone(),
            signatures: signatures.iter().map(signature).collect::<Result<_, _>>()?,
        })
    }

    /// What the signatures are over.
    pub(super) fn message(&self) -> Result<Vec<u8>, RefusedEntry> {
        olpc::encode(&self.signed).ok_or_else(|| malformed("numbers that are whole"))
    }

    /// What a leaf holds: JCS of both members, and of nothing else that was submitted beside them.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let signatures = self.signatures.iter().map(|signature| {
            let sig = hex::encode(&signature.bytes);
            serde_json::json!({"keyid": signature.key, "sig": sig})
        });
        let signatures: Vec<_> = signatures.collect();
        let document = serde_json::json!({"signatures": signatures, "signed": self.signed});
        serde_json_canonicalizer::to_vec(&document).expect("a json value can always be written")
    }
}

fn signature(json: &Value) -> Result<Signature, RefusedEntry> {
    let bytes = hex::decode(text(json, "sig")?);
    Ok(Signature {
        key: text(json, "keyid")?.to_owned(),
        bytes: bytes.map_err(|_| malformed("signatures of hexadecimal digits"))?,
    })
}

/// A member by its name in any case, as upstream finds it, of which there may be one; `null` if there is none.
pub(super) fn member<'a>(object: &'a Value, name: &str) -> Result<&'a Value, RefusedEntry> {
    let members = object
        .as_object()
        .ok_or_else(|| malformed("objects in their places"))?;
    let mut found = members
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let value = found.next().map_or(&NULL, |(_, value)| value);
    match found.next() {
        None => Ok(value),
        Some(_) => Err(malformed("json whose members are there once")),
    }
}

/// A member that is a text, or absent and empty.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> Result<&'a str, RefusedEntry> {
    match member(object, name)? {
        Value::Null => Ok(""),
        Value::String(text) => Ok(text),
        _ => Err(malformed("texts in their places")),
    }
}

/// A member that is a whole number, or absent and zero.
pub(super) fn integer(object: &Value, name: &str) -> Result<i64, RefusedEntry> {
    match member(object, name)? {
        Value::Null => Ok(0),
        number => number
            .as_i64()
            .ok_or_else(|| malformed("whole numbers in their places")),
    }
}

/// A member that is a list, or absent and empty.
pub(super) fn list<'a>(object: &'a Value, name: &str) -> Result<&'a [Value], RefusedEntry> {
    match member(object, name)? {
        Value::Null => Ok(&[]),
        Value::Array(items) => Ok(items),
        _ => Err(malformed("lists in their places")),
    }
}

/// A time of RFC 3339, up to the last second of the year 9999, which is how some say "never".
fn seconds(text: &str) -> Option<i64> {
    let plain = text.is_ascii() && !text.contains('[') && text.as_bytes().get(10) == Some(&b'T');
    let pieces = plain.then(|| Pieces::parse(text).ok()).flatten()?;
    let offset = pieces.to_numeric_offset()?;
    let at = pieces.date().to_datetime(pieces.time()?);
    let epoch = civil::date(1970, 1, 1).at(0, 0, 0, 0);
    Some(at.duration_since(epoch).as_secs() - i64::from(offset.seconds()))
}

/// A JSON value in whose objects no name stands twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("json")
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Unique, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("expected a number"))?;
        Ok(Unique(number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Unique, E> {
        Ok(Unique(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Unique, A::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = array.next_element()? {
            items.push(item);
        }
        Ok(Unique(items.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Unique, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unique(value))) = object.next_entry::<String, Unique>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("expected a member once, found it twice"));
            }
        }
        Ok(Unique(members.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_zone() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2021-12-18T13:28:12.99008-06:00", Some(1_639_855_692)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799)),
            ("2021-12-18T13:28:12", None),
            ("2021-12-18 13:28:12Z", None),
            ("2021-12-18T13:28:12+00:00[UTC]", None),
            ("2021-12-18", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_member_twice_is_refused_in_any_case() {
        let document = |signed: &str| {
            let text = format!(r#"{{"signed": {signed}, "signatures": []}}"#);
            Metadata::parse(text.as_bytes())
        };
        assert!(document(r#"{"expires": "1970-01-01T00:00:01Z", "Version": 2}"#).is_ok());
        for signed in [
            r#"{"expires": "1970-01-01T00:00:01Z", "expires": "1970-01-01T00:00:01Z"}"#,
            r#"{"expires": "1970-01-01T00:00:01Z", "Expires": "1970-01-01T00:00:01Z"}"#,
            r#"{"expires": "1970-01-01T00:00:01Z", "x": [{"y": 1, "y": 1}]}"#,
            r#"{"expires": "1970-01-01T00:00:01Z", "version": 1.0}"#,
            "[]",
            "null",
        ] {
            assert!(document(signed).is_err(), "{signed}");
        }
    }
}
