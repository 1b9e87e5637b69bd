//! The statement that says a summary: canonical JSON (RFC 8785), so that the same fields are the same bytes.

use serde_json::{Map, Value, json};

use super::PREDICATE_TYPE;
use super::summary::{InputAttestation, Summary, SummaryError, SummarySubject};
use crate::facts::Digest;

impl Summary {
    /// The in-toto statement v1 that says it, in canonical JSON.
    ///
    /// # Errors
    /// [`SummaryError::Field`]: a field that readers would refuse.
    pub fn to_statement(&self) -> Result<Vec<u8>, SummaryError> {
        self.check()?;
        let subject = |subject: &SummarySubject| {
            let digest = digest_set(&subject.digests);
            object([
                ("name", some(&subject.name)),
                ("uri", some(&subject.uri)),
                ("digest", Some(digest)),
            ])
        };
        let subjects: Vec<Value> = self.subjects.iter().map(subject).collect();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subjects,
            "predicateType": PREDICATE_TYPE,
            "predicate": self.predicate(),
        });
        let text = serde_json_canonicalizer::to_vec(&statement);
        Ok(text.expect("text, lists, objects and whole numbers have a canonical form"))
    }

    fn predicate(&self) -> Value {
        let pairs = |pairs: &[(String, String)]| -> Map<String, Value> {
            pairs
                .iter()
                .map(|(name, version)| (name.clone(), json!(version)))
                .collect()
        };
        let versions = Some(pairs(&self.verifier_versions)).filter(|versions| !versions.is_empty());
        let digest = |digests: &[Digest]| (!digests.is_empty()).then(|| digest_set(digests));
        let input = |input: &InputAttestation| {
            object([
                ("uri", some(&input.uri)),
                ("digest", Some(digest_set(&input.digests))),
            ])
        };
        let inputs = self.input_attestations.as_ref();
        let levels = self
            .dependency_levels
            .as_ref()
            .map(|levels| -> Map<String, Value> {
                levels
                    .iter()
                    .map(|(level, count)| (level.clone(), json!(count)))
                    .collect()
            });
        object([
            (
                "verifier",
                Some(object([
                    ("id", Some(json!(self.verifier))),
                    ("version", versions.map(Value::Object)),
                ])),
            ),
            ("timeVerified", some(&self.time_verified)),
            ("resourceUri", Some(json!(self.resource_uri))),
            (
                "policy",
                Some(object([
                    ("uri", Some(json!(self.policy.uri))),
                    ("digest", digest(&self.policy.digests)),
                ])),
            ),
            (
                "inputAttestations",
                inputs.map(|inputs| inputs.iter().map(input).collect()),
            ),
            ("verificationResult", Some(json!(self.result.word()))),
            ("verifiedLevels", Some(json!(self.levels))),
            ("dependencyLevels", levels.map(Value::Object)),
            ("slsaVersion", some(&self.slsa_version)),
        ])
    }
}

fn digest_set(digests: &[Digest]) -> Value {
    let pair = |digest: &Digest| (digest.algorithm.clone(), json!(digest.value));
    Value::Object(digests.iter().map(pair).collect())
}

fn some(text: &Option<String>) -> Option<Value> {
    text.as_ref().map(|text| json!(text))
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let there = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect())
}
