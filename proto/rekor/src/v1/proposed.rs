//! `ProposedEntry`, the body of a new entry: its outer object, and the registry of kinds.

use serde_json::value::RawValue;
use treering_tlog::Hash;
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

use super::entry::Entry;
use super::json::{self, Object, Text, object};
use super::refused::RefusedEntry;
use super::rejected::Rejected;
use super::schema::{SchemaError, SchemaErrors};
use super::verified::VerifiedEntry;
use super::verifier::Keys;
use super::{cose, dsse, hashedrekord, helm, intoto_v001, intoto_v002, rekord, rfc3161, tuf};

/// One version of a kind. A new one is a row of [`REGISTRY`] and a variant of [`Entry`].
struct Implementation {
    kind: &'static str,
    version: &'static str,
    propose: fn(&RawValue, &dyn Keys) -> Result<VerifiedEntry, RefusedEntry>,
    look_up: fn(&RawValue, &dyn Keys) -> Result<Entry, RefusedEntry>,
}

/// What can be logged.
static REGISTRY: &[Implementation] = &[
    Implementation {
        kind: hashedrekord::KIND,
        version: "0.0.1",
        propose: hashedrekord::propose,
        look_up: hashedrekord::look_up,
    },
    Implementation {
        kind: dsse::KIND,
        version: "0.0.1",
        propose: dsse::propose,
        look_up: dsse::look_up,
    },
    Implementation {
        kind: intoto_v001::KIND,
        version: "0.0.1",
        propose: intoto_v001::propose,
        look_up: intoto_v001::look_up,
    },
    Implementation {
        kind: intoto_v001::KIND,
        version: "0.0.2",
        propose: intoto_v002::propose,
        look_up: intoto_v002::look_up,
    },
    Implementation {
        kind: rekord::KIND,
        version: "0.0.1",
        propose: rekord::propose,
        look_up: rekord::look_up,
    },
    Implementation {
        kind: rfc3161::KIND,
        version: "0.0.1",
        propose: rfc3161::propose,
        look_up: rfc3161::look_up,
    },
    Implementation {
        kind: cose::KIND,
        version: "0.0.1",
        propose: cose::propose,
        look_up: cose::look_up,
    },
    Implementation {
        kind: helm::KIND,
        version: "0.0.1",
        propose: helm::propose,
        look_up: helm::look_up,
    },
    Implementation {
        kind: tuf::KIND,
        version: "0.0.1",
        propose: tuf::propose,
        look_up: tuf::look_up,
    },
];

/// The kinds that can be logged, with their versions.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    REGISTRY.iter().map(|known| (known.kind, known.version))
}

/// What is asked to be logged; of `spec` nothing is checked yet.
#[derive(Clone, Debug)]
pub struct ProposedEntry<'a> {
    kind: &'static str,
    version: String,
    spec: &'a RawValue,
}

object! {
    /// The outer object.
    ProposedJson<'a> Folded {
        "kind" => kind: Text<'a>,
        "apiVersion" => api_version: Text<'a>,
        "spec" => spec: Option<&'a RawValue>,
    }
}

impl<'a> ProposedEntry<'a> {
    /// Reads the body of `POST /api/v1/log/entries`. Bytes behind the first JSON value are ignored.
    ///
    /// # Errors
    /// [`Rejected`]: 400 if it is no JSON (upstream: 500), 422 if a member is absent or the kind is not known.
    pub fn parse(body: &'a [u8]) -> Result<Self, Rejected> {
        if body.trim_ascii().is_empty() {
            return Err(SchemaError::required("proposedEntry", "body").into());
        }
        let json = json::first_value::<Object<ProposedJson<'a>>>(body)
            .map_err(|found| Rejected::Json { found })?;
        Self::read(json)
    }

    pub(super) fn read(json: Object<ProposedJson<'a>>) -> Result<Self, Rejected> {
        let malformed = |found| Rejected::Json { found };
        let json = json
            .strict("targetedProposedEntry")
            .map_err(malformed)?
            .unwrap_or_default();
        let kind = json
            .kind
            .strict("targetedProposedEntry.kind")
            .map_err(malformed)?
            .unwrap_or_default();
        let version = json
            .api_version
            .strict("targetedProposedEntry.apiVersion")
            .map_err(malformed)?;
        if kind.is_empty() {
            return Err(SchemaError::required("kind", "body").into());
        }
        let known = REGISTRY.iter().find(|known| known.kind == kind);
        let known = known.ok_or_else(|| Rejected::Kind {
            kind: kind.chars().take(64).collect(),
        })?;
        let mut errors = Vec::new();
        match version.as_deref() {
            None => errors.push(SchemaError::required("apiVersion", "body")),
            Some(version) if !is_semantic_version(version) => {
                errors.push(SchemaError::pattern("apiVersion", "body", SEMANTIC_VERSION));
            }
            Some(_) => {}
        }
        if json.spec.is_none() {
            errors.push(SchemaError::required("spec", "body"));
        }
        SchemaErrors::check(errors)?;
        Ok(Self {
            kind: known.kind,
            version: version.unwrap_or_default().into_owned(),
            spec: json.spec.unwrap_or(RawValue::NULL),
        })
    }

    /// The kind: one of [`kinds`].
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The version asked for, which need not be known.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Verifies the signatures and builds the leaf. `now`, in seconds since the Unix epoch, matters to metadata of TUF alone, which
    /// is not taken once it has expired.
    ///
    /// # Errors
    /// [`RefusedEntry`]; [`Rejected::Entry`] is the answer to it.
    pub fn verify(&self, keys: &dyn Keys, now: i64) -> Result<VerifiedEntry, RefusedEntry> {
        let entry = (self.implementation()?.propose)(self.spec, keys)?;
        match entry.expires() {
            Some(expired) if expired <= now => Err(RefusedEntry::Expired { expired, now }),
            _ => Ok(entry),
        }
    }

    /// The hash of the leaf to look for at `entries/retrieve`, which takes canonical forms, too, whose signatures cannot be verified, and
    /// what has expired since.
    ///
    /// # Errors
    /// [`RefusedEntry`]; [`Rejected::LookedUp`] is the answer to it.
    pub fn look_up(&self, keys: &dyn Keys) -> Result<Hash, RefusedEntry> {
        let entry = (self.implementation()?.look_up)(self.spec, keys)?;
        let leaf = entry.encode();
        if leaf.len() > MAX_LEAF_LEN {
            return Err(RefusedEntry::LeafTooLong { found: leaf.len() });
        }
        Ok(Hash::leaf(&leaf))
    }

    fn implementation(&self) -> Result<&'static Implementation, RefusedEntry> {
        REGISTRY
            .iter()
            .find(|known| known.kind == self.kind && known.version == self.version)
            .ok_or_else(|| RefusedEntry::Version {
                kind: self.kind,
                version: self.version.chars().take(64).collect(),
            })
    }
}

/// The pattern of `apiVersion`, for the answer.
const SEMANTIC_VERSION: &str = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$";

/// Whether a text matches that pattern.
fn is_semantic_version(text: &str) -> bool {
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    let (core, before) = match text.split_once('-') {
        Some((core, before)) => (core, Some(before)),
        None => (text, None),
    };
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let identifier =
        |text: &str| number(text) || (word(text) && !text.bytes().all(|b| b.is_ascii_digit()));
    core.split('.').count() == 3
        && core.split('.').all(number)
        && before.is_none_or(|before| before.split('.').all(identifier))
        && build.is_none_or(|build| build.split('.').all(word))
}

/// Decimal digits without a leading zero.
fn number(text: &str) -> bool {
    text == "0"
        || (!text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_other_texts() {
        for text in [
            "0.0.1",
            "1.20.3",
            "0.0.1-alpha",
            "0.0.1-a.0.1x.-",
            "1.0.0+build.01",
            "1.0.0-x+y",
        ] {
            assert!(is_semantic_version(text), "{text}");
        }
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "v0.0.1",
            "0.0.01",
            "00.0.1",
            "0.0.1-",
            "0.0.1-01",
            "0.0.1+",
            "0.0.1-a..b",
            "0.0.1+a+b",
            "0.0.1 ",
            "0.0.1-\u{e4}",
        ] {
            assert!(!is_semantic_version(text), "{text}");
        }
    }
}
