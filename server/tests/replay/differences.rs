//! Where this server answers something else on purpose.

use std::collections::{BTreeMap, BTreeSet};

const README: &str = include_str!("../../README.md");

/// A row of the server's README, by its first cell.
const FAULT: &str = "a client's fault in three places";
const TOO_LARGE: &str = "a body over the limit";
const LOCATION: &str = "`Location`";

/// Rows about what was not recorded, or is no difference of one answer: rekor-server's order of `Allow` is another each time, a
/// log without Rekor v2 answers as it does, and nobody has asked for these kinds.
const NOT_RECORDED: [&str; 3] = ["`Allow`", "`/api/v2`", "kinds `rpm`, `jar`, `alpine`"];

pub(crate) struct Difference {
    pub(crate) case: &'static str,
    /// The first cell of the row in the server's README that says so, and why.
    row: &'static str,
    /// What is answered here.
    pub(crate) status: u16,
    /// What alone differs: the status and all behind it, a header, or members of the body.
    pub(crate) place: &'static str,
    /// What its body, or the difference, has in it.
    pub(crate) says: &'static str,
    /// Whether it is an error of Rekor v1: not one of the native form, nor a success.
    pub(crate) error: bool,
}

pub(crate) const DIFFERENCES: &[Difference] = &[
    fault("hr-kind-number", "cannot unmarshal number"),
    fault("hr-version-number", "cannot unmarshal number"),
    fault("json-malformed", "unexpected EOF"),
    fault("json-array", "cannot unmarshal array"),
    fault("json-string", "cannot unmarshal string"),
    fault("json-number", "cannot unmarshal number"),
    fault("json-bom", "expected value at line 1 column 1"),
    fault("json-comment", "expected value at line 1 column 1"),
    fault("encoding-gzip", "not utf-8 at offset 1"),
    fault("intoto2-no-hash", "missing envelope digest"),
    fault("get-uuid80-tree-zero", "expected a tree id"),
    Difference {
        row: TOO_LARGE,
        status: 413,
        ..fault("size-over-chunked", "expected at most 33554432 bytes")
    },
    Difference {
        row: TOO_LARGE,
        status: 413,
        ..fault("size-over-length", "expected at most 33554432 bytes")
    },
    Difference {
        row: "`/api/v1/./log/../log`",
        status: 404,
        ..fault("path-dot", "was not found")
    },
    Difference {
        row: "`/API/v1/log`",
        status: 404,
        place: "body.",
        error: false,
        ..fault("path-case", "no such path")
    },
    Difference {
        row: "`/swagger.json`",
        status: 404,
        error: false,
        ..fault("path-swagger", "/v1/openapi.json")
    },
    location("path-trailing-slash-create"),
    location("path-double-slash-create"),
];

/// A path with too many slashes, that `Location` follows there.
const fn location(case: &'static str) -> Difference {
    Difference {
        row: LOCATION,
        status: 201,
        place: "location: ",
        error: false,
        ..fault(case, "found \"/api/v1/log/entries/")
    }
}

/// A fault of the client's, for which rekor-server answers 500.
const fn fault(case: &'static str, says: &'static str) -> Difference {
    Difference {
        case,
        row: FAULT,
        status: 400,
        says,
        place: "status",
        error: true,
    }
}

/// What the README says that is answered here, by the first cell of its row.
fn rows() -> BTreeMap<&'static str, &'static str> {
    let (_, section) = README
        .split_once("Where it differs from rekor-server:")
        .unwrap();
    let table = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = table.take_while(|line| line.starts_with('|')).skip(2);
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[1], cells[3])).collect()
}

#[test]
fn the_readme_names_these_differences_and_no_others() {
    let rows = rows();
    for difference in DIFFERENCES {
        let here = rows[difference.row];
        let status = difference.status.to_string();
        let named = here.contains(&status) || difference.status == 201;
        assert!(named, "{}: {here}", difference.case);
    }
    let ours = DIFFERENCES.iter().map(|difference| difference.row);
    let ours: BTreeSet<&str> = ours.chain(NOT_RECORDED).collect();
    assert_eq!(rows.into_keys().collect::<BTreeSet<_>>(), ours);
}
