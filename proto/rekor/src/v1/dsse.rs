//! `dsse 0.0.1`: the digests of an envelope and of its payload, and the signatures, each with what verifies it.

use std::borrow::Cow;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use treering_attest::DigestAlgorithm;
use treering_attest::limits::MAX_SIGNATURES;

use super::entry::{Entry, HashValue};
use super::envelope::{Envelope, MAX_ATTEMPTS};
use super::json::{List, Object, Text, object};
use super::member::{self, Digits, HashJson};
use super::refused::{KeyRefused, RefusedEntry};
use super::schema::{SchemaError, SchemaErrors};
use super::verified::VerifiedEntry;
use super::verifier::{Keys, Verifier};

/// `kind`.
pub const KIND: &str = "dsse";

/// `spec` of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// SHA-256 of the envelope's bytes.
    pub envelope_hash: HashValue,
    /// SHA-256 of the decoded payload.
    pub payload_hash: HashValue,
    /// By their text.
    pub signatures: Vec<Signature>,
}

/// A signature and what verifies it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The text of `sig` in the envelope.
    pub signature: String,
    /// Canonical PEM in base64.
    pub verifier: String,
}

object! {
    SpecJson<'a> Exact {
        "proposedContent" => proposed: Object<ProposedJson<'a>>,
        "envelopeHash" => envelope_hash: Object<HashJson<'a>>,
        "payloadHash" => payload_hash: Object<HashJson<'a>>,
        "signatures" => signatures: List<Object<SignatureJson<'a>>, { MAX_SIGNATURES + 1 }>,
    }
}

object! {
    ProposedJson<'a> Exact {
        "envelope" => envelope: Text<'a>,
        "verifiers" => verifiers: List<Text<'a>, { MAX_ATTEMPTS + 1 }>,
    }
}

object! {
    SignatureJson<'a> Exact { "signature" => signature: Text<'a>, "verifier" => verifier: Text<'a>, }
}

/// What `spec` can be.
enum Form<'a> {
    Proposed {
        envelope: Cow<'a, str>,
        pems: Vec<Vec<u8>>,
    },
    Canonical(Spec),
}

/// Reads, verifies and builds an entry.
pub(super) fn propose(spec: &RawValue, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
    match read(member::spec(spec)?)? {
        Form::Proposed { envelope, pems } => verify(envelope.into_owned(), &pems, keys),
        Form::Canonical(_) => Err(RefusedEntry::NotInsertable {
            missing: "missing proposed content",
        }),
    }
}

/// The entry that either form stands for.
pub(super) fn look_up(spec: &RawValue, keys: &dyn Keys) -> Result<Entry, RefusedEntry> {
    match read(member::spec(spec)?)? {
        Form::Proposed { envelope, pems } => {
            verify(envelope.into_owned(), &pems, keys).map(VerifiedEntry::into_entry)
        }
        Form::Canonical(spec) => Ok(Entry::Dsse(spec)),
    }
}

fn verify(
    envelope: String,
    pems: &[Vec<u8>],
    keys: &dyn Keys,
) -> Result<VerifiedEntry, RefusedEntry> {
    let candidates = pems.iter().map(|pem| keys.parse(pem));
    entry(envelope.into(), candidates, Unused::Refused, Keep::Envelope)
}

/// What becomes of a verifier that verifies nothing while there are signatures that nothing has verified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unused {
    /// It is an error, as upstream.
    Refused,
    /// It is passed over, and so is one that verifies only what another one has: for those who bring all keys they know.
    Skipped,
}

/// Whether an entry brings the envelope along that it was made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It does.
    Envelope,
    /// The caller has it, and it may be large.
    Nothing,
}

/// Finds a verifier for each signature of an envelope, and builds the entry.
pub(super) fn entry(
    text: Cow<'_, str>,
    candidates: impl Iterator<Item = Result<Verifier, KeyRefused>>,
    unused: Unused,
    keep: Keep,
) -> Result<VerifiedEntry, RefusedEntry> {
    let envelope = Envelope::parse(&text)?;
    let mut prepared = envelope.prepare()?;
    let mut signatures = Distinct::of(&envelope);
    for (index, candidate) in candidates.enumerate() {
        // Upstream does not look at verifiers behind that, not even whether they are keys.
        if signatures.all_verified() {
            break;
        }
        let verifier = candidate.map_err(|source| RefusedEntry::Key {
            place: "could not parse public key as x509: ",
            source,
        })?;
        match prepared.accept(verifier.key())? {
            Some(signature) => signatures.verified(signature, verifier, unused),
            None if unused == Unused::Skipped => {}
            None => {
                return Err(RefusedEntry::UnusedVerifier {
                    verifier: index,
                    signatures: envelope.signatures.len(),
                });
            }
        }
    }
    let (signatures, verifiers) = signatures.finish()?;
    let spec = Spec {
        envelope_hash: HashValue::sha256(hex::encode(DigestAlgorithm::Sha256.of(text.as_bytes()))),
        payload_hash: HashValue::sha256(prepared.payload_hash()),
        signatures,
    };
    let kept = (keep == Keep::Envelope).then(|| text.into_owned());
    VerifiedEntry::new(Entry::Dsse(spec), kept, verifiers)
}

/// The signatures by their texts, and who verifies them.
struct Distinct<'e> {
    texts: Vec<&'e str>,
    found: Vec<(&'e str, Option<Verifier>)>,
}

impl<'e> Distinct<'e> {
    fn of(envelope: &'e Envelope<'_>) -> Self {
        let texts: Vec<&str> = envelope.signatures.iter().map(|s| s.sig.as_ref()).collect();
        let mut sorted = texts.clone();
        sorted.sort_unstable();
        sorted.dedup();
        Self {
            texts,
            found: sorted.into_iter().map(|text| (text, None)).collect(),
        }
    }

    fn all_verified(&self) -> bool {
        self.found.iter().all(|(_, verifier)| verifier.is_some())
    }

    /// Of several verifiers of one signature, upstream keeps the last that it looks at.
    fn verified(&mut self, index: usize, verifier: Verifier, unused: Unused) {
        let text = self.texts.get(index);
        let slot = self.found.iter_mut().find(|(known, _)| Some(known) == text);
        if let Some((_, slot)) = slot
            && (unused == Unused::Refused || slot.is_none())
        {
            *slot = Some(verifier);
        }
    }

    fn finish(self) -> Result<(Vec<Signature>, Vec<Verifier>), RefusedEntry> {
        let signatures = self.found.len();
        let (entries, verifiers): (Vec<_>, Vec<_>) = self
            .found
            .into_iter()
            .filter_map(|(text, verifier)| {
                let verifier = verifier?;
                let signature = Signature {
                    signature: text.to_owned(),
                    verifier: STANDARD.encode(verifier.canonical_pem()),
                };
                Some((signature, verifier))
            })
            .unzip();
        if entries.len() < signatures {
            return Err(RefusedEntry::UnverifiedSignature {
                signatures,
                verified: entries.len(),
            });
        }
        Ok((entries, verifiers))
    }
}

fn read(json: SpecJson<'_>) -> Result<Form<'_>, RefusedEntry> {
    let mut errors = Vec::new();
    let proposed = json.proposed.loose().map(read_proposed).transpose()?;
    if let Some(proposed) = &proposed {
        errors.extend(proposed.faults());
    }
    let name = "envelopeHash.envelopeHash";
    let envelope_hash = HashJson::read(json.envelope_hash, name, Digits::Sha256, &mut errors);
    let name = "payloadHash.payloadHash";
    let payload_hash = HashJson::read(json.payload_hash, name, Digits::Sha256, &mut errors);
    let signatures = read_signatures(json.signatures, &mut errors)?;
    SchemaErrors::check(errors)?;
    let computed = envelope_hash.is_some() || payload_hash.is_some() || !signatures.is_empty();
    match (proposed, envelope_hash, payload_hash) {
        (Some(_), _, _) if computed => Err(RefusedEntry::BothForms),
        (Some(proposed), _, _) => Ok(Form::Proposed {
            envelope: proposed.envelope.unwrap_or_default(),
            pems: proposed.pems.unwrap_or_default(),
        }),
        (None, Some(envelope_hash), Some(payload_hash)) if !signatures.is_empty() => {
            Ok(Form::Canonical(Spec {
                envelope_hash,
                payload_hash,
                signatures,
            }))
        }
        _ => Err(RefusedEntry::NoForm),
    }
}

struct Proposed<'a> {
    envelope: Option<Cow<'a, str>>,
    pems: Option<Vec<Vec<u8>>>,
}

impl Proposed<'_> {
    fn faults(&self) -> Vec<SchemaError> {
        let mut errors = Vec::new();
        let name = "proposedContent.proposedContent.envelope";
        if self.envelope.is_none() {
            errors.push(SchemaError::required(name, "body"));
        }
        let name = "proposedContent.proposedContent.verifiers";
        match &self.pems {
            None => errors.push(SchemaError::required(name, "body")),
            Some(pems) if pems.is_empty() => errors.push(SchemaError::too_few(name, "body", 1)),
            Some(_) => {}
        }
        errors
    }
}

fn read_proposed(json: ProposedJson<'_>) -> Result<Proposed<'_>, RefusedEntry> {
    let pems = match json.verifiers {
        List::Absent | List::Other(_) => None,
        List::Of { len, .. } if len > MAX_ATTEMPTS => {
            return Err(RefusedEntry::TooManyAttempts { max: MAX_ATTEMPTS });
        }
        List::Of { items, .. } => {
            let pems = items
                .iter()
                .filter(|item| item.loose().is_some_and(|text| !text.is_empty()))
                .map(|item| member::bytes(item, "verifier"));
            Some(pems.collect::<Result<_, _>>()?)
        }
    };
    Ok(Proposed {
        envelope: json.envelope.into_loose(),
        pems,
    })
}

fn read_signatures<const MAX: usize>(
    json: List<Object<SignatureJson<'_>>, MAX>,
    errors: &mut Vec<SchemaError>,
) -> Result<Vec<Signature>, RefusedEntry> {
    let List::Of { items, len } = json else {
        return Ok(Vec::new());
    };
    if len == 0 {
        errors.push(SchemaError::too_few("signatures", "body", 1));
    }
    if len > MAX_SIGNATURES {
        errors.push(SchemaError::too_many("signatures", "body", MAX_SIGNATURES));
    }
    let mut signatures = Vec::with_capacity(items.len());
    for (index, json) in items.into_iter().filter_map(Object::loose).enumerate() {
        let verifier = member::bytes(&json.verifier, "signature verifier")?;
        let signature = json.signature.loose();
        if signature.is_none() {
            let name = format!("signatures.{index}.signature");
            errors.push(SchemaError::required(&name, "body"));
        }
        if json.verifier.loose().is_none_or(str::is_empty) {
            let name = format!("signatures.{index}.verifier");
            errors.push(SchemaError::required(&name, "body"));
        }
        signatures.push(Signature {
            signature: signature.unwrap_or_default().to_owned(),
            verifier: STANDARD.encode(verifier),
        });
    }
    signatures.sort_by(|a, b| a.signature.cmp(&b.signature));
    Ok(signatures)
}
