//! The program `treering`.

use std::process::ExitCode;

use treering_client::cli::{Exit, run};

fn main() -> ExitCode {
    // A panic is a bug whose message and place the standard hook has printed already.
    let exit = std::panic::catch_unwind(run).unwrap_or(Exit::Bug);
    ExitCode::from(exit.code())
}
