//! The program `treering-monitor`: one module a group of commands; only `report` prints.

mod admin;
mod alerts;
mod args;
mod once;
mod report;
mod run;
mod setup;
mod trust;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Alert, Args, Command, Trust};

/// How a run ends, as `--help` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Clean,
    Denied,
    Usage,
    Operational,
    Misbehaviour,
    Behind,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Denied => 1,
            Self::Usage => 2,
            Self::Operational => 3,
            Self::Misbehaviour => 6,
            Self::Behind => 9,
        }
    }
}

/// Why a command could not be carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The call is wrong.
    Usage(anyhow::Error),
    /// The state or the machine.
    Operational(anyhow::Error),
    /// The state is not what was left.
    Damaged(String),
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(anyhow::Error::msg(text.into()))
    }
}

impl From<crate::state::StateError> for Failure {
    fn from(error: crate::state::StateError) -> Self {
        use crate::state::StateError as E;
        match error {
            E::Damaged { detail } => Self::Damaged(detail),
            error @ E::OtherKey { .. } => Self::Usage(error.into()),
            error => Self::Operational(error.into()),
        }
    }
}

/// Runs the program with the process's arguments and environment.
#[must_use]
pub fn run() -> ExitCode {
    let args = Args::parse();
    let format = args.output;
    let exit = dispatch(args).unwrap_or_else(|failure| report::failure(format, &failure));
    ExitCode::from(exit.code())
}

fn dispatch(args: Args) -> Result<Exit, Failure> {
    let format = args.output;
    match args.command {
        Command::Once(follow) => once::once(&follow, format),
        Command::Backfill(follow) => once::backfill(&follow, format),
        Command::Rescan(follow) => once::rescan(&follow, format),
        Command::Run(command) => run::run(&command, format),
        Command::Status(state) => alerts::status(&state, format),
        Command::Alert(Alert::List { state, all }) => alerts::list(&state, all, format),
        Command::Alert(Alert::Ack(tend)) => {
            alerts::tend(&tend, crate::findings::Event::Ack, format)
        }
        Command::Alert(Alert::Resolve(tend)) => {
            alerts::tend(&tend, crate::findings::Event::Resolve, format)
        }
        Command::Alert(Alert::Verify { file }) => alerts::verify(&file, format),
        Command::Trust(Trust::Reset { state, yes }) => alerts::reset(&state, yes, format),
        Command::Version => {
            report::version(format);
            Ok(Exit::Clean)
        }
    }
}
