//! `helm 0.0.1`: the provenance file of a chart, of which the digest of the chart and the signature are kept, and an OpenPGP key.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::detached;
use super::entry::{Entry, HashValue};
use super::hashedrekord::Key;
use super::json::{Object, Text, object};
use super::member::{self, Digits, HashJson};
use super::openpgp;
use super::provenance::Provenance;
use super::refused::RefusedEntry;
use super::schema::{SchemaError, SchemaErrors};
use super::verified::VerifiedEntry;
use super::verifier::Keys;

/// `kind`.
pub const KIND: &str = "helm";

/// `spec` of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// What was signed.
    pub chart: Chart,
    /// By whom: armor of OpenPGP keys.
    pub public_key: Key,
}

/// `spec.chart`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// The digest of the chart's archive, as the provenance file says.
    pub hash: HashValue,
    /// What is kept of that file.
    pub provenance: ProvenanceOfChart,
}

/// `spec.chart.provenance`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenanceOfChart {
    /// Its signature.
    pub signature: Signature,
}

/// `spec.chart.provenance.signature`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Armor in base64.
    pub content: String,
}

object! {
    SpecJson<'a> Exact {
        "chart" => chart: Object<ChartJson<'a>>,
        "publicKey" => key: Object<ContentJson<'a>>,
    }
}

object! {
    ChartJson<'a> Exact {
        "hash" => hash: Object<HashJson<'a>>,
        "provenance" => provenance: Object<ProvenanceJson<'a>>,
    }
}

object! {
    ProvenanceJson<'a> Exact {
        "content" => content: Text<'a>,
    }
}

object! {
    ContentJson<'a> Exact { "content" => content: Text<'a>, }
}

struct Proposal {
    key: Vec<u8>,
    hash: Option<HashValue>,
    provenance: Vec<u8>,
}

/// Reads, verifies and builds an entry.
pub(super) fn propose(spec: &RawValue, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
    read(member::spec(spec)?)?.verify(keys)
}

/// As [`propose`]: without the provenance file nothing can be looked up, either.
pub(super) fn look_up(spec: &RawValue, keys: &dyn Keys) -> Result<Entry, RefusedEntry> {
    propose(spec, keys).map(VerifiedEntry::into_entry)
}

impl Proposal {
    fn verify(self, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
        let provenance = Provenance::parse(&self.provenance)?;
        let computed = provenance.hash;
        if let Some(hash) = self.hash.filter(|hash| *hash != computed) {
            return Err(RefusedEntry::DigestMismatch {
                computed: computed.value,
                found: hash.value.chars().take(64).collect(),
            });
        }
        let key = detached::Key::parse(openpgp::FORMAT, &self.key, keys)?;
        let signature = key.verify(provenance.text.as_bytes(), &provenance.signature)?;
        let spec = Spec {
            chart: Chart {
                hash: computed,
                provenance: ProvenanceOfChart {
                    signature: Signature {
                        content: STANDARD.encode(signature),
                    },
                },
            },
            public_key: Key {
                content: STANDARD.encode(key.canonical()),
            },
        };
        VerifiedEntry::new(Entry::Helm(spec), None, Vec::new())
    }
}

fn read(json: SpecJson<'_>) -> Result<Proposal, RefusedEntry> {
    let mut errors = Vec::new();
    for (name, present) in [
        ("chart", matches!(json.chart, Object::Is(_))),
        ("publicKey", matches!(json.key, Object::Is(_))),
    ] {
        if !present {
            errors.push(SchemaError::required(name, "body"));
        }
    }
    SchemaErrors::check(std::mem::take(&mut errors))?;
    let chart = json.chart.loose().unwrap_or_default();
    let key = json.key.loose().unwrap_or_default();
    let key = member::bytes(&key.content, "publicKey content")?;
    let hash = HashJson::read(chart.hash, "chart.chart.hash", Digits::Any, &mut errors);
    if !matches!(chart.provenance, Object::Is(_)) {
        errors.push(SchemaError::required("chart.chart.provenance", "body"));
    }
    if key.is_empty() {
        let name = "publicKey.publicKey.content";
        errors.push(SchemaError::required(name, "body"));
    }
    SchemaErrors::check(errors)?;
    let provenance = chart.provenance.loose().unwrap_or_default();
    let content = member::bytes(&provenance.content, "provenance content")?;
    if content.is_empty() {
        // The canonical form, of which nothing can be verified.
        return Err(RefusedEntry::NotInsertable {
            missing: "missing provenance content",
        });
    }
    Ok(Proposal {
        key,
        hash,
        provenance: content,
    })
}

impl Spec {
    /// The digest of its key, and addresses in it.
    pub(super) fn key_names(&self) -> Vec<String> {
        detached::names(openpgp::FORMAT, &self.public_key.content)
    }
}
