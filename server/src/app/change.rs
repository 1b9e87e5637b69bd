//! Adding, freezing and rotating logs: the same for a running server (through its admin address) and for a command
//! that has opened the data directory itself.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use treering_api::json::LogInfoJson;
use treering_api::log::{Dialect, LogName};
use treering_api::reject::{Reject, RejectKind};

use treering_tlog::note::KeyName;

use super::App;
use crate::config::{self, ServerUrl};
use crate::{files, keys};

/// A log to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLog {
    /// Its name.
    pub name: LogName,
    /// Its dialect.
    pub dialect: Dialect,
    /// Where clients reach its API; without it the server's URL.
    pub url: Option<String>,
    /// The first line of its checkpoints; without it what the dialect demands.
    pub origin: Option<String>,
    /// The origin may differ from what the dialect demands.
    #[serde(default)]
    pub allow_foreign_origin: bool,
}

/// A change of a server's logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Change {
    /// Add a log.
    Add(NewLog),
    /// Freeze a log for ever.
    Freeze {
        /// Which.
        name: LogName,
        /// Where new entries go.
        successor: Option<LogName>,
        /// The final checkpoint is to say so in an extension line; witnesses refuse it then.
        #[serde(default)]
        mark: bool,
    },
    /// Add a log and freeze another, with the new one as its successor.
    Rotate {
        /// The log to be frozen.
        from: LogName,
        /// The log to be added.
        to: NewLog,
    },
}

/// What a change has led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeDone {
    /// The log that was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<LogInfoJson>,
    /// The log that was frozen, at its final size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<LogInfoJson>,
}

impl App {
    /// Makes a change, durably, and makes the files for clients anew.
    ///
    /// # Errors
    /// Why it was refused. A rotation that fails at the freeze leaves the new log behind: freeze the old one then.
    pub async fn change(self: &Arc<Self>, change: Change) -> Result<ChangeDone, Reject> {
        let _one_at_a_time = self.changing.lock().await;
        let done = match change {
            Change::Add(new) => ChangeDone {
                added: Some(self.add(new).await?),
                frozen: None,
            },
            Change::Freeze {
                name,
                successor,
                mark,
            } => ChangeDone {
                added: None,
                frozen: Some(self.freeze(&name, successor.as_ref(), mark).await?),
            },
            Change::Rotate { from, to } => {
                let old = self.service.log(Some(&from))?;
                old.check_writable()?;
                if old.dialect() != to.dialect {
                    return Err(Reject::malformed(
                        format!("a log of dialect {} to follow {from}", old.dialect()),
                        to.dialect.to_string(),
                    ));
                }
                self.rotate(&from, to).await?
            }
        };
        self.refresh_trust().map_err(|error| {
            tracing::error!(%error, "files for clients not written");
            Reject::new(RejectKind::Internal, format!("the logs were changed, but the files for clients were not written: {error}; restart the server"))
        })?;
        Ok(done)
    }

    /// The successor of a rekor-v2 log is there before the log ends. Indexes of Rekor v1 go on over all shards, so there
    /// the log ends first, for where it ends is where its successor begins; who writes meanwhile is told to come again.
    async fn rotate(self: &Arc<Self>, from: &LogName, to: NewLog) -> Result<ChangeDone, Reject> {
        if to.dialect == Dialect::RekorV2 {
            let added = self.add(to).await?;
            let frozen = self.freeze(from, Some(&added.name), false).await?;
            return Ok(ChangeDone {
                added: Some(added),
                frozen: Some(frozen),
            });
        }
        // What could be refused is, before the log ends for ever.
        self.place(&to)?;
        if self.service.log(Some(&to.name)).is_ok() {
            return Err(Reject::malformed(
                "a name that no log of this server has",
                to.name.to_string(),
            ));
        }
        self.service.freeze_for(from, &to.name).await?;
        let frozen = LogInfoJson::from(self.service.log(Some(from))?.info());
        let added = self.add(to).await.map_err(|reject| {
            let message = format!(
                "log {from} is frozen and its successor was not added: {reject}; add it with log add"
            );
            Reject::new(reject.kind, message)
        })?;
        Ok(ChangeDone {
            added: Some(added),
            frozen: Some(frozen),
        })
    }

    async fn add(self: &Arc<Self>, new: NewLog) -> Result<LogInfoJson, Reject> {
        let (url, origin) = self.place(&new)?;
        let app = Arc::clone(self);
        // Writes files and the journal, so not on a thread that does the network's work.
        let added = tokio::task::spawn_blocking(move || {
            let key = keys::create(&app.directory.keys(), &new.name)
                .map_err(|error| Reject::new(RejectKind::Internal, error.to_string()))?;
            if new.dialect == Dialect::RekorV1 {
                keys::ecdsa::create(&app.directory.keys(), &new.name)
                    .map_err(|error| Reject::new(RejectKind::Internal, error.to_string()))?;
            }
            app.keep_url(&new.name, &url)?;
            let handle = app.service.add_log(&new.name, new.dialect, &origin, key)?;
            tracing::info!(log = %new.name, %origin, %url, "log added");
            Ok(LogInfoJson::from(handle.info()))
        });
        added
            .await
            .map_err(|_| Reject::new(RejectKind::Internal, "adding the log panicked"))?
    }

    /// The URL and the origin of a new log.
    fn place(&self, new: &NewLog) -> Result<(ServerUrl, String), Reject> {
        let config = self.config.lock();
        if new.dialect == Dialect::RekorV1 {
            if let Some(url) = &new.url {
                return Err(Reject::malformed(
                    format!(
                        "no URL for a rekor-v1 log, whose API is under /api/v1 and /logs/{}/api/v1",
                        new.name
                    ),
                    format!("{url:?}"),
                ));
            }
            let url = config.url.clone();
            drop(config);
            let origin = self.check_origin(new, &url)?;
            return Ok((url, origin));
        }
        let url = match &new.url {
            Some(url) => ServerUrl::parse(url)
                .map_err(|expected| Reject::malformed(expected, format!("{url:?}")))?,
            None => config.url.clone(),
        };
        let taken = self.service.handles().into_iter().find(|log| {
            log.dialect() == Dialect::RekorV2
                && (*config.url_of(log.name()) == url || log.name() == &new.name)
        });
        if let Some(taken) = taken {
            return Err(Reject::malformed(
                "a name and a URL of its own for a rekor-v2 log (clients find its checkpoint and tiles at the URL's root)",
                format!("{} at {url}, where log {} is", new.name, taken.name()),
            ));
        }
        drop(config);
        let origin = self.check_origin(new, &url)?;
        Ok((url, origin))
    }

    /// The origin of a new log. Whatever could be wrong with it is found before anything is made.
    fn check_origin(&self, new: &NewLog, url: &ServerUrl) -> Result<String, Reject> {
        let own = match new.dialect {
            Dialect::RekorV2 => url.host().to_owned(),
            Dialect::RekorV1 => format!("{}/logs/{}", url.host(), new.name),
        };
        let origin = new.origin.as_deref().unwrap_or(&own);
        KeyName::new(origin).map_err(|error| {
            Reject::malformed(
                "an origin that can name a key",
                format!("{origin:?}: {error}"),
            )
        })?;
        let consent = new.allow_foreign_origin || self.config.lock().allow_foreign_origin;
        if origin != own && !consent {
            return Err(foreign_origin(&own, origin));
        }
        let mut logs = self.service.handles().into_iter();
        match logs.find(|log| log.origin() == origin) {
            Some(taken) => Err(Reject::malformed(
                "an origin that no other log of this server has",
                format!("{origin}, the origin of log {}", taken.name()),
            )),
            None => Ok(origin.to_owned()),
        }
    }

    /// Notes a log's own URL in the configuration.
    fn keep_url(&self, name: &LogName, url: &ServerUrl) -> Result<(), Reject> {
        let mut config = self.config.lock();
        if config.url_of(name) == url {
            return Ok(());
        }
        if config.log_urls.contains_key(name) {
            return Err(Reject::malformed(
                format!(
                    "the URL {} as configured under [logs.{name}]",
                    config.url_of(name)
                ),
                url.to_string(),
            ));
        }
        let path = self.directory.root().join(config::FILE_NAME);
        let kept = || {
            let mut text = std::fs::read_to_string(&path)?;
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n[logs.{}]\nurl = {:?}\n",
                toml_key(name),
                url.to_string()
            );
            files::replace(&path, text.as_bytes(), files::PUBLIC)
        };
        kept().map_err(|error| {
            Reject::new(RejectKind::Internal, format!("{}: {error}", path.display()))
        })?;
        config.log_urls.insert(name.clone(), url.clone());
        Ok(())
    }

    async fn freeze(
        &self,
        name: &LogName,
        successor: Option<&LogName>,
        mark: bool,
    ) -> Result<LogInfoJson, Reject> {
        if mark {
            self.service.freeze_marked(name, successor).await?;
        } else {
            self.service.freeze(name, successor).await?;
        }
        Ok(LogInfoJson::from(self.service.log(Some(name))?.info()))
    }
}

/// The refusal of an origin that clients would not expect.
pub(crate) fn foreign_origin(host: &str, origin: &str) -> Reject {
    Reject::malformed(
        format!(
            "{host} as origin (stock clients refuse another; --allow-foreign-origin takes it all the same)"
        ),
        origin,
    )
}

/// A name may hold dots, which would nest tables.
fn toml_key(name: &LogName) -> String {
    format!("{:?}", name.as_str())
}
