//! `intoto 0.0.1`: the digests of an envelope and of its payload, and the key of one of its signatures.

use std::borrow::Cow;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use treering_attest::DigestAlgorithm;

use super::base64;
use super::entry::{Entry, HashValue};
use super::envelope::Envelope;
use super::json::{Object, Text, object};
use super::member::{self, Digits, HashJson};
use super::refused::RefusedEntry;
use super::schema::{SchemaError, SchemaErrors};
use super::verified::VerifiedEntry;
use super::verifier::{Keys, Verifier};

/// `kind`, of both versions.
pub const KIND: &str = "intoto";

/// `spec` of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// What was signed.
    pub content: Content,
    /// Canonical PEM in base64.
    pub public_key: String,
}

/// `spec.content`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Content {
    /// SHA-256 of the envelope's bytes.
    pub hash: HashValue,
    /// SHA-256 of the decoded payload; absent in the oldest leaves of other logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_hash: Option<HashValue>,
}

object! {
    SpecJson<'a> Exact {
        "content" => content: Object<ContentJson<'a>>,
        "publicKey" => key: Text<'a>,
    }
}

object! {
    ContentJson<'a> Exact {
        "envelope" => envelope: Text<'a>,
        "hash" => hash: Object<HashJson<'a>>,
        "payloadHash" => payload_hash: Object<HashJson<'a>>,
    }
}

struct Proposal<'a> {
    envelope: Cow<'a, str>,
    hash: Option<HashValue>,
    payload_hash: Option<HashValue>,
    pem: Vec<u8>,
}

/// Reads, verifies and builds an entry.
pub(super) fn propose(spec: &RawValue, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
    let proposal = read(member::spec(spec)?)?;
    let verifier = parse(keys, &proposal.pem)?;
    if proposal.envelope.is_empty() {
        return Err(RefusedEntry::NotInsertable {
            missing: "missing envelope content",
        });
    }
    entry(proposal.envelope.into_owned(), verifier)
}

/// The entry that either form stands for.
pub(super) fn look_up(spec: &RawValue, keys: &dyn Keys) -> Result<Entry, RefusedEntry> {
    let proposal = read(member::spec(spec)?)?;
    let verifier = parse(keys, &proposal.pem)?;
    if !proposal.envelope.is_empty() {
        return entry(proposal.envelope.into_owned(), verifier).map(VerifiedEntry::into_entry);
    }
    let hash = proposal.hash.ok_or(RefusedEntry::NoForm)?;
    // Entries of the oldest logs have no payload hash, and are asked for without one.
    Ok(Entry::IntotoV001(build(
        hash,
        proposal.payload_hash,
        &verifier,
    )))
}

fn parse(keys: &dyn Keys, pem: &[u8]) -> Result<Verifier, RefusedEntry> {
    keys.parse(pem)
        .map_err(|source| RefusedEntry::Key { place: "", source })
}

/// One signature that the key verifies is enough.
fn entry(text: String, verifier: Verifier) -> Result<VerifiedEntry, RefusedEntry> {
    let envelope = Envelope::parse(&text)?;
    let mut prepared = envelope.prepare()?;
    if prepared.accept(verifier.key())?.is_none() {
        return Err(RefusedEntry::UnusedVerifier {
            verifier: 0,
            signatures: envelope.signatures.len(),
        });
    }
    if envelope.payload.is_empty() || envelope.payload_type.is_empty() {
        return Err(RefusedEntry::NotInsertable {
            missing: "invalid DSSE envelope",
        });
    }
    // Unlike the signature's check, this takes the standard alphabet alone.
    base64::chunks(&envelope.payload, base64::Alphabet::Standard, |_| ()).map_err(|source| {
        RefusedEntry::EnvelopeBase64 {
            part: "payload",
            source,
        }
    })?;
    let hash = HashValue::sha256(hex::encode(DigestAlgorithm::Sha256.of(text.as_bytes())));
    let payload_hash = HashValue::sha256(prepared.payload_hash());
    let spec = build(hash, Some(payload_hash), &verifier);
    VerifiedEntry::new(Entry::IntotoV001(spec), Some(text.into()), vec![verifier])
}

fn build(hash: HashValue, payload_hash: Option<HashValue>, verifier: &Verifier) -> Spec {
    Spec {
        content: Content { hash, payload_hash },
        public_key: STANDARD.encode(verifier.canonical_pem()),
    }
}

/// Digests beside an envelope are read and then ignored: they are computed.
fn read(json: SpecJson<'_>) -> Result<Proposal<'_>, RefusedEntry> {
    let pem = member::bytes(&json.key, "public key")?;
    let mut errors = Vec::new();
    let content = json.content.loose();
    if content.is_none() {
        errors.push(SchemaError::required("content", "body"));
    }
    let content = content.unwrap_or_default();
    let name = "content.content.hash";
    let hash = HashJson::read(content.hash, name, Digits::Any, &mut errors);
    let name = "content.content.payloadHash";
    let payload_hash = HashJson::read(content.payload_hash, name, Digits::Any, &mut errors);
    if json.key.loose().is_none() {
        errors.push(SchemaError::required("publicKey", "body"));
    }
    SchemaErrors::check(errors)?;
    Ok(Proposal {
        envelope: content.envelope.into_loose().unwrap_or_default(),
        hash,
        payload_hash,
        pem,
    })
}
