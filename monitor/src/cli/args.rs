//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

/// What is printed: text, or one object a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Jsonl,
}

const EXIT_CODES: &str = "\
Exit codes of once, backfill and rescan, by the findings that are open (acknowledged ones count):
  0  nothing is open
  1  an entry or a release is not as expected
  2  usage: the command line or a file is not what it should be
  3  operational: a log could not be read, or the state could not be used
  6  a log misbehaves
  9  not everything that is signed was examined
alert verify: 0 if the evidence holds, 1 if it does not.";

/// Follows transparency logs from outside and says when they contradict themselves.
#[derive(Debug, Parser)]
#[command(name = "treering-monitor", version, after_help = EXIT_CODES, max_term_width = 100, propagate_version = true)]
pub(crate) struct Args {
    /// What to print.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text, env = "TREERING_MONITOR_OUTPUT")]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes one pass over each log, says what is open, and ends. It waits for nobody.
    Once(Follow),
    /// Follows logs until it is stopped.
    Run(Run),
    /// Reads the entries before the first that was examined.
    Backfill(Follow),
    /// Reads and examines again what was examined.
    Rescan(Follow),
    /// Says how far each log is followed.
    Status(StateDir),
    /// Looks after findings.
    #[command(subcommand)]
    Alert(Alert),
    /// What is trusted.
    #[command(subcommand)]
    Trust(Trust),
    /// Says which version this is.
    Version,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StateDir {
    /// The folder that remembers.
    #[arg(long, value_name = "DIR", env = "TREERING_MONITOR_STATE")]
    pub(crate) state: PathBuf,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Follow {
    /// A log: the address below which `checkpoint` and `tile/` are, or `URL/api/v1` for Rekor v1's API.
    #[arg(
        long = "log",
        required = true,
        value_name = "URL",
        env = "TREERING_MONITOR_LOG"
    )]
    pub(crate) logs: Vec<String>,
    /// The log's checkpoint key (NAME+HASH+KEY, or a file with it); the n-th belongs to the n-th --log.
    #[arg(
        long = "vkey",
        value_name = "VKEY|FILE",
        conflicts_with = "trusted_root",
        env = "TREERING_MONITOR_VKEY"
    )]
    pub(crate) keys: Vec<String>,
    /// A Sigstore trusted root with the keys of the logs, instead of --vkey.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "keys",
        env = "TREERING_MONITOR_TRUSTED_ROOT"
    )]
    pub(crate) trusted_root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// A C2SP witness policy that checkpoints must meet.
    #[arg(long, value_name = "FILE", env = "TREERING_MONITOR_WITNESS_POLICY")]
    pub(crate) witness_policy: Option<PathBuf>,
    /// Another view of a followed log: a mirror, a cache, a witness's copy.
    #[arg(long = "vantage", value_name = "URL", env = "TREERING_MONITOR_VANTAGE")]
    pub(crate) vantages: Vec<String>,
    /// A checkpoint of a followed log that somebody handed in.
    #[arg(long = "checkpoint", value_name = "FILE")]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// A receipt of a followed log: a promise to be kept.
    #[arg(long = "receipt", value_name = "FILE")]
    pub(crate) receipts: Vec<PathBuf>,
    /// The first entry to examine of a log that is new to the state: an index, or `now` [default: 0; of Rekor v1 `now`].
    #[arg(long, value_name = "INDEX|now", value_parser = parse_from, env = "TREERING_MONITOR_FROM")]
    pub(crate) from: Option<From>,
    /// Count findings of medium severity too where a policy decides the exit code.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// Where a new log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Index(u64),
    Now,
}

fn parse_from(text: &str) -> Result<From, String> {
    if text == "now" {
        return Ok(From::Now);
    }
    let number = text.parse();
    number
        .map(From::Index)
        .map_err(|_| format!("expected an index or now, found {text:?}"))
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits, with their units")]
pub(crate) struct LimitArgs {
    /// How long something must look wrong before a log is accused of it.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time, env = "TREERING_MONITOR_PERSISTENCE")]
    pub(crate) persistence: Duration,
    /// The wait before something that does not fit is fetched again.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time, env = "TREERING_MONITOR_REFETCH")]
    pub(crate) refetch: Duration,
    /// How long a log may neither grow nor sign while something waits for it.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = time, env = "TREERING_MONITOR_FRESHNESS")]
    pub(crate) freshness: Duration,
    /// How far clocks may be apart.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time, env = "TREERING_MONITOR_SKEW")]
    pub(crate) skew: Duration,
    /// How long an answer may take.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time, env = "TREERING_MONITOR_TIMEOUT")]
    pub(crate) timeout: Duration,
    /// The wait before the first retry of a request; it doubles.
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = time, env = "TREERING_MONITOR_BACKOFF")]
    pub(crate) backoff: Duration,
    /// Retries of a request that brought no answer.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=20))]
    pub(crate) retries: u8,
    /// Requests to a log at the same time; each may bring a bundle of 16 MiB.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) parallel: u8,
    /// Certificate authorities (PEM) to trust for https beside the system's.
    #[arg(long, value_name = "FILE", env = "TREERING_MONITOR_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|e| format!("expected a number with its unit, as 10m, found {text:?}: {e}"))
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) follow: Follow,
    /// The wait between two passes over a log.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time, env = "TREERING_MONITOR_POLL")]
    pub(crate) poll: Duration,
    /// Where /livez, /readyz, /status and /metrics are; port 0 takes a free one, which is printed.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9465",
        env = "TREERING_MONITOR_ADMIN"
    )]
    pub(crate) admin: SocketAddr,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Alert {
    /// Lists findings.
    List {
        #[command(flatten)]
        state: StateDir,
        /// Resolved ones too.
        #[arg(long)]
        all: bool,
    },
    /// Says that somebody knows of a finding; it still counts.
    Ack(Tend),
    /// Says that a finding is over; if it is seen again it is open again.
    Resolve(Tend),
    /// Checks a file of evidence without the network, and says what is proven and what is the monitor's claim.
    Verify {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Tend {
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// The finding's fingerprint, or as much of it as is unique.
    #[arg(value_parser = parse_fingerprint)]
    pub(crate) fingerprint: String,
    /// Why.
    #[arg(long)]
    pub(crate) reason: String,
    /// Who says so.
    #[arg(long, env = "USER", default_value = "somebody")]
    pub(crate) actor: String,
}

fn parse_fingerprint(text: &str) -> Result<String, String> {
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex && (4..=64).contains(&text.len()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!(
        "expected 4 to 64 hexadecimal digits, found {text:?}"
    ))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Trust {
    /// Forgets everything but the evidence: the next run takes what the logs then show as the truth.
    Reset {
        #[command(flatten)]
        state: StateDir,
        /// Yes, forget.
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
