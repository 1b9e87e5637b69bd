//! What a client says about the form it takes and the form it has: `Accept-Encoding` and `If-None-Match`
//! (RFC 9110 §12.5.3 and §13.1.2).

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// A weight of 1, in thousandths.
const WHOLE: u16 = 1000;

/// Whether an answer may be gzip, and the client would not rather have it as it is. What is malformed asks for nothing;
/// of what is said twice the smaller weight counts.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    for element in elements(headers, &header::ACCEPT_ENCODING) {
        let Some((coding, weight)) = weighted(element) else {
            continue;
        };
        let slot = match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => &mut gzip,
            "identity" => &mut identity,
            "*" => &mut any,
            _ => continue,
        };
        *slot = Some(slot.map_or(weight, |before: u16| before.min(weight)));
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && identity.or(any).is_none_or(|identity| gzip >= identity)
}

/// The parts of a list that may be spread over several headers of one name.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|element| element.trim_matches([' ', '\t']))
}

/// `coding [;q=0.123]`.
fn weighted(element: &str) -> Option<(&str, u16)> {
    let Some((coding, parameter)) = element.split_once(';') else {
        return Some((element, WHOLE));
    };
    let parameter = parameter.trim_start_matches([' ', '\t']);
    let weight = parameter.strip_prefix(['q', 'Q'])?.strip_prefix('=')?;
    Some((coding.trim_end_matches([' ', '\t']), thousandths(weight)?))
}

/// `0` or `1`, with at most three digits behind a point, and no more than 1.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, digits) = weight.split_once('.').unwrap_or((weight, ""));
    if !matches!(whole, "0" | "1") || digits.len() > 3 {
        return None;
    }
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let weight: u16 = format!("{whole}{digits:0<3}").parse().ok()?;
    (weight <= WHOLE).then_some(weight)
}

/// Whether the client has what this strong tag names, so that 304 is the answer to its GET or HEAD. Weak tags match as
/// strong ones do, and `*` whatever there is.
pub(super) fn has(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH);
    known.iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        value == b"*" || tags(value).any(|tag| tag == etag.as_bytes())
    })
}

/// The entity tags of a list with their quotes, without `W/`, up to the first thing that is none.
fn tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        let tag = rest.strip_prefix(b"W/").unwrap_or(rest);
        // A comma may stand in a tag, a quote may not.
        let inside = tag.strip_prefix(b"\"")?;
        let len = inside.iter().position(|byte| *byte == b'"')?;
        let (tag, after) = tag.split_at_checked(len + 2)?;
        rest = after;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn gzip_is_taken_as_the_weights_say() {
        let taken: [&[&str]; 15] = [
            &["gzip"],
            &["GZip"],
            &["x-gzip"],
            &["*"],
            &["br, gzip;q=0.001"],
            &["gzip ; q=1.000"],
            &["gzip;Q=0.5"],
            &["deflate", "br", "gzip"],
            &["identity;q=0.5, gzip;q=0.8"],
            &["identity, gzip"],
            &["identity;q=0, *;q=0.1"],
            &["*;q=0, gzip"],
            &["gzip;q=1, br;q=nonsense"],
            &["  gzip\t,"],
            &["gzip, identity;q=0"],
        ];
        for values in taken {
            let headers = headers(header::ACCEPT_ENCODING, values);
            assert!(takes_gzip(&headers), "{values:?}");
        }
        let refused: [&[&str]; 22] = [
            &[],
            &[""],
            &["identity"],
            &["br, deflate, zstd"],
            &["gzip;q=0"],
            &["gzip;q=0.000"],
            &["gzip; q=0, *"],
            &["*;q=0"],
            &["identity, gzip;q=0.5"],
            &["*, gzip;q=0.5"],
            &["gzip;q=1.001"],
            &["gzip;q=2"],
            &["gzip;q=0.1234"],
            &["gzip;q="],
            &["gzip;q=-1"],
            &["gzip;q=0.5;x=1"],
            &["gzip;level=9"],
            &["gzip, gzip;q=0"],
            &["gzip gzip"],
            &["gzipp"],
            &[";q=1"],
            &["gzip;q=.5"],
        ];
        for values in refused {
            let headers = headers(header::ACCEPT_ENCODING, values);
            assert!(!takes_gzip(&headers), "{values:?}");
        }
        let mut bytes = HeaderMap::new();
        bytes.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_bytes(b"gzip\xff").unwrap(),
        );
        assert!(!takes_gzip(&bytes));
    }

    #[test]
    fn tags_are_found_in_lists_and_nowhere_else() {
        let etag = HeaderValue::from_static("\"ab/tile/0/000\"");
        let known: [&[&str]; 8] = [
            &["\"ab/tile/0/000\""],
            &["W/\"ab/tile/0/000\""],
            &["\"x\", \"ab/tile/0/000\""],
            &["\"x,y\",W/\"ab/tile/0/000\" "],
            &[",, \"ab/tile/0/000\""],
            &["\"x\"", "\"ab/tile/0/000\""],
            &["*"],
            &["\"\", \"ab/tile/0/000\""],
        ];
        for values in known {
            assert!(
                has(&headers(header::IF_NONE_MATCH, values), &etag),
                "{values:?}"
            );
        }
        let unknown: [&[&str]; 9] = [
            &[],
            &[""],
            &["ab/tile/0/000"],
            &["\"ab/tile/0/001\""],
            &["\"ab/tile/0/000"],
            &["x\"ab/tile/0/000\""],
            &["w/\"ab/tile/0/000\""],
            &["\"x*\", *"],
            &["\"x\" \"\"ab/tile/0/000\"\""],
        ];
        for values in unknown {
            assert!(
                !has(&headers(header::IF_NONE_MATCH, values), &etag),
                "{values:?}"
            );
        }
    }
}
