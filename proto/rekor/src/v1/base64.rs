//! Base64 as Go decodes it: padded; line feeds and carriage returns anywhere are ignored, and so are bits behind the last byte.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
const INNER: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone);

static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
static STANDARD_INNER: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, INNER);
static URL_SAFE_INNER: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, INNER);

/// A text that is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {at}")]
pub struct IllegalBase64 {
    /// Where it stops being so, line ends not counted.
    pub at: usize,
}

/// Which of the two alphabets a text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    Standard,
    UrlSafe,
}

/// Characters decoded at a time: what comes of them stays in the first-level cache.
const CHUNK: usize = 4096;

/// Decodes the standard alphabet.
pub(super) fn standard(text: &str) -> Result<Vec<u8>, IllegalBase64> {
    let packed = without_line_ends(text);
    STANDARD
        .decode(packed.as_bytes())
        .map_err(|error| illegal(&error, packed.len()))
}

/// Decodes the standard alphabet, or else the URL-safe one.
pub(super) fn either(text: &str) -> Result<Vec<u8>, IllegalBase64> {
    standard(text).or_else(|error| {
        URL_SAFE
            .decode(without_line_ends(text).as_bytes())
            .map_err(|_| error)
    })
}

/// Decodes piece by piece: a payload of any size without a second copy, unless it has line ends.
pub(super) fn chunks(
    text: &str,
    alphabet: Alphabet,
    mut take: impl FnMut(&[u8]),
) -> Result<(), IllegalBase64> {
    let (inner, last) = match alphabet {
        Alphabet::Standard => (&STANDARD_INNER, &STANDARD),
        Alphabet::UrlSafe => (&URL_SAFE_INNER, &URL_SAFE),
    };
    let packed = without_line_ends(text);
    let mut buffer = [0; CHUNK / 4 * 3];
    let mut pieces = packed.as_bytes().chunks(CHUNK).enumerate().peekable();
    while let Some((index, piece)) = pieces.next() {
        // Padding may stand at the end only, so all pieces but the last must be free of it.
        let engine = if pieces.peek().is_some() { inner } else { last };
        let len = engine
            .decode_slice(piece, &mut buffer)
            .map_err(|error| match error {
                base64::DecodeSliceError::DecodeError(error) => IllegalBase64 {
                    at: index * CHUNK + illegal(&error, piece.len()).at,
                },
                base64::DecodeSliceError::OutputSliceTooSmall => IllegalBase64 { at: packed.len() },
            })?;
        take(buffer.get(..len).unwrap_or_default());
    }
    Ok(())
}

fn without_line_ends(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b == b'\n' || b == b'\r') {
        Cow::Owned(text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect())
    } else {
        Cow::Borrowed(text)
    }
}

fn illegal(error: &base64::DecodeError, len: usize) -> IllegalBase64 {
    let at = match *error {
        base64::DecodeError::InvalidByte(at, _)
        | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => len,
    };
    IllegalBase64 { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_line_ends_and_stray_bits_and_nothing_else() {
        for text in ["QQ==", "Q\nQ=\r\n=\n", "QR=="] {
            assert_eq!(standard(text).unwrap(), b"A", "{text:?}");
        }
        for text in ["QQ", "QQ=", "Q Q=", "====", "QQ==QQ==", "QQ==x", "-_-_"] {
            assert!(standard(text).is_err(), "{text:?}");
        }
        assert_eq!(standard("!!!!").unwrap_err().at, 0);
        assert_eq!(either("-_-_").unwrap(), standard("+/+/").unwrap());
        assert!(either("-_+/").is_err());
    }

    #[test]
    fn pieces_agree_with_the_whole() {
        for len in (0..8).chain(CHUNK / 4 * 3 - 4..CHUNK / 4 * 3 + 5) {
            let bytes: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            for (engine, name) in [
                (&STANDARD, Alphabet::Standard),
                (&URL_SAFE, Alphabet::UrlSafe),
            ] {
                let text = engine.encode(&bytes);
                let mut found = Vec::new();
                chunks(&text, name, |piece| found.extend_from_slice(piece)).unwrap();
                assert_eq!(found, bytes);
                assert_eq!(either(&text).unwrap(), bytes);
            }
        }
        let inner = format!("{}=AAAA", "A".repeat(CHUNK - 1));
        assert!(chunks(&inner, Alphabet::Standard, |_| ()).is_err());
    }
}
