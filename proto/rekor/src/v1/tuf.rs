//! `tuf 0.0.1`: signed metadata of TUF, and the root whose keys have signed it. Both are kept whole.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use treering_attest::DigestAlgorithm;

use super::base64;
use super::entry::Entry;
use super::json::{self, Object, Text, object};
use super::member;
use super::refused::RefusedEntry;
use super::schema::{SchemaError, SchemaErrors};
use super::tuf_metadata::Metadata;
use super::tuf_root::Root;
use super::verified::VerifiedEntry;
use super::verifier::Keys;

/// `kind`, and the `format` of a root where entries are searched by it.
pub const KIND: &str = "tuf";

/// `spec` of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What was signed, with its signatures.
    pub metadata: Content,
    /// Whose keys verify it.
    pub root: Content,
    /// Of the root; empty if it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub spec_version: String,
}

/// `spec.metadata` or `spec.root`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// JCS of the document in base64.
    pub content: String,
}

object! {
    SpecJson<'a> Exact {
        "metadata" => metadata: Object<ContentJson<'a>>,
        "root" => root: Object<ContentJson<'a>>,
    }
}

object! {
    ContentJson<'a> Exact { "content" => content: Option<&'a RawValue>, }
}

/// Reads, verifies and builds an entry. It needs no key: they are in the root.
pub(super) fn propose(spec: &RawValue, _: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
    let (metadata, root) = read(member::spec(spec)?)?;
    let metadata = Metadata::parse(&metadata)?;
    let root = Root::parse(&root)?;
    root.verify(&metadata)?;
    let content = |metadata: &Metadata| Content {
        content: STANDARD.encode(metadata.canonical()),
    };
    let spec = Spec {
        metadata: content(&metadata),
        root: content(&root.metadata),
        spec_version: root.metadata.spec_version.clone(),
    };
    let entry = VerifiedEntry::new(Entry::Tuf(spec), None, Vec::new())?;
    Ok(entry.expiring(metadata.expires.min(root.metadata.expires)))
}

/// As [`propose`]: the canonical form is also one that can be proposed.
pub(super) fn look_up(spec: &RawValue, keys: &dyn Keys) -> Result<Entry, RefusedEntry> {
    propose(spec, keys).map(VerifiedEntry::into_entry)
}

/// The bytes of the metadata and of the root.
fn read(json: SpecJson<'_>) -> Result<(Vec<u8>, Vec<u8>), RefusedEntry> {
    let mut errors = Vec::new();
    let mut content = |member: Object<ContentJson<'_>>, name: &str, inner: &str| {
        let Object::Is(json) = member else {
            errors.push(SchemaError::required(name, "body"));
            return Ok(Vec::new());
        };
        let Some(raw) = json.content else {
            errors.push(SchemaError::required(inner, "body"));
            return Ok(Vec::new());
        };
        document(raw)
    };
    let metadata = content(json.metadata, "metadata", "metadata.metadata.content");
    let root = content(json.root, "root", "root.root.content");
    SchemaErrors::check(errors)?;
    Ok((metadata?, root?))
}

/// A document as it is, or in base64.
fn document(raw: &RawValue) -> Result<Vec<u8>, RefusedEntry> {
    let text =
        json::whole::<Text<'_>>(raw.get()).map_err(|found| RefusedEntry::SpecJson { found })?;
    match text.loose() {
        None => Ok(raw.get().as_bytes().to_vec()),
        Some(text) => base64::standard(text).map_err(|source| RefusedEntry::Base64 {
            place: "tuf content",
            source,
        }),
    }
}

impl Spec {
    /// What an entry is found by: the digests of both documents, and role and version of what was signed.
    pub(super) fn names(&self) -> Vec<String> {
        let bytes = |content: &Content| STANDARD.decode(&content.content).unwrap_or_default();
        let metadata = bytes(&self.metadata);
        let mut names = vec![digest(&metadata)];
        if let Ok(metadata) = Metadata::parse(&metadata) {
            names.extend([metadata.role, metadata.version.to_string()]);
        }
        names.push(digest(&bytes(&self.root)));
        names
    }
}

fn digest(document: &[u8]) -> String {
    hex::encode(DigestAlgorithm::Sha256.of(document))
}

/// What entries of a root are found by.
pub(super) fn root_digest(root: &[u8]) -> Result<String, RefusedEntry> {
    Ok(digest(&Root::parse(root)?.metadata.canonical()))
}
