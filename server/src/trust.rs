//! What clients need to trust and to find this server: Sigstore's trusted root and signing configuration, and the
//! checkpoint key of each log as a C2SP vkey. Shapes: protobuf-specs `sigstore_trustroot.proto`, as JSON.
//!
//! The files are made from the journal of events and the configuration whenever one of these changes; nothing reads
//! them back.

mod services;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use treering_api::log::{Dialect, LogName};
use treering_rekor::v1::LogKey;
use treering_storage::Event;
use treering_tlog::Hash;
use treering_tlog::note::VerifierKey;

pub use services::{Service, Services};

use crate::config::{Config, ServerUrl};
use crate::files;

/// The name of the trusted root, in the data directory and under `/v1`.
pub const TRUSTED_ROOT: &str = "trusted_root.json";
/// The name of the signing configuration.
pub const SIGNING_CONFIG: &str = "signing_config.json";
/// The name of the signing configuration of clients that need Rekor v1.
pub const SIGNING_CONFIG_V1: &str = "signing_config.rekor-v1.json";
/// What follows the name of a rekor-v1 log in the name of the file with the key of its timestamps, as PEM.
pub const PUBLIC_KEY_SUFFIX: &str = ".pub";
/// What follows a log's name in the name of the file with its vkey.
pub const VKEY_SUFFIX: &str = ".vkey";

/// A log as clients are told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedLog {
    /// Its name.
    pub name: LogName,
    /// Its dialect.
    pub dialect: Dialect,
    /// Its checkpoint key.
    pub vkey: VerifierKey,
    /// The key of Rekor v1's timestamps and checkpoints, of a log of that dialect.
    pub rekor_v1_key: Option<LogKey>,
    /// Where clients reach its API.
    pub url: ServerUrl,
    /// When it was added, in seconds since the Unix epoch.
    pub start: u64,
    /// When it was frozen.
    pub end: Option<u64>,
}

impl TrustedLog {
    /// The logs that the events describe, with the keys that `keys` knows by name.
    #[must_use]
    pub fn list(
        events: &[Event],
        config: &Config,
        keys: impl Fn(&LogName) -> Option<(VerifierKey, Option<LogKey>)>,
    ) -> Vec<Self> {
        let added = events.iter().filter_map(|event| match event {
            Event::LogAdded {
                id,
                name,
                dialect,
                created,
                ..
            } => Some((id, name, dialect, created)),
            Event::LogFrozen { .. } => None,
        });
        let frozen_at = |wanted| {
            events.iter().find_map(|event| match event {
                Event::LogFrozen { id, at, .. } if id == wanted => Some(*at),
                _ => None,
            })
        };
        added
            .filter_map(|(id, name, dialect, created)| {
                let name = LogName::new(name).ok()?;
                let (vkey, rekor_v1_key) = keys(&name)?;
                Some(Self {
                    dialect: Dialect::parse(dialect)?,
                    vkey,
                    rekor_v1_key,
                    url: config.url_of(&name).clone(),
                    start: *created,
                    end: frozen_at(id),
                    name,
                })
            })
            .collect()
    }
}

/// The files as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    files: BTreeMap<String, Bytes>,
}

impl Trust {
    /// Makes the files.
    #[must_use]
    pub fn new(logs: &[TrustedLog], operator: &str, services: &Services) -> Self {
        let mut files = BTreeMap::new();
        files.insert(TRUSTED_ROOT.to_owned(), text(&trusted_root(logs, services)));
        files.insert(
            SIGNING_CONFIG.to_owned(),
            text(&signing_config(logs, operator, services)),
        );
        if logs.iter().any(|log| log.dialect == Dialect::RekorV1) {
            let config = signing_config_of(logs, Dialect::RekorV1, operator, services);
            files.insert(SIGNING_CONFIG_V1.to_owned(), text(&config));
        }
        for log in logs {
            files.insert(
                format!("{}{VKEY_SUFFIX}", log.name),
                Bytes::from(format!("{}\n", log.vkey)),
            );
            if let Some(key) = &log.rekor_v1_key {
                files.insert(
                    format!("{}{PUBLIC_KEY_SUFFIX}", log.name),
                    key.to_pem().into(),
                );
            }
        }
        Self { files }
    }

    /// A file by its name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<Bytes> {
        self.files.get(name).cloned()
    }

    /// Writes the files into a data directory, those that changed.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        for (name, bytes) in &self.files {
            let path = dir.join(name);
            if std::fs::read(&path).ok().as_deref() != Some(bytes) {
                files::replace(&path, bytes, files::PUBLIC)?;
            }
        }
        Ok(())
    }
}

fn text(value: &Value) -> Bytes {
    Bytes::from(format!("{value:#}\n"))
}

fn trusted_root(logs: &[TrustedLog], services: &Services) -> Value {
    // sigstore-python demands certificateAuthorities and ctlogs, though they be empty.
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": logs.iter().filter_map(tlog).collect::<Vec<_>>(),
        "certificateAuthorities": services.certificate_authorities,
        "ctlogs": services.ctlogs,
        "timestampAuthorities": services.timestamp_authorities,
    })
}

/// None of a rekor-v1 log whose key is not known: nobody could verify its timestamps.
fn tlog(log: &TrustedLog) -> Option<Value> {
    if log.dialect == Dialect::RekorV1 {
        return log.rekor_v1_key.as_ref().map(|key| rekor_v1_tlog(log, key));
    }
    Some(json!({
        "baseUrl": log.url.to_string(),
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": STANDARD.encode(spki(&log.vkey)),
            "keyDetails": "PKIX_ED25519",
            "validFor": valid_for(log.start, log.end),
        },
        // The whole hash that the note's key id is the beginning of; `checkpointKeyId` is left out, for sigstore-js
        // prefers it and compares it in full.
        "logId": { "keyId": STANDARD.encode(log.vkey.full_id()) },
    }))
}

/// The key of its timestamps and checkpoints, by its own hash.
fn rekor_v1_tlog(log: &TrustedLog, key: &LogKey) -> Value {
    json!({
        "baseUrl": log.url.to_string(),
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": STANDARD.encode(key.spki_der()),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": valid_for(log.start, log.end),
        },
        "logId": { "keyId": STANDARD.encode(Hash::of(key.spki_der()).as_bytes()) },
    })
}

/// The key in the form that X.509 gives it (RFC 8410 §4).
fn spki(vkey: &VerifierKey) -> Vec<u8> {
    let raw: [u8; 32] = vkey
        .material()
        .try_into()
        .expect("a log's checkpoint key is Ed25519");
    let key =
        ed25519_dalek::VerifyingKey::from_bytes(&raw).expect("a vkey was checked to hold a point");
    key.to_public_key_der()
        .expect("an Ed25519 key has an encoding of 44 bytes")
        .into_vec()
}

fn signing_config(logs: &[TrustedLog], operator: &str, services: &Services) -> Value {
    signing_config_of(logs, Dialect::RekorV2, operator, services)
}

/// Of the logs of one dialect only: clients that find both under one operator take the newer API.
fn signing_config_of(
    logs: &[TrustedLog],
    dialect: Dialect,
    operator: &str,
    services: &Services,
) -> Value {
    let version = match dialect {
        Dialect::RekorV1 => 1,
        Dialect::RekorV2 => 2,
    };
    let active = logs
        .iter()
        .filter(|log| log.end.is_none() && log.dialect == dialect);
    let urls: Vec<Value> = active
        .map(|log| {
            json!({
                "url": log.url.to_string(),
                "majorApiVersion": version,
                "validFor": valid_for(log.start, None),
                "operator": operator,
            })
        })
        .collect();
    let mut config = json!({
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": services.ca_urls,
        "oidcUrls": services.oidc_urls,
        "rekorTlogUrls": urls,
        // sigstore-js takes no other selector.
        "rekorTlogConfig": { "selector": "ANY" },
    });
    // A tsaConfig without a TSA makes cosign demand a timestamp that nobody gives.
    if let (false, Value::Object(members)) = (services.tsa_urls.is_empty(), &mut config) {
        members.insert("tsaUrls".to_owned(), json!(services.tsa_urls));
        members.insert("tsaConfig".to_owned(), json!({ "selector": "ANY" }));
    }
    config
}

/// Whole seconds: the events hold no fractions, and rounding down never starts a key after its first signature.
fn valid_for(start: u64, end: Option<u64>) -> Value {
    match end {
        None => json!({ "start": rfc3339(start) }),
        Some(end) => json!({ "start": rfc3339(start), "end": rfc3339(end) }),
    }
}

fn rfc3339(unix_secs: u64) -> String {
    let secs = i64::try_from(unix_secs).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(secs)
        .unwrap_or(jiff::Timestamp::MAX)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

#[cfg(test)]
mod tests;
