//! The command line.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::schedule::Pace;

/// Puts a transparency log under load and verifies a sample of what it answers.
///
/// Exit status: 0 all well; 1 a sampled proof did not verify or an answer was wrong; 2 wrong usage; 3 operational trouble:
/// no connection, more failures than --max-error-share allows, or requests that could not be sent in time.
#[derive(Debug, Parser)]
#[command(name = "treering-loadtest", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Submits signed envelopes and measures until each is durable, included and signed.
    Submit(SubmitArgs),
    /// Reads full tiles and entry bundles of a log.
    Tiles(TilesArgs),
    /// Reads entries, proofs and search results by Rekor v1's API.
    Read(ReadArgs),
    /// Makes envelopes to submit later.
    #[command(subcommand)]
    Corpus(CorpusCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CorpusCommand {
    /// Signs a corpus and writes it to a new file.
    Make {
        /// The file, which must not exist.
        #[arg(long)]
        out: PathBuf,
        /// How many envelopes.
        #[arg(long)]
        count: NonZeroU64,
        #[command(flatten)]
        content: ContentArgs,
    },
}

/// What a corpus is made of.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ContentArgs {
    /// Chooses keys and contents; the same seed makes the same bytes. Use another one for each run against one log, or
    /// the log answers with duplicates.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The length of each statement, in bytes: by default 1024, with --kind dsse or intoto 15000, as provenance is.
    #[arg(long)]
    pub(crate) bytes: Option<u32>,
    /// How many distinct keys sign, in turn.
    #[arg(long, default_value_t = 16)]
    pub(crate) keys: u32,
}

/// How submissions travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// POST /v1/entries, one envelope each, over HTTP/1.1.
    Single,
    /// POST /v1/entries:batch over HTTP/1.1.
    Batch,
    /// gRPC SubmitStream, one stream on each connection.
    Stream,
    /// Rekor v2's API, of any server that has it: POST /api/v2/log/entries, one P-256 hashedrekord each, over HTTP/1.1.
    RekorV2,
    /// Rekor v1's API, of any server that has it: POST /api/v1/log/entries, one P-256 entry of --kind each, over HTTP/1.1.
    RekorV1,
}

/// What is posted to Rekor v1's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EntryKind {
    /// `hashedrekord 0.0.1` over the digest of what an envelope signs.
    Hashedrekord,
    /// `dsse 0.0.1` with the envelope.
    Dsse,
    /// `intoto 0.0.2` with the envelope taken apart.
    Intoto,
}

impl EntryKind {
    /// The mode and the kind, as in reports.
    pub(crate) const fn mode_name(self) -> &'static str {
        match self {
            Self::Hashedrekord => "rekor-v1 hashedrekord",
            Self::Dsse => "rekor-v1 dsse",
            Self::Intoto => "rekor-v1 intoto",
        }
    }

    /// The length of a statement unless another is asked for.
    pub(crate) const fn default_bytes(self) -> u32 {
        match self {
            Self::Hashedrekord => DEFAULT_BYTES,
            Self::Dsse | Self::Intoto => PROVENANCE_BYTES,
        }
    }
}

impl Mode {
    /// Its name on the command line and in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Batch => "batch",
            Self::Stream => "stream",
            Self::RekorV2 => "rekor-v2",
            Self::RekorV1 => "rekor-v1",
        }
    }
}

/// Which tiles are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TileKind {
    /// In turn a tile of hashes and a bundle of entries.
    Both,
    /// Tiles of hashes, on all levels.
    Hashes,
    /// Bundles of entries.
    Entries,
}

/// How the report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    #[arg(long, value_enum, default_value_t = Mode::Single)]
    pub(crate) mode: Mode,
    /// How many entries, at most. By default as many as the rate and the duration make, or as the corpus has.
    #[arg(long)]
    pub(crate) count: Option<NonZeroU64>,
    /// Entries in a request (with --mode batch).
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) batch: u64,
    /// Envelopes in flight on each connection (with --mode stream).
    #[arg(long, default_value = "256", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) in_flight: u32,
    /// The log; by default the newest active one of dialect rekor-v1, else of rekor-v2.
    #[arg(long)]
    pub(crate) log: Option<String>,
    /// What is posted (only with --mode rekor-v1).
    #[arg(long, value_enum, default_value_t = EntryKind::Hashedrekord)]
    pub(crate) kind: EntryKind,
    /// The PEM file of the log's ECDSA key, to verify with (only with --mode rekor-v1). By default it is that of
    /// /api/v1/log/publicKey.
    #[arg(long)]
    pub(crate) log_key: Option<PathBuf>,
    /// The log's key (NAME+HASH+KEY), whose name is its origin: with --mode rekor-v2, to verify with, unless --verify is 0.
    /// The native modes take it from /v1/logs.
    #[arg(long)]
    pub(crate) vkey: Option<String>,
    /// Submit the envelopes of this file (see `corpus make`) instead of signing new ones.
    #[arg(long, conflicts_with_all = ["seed", "bytes", "keys"])]
    pub(crate) corpus: Option<PathBuf>,
    /// Begin with this envelope of the corpus, to use one file for several runs.
    #[arg(long, default_value_t = 0)]
    pub(crate) first: u64,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
    /// Measure the disk space of this folder (the server's) before and after.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TilesArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// How many tiles to read, at most. By default as many as the rate and the duration make.
    #[arg(long)]
    pub(crate) count: Option<NonZeroU64>,
    #[arg(long, value_enum, default_value_t = TileKind::Both)]
    pub(crate) kind: TileKind,
    /// Chooses which tiles are read in which order.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The log's key, to verify its checkpoint with. Without it tiles are verified against an unverified checkpoint.
    #[arg(long)]
    pub(crate) vkey: Option<String>,
}

/// What is read by Rekor v1's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReadKind {
    /// GET /api/v1/log/entries/UUID: entries by their 80 digits.
    Uuid,
    /// GET /api/v1/log/entries?logIndex=N: entries by their index.
    Index,
    /// GET /api/v1/log/proof: that the log of the start has grown from a smaller size.
    Proof,
    /// POST /api/v1/index/retrieve: the digest that an entry is about.
    Search,
    /// The same with the key that signed an entry, which finds all that it signed.
    SearchKey,
    /// The same with a digest that is nowhere.
    SearchAbsent,
}

impl ReadKind {
    /// The command and the kind, as in reports.
    pub(crate) const fn mode_name(self) -> &'static str {
        match self {
            Self::Uuid => "read uuid",
            Self::Index => "read index",
            Self::Proof => "read proof",
            Self::Search => "read search",
            Self::SearchKey => "read search-key",
            Self::SearchAbsent => "read search-absent",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    #[arg(long, value_enum)]
    pub(crate) what: ReadKind,
    /// How many reads, at most. By default as many as the rate and the duration make.
    #[arg(long)]
    pub(crate) count: Option<NonZeroU64>,
    /// How many entries, chosen at random, the ids, digests and keys are taken from; they are fetched before the clock starts.
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) sample: u64,
    /// Chooses what is read in which order.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The PEM file of the log's ECDSA key, to verify with. By default it is that of /api/v1/log/publicKey.
    #[arg(long)]
    pub(crate) log_key: Option<PathBuf>,
}

/// What all loads have.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Of the server: `http://HOST[:PORT][/PATH]`. For tiles the base URL of the log, below which /checkpoint is.
    #[arg(long)]
    pub(crate) url: String,
    /// How many connections, opened before the clock starts.
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) connections: u32,
    /// Entries (tiles) a second: an open loop, whose latencies count from when a request was due. Or `max`: a closed
    /// loop, in which each connection sends its next request when the last is answered.
    #[arg(long, default_value = "max")]
    pub(crate) rate: Pace,
    /// No request starts later than this.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) duration: Duration,
    /// A request that is not answered for so long has failed. Also how long an open loop may lag behind its end.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// The share of the answers that are verified after the run, and that to the first request unless it is 0. They are kept in memory until then.
    #[arg(long, default_value_t = 0.01, value_parser = share)]
    pub(crate) verify: f64,
    /// The share of entries that may fail before the exit status is 3.
    #[arg(long, default_value_t = 0.01, value_parser = share)]
    pub(crate) max_error_share: f64,
    /// Threads of the generator. More take CPU from a server on the same machine.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) threads: u32,
    /// Measure CPU and memory of this process (the server). May be given for each process that it consists of: they are added
    /// up.
    #[arg(long)]
    pub(crate) pid: Vec<u32>,
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// The command line asks for what cannot be (exit status 2).
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(crate) struct Usage(pub(crate) anyhow::Error);

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("expected a duration like 30s: {error}"))?;
    if duration.is_zero() || duration > MAX_DURATION {
        return Err(format!(
            "expected more than 0s and at most 24h, found {text}"
        ));
    }
    Ok(duration)
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("expected a number from 0 to 1, found {text}")),
    }
}

/// The length of a statement.
pub(crate) const DEFAULT_BYTES: u32 = 1024;

/// The length of a provenance statement of a usual build with its materials.
const PROVENANCE_BYTES: u32 = 15_000;

const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);
