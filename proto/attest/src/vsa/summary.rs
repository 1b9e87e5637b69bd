//! A summary by its fields: what a reader needs all of, and a writer has to have.

use super::time::is_time;
use crate::facts::{Details, Digest, Fact, Facts, VsaFacts};

/// Counts above this are not the same in every reader of JSON.
const MAX_COUNT: u64 = 1 << 53;

/// A verification summary, complete: what is unknown or ambiguous has no place here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What was verified: one at least.
    pub subjects: Vec<SummarySubject>,
    /// Who verified.
    pub verifier: String,
    /// What the verifier consists of, by name: versions.
    pub verifier_versions: Vec<(String, String)>,
    /// When, in RFC 3339.
    pub time_verified: Option<String>,
    /// What was verified, as the producer calls it.
    pub resource_uri: String,
    /// By which policy.
    pub policy: SummaryPolicy,
    /// What was looked at: nothing is no claim.
    pub input_attestations: Option<Vec<InputAttestation>>,
    /// What came of it.
    pub result: Verdict,
    /// The levels that were verified.
    pub levels: Vec<String>,
    /// How many dependencies have which level: nothing is no claim, empty is that there are none.
    pub dependency_levels: Option<Vec<(String, u64)>>,
    /// The version of SLSA.
    pub slsa_version: Option<String>,
}

/// An artifact that a summary is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummarySubject {
    /// Its name.
    pub name: Option<String>,
    /// Its URI.
    pub uri: Option<String>,
    /// Its digests: one at least, one an algorithm.
    pub digests: Vec<Digest>,
}

/// The policy of a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryPolicy {
    /// Where it is.
    pub uri: String,
    /// Its digests; recommended since 1.1.
    pub digests: Vec<Digest>,
}

/// An attestation that a verifier looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputAttestation {
    /// Where it is.
    pub uri: Option<String>,
    /// Its digests: one at least.
    pub digests: Vec<Digest>,
}

/// What came of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// `PASSED`
    Passed,
    /// `FAILED`
    Failed,
}

/// Why fields or facts are no complete summary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// The attestation is none.
    #[error("expected a verification summary, found {found}")]
    Class {
        /// Its predicate type.
        found: String,
    },
    /// A field that must be there and is not, or is of another form.
    #[error("{field}: expected {expected}, found {found}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}

impl Verdict {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
        }
    }
}

impl Summary {
    /// The summary that facts say, if they say all that one must.
    ///
    /// # Errors
    /// [`SummaryError`]: the first field that is missing, ambiguous or of another form.
    pub fn from_facts(facts: &Facts) -> Result<Self, SummaryError> {
        let Details::Vsa(vsa) = &facts.details else {
            let found = facts.predicate_type.chars().take(128).collect();
            return Err(SummaryError::Class { found });
        };
        let summary = Self {
            subjects: facts
                .subjects
                .iter()
                .map(subject)
                .collect::<Result<_, _>>()?,
            verifier: needed("verifier.id", &vsa.verifier)?,
            verifier_versions: optional("verifier.version", &vsa.verifier_versions)?
                .unwrap_or_default(),
            time_verified: optional("timeVerified", &vsa.time_verified)?,
            resource_uri: needed("resourceUri", &vsa.resource_uri)?,
            policy: SummaryPolicy {
                uri: needed("policy.uri", &vsa.policy.uri)?,
                digests: optional("policy.digest", &vsa.policy.digests)?.unwrap_or_default(),
            },
            input_attestations: inputs(vsa)?,
            result: verdict(&needed("verificationResult", &vsa.result)?)?,
            levels: needed("verifiedLevels", &vsa.levels)?,
            dependency_levels: optional("dependencyLevels", &vsa.dependency_levels)?,
            slsa_version: optional("slsaVersion", &vsa.slsa_version)?,
        };
        summary.check().map(|()| summary)
    }

    /// What readers would refuse, or read otherwise.
    pub(super) fn check(&self) -> Result<(), SummaryError> {
        let texts = [
            ("verifier.id", &self.verifier),
            ("resourceUri", &self.resource_uri),
            ("policy.uri", &self.policy.uri),
        ];
        for (field, text) in texts {
            require(field, !text.is_empty(), "a text", "an empty one")?;
        }
        require("subject", !self.subjects.is_empty(), "one at least", "none")?;
        let inputs = self.input_attestations.iter().flatten();
        let sets = self
            .subjects
            .iter()
            .map(|subject| ("subject.digest", &subject.digests));
        let inputs = inputs.map(|input| ("inputAttestations.digest", &input.digests));
        for (field, digests) in sets.chain(inputs) {
            require(field, !digests.is_empty(), "one at least", "none")?;
            check_digests(field, digests)?;
        }
        check_digests("policy.digest", &self.policy.digests)?;
        one_each(
            "verifier.version",
            self.verifier_versions.iter().map(|(name, _)| name.as_str()),
        )?;
        let levels = self.dependency_levels.as_deref().unwrap_or_default();
        one_each(
            "dependencyLevels",
            levels.iter().map(|(level, _)| level.as_str()),
        )?;
        let most = levels.iter().map(|(_, count)| *count).max().unwrap_or(0);
        require(
            "dependencyLevels",
            most <= MAX_COUNT,
            "counts up to 2^53",
            &most.to_string(),
        )?;
        match &self.time_verified {
            Some(time) => require("timeVerified", is_time(time), "a time of RFC 3339", time),
            None => Ok(()),
        }
    }
}

fn subject(subject: &crate::facts::Subject) -> Result<SummarySubject, SummaryError> {
    Ok(SummarySubject {
        name: optional("subject.name", &subject.name)?,
        uri: optional("subject.uri", &subject.uri)?,
        digests: subject.digests.clone(),
    })
}

fn inputs(vsa: &VsaFacts) -> Result<Option<Vec<InputAttestation>>, SummaryError> {
    let Some(inputs) = optional("inputAttestations", &vsa.input_attestations)? else {
        return Ok(None);
    };
    let input = |input: crate::facts::InputAttestation| {
        Ok(InputAttestation {
            uri: optional("inputAttestations.uri", &input.uri)?,
            digests: input.digests,
        })
    };
    inputs
        .into_iter()
        .map(input)
        .collect::<Result<_, _>>()
        .map(Some)
}

fn verdict(word: &str) -> Result<Verdict, SummaryError> {
    match word {
        "PASSED" => Ok(Verdict::Passed),
        "FAILED" => Ok(Verdict::Failed),
        other => Err(field("verificationResult", "PASSED or FAILED", other)),
    }
}

fn needed<T: Clone>(name: &'static str, fact: &Fact<T>) -> Result<T, SummaryError> {
    optional(name, fact)?.ok_or_else(|| field(name, "a value", "none"))
}

fn optional<T: Clone>(name: &'static str, fact: &Fact<T>) -> Result<Option<T>, SummaryError> {
    match fact {
        Fact::Unknown => Ok(None),
        Fact::Stated(stated) => Ok(Some(stated.value.clone())),
        Fact::Ambiguous { candidates } => {
            let found = format!("{} that differ", candidates.len());
            Err(field(name, "one value", &found))
        }
    }
}

fn check_digests(name: &'static str, digests: &[Digest]) -> Result<(), SummaryError> {
    let empty = digests.iter().any(|digest| digest.value.is_empty());
    require(name, !empty, "a value", "an empty one")?;
    one_each(name, digests.iter().map(|digest| digest.algorithm.as_str()))
}

fn one_each<'n>(
    name: &'static str,
    names: impl Iterator<Item = &'n str>,
) -> Result<(), SummaryError> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    let twice = names.windows(2).find_map(|pair| match pair {
        [one, two] if one == two => Some(*one),
        _ => None,
    });
    match twice {
        Some(twice) => Err(field(name, "each name once", twice)),
        None => Ok(()),
    }
}

fn require(
    name: &'static str,
    holds: bool,
    expected: &'static str,
    found: &str,
) -> Result<(), SummaryError> {
    if holds {
        Ok(())
    } else {
        Err(field(name, expected, found))
    }
}

fn field(field: &'static str, expected: &'static str, found: &str) -> SummaryError {
    let found = found.chars().take(128).collect();
    SummaryError::Field {
        field,
        expected,
        found,
    }
}
