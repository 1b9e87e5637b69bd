//! What an entry is found by at `index/retrieve`.
//!
//! All keys are in lower case. The digest of a key's canonical PEM stands bare for a hashedrekord, rekord or cose and behind `sha256:` for
//! envelopes, so that a search by key finds the former and one by hash the latter; that is upstream's asymmetry.

use std::borrow::Cow;
use std::collections::HashSet;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::de::MapAccess;
use treering_attest::limits::MAX_SUBJECTS;

use super::base64;
use super::entry::{Entry, HashValue};
use super::envelope::Envelope;
use super::json::{self, FromMembers, List, Name, Object, Text, object};
use super::refused::RefusedEntry;
use super::search::MAX_SUBJECT;
use super::sign1::Message;
use super::verifier::Verifier;

/// Digests of subjects and materials that one entry may be found by: as many subjects as a statement may have.
pub const MAX_INDEX_KEYS: usize = MAX_SUBJECTS;
/// The payload type of statements.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// What an entry is found by: the digest of its key, the names in its certificate, the digests of what was signed, and with the
/// envelope at hand the digests of a statement's subjects and of a SLSA v0.x provenance's materials.
///
/// A statement that cannot be read adds nothing; upstream then finds a dsse entry by nothing at all.
///
/// # Errors
/// [`RefusedEntry::TooManyIndexKeys`].
pub fn index_keys(entry: &Entry, envelope: Option<&[u8]>) -> Result<Vec<String>, RefusedEntry> {
    let envelope = envelope.and_then(|bytes| std::str::from_utf8(bytes).ok());
    keys(entry, &verifiers(entry), envelope)
}

/// The same, with the keys of the entry parsed already.
pub(super) fn keys(
    entry: &Entry,
    verifiers: &[Verifier],
    envelope: Option<&str>,
) -> Result<Vec<String>, RefusedEntry> {
    let mut keys = Keys::default();
    match entry {
        Entry::HashedRekord(spec) => keys.add_artifact(verifiers, &spec.data.hash),
        Entry::Rekord(spec) => {
            keys.add_all(spec.key_names());
            keys.add_artifact(verifiers, &spec.data.hash);
        }
        Entry::Dsse(spec) => {
            keys.add_verifiers(verifiers);
            keys.add(spec.payload_hash.index_key());
            keys.add(spec.envelope_hash.index_key());
        }
        Entry::IntotoV001(spec) => {
            keys.add(spec.content.hash.index_key());
            keys.add_verifiers(verifiers);
            keys.add_all(
                spec.content
                    .payload_hash
                    .iter()
                    .map(|hash| hash.index_key()),
            );
        }
        Entry::Rfc3161(spec) => keys.add_all(spec.digest().map(|hash| hash.index_key())),
        Entry::Cose(spec) => {
            keys.add_bare(verifiers);
            keys.add(spec.data.envelope_hash.index_key());
            keys.add(spec.data.payload_hash.index_key());
        }
        Entry::Helm(spec) => {
            keys.add_all(spec.key_names());
            keys.add(spec.chart.hash.index_key());
        }
        Entry::Tuf(spec) => keys.add_all(spec.names()),
        // Not by its envelope's digest, which is whatever the client says.
        Entry::IntotoV002(spec) => {
            keys.add_verifiers(verifiers);
            keys.add(spec.content.payload_hash.index_key());
        }
    }
    match (entry, envelope) {
        (_, None) => {}
        (Entry::Cose(_), Some(message)) => keys.add_message(message)?,
        (_, Some(envelope)) => keys.add_envelope(envelope)?,
    }
    Ok(keys.ordered)
}

/// The keys of an entry, out of its leaf. One that does not parse, which a log of ours has not taken, is passed over.
fn verifiers(entry: &Entry) -> Vec<Verifier> {
    let texts: Vec<&str> = match entry {
        Entry::HashedRekord(spec) => vec![&spec.signature.public_key.content],
        Entry::Rekord(spec) => vec![&spec.signature.public_key.content],
        Entry::Dsse(spec) => spec
            .signatures
            .iter()
            .map(|s| s.verifier.as_str())
            .collect(),
        Entry::IntotoV001(spec) => vec![&spec.public_key],
        // Of OpenPGP, and several in a root.
        Entry::Rfc3161(_) | Entry::Helm(_) | Entry::Tuf(_) => Vec::new(),
        Entry::Cose(spec) => vec![&spec.public_key],
        Entry::IntotoV002(spec) => {
            let signatures = &spec.content.envelope.signatures;
            signatures.iter().map(|s| s.public_key.as_str()).collect()
        }
    };
    let parse = |text: &str| Verifier::parse(&STANDARD.decode(text).ok()?).ok();
    texts.into_iter().filter_map(parse).collect()
}

/// Keys in the order in which they were found, each once.
#[derive(Default)]
struct Keys {
    ordered: Vec<String>,
    known: HashSet<String>,
}

impl Keys {
    /// A key longer than any that can be asked for is left out.
    fn add(&mut self, key: String) {
        let key = key.to_lowercase();
        if key.chars().count() <= MAX_SUBJECT && self.known.insert(key.clone()) {
            self.ordered.push(key);
        }
    }

    fn add_all(&mut self, keys: impl IntoIterator<Item = String>) {
        keys.into_iter().for_each(|key| self.add(key));
    }

    /// Of a signature over an artifact: the digest of the key bare, that of the artifact behind its algorithm.
    fn add_artifact(&mut self, verifiers: &[Verifier], hash: &HashValue) {
        self.add_bare(verifiers);
        self.add(hash.index_key());
    }

    fn add_bare(&mut self, verifiers: &[Verifier]) {
        for verifier in verifiers {
            self.add(verifier.index_digest());
            self.add_all(verifier.subjects());
        }
    }

    fn add_verifiers(&mut self, verifiers: &[Verifier]) {
        for verifier in verifiers {
            self.add(format!("sha256:{}", verifier.index_digest()));
            self.add_all(verifier.subjects());
        }
    }

    fn add_envelope(&mut self, envelope: &str) -> Result<(), RefusedEntry> {
        let Ok(envelope) = Envelope::parse(envelope) else {
            return Ok(());
        };
        if envelope.payload_type != IN_TOTO {
            return Ok(());
        }
        let payload = envelope.payload().unwrap_or_default();
        let Some(statement) = statement(&payload) else {
            return Ok(());
        };
        let materials = statement.predicate.loose().unwrap_or_default().materials;
        self.add_artifacts(statement.subject)?;
        self.add_artifacts(materials)
    }

    /// Of a COSE message that says that it is about a statement: the subjects alone, as upstream.
    fn add_message(&mut self, text: &str) -> Result<(), RefusedEntry> {
        let bytes = base64::standard(text).unwrap_or_default();
        let Ok(message) = Message::parse(&bytes) else {
            return Ok(());
        };
        if message.content_type() != Some(IN_TOTO) {
            return Ok(());
        }
        statement(message.payload).map_or(Ok(()), |statement| self.add_artifacts(statement.subject))
    }

    fn add_artifacts(&mut self, artifacts: Artifacts<'_>) -> Result<(), RefusedEntry> {
        let List::Of { items, len } = artifacts else {
            return Ok(());
        };
        let refused = RefusedEntry::TooManyIndexKeys {
            max: MAX_INDEX_KEYS,
        };
        if len > MAX_INDEX_KEYS {
            return Err(refused);
        }
        for artifact in items.into_iter().filter_map(Object::loose) {
            let digests = artifact.digest.loose().unwrap_or_default();
            for (algorithm, value) in digests.0 {
                self.add(format!("{algorithm}:{value}"));
            }
            if self.ordered.len() > MAX_INDEX_KEYS {
                return Err(refused);
            }
        }
        Ok(())
    }
}

fn statement(payload: &[u8]) -> Option<StatementJson<'_>> {
    let text = std::str::from_utf8(payload).ok()?;
    json::whole::<Object<StatementJson<'_>>>(text).ok()?.loose()
}

type Artifacts<'a> = List<Object<ArtifactJson<'a>>, MAX_INDEX_KEYS>;

object! {
    StatementJson<'a> Folded {
        "subject" => subject: Artifacts<'a>,
        "predicate" => predicate: Object<PredicateJson<'a>>,
    }
}

object! {
    PredicateJson<'a> Folded { "materials" => materials: Artifacts<'a>, }
}

object! {
    ArtifactJson<'a> Folded { "digest" => digest: Object<DigestsJson<'a>>, }
}

/// A digest set: its members whose values are texts.
#[derive(Debug, Default)]
pub(super) struct DigestsJson<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> FromMembers<'de> for DigestsJson<'a> {
    fn read<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut digests = Vec::new();
        while let Some((Name(algorithm), value)) = members.next_entry::<Name<'de>, Text<'de>>()? {
            digests.extend(value.into_loose().map(|value| (algorithm, value)));
        }
        Ok(Self(digests))
    }
}
