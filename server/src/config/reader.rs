//! From a table of TOML to values, collecting every mistake on the way.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table, Value};
use tracing_subscriber::EnvFilter;
use treering_api::log::LogName;

use super::fields::FIELDS;
use super::url::ServerUrl;

/// The prefix of the environment variables. The client has its own: one shell may be set up for both.
const PREFIX: &str = "TREERING_SERVER_";
/// The variable of `--log-level`, which is no field.
pub(crate) const LOG_LEVEL: &str = "TREERING_SERVER_LOG_LEVEL";

/// A configuration as it was typed: well-formed TOML, nothing else checked. (serde's `deny_unknown_fields` would stop
/// at the first mistake; reading it here refuses unknown fields too, and tells all mistakes.)
#[derive(Clone, Debug)]
pub struct File {
    path: PathBuf,
    table: Table,
    /// Fields that came from the environment, with the variable's name.
    from_environment: BTreeMap<&'static str, String>,
}

impl File {
    /// Reads TOML; `path` is for messages.
    ///
    /// # Errors
    /// Where the text is not TOML.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let table = text
            .parse()
            .map_err(|error: toml::de::Error| ConfigError::one(path, error.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            table,
            from_environment: BTreeMap::new(),
        })
    }

    /// Puts the variables that belong to a field over the file. One with our prefix that belongs to none is a mistake,
    /// and is kept as the unknown field that it is.
    pub fn overlay(&mut self, environment: impl IntoIterator<Item = (String, String)>) {
        let names: BTreeMap<String, &'static str> = FIELDS
            .iter()
            .map(|field| (variable(field.path), field.path))
            .collect();
        for (name, value) in environment {
            if let Some(path) = names.get(&name) {
                set(&mut self.table, path, bare(&value));
                self.from_environment.insert(path, name);
            } else if name.starts_with(PREFIX) && name != LOG_LEVEL {
                self.table.insert(name, Value::String(value));
            }
        }
    }
}

/// The environment variable of a field.
fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_uppercase().replace('.', "_"))
}

/// A variable's text as the TOML value it looks like: numbers and booleans bare, everything else as a string.
fn bare(text: &str) -> Value {
    let number = text.parse().map(Value::Integer).ok();
    let boolean = || text.parse().map(Value::Boolean).ok();
    number
        .or_else(boolean)
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn set(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((section, name)) => {
            let section = table
                .entry(section)
                .or_insert_with(|| Value::Table(Table::new()));
            // A section that is no table stays, and is reported as a mistake.
            if let Value::Table(section) = section {
                section.insert(name.to_owned(), value);
            }
        }
    }
}

/// What is wrong with a configuration: everything, not the first thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// One line each.
    pub mistakes: Vec<String>,
}

impl ConfigError {
    pub(super) fn one(path: &Path, mistake: String) -> Self {
        Self {
            path: path.to_owned(),
            mistakes: vec![mistake],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        self.mistakes
            .iter()
            .try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for ConfigError {}

/// Takes the fields out of a file one by one; what is left at the end does not exist.
pub(super) struct Reader {
    file: File,
    mistakes: Vec<String>,
}

impl Reader {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            mistakes: Vec::new(),
        }
    }

    pub(super) fn mistake(&mut self, path: &str, message: impl fmt::Display) {
        let from = self.file.from_environment.get(path);
        let place = from.map_or_else(
            || path.to_owned(),
            |variable| format!("{path} (from {variable})"),
        );
        self.mistakes.push(format!("{place}: {message}"));
    }

    fn take(&mut self, path: &str) -> Option<Value> {
        match path.split_once('.') {
            None => self.file.table.remove(path),
            Some((section, name)) => self
                .file
                .table
                .get_mut(section)?
                .as_table_mut()?
                .remove(name),
        }
    }

    /// The value of a field by `parse`; without it, or with a mistake in it, `None`.
    pub(super) fn read<T>(
        &mut self,
        path: &str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(path)?;
        match parse(&value) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.mistake(path, format!("expected {expected}, found {value}"));
                None
            }
        }
    }

    pub(super) fn text(&mut self, path: &str) -> Option<String> {
        self.read(path, |value| text_of(value).map(str::to_owned))
    }

    pub(super) fn required<T>(
        &mut self,
        path: &str,
        parse: fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.file.table.contains_key(path) {
            return self.read(path, |value| parse(text_of(value)?));
        }
        self.mistake(path, "expected a value, found none");
        None
    }

    pub(super) fn boolean(&mut self, path: &str, default: bool) -> bool {
        self.read(path, |value| {
            value.as_bool().ok_or_else(|| "true or false".to_owned())
        })
        .unwrap_or(default)
    }

    pub(super) fn address(&mut self, path: &str, default: &str) -> SocketAddr {
        let expected = || "an address with a port such as \"127.0.0.1:3000\"".to_owned();
        let given = self.read(path, |value| {
            text_of(value)?.parse().map_err(|_| expected())
        });
        given.unwrap_or_else(|| default.parse().expect("the defaults are addresses"))
    }

    pub(super) fn count(&mut self, path: &str, default: usize) -> usize {
        self.count_or(path, || default)
    }

    pub(super) fn count_or(&mut self, path: &str, default: impl FnOnce() -> usize) -> usize {
        let positive = |value: &Value| {
            value
                .as_integer()
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| *number > 0)
        };
        self.read(path, |value| {
            positive(value).ok_or_else(|| "a number of at least 1".to_owned())
        })
        .unwrap_or_else(default)
    }

    pub(super) fn bytes(&mut self, path: &str, default: usize) -> usize {
        self.read(path, |value| {
            usize::try_from(bytes_of(value)?).map_err(|_| "a smaller size".to_owned())
        })
        .unwrap_or(default)
    }

    pub(super) fn wide_bytes(&mut self, path: &str, default: u64) -> u64 {
        self.read(path, bytes_of).unwrap_or(default)
    }

    pub(super) fn duration(&mut self, path: &str, default: Duration) -> Duration {
        let expected = || "a time such as \"250ms\" or \"10s\"".to_owned();
        self.read(path, |value| {
            humantime::parse_duration(text_of(value)?).map_err(|_| expected())
        })
        .unwrap_or(default)
    }

    pub(super) fn filter(&mut self, path: &str, default: &str) -> String {
        let check = |value: &Value| {
            let text = text_of(value)?;
            EnvFilter::try_new(text)
                .map(|_| text.to_owned())
                .map_err(|error| format!("a filter of events ({error})"))
        };
        self.read(path, check).unwrap_or_else(|| default.to_owned())
    }

    pub(super) fn endpoint(&mut self, path: &str) -> Option<String> {
        let expected = || {
            "a URL such as \"http://localhost:4317\" (without TLS: a collector stands beside the server)".to_owned()
        };
        self.read(path, |value| {
            let uri: http::Uri = text_of(value)?.parse().map_err(|_| expected())?;
            let complete = uri.scheme_str() == Some("http") && uri.host().is_some();
            if complete {
                Ok(uri.to_string())
            } else {
                Err(expected())
            }
        })
    }

    /// The URLs in `[logs.NAME]`.
    pub(super) fn log_urls(&mut self) -> BTreeMap<LogName, ServerUrl> {
        let mut urls = BTreeMap::new();
        let logs = match self.take("logs") {
            None => return urls,
            Some(Value::Table(logs)) => logs,
            Some(other) => {
                self.mistake(
                    "logs",
                    format!("expected tables [logs.NAME], found {other}"),
                );
                return urls;
            }
        };
        for (name, value) in logs {
            let path = format!("logs.{name}");
            match log_url(&name, &value) {
                Ok((name, url)) => _ = urls.insert(name, url),
                Err(mistake) => self.mistake(&path, mistake),
            }
        }
        urls
    }

    /// Every mistake, unknown fields among them.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        for (name, value) in std::mem::take(&mut self.file.table) {
            let known = FIELDS.iter().any(|field| {
                field
                    .path
                    .split_once('.')
                    .is_some_and(|(section, _)| section == name)
            });
            match value {
                Value::Table(section) if known => {
                    for field in section.keys() {
                        self.mistakes
                            .push(format!("{name}.{field}: there is no such field"));
                    }
                }
                value if known => self.mistakes.push(format!(
                    "{name}: expected a section [{name}], found {value}"
                )),
                _ => self
                    .mistakes
                    .push(format!("{name}: there is no such field")),
            }
        }
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(ConfigError {
                path: self.file.path,
                mistakes: self.mistakes,
            })
        }
    }
}

fn log_url(name: &str, value: &Value) -> Result<(LogName, ServerUrl), String> {
    let name = LogName::new(name).map_err(|reject| reject.message)?;
    let table = value.as_table().filter(|table| table.keys().eq(["url"]));
    let url = table
        .and_then(|table| table.get("url"))
        .ok_or_else(|| format!("expected a url and nothing else, found {value}"))?;
    let url = text_of(url)
        .and_then(ServerUrl::parse)
        .map_err(|expected| format!("expected {expected}, found {url}"))?;
    Ok((name, url))
}

pub(super) fn text_of(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "a text in quotes".to_owned())
}

/// A number of bytes, or one with a binary unit.
fn bytes_of(value: &Value) -> Result<u64, String> {
    let expected = || "a size such as 65536 or \"64MiB\", at least 1".to_owned();
    let positive = |number: u64| {
        if number > 0 {
            Ok(number)
        } else {
            Err(expected())
        }
    };
    if let Some(number) = value.as_integer() {
        return positive(u64::try_from(number).map_err(|_| expected())?);
    }
    let text = value.as_str().ok_or_else(expected)?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    positive(number.checked_mul(factor).ok_or_else(expected)?)
}
