//! Collections of the witness tool, and its policies: which attestors recorded a step, and what git's says of the source.

use serde::Serialize;

use super::cursor::Cursor;
use super::provenance::repository;
use super::{Details, Fact, Facts};

/// What a collection, or a policy, says.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collection {
    /// The name of the step.
    pub step: Fact<String>,
    /// What recorded it.
    pub attestations: Fact<Vec<CollectionPart>>,
    /// What was run.
    pub command: Fact<Vec<String>>,
    /// What it ended with.
    pub exit_code: Fact<u64>,
    /// Until when a policy holds, as it is written (RFC 3339).
    pub expires: Fact<String>,
}

/// One attestation of a collection.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectionPart {
    /// What recorded it: the attestor's type.
    pub kind: Fact<String>,
    /// When it began, as it is written.
    pub started: Fact<String>,
    /// When it ended, as it is written.
    pub finished: Fact<String>,
    /// Where it stands.
    pub at: String,
}

pub(super) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let parts = predicate.get("attestations");
    let of = |name: &str| -> Cursor<'_> {
        let mut items = parts.items();
        let is = |item: &Cursor<'_>| {
            let kind = item.get("type");
            let kind = kind.as_str().unwrap_or_default();
            kind.rsplit('/').nth(1) == Some(name)
        };
        let found = items.find(is);
        found.map_or_else(Cursor::nothing, |item| item.get("attestation"))
    };
    let (git, run) = (of("git"), of("command-run"));
    facts.build.commit = git
        .get("commithash")
        .text()
        .and(git.path(&["commitdigest", "sha1"]).text());
    facts.build.repository = Fact::all(git.get("remotes").items().map(|remote| {
        let uri = remote.text();
        uri.filter_map(|uri| Some(repository(&uri).0))
    }));
    facts.build.reference = git.get("branch").text();
    facts.details = Details::Collection(Box::new(Collection {
        step: predicate.get("name").text(),
        command: run.get("cmd").texts(),
        exit_code: run.get("exitcode").integer(),
        attestations: parts.list(|item| CollectionPart {
            kind: item.get("type").text(),
            started: item.get("starttime").text(),
            finished: item.get("endtime").text(),
            at: item.at().to_owned(),
        }),
        ..Collection::default()
    }));
}

/// A policy, which is signed as a payload of its own.
pub(super) fn policy(policy: &Cursor<'_>, facts: &mut Facts) {
    facts.details = Details::Collection(Box::new(Collection {
        expires: policy.get("expires").text(),
        ..Collection::default()
    }));
}
