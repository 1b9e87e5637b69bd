//! Findings are state, not control flow: they are raised again and again, and kept once.

mod kind;
mod store;

use serde::Serialize;
use treering_client::evidence::Evidence;
use treering_tlog::Hash;

pub use kind::{Class, Kind, Severity};
pub use store::{
    Change, Event, Lifecycle, Stored, StoredStatus, list, open_findings, record, resolve_absent,
    tend,
};

/// Something found, as it is raised by whoever found it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// What it is about: a log's origin, or what a rule watches.
    pub scope: String,
    /// The origin of the log it was found in or of.
    pub log: String,
    /// The entry, if it is about one.
    pub index: Option<u64>,
    /// Why that is not as it should be, in a sentence.
    pub why: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// The rule, if a rule found it.
    pub rule: Option<String>,
    /// Findings of one kind, scope and log with the same text are one.
    pub grouping: String,
    /// Whether it was found while reading again what was read before.
    pub retroactive: bool,
    /// Of a policy finding: whether it comes from a rule that is enforced, so that a run ends with a code of its own.
    pub denies: bool,
    /// What shows it to others.
    pub evidence: Option<Evidence>,
}

impl Finding {
    /// A finding about a log.
    #[must_use]
    pub fn of_log(kind: Kind, origin: &str, grouping: impl Into<String>) -> Self {
        Self {
            kind,
            scope: origin.to_owned(),
            log: origin.to_owned(),
            index: None,
            why: String::new(),
            expected: String::new(),
            found: String::new(),
            rule: None,
            grouping: grouping.into(),
            retroactive: false,
            denies: false,
            evidence: None,
        }
    }

    /// Says why, and what was expected and found.
    #[must_use]
    pub fn saying(
        mut self,
        why: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        self.why = why.into();
        self.expected = expected.into();
        self.found = found.into();
        self
    }

    /// With evidence.
    #[must_use]
    pub fn showing(mut self, evidence: Evidence) -> Self {
        self.evidence = Some(evidence);
        self
    }

    /// What stays the same however often it is raised: SHA-256 over kind, scope, log and grouping, in hexadecimal. The
    /// rule is no part of it, so that a new version of a rule opens nothing again.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut text = Vec::new();
        for field in [self.kind.as_str(), &self.scope, &self.log, &self.grouping] {
            let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
            text.extend_from_slice(&length.to_be_bytes());
            text.extend_from_slice(field.as_bytes());
        }
        Hash::of(&text).to_hex()
    }
}

/// A finding as others read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Always `finding`.
    #[serde(rename = "type")]
    pub tag: &'static str,
    /// The name of the kind.
    pub kind: String,
    /// Whose trouble.
    pub class: String,
    /// How bad.
    pub severity: String,
    /// What it is about.
    pub scope: String,
    /// The origin of the log.
    pub log: String,
    /// The entry.
    pub index: Option<u64>,
    /// Why that is not as it should be.
    pub why: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// The rule.
    pub rule: Option<String>,
    /// What stays the same.
    pub fingerprint: String,
    /// The file of evidence.
    pub evidence: Option<String>,
    /// Whether it was found while reading again.
    pub retroactive: bool,
    /// Whether it was opened since the run began.
    pub new: bool,
    /// `open` or `acked`.
    pub status: String,
    /// Whether it comes from a rule that is enforced.
    #[serde(skip)]
    pub denies: bool,
}
