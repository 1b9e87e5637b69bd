//! The server program: arguments, a runtime, a command, an exit code.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;
use treering_server::cli::Cli;
use treering_server::commands::{self, Exit, Failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads that read the store and spool bodies: enough to keep a disk busy; each costs memory of its own.
const MAX_BLOCKING_THREADS: usize = 16;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = catch_unwind(AssertUnwindSafe(|| run(cli)));
    // The panic's own message has been printed.
    let bug = |_| {
        Err(Failure {
            exit: Exit::Bug,
            message: "this is a bug of treering-server".to_owned(),
        })
    };
    match ended.unwrap_or_else(bug) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { exit, message }) => {
            if !message.is_empty() {
                // Without standard error there is nobody to tell.
                let _ = writeln!(std::io::stderr(), "error: {message}");
            }
            ExitCode::from(exit as u8)
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .build()?;
    runtime.block_on(commands::run(cli))
}
