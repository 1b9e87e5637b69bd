//! The artifacts that an attestation is about.

use serde::Serialize;

use super::digests::Digest;
use super::fact::Fact;
use super::names;
use crate::statement;

/// An artifact that an attestation names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Its name; `_` and the like are names, too.
    pub name: Fact<String>,
    /// Its URI.
    pub uri: Fact<String>,
    /// Its package URL in normal form, if name or URI is one.
    pub purl: Fact<String>,
    /// Every digest, in the order of the statement.
    pub digests: Vec<Digest>,
    /// References of a commit, in statements about source.
    pub source_refs: Vec<String>,
    /// Where it stands.
    pub at: String,
}

impl Subject {
    pub(super) fn of((index, subject): (usize, &statement::Subject)) -> Self {
        let at = format!("/subject/{index}");
        let text = |member: &str, text: &Option<String>| match text.as_deref() {
            None | Some("") => Fact::Unknown,
            Some(text) => Fact::stated(text.to_owned(), format!("{at}/{member}")),
        };
        let digest = |(algorithm, value): &(String, String)| Digest::new(algorithm, value);
        Self {
            digests: subject.digests.iter().map(digest).collect(),
            source_refs: subject.source_refs.clone(),
            ..Self::named(text("name", &subject.name), text("uri", &subject.uri), &at)
        }
    }

    /// An artifact of which only digests are known.
    pub(super) fn nameless(digests: Vec<Digest>, at: &str) -> Self {
        Self {
            digests,
            ..Self::named(Fact::Unknown, Fact::Unknown, at)
        }
    }

    /// An artifact without digests yet.
    pub(super) fn named(name: Fact<String>, uri: Fact<String>, at: &str) -> Self {
        let purl = |fact: &Fact<String>| fact.clone().filter_map(|text| names::purl(&text));
        Self {
            purl: purl(&name).and(purl(&uri)),
            name,
            uri,
            digests: Vec::new(),
            source_refs: Vec::new(),
            at: at.to_owned(),
        }
    }

    /// The value under an algorithm's canonical name; ambiguous if several spellings of it state different ones.
    pub fn digest(&self, algorithm: &str) -> Fact<String> {
        let digests = self.digests.iter();
        Fact::all(
            digests
                .filter(|digest| digest.algorithm == algorithm)
                .map(|digest| Fact::stated(digest.value.clone(), self.at.as_str())),
        )
    }

    /// Whether one of its digests names the same artifact as `digest`.
    pub fn matches(&self, digest: &Digest) -> bool {
        self.digests.iter().any(|own| own.matches(digest))
    }
}
