//! `hashedrekord 0.0.1`: a digest, a signature over it, and the key, certificate or chain that verifies it.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use treering_attest::{DigestAlgorithm, KeyAlgorithm, verify_digest};

use super::entry::{Entry, HashValue};
use super::json::{Object, Text, object};
use super::member::{self, one_of};
use super::refused::RefusedEntry;
use super::schema::{SchemaError, SchemaErrors};
use super::verified::VerifiedEntry;
use super::verifier::{Keys, Verifier};

/// `kind`.
pub const KIND: &str = "hashedrekord";

/// `spec` of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What was signed.
    pub data: Data,
    /// By whom.
    pub signature: Signature,
}

/// `spec.data`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The digest of the artifact.
    pub hash: HashValue,
}

/// `spec.signature`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signature {
    /// Its bytes in base64.
    pub content: String,
    /// What verifies it.
    pub public_key: Key,
}

/// `spec.signature.publicKey`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Canonical PEM in base64.
    pub content: String,
}

object! {
    SpecJson<'a> Exact {
        "data" => data: Object<DataJson<'a>>,
        "signature" => signature: Object<SignatureJson<'a>>,
    }
}

object! {
    DataJson<'a> Exact { "hash" => hash: Object<member::HashJson<'a>>, }
}

object! {
    SignatureJson<'a> Exact {
        "content" => content: Text<'a>,
        "publicKey" => key: Object<KeyJson<'a>>,
    }
}

object! {
    KeyJson<'a> Exact { "content" => content: Text<'a>, }
}

/// What is asked to be logged.
pub(super) struct Proposal {
    pub(super) algorithm: DigestAlgorithm,
    /// Hexadecimal, as submitted.
    pub(super) value: String,
    pub(super) signature: Vec<u8>,
}

/// Reads, verifies and builds an entry.
pub(super) fn propose(spec: &RawValue, keys: &dyn Keys) -> Result<VerifiedEntry, RefusedEntry> {
    let (proposal, pem) = read(member::spec(spec)?)?;
    let pem = pem.ok_or(RefusedEntry::MissingKey)?;
    let verifier = keys
        .parse(&pem)
        .map_err(|source| RefusedEntry::Key { place: "", source })?;
    proposal.verify(verifier)
}

/// As [`propose`]: the canonical form is also one that can be proposed.
pub(super) fn look_up(spec: &RawValue, keys: &dyn Keys) -> Result<Entry, RefusedEntry> {
    propose(spec, keys).map(VerifiedEntry::into_entry)
}

fn read(json: SpecJson<'_>) -> Result<(Proposal, Option<Vec<u8>>), RefusedEntry> {
    let signature = json.signature.loose();
    let (mut content, mut key) = (Vec::new(), None);
    if let Some(json) = &signature {
        content = member::bytes(&json.content, "signature content")?;
        if let Object::Is(json) = &json.key {
            key = Some(member::bytes(&json.content, "public key content")?);
        }
    }
    let mut errors = Vec::new();
    let hash = json.data.loose().and_then(|data| data.hash.loose());
    let hash = read_hash(hash, &mut errors);
    if signature.is_none() {
        errors.push(SchemaError::required("signature", "body"));
    }
    SchemaErrors::check(errors)?;
    let (algorithm, value) = hash.ok_or(RefusedEntry::DigestDigits)?;
    let proposal = Proposal {
        algorithm,
        value,
        signature: content,
    };
    Ok((proposal, key))
}

fn read_hash(
    json: Option<member::HashJson<'_>>,
    errors: &mut Vec<SchemaError>,
) -> Option<(DigestAlgorithm, String)> {
    const NAME: &str = "data.data.hash.data.hash";
    let Some(json) = json else {
        errors.push(SchemaError::required("data", "body"));
        return None;
    };
    let names = DigestAlgorithm::ALL.map(DigestAlgorithm::name);
    let algorithm = one_of(
        &json.algorithm,
        &format!("{NAME}.algorithm"),
        &names,
        errors,
    );
    let Some(value) = json.value.loose() else {
        let name = format!("{NAME}.value");
        errors.push(SchemaError::required(&name, "body"));
        return None;
    };
    let algorithm = DigestAlgorithm::ALL
        .into_iter()
        .find(|known| Some(known.name()) == algorithm.as_deref())?;
    Some((algorithm, value.to_owned()))
}

impl Proposal {
    /// Verifies the signature and builds the entry.
    pub(super) fn verify(self, verifier: Verifier) -> Result<VerifiedEntry, RefusedEntry> {
        let digest = self.digest()?;
        if self.signature.is_empty() {
            return Err(RefusedEntry::EmptySignature);
        }
        let key = verifier.key();
        if !allowed(key.algorithm(), self.algorithm) {
            return Err(RefusedEntry::NotAllowed {
                key: key.algorithm(),
                digest: self.algorithm,
            });
        }
        verify_digest(key, self.algorithm, &digest, &self.signature)?;
        verifier.check_chain()?;
        let entry = Entry::HashedRekord(self.spec(&verifier));
        VerifiedEntry::new(entry, None, vec![verifier])
    }

    fn digest(&self) -> Result<Vec<u8>, RefusedEntry> {
        let expected = self.algorithm.len() * 2;
        if self.value.len() != expected {
            return Err(RefusedEntry::DigestLength {
                expected,
                found: self.value.len(),
            });
        }
        hex::decode(&self.value).map_err(|_| RefusedEntry::DigestDigits)
    }

    fn spec(self, verifier: &Verifier) -> Spec {
        Spec {
            data: Data {
                hash: HashValue {
                    algorithm: self.algorithm.name().to_owned(),
                    value: self.value,
                },
            },
            signature: Signature {
                content: STANDARD.encode(&self.signature),
                public_key: Key {
                    content: STANDARD.encode(verifier.canonical_pem()),
                },
            },
        }
    }
}

/// The pairs that may be logged: each kind of key with its own digest.
fn allowed(key: KeyAlgorithm, digest: DigestAlgorithm) -> bool {
    let size = match key {
        KeyAlgorithm::Rsa { bits } => matches!(bits, 2048 | 3072 | 4096),
        KeyAlgorithm::EcdsaP256
        | KeyAlgorithm::EcdsaP384
        | KeyAlgorithm::EcdsaP521
        | KeyAlgorithm::Ed25519 => true,
    };
    size && key.digest_algorithm() == digest
}
