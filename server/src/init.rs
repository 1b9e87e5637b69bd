//! `init`: makes a data directory with a first log. The only way that a server gets a directory of its own.

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
    /// The origin of the log, if not the host of the URL.
    pub origin: Option<String>,
    /// Such another origin is wanted.
    pub allow_foreign_origin: bool,
    /// The other services of the deployment.
    pub services: Services,
}

/// Makes a data directory: folders, configuration, key, log of dialect rekor-v2, and the files for clients.
///
/// # Errors
/// If the folder holds a log already or something cannot be made. What a failed try leaves holds no log: remove it.
pub async fn init(
    dir: &Path,
    options: InitOptions,
    clock: Arc<dyn Clock>,
) -> Result<Vec<LogInfo>, AppError> {
    init_of(Dialect::RekorV2, dir, options, clock).await
}

/// As [`init`], with a first log of some dialect, by whose name it goes.
///
/// # Errors
/// As [`init`].
pub async fn init_of(
    dialect: Dialect,
    dir: &Path,
    options: InitOptions,
    clock: Arc<dyn Clock>,
) -> Result<Vec<LogInfo>, AppError> {
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
    let added = app.change(Change::Add(first_log(dialect, options))).await;
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

fn first_log(dialect: Dialect, options: InitOptions) -> NewLog {
    NewLog {
        name: LogName::new(dialect.as_str()).expect("the name keeps the rules"),
        dialect,
        url: None,
        origin: options.origin,
        allow_foreign_origin: options.allow_foreign_origin,
    }
}

fn config_text(options: &InitOptions) -> String {
    let mut set = vec![("url", format!("{:?}", options.url.to_string()))];
    if options.allow_foreign_origin {
        set.push(("allow_foreign_origin", "true".to_owned()));
    }
    config::commented(&set)
}
