//! The limit of open files.

use std::process::Command;

use crate::fake::{Fault, start};

/// Runs the program under limits that the shell sets: its end and what it said.
fn under(limits: &str, url: &str) -> (Option<i32>, String) {
    let script = format!("{limits} && exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_treering-loadtest");
    let args = [
        "submit",
        "--url",
        url,
        "--count",
        "300",
        "--connections",
        "300",
        "--verify",
        "0",
    ];
    let output = Command::new("sh")
        .args(["-c", &script, program])
        .args(args)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_soft_limit_is_raised_and_a_hard_one_is_an_error_that_says_so() {
    let server = start(Fault::None, 0);
    let (code, message) = under("ulimit -Sn 64", &server.url);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(server.fake.size(), 300);

    let (code, message) = under("ulimit -n 64", &server.url);
    assert_eq!(code, Some(3), "{message}");
    let expected = "cannot open 300 connections (`ulimit -Hn` shows the limit): \
                    expected a hard limit of at least 340 open files, found 64";
    assert!(message.contains(expected), "{message}");
}
