//! The canonical JSON of in-toto's first format and of TUF ("OLPC"): members sorted by their code points, no white space, in strings
//! only `"` and `\` escaped, integers only.

use serde_json::Value;

use crate::strict;

/// The canonical form of a JSON text.
///
/// # Errors
/// What is there instead of JSON that has such a form.
pub(super) fn encode(text: &str) -> Result<Vec<u8>, String> {
    let value = strict::parse(text)?;
    let mut out = Vec::with_capacity(text.len());
    write(&value, &mut out)?;
    Ok(out)
}

/// Recursion ends where that of the parser ended.
fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_f64() => {
            return Err(format!("the number {number}, which is no integer"));
        }
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(name, out);
                out.push(b':');
                write(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sorted_and_escapes_two_characters_only() {
        let text =
            "{\"b\": [1, -2, true, null],\n \"a\": {\"\\u00e9\": \"x\\n\\\"\\\\y\", \"Z\": \"\"}}";
        let expected = "{\"a\":{\"Z\":\"\",\"é\":\"x\n\\\"\\\\y\"},\"b\":[1,-2,true,null]}";
        assert_eq!(encode(text).unwrap(), expected.as_bytes());
    }

    #[test]
    fn has_no_form_for_fractions_and_members_twice() {
        assert!(encode("[1.5]").unwrap_err().contains("1.5"));
        assert!(encode(r#"{"a":1,"a":1}"#).is_err());
    }
}
