//! The program against a small log in this process that does what it should, or lies, stalls and refuses on purpose.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic when they cannot go on"
)]

mod fake;
mod fake_grpc;
mod fake_rekor_v1;
mod fake_rekor_v2;
mod files;
mod read;
mod rekor_v1;
mod rekor_v2;
mod submit;
mod tiles;
mod usage;

use std::process::Command;

use serde_json::Value;

/// How the program ended.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    /// The report of a run with `-o json`.
    fn report(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// Runs the program to its end.
fn loadtest(args: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_treering-loadtest"))
        .args(args)
        .output()
        .unwrap();
    Ended {
        code: output.status.code().expect("not killed by a signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
