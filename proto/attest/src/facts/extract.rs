//! From documents to facts.

use super::class;
use super::subject::Subject;
use super::{Class, Cursor, Digest, Fact, Facts, Format, image, link};
use crate::bundle::MessageSignature;
use crate::container::{Content, Item};
use crate::statement::{Statement, StatementError};
use crate::strict;

/// Why no facts can be taken from a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// It should be a statement and is none.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Its predicate, or another JSON document that is read, cannot be read in one way only: a member twice, a lone surrogate, too
    /// many values, nested too deep.
    #[error("expected {expected} in json that reads one way only, found {found}")]
    Json {
        /// What was read.
        expected: &'static str,
        /// What the parser says, with line and column.
        found: String,
    },
}

/// What an extractor takes its facts from.
pub(super) enum Extractor {
    /// The family is known, nothing in it is read.
    Nothing,
    /// A predicate read as a whole.
    Whole(fn(&Cursor<'_>, &mut Facts)),
    /// A predicate read as a stream, with the place of the predicate.
    Stream(fn(&str, &str, &mut Facts) -> Result<(), String>),
}

impl Facts {
    /// The facts of an item of a container.
    ///
    /// # Errors
    /// [`FactsError`].
    pub fn of_item(item: &Item<'_>) -> Result<Self, FactsError> {
        match &item.content {
            Content::Envelope(envelope) => {
                let payload = envelope.payload().expect("parse has decoded it");
                Self::of_payload(envelope.payload_type(), &payload)
            }
            Content::DetachedStatement(statement) => Self::of_statement(statement),
            Content::Statement(statement) => Self::of_statement(statement),
            Content::Message(message) => Ok(Self::of_message(message)),
            Content::SimpleSigning(payload) => {
                let facts = Self::new(Format::SimpleSigning, "", Class::Image);
                whole("a cosign payload", payload, facts, image::extract)
            }
            Content::Link(signed) => {
                let facts = Self::new(Format::Link, "link", Class::Link);
                whole("a link", signed.as_bytes(), facts, link::extract_signed)
            }
        }
    }

    /// The facts of an in-toto statement.
    ///
    /// # Errors
    /// [`FactsError`].
    pub fn of_statement(payload: &[u8]) -> Result<Self, FactsError> {
        let (statement, predicate) = Statement::parse_with_predicate(payload)?;
        let (class, extractor) = class::find(&statement.predicate_type);
        let mut facts = Self::new(statement.version.into(), &statement.predicate_type, class);
        facts.subjects = statement
            .subjects
            .iter()
            .enumerate()
            .map(Subject::of)
            .collect();
        let Some(predicate) = predicate else {
            return Ok(facts);
        };
        let refused = |found| FactsError::Json {
            expected: "a predicate",
            found,
        };
        let at = format!("/{}", predicate.member);
        match extractor {
            Extractor::Stream(read) => {
                read(predicate.text, &at, &mut facts).map_err(refused)?;
            }
            Extractor::Whole(read) => {
                let value = strict::parse(predicate.text).map_err(refused)?;
                read(&Cursor::new(&value, at), &mut facts);
            }
            Extractor::Nothing => {
                strict::parse(predicate.text).map_err(refused)?;
            }
        }
        Ok(facts)
    }

    /// The facts of the payload of a DSSE envelope. Payload types that are neither in-toto's nor known otherwise give their name
    /// and nothing else.
    ///
    /// # Errors
    /// [`FactsError`].
    pub fn of_payload(payload_type: &str, payload: &[u8]) -> Result<Self, FactsError> {
        if is_in_toto(payload_type) {
            return Self::of_statement(payload);
        }
        let (class, extractor) = class::find_payload(payload_type);
        let facts = Self::new(Format::Payload, payload_type, class);
        match extractor {
            Extractor::Whole(read) => whole("a payload", payload, facts, *read),
            Extractor::Nothing | Extractor::Stream(_) => Ok(facts),
        }
    }

    /// The artifact that a signature without a statement is over, as far as it says.
    fn of_message(message: &MessageSignature) -> Self {
        let mut facts = Self::new(Format::Message, "", Class::Artifact);
        if let Some((algorithm, digest)) = &message.digest {
            let at = "/messageSignature/messageDigest";
            let digest = Digest::new(algorithm.name(), &hex::encode(digest));
            facts.subjects = vec![Subject::nameless(vec![digest], at)];
        }
        facts
    }
}

/// The facts of a document that is read as a whole.
fn whole(
    expected: &'static str,
    document: &[u8],
    mut facts: Facts,
    read: fn(&Cursor<'_>, &mut Facts),
) -> Result<Facts, FactsError> {
    let value =
        strict::parse_bytes(document).map_err(|found| FactsError::Json { expected, found })?;
    read(&Cursor::new(&value, ""), &mut facts);
    Ok(facts)
}

/// `application/vnd.in-toto+json` and `application/vnd.in-toto.<predicate>+json`; what the predicate is, only the payload says.
fn is_in_toto(payload_type: &str) -> bool {
    payload_type
        .strip_prefix("application/vnd.in-toto")
        .and_then(|rest| rest.strip_suffix("+json"))
        .is_some_and(|predicate| predicate.is_empty() || predicate.starts_with('.'))
}

/// Times as they are written; nothing here reads them.
pub(super) fn times(started: &Cursor<'_>, finished: &Cursor<'_>, facts: &mut Facts) {
    facts.build.started = started.text();
    facts.build.finished = finished.text();
}

impl Fact<String> {
    /// Whether this very text is stated.
    pub fn is(&self, text: &str) -> bool {
        self.value().is_some_and(|value| value == text)
    }
}
