//! Results of tests.

use serde::Serialize;

use super::cursor::Cursor;
use super::{Details, Fact, Facts, Material};

/// What a test result says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// `PASSED`, `WARNED` or `FAILED`, as it is written.
    pub result: Fact<String>,
    /// What the tests were configured by.
    pub configuration: Fact<Vec<Material>>,
    /// Where to read more.
    pub url: Fact<String>,
    /// How many tests passed.
    pub passed: Fact<u64>,
    /// How many warned.
    pub warned: Fact<u64>,
    /// How many failed.
    pub failed: Fact<u64>,
}

pub(super) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let count = |name: &str| {
        predicate
            .get(name)
            .fact(|list| u64::try_from(list.value()?.as_array()?.len()).ok())
    };
    facts.details = Details::TestResult(Box::new(TestResult {
        result: predicate.get("result").text(),
        configuration: predicate.get("configuration").list(Material::of),
        url: predicate.get("url").text(),
        passed: count("passedTests"),
        warned: count("warnedTests"),
        failed: count("failedTests"),
    }));
}
