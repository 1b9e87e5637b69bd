//! What each command does: calls the library, prints a result, and says how it ended.

mod export;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use treering_api::json::LogInfoJson;
use treering_api::reject::{Reject, RejectKind};

use crate::app::{self, App, AppError, Change, ChangeDone, NewLog};
use crate::audit::LogReport;
use crate::cli::{Cli, Command, Fsck, Init, LogCommand, NewLogArgs, Output, Serve};
use crate::clock::{Clock, SystemClock};
use crate::config::HttpLimits;
use crate::descriptors;
use crate::init::{InitOptions, init};
use crate::inspect;
use crate::metrics::Metrics;
use crate::remote;
use crate::run::RunFile;
use crate::serve::{Server, Signals};
use crate::telemetry::{self, Telemetry, TelemetryError};
use crate::trust::Services;

/// How a command ended, other than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command line or the configuration.
    Usage = 2,
    /// It could not be done.
    Operational = 3,
    /// Damage was found.
    Damaged = 6,
    /// A bug of this program.
    Bug = 70,
}

/// Why a command ended otherwise than well.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// For people; empty if everything was said.
    pub message: String,
}

impl Failure {
    fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let exit = match &error {
            AppError::Config(_)
            | AppError::NotInitialised { .. }
            | AppError::NoLog { .. }
            | AppError::ForeignOrigin { .. }
            | AppError::Services(_)
            | AppError::Witness(_) => Exit::Usage,
            AppError::Refused(reject) => return reject.clone().into(),
            AppError::LostDatabase { .. }
            | AppError::OtherKey { .. }
            | AppError::Store(_)
            | AppError::Open(_)
            | AppError::File { .. }
            | AppError::Listen { .. } => Exit::Operational,
        };
        Self::new(exit, error)
    }
}

impl From<Reject> for Failure {
    fn from(reject: Reject) -> Self {
        let exit = match reject.kind {
            RejectKind::Malformed
            | RejectKind::Unsupported
            | RejectKind::NotFound
            | RejectKind::Frozen => Exit::Usage,
            _ => Exit::Operational,
        };
        Self::new(exit, reject)
    }
}

impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Self {
        Self::new(Exit::Usage, error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Operational, error)
    }
}

/// Does what the command line says.
///
/// # Errors
/// The exit code and the message.
pub async fn run(cli: Cli) -> Result<(), Failure> {
    if let Command::Serve(command) = cli.command {
        return serve(command, cli.log_level).await;
    }
    let metrics = Arc::new(Metrics::new());
    let filter = cli.log_level.unwrap_or_else(|| "warn".to_owned());
    let options = telemetry::Options {
        filter,
        otlp_endpoint: None,
        otlp_interval: std::time::Duration::MAX,
    };
    let telemetry = Telemetry::start(&options, metrics, clock())?;
    let result = match cli.command {
        Command::Init(command) => make(command).await,
        Command::Log(command) => logs(command).await,
        Command::Fsck(command) => fsck(command).await,
        Command::Export(command) => export::run(command).await,
        Command::Version => print(&format!("treering-server {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Serve(_) => unreachable!("served above"),
    };
    telemetry.stop().await;
    result
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

async fn make(command: Init) -> Result<(), Failure> {
    let services = command.services.as_deref().map(Services::read).transpose();
    let services = services
        .map_err(|message| Failure::new(Exit::Usage, message))?
        .unwrap_or_default();
    let options = InitOptions {
        url: command.url,
        dialects: command.dialects,
        origin: command.origin,
        allow_foreign_origin: command.allow_foreign_origin,
        services,
    };
    let dir = command.dir;
    let mut text = String::new();
    for log in init(&dir, options, clock()).await? {
        text += &format!(
            "log {} with origin {}\n{}\n",
            log.name, log.origin, log.vkey
        );
    }
    text += &format!("next: treering-server serve {}\n", dir.display());
    print(&text)
}

async fn serve(command: Serve, log_level: Option<String>) -> Result<(), Failure> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut config = app::load_config(&command.dir, environment)?;
    config.listen = command.listen.unwrap_or(config.listen);
    config.admin_listen = command.admin_listen.unwrap_or(config.admin_listen);
    let endpoint = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT")
        .ok()
        .filter(|endpoint| !endpoint.is_empty());
    let options = telemetry::Options {
        filter: log_level.unwrap_or_else(|| config.telemetry.log_level.clone()),
        otlp_endpoint: config.telemetry.otlp_endpoint.clone().or(endpoint),
        otlp_interval: config.telemetry.otlp_interval,
    };
    let (metrics, clock) = (Arc::new(Metrics::new()), clock());
    let telemetry = Telemetry::start(&options, Arc::clone(&metrics), Arc::clone(&clock))?;
    fit_descriptors(&mut config.http);
    let served = until_signal(&command.dir, config, metrics, clock).await;
    telemetry.stop().await;
    served
}

/// Takes as many file descriptors as the system gives, and no more connections than there are descriptors for.
fn fit_descriptors(http: &mut HttpLimits) {
    if let Err(error) = descriptors::raise() {
        tracing::warn!(%error, "limit of file descriptors not raised");
    }
    let connections = descriptors::connections(http.max_connections);
    if connections < http.max_connections {
        tracing::warn!(
            connections,
            configured = http.max_connections,
            "fewer connections than http.max_connections: the limit of file descriptors is too low"
        );
        http.max_connections = connections;
    }
}

async fn until_signal(
    dir: &Path,
    config: crate::config::Config,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let server = Server::start(dir, config, metrics, clock).await?;
    let app = Arc::clone(server.app());
    let failed = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            None
        }
        // What the failed commit left is unknown until the store is opened again: no process goes on past it.
        reason = app.service().failed() => Some(reason),
    };
    drop(app);
    let hurry = async {
        let signal = signals.next().await;
        tracing::warn!(signal, "second signal, cutting what is open");
    };
    let whole = server.stop(hurry).await;
    tracing::info!(whole, "stopped");
    match failed {
        None => Ok(()),
        Some(reason) => Err(Failure::new(
            Exit::Operational,
            format!(
                "stopped after a failed commit ({reason}); start the server again, it reads from the store what was kept"
            ),
        )),
    }
}

async fn logs(command: LogCommand) -> Result<(), Failure> {
    let (dir, change) = match command {
        LogCommand::List { dir, output } => return list(&dir, output).await,
        LogCommand::Add { dir, log } => (dir, Change::Add(log.into())),
        LogCommand::Freeze {
            dir,
            name,
            successor,
            mark,
        } => (
            dir,
            Change::Freeze {
                name,
                successor,
                mark,
            },
        ),
        LogCommand::Rotate { dir, from, log } => (
            dir,
            Change::Rotate {
                from,
                to: log.into(),
            },
        ),
    };
    let done = make_change(&dir, change).await?;
    let mut text = String::new();
    if let Some(log) = done.added {
        text += &format!(
            "added log {} with origin {}\n{}\n",
            log.name, log.origin, log.vkey
        );
    }
    if let Some(log) = done.frozen {
        text += &format!("froze log {} at size {}\n", log.name, log.size);
    }
    print(&text)
}

impl From<NewLogArgs> for NewLog {
    fn from(args: NewLogArgs) -> Self {
        let NewLogArgs {
            name,
            dialect,
            url,
            origin,
            allow_foreign_origin,
        } = args;
        Self {
            name,
            dialect,
            url: url.map(|url| url.to_string()),
            origin,
            allow_foreign_origin,
        }
    }
}

/// By the server that holds the data directory, or here if none does.
async fn make_change(dir: &Path, change: Change) -> Result<ChangeDone, Failure> {
    if let Some(server) = RunFile::read(dir)
        && let Some(answer) = remote::change(&server, &change).await
    {
        return Ok(answer?);
    }
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = app::load_config(dir, environment)?;
    let open_in = dir.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        App::open(&open_in, config, Arc::new(Metrics::new()), clock())
    })
    .await;
    let app = opened.expect("opening a store does not panic")?;
    let done = app.change(change).await;
    let limit = app.limits().drain_timeout;
    tokio::task::spawn_blocking(move || app.stop(limit))
        .await
        .expect("stopping does not panic");
    Ok(done?)
}

async fn list(dir: &Path, output: Output) -> Result<(), Failure> {
    let dir = dir.to_owned();
    let logs = tokio::task::spawn_blocking(move || inspect::list(&dir))
        .await
        .expect("reading a store does not panic")?;
    if output == Output::Json {
        return print(&format!("{:#}\n", json!({ "logs": logs })));
    }
    print(&logs.iter().map(line).collect::<String>())
}

fn line(log: &LogInfoJson) -> String {
    let state = if log.state == treering_api::json::LogState::Frozen {
        "frozen"
    } else {
        "active"
    };
    format!(
        "{}\t{}\t{state}\t{}\t{}\t{}\n",
        log.name, log.dialect, log.size, log.origin, log.vkey
    )
}

async fn fsck(command: Fsck) -> Result<(), Failure> {
    let checked =
        tokio::task::spawn_blocking(move || inspect::fsck(&command.dir, io::stderr())).await;
    // Whatever keeps it from being read: 3 says that nothing is known of it.
    let reports = checked
        .expect("reading a store does not panic")
        .map_err(|error| Failure::new(Exit::Operational, error))?;
    let damages: usize = reports.iter().map(|report| report.damages.len()).sum();
    match command.output {
        Output::Json => print(&format!(
            "{:#}\n",
            json!({ "clean": damages == 0, "logs": reports.iter().map(report_json).collect::<Vec<_>>() })
        ))?,
        Output::Text => print(&reports.iter().map(report_text).collect::<String>())?,
    }
    if damages == 0 {
        Ok(())
    } else {
        Err(Failure {
            exit: Exit::Damaged,
            message: String::new(),
        })
    }
}

fn report_json(report: &LogReport) -> serde_json::Value {
    let damages: Vec<String> = report.damages.iter().map(ToString::to_string).collect();
    json!({ "log": report.name, "size": report.size.get(), "rootHash": report.root.to_hex(), "damages": damages })
}

fn report_text(report: &LogReport) -> String {
    let verdict = if report.damages.is_empty() {
        "clean"
    } else {
        "damaged"
    };
    let damages: String = report
        .damages
        .iter()
        .map(|damage| format!("  {damage}\n"))
        .collect();
    format!(
        "log {}: {verdict}, size {}, root {}\n{damages}",
        report.name, report.size, report.root
    )
}

/// To standard output; a reader that went away is no error.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
