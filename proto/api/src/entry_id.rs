//! The text form of an [`EntryId`], as it stands in a URL path or on a command line.

use std::fmt;
use std::str::FromStr;

use treering_tlog::{Hash, LeafIndex};

use crate::log::EntryId;
use crate::reject::Reject;

/// How many hexadecimal digits a leaf hash has. No index has as many decimal ones.
const HEX_LEN: usize = 64;
/// As much of a wrong text as an error repeats, in characters.
const ECHO: usize = 80;

impl FromStr for EntryId {
    type Err = Reject;

    /// Reads 64 hexadecimal digits as a leaf hash and anything shorter as an index.
    fn from_str(text: &str) -> Result<Self, Reject> {
        let parsed = if text.len() == HEX_LEN {
            Hash::from_hex(text).ok().map(Self::LeafHash)
        } else {
            text.parse::<LeafIndex>().ok().map(Self::Index)
        };
        parsed.ok_or_else(|| {
            let found: String = text.chars().take(ECHO).collect();
            Reject::malformed(
                "an index below 2^63 or a leaf hash of 64 hexadecimal digits",
                format!("{found:?}"),
            )
        })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => index.fmt(f),
            Self::LeafHash(hash) => hash.fmt(f),
        }
    }
}
