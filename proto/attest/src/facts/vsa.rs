//! Verification summaries: SLSA's v1 (1.0 to 1.2 share it) and v0.2, Conforma's dialect, and what witness and Google make of them.

use serde::Serialize;

use super::cursor::Cursor;
use super::digests::Digest;
use super::fact::Fact;
use super::{Details, Facts};

/// What a verification summary says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VsaFacts {
    /// Which form it has.
    pub dialect: Dialect,
    /// Who verified.
    pub verifier: Fact<String>,
    /// What the verifier consists of, by name: versions.
    pub verifier_versions: Fact<Vec<(String, String)>>,
    /// When it was verified, as it is written (RFC 3339).
    pub time_verified: Fact<String>,
    /// What was verified, as the verifier calls it.
    pub resource_uri: Fact<String>,
    /// By which policy.
    pub policy: Policy,
    /// What was looked at: absent is no claim, empty is nothing.
    pub input_attestations: Fact<Vec<InputAttestation>>,
    /// `PASSED` or `FAILED`, as it is written.
    pub result: Fact<String>,
    /// The levels that were verified.
    pub levels: Fact<Vec<String>>,
    /// How many dependencies have which level: absent is no claim, empty is that there are none.
    pub dependency_levels: Fact<Vec<(String, u64)>>,
    /// The version of SLSA that it was verified by.
    pub slsa_version: Fact<String>,
    /// How many violations the policy found (Conforma).
    pub violations: Fact<u64>,
    /// How many warnings the policy gave (Conforma).
    pub warnings: Fact<u64>,
}

/// The form of a verification summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// SLSA's v1.
    V1,
    /// SLSA's v0.2 and v0.1, in snake case with one level.
    V0_2,
    /// SLSA's v1 without resource and levels, as witness writes it.
    Witness,
    /// Conforma's.
    Conforma,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Where it is.
    pub uri: Fact<String>,
    /// Its digests.
    pub digests: Fact<Vec<Digest>>,
}

/// An attestation that a verifier looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InputAttestation {
    /// Where it is.
    pub uri: Fact<String>,
    /// Its digests: of its payload, or of what the verifier fetched.
    pub digests: Vec<Digest>,
    /// Where it stands.
    pub at: String,
}

impl VsaFacts {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            verifier: Fact::Unknown,
            verifier_versions: Fact::Unknown,
            time_verified: Fact::Unknown,
            resource_uri: Fact::Unknown,
            policy: Policy::default(),
            input_attestations: Fact::Unknown,
            result: Fact::Unknown,
            levels: Fact::Unknown,
            dependency_levels: Fact::Unknown,
            slsa_version: Fact::Unknown,
            violations: Fact::Unknown,
            warnings: Fact::Unknown,
        }
    }
}

/// SLSA's summaries: members in either spelling, and what is said in both is said twice.
pub(super) fn slsa(predicate: &Cursor<'_>, facts: &mut Facts) {
    let both =
        |camel: &str, snake: &str| predicate.get(camel).text().and(predicate.get(snake).text());
    let list = |camel: &str, snake: &str| predicate.any(&[camel, snake]);
    let verifier = predicate.get("verifier");
    let policy = predicate.get("policy");
    // One level as a text in v0.2, a list of them in v1.
    let level = predicate.get("policy_level");
    let one_level = level.fact(|level| Some(vec![level.as_str()?.to_owned()]));
    facts.details = Details::Vsa(Box::new(VsaFacts {
        verifier: verifier.get("id").text(),
        verifier_versions: verifier.get("version").fact(versions),
        time_verified: both("timeVerified", "time_verified"),
        resource_uri: both("resourceUri", "resource_uri"),
        policy: Policy {
            uri: policy.get("uri").text(),
            digests: policy.get("digest").digest_fact(),
        },
        input_attestations: list("inputAttestations", "input_attestations").list(input),
        result: both("verificationResult", "verification_result"),
        levels: list("verifiedLevels", "verified_levels")
            .texts()
            .and(one_level),
        dependency_levels: list("dependencyLevels", "dependency_levels").fact(levels),
        slsa_version: both("slsaVersion", "slsa_version"),
        ..VsaFacts::new(dialect(predicate, facts))
    }));
}

fn dialect(predicate: &Cursor<'_>, facts: &Facts) -> Dialect {
    let there = |names: &[&str]| predicate.any(names).is_there();
    let old = facts.predicate_type.rsplit("/v").next();
    if old.is_some_and(|version| version.starts_with("0.")) {
        Dialect::V0_2
    } else if !there(&[
        "resourceUri",
        "resource_uri",
        "verifiedLevels",
        "verified_levels",
    ]) {
        Dialect::Witness
    } else {
        Dialect::V1
    }
}

/// Conforma's: the verifier is a text, the result is called status, what was verified is a list of images.
pub(super) fn conforma(predicate: &Cursor<'_>, facts: &mut Facts) {
    let summary = predicate.get("summary");
    let source = predicate.get("policySource");
    let images = predicate.get("imageRefs");
    let count = |name: &str| {
        let member = summary.get(name);
        let listed = member.fact(|list| u64::try_from(list.value()?.as_array()?.len()).ok());
        member.integer().and(listed)
    };
    facts.details = Details::Vsa(Box::new(VsaFacts {
        verifier: predicate.get("verifier").text(),
        time_verified: predicate.get("timestamp").text(),
        resource_uri: Fact::all(images.items().map(|image| image.text())),
        policy: Policy {
            uri: source.text().or(|| source.any(&["uri", "url"]).text()),
            digests: source.get("digest").digest_fact(),
        },
        result: predicate.get("status").text(),
        violations: count("violations"),
        warnings: count("warnings"),
        ..VsaFacts::new(Dialect::Conforma)
    }));
}

fn input(cursor: Cursor<'_>) -> InputAttestation {
    InputAttestation {
        uri: cursor.get("uri").text(),
        digests: cursor.get("digest").digests(),
        at: cursor.at().to_owned(),
    }
}

fn versions(cursor: &Cursor<'_>) -> Option<Vec<(String, String)>> {
    let pair =
        |(name, value): (&str, Cursor<'_>)| Some((name.to_owned(), value.as_str()?.to_owned()));
    cursor
        .is_object()
        .then(|| cursor.members().filter_map(pair).collect())
}

/// Counts by level; protobuf writes 64-bit numbers as texts.
fn levels(cursor: &Cursor<'_>) -> Option<Vec<(String, u64)>> {
    if !cursor.is_object() {
        return None;
    }
    let pair = |(level, count): (&str, Cursor<'_>)| {
        let number = count.value()?.as_u64();
        let number = number.or_else(|| count.as_str()?.parse().ok())?;
        Some((level.to_owned(), number))
    };
    cursor.members().map(pair).collect()
}
