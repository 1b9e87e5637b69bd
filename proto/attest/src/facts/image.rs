//! The payload of a cosign signature over an image.

use super::cursor::Cursor;
use super::digests::Digest;
use super::fact::Fact;
use super::subject::Subject;
use super::{Facts, Parameter};

pub(super) fn extract(payload: &Cursor<'_>, facts: &mut Facts) {
    let critical = payload.get("critical");
    facts.predicate_type = critical.get("type").as_str().unwrap_or_default().to_owned();
    let digest = critical.path(&["image", "docker-manifest-digest"]);
    let name = critical.path(&["identity", "docker-reference"]).text();
    let subject = Subject::named(name, Fact::Unknown, digest.at());
    let digests = digest.as_str().and_then(Digest::parse);
    facts.subjects = vec![Subject {
        digests: digests.into_iter().collect(),
        ..subject
    }];
    // What whoever signed added: `cosign sign -a NAME=VALUE`.
    facts.parameters = Parameter::members(&payload.get("optional"));
}
