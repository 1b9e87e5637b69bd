//! JSON whose every value is read: no member twice, no lone surrogate, at most [`MAX_VALUES`] values, nested at most 127 deep. What
//! two readers could understand differently is refused, since facts that are taken from it decide something.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::limits::MAX_VALUES;

/// Parses a whole text.
///
/// # Errors
/// What was found instead, with line and column.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let left = Cell::new(MAX_VALUES);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict(&left)
        .deserialize(&mut deserializer)
        .map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// As [`parse`], of bytes.
pub(crate) fn parse_bytes(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("bytes that are not utf-8 at offset {}", error.valid_up_to()))?;
    parse(text)
}

/// Reads one value; holds how many more there may be.
#[derive(Clone, Copy)]
struct Strict<'b>(&'b Cell<usize>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.0.get().checked_sub(1).ok_or_else(|| {
            D::Error::custom(format_args!("more than {MAX_VALUES} values in a document"))
        })?;
        self.0.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a json value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                let name: String = name.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("duplicate member {name:?}")));
            }
            let value = map.next_value_seed(self)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a":[null,true,1,-1,1.5,"x\u00e9\ud83d\ude00"],"b":{}}"#;
        assert_eq!(
            parse(text).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        for (text, found) in [
            (r#"{"a":1,"a":2}"#, "duplicate member \"a\""),
            (r#"{"a":{"b":1,"\u0062":2}}"#, "duplicate member \"b\""),
            (r#"["\ud800"]"#, "hex escape"),
            (r#"["\ud800\u0041"]"#, "surrogate"),
            (r#"["\udc00x"]"#, "surrogate"),
            ("[1e999]", "number out of range"),
            ("[] []", "trailing"),
            ("\u{feff}[]", "expected value"),
            ("[NaN]", "expected"),
            (r#"["a"#, "EOF"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(found), "{text}: {error}");
        }
        assert!(parse_bytes(b"[\"\xff\"]").unwrap_err().contains("offset 2"));
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        parse(&nested(127)).unwrap();
        assert!(parse(&nested(128)).unwrap_err().contains("recursion limit"));
        assert!(parse(&"[".repeat(1_000_000)).is_err());
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert!(parse(&many).unwrap_err().contains("values in a document"));
    }
}
