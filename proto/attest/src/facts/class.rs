//! Which predicate types belong to which family, and which extractor reads them.

use serde::Serialize;

use super::extract::Extractor;

mod table;

use table::{Row, TABLE};

/// A family of predicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// How something was built.
    Provenance,
    /// How a commit came about (SLSA's source track).
    SourceProvenance,
    /// A verification summary.
    Vsa,
    /// A simple verification result.
    Svr,
    /// Results of tests.
    TestResult,
    /// Findings of a vulnerability scanner.
    Vulns,
    /// Attributes of supply-chain components.
    Scai,
    /// What a release consists of.
    Release,
    /// That a registry published something.
    Publish,
    /// A step of a supply chain.
    Link,
    /// A software bill of materials.
    Sbom,
    /// Which vulnerabilities matter.
    Vex,
    /// What the witness tool recorded of a step.
    Collection,
    /// What the witness tool verifies by.
    Policy,
    /// References to other documents.
    Reference,
    /// A trace of what ran.
    RuntimeTrace,
    /// A signature over a container image.
    Image,
    /// A signature over some artifact, without a statement.
    Artifact,
    /// A custom predicate of cosign.
    Custom,
    /// Any other: type and subjects are kept.
    Unknown,
}

/// The family of a predicate type, and who reads it.
pub(super) fn find(predicate_type: &str) -> (Class, &'static Extractor) {
    let plain = plain(predicate_type);
    TABLE
        .iter()
        .find(|row| row.has(plain))
        .map_or((Class::Unknown, &Extractor::Nothing), |row| {
            (row.class, &row.extractor)
        })
}

/// The family of a payload that is no statement.
pub(super) fn find_payload(payload_type: &str) -> (Class, &'static Extractor) {
    match find(payload_type) {
        found @ (Class::Policy, _) => found,
        _ => (Class::Unknown, &Extractor::Nothing),
    }
}

/// Without what says nothing: a slash at the end, `?draft`.
fn plain(predicate_type: &str) -> &str {
    let without = predicate_type
        .strip_suffix("?draft")
        .unwrap_or(predicate_type);
    without.strip_suffix('/').unwrap_or(without)
}

impl Row {
    fn has(&self, predicate_type: &str) -> bool {
        // SLSA's source track has been written without a scheme, too.
        let base = self.base;
        let bare = base.strip_prefix("https://").unwrap_or(base);
        let rest = predicate_type
            .strip_prefix(base)
            .or_else(|| predicate_type.strip_prefix(bare));
        let Some(rest) = rest else { return false };
        self.versions.iter().any(|version| match *version {
            "*" => true,
            "" => rest.is_empty(),
            version => {
                let minor = rest.strip_prefix(version);
                minor.is_some_and(|minor| minor.is_empty() || is_minor(minor))
            }
        })
    }
}

/// `.1`, `.0.2`: a version below the one that is named.
fn is_minor(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix('.') else {
        return false;
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    numbers.split('.').all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each family with the types that belong to it.
    const FAMILIES: &[(Class, &[&str])] = &[
        (
            Class::Provenance,
            &[
                "https://slsa.dev/provenance/v1",
                "https://slsa.dev/provenance/v1.0",
                "https://slsa.dev/provenance/v1.0?draft",
                "https://slsa.dev/provenance/v1/",
                "https://slsa.dev/provenance/v0.2",
                "https://slsa.dev/provenance/v0.1",
                "https://in-toto.io/Provenance/v0.1",
            ],
        ),
        (
            Class::Vsa,
            &[
                "https://slsa.dev/verification_summary/v1",
                "https://slsa.dev/verification_summary/v0.2",
                "https://conforma.dev/verification_summary/v1",
            ],
        ),
        (
            Class::SourceProvenance,
            &["github.com/slsa-framework/slsa-source-poc/source-provenance/v1"],
        ),
        (
            Class::Sbom,
            &[
                "https://spdx.dev/Document",
                "https://spdx.dev/Document/v2.3",
                "https://spdx.dev/Document/v3.0",
                "https://cyclonedx.org/bom",
                "https://cyclonedx.org/bom/v1.6",
            ],
        ),
        (
            Class::Vex,
            &["https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0"],
        ),
        (
            Class::Link,
            &[
                "https://in-toto.io/Link/v1",
                "https://in-toto.io/attestation/link/v0.3",
            ],
        ),
        (
            Class::Vulns,
            &["https://cosign.sigstore.dev/attestation/vuln/v1"],
        ),
        (
            Class::Custom,
            &["https://cosign.sigstore.dev/attestation/v1"],
        ),
        (
            Class::Unknown,
            &[
                "",
                "https://slsa.dev/provenance/v9",
                "https://slsa.dev/provenance/v1x",
                "https://slsa.dev/provenance/v1.",
                "https://slsa.dev/provenance/",
                "https://example.com/https://slsa.dev/provenance/v1",
            ],
        ),
    ];

    #[test]
    fn variants_of_a_type_are_one_family() {
        for (class, types) in FAMILIES {
            for text in *types {
                assert_eq!(find(text).0, *class, "{text}");
            }
        }
    }

    #[test]
    fn only_policies_are_payloads_of_their_own() {
        let policy = "https://witness.testifysec.com/policy/v0.1";
        assert_eq!(find_payload(policy).0, Class::Policy);
        assert_eq!(
            find_payload("https://slsa.dev/provenance/v1").0,
            Class::Unknown
        );
    }
}
