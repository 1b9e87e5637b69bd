//! The recorded attestations of npm and PyPI.

use treering_attest::facts::{Class, Details, Format};

use crate::recorded::{Build, DISPATCH, MAIN, OLD_RUNNER, PUSH, build, subject};
use crate::{facts, facts_of, read, stated};

struct Npm {
    file: &'static str,
    purl: &'static str,
    digest: &'static str,
    publish: [&'static str; 2],
    build: Build,
}

const OLD_WORKFLOW: Option<&str> =
    Some("https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1");

const NPM: [Npm; 3] = [
    Npm {
        file: "gundam-visor-cli-v1-tag",
        purl: "pkg:npm/gundam-visor@1.0.1",
        digest: "8d9d7972f676516c75014aa074e11ae604d98f0b64ec6725a61e2838ff3dab162118fa71433fb31e1550d30bd0dec9d086ce032b94457b583900c507acf39c40",
        publish: ["gundam-visor", "1.0.1"],
        build: [
            OLD_RUNNER,
            OLD_WORKFLOW,
            Some("https://github.com/ramonpetgrave64/gundam-visor"),
            Some("599500821344b070902a7a5666064bfdaba715df"),
            Some("refs/tags/v1.0.1"),
            Some(".github/workflows/npm-publish.yml"),
            Some(
                "https://github.com/ramonpetgrave64/gundam-visor/actions/runs/9358004112/attempts/1",
            ),
            Some("release"),
        ],
    },
    Npm {
        file: "provenance-npm-test-cli-v1-prega",
        purl: "pkg:npm/sigstore@2.3.1",
        digest: "f06fbf5c353cc0db093904b9cac0d53b412d83dff6b80e6047d9786708a38e5c3105cad4e913dfc22dbe8c999b3fe029d47969fe75406843b8163db6fd22f681",
        publish: ["sigstore", "2.3.1"],
        build: [
            OLD_RUNNER,
            OLD_WORKFLOW,
            Some("https://github.com/sigstore/sigstore-js"),
            Some("46e7056ff9912ebfee5298d94024895a9fea76c0"),
            MAIN,
            Some(".github/workflows/release.yml"),
            Some("https://github.com/sigstore/sigstore-js/actions/runs/9116405766/attempts/1"),
            PUSH,
        ],
    },
    Npm {
        file: "provenance-npm-test-ossf",
        purl: "pkg:npm/%40laurentsimon/provenance-npm-test@1.0.5",
        digest: "563bc6d88c7cc60917b13cf4838473eeea6ec7ea0430f2672b16f43c2a5c82c239949c7cae7fe13bbe3b30d0571c3e56de624aa31ea43c98c12f1f190b8a7ca0",
        publish: ["@laurentsimon/provenance-npm-test", "1.0.5"],
        build: [
            Some(
                "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_nodejs_slsa3.yml@refs/tags/v1.6.0",
            ),
            Some("https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0"),
            Some("https://github.com/laurentsimon/provenance-npm-test"),
            Some("34490b44db557f009617bcb92b8780f972c189ab"),
            MAIN,
            Some(".github/workflows/release-slsa3.yml"),
            Some("5016782196-1"),
            DISPATCH,
        ],
    },
];

#[test]
fn npm_publish_and_provenance() {
    for row in &NPM {
        // The tampered ones differ in their signatures only.
        for suffix in ["", "-invalidsigprov", "-invalidsigpub"] {
            let file = format!("npm/{}{suffix}.tgz.json", row.file);
            let bytes = read(&file);
            let (publish, provenance) = (facts_of(&bytes, 0), facts_of(&bytes, 1));
            let expected = (Some(row.purl), Some(row.purl), "sha512", row.digest);
            assert_eq!(subject(&publish), expected, "{file}");
            assert_eq!(subject(&provenance), expected, "{file}");
            assert_eq!(
                (publish.class, provenance.class),
                (Class::Publish, Class::Provenance)
            );
            assert_eq!(build(&publish), [None; 8], "{file}");
            if file.ends_with("ossf-invalidsigprov.tgz.json") {
                // Whoever tampered with this one changed the commit of the material only: it now says two.
                let commit = provenance.build.commit.candidates();
                let places: Vec<&str> = commit.iter().map(|stated| stated.at.as_str()).collect();
                let materials = "/predicate/materials/0/digest";
                assert_eq!(
                    places,
                    ["/predicate/invocation/configSource/digest", materials]
                );
                continue;
            }
            assert_eq!(build(&provenance), row.build, "{file}");
            let Details::Release(release) = &publish.details else {
                panic!("{file}: {:?}", publish.details)
            };
            let [name, mut version] = row.publish.map(Some);
            if file.ends_with("ossf-invalidsigpub.tgz.json") {
                version = Some("1.0.6"); // What was tampered with here.
            }
            assert_eq!(
                [stated(&release.name), stated(&release.version)],
                [name, version]
            );
            assert_eq!(release.registry.at(), Some("/predicate/registry"), "{file}");
        }
    }
}

const SDIST: &str = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3";

#[test]
fn pypi_publish() {
    let spt3g = "spt3g-1.0-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
    for (file, name, digest) in [
        (
            "gitlab_oidc_project-0.0.3.tar.gz.publish.attestation",
            "gitlab_oidc_project-0.0.3.tar.gz",
            "c1ca9b0d85df1606451098233018534497bf584362e10e4a8c21dfaea92c02a8",
        ),
        (
            "pypi_attestations-0.0.19.tar.gz.publish.attestation",
            "pypi_attestations-0.0.19.tar.gz",
            SDIST,
        ),
        (
            "pypi_attestations-0.0.19.tar.gz.provenance",
            "pypi_attestations-0.0.19.tar.gz",
            SDIST,
        ),
        (
            &format!("{spt3g}.publish.attestation"),
            spt3g,
            "d2772f9a5199f05ed1be8d9aa78b879e51772e3ead9d73fe8057257b1aec7cf8",
        ),
    ] {
        let facts = facts(&format!("pep740/{file}"));
        assert_eq!(
            (facts.class, facts.format),
            (Class::Publish, Format::StatementV1)
        );
        assert_eq!(
            facts.predicate_type,
            "https://docs.pypi.org/attestations/publish/v1"
        );
        assert_eq!(
            subject(&facts),
            (Some(name), None, "sha256", digest),
            "{file}"
        );
        // The predicate is null.
        assert_eq!(
            (build(&facts), &facts.details),
            ([None; 8], &Details::None),
            "{file}"
        );
    }
}

#[test]
fn pypi_provenance() {
    let facts = facts("pep740/pypi_attestations-0.0.19.tar.gz.slsa.attestation");
    let repository = "https://github.com/trailofbits/pypi-attestations";
    let expected: Build = [
        Some(
            "https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml@refs/tags/v0.0.19",
        ),
        Some("https://actions.github.io/buildtypes/workflow/v1"),
        Some(repository),
        Some("08802efe1f8e5fec4ad842d6b8ce97656092ee72"),
        Some("refs/tags/v0.0.19"),
        Some(".github/workflows/release.yml"),
        Some(
            "https://github.com/trailofbits/pypi-attestations/actions/runs/12169989787/attempts/1",
        ),
        Some("release"),
    ];
    assert_eq!(build(&facts), expected);
    assert_eq!(subject(&facts).3, SDIST);
}
