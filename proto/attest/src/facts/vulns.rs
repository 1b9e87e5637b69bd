//! Findings of vulnerability scanners: in-toto's predicate in both its forms, and cosign's, whose findings have no fixed form.

use serde::Serialize;

use super::cursor::Cursor;
use super::{Details, Fact, Facts};

/// What a scan says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vulnerabilities {
    /// What scanned.
    pub scanner: Fact<String>,
    /// Its version.
    pub scanner_version: Fact<String>,
    /// What it knew vulnerabilities from.
    pub database: Fact<String>,
    /// The version of that.
    pub database_version: Fact<String>,
    /// When that was last updated, as it is written (RFC 3339).
    pub database_updated: Fact<String>,
    /// What it found: absent or of another form is no claim, empty is nothing.
    pub found: Fact<Vec<Vulnerability>>,
    /// When the scan began, as it is written (RFC 3339).
    pub started: Fact<String>,
    /// When it ended, as it is written (RFC 3339).
    pub finished: Fact<String>,
}

/// A vulnerability that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vulnerability {
    /// Its id, `CVE-2024-3094` for one.
    pub id: Fact<String>,
    /// How bad it is, by the method of scoring.
    pub severities: Vec<(String, String)>,
    /// Where it stands.
    pub at: String,
}

pub(super) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let scanner = predicate.get("scanner");
    let database = scanner.get("db");
    let metadata = predicate.get("metadata");
    facts.details = Details::Vulnerabilities(Box::new(Vulnerabilities {
        scanner: scanner.get("uri").text(),
        scanner_version: scanner.get("version").text(),
        database: database.get("uri").text(),
        database_version: database.get("version").text(),
        database_updated: database.get("lastUpdate").text(),
        found: scanner.get("result").list(vulnerability),
        started: metadata.get("scanStartedOn").text(),
        finished: metadata.get("scanFinishedOn").text(),
    }));
}

/// `{id, severity}`, or `{vulnerability: {id, severity}}` as an example of v0.1 has it.
fn vulnerability(cursor: Cursor<'_>) -> Vulnerability {
    let inner = cursor.get("vulnerability");
    let body = if inner.is_object() {
        inner
    } else {
        cursor.clone()
    };
    let severity = body.any(&["severity", "severities"]);
    let one = |severity: &Cursor<'_>| {
        let score = severity.any(&["score", "value", "severity"]);
        let number = score
            .value()
            .filter(|value| value.is_number())
            .map(ToString::to_string);
        let score = score.as_str().map(str::to_owned).or(number)?;
        let method = severity.get("method").as_str().unwrap_or_default();
        Some((method.to_owned(), score))
    };
    let severities = if severity.is_array() {
        severity
            .items()
            .filter_map(|severity| one(&severity))
            .collect()
    } else {
        let word = severity
            .as_str()
            .map(|word| (String::new(), word.to_owned()));
        word.or_else(|| one(&severity)).into_iter().collect()
    };
    Vulnerability {
        id: body.get("id").text(),
        severities,
        at: cursor.at().to_owned(),
    }
}
