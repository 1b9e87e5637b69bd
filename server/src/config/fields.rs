//! Every field of the configuration with its default, unit and cost: the manual, and the file that `init` writes.

use std::fmt::Write as _;

/// The default of `listen`.
pub(super) const LISTEN: &str = "127.0.0.1:3000";
/// The default of `admin_listen`.
pub(super) const ADMIN_LISTEN: &str = "127.0.0.1:3001";
/// The default of `telemetry.log_level`.
pub(super) const LOG_LEVEL: &str = "info";

/// What can be set.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its section and name.
    pub path: &'static str,
    /// What holds without it, as TOML. Empty where the text says what holds.
    pub default: &'static str,
    /// What it means, its unit, and what more or less of it costs.
    pub text: &'static str,
}

const fn field(path: &'static str, default: &'static str, text: &'static str) -> Field {
    Field {
        path,
        default,
        text,
    }
}

/// All fields in the order of the file. `[logs.NAME] url` is explained behind them.
pub const FIELDS: &[Field] = &[
    field(
        "url",
        "",
        "Where clients reach this server: scheme, host and port, no path. Required. It stands in trusted_root.json and \
         signing_config.json; the origin of the rekor-v2 log is its host name, so another host needs another log.",
    ),
    field(
        "allow_foreign_origin",
        "false",
        "Serve a rekor-v2 log whose origin is not the host of its URL. Danger: stock clients refuse its checkpoints.",
    ),
    field(
        "operator",
        "",
        "Who runs this server, as signing_config.json names it: clients take one log of each operator. Without it the \
         host of the URL.",
    ),
    field(
        "listen",
        "\"127.0.0.1:3000\"",
        "Where the API listens, HTTP/1.1, HTTP/2 without TLS and gRPC on one port. Port 0: a free one.",
    ),
    field(
        "admin_listen",
        "\"127.0.0.1:3001\"",
        "Where /livez, /readyz, /metrics and the log commands listen. Danger: whoever reaches it can freeze a log.",
    ),
    field(
        "rekor_v2.dsse_requests",
        "false",
        "Take a dsseRequestV002 (sigstore-js still sends it) and log it as the hashedrekord over the envelope's \
         pre-authentication encoding, which is what verifiers look for. Otherwise it is refused, as by rekor-tiles.",
    ),
    field(
        "rekor_v2.any_key_details",
        "false",
        "Take key details that do not describe the key, as rekor-tiles does (sigstore-js writes P-256 for every \
         certificate). Danger: clients that choose the algorithm by them cannot verify such an entry.",
    ),
    field(
        "limits.max_envelope_bytes",
        "\"64MiB\"",
        "The largest envelope, in bytes (KiB, MiB and GiB may stand behind the number, as in all sizes). Cost: memory \
         of as much for each one that is being answered.",
    ),
    field(
        "limits.max_rekor_v1_bytes",
        "\"32MiB\"",
        "The largest body at the door of Rekor v1, in bytes; the default is rekor-server's.",
    ),
    field(
        "limits.max_batch_items",
        "1024",
        "The most envelopes of one batch call.",
    ),
    field(
        "limits.max_batch_bytes",
        "\"64MiB\"",
        "The largest body of one batch call or gRPC message, in bytes.",
    ),
    field(
        "limits.max_verifiers",
        "16",
        "The most keys and certificates given beside one envelope.",
    ),
    field(
        "limits.max_verifier_bytes",
        "\"64KiB\"",
        "The largest key or certificate, in bytes.",
    ),
    field(
        "limits.max_bytes_in_flight",
        "\"256MiB\"",
        "Envelope bytes received or admitted and not yet answered; beyond it the answer is 503. As many again may be on \
         their way out to readers. Cost: as much memory under load.",
    ),
    field(
        "limits.max_submissions_in_flight",
        "16384",
        "Submissions admitted and not yet answered; beyond it the answer is 503. More means longer waits under load.",
    ),
    field(
        "limits.max_commit_entries",
        "4096",
        "The most entries of one commit. More means fewer syncs, and longer ones.",
    ),
    field(
        "limits.max_commit_bytes",
        "\"8MiB\"",
        "The most bytes of one commit.",
    ),
    field(
        "limits.min_commit_gap",
        "\"2ms\"",
        "The shortest time between the starts of two commits under load; an idle log commits at once. Less costs CPU \
         for syncing, more costs latency.",
    ),
    field(
        "limits.max_wait",
        "\"1m\"",
        "How long a call may wait for an index to be covered.",
    ),
    field(
        "limits.ready_oldest",
        "\"5s\"",
        "/readyz is false when the oldest admitted submission has waited for longer.",
    ),
    field(
        "limits.drain_timeout",
        "\"10s\"",
        "How long a stopping server lets open requests end before it cuts them.",
    ),
    field(
        "limits.disk_reserve_bytes",
        "\"1GiB\"",
        "Free disk, in bytes, below which nothing is written: more than the storage engine's buffers, logs and one \
         compaction take. Danger: without room it cannot tidy up.",
    ),
    field(
        "limits.max_cached_verifiers",
        "4096",
        "Parsed keys that are kept. Cost: about 1 KiB of memory each.",
    ),
    field(
        "limits.tile_cache_bytes",
        "\"32MiB\"",
        "Full tiles and bundles that each log keeps ready for readers, in bytes. Cost: so much memory for each log.",
    ),
    field(
        "limits.tail_chunk_entries",
        "256",
        "Entries read at once for a tail. Cost: up to 64 KiB of memory each.",
    ),
    field(
        "http.max_connections",
        "10000",
        "Connections open at once; more wait. Lowered at the start to the limit of file descriptors less 1024. Cost: \
         about 20 KiB of memory each.",
    ),
    field(
        "http.header_timeout",
        "\"30s\"",
        "How long the head of a request may take, and an HTTP/1 connection may be idle.",
    ),
    field(
        "http.body_timeout",
        "\"30s\"",
        "How long 64 KiB of a body, or its end, may take to come. A slower client is told so, with status 400. Between \
         the messages of a gRPC stream there is no limit.",
    ),
    field(
        "http.write_timeout",
        "\"1m\"",
        "How long a client may take in nothing of what is sent to it before its connection is cut.",
    ),
    field(
        "http.max_header_bytes",
        "\"32KiB\"",
        "The largest head of a request, in bytes; at least 8 KiB.",
    ),
    field(
        "http.max_streams",
        "256",
        "Requests at once on one HTTP/2 connection.",
    ),
    field(
        "storage.block_cache_bytes",
        "\"32MiB\"",
        "Memory for blocks of the database, in bytes. More makes reads of old entries faster.",
    ),
    field(
        "storage.write_buffer_bytes",
        "\"64MiB\"",
        "Memory for rows that are not yet in tables, in bytes; twice as much at peak. More means less work for the disk.",
    ),
    field(
        "storage.verify_workers",
        "",
        "Threads that verify signatures. Without it one for each core.",
    ),
    field(
        "witness.policy",
        "",
        "A file of c2sp.org/tlog-policy with the witnesses that checkpoints are sent to, each with its URL, and the quorum \
         that wait=cosigned waits for; relative to the data directory. If it lists logs it is for these, else for all. \
         Without it nobody cosigns.",
    ),
    field(
        "witness.timeout",
        "\"5s\"",
        "How long a witness may take for one answer. A slow one delays nobody once the others are a quorum.",
    ),
    field(
        "witness.interval",
        "\"1s\"",
        "The time between two rounds of cosigning; while somebody waits for one it is at most 50ms. Less is more work for \
         the witnesses, some of which refuse it.",
    ),
    field(
        "witness.max_wait",
        "\"30s\"",
        "How long a call with wait=cosigned may wait. After it the answer is 504: the entry is logged, the quorum is missing.",
    ),
    field(
        "archivista.keys",
        "[]",
        "Files with public keys or certificates (PEM or DER, relative to the data directory) that verify envelopes uploaded to \
         Archivista's door; from the environment with commas between them. Keys of entries are known without it. At most 64 with those below.",
    ),
    field(
        "archivista.unknown_keys",
        "\"hold\"",
        "What becomes of an uploaded envelope whose key is not known: hold it until the key is, unverified and outside the logs, or refuse it.",
    ),
    field(
        "archivista.max_held",
        "10000",
        "The most envelopes that are held; beyond it the answer is 503. Cost: about 1 KiB of memory each.",
    ),
    field(
        "archivista.max_held_bytes",
        "\"1GiB\"",
        "The most bytes of envelopes that are held; beyond it the answer is 503. Cost: at most as much disk.",
    ),
    field(
        "archivista.hold_for",
        "\"7d\"",
        "How long an envelope is held. After it it is gone.",
    ),
    field(
        "telemetry.log_level",
        "\"info\"",
        "Which events are written to stderr: error, warn, info, debug, trace, or a filter such as \"info,treering=debug\". \
         TREERING_SERVER_LOG_LEVEL and --log-level go before it.",
    ),
    field(
        "telemetry.otlp_endpoint",
        "",
        "Where OpenTelemetry traces and metrics are sent by OTLP over gRPC, such as \"http://localhost:4317\". Without \
         it, and without OTEL_EXPORTER_OTLP_ENDPOINT, none are. Cost: about 1 us a request.",
    ),
    field(
        "telemetry.otlp_interval",
        "\"10s\"",
        "How often metrics are sent.",
    ),
];

/// The explanation of `[logs.NAME]`.
const LOGS: &str = "A rekor-v2 log that was added later has its own URL (`log add --url`), which is kept here:\n\
                    [logs.rekor-v2-2027]\nurl = \"https://log2027.example.com\"";

/// The explanation of `[[archivista.key]]`.
const ARCHIVISTA_KEYS: &str = "A key that is known by key ids of free text too, such as those of a key management service:\n\
                               [[archivista.key]]\nfile = \"signer.pem\"\nkey_ids = [\"awskms:///alias/signer\"]";

/// How wide the comments are, in characters.
const COMMENT_WIDTH: usize = 110;

/// The file of a new server: the given settings, everything else as comments with its default.
#[must_use]
pub fn commented(set: &[(&str, String)]) -> String {
    let mut text = String::from(
        "# The configuration of a Treering server. What is commented out shows the default.\n",
    );
    let mut section = "";
    for field in FIELDS {
        let (own, name) = field.path.split_once('.').unwrap_or(("", field.path));
        if own != section {
            section = own;
            let _ = writeln!(text, "\n[{section}]");
        }
        text.push('\n');
        comment(&mut text, field.text);
        let given = set.iter().find(|(path, _)| *path == field.path);
        // Writing to a string cannot fail.
        let _ = match given {
            Some((_, value)) => writeln!(text, "{name} = {value}"),
            None if field.default.is_empty() => writeln!(text, "# {name} ="),
            None => writeln!(text, "# {name} = {}", field.default),
        };
    }
    text.push('\n');
    LOGS.lines().for_each(|line| comment(&mut text, line));
    text.push('\n');
    let keys = ARCHIVISTA_KEYS.lines();
    keys.for_each(|line| comment(&mut text, line));
    text
}

fn comment(text: &mut String, sentence: &str) {
    let mut line = String::from("#");
    for word in sentence.split(' ') {
        if line.len() + 1 + word.len() > COMMENT_WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(text, "{line}");
}
