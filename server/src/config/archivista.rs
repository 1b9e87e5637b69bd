//! `[archivista]`: which keys are known, and what becomes of envelopes of others.

use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use super::reader::{Reader, text_of};

/// The most keys that settings may name: an upload without a usable key id is tried with each of them.
pub const MAX_KEYS: usize = 64;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What Archivista's door does with envelopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivistaConfig {
    /// Keys that are known beside those of the logs' entries.
    pub keys: Vec<KeyFile>,
    /// What becomes of an envelope whose keys are not known.
    pub unknown_keys: UnknownKeys,
    /// The most envelopes that are held.
    pub max_held: usize,
    /// The most bytes that are held.
    pub max_held_bytes: u64,
    /// How long an envelope is held.
    pub hold_for: Duration,
}

/// A key of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// A public key or certificate, PEM or DER; relative to the data directory.
    pub file: PathBuf,
    /// Key ids of free text that stand for it.
    pub key_ids: Vec<String>,
}

/// What becomes of an envelope whose keys are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownKeys {
    /// It is held until they are, for a while.
    #[default]
    Hold,
    /// It is refused.
    Refuse,
}

impl ArchivistaConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut keys = Vec::new();
        keys.extend(reader.read("archivista.keys", files).unwrap_or_default());
        keys.extend(reader.read("archivista.key", tables).unwrap_or_default());
        if keys.len() > MAX_KEYS {
            let message = format!("expected at most {MAX_KEYS} keys, found {}", keys.len());
            reader.mistake("archivista.keys", message);
        }
        let hold_for = reader.duration("archivista.hold_for", DAY * 7);
        if hold_for.is_zero() {
            reader.mistake("archivista.hold_for", "expected more than 0s, found 0s");
        }
        Self {
            keys,
            hold_for,
            unknown_keys: reader
                .read("archivista.unknown_keys", unknown_keys)
                .unwrap_or_default(),
            max_held: reader.count("archivista.max_held", 10_000),
            max_held_bytes: reader.wide_bytes("archivista.max_held_bytes", 1 << 30),
        }
    }
}

impl KeyFile {
    fn of(file: &str) -> Self {
        Self {
            file: PathBuf::from(file),
            key_ids: Vec::new(),
        }
    }
}

/// A list of names, or from the environment names with commas between them.
fn files(value: &Value) -> Result<Vec<KeyFile>, String> {
    if let Value::String(text) = value {
        let names = text.split(',').map(str::trim);
        return Ok(names
            .filter(|name| !name.is_empty())
            .map(KeyFile::of)
            .collect());
    }
    let names = texts(value, "a list of files such as [\"chains.pem\"]")?;
    Ok(names.iter().map(|name| KeyFile::of(name)).collect())
}

fn tables(value: &Value) -> Result<Vec<KeyFile>, String> {
    let expected = || "tables [[archivista.key]] with file and key_ids".to_owned();
    let tables = value.as_array().ok_or_else(expected)?;
    let one = |value: &Value| {
        let table = value.as_table().ok_or_else(expected)?;
        if table.keys().any(|name| name != "file" && name != "key_ids") {
            return Err(expected());
        }
        let file = text_of(table.get("file").ok_or_else(expected)?)?;
        let key_ids = table.get("key_ids");
        let key_ids = key_ids.map(|ids| texts(ids, "key_ids as a list of texts"));
        Ok(KeyFile {
            key_ids: key_ids.transpose()?.unwrap_or_default(),
            ..KeyFile::of(file)
        })
    };
    tables.iter().map(one).collect()
}

fn texts(value: &Value, expected: &str) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or_else(|| expected.to_owned())?;
    list.iter()
        .map(|item| item.as_str().map(str::to_owned))
        .map(|text| text.ok_or_else(|| expected.to_owned()))
        .collect()
}

fn unknown_keys(value: &Value) -> Result<UnknownKeys, String> {
    match text_of(value)? {
        "hold" => Ok(UnknownKeys::Hold),
        "refuse" => Ok(UnknownKeys::Refuse),
        _ => Err("\"hold\" or \"refuse\"".to_owned()),
    }
}
