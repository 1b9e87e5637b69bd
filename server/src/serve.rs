//! `serve`: from a data directory to an open door, and back.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::admin::Admin;
use crate::api;
use crate::app::{App, AppError};
use crate::clock::Clock;
use crate::config::{Config, HttpLimits};
use crate::metrics::Metrics;
use crate::run::{RunFile, RunFileGuard};
use crate::shutdown::{Stop, drain, serve};

/// Connections open at once on the admin address: probes, scrapers and commands.
const ADMIN_CONNECTIONS: usize = 256;

/// A server that holds its data directory and answers.
pub struct Server {
    app: Arc<App>,
    run: RunFile,
    guard: RunFileGuard,
    api: (JoinHandle<()>, Stop),
    admin: (JoinHandle<()>, Stop),
}

impl Server {
    /// Listens, recovers the logs and begins to answer. The admin address answers from the beginning.
    ///
    /// # Errors
    /// If an address is taken, or [`AppError`].
    pub async fn start(
        dir: &Path,
        config: Config,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AppError> {
        let listener = bind(config.listen).await?;
        let admin_listener = bind(config.admin_listen).await?;
        let run = local(&listener, &admin_listener).map_err(|source| AppError::File {
            path: dir.to_owned(),
            source,
        })?;
        let admin = Admin::new(Arc::clone(&metrics), &run.instance);
        let limits = config.http.clone();
        let admin_limits = HttpLimits {
            max_connections: limits.max_connections.min(ADMIN_CONNECTIONS),
            ..limits.clone()
        };
        let admin_side = spawn(admin_listener, admin.clone().router(), &admin_limits);
        let (open_in, drain_limit) = (dir.to_owned(), config.limits.drain_timeout);
        let opened =
            tokio::task::spawn_blocking(move || App::open(&open_in, config, metrics, clock)).await;
        let app = opened.expect("opening a store does not panic")?;
        let guard = app
            .check_has_log()
            .and_then(|()| app.begin_witnessing())
            .map(|()| app.begin_archivista())
            .and_then(|()| write_run_file(&run, dir));
        let guard = match guard {
            Ok(guard) => guard,
            Err(error) => {
                tokio::task::spawn_blocking(move || app.stop(drain_limit))
                    .await
                    .expect("stopping does not panic");
                return Err(error);
            }
        };
        let router = api::router(Arc::clone(&app), limits.body_timeout);
        let api_side = spawn(listener, router, &limits);
        admin.running(Arc::clone(&app));
        tracing::info!(listen = %run.listen, admin_listen = %run.admin_listen, logs = app.service().handles().len(), "listening");
        Ok(Self {
            app,
            run,
            guard,
            api: api_side,
            admin: admin_side,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> &RunFile {
        &self.run
    }

    /// What it is made of.
    #[must_use]
    pub const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Answers what was accepted and stops; see [`drain`]. The admin address answers to the end.
    pub async fn stop(self, hurry: impl Future<Output = ()>) -> bool {
        let limit = self.app.limits().drain_timeout;
        let (serving, stop) = self.api;
        let serving = async { serving.await.expect("the accept loop does not panic") };
        let whole = drain(&self.app, serving, &stop, limit, hurry).await;
        let (serving, stop) = self.admin;
        stop.closing.cancel();
        stop.cut.cancel();
        serving.await.expect("the accept loop does not panic");
        drop(self.guard);
        whole
    }
}

/// The signals that stop a server.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes them over from now on.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next one; its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| AppError::Listen { address, source })
}

fn local(listener: &TcpListener, admin: &TcpListener) -> io::Result<RunFile> {
    RunFile::new(listener.local_addr()?, admin.local_addr()?)
}

fn spawn(
    listener: TcpListener,
    router: axum::Router,
    limits: &HttpLimits,
) -> (JoinHandle<()>, Stop) {
    let stop = Stop::default();
    (
        tokio::spawn(serve(listener, router, limits.clone(), stop.clone())),
        stop,
    )
}

fn write_run_file(run: &RunFile, dir: &Path) -> Result<RunFileGuard, AppError> {
    run.write(dir).map_err(|source| AppError::File {
        path: dir.join("run"),
        source,
    })
}
