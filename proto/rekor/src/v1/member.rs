//! Members that several kinds have in their `spec`.

use serde_json::value::RawValue;

use super::base64;
use super::entry::HashValue;
use super::json::{self, FromMembers, Object, Text, object};
use super::refused::RefusedEntry;
use super::schema::SchemaError;

object! {
    HashJson<'a> Exact { "algorithm" => algorithm: Text<'a>, "value" => value: Text<'a>, }
}

/// What a digest's value must look like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    /// Anything.
    Any,
    /// 64 hexadecimal digits.
    Sha256,
}

impl HashJson<'_> {
    /// The digest of an optional member, whose faults are added to the others.
    pub(super) fn read(
        json: Object<Self>,
        name: &str,
        digits: Digits,
        errors: &mut Vec<SchemaError>,
    ) -> Option<HashValue> {
        let json = json.loose()?;
        let algorithm = one_of(
            &json.algorithm,
            &format!("{name}.algorithm"),
            &["sha256"],
            errors,
        );
        let value = json.value.loose();
        let name = format!("{name}.value");
        match value {
            None => errors.push(SchemaError::required(&name, "body")),
            Some(value) if digits == Digits::Sha256 && !is_sha256(value) => {
                errors.push(SchemaError::pattern(&name, "body", "^[0-9a-fA-F]{64}$"));
            }
            Some(_) => {}
        }
        Some(HashValue {
            algorithm: algorithm?,
            value: value?.to_owned(),
        })
    }
}

fn is_sha256(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A required name out of a list.
pub(super) fn one_of(
    member: &Text<'_>,
    name: &str,
    names: &[&str],
    errors: &mut Vec<SchemaError>,
) -> Option<String> {
    match member.loose() {
        None => errors.push(SchemaError::required(name, "body")),
        Some(found) if names.contains(&found) => return Some(found.to_owned()),
        Some(_) => errors.push(SchemaError::one_of(name, "body", names)),
    }
    None
}

/// The members of a `spec`.
pub(super) fn spec<'a, T: FromMembers<'a>>(spec: &'a RawValue) -> Result<T, RefusedEntry> {
    match json::whole::<Object<T>>(spec.get()) {
        Ok(Object::Is(members)) => Ok(members),
        Ok(Object::Absent) => Err(RefusedEntry::SpecType { found: "null" }),
        Ok(Object::Other(found)) => Err(RefusedEntry::SpecType { found }),
        Err(found) => Err(RefusedEntry::SpecJson { found }),
    }
}

/// The bytes of a member in base64; none if it is absent, of another type, or empty.
pub(super) fn bytes(text: &Text<'_>, place: &'static str) -> Result<Vec<u8>, RefusedEntry> {
    base64::standard(text.loose().unwrap_or_default())
        .map_err(|source| RefusedEntry::Base64 { place, source })
}
