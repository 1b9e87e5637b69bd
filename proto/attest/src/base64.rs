//! Base64 as DSSE and PEM mean it: the standard or the URL-safe alphabet, padded, without line breaks and without stray bits.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const PADDED: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
const UNPADDED: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone);

static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDED);
static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDED);
static STANDARD_INNER: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, UNPADDED);
static URL_SAFE_INNER: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, UNPADDED);

/// Why a text is not base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// The length is no multiple of four.
    #[error("expected padded base64 of a length divisible by 4, found {found} characters")]
    Length {
        /// Characters found.
        found: usize,
    },
    /// A character, the padding or the last bits are wrong.
    #[error("expected padded base64, found {found}")]
    Malformed {
        /// What the decoder says.
        found: String,
    },
}

impl From<base64::DecodeError> for Base64Error {
    fn from(error: base64::DecodeError) -> Self {
        use base64::DecodeError as E;
        let found = match error {
            E::InvalidByte(offset, byte) => format!("byte 0x{byte:02x} at offset {offset}"),
            E::InvalidLength(len) => format!("{len} characters"),
            E::InvalidLastSymbol { .. } => "bits behind the last byte".to_owned(),
            E::InvalidPadding => "wrong padding".to_owned(),
        };
        Self::Malformed { found }
    }
}

/// Which of the two alphabets a text is in. Found by decoding it once, as a scan for the four characters that differ costs
/// as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    Standard,
    UrlSafe,
}

impl Alphabet {
    /// For a text of any length, whose end may be padded.
    fn whole(self) -> &'static GeneralPurpose {
        match self {
            Self::Standard => &STANDARD,
            Self::UrlSafe => &URL_SAFE,
        }
    }

    /// For all of a text but its last piece: no padding.
    fn inner(self) -> &'static GeneralPurpose {
        match self {
            Self::Standard => &STANDARD_INNER,
            Self::UrlSafe => &URL_SAFE_INNER,
        }
    }
}

/// Decodes a whole text.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    in_either(|alphabet| {
        require_quads(text)?;
        Ok(alphabet.whole().decode(text)?)
    })
}

/// Checks a whole text without keeping what it decodes to.
pub(crate) fn check(text: &str) -> Result<Alphabet, Base64Error> {
    in_either(|alphabet| decode_chunks(text, alphabet, |_| ()).map(|()| alphabet))
}

/// Bytes that `text` decodes to, if it decodes.
pub(crate) fn decoded_len(text: &str) -> usize {
    let padding = text.bytes().rev().take(2).filter(|&b| b == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

/// Characters decoded at a time: 3 KiB of output, which stays in the first-level cache between decoder and digest.
const CHUNK: usize = 4096;

/// Decodes piece by piece into a small buffer and hands each piece over: a payload of any size without a second copy.
pub(crate) fn decode_chunks(
    text: &str,
    alphabet: Alphabet,
    mut take: impl FnMut(&[u8]),
) -> Result<(), Base64Error> {
    require_quads(text)?;
    let mut buffer = [0; CHUNK / 4 * 3];
    let mut chunks = text.as_bytes().chunks(CHUNK).peekable();
    while let Some(chunk) = chunks.next() {
        // Padding may stand at the end only, so all chunks but the last must be free of it.
        let engine = if chunks.peek().is_some() {
            alphabet.inner()
        } else {
            alphabet.whole()
        };
        let len = engine
            .decode_slice(chunk, &mut buffer)
            .map_err(|error| match error {
                base64::DecodeSliceError::DecodeError(error) => error.into(),
                base64::DecodeSliceError::OutputSliceTooSmall => {
                    Base64Error::Length { found: chunk.len() }
                }
            })?;
        take(buffer.get(..len).unwrap_or_default());
    }
    Ok(())
}

/// The standard alphabet first; of what is in neither, the error is that of the standard one.
fn in_either<T>(decode: impl Fn(Alphabet) -> Result<T, Base64Error>) -> Result<T, Base64Error> {
    let standard = match decode(Alphabet::Standard) {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    decode(Alphabet::UrlSafe).map_err(|_| standard)
}

fn require_quads(text: &str) -> Result<(), Base64Error> {
    if text.len().is_multiple_of(4) {
        Ok(())
    } else {
        Err(Base64Error::Length { found: text.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunked(text: &str) -> Result<Vec<u8>, Base64Error> {
        let mut out = Vec::new();
        decode_chunks(text, check(text)?, |piece| out.extend_from_slice(piece))?;
        Ok(out)
    }

    #[test]
    fn takes_both_alphabets_and_refuses_a_mixture() {
        assert_eq!(decode("+/+/").unwrap(), decode("-_-_").unwrap());
        for text in ["+/-_", "-_+/"] {
            assert!(
                matches!(decode(text), Err(Base64Error::Malformed { .. })),
                "{text}"
            );
            assert!(chunked(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_canonical() {
        for text in [
            "QQ", "QQ=", "QR==", "QQ==\n", "Q Q=", "====", "QQ==QQ==", "QQ===", "=QQQ",
        ] {
            assert!(decode(text).is_err(), "{text:?}");
            assert!(chunked(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn chunks_agree_with_the_whole_at_every_length_around_a_chunk() {
        for len in (0..10).chain(CHUNK / 4 * 3 - 4..CHUNK / 4 * 3 + 5) {
            let bytes: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let text = STANDARD.encode(&bytes);
            assert_eq!(chunked(&text).unwrap(), bytes);
            assert_eq!(decode(&text).unwrap(), bytes);
            assert_eq!(decoded_len(&text), len);
        }
    }

    #[test]
    fn refuses_padding_at_the_end_of_an_inner_chunk() {
        let mut text = "A".repeat(CHUNK - 1);
        text.push('=');
        text.push_str("AAAA");
        assert!(decode(&text).is_err());
        assert!(chunked(&text).is_err());
    }
}
