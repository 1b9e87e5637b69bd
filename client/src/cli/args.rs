//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use treering_api::log::{EntryId, LogName};
use treering_tlog::{LeafIndex, TreeSize};

use super::exit::TABLE;

const LONG_ABOUT: &str = "\
Submits signed attestations to a Treering transparency log, and verifies what such a log, or a Sigstore bundle, claims.

Whatever a log answers is verified: receipts and entries by inclusion proof and signed checkpoint, checkpoints by the \
log's key, and growth by consistency with the newest checkpoint that this machine has seen of the same log. A log's key \
comes from --vkey; without it, from the server on first use, and is pinned.

What a proof does not say: that the artifact is good, that it is the newest, or that the signer is the right one.";

const EXAMPLES: &str = "\
Examples:
  treering submit attestation.json --url https://log.example.org --public-key build.pub --receipt-dir receipts
  treering get 42 --url https://log.example.org -o json
  treering verify app.tar.gz --bundle app.sigstore.json --trusted-root trusted_root.json --public-key build.pub
  treering log fsck https://log.example.org

";

#[derive(Debug, Parser)]
#[command(name = "treering", version, about = "Submit to and verify transparency logs", long_about = LONG_ABOUT)]
#[command(after_help = format!("{EXAMPLES}{TABLE}"), max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Address of the log server.
    #[arg(long, global = true, env = "TREERING_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Name of the log on its server [default: the newest active rekor-v1 log, else the newest active rekor-v2 log].
    #[arg(long, global = true, env = "TREERING_LOG", value_name = "NAME", value_parser = parse_log)]
    pub(crate) log: Option<LogName>,
    /// The log's checkpoint key: a vkey line, or a file with one [default: the server's on first use, then pinned].
    #[arg(long, global = true, env = "TREERING_VKEY", value_name = "VKEY|FILE")]
    pub(crate) vkey: Option<String>,
    /// What to print: text for people, or one JSON object a line with the field names of the API.
    #[arg(short = 'o', long, global = true, env = "TREERING_FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Protocol to the server.
    #[arg(long, global = true, env = "TREERING_TRANSPORT", value_enum, default_value_t = Transport::Http)]
    pub(crate) transport: Transport,
    /// Seconds to wait for an answer; a server waits up to 60 by itself.
    #[arg(
        long,
        global = true,
        env = "TREERING_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 90
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
    /// Certificate authorities (PEM) to trust for https beside the system's.
    #[arg(long, global = true, env = "TREERING_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Folder of remembered checkpoints and pinned keys [default: $XDG_STATE_HOME/treering, or ~/.local/state/treering].
    #[arg(long, global = true, env = "TREERING_STATE_DIR", value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// No progress and no notes on standard error; errors stay.
    #[arg(short, long, global = true, env = "TREERING_QUIET")]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// JSON over HTTP.
    Http,
    /// gRPC over HTTP/2.
    Grpc,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log attestations, and verify the receipts.
    Submit(Submit),
    /// Read an entry, and verify its inclusion.
    Get(Get),
    /// Save a proof for offline use, or verify one.
    #[command(subcommand)]
    Proof(Proof),
    /// Look at checkpoints.
    #[command(subcommand)]
    Checkpoint(Checkpoint),
    /// Look at whole logs.
    #[command(subcommand)]
    Log(Log),
    /// Verify an artifact by its Sigstore bundle, offline.
    Verify(Verify),
    /// Look at a monitor's findings.
    #[command(subcommand)]
    Alert(Alert),
    /// Keys to sign with.
    #[command(subcommand)]
    Keys(Keys),
    /// Print a completion script.
    Completion {
        /// The shell to complete for.
        shell: clap_complete::Shell,
    },
    /// Print the version.
    Version,
}

/// Each FILE is a DSSE envelope, a Sigstore bundle, or (with --key) an unsigned in-toto statement. A file that ends in
/// .jsonl or .ndjson holds one of these a line, and so may standard input.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  treering submit provenance.dsse.json --url https://log.example.org --public-key build.pub
  treering submit statement.json --key build.key --output receipt.json
  cat attestations.jsonl | treering submit - -o json

An entry that was logged before is no error: its first receipt comes back, and the output says so.")]
pub(crate) struct Submit {
    /// Files to submit; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Public key or certificate (PEM or DER) that verifies the signatures; repeatable. Certificates inside an envelope
    /// or bundle need not be given.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Vec<PathBuf>,
    /// Private key (PKCS#8 PEM, ECDSA P-256 or Ed25519) that signs statements which are unsigned. Signed files stay as
    /// they are. Logs of dialect rekor-v2 hold no pure Ed25519 signatures.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Save LOG-INDEX.receipt.json and LOG-INDEX.tlog-proof of each entry into this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) receipt_dir: Option<PathBuf>,
    /// Save the receipts into this file: one JSON object a line, or a tlog-proof if the name ends in .tlog-proof (then
    /// for a single entry only).
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  treering get 42 --url https://log.example.org
  treering get 6ffd...c0de --log rekor-v2 --save-envelope attestation.json")]
pub(crate) struct Get {
    /// Index, or leaf hash (64 hexadecimal digits).
    #[arg(value_name = "INDEX|LEAFHASH", value_parser = parse_id)]
    pub(crate) id: EntryId,
    /// Prove the entry in the tree of this size, and that tree in the newest one.
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<TreeSize>,
    /// Also save the envelope that was submitted.
    #[arg(long, value_name = "FILE")]
    pub(crate) save_envelope: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Proof {
    /// Write a tlog-proof file (c2sp.org/tlog-proof) of an entry, from the log or from a saved receipt.
    Extract(Extract),
    /// Verify a tlog-proof file, offline.
    Verify(ProofVerify),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  treering proof extract 42 --url https://log.example.org --output entry.tlog-proof
  treering proof extract receipts/main-42.receipt.json --output entry.tlog-proof")]
pub(crate) struct Extract {
    /// Index, leaf hash, or a file with a receipt as JSON.
    #[arg(value_name = "INDEX|LEAFHASH|RECEIPT")]
    pub(crate) source: String,
    /// Where to write it [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  treering proof verify entry.tlog-proof --vkey log.vkey --envelope attestation.json --public-key build.pub
  treering proof verify entry.tlog-proof --vkey log.vkey --leaf entry.leaf")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["leaf", "leaf_hash", "envelope"]))]
pub(crate) struct ProofVerify {
    /// The tlog-proof file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// File with the bytes of the leaf.
    #[arg(long, value_name = "FILE")]
    pub(crate) leaf: Option<PathBuf>,
    /// The leaf's hash.
    #[arg(long, value_name = "HEX")]
    pub(crate) leaf_hash: Option<treering_tlog::Hash>,
    /// DSSE envelope or Sigstore bundle whose hashedrekord 0.0.2 leaf (dialect rekor-v2) is rebuilt; its signatures are
    /// verified, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) envelope: Option<PathBuf>,
    /// Public key or certificate for --envelope; repeatable.
    #[arg(long, value_name = "FILE", requires = "envelope")]
    pub(crate) public_key: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Checkpoint {
    /// Print what a checkpoint says; no signature is checked.
    Show(CheckpointSource),
    /// Check a checkpoint's signature by --vkey (or the pinned key of --url).
    Verify(CheckpointSource),
    /// Check that two checkpoints of one log go together: the same root for one size, or consistency (asked of --url).
    #[command(after_help = "\
Example:
  treering checkpoint compare mine.checkpoint theirs.checkpoint --vkey log.vkey --url https://log.example.org")]
    Compare {
        /// One checkpoint: a file, `-`, or the address of a log's tiles.
        a: String,
        /// The other.
        b: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointSource {
    /// A file, `-` for standard input, or the address of a log's tiles [default: the newest of --url and --log].
    pub(crate) source: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// List the server's logs, and verify the newest checkpoint of each.
    Info {
        /// Address of the log server, as --url.
        #[arg(value_name = "URL")]
        server: Option<String>,
    },
    /// Print entries as they come, without proofs. Verify one by `get`, all by `fsck`.
    Tail {
        /// Address of the log server, as --url.
        #[arg(value_name = "URL")]
        server: Option<String>,
        /// The first index to print.
        #[arg(long, value_name = "INDEX", default_value = "0")]
        from: LeafIndex,
        /// Stop after so many entries [default: go on until the server stops].
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
    /// Read the whole log, rebuild every tile and the root from the entries, and compare.
    #[command(after_help = "\
Examples:
  treering log fsck https://log.example.org --log rekor-v2
  treering log fsck https://log2026-1.example.org --vkey log.vkey

A difference is reported with the path of the tile and what was expected, and ends with exit code 6.")]
    Fsck {
        /// Address of the log server, as --url; with --vkey, the address under which the log's `checkpoint` and `tile/`
        /// are, whoever serves them.
        #[arg(value_name = "URL")]
        address: Option<String>,
        /// Bundles to fetch at the same time.
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
        parallel: u8,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  treering verify app.tar.gz --bundle app.sigstore.json --trusted-root trusted_root.json --public-key build.pub
  treering verify app.tar.gz --bundle app.sigstore.json --vkey log.vkey --insecure-any-signer

With --insecure-any-signer anybody's signature counts, by the certificate in the bundle: the result says that the artifact \
was signed and logged, and nothing about who signed. Certificate chains, names, validity and RFC 3161 timestamps are not \
judged by this version.")]
#[command(group = clap::ArgGroup::new("log_trust").required(true).args(["trusted_root", "vkey"]))]
pub(crate) struct Verify {
    /// The artifact.
    #[arg(value_name = "ARTIFACT")]
    pub(crate) artifact: PathBuf,
    /// The Sigstore bundle.
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: PathBuf,
    /// Sigstore trusted root with the logs that count.
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Public key or certificate (PEM or DER) that must have signed.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure_any_signer")]
    pub(crate) public_key: Option<PathBuf>,
    /// Let anybody's signature count.
    #[arg(long)]
    pub(crate) insecure_any_signer: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Alert {
    /// Check a monitor's file of evidence, offline, and say what is proven and what is the monitor's claim.
    Verify {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key pair: OUT (PKCS#8 PEM, readable by its owner only) and OUT.pub.
    Generate {
        /// The kind of key. Logs of dialect rekor-v2 hold no pure Ed25519 signatures.
        #[arg(long = "type", value_enum, default_value_t = KeyType::EcdsaP256)]
        kind: KeyType,
        /// File for the private key; never overwritten.
        #[arg(value_name = "OUT")]
        out: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyType {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// Pure Ed25519.
    Ed25519,
}

fn parse_log(text: &str) -> Result<LogName, String> {
    LogName::new(text).map_err(|reject| reject.message)
}

fn parse_id(text: &str) -> Result<EntryId, String> {
    text.parse()
        .map_err(|reject: treering_api::Reject| reject.message)
}
