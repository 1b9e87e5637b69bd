//! What an attestation says, in one shape whatever its format: [`Facts`]. Each fact is stated, with the JSON pointer of the place
//! that says it, or unknown, or ambiguous ([`Fact`]); nothing is guessed. Facts are claims of whoever signed: nothing is verified here.

use serde::Serialize;

mod build;
mod class;
mod collection;
mod cursor;
mod digests;
mod extract;
mod fact;
mod image;
mod link;
mod names;
mod provenance;
mod release;
mod sbom;
mod scai;
mod source;
mod subject;
mod svr;
mod tekton;
mod test_result;
mod vex;
mod vsa;
mod vulns;

pub use build::{Build, Config, ImageReference, Material, Origin, Parameter, Producer};
pub use class::Class;
pub use collection::{Collection, CollectionPart};
pub use digests::{Digest, Strength};
pub use extract::FactsError;
pub use fact::{Fact, Stated};
pub use link::{LinkFacts, Product};
pub use names::{file_key, purl};
pub use release::Release;
pub use sbom::{Component, Sbom, SbomFormat, components, read_sbom};
pub use scai::{AttributeAssertion, Scai};
pub use subject::Subject;
pub use svr::Svr;
pub use tekton::{Reference, RunResult, Step, TaskResult, TaskRow, TaskStatus, Tekton};
pub use test_result::TestResult;
pub use vex::{Vex, VexStatement};
pub use vsa::{Dialect, InputAttestation, Policy, VsaFacts};
pub use vulns::{Vulnerabilities, Vulnerability};

use crate::statement::StatementVersion;

pub(crate) use cursor::Cursor;

/// What one attestation says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// What kind of document says it.
    pub format: Format,
    /// What kind of claim it makes, as it was written: a statement's predicate type, else the payload type or the word that the
    /// format has for it. Any text.
    pub predicate_type: String,
    /// The family that the predicate type belongs to.
    pub class: Class,
    /// The artifacts that it is about. Matched by digest alone.
    pub subjects: Vec<Subject>,
    /// What was run, where, and from what source.
    pub build: Build,
    /// What went into it: materials, resolved dependencies.
    pub materials: Fact<Vec<Material>>,
    /// What it was called with.
    pub parameters: Fact<Vec<Parameter>>,
    /// What only this family says.
    pub details: Details,
}

/// The kind of document that facts were taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// An in-toto statement v0.1.
    StatementV0_1,
    /// An in-toto statement v1.
    StatementV1,
    /// The `signed` part of a link in in-toto's first format.
    Link,
    /// The payload of a cosign signature.
    SimpleSigning,
    /// A signature over an artifact.
    Message,
    /// A signed payload that is no statement.
    Payload,
}

/// What one family says and no other.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum Details {
    /// Nothing that is read.
    #[default]
    None,
    /// Provenance of Tekton: the tasks of a run.
    Tekton(Box<Tekton>),
    /// A verification summary.
    Vsa(Box<VsaFacts>),
    /// A simple verification result.
    Svr(Box<Svr>),
    /// A test result.
    TestResult(Box<TestResult>),
    /// Findings of a scanner.
    Vulnerabilities(Box<Vulnerabilities>),
    /// Attributes of supply-chain components.
    Scai(Box<Scai>),
    /// A release or publish attestation.
    Release(Box<Release>),
    /// A link.
    Link(Box<LinkFacts>),
    /// A software bill of materials.
    Sbom(Box<Sbom>),
    /// An OpenVEX document.
    Vex(Box<Vex>),
    /// A collection of the witness tool, or its policy.
    Collection(Box<Collection>),
}

impl From<StatementVersion> for Format {
    fn from(version: StatementVersion) -> Self {
        match version {
            StatementVersion::V0_1 => Self::StatementV0_1,
            StatementVersion::V1 => Self::StatementV1,
        }
    }
}

impl Facts {
    /// Facts of which only kind, type and class are known yet.
    fn new(format: Format, predicate_type: &str, class: Class) -> Self {
        Self {
            format,
            predicate_type: predicate_type.to_owned(),
            class,
            subjects: Vec::new(),
            build: Build::default(),
            materials: Fact::Unknown,
            parameters: Fact::Unknown,
            details: Details::None,
        }
    }
}
