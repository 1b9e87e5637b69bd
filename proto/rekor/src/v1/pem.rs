//! PEM as Go reads and writes it, since a leaf holds what Go makes of a key: text before a block and the block's headers are
//! dropped, lines may have any length, and the base64 is written anew in lines of 64 characters.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::base64;

/// Bytes of the text around a key, the text before it included. A leaf has no room for half of it.
pub(super) const MAX_PEM: usize = 128 * 1024;
/// First lines that are tried before a text is given up: those without an end could otherwise be searched again and again.
const MAX_TRIES: usize = 64;

const BEGIN: &[u8] = b"-----BEGIN ";
const BEGIN_LINE: &[u8] = b"\n-----BEGIN ";
const END: &[u8] = b"-----END ";
const END_LINE: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// One block: what it is called and its decoded bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Vec<u8>,
}

/// The first block of a text, and what follows it.
pub(super) fn decode(text: &[u8]) -> Option<(Block, &[u8])> {
    let mut rest = text;
    for _ in 0..MAX_TRIES {
        rest = rest
            .strip_prefix(BEGIN)
            .or_else(|| split_at(rest, BEGIN_LINE).map(|(_, behind)| behind))?;
        let (first, behind) = line(rest);
        rest = behind;
        let Some(label) = first.strip_suffix(DASHES) else {
            continue;
        };
        let (headers, body) = skip_headers(rest)?;
        rest = body;
        let (encoded, behind) = if let (false, Some(behind)) = (headers, rest.strip_prefix(END)) {
            (b"".as_slice(), behind)
        } else {
            split_at(rest, END_LINE)?
        };
        if let Some((der, behind)) = finish(encoded, behind, label) {
            let label = String::from_utf8_lossy(label).into_owned();
            return Some((Block { label, der }, behind));
        }
    }
    None
}

/// Checks the last line, from the label on, and decodes what stands between the two lines.
fn finish<'a>(encoded: &[u8], behind: &'a [u8], label: &[u8]) -> Option<(Vec<u8>, &'a [u8])> {
    let after = behind.strip_prefix(label)?.strip_prefix(DASHES)?;
    let (blank, rest) = line(after);
    if !blank.is_empty() {
        return None;
    }
    let packed: Vec<u8> = encoded
        .iter()
        .copied()
        .filter(|b| !matches!(b, b' ' | b'\t'))
        .collect();
    let packed = std::str::from_utf8(&packed).ok()?;
    Some((base64::standard(packed).ok()?, rest))
}

/// Skips `Key: value` lines; whether there were any, and the rest. Nothing if the text ends among them.
fn skip_headers(mut text: &[u8]) -> Option<(bool, &[u8])> {
    let mut any = false;
    while !text.is_empty() {
        let (header, behind) = line(text);
        if !header.contains(&b':') {
            return Some((any, text));
        }
        any = true;
        text = behind;
    }
    None
}

/// The first line without its end and without blanks before that, and the rest.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = split_at(text, b"\n").unwrap_or((text, &[]));
    let mut line = line.strip_suffix(b"\r").unwrap_or(line);
    while let [before @ .., b' ' | b'\t'] = line {
        line = before;
    }
    (line, rest)
}

fn split_at<'a>(text: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text
        .windows(needle.len())
        .position(|found| found == needle)?;
    let (before, from) = text.split_at_checked(at)?;
    Some((before, from.strip_prefix(needle)?))
}

/// Appends a block.
pub(super) fn encode(label: &str, der: &[u8], out: &mut String) {
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at_checked(64).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = behind;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(text: &str) -> Option<Vec<u8>> {
        decode(text.as_bytes()).map(|(block, _)| block.der)
    }

    #[test]
    fn reads_what_go_reads() {
        for text in [
            "-----BEGIN A-----\nQUFB\n-----END A-----",
            "-----BEGIN A-----\r\nQUFB\r\n-----END A-----\r\n",
            "-----BEGIN A-----  \nQU\n FB\t\n-----END A-----  \n",
            "some text\n-----BEGIN A-----\nQUFB\n-----END A-----\n",
            "-----BEGIN A-----\nKey: value\n\nQUFB\n-----END A-----\n",
            "-----BEGIN x\n-----BEGIN A-----\nQUFB\n-----END A-----\n",
        ] {
            assert_eq!(der(text).unwrap(), b"AAA", "{text:?}");
        }
        assert_eq!(der("-----BEGIN A-----\n-----END A-----\n").unwrap(), b"");
        let two = b"-----BEGIN A-----\nQUFB\n-----END A-----\nrest";
        assert_eq!(decode(two).unwrap().1, b"rest");
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in [
            "",
            "hello",
            "-----BEGIN A-----",
            "-----BEGIN A-----\nQUFB",
            "-----BEGIN A-----\rQUFB\r-----END A-----\r",
            "-----BEGIN A-----\nQUFB\n-----END B-----\n",
            "-----BEGIN A-----\nQUFB\n-----END A----- x\n",
            "-----BEGIN A-----\nQUF\n-----END A-----\n",
            "x-----BEGIN A-----\nQUFB\n-----END A-----\n",
            "-----BEGIN A-----\nKey: value\n",
        ] {
            assert_eq!(der(text), None, "{text:?}");
        }
        let begins = "-----BEGIN A-----\n".repeat(MAX_TRIES + 1);
        assert_eq!(der(&format!("{begins}QUFB\n-----END B-----\n")), None);
    }

    #[test]
    fn what_is_written_is_read() {
        for len in [0, 1, 47, 48, 49, 200] {
            let bytes = vec![7; len];
            let mut text = String::new();
            encode("PUBLIC KEY", &bytes, &mut text);
            let (block, rest) = decode(text.as_bytes()).unwrap();
            assert_eq!((block.der, rest), (bytes, b"".as_slice()));
            assert!(text.lines().all(|line| line.len() <= 64));
        }
    }
}
