//! `rekord 0.0.1`: an artifact that arrives whole and of which the digest is kept, and a detached signature of some format.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use treering_attest::DigestAlgorithm;

use super::detached;
use super::entry::{Entry, HashValue};
use super::hashedrekord::{Data, Key};
use super::json::{Object, Text, object};
use super::member::{self, Digits, HashJson, one_of};
use super::refused::RefusedEntry;
use super::schema::{SchemaError, SchemaErrors};
use super::verified::VerifiedEntry;
use super::verifier::Keys;

/// `kind`.
pub const KIND: &str = "rekord";

const FORMATS: [&str; 4] = ["pgp", "minisign", "x509", "ssh"];

/// `spec` of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The artifact's digest.
    pub data: Data,
    /// By whom.
    pub signature: Signature,
}

/// `spec.signature`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signature {
    /// Its canonical form in base64.
    pub content: String,
    /// `pgp`, `minisign`, `x509` or `ssh`.
    pub format: String,
    /// What verifies it.
    pub public_key: Key,
}

object! {
    SpecJson<'a> Exact {
        "data" => data: Object<DataJson<'a>>,
        "signature" => signature: Object<SignatureJson<'a>>,
    }
}

object! {
    DataJson<'a> Exact { "content" => content: Text<'a>, "hash" => hash: Object<HashJson<'a>>, }
}

object! {
    SignatureJson<'a> Exact {
        "content" => content: Text<'a>,
        "format" => format: Text<'a>,
        "publicKey" => key: Object<KeyJson<'a>>,
    }
}

object! {
    KeyJson<'a> Exact { "content" => content: Text<'a>, }
}

struct Proposal {
    content: Vec<u8>,
    hash: Option<HashValue>,
    format: String,
    signature: Vec<u8>,
    pem: Vec<u8>,
}

/// Reads, verifies and builds an entry.
pub(super) fn propose(spec: &RawValue, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
    read(member::spec(spec)?)?.verify(keys)
}

/// As [`propose`]: without the artifact nothing can be looked up, either.
pub(super) fn look_up(spec: &RawValue, keys: &dyn Keys) -> Result<Entry, RefusedEntry> {
    propose(spec, keys).map(VerifiedEntry::into_entry)
}

impl Proposal {
    fn verify(self, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
        let key = detached::Key::parse(&self.format, &self.pem, keys)?;
        if self.content.is_empty() {
            return Err(RefusedEntry::NotInsertable {
                missing: "missing data content",
            });
        }
        let computed = hex::encode(DigestAlgorithm::Sha256.of(&self.content));
        if let Some(hash) = self.hash.filter(|hash| hash.value != computed) {
            return Err(RefusedEntry::DigestMismatch {
                computed,
                found: hash.value.chars().take(64).collect(),
            });
        }
        let signature = key.verify(&self.content, &self.signature)?;
        let spec = Spec {
            data: Data {
                hash: HashValue::sha256(computed),
            },
            signature: Signature {
                content: STANDARD.encode(signature),
                format: self.format,
                public_key: Key {
                    content: STANDARD.encode(key.canonical()),
                },
            },
        };
        let verifiers = key.into_verifier().into_iter().collect();
        VerifiedEntry::new(Entry::Rekord(spec), None, verifiers)
    }
}

impl Spec {
    /// What an entry of another format than x509 is found by beside its artifact: the digest of its key, and addresses in it.
    pub(super) fn key_names(&self) -> Vec<String> {
        detached::names(&self.signature.format, &self.signature.public_key.content)
    }
}

fn read(json: SpecJson<'_>) -> Result<Proposal, RefusedEntry> {
    let mut errors = Vec::new();
    for (name, present) in [
        ("data", matches!(json.data, Object::Is(_))),
        ("signature", matches!(json.signature, Object::Is(_))),
    ] {
        if !present {
            errors.push(SchemaError::required(name, "body"));
        }
    }
    SchemaErrors::check(std::mem::take(&mut errors))?;
    let data = json.data.loose().unwrap_or_default();
    let signature = json.signature.loose().unwrap_or_default();
    let content = member::bytes(&data.content, "data content")?;
    let hash = HashJson::read(data.hash, "data.data.hash", Digits::Sha256, &mut errors);
    let name = "signature.signature.format";
    let format = one_of(&signature.format, name, &FORMATS, &mut errors);
    let key = match signature.key {
        Object::Is(key) => member::bytes(&key.content, "public key content")?,
        Object::Absent | Object::Other(_) => {
            let name = "signature.signature.publicKey";
            errors.push(SchemaError::required(name, "body"));
            Vec::new()
        }
    };
    SchemaErrors::check(errors)?;
    Ok(Proposal {
        content,
        hash,
        format: format.unwrap_or_default(),
        signature: member::bytes(&signature.content, "signature content")?,
        pem: key,
    })
}
