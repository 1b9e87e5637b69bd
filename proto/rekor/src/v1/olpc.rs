//! The canonical JSON that signatures of TUF are over: names in the order of their bytes, and in texts only quotes and backslashes
//! escaped. Numbers are written as go-tuf does, which reads them as floating point and takes whole ones alone.

use serde_json::{Map, Number, Value};

/// The canonical bytes; nothing if there is a number in it that is not whole. The depth is bounded by who has parsed it.
pub(super) fn encode(value: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Some(out)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(number) => out.extend(integer(number)?.bytes()),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                separate(at, out);
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => object(members, out)?,
    }
    Some(())
}

fn object(members: &Map<String, Value>, out: &mut Vec<u8>) -> Option<()> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    out.push(b'{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        separate(at, out);
        string(name, out);
        out.push(b':');
        write(value, out)?;
    }
    out.push(b'}');
    Some(())
}

fn separate(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// The shortest digits of the floating-point number, if they are a whole one of 64 bits.
fn integer(number: &Number) -> Option<String> {
    let digits = number.as_f64()?.to_string();
    digits.parse::<i64>().is_ok().then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        let value = serde_json::from_str(text).unwrap();
        encode(&value).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn names_are_sorted_and_little_is_escaped() {
        let found =
            canonical(r#"{"b": [1, true, null], "a": "\\\"\n\u00e9", "": {}, "ﬀ": [], "😀": []}"#);
        let expected = "{\"\":{},\"a\":\"\\\\\\\"\n\u{e9}\",\"b\":[1,true,null],\"\u{fb00}\":[],\"\u{1f600}\":[]}";
        assert_eq!(found.as_deref(), Some(expected));
    }

    #[test]
    fn numbers_are_whole() {
        for (text, expected) in [
            ("1.0", Some("1")),
            ("1e3", Some("1000")),
            ("-0", Some("-0")),
            ("9007199254740993", Some("9007199254740992")),
            ("1152921504606846976", Some("1152921504606847000")),
            ("9223372036854775807", None),
            ("1.5", None),
            ("1e300", None),
        ] {
            assert_eq!(canonical(text).as_deref(), expected, "{text}");
        }
    }
}
