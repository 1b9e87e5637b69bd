//! What a query can see of a document. The envelope is dropped as soon as this is taken from it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use treering_attest::{DigestAlgorithm, Envelope, EnvelopeSignature, Statement};

use super::catalogue::{Candidate, Cursor};
use super::collection::Collection;

/// The media type of statements; in-toto also allows ones of its family, such as `application/vnd.in-toto.link+json`.
const IN_TOTO: &str = "application/vnd.in-toto";

/// What a part of a document takes in memory beside its texts, in bytes, about.
const OVERHEAD: usize = 64;

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    pub cursor: Cursor,
    /// Lowercase hexadecimal.
    pub gitoid: String,
    pub payload_type: String,
    pub signatures: Vec<Signature>,
    pub payload_digests: Vec<Digest>,
    /// Nothing if the payload is none: a policy, for instance, or bytes of any other kind.
    pub statement: Option<Arc<Claim>>,
}

/// A signature.
#[derive(Debug)]
pub(super) struct Signature {
    pub keyid: String,
    /// Base64.
    pub signature: String,
    /// Whether the envelope has timestamps for it, which are not read here.
    pub stamped: bool,
}

/// A digest, with its value as it was written.
#[derive(Debug)]
pub(super) struct Digest {
    pub algorithm: String,
    pub value: String,
}

/// What a statement claims.
#[derive(Debug)]
pub(super) struct Claim {
    pub predicate: String,
    pub subjects: Vec<Subject>,
    pub collection: Option<Collection>,
}

/// An artifact that a statement names.
#[derive(Debug)]
pub(super) struct Subject {
    /// Empty if it has none.
    pub name: String,
    pub digests: Vec<Digest>,
}

impl Document {
    /// Reads a candidate; nothing if it is no envelope. Each payload is decoded once.
    pub(super) fn read(candidate: &Candidate) -> Option<Self> {
        let envelope = Envelope::parse(&candidate.envelope).ok()?;
        let stamped = stamped(&candidate.envelope);
        let is_stamped = |place: usize| stamped.get(place).copied().unwrap_or_default();
        let signatures = envelope.signatures().iter().enumerate();
        Some(Self {
            cursor: candidate.cursor.clone(),
            gitoid: candidate.gitoid.to_hex(),
            payload_type: envelope.payload_type().to_owned(),
            signatures: signatures
                .map(|(place, signature)| Signature::new(signature, is_stamped(place)))
                .collect(),
            payload_digests: vec![Digest {
                algorithm: DigestAlgorithm::Sha256.name().to_owned(),
                value: hex::encode(envelope.payload_digest(DigestAlgorithm::Sha256)),
            }],
            statement: Claim::read(&envelope).map(Arc::new),
        })
    }

    /// Bytes that it takes in memory, about.
    pub(super) fn weight(&self) -> usize {
        let signatures = self.signatures.iter();
        let signatures: usize = signatures
            .map(|signature| signature.keyid.len() + signature.signature.len() + OVERHEAD)
            .sum();
        let claim = self.statement.as_ref().map_or(0, |claim| claim.weight());
        8 * OVERHEAD + self.payload_type.len() + signatures + claim
    }
}

impl Signature {
    fn new(signature: &EnvelopeSignature, stamped: bool) -> Self {
        Self {
            keyid: signature.keyid.clone(),
            signature: STANDARD.encode(&signature.sig),
            stamped,
        }
    }
}

impl Claim {
    fn read(envelope: &Envelope<'_>) -> Option<Self> {
        if !envelope.payload_type().starts_with(IN_TOTO) {
            return None;
        }
        let payload = envelope.payload().ok()?;
        let statement = Statement::parse(&payload).ok()?;
        Some(Self {
            collection: Collection::read(&statement.predicate_type, &payload),
            predicate: statement.predicate_type,
            subjects: statement.subjects.into_iter().map(Subject::from).collect(),
        })
    }

    fn weight(&self) -> usize {
        let subjects: usize = self.subjects.iter().map(Subject::weight).sum();
        let collection = self.collection.as_ref().map_or(0, |collection| {
            let types = collection.attestations.iter();
            let types: usize = types.map(|kind| kind.len() + OVERHEAD).sum();
            collection.name.len() + types
        });
        self.predicate.len() + subjects + collection
    }
}

impl Subject {
    /// Bytes that it takes in memory, about.
    pub(super) fn weight(&self) -> usize {
        let digests = self.digests.iter();
        let digests: usize = digests
            .map(|digest| digest.algorithm.len() + digest.value.len() + OVERHEAD)
            .sum();
        self.name.len() + OVERHEAD + digests
    }
}

impl From<treering_attest::statement::Subject> for Subject {
    fn from(subject: treering_attest::statement::Subject) -> Self {
        let digests = subject.digests.into_iter();
        Self {
            name: subject.name.unwrap_or_default(),
            digests: digests
                .map(|(algorithm, value)| Digest { algorithm, value })
                .collect(),
        }
    }
}

#[derive(Deserialize)]
struct Stamps {
    signatures: Vec<SignatureStamps>,
}

#[derive(Deserialize)]
struct SignatureStamps {
    timestamps: Option<Vec<IgnoredAny>>,
}

/// Which signatures have timestamps (witness dialect). An envelope whose timestamps are no list has none.
fn stamped(envelope: &[u8]) -> Vec<bool> {
    let Ok(stamps) = treering_attest::json::parse::<Stamps>(envelope) else {
        return Vec::new();
    };
    let signatures = stamps.signatures.into_iter();
    signatures
        .map(|signature| signature.timestamps.is_some_and(|list| !list.is_empty()))
        .collect()
}
