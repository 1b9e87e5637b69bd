//! The program; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    treering_monitor::cli::run()
}
