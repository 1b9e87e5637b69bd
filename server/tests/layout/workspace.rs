//! What `cargo metadata` and the version control say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Which crates of the workspace a crate may name: what two processes must agree on, then storage, then the server;
/// and beside that the client, then the programs that use it.
const MAY_USE: &[(&str, &[&str])] = &[
    ("treering-tlog", &[]),
    ("treering-attest", &[]),
    ("treering-rekor", &["treering-tlog", "treering-attest"]),
    (
        "treering-api",
        &["treering-tlog", "treering-attest", "treering-rekor"],
    ),
    ("treering-storage", &["treering-tlog"]),
    (
        "treering-server",
        &[
            "treering-tlog",
            "treering-attest",
            "treering-rekor",
            "treering-api",
            "treering-storage",
        ],
    ),
    (
        "treering-client",
        &[
            "treering-tlog",
            "treering-attest",
            "treering-rekor",
            "treering-api",
        ],
    ),
    (
        "treering-monitor",
        &[
            "treering-tlog",
            "treering-attest",
            "treering-rekor",
            "treering-api",
            "treering-client",
        ],
    ),
    (
        "treering-loadtest",
        &[
            "treering-tlog",
            "treering-attest",
            "treering-rekor",
            "treering-api",
            "treering-client",
        ],
    ),
];

/// In tests only: real servers for those who speak to servers, and a crate's own test features.
const MAY_USE_IN_TESTS: &[(&str, &[&str])] = &[
    ("treering-storage", &["treering-storage"]),
    ("treering-server", &["treering-client", "treering-storage"]),
    ("treering-monitor", &["treering-monitor"]),
];

/// Crates that only one crate of the workspace may name.
const ONLY_IN: &[(&str, &str)] = &[("rocksdb", "treering-storage"), ("sha2", "treering-tlog")];

/// What the pure crates must not link, however deep: no runtime, no network, no database, no other TLS.
const PURE: &[&str] = &["treering-tlog", "treering-attest", "treering-rekor"];
const IMPURE: &[&str] = &[
    "tokio",
    "hyper",
    "rocksdb",
    "tracing",
    "reqwest",
    "openssl-sys",
];

/// The licences that a dependency may be taken under.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "BSL-1.0",
    "CC0-1.0",
    "MIT-0",
    "0BSD",
    "Unlicense",
    "CDLA-Permissive-2.0",
    "OpenSSL",
];

struct Workspace {
    metadata: Value,
}

impl Workspace {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--offline", "--locked"])
            .current_dir(ROOT)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self {
            metadata: serde_json::from_slice(&output.stdout).unwrap(),
        }
    }

    fn packages(&self) -> &[Value] {
        self.metadata["packages"].as_array().unwrap()
    }

    fn members(&self) -> impl Iterator<Item = &Value> {
        self.packages()
            .iter()
            .filter(|package| package["source"].is_null())
    }

    /// Everything that a package links outside of tests, by name.
    fn linked(&self, name: &str) -> BTreeSet<String> {
        let names: BTreeMap<&str, &str> = self
            .packages()
            .iter()
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let nodes: BTreeMap<&str, &Value> = self.metadata["resolve"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| (text(&node["id"]), node))
            .collect();
        let root = self
            .members()
            .find(|package| package["name"] == name)
            .unwrap();
        let mut waiting = vec![text(&root["id"])];
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            for dependency in nodes[id]["deps"].as_array().unwrap() {
                if dependency["dep_kinds"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|kind| kind["kind"].is_null())
                {
                    waiting.push(text(&dependency["pkg"]));
                }
            }
        }
        seen.into_iter().map(|id| names[id].to_owned()).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn allowed(table: &[(&str, &'static [&'static str])], name: &str) -> &'static [&'static str] {
    table
        .iter()
        .find(|(package, _)| *package == name)
        .map_or(&[], |(_, names)| *names)
}

#[test]
fn dependencies_go_one_way() {
    let workspace = Workspace::read();
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = workspace
        .members()
        .map(|package| text(&package["name"]))
        .collect();
    assert_eq!(found, known, "every crate of the workspace has a row");
    for package in workspace.members() {
        let name = text(&package["name"]);
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = text(&dependency["name"]);
            let mut may = allowed(MAY_USE, name).to_vec();
            if dependency["kind"] == "dev" {
                may.extend(allowed(MAY_USE_IN_TESTS, name));
            }
            assert!(
                !known.contains(other) || may.contains(&other),
                "{name} names {other}; it may name {may:?}"
            );
        }
    }
}

#[test]
fn some_dependencies_belong_to_one_crate() {
    let workspace = Workspace::read();
    for (dependency, owner) in ONLY_IN {
        for package in workspace.members() {
            let named = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .any(|found| found["name"] == *dependency && found["kind"].is_null());
            assert!(
                !named || package["name"] == *owner,
                "{} names {dependency}, which only {owner} may",
                package["name"]
            );
        }
    }
}

#[test]
fn pure_crates_link_nothing_impure() {
    let workspace = Workspace::read();
    for name in PURE {
        let linked = workspace.linked(name);
        assert!(linked.len() > 10, "{name} links {linked:?}");
        for impure in IMPURE {
            assert!(!linked.contains(*impure), "{name} links {impure}");
        }
    }
    for name in ["treering-client", "treering-monitor", "treering-loadtest"] {
        assert!(
            !workspace.linked(name).contains("rocksdb"),
            "{name} links rocksdb"
        );
    }
    assert!(
        workspace.linked("treering-server").contains("rocksdb"),
        "the check sees what is linked"
    );
}

#[test]
fn licences_are_among_those_we_take() {
    let workspace = Workspace::read();
    for package in workspace.packages() {
        // "A OR B" leaves the choice; every part of an "AND" must do.
        let licence = package["license"]
            .as_str()
            .unwrap_or("none")
            .replace('/', " OR ");
        let fits = licence.split(" AND ").all(|part| {
            let part = part.trim_matches(['(', ')', ' ']);
            part.split(" OR ")
                .any(|choice| LICENCES.contains(&choice.trim_matches(['(', ')', ' '])))
        });
        assert!(fits, "{} has licence {licence}", package["name"]);
    }
}

#[test]
fn the_root_holds_what_the_readme_lists() {
    let expected: BTreeSet<&str> = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "client",
        "deploy",
        "loadtest",
        "monitor",
        "proto",
        "server",
        "storage",
    ]
    .into();
    // Of a checkout that is being worked in, only what is under version control counts.
    let output = Command::new("git")
        .args(["ls-tree", "--name-only", "HEAD"])
        .current_dir(Path::new(ROOT))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed = String::from_utf8(output.stdout).unwrap();
    let found: BTreeSet<&str> = listed
        .lines()
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert_eq!(found, expected);
}
