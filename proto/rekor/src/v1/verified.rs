//! The receipt of an entry whose signatures have been verified.

use bytes::Bytes;
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

use super::attestation;
use super::entry::Entry;
use super::index;
use super::refused::RefusedEntry;
use super::verifier::Verifier;
use crate::Canonical;

/// An entry whose signatures have been verified, its leaf, and what is kept beside the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEntry {
    entry: Entry,
    canonical: Canonical,
    envelope: Option<EnvelopeText>,
    verifiers: Vec<Verifier>,
    expires: Option<i64>,
}

/// The text of an envelope: bytes of its own, or a part of what was submitted, which is not copied for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EnvelopeText(Bytes);

impl EnvelopeText {
    /// A part of what was submitted.
    pub(super) fn shared(bytes: Bytes) -> Result<Self, std::str::Utf8Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("it was checked when it was made")
    }
}

impl From<String> for EnvelopeText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// What a [`VerifiedEntry`] is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// What its leaf says.
    pub entry: Entry,
    /// Its leaf.
    pub canonical: Canonical,
    /// See [`VerifiedEntry::envelope`].
    pub envelope: Option<Bytes>,
    /// See [`VerifiedEntry::verifiers`].
    pub verifiers: Vec<Verifier>,
}

impl VerifiedEntry {
    /// For the kinds, which have verified what the entry says.
    pub(super) fn new(
        entry: Entry,
        envelope: Option<EnvelopeText>,
        verifiers: Vec<Verifier>,
    ) -> Result<Self, RefusedEntry> {
        let leaf = entry.encode();
        if leaf.len() > MAX_LEAF_LEN {
            return Err(RefusedEntry::LeafTooLong { found: leaf.len() });
        }
        Ok(Self {
            entry,
            canonical: Canonical::new(leaf),
            envelope,
            verifiers,
            expires: None,
        })
    }

    /// For the kinds whose content is valid until a time, in seconds since the Unix epoch.
    pub(super) fn expiring(mut self, at: i64) -> Self {
        self.expires = Some(at);
        self
    }

    /// When its content stops being valid.
    pub(super) fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// What the leaf says.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The same, given away.
    pub fn into_entry(self) -> Entry {
        self.entry
    }

    /// The leaf.
    pub fn canonical(&self) -> &Canonical {
        &self.canonical
    }

    /// The envelope, byte for byte as it was submitted; of `intoto 0.0.2`, which takes it apart, one of the same payload, type
    /// and signatures; of cose the message, in base64. Other kinds have none.
    pub fn envelope(&self) -> Option<&str> {
        self.envelope.as_ref().map(EnvelopeText::as_str)
    }

    /// What verified the signatures, in the order of the leaf.
    pub fn verifiers(&self) -> &[Verifier] {
        &self.verifiers
    }

    /// What the entry is found by: [`index_keys`](super::index_keys) of the entry and its envelope, without parsing keys again.
    /// To be asked before the entry is sequenced, as one with too many is refused.
    ///
    /// # Errors
    /// [`RefusedEntry::TooManyIndexKeys`].
    pub fn index_keys(&self) -> Result<Vec<String>, RefusedEntry> {
        index::keys(&self.entry, &self.verifiers, self.envelope())
    }

    /// What `attestation.data` of the entry is: [`attestation`](super::attestation()) of the entry and its envelope.
    pub fn attestation(&self, max: usize) -> Option<Vec<u8>> {
        attestation(&self.entry, self.envelope()?.as_bytes(), max)
    }

    /// Takes it apart.
    pub fn into_parts(self) -> Parts {
        Parts {
            entry: self.entry,
            canonical: self.canonical,
            envelope: self.envelope.map(|text| text.0),
            verifiers: self.verifiers,
        }
    }
}
