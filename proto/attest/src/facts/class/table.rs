//! The one table of predicate types.

use super::Class;
use crate::facts::extract::Extractor::{self, Nothing, Stream, Whole};
use crate::facts::{
    collection, link, provenance, release, sbom, scai, source, svr, test_result, vex, vsa, vulns,
};

/// One family of predicate types.
pub(super) struct Row {
    /// What they begin with.
    pub(super) base: &'static str,
    /// The versions after it; `v1` is also `v1.0`, `v1.1` and so on. One empty text: the base is the whole.
    pub(super) versions: &'static [&'static str],
    pub(super) class: Class,
    pub(super) extractor: Extractor,
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

pub(super) static TABLE: [Row; 40] = [
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
