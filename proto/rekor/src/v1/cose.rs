//! `cose 0.0.1`: the digests of a `COSE_Sign1` message and of its payload, and the key that verifies it.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use treering_attest::DigestAlgorithm;

use super::entry::{Entry, HashValue};
use super::json::{Object, Text, object};
use super::member::{self, Digits, HashJson};
use super::refused::RefusedEntry;
use super::schema::{SchemaError, SchemaErrors};
use super::sign1::Message;
use super::verified::VerifiedEntry;
use super::verifier::{Keys, Verifier};

/// `kind`.
pub const KIND: &str = "cose";

/// `spec` of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// What was signed.
    pub data: Data,
    /// Canonical PEM in base64.
    pub public_key: String,
}

/// `spec.data`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Data {
    /// SHA-256 of the message's bytes.
    pub envelope_hash: HashValue,
    /// SHA-256 of its payload.
    pub payload_hash: HashValue,
}

object! {
    SpecJson<'a> Exact {
        "data" => data: Object<DataJson<'a>>,
        "message" => message: Text<'a>,
        "publicKey" => key: Text<'a>,
    }
}

object! {
    DataJson<'a> Exact {
        "aad" => aad: Text<'a>,
        "envelopeHash" => envelope_hash: Object<HashJson<'a>>,
        "payloadHash" => payload_hash: Object<HashJson<'a>>,
    }
}

struct Proposal {
    message: Vec<u8>,
    aad: Vec<u8>,
    envelope_hash: Option<HashValue>,
    payload_hash: Option<HashValue>,
    verifier: Verifier,
}

/// Reads, verifies and builds an entry. What is kept beside it is the message, as text in base64.
pub(super) fn propose(spec: &RawValue, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
    let proposal = read(member::spec(spec)?, keys)?;
    if proposal.message.is_empty() {
        return Err(RefusedEntry::NotInsertable {
            missing: "missing COSE Sign1 message",
        });
    }
    proposal.entry()
}

/// The entry that either form stands for.
pub(super) fn look_up(spec: &RawValue, keys: &dyn Keys) -> Result<Entry, RefusedEntry> {
    let proposal = read(member::spec(spec)?, keys)?;
    if !proposal.message.is_empty() {
        return proposal.entry().map(VerifiedEntry::into_entry);
    }
    match (proposal.envelope_hash, proposal.payload_hash) {
        (Some(envelope_hash), Some(payload_hash)) => {
            let data = Data {
                envelope_hash,
                payload_hash,
            };
            Ok(build(data, &proposal.verifier))
        }
        _ => Err(malformed_lookup()),
    }
}

fn malformed_lookup() -> RefusedEntry {
    RefusedEntry::NotInsertable {
        missing: "missing COSE Sign1 message, or both of its digests",
    }
}

impl Proposal {
    /// Certificates are no more than their first key here: as upstream, no chain is asked for.
    fn entry(self) -> Result<VerifiedEntry, RefusedEntry> {
        let message = Message::parse(&self.message)?;
        message.verify(self.verifier.key(), &self.aad)?;
        let sha256 =
            |bytes: &[u8]| HashValue::sha256(hex::encode(DigestAlgorithm::Sha256.of(bytes)));
        let data = Data {
            envelope_hash: sha256(&self.message),
            payload_hash: sha256(message.payload),
        };
        let text = STANDARD.encode(&self.message);
        VerifiedEntry::new(
            build(data, &self.verifier),
            Some(text.into()),
            vec![self.verifier],
        )
    }
}

fn build(data: Data, verifier: &Verifier) -> Entry {
    Entry::Cose(Spec {
        data,
        public_key: STANDARD.encode(verifier.canonical_pem()),
    })
}

/// Digests beside a message are read and then ignored: they are computed.
fn read(json: SpecJson<'_>, keys: &dyn Keys) -> Result<Proposal, RefusedEntry> {
    let message = member::bytes(&json.message, "message")?;
    let pem = member::bytes(&json.key, "public key")?;
    let mut errors = Vec::new();
    for (name, present) in [
        ("data", matches!(json.data, Object::Is(_))),
        ("publicKey", json.key.loose().is_some()),
    ] {
        if !present {
            errors.push(SchemaError::required(name, "body"));
        }
    }
    let data = json.data.loose().unwrap_or_default();
    let aad = member::bytes(&data.aad, "data aad")?;
    let mut hash = |json, name| HashJson::read(json, name, Digits::Any, &mut errors);
    let envelope_hash = hash(data.envelope_hash, "data.data.envelopeHash");
    let payload_hash = hash(data.payload_hash, "data.data.payloadHash");
    SchemaErrors::check(errors)?;
    let verifier = keys
        .parse(&pem)
        .map_err(|source| RefusedEntry::Key { place: "", source })?;
    Ok(Proposal {
        message,
        aad,
        envelope_hash,
        payload_hash,
        verifier,
    })
}
