//! What the lists are of.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::collection::Collection;
use super::compile::Where as _;
use super::cursors::CursorText;
use super::document::{self, Claim, Document};
use super::inputs::SubjectWhere;
use super::lists::{self, SubjectAt};
use super::schema::{SubjectConnection, wants};
use super::session::Session;
use super::window::Paging;

/// A DSSE envelope.
pub(super) struct Dsse(pub(super) Arc<Document>);

#[Object]
impl Dsse {
    /// The gitoid.
    async fn id(&self) -> ID {
        ID(self.0.gitoid.clone())
    }

    async fn gitoid_sha256(&self) -> &str {
        &self.0.gitoid
    }

    async fn payload_type(&self) -> &str {
        &self.0.payload_type
    }

    /// Nothing if the payload is no statement.
    async fn statement(&self) -> Option<Statement> {
        Some(Statement {
            document: Arc::clone(&self.0),
            claim: self.0.statement.clone()?,
        })
    }

    async fn signatures(&self) -> Vec<Signature<'_>> {
        self.0.signatures.iter().map(Signature).collect()
    }

    async fn payload_digests(&self) -> Vec<PayloadDigest<'_>> {
        self.0.payload_digests.iter().map(PayloadDigest).collect()
    }
}

/// A signature of an envelope. None was verified for this answer.
pub(super) struct Signature<'a>(&'a document::Signature);

#[Object]
impl Signature<'_> {
    #[graphql(name = "keyID")]
    async fn key_id(&self) -> &str {
        &self.0.keyid
    }

    /// Base64.
    async fn signature(&self) -> &str {
        &self.0.signature
    }

    /// Nothing if the envelope has timestamps for the signature: what they say is not read here.
    async fn timestamps(&self) -> Option<Vec<Timestamp>> {
        (!self.0.stamped).then(Vec::new)
    }
}

/// A timestamp. There is none of them here, only what it would be asked.
pub(super) enum Timestamp {}

impl Timestamp {
    const fn text(&self) -> &str {
        match *self {}
    }
}

#[Object]
impl Timestamp {
    #[graphql(name = "type")]
    async fn kind(&self) -> &str {
        self.text()
    }

    async fn timestamp(&self) -> &str {
        self.text()
    }
}

/// A digest of an envelope's payload.
pub(super) struct PayloadDigest<'a>(&'a document::Digest);

#[Object]
impl PayloadDigest<'_> {
    async fn algorithm(&self) -> &str {
        &self.0.algorithm
    }

    async fn value(&self) -> &str {
        &self.0.value
    }
}

/// An in-toto statement.
pub(super) struct Statement {
    document: Arc<Document>,
    claim: Arc<Claim>,
}

#[Object]
impl Statement {
    /// The type of the predicate.
    async fn predicate(&self) -> &str {
        &self.claim.predicate
    }

    /// What it is about, in its own order.
    async fn subjects(
        &self,
        ctx: &Context<'_>,
        after: Option<CursorText>,
        first: Option<i32>,
        r#where: Option<SubjectWhere>,
    ) -> Result<SubjectConnection> {
        let after = after.map(|after| after.subject("after")).transpose()?;
        let paging = Paging::new(after, first, None, None)?;
        let filter = r#where
            .map(|filter| filter.compile(1))
            .transpose()?
            .flatten();
        let session = ctx.data::<Arc<Session>>()?;
        let of = (&self.document, &self.claim);
        let listed = lists::subjects_of(session, of, filter.as_ref(), paging, wants(ctx))?;
        Ok(listed.into())
    }

    /// The collection of a witness statement: one, in spite of its name. Nothing for other statements.
    async fn attestation_collections(&self) -> Option<AttestationCollection<'_>> {
        self.claim.collection.as_ref().map(AttestationCollection)
    }
}

/// What witness recorded about a step.
pub(super) struct AttestationCollection<'a>(&'a Collection);

#[Object]
impl AttestationCollection<'_> {
    /// The step.
    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn attestations(&self) -> Vec<Attestation<'_>> {
        self.0
            .attestations
            .iter()
            .map(|kind| Attestation(kind))
            .collect()
    }
}

/// One thing that was recorded.
pub(super) struct Attestation<'a>(&'a str);

#[Object]
impl Attestation<'_> {
    #[graphql(name = "type")]
    async fn kind(&self) -> &str {
        self.0
    }
}

/// An artifact that a statement names.
pub(super) struct Subject(pub(super) SubjectAt);

#[Object]
impl Subject {
    async fn name(&self) -> &str {
        &self.0.subject().name
    }

    async fn subject_digests(&self) -> Vec<SubjectDigest<'_>> {
        self.0.subject().digests.iter().map(SubjectDigest).collect()
    }

    async fn statement(&self) -> Statement {
        Statement {
            document: Arc::clone(&self.0.document),
            claim: Arc::clone(&self.0.claim),
        }
    }
}

/// A digest of a subject, as its statement writes it.
pub(super) struct SubjectDigest<'a>(&'a document::Digest);

#[Object]
impl SubjectDigest<'_> {
    async fn algorithm(&self) -> &str {
        &self.0.algorithm
    }

    async fn value(&self) -> &str {
        &self.0.value
    }
}
