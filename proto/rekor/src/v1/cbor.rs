//! CBOR (RFC 8949) as COSE messages are read: nothing of indefinite length, nothing copied, nesting bounded.

use treering_attest::limits::MAX_KEYID;

/// Levels of nesting, as upstream.
const MAX_DEPTH: usize = 32;

const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// Values one behind the other. Whatever is not there as asked for is `None`, and ends the reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

/// The name of a header parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label<'a> {
    Int(i128),
    Text(&'a str),
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.0.is_empty()
    }

    /// A type and its number: a value, a length, or a count. Shorter forms of a number are not asked for, as upstream.
    fn head(&mut self) -> Option<(u8, u64)> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        let value = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            power @ 24..=27 => {
                let bytes = self.take(1 << (power - 24))?;
                let number = bytes
                    .iter()
                    .fold(0, |number, &b| number << 8 | u64::from(b));
                // Simple values under 32 have no second byte.
                if first == 0xf8 && number < 32 {
                    return None;
                }
                number
            }
            _ => return None,
        };
        Some((first >> 5, value))
    }

    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn of_type(&mut self, expected: u8) -> Option<u64> {
        let (found, number) = self.head()?;
        (found == expected).then_some(number)
    }

    /// A byte string.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.of_type(BYTES)?;
        self.take(len)
    }

    /// How many elements an array has; they follow.
    pub(super) fn array(&mut self) -> Option<u64> {
        self.of_type(ARRAY)
    }

    /// How many pairs a map has; they follow.
    pub(super) fn map(&mut self) -> Option<u64> {
        self.of_type(MAP)
    }

    /// An integer or a short text.
    pub(super) fn label(&mut self) -> Option<Label<'a>> {
        Some(match self.head()? {
            (0, number) => Label::Int(i128::from(number)),
            (1, number) => Label::Int(-1 - i128::from(number)),
            (TEXT, len) => {
                let text = std::str::from_utf8(self.take(len)?).ok()?;
                Label::Text(Some(text).filter(|text| text.len() <= MAX_KEYID)?)
            }
            _ => return None,
        })
    }

    /// Any value, well-formed.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_below(MAX_DEPTH)
    }

    fn skip_below(&mut self, depth: usize) -> Option<()> {
        let (kind, number) = self.head()?;
        let values = match kind {
            BYTES => self.take(number).map(|_| 0)?,
            TEXT => std::str::from_utf8(self.take(number)?).map(|_| 0).ok()?,
            ARRAY => number,
            MAP => number.checked_mul(2)?,
            6 => 1,
            _ => 0,
        };
        if values > 0 {
            let deeper = depth.checked_sub(1)?;
            // Each value takes a byte at least, so this ends with the input, whatever the count says.
            for _ in 0..values {
                self.skip_below(deeper)?;
            }
        }
        Some(())
    }
}

/// Writes a byte string.
pub(super) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = bytes.len() as u64;
    let head = |small: u8| BYTES << 5 | small;
    match len.to_be_bytes() {
        [0, 0, 0, 0, 0, 0, 0, small @ 0..=23] => out.push(head(small)),
        [0, 0, 0, 0, 0, 0, 0, one] => out.extend([head(24), one]),
        [0, 0, 0, 0, 0, 0, rest @ ..] => {
            out.push(head(25));
            out.extend(rest);
        }
        [0, 0, 0, 0, rest @ ..] => {
            out.push(head(26));
            out.extend(rest);
        }
        all => {
            out.push(head(27));
            out.extend(all);
        }
    }
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(hex: &str) -> bool {
        let bytes = hex::decode(hex).unwrap();
        let mut reader = Reader::new(&bytes);
        reader.skip().is_some() && reader.is_finished()
    }

    /// RFC 8949 appendix A.
    #[test]
    fn values_are_passed_over() {
        for text in [
            "00",
            "1818",
            "1bffffffffffffffff",
            "3863",
            "f90000",
            "fb7e37e43c8800759c",
            "f4",
            "f7",
            "f8ff",
            "c074323031332d30332d32315432303a30343a30305a",
            "4401020304",
            "62c3bc",
            "83018202039820",
            "a26161016162820203",
            "a201020304",
            "1800",
        ] {
            let whole = text != "83018202039820";
            assert_eq!(skips(text), whole, "{text}");
        }
    }

    #[test]
    fn what_is_not_well_formed_or_of_indefinite_length_is_not() {
        for text in [
            "",
            "18",
            "1c",
            "1f",
            "5f42010243030405ff",
            "7f61ff",
            "9fff",
            "bfff",
            "ff",
            "f800",
            "f81f",
            "4401",
            "61ff",
            "8201",
            "a101",
            "9bffffffffffffffff00",
            "bbffffffffffffffff00",
            "5bffffffffffffffff00",
            "c0",
        ] {
            assert!(!skips(text), "{text}");
        }
        assert!(skips(&("81".repeat(MAX_DEPTH) + "00")));
        assert!(!skips(&("81".repeat(MAX_DEPTH + 1) + "00")));
    }

    #[test]
    fn byte_strings_are_written_as_they_are_read() {
        for len in [0, 23, 24, 255, 256, 65535, 65536] {
            let bytes = vec![7; len];
            let mut written = Vec::new();
            push_bytes(&mut written, &bytes);
            let mut reader = Reader::new(&written);
            assert_eq!(reader.bytes(), Some(&bytes[..]));
            assert!(reader.is_finished());
        }
    }
}
