//! Which predicate types belong to which family, and which extractor reads them: the one table.

use serde::Serialize;

use super::extract::Extractor::{self, Nothing, Stream, Whole};
use super::{
    collection, link, provenance, release, sbom, scai, source, svr, test_result, vex, vsa, vulns,
};

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

/// One family of predicate types.
struct Row {
    /// What they begin with.
    base: &'static str,
    /// The versions after it; `v1` is also `v1.0`, `v1.1` and so on. One empty text: the base is the whole.
    versions: &'static [&'static str],
    class: Class,
    extractor: Extractor,
}

const fn row(
    base: &'static str,
    versions: &'static [&'static str],
    class: Class,
    extractor: Extractor,
) -> Row {
    Row {
        base,
        versions,
        class,
        extractor,
    }
}

const ONE: &[&str] = &[""];
const ANY: &[&str] = &["*"];

static TABLE: [Row; 40] = [
    row(
        "https://slsa.dev/provenance/",
        &["v1"],
        Class::Provenance,
        Whole(provenance::v1),
    ),
    row(
        "https://slsa.dev/provenance/",
        &["v0.2"],
        Class::Provenance,
        Whole(provenance::v0_2),
    ),
    row(
        "https://slsa.dev/provenance/",
        &["v0.1"],
        Class::Provenance,
        Whole(provenance::v0_1),
    ),
    row(
        "https://in-toto.io/Provenance/",
        &["v0.1"],
        Class::Provenance,
        Whole(provenance::v0_1),
    ),
    row(
        "https://github.com/slsa-framework/slsa-source-poc/source-provenance/",
        &["v1"],
        Class::SourceProvenance,
        Whole(source::extract),
    ),
    row(
        "https://github.com/slsa-framework/slsa-source-poc/tag-provenance/",
        &["v1"],
        Class::SourceProvenance,
        Whole(source::extract),
    ),
    row(
        "https://slsa.dev/verification_summary/",
        &["v1", "v0.2", "v0.1"],
        Class::Vsa,
        Whole(vsa::slsa),
    ),
    row(
        "https://conforma.dev/verification_summary/",
        &["v1"],
        Class::Vsa,
        Whole(vsa::conforma),
    ),
    row(
        "https://in-toto.io/attestation/svr/",
        &["v0.1", "v0.2"],
        Class::Svr,
        Whole(svr::extract),
    ),
    row(
        "https://in-toto.io/attestation/test-result/",
        &["v0.1"],
        Class::TestResult,
        Whole(test_result::extract),
    ),
    row(
        "https://in-toto.io/attestation/vulns/",
        &["v0.1", "v0.2"],
        Class::Vulns,
        Whole(vulns::extract),
    ),
    row(
        "https://in-toto.io/attestation/vulns",
        ONE,
        Class::Vulns,
        Whole(vulns::extract),
    ),
    row(
        "https://cosign.sigstore.dev/attestation/vuln/",
        &["v1"],
        Class::Vulns,
        Whole(vulns::extract),
    ),
    row(
        "https://in-toto.io/attestation/scai/",
        &["v0.3", "v0.2"],
        Class::Scai,
        Whole(scai::extract),
    ),
    row(
        "https://in-toto.io/attestation/scai/attribute-report/",
        &["v0.2", "v0.3"],
        Class::Scai,
        Whole(scai::extract),
    ),
    row(
        "https://in-toto.io/attestation/release/",
        &["v0.1", "v0.2"],
        Class::Release,
        Whole(release::extract),
    ),
    row(
        "https://in-toto.io/attestation/release",
        ONE,
        Class::Release,
        Whole(release::extract),
    ),
    row(
        "https://github.com/npm/attestation/tree/main/specs/publish/",
        &["v0.1"],
        Class::Publish,
        Whole(release::extract),
    ),
    row(
        "https://docs.pypi.org/attestations/publish/",
        &["v1"],
        Class::Publish,
        Whole(release::extract),
    ),
    row(
        "https://in-toto.io/attestation/link/",
        &["v0.3"],
        Class::Link,
        Whole(link::extract),
    ),
    row(
        "https://in-toto.io/Link/",
        &["v0.1", "v0.2", "v0.3", "v1"],
        Class::Link,
        Whole(link::extract),
    ),
    row(
        "https://spdx.dev/Document/",
        &["v2", "v2.2", "v2.3", "v3"],
        Class::Sbom,
        Stream(sbom::spdx),
    ),
    row(
        "https://spdx.dev/Document",
        ONE,
        Class::Sbom,
        Stream(sbom::spdx),
    ),
    row(
        "https://spdx.dev/spdx-spec/",
        ANY,
        Class::Sbom,
        Stream(sbom::spdx),
    ),
    row(
        "https://cyclonedx.org/bom/",
        &["v1"],
        Class::Sbom,
        Stream(sbom::cyclonedx),
    ),
    row(
        "https://cyclonedx.org/bom",
        ONE,
        Class::Sbom,
        Stream(sbom::cyclonedx),
    ),
    row(
        "https://cyclonedx.org/schema",
        ONE,
        Class::Sbom,
        Stream(sbom::cyclonedx),
    ),
    row(
        "https://cyclonedx.org/specification/overview",
        ONE,
        Class::Sbom,
        Stream(sbom::cyclonedx),
    ),
    row(
        "https://openvex.dev/ns/",
        &["v0", "v0.2", "v1"],
        Class::Vex,
        Whole(vex::extract),
    ),
    row(
        "https://openvex.dev/ns",
        ONE,
        Class::Vex,
        Whole(vex::extract),
    ),
    row(
        "https://witness.testifysec.com/attestation-collection/",
        &["v0.1"],
        Class::Collection,
        Whole(collection::extract),
    ),
    row(
        "https://witness.dev/attestation-collection/",
        &["v0.1"],
        Class::Collection,
        Whole(collection::extract),
    ),
    row(
        "https://witness.testifysec.com/policy/",
        &["v0.1"],
        Class::Policy,
        Whole(collection::policy),
    ),
    row(
        "https://in-toto.io/attestation/reference/",
        &["v0.1"],
        Class::Reference,
        Nothing,
    ),
    row(
        "https://in-toto.io/attestation/runtime-trace/",
        &["v0.1"],
        Class::RuntimeTrace,
        Nothing,
    ),
    row(
        "https://sigstore.dev/cosign/sign/",
        &["v1"],
        Class::Image,
        Nothing,
    ),
    row(
        "https://cosign.sigstore.dev/attestation/",
        &["v1"],
        Class::Custom,
        Nothing,
    ),
    row(
        "cosign.sigstore.dev/attestation/",
        &["v1"],
        Class::Custom,
        Nothing,
    ),
    row(
        "cosign.sigstore.dev/attestation/vuln/",
        &["v1"],
        Class::Vulns,
        Whole(vulns::extract),
    ),
    row(
        "cosign container image signature",
        ONE,
        Class::Image,
        Nothing,
    ),
];

/// The family of a predicate type, and who reads it.
pub(super) fn find(predicate_type: &str) -> (Class, &'static Extractor) {
    let plain = plain(predicate_type);
    TABLE
        .iter()
        .find(|row| row.has(plain))
        .map_or((Class::Unknown, &Nothing), |row| {
            (row.class, &row.extractor)
        })
}

/// The family of a payload that is no statement.
pub(super) fn find_payload(payload_type: &str) -> (Class, &'static Extractor) {
    match find(payload_type) {
        found @ (Class::Policy, _) => found,
        _ => (Class::Unknown, &Nothing),
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
