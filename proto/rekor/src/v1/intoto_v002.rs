//! `intoto 0.0.2`: an envelope taken apart, its payload and signatures in base64 once more, each signature beside a key.
//!
//! A leaf keeps the signatures and keys as they were submitted, and a digest of the envelope that nobody can check, since the
//! envelope as it was signed never arrives.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use treering_attest::limits::MAX_SIGNATURES;

use super::base64;
use super::entry::{Entry, HashValue};
use super::envelope::Envelope;
use super::json::{List, Object, Text, object};
use super::member::{self, Digits, HashJson};
use super::refused::RefusedEntry;
use super::schema::{SchemaError, SchemaErrors};
use super::verified::VerifiedEntry;
use super::verifier::{Keys, Verifier};

/// `spec` of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What was signed.
    pub content: Content,
}

/// `spec.content`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Content {
    /// The envelope without its payload.
    pub envelope: EnvelopeSpec,
    /// What the client says the envelope's digest is.
    pub hash: HashValue,
    /// SHA-256 of the decoded payload.
    pub payload_hash: HashValue,
}

/// `spec.content.envelope`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvelopeSpec {
    /// The media type of the payload.
    pub payload_type: String,
    /// In the envelope's order.
    pub signatures: Vec<Signature>,
}

/// A signature, and a key that verifies one of the signatures, not necessarily this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signature {
    /// The hint of the envelope; absent if empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub keyid: String,
    /// PEM as submitted, in base64.
    pub public_key: String,
    /// The text of `sig` in the envelope, in base64 once more.
    pub sig: String,
}

object! {
    SpecJson<'a> Exact { "content" => content: Object<ContentJson<'a>>, }
}

object! {
    ContentJson<'a> Exact {
        "envelope" => envelope: Object<EnvelopeJson<'a>>,
        "hash" => hash: Object<HashJson<'a>>,
        "payloadHash" => payload_hash: Object<HashJson<'a>>,
    }
}

object! {
    EnvelopeJson<'a> Exact {
        "payload" => payload: Text<'a>,
        "payloadType" => payload_type: Text<'a>,
        "signatures" => signatures: List<Object<SignatureJson<'a>>, { MAX_SIGNATURES + 1 }>,
    }
}

object! {
    SignatureJson<'a> Exact {
        "keyid" => keyid: Text<'a>,
        "sig" => sig: Text<'a>,
        "publicKey" => key: Text<'a>,
    }
}

/// What is asked to be logged; without a payload the canonical form, or nothing of use.
struct Proposal {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Part>,
    hash: Option<HashValue>,
    payload_hash: Option<HashValue>,
}

struct Part {
    keyid: String,
    sig: Vec<u8>,
    pem: Vec<u8>,
}

/// The envelope that the parts stand for, as it is kept.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rebuilt<'a> {
    payload: &'a str,
    payload_type: &'a str,
    signatures: Vec<RebuiltSignature<'a>>,
}

#[derive(Serialize)]
struct RebuiltSignature<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    keyid: &'a str,
    sig: &'a str,
}

/// Reads, verifies and builds an entry.
pub(super) fn propose(spec: &RawValue, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
    let proposal = read(member::spec(spec)?)?;
    if proposal.payload.is_empty() {
        return Err(RefusedEntry::NotInsertable {
            missing: "missing envelope content",
        });
    }
    proposal.verify(keys)
}

/// The entry that either form stands for.
pub(super) fn look_up(spec: &RawValue, keys: &dyn Keys) -> Result<Entry, RefusedEntry> {
    let mut proposal = read(member::spec(spec)?)?;
    if !proposal.payload.is_empty() {
        return proposal.verify(keys).map(VerifiedEntry::into_entry);
    }
    let payload_hash = proposal.payload_hash.take().ok_or(RefusedEntry::NoForm)?;
    proposal.spec(payload_hash).map(Entry::IntotoV002)
}

impl Proposal {
    /// Every key must verify a signature, and every signature must be verified.
    fn verify(self, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
        if self.payload_type.is_empty() {
            return Err(RefusedEntry::NotInsertable {
                missing: "missing payloadType content",
            });
        }
        let text = self.envelope()?;
        let envelope = Envelope::parse(&text)?;
        let mut prepared = envelope.prepare()?;
        let mut verified = vec![false; self.signatures.len()];
        let mut verifiers: Vec<Verifier> = Vec::with_capacity(self.signatures.len());
        for (index, part) in self.signatures.iter().enumerate() {
            let verifier = keys.parse(&part.pem).map_err(|source| RefusedEntry::Key {
                place: "could not parse public key as x509: ",
                source,
            })?;
            let Some(accepted) = prepared.accept(verifier.key())? else {
                return Err(RefusedEntry::UnusedVerifier {
                    verifier: index,
                    signatures: self.signatures.len(),
                });
            };
            self.mark(accepted, &mut verified);
            verifiers.push(verifier);
        }
        let count = verified.iter().filter(|&&done| done).count();
        if count < verified.len() {
            return Err(RefusedEntry::UnverifiedSignature {
                signatures: verified.len(),
                verified: count,
            });
        }
        base64::chunks(&envelope.payload, base64::Alphabet::Standard, |_| ())
            .map_err(|source| illegal("payload", source))?;
        let spec = self.spec(HashValue::sha256(prepared.payload_hash()))?;
        VerifiedEntry::new(Entry::IntotoV002(spec), Some(text.into()), verifiers)
    }

    /// A signature that is there twice is verified by one key.
    fn mark(&self, accepted: usize, verified: &mut [bool]) {
        let sig = self.signatures.get(accepted).map(|part| &part.sig);
        for (part, done) in self.signatures.iter().zip(verified) {
            *done |= Some(&part.sig) == sig;
        }
    }

    /// The payload and signatures are text in base64; anything else fails to decode upstream.
    fn envelope(&self) -> Result<String, RefusedEntry> {
        let signatures = self
            .signatures
            .iter()
            .map(|part| {
                Ok(RebuiltSignature {
                    keyid: &part.keyid,
                    sig: text("sig", &part.sig)?,
                })
            })
            .collect::<Result<_, RefusedEntry>>()?;
        let envelope = Rebuilt {
            payload: text("payload", &self.payload)?,
            payload_type: &self.payload_type,
            signatures,
        };
        Ok(serde_json::to_string(&envelope).expect("strings in structs can always be written"))
    }

    fn spec(self, payload_hash: HashValue) -> Result<Spec, RefusedEntry> {
        let signatures = self.signatures.into_iter().map(|part| Signature {
            keyid: part.keyid,
            public_key: STANDARD.encode(part.pem),
            sig: STANDARD.encode(part.sig),
        });
        Ok(Spec {
            content: Content {
                envelope: EnvelopeSpec {
                    payload_type: self.payload_type,
                    signatures: signatures.collect(),
                },
                hash: self.hash.ok_or(RefusedEntry::MissingEnvelopeDigest)?,
                payload_hash,
            },
        })
    }
}

fn text<'a>(part: &'static str, bytes: &'a [u8]) -> Result<&'a str, RefusedEntry> {
    std::str::from_utf8(bytes).map_err(|error| {
        illegal(
            part,
            base64::IllegalBase64 {
                at: error.valid_up_to(),
            },
        )
    })
}

fn illegal(part: &'static str, source: base64::IllegalBase64) -> RefusedEntry {
    RefusedEntry::EnvelopeBase64 { part, source }
}

fn read(json: SpecJson<'_>) -> Result<Proposal, RefusedEntry> {
    let mut errors = Vec::new();
    let content = json.content.loose().unwrap_or_default();
    let envelope = content.envelope.loose().unwrap_or_default();
    let payload = member::bytes(&envelope.payload, "payload")?;
    let name = "content.content.envelope.content.envelope";
    let payload_type = envelope.payload_type.loose();
    if payload_type.is_none() {
        let name = format!("{name}.payloadType");
        errors.push(SchemaError::required(&name, "body"));
    }
    let signatures = read_signatures(envelope.signatures, name, &mut errors)?;
    let name = "content.content.hash";
    let hash = HashJson::read(content.hash, name, Digits::Any, &mut errors);
    let name = "content.content.payloadHash";
    let payload_hash = HashJson::read(content.payload_hash, name, Digits::Any, &mut errors);
    SchemaErrors::check(errors)?;
    Ok(Proposal {
        payload_type: payload_type.unwrap_or_default().to_owned(),
        payload,
        signatures,
        hash,
        payload_hash,
    })
}

fn read_signatures<const MAX: usize>(
    json: List<Object<SignatureJson<'_>>, MAX>,
    name: &str,
    errors: &mut Vec<SchemaError>,
) -> Result<Vec<Part>, RefusedEntry> {
    let name = format!("{name}.signatures");
    let (items, len) = match json {
        List::Of { items, len } => (items, len),
        List::Absent | List::Other(_) => {
            errors.push(SchemaError::required(&name, "body"));
            return Ok(Vec::new());
        }
    };
    if len == 0 {
        errors.push(SchemaError::too_few(&name, "body", 1));
    }
    if len > MAX_SIGNATURES {
        errors.push(SchemaError::too_many(&name, "body", MAX_SIGNATURES));
    }
    let mut parts = Vec::with_capacity(items.len());
    for (index, json) in items.into_iter().filter_map(Object::loose).enumerate() {
        for (member, text) in [("sig", &json.sig), ("publicKey", &json.key)] {
            if text.loose().is_none() {
                let name = format!("{name}.{index}.{member}");
                errors.push(SchemaError::required(&name, "body"));
            }
        }
        parts.push(Part {
            sig: member::bytes(&json.sig, "signature")?,
            pem: member::bytes(&json.key, "public key")?,
            keyid: json.keyid.into_loose().unwrap_or_default().into_owned(),
        });
    }
    Ok(parts)
}
