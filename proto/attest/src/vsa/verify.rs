//! The seven steps (slsa.dev, "Verifying VSAs"), each with what was expected and what was found. A step whose fact is unknown or
//! ambiguous has not passed.

use std::fmt;

use crate::container::Item;
use crate::digest::DigestAlgorithm;
use crate::facts::{Details, Digest, Fact, Facts, VsaFacts};
use crate::keys::PublicKey;
use crate::signature;

use super::level::Level;

/// What a consumer expects of a summary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expectation {
    /// The artifact, by any of its digests.
    pub artifact: Vec<Digest>,
    /// The predicate types that are taken, exactly as they are written; see [`PREDICATE_TYPE`](super::PREDICATE_TYPE).
    pub predicate_types: Vec<String>,
    /// Who may speak as which verifier.
    pub pairs: Vec<Pair>,
    /// What the verifier must have looked at. Nobody but the producer can say.
    pub resource_uri: String,
    /// The levels that are wanted, all of them.
    pub levels: Vec<Level>,
}

/// A signer that may speak as a verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The signer, by the name under which its signature was verified.
    pub signer: String,
    /// The verifier's id.
    pub verifier: String,
    /// The highest level of each track that it may state; of tracks that are not named, any.
    pub at_most: Vec<Level>,
}

/// A step of the verification, in the order of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// 1: somebody who is trusted signed it.
    Signature,
    /// 2: it is about the artifact.
    Subject,
    /// 3: it is a summary of the expected type.
    PredicateType,
    /// 4: the verifier is one that the signer may speak as.
    Verifier,
    /// 5: it is about the expected resource.
    ResourceUri,
    /// 6: the verification passed.
    Result,
    /// 7: the wanted levels were verified.
    Levels,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// The summary does not say, or says several things.
    Unknown,
}

/// A step and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepResult {
    /// The step.
    pub step: Step,
    /// How it went.
    pub outcome: Outcome,
    /// What would have passed.
    pub expected: String,
    /// What was there.
    pub found: String,
}

/// All seven steps; none is left out because another failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In the order of the specification.
    pub steps: Vec<StepResult>,
}

impl Step {
    /// A short name that stays the same.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Subject => "subject",
            Self::PredicateType => "predicate-type",
            Self::Verifier => "verifier-signer-pair",
            Self::ResourceUri => "resource-uri",
            Self::Result => "result",
            Self::Levels => "level",
        }
    }
}

impl Report {
    /// Whether every step passed.
    pub fn passed(&self) -> bool {
        self.steps
            .iter()
            .all(|step| step.outcome == Outcome::Passed)
    }

    /// The first step that did not.
    pub fn first_not_passed(&self) -> Option<&StepResult> {
        self.steps
            .iter()
            .find(|step| step.outcome != Outcome::Passed)
    }

    /// How a step went.
    pub fn step(&self, step: Step) -> Option<&StepResult> {
        self.steps.iter().find(|result| result.step == step)
    }
}

impl fmt::Display for StepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (label, expected, found) = (self.step.label(), &self.expected, &self.found);
        write!(f, "{label}: expected {expected}, found {found}")
    }
}

/// The names of the keys that signed an item, each once: what [`verify`] takes as signers where these are keys and no identities.
pub fn signers(item: &Item<'_>, keys: &[(String, PublicKey)]) -> Vec<String> {
    let Some(message) = item.signed_bytes() else {
        return Vec::new();
    };
    let signed = |key: &PublicKey| {
        item.signatures.iter().any(|one| {
            signature::verify(key, DigestAlgorithm::Sha256, &message, &one.signature).is_ok()
        })
    };
    let named = keys.iter().filter(|(_, key)| signed(key));
    named.map(|(name, _)| name.clone()).collect()
}

/// Takes the seven steps. `signers` are the names of those whose signatures over this statement have been verified.
pub fn verify(facts: &Facts, signers: &[String], expectation: &Expectation) -> Report {
    let vsa = match &facts.details {
        Details::Vsa(vsa) => Some(vsa.as_ref()),
        _ => None,
    };
    let nothing = Fact::Unknown;
    let text = |fact: fn(&VsaFacts) -> &Fact<String>| vsa.map_or(&nothing, fact);
    Report {
        steps: vec![
            signature_step(signers, expectation),
            subject_step(facts, expectation),
            type_step(facts, expectation),
            verifier_step(text(|vsa| &vsa.verifier), signers, expectation),
            text_step(
                Step::ResourceUri,
                text(|vsa| &vsa.resource_uri),
                &expectation.resource_uri,
            ),
            text_step(Step::Result, text(|vsa| &vsa.result), "PASSED"),
            level_step(vsa, signers, expectation),
        ],
    }
}

fn signature_step(signers: &[String], expectation: &Expectation) -> StepResult {
    let trusted = |signer: &String| expectation.pairs.iter().any(|pair| pair.signer == *signer);
    let names = expectation.pairs.iter().map(|pair| pair.signer.as_str());
    result(
        Step::Signature,
        signers.iter().any(trusted),
        format!("a signature of {}", list(names)),
        format!("signatures of {}", list(signers.iter().map(String::as_str))),
    )
}

fn subject_step(facts: &Facts, expectation: &Expectation) -> StepResult {
    let matches = facts.subjects.iter().any(|subject| {
        expectation
            .artifact
            .iter()
            .any(|digest| subject.matches(digest))
    });
    let wanted: Vec<String> = expectation.artifact.iter().map(Digest::key).collect();
    let found = facts.subjects.iter().flat_map(|subject| &subject.digests);
    let found: Vec<String> = found.take(SHOWN).map(Digest::key).collect();
    result(
        Step::Subject,
        matches,
        list(wanted.iter().map(String::as_str)),
        list(found.iter().map(String::as_str)),
    )
}

fn type_step(facts: &Facts, expectation: &Expectation) -> StepResult {
    let types = &expectation.predicate_types;
    result(
        Step::PredicateType,
        types.contains(&facts.predicate_type),
        list(types.iter().map(String::as_str)),
        facts.predicate_type.clone(),
    )
}

/// An id that belongs to somebody else's signature is told apart from one that nobody knows.
fn verifier_step(
    verifier: &Fact<String>,
    signers: &[String],
    expectation: &Expectation,
) -> StepResult {
    let expected = expectation.pairs.iter();
    let expected: Vec<String> = expected
        .map(|pair| format!("{} signed by {}", pair.verifier, pair.signer))
        .collect();
    let expected = list(expected.iter().map(String::as_str));
    let Some(id) = verifier.value() else {
        return unknown(Step::Verifier, expected, verifier);
    };
    let named: Vec<&Pair> = expectation
        .pairs
        .iter()
        .filter(|pair| pair.verifier == *id)
        .collect();
    let fits = named.iter().any(|pair| signers.contains(&pair.signer));
    let by = list(signers.iter().map(String::as_str));
    let found = if named.is_empty() || fits {
        format!("{id} signed by {by}")
    } else {
        format!("{id}, which these signers may not speak as: {by}")
    };
    result(Step::Verifier, fits, expected, found)
}

fn text_step(step: Step, fact: &Fact<String>, expected: &str) -> StepResult {
    match fact.value() {
        Some(value) => result(step, value == expected, expected.to_owned(), value.clone()),
        None => unknown(step, expected.to_owned(), fact),
    }
}

/// Every wanted level, from a signer that may state it. Two levels of one track contradict each other.
fn level_step(vsa: Option<&VsaFacts>, signers: &[String], expectation: &Expectation) -> StepResult {
    let wanted: Vec<String> = expectation.levels.iter().map(ToString::to_string).collect();
    let expected = list(wanted.iter().map(String::as_str));
    let Some(stated) = vsa.and_then(|vsa| vsa.levels.value()) else {
        let levels = vsa.map_or(&Fact::Unknown, |vsa| &vsa.levels);
        return unknown(Step::Levels, expected, levels);
    };
    let levels: Vec<Level> = stated
        .iter()
        .take(SHOWN_LEVELS)
        .map(|text| Level::parse(text))
        .collect();
    let found = list(stated.iter().take(SHOWN).map(String::as_str));
    let twice = levels.iter().enumerate().any(|(index, level)| {
        let before = levels.iter().take(index);
        before
            .clone()
            .any(|other| other != level && other.same_track(level))
    });
    if twice || stated.len() > SHOWN_LEVELS {
        return StepResult {
            step: Step::Levels,
            outcome: Outcome::Unknown,
            expected,
            found: format!("several levels of one track, or more than {SHOWN_LEVELS}: {found}"),
        };
    }
    let all = expectation
        .levels
        .iter()
        .all(|wanted| levels.iter().any(|level| level.implies(wanted)));
    match overclaimed(&levels, vsa, signers, expectation) {
        Some(level) => {
            let found = format!("{level}, more than the verifier may state");
            result(Step::Levels, false, expected, found)
        }
        None => result(Step::Levels, all, expected, found),
    }
}

/// A level above what every pair of this verifier and these signers allows.
fn overclaimed<'l>(
    levels: &'l [Level],
    vsa: Option<&VsaFacts>,
    signers: &[String],
    expectation: &Expectation,
) -> Option<&'l Level> {
    let id = vsa?.verifier.value()?;
    let pairs: Vec<&Pair> = expectation
        .pairs
        .iter()
        .filter(|pair| pair.verifier == *id && signers.contains(&pair.signer))
        .collect();
    let allows = |pair: &&Pair, level: &Level| {
        let mut most = pair.at_most.iter().filter(|most| most.same_track(level));
        most.next().is_none_or(|most| most.implies(level))
    };
    levels
        .iter()
        .find(|level| !pairs.is_empty() && !pairs.iter().any(|pair| allows(pair, level)))
}

/// Names that a result shows.
const SHOWN: usize = 8;
/// Levels that are looked at; a summary has one a track.
const SHOWN_LEVELS: usize = 64;

fn result(step: Step, passed: bool, expected: String, found: String) -> StepResult {
    StepResult {
        step,
        outcome: if passed {
            Outcome::Passed
        } else {
            Outcome::Failed
        },
        expected,
        found,
    }
}

fn unknown<T: fmt::Debug>(step: Step, expected: String, fact: &Fact<T>) -> StepResult {
    let found = match fact.candidates().len() {
        0 => "nothing".to_owned(),
        several => format!("{several} values that differ"),
    };
    StepResult {
        step,
        outcome: Outcome::Unknown,
        expected,
        found,
    }
}

fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        "nobody or nothing".to_owned()
    } else {
        names.join(" or ")
    }
}
