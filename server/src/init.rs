//! `init`: makes a data directory with its first logs. The only way that a server gets a directory of its own.

use std::path::Path;
use std::sync::Arc;

use treering_api::log::{Dialect, LogInfo, LogName};
use treering_api::reject::Reject;
use treering_storage::directory::Directory;

use crate::app::{App, AppError, Change, NewLog, foreign_origin};
use crate::clock::Clock;
use crate::config::{self, Config, File, ServerUrl};
use crate::files;
use crate::metrics::Metrics;
use crate::trust::Services;

/// What `init` is told.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// Where clients will reach the server.
    pub url: ServerUrl,
    /// Of which dialects there is to be a log, named as its dialect.
    pub dialects: Vec<Dialect>,
    /// The origin of the rekor-v2 log, if not the host of the URL.
    pub origin: Option<String>,
    /// Such another origin is wanted.
    pub allow_foreign_origin: bool,
    /// The other services of the deployment.
    pub services: Services,
}

/// Makes a data directory: folders, configuration, keys, logs, and the files for clients.
///
/// # Errors
/// If the folder holds a log already or something cannot be made. Nothing was logged in what a failed try leaves: remove it.
pub async fn init(
    dir: &Path,
    options: InitOptions,
    clock: Arc<dyn Clock>,
) -> Result<Vec<LogInfo>, AppError> {
    check_dialects(&options.dialects)?;
    check_origin(&options)?;
    let text = config_text(&options);
    let path = dir.join(config::FILE_NAME);
    let config = Config::read(File::parse(&path, &text)?)?;
    Directory::create(dir)?;
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| AppError::File { path, source }
    };
    files::create(&path, text.as_bytes(), files::PUBLIC).map_err(file(&path))?;
    if options.services != Services::default() {
        options.services.save(dir).map_err(file(dir))?;
    }
    let open_in = dir.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        App::open(&open_in, config, Arc::new(Metrics::new()), clock)
    });
    let app = opened.await.expect("opening a store does not panic")?;
    let added = add_logs(&app, options).await;
    let logs = app
        .service()
        .handles()
        .iter()
        .map(|log| log.info())
        .collect();
    let stopped = Arc::clone(&app);
    let limit = app.limits().drain_timeout;
    tokio::task::spawn_blocking(move || stopped.stop(limit))
        .await
        .expect("stopping does not panic");
    added?;
    Ok(logs)
}

fn check_dialects(dialects: &[Dialect]) -> Result<(), AppError> {
    let twice = dialects
        .iter()
        .enumerate()
        .find(|(at, dialect)| dialects[..*at].contains(dialect));
    match twice {
        None if !dialects.is_empty() => Ok(()),
        None => Err(Reject::malformed("at least one dialect", "none").into()),
        Some((_, dialect)) => Err(Reject::malformed(
            "each dialect once (log add adds more logs)",
            format!("{dialect} twice"),
        )
        .into()),
    }
}

/// Before anything is made: a wrong origin is a mistake of the command, not a reason to leave a folder behind.
fn check_origin(options: &InitOptions) -> Result<(), AppError> {
    let host = options.url.host();
    let origin = options.origin.as_deref().unwrap_or(host);
    treering_tlog::note::KeyName::new(origin).map_err(|error| {
        Reject::malformed(
            "an origin that can name a key",
            format!("{origin:?}: {error}"),
        )
    })?;
    if origin != host && !options.allow_foreign_origin {
        return Err(foreign_origin(host, origin).into());
    }
    Ok(())
}

async fn add_logs(app: &Arc<App>, options: InitOptions) -> Result<(), Reject> {
    for dialect in &options.dialects {
        app.change(Change::Add(first_log(*dialect, &options)))
            .await?;
    }
    Ok(())
}

fn first_log(dialect: Dialect, options: &InitOptions) -> NewLog {
    let foreign = dialect == Dialect::RekorV2;
    NewLog {
        name: LogName::new(&dialect.to_string()).expect("the name of a dialect keeps the rules"),
        dialect,
        url: None,
        origin: options.origin.clone().filter(|_| foreign),
        allow_foreign_origin: options.allow_foreign_origin && foreign,
    }
}

fn config_text(options: &InitOptions) -> String {
    let mut set = vec![("url", format!("{:?}", options.url.to_string()))];
    if options.allow_foreign_origin {
        set.push(("allow_foreign_origin", "true".to_owned()));
    }
    config::commented(&set)
}
