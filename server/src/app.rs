//! The composition root: makes the parts of a server out of a data directory, and changes its logs.

mod change;
mod ready;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use treering_api::log::{Dialect, LogName};
use treering_storage::directory::Directory;
use treering_storage::envelopes::EnvelopeFiles;
use treering_storage::published::PublishedFiles;
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Store, StoreError};
use treering_tlog::note::VerifierKey;

pub(crate) use change::foreign_origin;
pub use change::{Change, ChangeDone, NewLog};

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::keys;
use crate::limits::Limits;
use crate::log::admission::FreeDisk;
use crate::log::recover::OpenError;
use crate::metrics::Metrics;
use crate::service::{RekorV2Rules, SecondKeyLoader, Service, ServiceParts, final_checkpoint};
use crate::trust::{PUBLIC_KEY_SUFFIX, Services, Trust, TrustedLog, VKEY_SUFFIX};
use crate::witness::{Setup, SetupError};

/// How old the size of the store may be: finding it walks over every file of the data directory.
const STORAGE_READ_MAX_AGE: Duration = Duration::from_secs(60);

/// Why a server does not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The second key of a log is another than the one that was published.
    #[error(
        "log {log}: expected keys/{log}.ecdsa.pem to be the private half of {path}, found another key. Put back the right key: timestamps \
         and ids that clients hold are of that one"
    )]
    OtherKey {
        /// The log.
        log: LogName,
        /// The file with the published half.
        path: PathBuf,
    },
    /// The folder is no data directory.
    #[error(
        "{dir} holds no log; make one with: treering-server init {dir} --url http://localhost:3000 (if one was there before, its disk is missing: do not make a new one)"
    )]
    NotInitialised {
        /// The folder.
        dir: PathBuf,
    },
    /// The data directory was made and no log in it.
    #[error(
        "{dir} was initialised but holds no log; add one with: treering-server log add {dir} --name rekor-v2 --url {url}"
    )]
    NoLog {
        /// The folder.
        dir: PathBuf,
        /// The configured URL.
        url: String,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A log's origin does not fit its URL.
    #[error(
        "log {log}: expected its origin {origin} to be the host of its URL, found {url}; correct the URL, or set allow_foreign_origin = true"
    )]
    ForeignOrigin {
        /// The log.
        log: LogName,
        /// Its origin.
        origin: String,
        /// Its URL.
        url: String,
    },
    /// The database is not the one that the data directory's logs are in.
    #[error(
        "{vkey} tells of a log that the database does not hold: the database is missing, empty or another one. Put back the right one; \
         the log's key must never sign a new tree. To give the log up for ever, move {vkey} and its key away"
    )]
    LostDatabase {
        /// The file that tells of the log.
        vkey: PathBuf,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The logs.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file of the data directory.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The file of other services.
    #[error("{0}")]
    Services(String),
    /// The policy of the witnesses.
    #[error(transparent)]
    Witness(#[from] SetupError),
    /// A change of the logs was refused.
    #[error("{0}")]
    Refused(#[from] treering_api::Reject),
}

/// A server's parts, running.
pub struct App {
    directory: Directory,
    config: Mutex<Config>,
    limits: Limits,
    service: Arc<Service>,
    store: Arc<dyn Store>,
    services: Services,
    trust: ArcSwap<Trust>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    closing: CancellationToken,
    /// Held while the logs change.
    changing: tokio::sync::Mutex<()>,
}

impl App {
    /// Opens a data directory and recovers its logs. Blocks.
    ///
    /// # Errors
    /// [`AppError`]: nothing is served from what is damaged, incomplete or not initialised.
    pub fn open(
        root: &Path,
        config: Config,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, AppError> {
        let directory = open_directory(root)?;
        let services = Services::load(root).map_err(AppError::Services)?;
        let options = RocksOptions {
            reserve_bytes: config.limits.disk_reserve_bytes,
            block_cache_bytes: config.storage.block_cache_bytes,
            write_buffer_bytes: config.storage.write_buffer_bytes,
        };
        let store: Arc<dyn Store> = Arc::new(RocksStore::open(root, &options)?);
        let envelopes = EnvelopeFiles::open(root)?.with_reserve(config.limits.disk_reserve_bytes);
        let keys = directory.keys();
        let service = Service::open(ServiceParts {
            store: Arc::clone(&store),
            envelopes: Arc::new(envelopes),
            published: Arc::new(PublishedFiles::open(&directory.published())?),
            clock: Arc::clone(&clock),
            limits: config.limits.clone(),
            metrics: Arc::clone(&metrics),
            keys: Box::new(move |log| keys::load(&keys, log).map_err(|error| error.to_string())),
            second_keys: second_keys(&directory),
            root: root.to_owned(),
            free_disk: free_disk(root),
            verify_workers: config.storage.verify_workers,
        })?;
        let app = Self {
            directory,
            limits: config.limits.clone(),
            config: Mutex::new(config),
            service,
            store,
            services,
            trust: ArcSwap::from_pointee(Trust::new(&[], "", &Services::default())),
            metrics,
            clock,
            closing: CancellationToken::new(),
            changing: tokio::sync::Mutex::new(()),
        };
        app.check_database()?;
        app.check_second_keys()?;
        app.check_origins()?;
        app.refresh_trust()?;
        app.service.finish_frozen();
        let app = Arc::new(app);
        app.probe_metrics();
        Ok(app)
    }

    /// Refuses a data directory without a log: one is made on purpose, never because a disk was empty.
    ///
    /// # Errors
    /// `NoLog`.
    pub fn check_has_log(&self) -> Result<(), AppError> {
        if self.service.handles().is_empty() {
            let url = self.config.lock().url.to_string();
            return Err(AppError::NoLog {
                dir: self.directory.root().to_owned(),
                url,
            });
        }
        Ok(())
    }

    /// Has the checkpoints cosigned, if the configuration names a policy. On a thread of the runtime.
    ///
    /// # Errors
    /// The first mistake in the policy.
    pub fn begin_witnessing(&self) -> Result<(), AppError> {
        let config = self.config.lock().witness.clone();
        if let Some(setup) = Setup::load(self.directory.root(), &config)? {
            self.service.begin_witnessing(setup)?;
        }
        Ok(())
    }

    /// Refuses a database that lacks a log whose vkey was published: its key would begin a second tree.
    fn check_database(&self) -> Result<(), AppError> {
        let root = self.directory.root();
        let file = |source| AppError::File {
            path: root.to_owned(),
            source,
        };
        for entry in std::fs::read_dir(root).map_err(file)? {
            let name = entry.map_err(file)?.file_name();
            let Some(log) = name
                .to_str()
                .and_then(|name| name.strip_suffix(VKEY_SUFFIX))
            else {
                continue;
            };
            if !self
                .service
                .handles()
                .iter()
                .any(|known| known.name().as_str() == log)
            {
                return Err(AppError::LostDatabase {
                    vkey: root.join(&name),
                });
            }
        }
        Ok(())
    }

    /// Refuses a second key that is not the one that was published: tree id and log id follow from it, and clients hold
    /// timestamps of the other.
    fn check_second_keys(&self) -> Result<(), AppError> {
        for log in self.service.handles() {
            let path = self
                .directory
                .root()
                .join(format!("{}{PUBLIC_KEY_SUFFIX}", log.name()));
            let Some(v1) = log.rekor_v1() else {
                continue;
            };
            match std::fs::read_to_string(&path) {
                Ok(published) if published != v1.log_key().to_pem() => {
                    return Err(AppError::OtherKey {
                        log: log.name().clone(),
                        path,
                    });
                }
                Ok(_) => {}
                // The first start after the log was added writes it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(AppError::File { path, source }),
            }
        }
        Ok(())
    }

    fn check_origins(&self) -> Result<(), AppError> {
        let config = self.config.lock();
        if config.allow_foreign_origin {
            return Ok(());
        }
        for log in self.service.handles() {
            let url = config.url_of(log.name());
            if log.dialect() == Dialect::RekorV2 && log.origin() != url.host() {
                return Err(AppError::ForeignOrigin {
                    log: log.name().clone(),
                    origin: log.origin().to_owned(),
                    url: url.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Makes the files for clients anew and writes those that changed.
    fn refresh_trust(&self) -> Result<(), AppError> {
        let config = self.config.lock().clone();
        let handles = self.service.handles();
        let keys = |name: &LogName| {
            let handle = handles.iter().find(|handle| handle.name() == name)?;
            let rekor_v1 = handle.rekor_v1().map(|v1| v1.log_key().clone());
            Some((VerifierKey::parse(handle.vkey()).ok()?, rekor_v1))
        };
        let logs = TrustedLog::list(&self.store.events()?, &config, keys);
        let trust = Trust::new(&logs, &config.operator, &self.services);
        let written = trust.write(self.directory.root());
        self.trust.store(Arc::new(trust));
        written.map_err(|source| AppError::File {
            path: self.directory.root().to_owned(),
            source,
        })
    }

    fn probe_metrics(self: &Arc<Self>) {
        let app = Arc::downgrade(self);
        let storage_read_at = Mutex::new(None);
        self.metrics.set_probe(move |metrics| {
            let Some(app) = app.upgrade() else { return };
            metrics.set_oldest_waiting(app.service.health().oldest_waiting);
            metrics.set_ready(app.not_ready().is_empty());
            let now = app.clock.monotonic();
            let mut read_at = storage_read_at.lock();
            if read_at.is_none_or(|read_at| now.saturating_sub(read_at) >= STORAGE_READ_MAX_AGE) {
                *read_at = Some(now);
                if let Ok(bytes) = app.store.size_on_disk() {
                    metrics.set_storage_bytes(bytes);
                }
            }
        });
    }

    /// Why the server should get no requests; nothing if it may. An idle log and a server of frozen logs are ready.
    #[must_use]
    pub fn not_ready(&self) -> Vec<String> {
        let mut health = self.service.health();
        health.stopping |= self.closing.is_cancelled();
        ready::not_ready(&health, self.limits.ready_oldest)
    }

    /// What answers.
    #[must_use]
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// The files for clients as they stand.
    #[must_use]
    pub fn trust(&self) -> Arc<Trust> {
        self.trust.load_full()
    }

    /// What is allowed at the doors of Rekor v2.
    #[must_use]
    pub fn rekor_v2_rules(&self) -> RekorV2Rules {
        self.config.lock().rekor_v2
    }

    /// Where clients reach the Rekor v2 API of a log.
    #[must_use]
    pub fn url_of(&self, log: &str) -> String {
        let config = self.config.lock();
        let url = LogName::new(log).ok();
        url.map_or(&config.url, |name| config.url_of(&name))
            .to_string()
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where it counts.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Where bodies are put that arrive without a length.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.directory.spool()
    }

    /// Cancelled when the server begins to stop: open streams end.
    #[must_use]
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// The first step of a stop: open streams and waits end, what was accepted is still answered.
    pub fn close_streams(&self) {
        self.closing.cancel();
        self.service.close_streams();
    }

    /// Answers what was accepted, for at most `limit`, and closes the store. Blocks. Says whether all was answered.
    #[must_use]
    pub fn stop(&self, limit: Duration) -> bool {
        self.close_streams();
        self.service.stop(limit)
    }
}

fn second_keys(directory: &Directory) -> SecondKeyLoader {
    let (keys, root) = (directory.keys(), directory.root().to_owned());
    Box::new(move |log| {
        let public = root.join(format!("{log}{PUBLIC_KEY_SUFFIX}"));
        let last = final_checkpoint(&root, log.as_str());
        let key = keys::ecdsa::load_or_retired(&keys, &public, &last, log);
        key.map_err(|error| error.to_string())
    })
}

fn open_directory(root: &Path) -> Result<Directory, AppError> {
    Directory::open(root).map_err(|error| match error {
        StoreError::Missing { .. } => AppError::NotInitialised {
            dir: root.to_owned(),
        },
        error => error.into(),
    })
}

/// Checks that a folder is a data directory and reads its configuration, with the environment over it.
///
/// # Errors
/// `NotInitialised`, or every mistake in the configuration.
pub fn load_config(
    root: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, AppError> {
    open_directory(root)?;
    Ok(Config::load(root, environment)?)
}

fn free_disk(root: &Path) -> FreeDisk {
    let root = root.to_owned();
    Box::new(move || {
        let stat = rustix::fs::statvfs(&root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    })
}
