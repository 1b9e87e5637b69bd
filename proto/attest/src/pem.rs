//! PEM (RFC 7468) around keys and certificates: blocks with nothing but white space before, between and behind them.

use crate::base64;
use crate::limits::MAX_CHAIN;

/// Why a text is not PEM.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Not UTF-8, or something else than white space outside the blocks.
    #[error("expected pem blocks and nothing else, found {found}")]
    Stray {
        /// What stands there.
        found: &'static str,
    },
    /// A block that does not end, or ends with another label.
    #[error("expected \"-----END {label}-----\", found none")]
    Unterminated {
        /// The label of the block's first line.
        label: String,
    },
    /// The text between the two lines.
    #[error("pem body: {0}")]
    Body(#[from] base64::Base64Error),
    /// Too many blocks.
    #[error("expected at most {MAX_CHAIN} pem blocks, found more")]
    TooMany,
}

/// One block: what it is called and its decoded bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Vec<u8>,
}

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Whether the bytes look like PEM rather than DER.
pub(crate) fn looks_like_pem(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----")
}

/// All blocks of a text, in order: one at least, [`MAX_CHAIN`] at most.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<Block>, PemError> {
    let text = std::str::from_utf8(bytes).map_err(|_| PemError::Stray {
        found: "bytes that are not utf-8",
    })?;
    let mut blocks = Vec::new();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        if blocks.len() == MAX_CHAIN {
            return Err(PemError::TooMany);
        }
        let (block, behind) = parse_block(rest)?;
        blocks.push(block);
        rest = behind.trim_ascii_start();
    }
    if blocks.is_empty() {
        return Err(PemError::Stray { found: "no block" });
    }
    Ok(blocks)
}

fn parse_block(text: &str) -> Result<(Block, &str), PemError> {
    let behind = text.strip_prefix(BEGIN).ok_or(PemError::Stray {
        found: "other text",
    })?;
    let (label, behind) = behind.split_once(DASHES).ok_or(PemError::Stray {
        found: "a broken first line",
    })?;
    if label.is_empty()
        || !label
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ')
    {
        return Err(PemError::Stray {
            found: "a broken first line",
        });
    }
    let (body, behind) = behind
        .split_once(&format!("{DASHES}END {label}{DASHES}"))
        .ok_or_else(|| PemError::Unterminated {
            label: label.to_owned(),
        })?;
    let packed: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if packed.contains(['-', '_']) {
        return Err(PemError::Stray {
            found: "a character outside the standard base64 alphabet",
        });
    }
    Ok((
        Block {
            label: label.to_owned(),
            der: base64::decode(&packed)?,
        },
        behind,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_blocks_with_any_line_ends_and_widths() {
        let text = "\n-----BEGIN A B-----\r\nQU\r\nFB\r\n-----END A B-----\r\n\r\n-----BEGIN C-----\nQUFB\n-----END C-----";
        let blocks = parse(text.as_bytes()).unwrap();
        let [first, second] = blocks.as_slice() else {
            panic!("two blocks")
        };
        assert_eq!(
            *first,
            Block {
                label: "A B".into(),
                der: b"AAA".to_vec()
            }
        );
        assert_eq!(second.label, "C");
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "  ",
            "x\n-----BEGIN A-----\nQUFB\n-----END A-----",
            "-----BEGIN A-----\nQUFB\n-----END A-----\nx",
            "-----BEGIN A-----\nQUFB\n-----END B-----",
            "-----BEGIN A-----\nKey: value\n\nQUFB\n-----END A-----",
            "-----BEGIN A-----\nQUF-\n-----END A-----",
            "-----BEGIN A-----\nQUF\n-----END A-----",
            "-----BEGIN -----\nQUFB\n-----END -----",
            "-----BEGIN a-----\nQUFB\n-----END a-----",
            "-----BEGIN A",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
        let many = "-----BEGIN A-----\nQUFB\n-----END A-----\n".repeat(MAX_CHAIN + 1);
        assert_eq!(parse(many.as_bytes()), Err(PemError::TooMany));
        assert!(parse(b"\xff").is_err());
    }
}
