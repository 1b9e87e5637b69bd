//! What commands share: the server, the log in question, and what is remembered of it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use treering_api::Log;
use treering_api::log::{Dialect, LogInfo, LogName};
use treering_tlog::checkpoint::{Opened, Origin};

use super::args::{Global, Transport};
use super::exit::{CliError, Exit};
use super::output::Output;
use crate::transport::Base;
use crate::trust::TrustError;
use crate::{GrpcRemote, Http, HttpOptions, LogKey, Memory, Remote, TileReader};

/// The largest input that is read, in bytes: four times the default limit of a server.
const MAX_INPUT: u64 = 256 * 1024 * 1024;

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) out: Output,
}

/// One log of the server, with the key that its checkpoints are verified by.
pub(crate) struct OpenLog {
    pub(crate) remote: Arc<dyn Log>,
    pub(crate) name: LogName,
    pub(crate) dialect: Dialect,
    pub(crate) key: LogKey,
    pub(crate) memory: Memory,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        let out = Output::new(global.format, global.quiet);
        Self { global, out }
    }

    /// The same, but for the server that a command names itself.
    pub(crate) fn at(&self, server: Option<&str>) -> Self {
        let mut global = self.global.clone();
        global.url = server.map(ToOwned::to_owned).or(global.url);
        Self::new(global)
    }

    pub(crate) fn url(&self) -> Result<&str, CliError> {
        let url = self.global.url.as_deref();
        url.ok_or_else(|| {
            CliError::usage("expected the server's address by --url or TREERING_URL, found none")
        })
    }

    fn http_options(&self) -> Result<HttpOptions, CliError> {
        let ca_certificates = self
            .global
            .ca_file
            .as_deref()
            .map(read_file)
            .transpose()?
            .map(|pem| pem.to_vec());
        let timeout = Duration::from_secs(self.global.timeout);
        Ok(HttpOptions {
            timeout,
            ca_certificates,
            ..HttpOptions::default()
        })
    }

    pub(crate) fn http(&self) -> Result<Http, CliError> {
        Ok(Http::new(&self.http_options()?)?)
    }

    pub(crate) fn remote(&self) -> Result<Arc<dyn Log>, CliError> {
        let (url, options) = (self.url()?, self.http_options()?);
        Ok(match self.global.transport {
            Transport::Http => Arc::new(Remote::new(Http::new(&options)?, url)?),
            Transport::Grpc => Arc::new(GrpcRemote::new(&options, url)?),
        })
    }

    /// The tiles of a log of the server; they are served over HTTP, whatever the transport.
    pub(crate) fn tiles(&self, log: &LogName) -> Result<TileReader, CliError> {
        Ok(Remote::new(self.http()?, self.url()?)?.tiles(log)?)
    }

    pub(crate) fn memory(&self) -> Result<Memory, CliError> {
        let dir = self.global.state_dir.clone().or_else(Memory::default_dir);
        dir.map(Memory::new).ok_or_else(|| {
            CliError::usage(
                "expected a folder for state by --state-dir, XDG_STATE_HOME or HOME, found none",
            )
        })
    }

    /// The key of `--vkey`.
    pub(crate) fn given_key(&self) -> Result<Option<LogKey>, CliError> {
        Ok(self
            .global
            .vkey
            .as_deref()
            .map(LogKey::from_vkey_or_file)
            .transpose()?)
    }

    /// The key of `--vkey`, which must be there.
    pub(crate) fn demand_key(&self) -> Result<LogKey, CliError> {
        let expected = "the log's key by --vkey or TREERING_VKEY".to_owned();
        self.given_key()?
            .ok_or_else(|| TrustError::Absent { expected }.into())
    }

    /// The log of `--log`, or the server's default.
    pub(crate) async fn log(&self) -> Result<OpenLog, CliError> {
        let remote = self.remote()?;
        let logs = remote.logs().await?;
        let info = choose(&logs, self.global.log.as_ref())?;
        self.open(remote, info)
    }

    /// The key that the server showed first, which is said when this is the first time.
    fn pinned(&self, memory: &Memory, info: &LogInfo) -> Result<LogKey, CliError> {
        let base = Base::parse(self.url()?)?;
        let known = memory.is_pinned(base.as_str(), &info.name)?;
        let key = memory.pin(base.as_str(), &info.name, &info.vkey)?;
        if !known {
            let (log, vkey) = (&info.name, &info.vkey);
            self.out.note(&format!(
                "note: log {log} of {} is seen for the first time; its key is trusted from now on: {vkey}",
                base.as_str()
            ));
        }
        Ok(key)
    }

    /// A log of the server's list, by the given key or the pinned one.
    pub(crate) fn open(&self, remote: Arc<dyn Log>, info: &LogInfo) -> Result<OpenLog, CliError> {
        let memory = self.memory()?;
        let key = match self.given_key()? {
            Some(key) => key,
            None => self.pinned(&memory, info)?,
        };
        let origin = Origin::new(info.origin.as_str())
            .map_err(|e| CliError::new(Exit::Operational, e.to_string()))?;
        let key = LogKey::new(origin, key.key().clone());
        Ok(OpenLog {
            remote,
            name: info.name.clone(),
            dialect: info.dialect,
            key,
            memory,
        })
    }
}

impl OpenLog {
    /// The newest checkpoint: signed by the log, and consistent with what was seen before.
    pub(crate) async fn newest(&self) -> Result<Opened, CliError> {
        let seen = self.memory.recall_of(&self.key);
        let signed = self.remote.checkpoint(Some(&self.name)).await?;
        let opened = self
            .key
            .open(signed.note.as_bytes())
            .map_err(crate::verify::ProofFailure::from)?;
        let prove = async |from, to| {
            self.remote
                .consistency(Some(&self.name), from, Some(to))
                .await
        };
        self.memory.advance(seen?.as_ref(), &opened, prove).await?;
        Ok(opened)
    }

    /// Takes a checkpoint that came with a proof: it may be older than what was seen, but must go together with it.
    pub(crate) async fn admit(&self, opened: &Opened) -> Result<(), CliError> {
        let seen = self.memory.recall_of(&self.key)?;
        let prove = async |from, to| {
            self.remote
                .consistency(Some(&self.name), from, Some(to))
                .await
        };
        self.memory.admit(seen.as_ref(), opened, prove).await?;
        Ok(())
    }
}

/// The named log, else the newest active one of dialect rekor-v1, else of rekor-v2. Logs are listed oldest first.
fn choose<'a>(logs: &'a [LogInfo], name: Option<&LogName>) -> Result<&'a LogInfo, CliError> {
    if let Some(name) = name {
        let names = || {
            logs.iter()
                .map(|log| log.name.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let found = logs.iter().find(|log| log.name == *name);
        return found.ok_or_else(|| {
            CliError::new(
                Exit::Nothing,
                format!("expected log {name} on the server, found {}", names()),
            )
        });
    }
    let newest = |dialect| {
        logs.iter()
            .rev()
            .find(|log| !log.frozen && log.dialect == dialect)
    };
    newest(Dialect::RekorV1)
        .or_else(|| newest(Dialect::RekorV2))
        .ok_or_else(|| {
            CliError::new(
                Exit::Nothing,
                "expected an active log on the server, found none; name one by --log",
            )
        })
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read_input(path: &Path) -> Result<Bytes, CliError> {
    if path == "-" {
        return read_bounded(std::io::stdin().lock(), "standard input");
    }
    read_file(path)
}

pub(crate) fn read_file(path: &Path) -> Result<Bytes, CliError> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            CliError::usage(format!("{name}: expected a file, found none"))
        }
        _ => CliError::io(&name, &e),
    })?;
    read_bounded(file, &name)
}

fn read_bounded(reader: impl std::io::Read, name: &str) -> Result<Bytes, CliError> {
    let mut bytes = Vec::new();
    let read = reader
        .take(MAX_INPUT + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| CliError::io(name, &e))?;
    if u64::try_from(read).unwrap_or(u64::MAX) > MAX_INPUT {
        return Err(CliError::usage(format!(
            "{name}: expected at most {MAX_INPUT} bytes, found more"
        )));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use treering_tlog::TreeSize;

    fn info(name: &str, dialect: Dialect, frozen: bool) -> LogInfo {
        let (origin, vkey) = (String::new(), String::new());
        LogInfo {
            name: LogName::new(name).unwrap(),
            dialect,
            origin,
            vkey,
            frozen,
            size: TreeSize::ZERO,
        }
    }

    #[test]
    fn the_default_is_the_newest_active_log_of_rekor_v1_else_of_v2() {
        let (v1, v2) = (Dialect::RekorV1, Dialect::RekorV2);
        let logs = [
            info("a", v1, true),
            info("b", v1, false),
            info("c", v1, false),
            info("d", v2, false),
        ];
        let chosen = |logs: &[LogInfo], name: Option<&LogName>| {
            choose(logs, name).map(|log| log.name.to_string())
        };
        assert_eq!(chosen(&logs, None).unwrap(), "c");
        assert_eq!(
            chosen(&[info("a", v1, true), info("d", v2, false)], None).unwrap(),
            "d"
        );
        assert_eq!(
            chosen(&[info("a", v1, true)], None).unwrap_err().exit,
            Exit::Nothing
        );
        assert_eq!(
            chosen(&logs, Some(&LogName::new("a").unwrap())).unwrap(),
            "a"
        );
        let error = chosen(&logs, Some(&LogName::new("z").unwrap())).unwrap_err();
        assert_eq!(
            error.message,
            "expected log z on the server, found a, b, c, d"
        );
    }
}
