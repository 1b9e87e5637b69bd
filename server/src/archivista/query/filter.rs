//! Filters, evaluated on documents in memory. The names and what they mean are the real server's (ent over PostgreSQL):
//! conditions of one filter hold together, a filter on an edge holds if one thing at its end satisfies all of it, and
//! texts compare byte by byte, gitoids and digests too.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use treering_tlog::Hash;

use super::catalogue::Hint;
use super::collection::Collection;
use super::document::{Claim, Digest, Document, Signature, Subject};
use super::limits::MAX_STEPS;

/// Conditions that were tested for a request.
#[derive(Debug, Default)]
pub(super) struct Steps(AtomicU64);

impl Steps {
    /// Whether there were more than a request may have. From then on nothing matches, and the request fails.
    pub(super) fn exceeded(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MAX_STEPS
    }

    fn one_more(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) < MAX_STEPS
    }
}

/// Which documents can match at all.
#[derive(Debug)]
pub(super) enum Narrow {
    Nothing,
    To(Hint),
}

/// Conditions on one thing, composed. Never deeper than the filter that a client wrote.
#[derive(Debug)]
pub(super) enum Expr<P> {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Is(Box<P>),
}

impl<P> Expr<P> {
    fn holds(&self, steps: &Steps, is: &impl Fn(&P) -> bool) -> bool {
        if !steps.one_more() {
            return false;
        }
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(steps, is)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(steps, is)),
            Self::Not(part) => !part.holds(steps, is),
            Self::Is(condition) => is(condition),
        }
    }

    /// The first hint that a condition gives which must hold.
    fn hint(&self, of: &impl Fn(&P) -> Option<Narrow>) -> Option<Narrow> {
        match self {
            Self::All(parts) => parts.iter().find_map(|part| part.hint(of)),
            Self::Any(_) | Self::Not(_) => None,
            Self::Is(condition) => of(condition),
        }
    }
}

/// A condition on a text.
#[derive(Debug)]
pub(super) enum Text {
    Is(String),
    IsNot(String),
    In(HashSet<String>),
    NotIn(HashSet<String>),
}

impl Text {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Is(value) => value == text,
            Self::IsNot(value) => value != text,
            Self::In(values) => values.contains(text),
            Self::NotIn(values) => !values.contains(text),
        }
    }

    /// The texts that it holds for, if they can be listed.
    fn values(&self) -> Option<Vec<String>> {
        match self {
            Self::Is(value) => Some(vec![value.clone()]),
            Self::In(values) => Some(values.iter().cloned().collect()),
            Self::IsNot(_) | Self::NotIn(_) => None,
        }
    }
}

/// What an envelope can be asked.
#[derive(Debug)]
pub(super) enum OfDsse {
    Gitoid(Text),
    PayloadType(Text),
    Statement(Expr<OfStatement>),
    Signatures(Expr<OfSignature>),
    PayloadDigests(Expr<OfDigest>),
}

/// What a statement can be asked.
#[derive(Debug)]
pub(super) enum OfStatement {
    Predicate(Text),
    Collection(Expr<OfCollection>),
    Subjects(Expr<OfSubject>),
    Dsse(Expr<OfDsse>),
}

/// What a subject can be asked.
#[derive(Debug)]
pub(super) enum OfSubject {
    Name(Text),
    Digests(Expr<OfDigest>),
    Statement(Expr<OfStatement>),
}

/// What a digest can be asked.
#[derive(Debug)]
pub(super) enum OfDigest {
    Algorithm(Text),
    Value(Text),
}

/// What an attestation collection can be asked.
#[derive(Debug)]
pub(super) enum OfCollection {
    Name(Text),
    Attestations(Expr<OfAttestation>),
}

/// What an attestation of a collection can be asked.
#[derive(Debug)]
pub(super) enum OfAttestation {
    Type(Text),
}

/// What a signature can be asked.
#[derive(Debug)]
pub(super) enum OfSignature {
    KeyId(Text),
    Signature(Text),
}

impl Expr<OfDsse> {
    /// Whether a document matches.
    pub(super) fn matches(&self, document: &Document, steps: &Steps) -> bool {
        self.holds(steps, &|condition| condition.holds(document, steps))
    }

    /// What can match at all.
    pub(super) fn narrowed(&self) -> Narrow {
        self.hint(&OfDsse::hint).unwrap_or(Narrow::To(Hint::All))
    }
}

impl Expr<OfSubject> {
    /// Whether a subject of a document's statement matches.
    pub(super) fn matches(
        &self,
        document: &Document,
        claim: &Claim,
        subject: &Subject,
        steps: &Steps,
    ) -> bool {
        self.holds(steps, &|condition| {
            condition.holds(document, claim, subject, steps)
        })
    }

    /// What the documents of matching subjects can be at all.
    pub(super) fn narrowed(&self) -> Narrow {
        self.hint(&OfSubject::hint).unwrap_or(Narrow::To(Hint::All))
    }
}

impl OfDsse {
    fn holds(&self, document: &Document, steps: &Steps) -> bool {
        match self {
            Self::Gitoid(text) => text.holds(&document.gitoid),
            Self::PayloadType(text) => text.holds(&document.payload_type),
            Self::Statement(expr) => document.statement.as_ref().is_some_and(|claim| {
                expr.holds(steps, &|condition| condition.holds(document, claim, steps))
            }),
            Self::Signatures(expr) => (document.signatures.iter())
                .any(|signature| expr.holds(steps, &|condition| condition.holds(signature))),
            Self::PayloadDigests(expr) => any_digest(expr, &document.payload_digests, steps),
        }
    }

    fn hint(&self) -> Option<Narrow> {
        match self {
            Self::Gitoid(text) => match text.values()?.as_slice() {
                [one] => Some(match Hash::from_hex(one) {
                    Ok(gitoid) => Narrow::To(Hint::Gitoid(gitoid)),
                    Err(_) => Narrow::Nothing,
                }),
                _ => None,
            },
            Self::Statement(expr) => expr.hint(&OfStatement::hint),
            Self::PayloadType(_) | Self::Signatures(_) | Self::PayloadDigests(_) => None,
        }
    }
}

impl OfStatement {
    fn holds(&self, document: &Document, claim: &Claim, steps: &Steps) -> bool {
        match self {
            Self::Predicate(text) => text.holds(&claim.predicate),
            Self::Collection(expr) => claim.collection.as_ref().is_some_and(|collection| {
                expr.holds(steps, &|condition| condition.holds(collection, steps))
            }),
            Self::Subjects(expr) => {
                (claim.subjects.iter()).any(|subject| expr.matches(document, claim, subject, steps))
            }
            Self::Dsse(expr) => expr.matches(document, steps),
        }
    }

    fn hint(&self) -> Option<Narrow> {
        match self {
            Self::Subjects(expr) => expr.hint(&OfSubject::hint),
            Self::Dsse(expr) => expr.hint(&OfDsse::hint),
            Self::Predicate(_) | Self::Collection(_) => None,
        }
    }
}

impl OfSubject {
    fn holds(&self, document: &Document, claim: &Claim, subject: &Subject, steps: &Steps) -> bool {
        match self {
            Self::Name(text) => text.holds(&subject.name),
            Self::Digests(expr) => any_digest(expr, &subject.digests, steps),
            Self::Statement(expr) => {
                expr.holds(steps, &|condition| condition.holds(document, claim, steps))
            }
        }
    }

    fn hint(&self) -> Option<Narrow> {
        match self {
            Self::Digests(expr) => expr.hint(&OfDigest::hint),
            Self::Statement(expr) => expr.hint(&OfStatement::hint),
            Self::Name(_) => None,
        }
    }
}

impl OfDigest {
    fn holds(&self, digest: &Digest) -> bool {
        match self {
            Self::Algorithm(text) => text.holds(&digest.algorithm),
            Self::Value(text) => text.holds(&digest.value),
        }
    }

    fn hint(&self) -> Option<Narrow> {
        match self {
            Self::Value(text) => {
                let values = text.values()?;
                Some(Narrow::To(Hint::SubjectDigests(values)))
            }
            Self::Algorithm(_) => None,
        }
    }
}

impl OfCollection {
    fn holds(&self, collection: &Collection, steps: &Steps) -> bool {
        match self {
            Self::Name(text) => text.holds(&collection.name),
            Self::Attestations(expr) => (collection.attestations.iter())
                .any(|kind| expr.holds(steps, &|OfAttestation::Type(text)| text.holds(kind))),
        }
    }
}

impl OfSignature {
    fn holds(&self, signature: &Signature) -> bool {
        match self {
            Self::KeyId(text) => text.holds(&signature.keyid),
            Self::Signature(text) => text.holds(&signature.signature),
        }
    }
}

fn any_digest(expr: &Expr<OfDigest>, digests: &[Digest], steps: &Steps) -> bool {
    (digests.iter()).any(|digest| expr.holds(steps, &|condition| condition.holds(digest)))
}
