//! The program `treering`: one module a command; only `output` prints.

mod alert;
mod args;
mod checkpoint;
mod context;
mod exit;
mod get;
mod input;
mod keys;
mod log;
mod output;
mod proof;
mod submit;
mod verify;

use clap::{CommandFactory as _, Parser as _};
use serde::Serialize;

use args::{Cli, Command};
use context::Context;
use exit::CliError;
pub use exit::Exit;

/// Runs the program with the process's arguments and environment, and says how it is to end. Usage errors that the parser
/// finds end the process at once, with code 2.
#[must_use]
pub fn run() -> Exit {
    let cli = Cli::parse();
    let context = Context::new(cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => return report(&context, &CliError::io("runtime", &e)),
    };
    match runtime.block_on(dispatch(&context, cli.command)) {
        Ok(exit) => exit,
        Err(error) => report(&context, &error),
    }
}

fn report(context: &Context, error: &CliError) -> Exit {
    if error.exit != Exit::Ok
        && let Err(unheard) = context.out.error(None, error)
    {
        return unheard.exit.max(error.exit);
    }
    error.exit
}

async fn dispatch(context: &Context, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Submit(args) => return submit::run(context, &args).await,
        Command::Get(args) => get::run(context, &args).await?,
        Command::Proof(command) => proof::run(context, &command).await?,
        Command::Checkpoint(command) => checkpoint::run(context, &command).await?,
        Command::Log(command) => return log::run(context, &command).await,
        Command::Verify(args) => verify::run(context, &args)?,
        Command::Alert(command) => alert::run(context, &command)?,
        Command::Keys(command) => keys::run(context, &command)?,
        Command::Completion { shell } => completion(context, shell)?,
        Command::Version => version(context)?,
    }
    Ok(Exit::Ok)
}

fn completion(context: &Context, shell: clap_complete::Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "treering", &mut script);
    context.out.raw(&script)
}

#[derive(Serialize)]
struct Version {
    name: &'static str,
    version: &'static str,
}

fn version(context: &Context) -> Result<(), CliError> {
    let version = Version {
        name: "treering",
        version: env!("CARGO_PKG_VERSION"),
    };
    context
        .out
        .result(&format!("{} {}", version.name, version.version), &version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_every_global_flag_has_its_variable() {
        let command = Cli::command();
        command.clone().debug_assert();
        for argument in command
            .get_arguments()
            .filter(|argument| argument.is_global_set())
        {
            let long = argument.get_long().unwrap_or_default();
            let expected = format!("TREERING_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(
                argument.get_env().and_then(|name| name.to_str()),
                Some(expected.as_str()),
                "--{long}"
            );
        }
    }
}
