//! How deep brackets stand in one another: known before anything is parsed, because parsing recurses.

use serde_json::Value;

/// The depth of the brackets in a GraphQL text, those in strings and comments apart. Nothing if a string does not end:
/// then the text is no GraphQL, and a parser that tried it in another way could see other brackets.
pub(super) fn of_query(text: &str) -> Option<usize> {
    let mut rest = text.as_bytes();
    let (mut depth, mut deepest) = (0_usize, 0);
    while let Some((&byte, behind)) = rest.split_first() {
        rest = match byte {
            b'"' => behind_string(rest)?,
            b'#' => behind_comment(behind),
            _ => behind,
        };
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    Some(deepest)
}

fn behind_comment(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    end.map_or(&[], |end| &text[end..])
}

/// What follows the string that `text` begins with.
fn behind_string(text: &[u8]) -> Option<&[u8]> {
    match text.strip_prefix(br#"""""#) {
        Some(block) => behind_block(block),
        None => behind_line(text.strip_prefix(b"\"")?),
    }
}

fn behind_line(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Some(behind),
            [] | [b'\n' | b'\r', ..] | [b'\\', b'\n' | b'\r', ..] | [b'\\'] => return None,
            [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
        };
    }
}

fn behind_block(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [b'\\', b'"', b'"', b'"', behind @ ..] => behind,
            [b'"', b'"', b'"', behind @ ..] => return Some(behind),
            [_, behind @ ..] => behind,
            [] => return None,
        };
    }
}

/// The depth of a JSON value; at most 128, as deep as the parser that made it goes.
pub(super) fn of_json(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(of_json).max(),
        Value::Object(members) => members.values().map(of_json).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_outside_of_strings_and_comments() {
        assert_eq!(of_query("{ a(b: [1]) { c } }"), Some(3));
        assert_eq!(of_query(r#"{ a(b: "[[[[") }"#), Some(2));
        assert_eq!(of_query(r#"{ a(b: "\"[[[[") }"#), Some(2));
        assert_eq!(of_query("{ a # }}}}}}\n { b # [[[[\r { c } } }"), Some(3));
        assert_eq!(
            of_query("{ a(b: \"\"\" [ \\\"\"\" [ \" [ \"\"\") { c } }"),
            Some(2)
        );
        assert_eq!(of_query("}}}}{{{"), Some(3));
    }

    #[test]
    fn a_string_that_does_not_end_has_no_depth() {
        for text in [
            "\"",
            "\"a\n\"",
            "\"\\",
            "\"\"\" \" [[[",
            "\"\"\" \"\"",
            "\"a\\\n\"",
        ] {
            assert_eq!(of_query(text), None, "{text:?}");
        }
    }

    #[test]
    fn values_nest_as_far_as_they_go() {
        assert_eq!(of_json(&serde_json::json!(1)), 0);
        assert_eq!(
            of_json(&serde_json::json!({"a": [], "b": {"c": [1, [2]]}})),
            4
        );
    }
}
