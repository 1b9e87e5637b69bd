//! In-toto statements (v0.1 and v1): what they say they are about. The predicate stays unread.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::{MAX_DIGESTS, MAX_SUBJECTS};

/// Why a payload is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not JSON, not an object of this shape, a member of the statement missing or there twice, or something behind it.
    #[error("expected an in-toto statement, found {found}")]
    Json {
        /// What the parser says, with line and column.
        found: String,
    },
    /// A `_type` of another version, or of something else.
    #[error("expected an in-toto statement v0.1 or v1, found _type {found:?}")]
    Type {
        /// The type, shortened.
        found: String,
    },
    /// More subjects than [`MAX_SUBJECTS`].
    #[error("expected at most {MAX_SUBJECTS} subjects, found {found}")]
    Subjects {
        /// How many.
        found: usize,
    },
}

/// The version of the statement, not of its predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatementVersion {
    /// `https://in-toto.io/Statement/v0.1`
    V0_1,
    /// `https://in-toto.io/Statement/v1`
    V1,
}

/// A statement's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The version.
    pub version: StatementVersion,
    /// What it is about; may be empty.
    pub subjects: Vec<Subject>,
    /// What kind of claim it makes. Any text.
    pub predicate_type: String,
}

/// An artifact that a statement names. Artifacts are matched by digest alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its URI, if it has one.
    pub uri: Option<String>,
    /// `annotations.sourceRefs` (or `source_refs`): the references of a commit, in statements about source. Of another shape: none.
    pub source_refs: Vec<String>,
    /// Algorithm and value, in the order of the statement, as they were written: values need not be hexadecimal.
    pub digests: Vec<(String, String)>,
}

impl Statement {
    /// Parses a payload. Members that in-toto does not define, and the predicate, are ignored.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        Self::parse_with_predicate(payload).map(|(statement, _)| statement)
    }

    /// As [`parse`](Self::parse), with the text of the predicate: nothing if it is absent or null. Google Cloud Build's API calls
    /// it `slsaProvenance`.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn parse_with_predicate(
        payload: &[u8],
    ) -> Result<(Self, Option<Predicate<'_>>), StatementError> {
        let json: StatementJson<'_> =
            crate::json::parse(payload).map_err(|found| StatementError::Json { found })?;
        let predicate = predicate(json.predicate, json.slsa_provenance);
        let version = match json.type_.as_ref() {
            "https://in-toto.io/Statement/v0.1" => StatementVersion::V0_1,
            "https://in-toto.io/Statement/v1" => StatementVersion::V1,
            other => {
                return Err(StatementError::Type {
                    found: other.chars().take(128).collect(),
                });
            }
        };
        // Absent of failed runs of Tekton, null of Go programs that made no list.
        let subjects = json.subject.unwrap_or_default();
        if subjects.len() > MAX_SUBJECTS {
            return Err(StatementError::Subjects {
                found: subjects.len(),
            });
        }
        let subjects = subjects.into_iter().map(Subject::from).collect();
        let statement = Self {
            version,
            subjects,
            predicate_type: json.predicate_type,
        };
        Ok((statement, predicate))
    }
}

/// The text of a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicate<'a> {
    /// The member of the statement that holds it.
    pub member: &'static str,
    /// Its JSON.
    pub text: &'a str,
}

fn predicate<'a>(
    predicate: Option<&'a RawValue>,
    slsa_provenance: Option<&'a RawValue>,
) -> Option<Predicate<'a>> {
    let named = [
        ("predicate", predicate),
        ("slsaProvenance", slsa_provenance),
    ];
    let mut there = named.into_iter().filter_map(|(member, raw)| {
        let text = raw?.get();
        (text != "null").then_some(Predicate { member, text })
    });
    there.next()
}

#[derive(Deserialize)]
struct StatementJson<'a> {
    #[serde(borrow, rename = "_type")]
    type_: Cow<'a, str>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(borrow)]
    subject: Option<Vec<SubjectJson<'a>>>,
    #[serde(borrow)]
    predicate: Option<&'a RawValue>,
    #[serde(borrow, rename = "slsaProvenance")]
    slsa_provenance: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SubjectJson<'a> {
    name: Option<String>,
    uri: Option<String>,
    digest: Option<DigestSet>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct AnnotationsJson {
    #[serde(default, rename = "sourceRefs", alias = "source_refs")]
    source_refs: Vec<String>,
}

impl From<SubjectJson<'_>> for Subject {
    fn from(json: SubjectJson<'_>) -> Self {
        // Whatever else stands in there is another's.
        let annotations: AnnotationsJson = json
            .annotations
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        Self {
            name: json.name,
            uri: json.uri,
            source_refs: annotations.source_refs,
            digests: json.digest.map_or_else(Vec::new, |d| d.0),
        }
    }
}

struct DigestSet(Vec<(String, String)>);

impl<'de> Deserialize<'de> for DigestSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DigestVisitor).map(Self)
    }
}

struct DigestVisitor;

impl<'de> Visitor<'de> for DigestVisitor {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at most {MAX_DIGESTS} digests by the name of their algorithm"
        )
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut digests: Vec<(String, String)> = Vec::new();
        while let Some((algorithm, value)) = map.next_entry::<String, String>()? {
            if digests.iter().any(|(known, _)| *known == algorithm) {
                return Err(A::Error::custom(format_args!(
                    "duplicate digest {algorithm:?}"
                )));
            }
            if digests.len() == MAX_DIGESTS {
                return Err(A::Error::invalid_length(MAX_DIGESTS + 1, &self));
            }
            digests.push((algorithm, value));
        }
        Ok(digests)
    }
}
