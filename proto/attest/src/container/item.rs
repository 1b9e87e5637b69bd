//! One attestation, whatever held it.

use std::borrow::Cow;
use std::fmt;

use super::canonical;
use super::error::{BadItem, ItemError};
use crate::bundle::{BundleVersion, MessageSignature, TlogEntry};
use crate::envelope::{Envelope, pae};

/// The payload type of an in-toto statement.
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";

/// One attestation, borrowed from the bytes of its container.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// What kind it is.
    pub kind: Kind,
    /// Where it stands in the container.
    pub place: Place,
    /// Its exact bytes: a slice of the container, without the white space around it.
    pub bytes: &'a [u8],
    /// What it holds.
    pub content: Content<'a>,
    /// Its signatures; none if it is unsigned. None of them has been verified.
    pub signatures: Vec<ItemSignature>,
    /// Entries in transparency logs that it carries.
    pub log_entries: Vec<TlogEntry>,
    /// What the container says about it and nobody signed.
    pub claims: Claims,
}

/// A kind of item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A DSSE envelope by itself, the witness dialect too.
    Dsse,
    /// A Sigstore bundle.
    SigstoreBundle(BundleVersion),
    /// An attestation of PEP 740.
    Pep740,
    /// Cosign's signature over an image, its payload beside it.
    SimpleSigning,
    /// A link in in-toto's first signed format.
    Link,
    /// An in-toto statement that nobody signed.
    Statement,
}

/// What an item holds.
#[derive(Debug, Clone)]
pub enum Content<'a> {
    /// A DSSE envelope; its payload is what was signed.
    Envelope(Envelope<'a>),
    /// A statement under a signature of DSSE whose envelope has another form (PEP 740).
    DetachedStatement(Vec<u8>),
    /// A signature over an artifact that is not here.
    Message(MessageSignature),
    /// The payload of a cosign signature.
    SimpleSigning(Cow<'a, [u8]>),
    /// The `signed` member of a link: its text as it stands. See [`Item::signed_bytes`].
    Link(&'a str),
    /// A bare statement.
    Statement(&'a [u8]),
}

/// One signature, with what it carries to find out who made it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemSignature {
    /// The signature's bytes.
    pub signature: Vec<u8>,
    /// An unauthenticated hint at the key; may be empty.
    pub hint: String,
    /// Certificates, the signer's first: DER, or PEM where the format has PEM (DSSE).
    pub certificates: Vec<Vec<u8>>,
    /// RFC 3161 tokens over the signature, in DER.
    pub timestamps: Vec<Vec<u8>>,
}

/// What a container says about an item outside its signature: hints, never facts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// The predicate type (npm).
    pub predicate_type: Option<String>,
    /// The publisher that the index names, as JSON text (PEP 740).
    pub publisher: Option<String>,
    /// The repository's number (GitHub).
    pub repository_id: Option<u64>,
}

/// Where an item stands in its container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The line, from 1, of a container of JSON lines.
    pub line: Option<usize>,
    /// A JSON pointer into the document or line; empty: all of it.
    pub pointer: String,
}

impl Kind {
    /// A short name that stays the same: `dsse`, `bundle-0.3`, `pep740`, `simplesigning`, `link`, `statement`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dsse => "dsse",
            Self::SigstoreBundle(BundleVersion::V0_1) => "bundle-0.1",
            Self::SigstoreBundle(BundleVersion::V0_2) => "bundle-0.2",
            Self::SigstoreBundle(BundleVersion::V0_3) => "bundle-0.3",
            Self::Pep740 => "pep740",
            Self::SimpleSigning => "simplesigning",
            Self::Link => "link",
            Self::Statement => "statement",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl<'a> Item<'a> {
    /// A cosign signature that was fetched as its parts: the payload of the layer, the signature of its annotation in base64, the
    /// certificates of the others (PEM or DER, the signer's first).
    ///
    /// # Errors
    /// [`ItemError`]: no base64, or longer than [`crate::limits`] allows.
    pub fn from_simple_signing(
        payload: &'a [u8],
        signature: &str,
        certificates: Vec<Vec<u8>>,
    ) -> Result<Self, ItemError> {
        super::simple_signing::from_parts(payload, signature, certificates)
    }

    /// An item that nothing but its bytes and content is known of yet.
    pub(super) fn new(kind: Kind, bytes: &'a [u8], content: Content<'a>) -> Self {
        Self {
            kind,
            place: Place::default(),
            bytes,
            content,
            signatures: Vec::new(),
            log_entries: Vec::new(),
            claims: Claims::default(),
        }
    }

    /// Whether it carries a signature at all.
    pub fn is_signed(&self) -> bool {
        !self.signatures.is_empty()
    }

    /// The media type of its payload, if the format names one.
    pub fn payload_type(&self) -> Option<&str> {
        match &self.content {
            Content::Envelope(envelope) => Some(envelope.payload_type()),
            Content::DetachedStatement(_) => Some(IN_TOTO),
            _ => None,
        }
    }

    /// The document that facts are taken from: a statement, an image's payload, a link. Nothing for a signature over an artifact.
    pub fn payload(&self) -> Option<Cow<'_, [u8]>> {
        match &self.content {
            Content::Envelope(envelope) => Some(Cow::Owned(
                envelope.payload().expect("parse has decoded it"),
            )),
            Content::DetachedStatement(statement) => Some(Cow::Borrowed(statement)),
            Content::SimpleSigning(payload) => Some(Cow::Borrowed(payload)),
            Content::Link(signed) => Some(Cow::Borrowed(signed.as_bytes())),
            Content::Statement(bytes) => Some(Cow::Borrowed(bytes)),
            Content::Message(_) => None,
        }
    }

    /// The bytes that the signatures are made over: a pre-authentication encoding, an image's payload, a link in canonical JSON.
    /// Nothing where the artifact itself was signed, or nothing at all.
    pub fn signed_bytes(&self) -> Option<Vec<u8>> {
        if !self.is_signed() {
            return None;
        }
        match &self.content {
            Content::Envelope(envelope) => Some(envelope.pae()),
            Content::DetachedStatement(statement) => Some(pae(IN_TOTO, statement)),
            Content::SimpleSigning(payload) => Some(payload.clone().into_owned()),
            Content::Link(signed) => {
                Some(canonical::encode(signed).expect("opening it has encoded it"))
            }
            Content::Message(_) | Content::Statement(_) => None,
        }
    }
}

impl Place {
    /// A line, from 1.
    pub(super) fn line(number: usize) -> Self {
        Self {
            line: Some(number),
            pointer: String::new(),
        }
    }

    /// A place below this one.
    pub(super) fn below(&self, pointer: impl fmt::Display) -> Self {
        Self {
            line: self.line,
            pointer: format!("{}{pointer}", self.pointer),
        }
    }

    /// Puts what was found here.
    pub(super) fn found<'a>(&self, item: Result<Item<'a>, ItemError>) -> Result<Item<'a>, BadItem> {
        let place = self.clone();
        match item {
            Ok(item) => Ok(Item { place, ..item }),
            Err(error) => Err(BadItem { place, error }),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.pointer.as_str()) {
            (None, "") => f.write_str("the document"),
            (None, pointer) => f.write_str(pointer),
            (Some(line), "") => write!(f, "line {line}"),
            (Some(line), pointer) => write!(f, "line {line}, {pointer}"),
        }
    }
}
