//! The configuration: `DIR/treering.toml` as it was typed ([`File`]), and what it means ([`Config`]).
//!
//! Every field is optional but `url`, is explained in [`FIELDS`] (from which `init` writes the commented file), and can
//! be given by an environment variable instead: `TREERING_SERVER_` and the field's path in capitals with `_` for the dots.
//! Reading reports every mistake at once; a field that does not exist is one of them.

mod archivista;
mod fields;
mod reader;
mod url;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use treering_api::log::LogName;
use treering_rekor::v2::KeyDetailsPolicy;

pub use archivista::{ArchivistaConfig, KeyFile, MAX_KEYS, UnknownKeys};
pub use fields::{FIELDS, Field, commented};
pub use reader::{ConfigError, File};
pub use url::ServerUrl;

use crate::limits::Limits;
use crate::service::RekorV2Rules;
pub(crate) use reader::LOG_LEVEL;
use reader::Reader;

/// The name of the file in a data directory.
pub const FILE_NAME: &str = "treering.toml";

/// What a server is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where clients reach the server.
    pub url: ServerUrl,
    /// The origin of a rekor-v2 log may differ from the host of its URL.
    pub allow_foreign_origin: bool,
    /// Who runs the server, as clients' signing configurations name it.
    pub operator: String,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where health, metrics and commands listen.
    pub admin_listen: SocketAddr,
    /// The URLs of logs that have their own.
    pub log_urls: BTreeMap<LogName, ServerUrl>,
    /// What is allowed at the doors of Rekor v2.
    pub rekor_v2: RekorV2Rules,
    /// The bounds of the write path.
    pub limits: Limits,
    /// The bounds of connections.
    pub http: HttpLimits,
    /// The memory of the storage engine.
    pub storage: StorageConfig,
    /// Who cosigns the checkpoints.
    pub witness: WitnessConfig,
    /// Archivista's door.
    pub archivista: ArchivistaConfig,
    /// What is told to operators.
    pub telemetry: TelemetryConfig,
}

/// The bounds of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections open at once; more wait in the system's queue.
    pub max_connections: usize,
    /// How long the head of a request may take, and a connection may be idle.
    pub header_timeout: Duration,
    /// How long 64 KiB of a body, or its end, may take to come.
    pub body_timeout: Duration,
    /// How long a client may leave unread what was sent to it.
    pub write_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub max_header_bytes: usize,
    /// Requests at once on one HTTP/2 connection.
    pub max_streams: u32,
}

/// The storage engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConfig {
    /// Cached blocks, in bytes.
    pub block_cache_bytes: usize,
    /// Rows not yet in tables, in bytes.
    pub write_buffer_bytes: usize,
    /// Threads that verify signatures; at least one.
    pub verify_workers: usize,
}

/// Who cosigns the checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessConfig {
    /// The file with the witnesses and their quorum, relative to the data directory; without it nobody cosigns.
    pub policy: Option<PathBuf>,
    /// How long a witness may take for one answer.
    pub timeout: Duration,
    /// The time between rounds while nobody waits for one.
    pub interval: Duration,
    /// How long a call may wait for the quorum.
    pub max_wait: Duration,
}

/// What is told to operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// A filter as `tracing` reads it.
    pub log_level: String,
    /// Where traces and metrics are sent, if anywhere.
    pub otlp_endpoint: Option<String>,
    /// How often metrics are sent.
    pub otlp_interval: Duration,
}

impl Config {
    /// Reads the file of a data directory, with the environment over it.
    ///
    /// # Errors
    /// Every mistake in it, or why it cannot be read.
    pub fn load(
        dir: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let path = dir.join(FILE_NAME);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| ConfigError::one(&path, format!("cannot be read: {error}")))?;
        let mut file = File::parse(&path, &text)?;
        file.overlay(environment);
        Self::read(file)
    }

    /// What a file means.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(file: File) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(file);
        let url = reader.required("url", ServerUrl::parse);
        let host = url.as_ref().map(|url| url.host().to_owned());
        let config = Self {
            allow_foreign_origin: reader.boolean("allow_foreign_origin", false),
            operator: reader.text("operator").or(host).unwrap_or_default(),
            listen: reader.address("listen", fields::LISTEN),
            admin_listen: reader.address("admin_listen", fields::ADMIN_LISTEN),
            log_urls: reader.log_urls(),
            rekor_v2: read_rekor_v2(&mut reader),
            limits: read_limits(&mut reader),
            http: HttpLimits::read(&mut reader),
            storage: StorageConfig::read(&mut reader),
            witness: WitnessConfig::read(&mut reader),
            archivista: ArchivistaConfig::read(&mut reader),
            telemetry: TelemetryConfig::read(&mut reader),
            url: url.unwrap_or_default(),
        };
        config.check_together(&mut reader);
        reader.finish().map(|()| config)
    }

    /// The URL of a log's own rekor-v2 API.
    #[must_use]
    pub fn url_of(&self, log: &LogName) -> &ServerUrl {
        self.log_urls.get(log).unwrap_or(&self.url)
    }

    /// What no field alone can tell.
    fn check_together(&self, reader: &mut Reader) {
        if self.listen == self.admin_listen && self.listen.port() != 0 {
            let message = format!(
                "expected another address than listen, found {}",
                self.listen
            );
            reader.mistake("admin_listen", message);
        }
        if self.witness.timeout.is_zero() {
            reader.mistake("witness.timeout", "expected more than 0s, found 0s");
        }
        let limits = &self.limits;
        for (name, bytes) in [
            ("max_envelope_bytes", limits.max_envelope_bytes),
            ("max_batch_bytes", limits.max_batch_bytes),
        ] {
            if limits.max_bytes_in_flight < bytes {
                reader.mistake(
                    "limits.max_bytes_in_flight",
                    format!(
                        "expected at least limits.{name} ({bytes}), found {}",
                        limits.max_bytes_in_flight
                    ),
                );
            }
        }
    }
}

fn read_rekor_v2(reader: &mut Reader) -> RekorV2Rules {
    RekorV2Rules {
        dsse_requests: reader.boolean("rekor_v2.dsse_requests", false),
        key_details: if reader.boolean("rekor_v2.any_key_details", false) {
            KeyDetailsPolicy::Lenient
        } else {
            KeyDetailsPolicy::Strict
        },
    }
}

fn read_limits(reader: &mut Reader) -> Limits {
    let default = Limits::default();
    Limits {
        max_envelope_bytes: reader.bytes("limits.max_envelope_bytes", default.max_envelope_bytes),
        max_rekor_v1_bytes: reader.bytes("limits.max_rekor_v1_bytes", default.max_rekor_v1_bytes),
        max_batch_items: reader.count("limits.max_batch_items", default.max_batch_items),
        max_batch_bytes: reader.bytes("limits.max_batch_bytes", default.max_batch_bytes),
        max_verifiers: reader.count("limits.max_verifiers", default.max_verifiers),
        max_verifier_bytes: reader.bytes("limits.max_verifier_bytes", default.max_verifier_bytes),
        max_bytes_in_flight: reader
            .bytes("limits.max_bytes_in_flight", default.max_bytes_in_flight),
        max_submissions_in_flight: reader.count(
            "limits.max_submissions_in_flight",
            default.max_submissions_in_flight,
        ),
        max_commit_entries: reader.count("limits.max_commit_entries", default.max_commit_entries),
        max_commit_bytes: reader.bytes("limits.max_commit_bytes", default.max_commit_bytes),
        min_commit_gap: reader.duration("limits.min_commit_gap", default.min_commit_gap),
        max_wait: reader.duration("limits.max_wait", default.max_wait),
        ready_oldest: reader.duration("limits.ready_oldest", default.ready_oldest),
        drain_timeout: reader.duration("limits.drain_timeout", default.drain_timeout),
        disk_reserve_bytes: reader
            .wide_bytes("limits.disk_reserve_bytes", default.disk_reserve_bytes),
        max_cached_verifiers: reader
            .count("limits.max_cached_verifiers", default.max_cached_verifiers),
        tile_cache_bytes: reader.bytes("limits.tile_cache_bytes", default.tile_cache_bytes),
        tail_chunk_entries: reader.count("limits.tail_chunk_entries", default.tail_chunk_entries),
    }
}

impl HttpLimits {
    fn read(reader: &mut Reader) -> Self {
        Self {
            max_connections: reader.count("http.max_connections", 10_000),
            header_timeout: reader.duration("http.header_timeout", Duration::from_secs(30)),
            body_timeout: reader.duration("http.body_timeout", Duration::from_secs(30)),
            write_timeout: reader.duration("http.write_timeout", Duration::from_secs(60)),
            // hyper's own lower bound for an HTTP/1 buffer is 8 KiB.
            max_header_bytes: reader
                .bytes("http.max_header_bytes", 32 * 1024)
                .max(8 * 1024),
            max_streams: u32::try_from(reader.count("http.max_streams", 256)).unwrap_or(u32::MAX),
        }
    }
}

impl StorageConfig {
    fn read(reader: &mut Reader) -> Self {
        Self {
            block_cache_bytes: reader.bytes("storage.block_cache_bytes", 32 * 1024 * 1024),
            write_buffer_bytes: reader.bytes("storage.write_buffer_bytes", 64 * 1024 * 1024),
            verify_workers: reader.count_or("storage.verify_workers", || {
                std::thread::available_parallelism().map_or(1, usize::from)
            }),
        }
    }
}

impl WitnessConfig {
    fn read(reader: &mut Reader) -> Self {
        Self {
            policy: reader.text("witness.policy").map(PathBuf::from),
            timeout: reader.duration("witness.timeout", Duration::from_secs(5)),
            interval: reader.duration("witness.interval", Duration::from_secs(1)),
            max_wait: reader.duration("witness.max_wait", Duration::from_secs(30)),
        }
    }
}

impl TelemetryConfig {
    fn read(reader: &mut Reader) -> Self {
        Self {
            log_level: reader.filter("telemetry.log_level", fields::LOG_LEVEL),
            otlp_endpoint: reader.endpoint("telemetry.otlp_endpoint"),
            otlp_interval: reader.duration("telemetry.otlp_interval", Duration::from_secs(10)),
        }
    }
}

#[cfg(test)]
mod tests;
