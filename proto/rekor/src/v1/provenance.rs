//! The provenance file of a Helm chart: a text that OpenPGP has signed in the clear (RFC 9580 7), in whose second part in YAML the
//! digest of the chart stands. rPGP reads the frame.

use std::collections::BTreeMap;

use ::pgp::composed::CleartextSignedMessage;
use serde::Deserialize;

use super::entry::HashValue;
use super::openpgp_armor::dearmor;
use super::refused::RefusedEntry;

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "\n-----BEGIN PGP SIGNATURE-----";
const END: &str = "\n-----END PGP SIGNATURE-----";
/// What ends the first part.
const PART: &str = "\n...\n";
/// Bytes of a file. Its signature, in base64 a second time, must fit a leaf, and what it signs is the chart's description.
const MAX_FILE: usize = 256 * 1024;

/// A provenance file whose signature has not been verified.
#[derive(Debug)]
pub(super) struct Provenance {
    /// What is signed: lines without blanks at their ends, between them carriage return and line feed.
    pub(super) text: String,
    /// Packets.
    pub(super) signature: Vec<u8>,
    /// Of the chart.
    pub(super) hash: HashValue,
}

#[derive(Deserialize)]
struct Sums {
    files: BTreeMap<String, String>,
}

fn malformed(expected: &'static str) -> RefusedEntry {
    RefusedEntry::Provenance { expected }
}

impl Provenance {
    /// Text before and behind the message is dropped, as upstream.
    pub(super) fn parse(file: &[u8]) -> Result<Self, RefusedEntry> {
        if file.len() > MAX_FILE {
            return Err(malformed("at most 256 KiB"));
        }
        let file = std::str::from_utf8(file).map_err(|_| malformed("text"))?;
        let message = message(file).ok_or_else(|| malformed("a message signed in the clear"))?;
        let parsed = CleartextSignedMessage::from_string(message);
        let (parsed, _) = parsed.map_err(|_| malformed("a message signed in the clear"))?;
        let armor = message.find(SIGNATURE).and_then(|at| message.get(at..));
        let (_, signature, _) = armor
            .and_then(dearmor)
            .ok_or_else(|| malformed("armor of a signature"))?;
        let text = parsed.signed_text();
        let hash = hash(&(text.replace("\r\n", "\n") + "\n"))?;
        Ok(Self {
            text,
            signature,
            hash,
        })
    }
}

/// The first message of a file, without a line end behind it.
fn message(file: &str) -> Option<&str> {
    let start = if file.starts_with(BEGIN) {
        0
    } else {
        file.find(&format!("\n{BEGIN}"))? + 1
    };
    let rest = file.get(start..)?;
    let end = rest.find(END)? + END.len();
    rest.get(..end)
}

/// The digest of the chart. Of several files upstream takes any, which makes a leaf that nobody can foresee.
fn hash(text: &str) -> Result<HashValue, RefusedEntry> {
    let mut parts = text.split(PART);
    let sums = parts.next().and_then(|_| parts.next());
    let sums = sums.ok_or_else(|| malformed("digests behind a line of three dots"))?;
    let sums: Sums = serde_saphyr::from_str(sums).map_err(|_| malformed("yaml of digests"))?;
    let mut files = sums.files.into_values();
    let (Some(value), None) = (files.next(), files.next()) else {
        return Err(malformed("the digest of one file"));
    };
    let digits = value
        .strip_prefix("sha256:")
        .filter(|digits| digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let digits = digits.ok_or_else(|| malformed("a digest of sha256"))?;
    Ok(HashValue::sha256(digits.to_owned()))
}
