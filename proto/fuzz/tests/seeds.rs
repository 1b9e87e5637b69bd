//! Every seed through its target, on any toolchain, and a check that no target is half there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use treering_fuzz::TARGETS;

fn below(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect()
}

fn names(folder: &str) -> BTreeSet<String> {
    let stem = |path: PathBuf| {
        path.file_stem()
            .and_then(|stem| stem.to_str())
            .map(str::to_owned)
    };
    below(folder)
        .into_iter()
        .map(|path| stem(path).expect("a name in UTF-8"))
        .collect()
}

#[test]
fn every_seed_keeps_the_promise_of_its_target() {
    for (name, body) in TARGETS {
        let seeds = below(&format!("seeds/{name}"));
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            body(&fs::read(&seed).unwrap_or_else(|error| panic!("{}: {error}", seed.display())));
        }
    }
}

#[test]
fn every_target_is_everywhere() {
    let rows: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(rows.len(), TARGETS.len());
    assert_eq!(names("targets"), rows);
    assert_eq!(names("seeds"), rows);
    let manifest = include_str!("../Cargo.toml");
    for name in rows {
        assert!(
            manifest.contains(&format!("path = \"targets/{name}.rs\"")),
            "{name} has no [[bin]]"
        );
    }
}
