//! What a leaf of Rekor v1 says of its keys, and of the payload and the signatures that it is about.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use treering_attest::PublicKey;
use treering_rekor::v1::{Entry, HashValue, Keys};
use treering_tlog::Hash;

/// The keys that an entry was verified with. What is no key that is taken here, such as one of OpenPGP, is passed over.
pub(super) fn keys(entry: &Entry, parse: &dyn Keys) -> Vec<PublicKey> {
    let pems: Vec<&str> = match entry {
        Entry::HashedRekord(spec) => vec![&spec.signature.public_key.content],
        Entry::Rekord(spec) => vec![&spec.signature.public_key.content],
        Entry::Dsse(spec) => spec
            .signatures
            .iter()
            .map(|signature| signature.verifier.as_str())
            .collect(),
        Entry::IntotoV001(spec) => vec![&spec.public_key],
        Entry::IntotoV002(spec) => {
            let signatures = &spec.content.envelope.signatures;
            signatures.iter().map(|s| s.public_key.as_str()).collect()
        }
        Entry::Cose(spec) => vec![&spec.public_key],
        // Of OpenPGP, and several in a root.
        Entry::Rfc3161(_) | Entry::Helm(_) | Entry::Tuf(_) => Vec::new(),
    };
    pems.into_iter().filter_map(|pem| key(pem, parse)).collect()
}

/// A key as a leaf writes it; nothing if it is no key that is taken here.
pub(super) fn key(pem: &str, parse: &dyn Keys) -> Option<PublicKey> {
    let verifier = parse.parse(&STANDARD.decode(pem).ok()?).ok()?;
    Some(verifier.key().clone())
}

/// SHA-256 of the payload of the envelope that an entry is about.
pub(super) fn payload(entry: &Entry) -> Option<Hash> {
    let hash: &HashValue = match entry {
        Entry::Dsse(spec) => &spec.payload_hash,
        Entry::IntotoV001(spec) => spec.content.payload_hash.as_ref()?,
        Entry::IntotoV002(spec) => &spec.content.payload_hash,
        Entry::HashedRekord(_)
        | Entry::Rekord(_)
        | Entry::Rfc3161(_)
        | Entry::Cose(_)
        | Entry::Helm(_)
        | Entry::Tuf(_) => return None,
    };
    let value = hash.value.to_ascii_lowercase();
    Hash::from_hex(&value)
        .ok()
        .filter(|_| hash.algorithm == "sha256")
}

/// A signature that a leaf holds, and the key that verified it, as the leaf writes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair<'e> {
    pub(super) sig: Vec<u8>,
    pub(super) key: &'e str,
}

/// The signatures that a leaf holds, each with its key; `None` if they stand only in the envelope kept with it.
pub(super) fn pairs(entry: &Entry) -> Option<Vec<Pair<'_>>> {
    match entry {
        Entry::Dsse(spec) => {
            let pair = spec.signatures.iter().filter_map(|signature| {
                let sig = decode(&signature.signature)?;
                let key = signature.verifier.as_str();
                Some(Pair { sig, key })
            });
            Some(pair.collect())
        }
        Entry::IntotoV002(spec) => {
            let signatures = spec.content.envelope.signatures.iter();
            let pair = signatures.filter_map(|signature| {
                let text = String::from_utf8(decode(&signature.sig)?).ok()?;
                let sig = decode(&text)?;
                let key = signature.public_key.as_str();
                Some(Pair { sig, key })
            });
            Some(pair.collect())
        }
        _ => None,
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}
