//! `log freeze --mark`, by a running server and without one.

use std::path::Path;

use treering_tlog::checkpoint::Checkpoint;
use treering_tlog::note::SignedNote;

use super::commands::{Child, ends};

/// The extension lines of what was published last of a log.
fn lines(dir: &Path, log: &str) -> Vec<String> {
    let note = std::fs::read(dir.join("published").join(log)).unwrap();
    let note = SignedNote::parse(&note).unwrap();
    Checkpoint::parse(note.text()).unwrap().extensions
}

#[test]
fn the_mark_is_given_on_demand_by_whoever_holds_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let dir = path.to_str().unwrap();
    Child::init(&path);
    let server = Child::serve(&path, &[]);
    for (name, url) in [
        ("second", "https://two.example"),
        ("third", "https://three.example"),
    ] {
        ends(0, &["log", "add", dir, "--name", name, "--url", url]);
    }
    let freeze = ["log", "freeze", dir, "--name"];
    ends(
        0,
        &[
            &freeze[..],
            &["rekor-v2", "--successor", "second", "--mark"],
        ]
        .concat(),
    );
    assert_eq!(server.stop().code(), Some(0));
    ends(0, &[&freeze[..], &["second", "--mark"]].concat());
    ends(0, &[&freeze[..], &["third"]].concat());
    let all = || ["rekor-v2", "second", "third"].map(|log| lines(&path, log));
    let marked = all();
    let [first, second, third] = &marked;
    assert!(
        matches!(&first[..], [line] if line.starts_with("Log frozen \u{2014} ") && line.ends_with(", followed by two.example")),
        "{first:?}"
    );
    assert!(
        matches!(&second[..], [line] if line.starts_with("Log frozen \u{2014} ") && !line.contains("followed")),
        "{second:?}"
    );
    assert_eq!(third, &[""; 0]);
    let (_, error) = ends(2, &[&freeze[..], &["third", "--mark"]].concat());
    assert!(error.contains("frozen at size 0"), "{error}");
    ends(0, &["fsck", dir]);
    assert_eq!(Child::serve(&path, &[]).stop().code(), Some(0));
    assert_eq!(all(), marked, "after a restart");
}
