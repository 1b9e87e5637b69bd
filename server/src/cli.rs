//! The command line. The comments are the help.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use treering_api::log::{Dialect, LogName};

use crate::config::ServerUrl;

const EXIT_CODES: &str = "\
Exit codes:
  0   done; for serve: stopped by a signal
  2   the command line or the configuration is wrong
  3   it could not be done: the folder cannot be read or is in use, an address is taken, the disk is full
  6   fsck or export found damage
  70  a bug of this program";

/// A transparency log for signed attestations.
#[derive(Debug, Parser)]
#[command(name = "treering-server", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Which events go to stderr: error, warn, info, debug, trace, or a filter such as "info,treering_server=debug"
    #[arg(long, global = true, env = crate::config::LOG_LEVEL, value_name = "FILTER")]
    pub log_level: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a data directory with a first log, of dialect rekor-v2
    Init(Init),
    /// Serve the logs of a data directory until SIGTERM or SIGINT
    Serve(Serve),
    /// Add, list, freeze and rotate logs, whether or not a server is running
    #[command(subcommand)]
    Log(LogCommand),
    /// Read everything again and compare: every entry, tile, root, envelope and published checkpoint
    #[command(after_help = EXIT_CODES)]
    Fsck(Fsck),
    /// Write logs as files that any web server can serve, in the layout of c2sp.org/tlog-tiles
    #[command(after_help = EXIT_CODES)]
    Export(Export),
    /// Print the version
    Version,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Init {
    /// The folder to be made; one that holds a log is refused
    pub dir: PathBuf,
    /// Where clients will reach the server: scheme, host and port, no path
    #[arg(long, value_parser = server_url)]
    pub url: ServerUrl,
    /// Of which dialect to make a log, named as its dialect; may be given twice
    #[arg(long = "dialect", value_name = "DIALECT", value_parser = dialect, default_values = ["rekor-v2", "rekor-v1"])]
    pub dialects: Vec<Dialect>,
    /// The first line of the rekor-v2 log's checkpoints, if it is not to be the host of the URL
    #[arg(long)]
    pub origin: Option<String>,
    /// Take an origin that is not the host of the URL, although stock clients will refuse its checkpoints
    #[arg(long)]
    pub allow_foreign_origin: bool,
    /// A JSON file with the other services of the deployment (caUrls, oidcUrls, tsaUrls, certificateAuthorities,
    /// ctlogs, timestampAuthorities), to be merged into what clients get
    #[arg(long, value_name = "FILE")]
    pub services: Option<PathBuf>,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Serve {
    /// The data directory
    pub dir: PathBuf,
    /// Where the API listens, instead of what the configuration says; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Where health, metrics and log commands listen, instead of what the configuration says
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
}

/// What to do with the logs.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Add a log
    Add {
        /// The data directory
        dir: PathBuf,
        /// The log to be added
        #[command(flatten)]
        log: NewLogArgs,
    },
    /// List the logs
    List {
        /// The data directory
        dir: PathBuf,
        /// How to print them
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Freeze a log for ever: it takes no more entries and keeps answering
    Freeze {
        /// The data directory
        dir: PathBuf,
        /// The log to be frozen
        #[arg(long, value_parser = log_name)]
        name: LogName,
        /// The log that new entries go to
        #[arg(long, value_parser = log_name)]
        successor: Option<LogName>,
        /// Have the final checkpoint say that it is the last one, in an extension line "Log frozen — DATE"; witnesses
        /// refuse such a checkpoint, so it loses their cosignatures
        #[arg(long)]
        mark: bool,
    },
    /// Add a log and freeze the one that it follows
    Rotate {
        /// The data directory
        dir: PathBuf,
        /// The log to be frozen
        #[arg(long, value_parser = log_name)]
        from: LogName,
        /// The log that follows it
        #[command(flatten)]
        log: NewLogArgs,
    },
}

/// A log to be added.
#[derive(Debug, Args)]
pub struct NewLogArgs {
    /// Its name: a-z, 0-9, '-', '.' and '_'
    #[arg(long, value_parser = log_name)]
    pub name: LogName,
    /// What its leaves are
    ///
    /// rekor-v2: hashedrekord entries, for cosign v3 and other new clients. rekor-v1: whole attestations too, found by what they are
    /// about, for Tekton Chains and older clients.
    #[arg(long, value_parser = dialect, default_value = "rekor-v2")]
    pub dialect: Dialect,
    /// Where clients will reach it; a rekor-v2 log needs a host of its own
    #[arg(long, value_parser = server_url)]
    pub url: Option<ServerUrl>,
    /// The first line of its checkpoints, if it is not to be the host of the URL
    #[arg(long)]
    pub origin: Option<String>,
    /// Take an origin that is not the host of the URL, although stock clients will refuse its checkpoints
    #[arg(long)]
    pub allow_foreign_origin: bool,
}

/// Arguments of `fsck`.
#[derive(Debug, Args)]
pub struct Fsck {
    /// The data directory; a server may be running on it
    pub dir: PathBuf,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The data directory; a server may be running on it
    pub dir: PathBuf,
    /// The folder that gets a folder for each log, of the log's name. What an earlier export left there is verified and
    /// completed; a checkpoint is written when everything under it is there
    pub to: PathBuf,
    /// Export this log only
    #[arg(long, value_parser = log_name)]
    pub log: Option<LogName>,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// How to print a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
}

fn log_name(text: &str) -> Result<LogName, String> {
    LogName::new(text).map_err(|reject| reject.message)
}

fn dialect(text: &str) -> Result<Dialect, String> {
    Dialect::parse(text)
        .ok_or_else(|| format!("expected {} or {}", Dialect::RekorV1, Dialect::RekorV2))
}

fn server_url(text: &str) -> Result<ServerUrl, String> {
    ServerUrl::parse(text).map_err(|expected| format!("expected {expected}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_commands_are_well_formed_and_tell_their_exit_codes() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for code in ["0 ", "2 ", "3 ", "6 ", "70 "] {
            assert!(
                help.lines().any(|line| line.trim_start().starts_with(code)),
                "{code} in {help}"
            );
        }
    }
}
