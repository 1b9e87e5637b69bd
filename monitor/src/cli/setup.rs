//! From the command line to logs that are followed.

use std::path::Path;
use std::sync::Arc;

use treering_api::json::ReceiptJson;
use treering_api::log::Receipt;
use treering_client::LogKey;
use treering_client::verify;
use treering_tlog::policy::Policy;

use super::Failure;
use super::args::{Follow as FollowArgs, From, LimitArgs};
use super::trust::{self, from_trusted_root, from_vkeys, rekor_v1_base};
use crate::clock::{Clock, SystemClock, Time};
use crate::examine::LogOnly;
use crate::follow::{Clocks, Follow, RekorV1, Shared, TileLog};
use crate::judge::Limits;
use crate::metrics::Metrics;
use crate::source::{
    FetchLimits, Fetcher, HttpTransport, HttpTransportOptions, TileSource, Transport,
};
use crate::state::{Access, State};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Everything that a command which follows needs.
pub(crate) struct Setup {
    pub(crate) shared: Shared,
    pub(crate) logs: Vec<Box<dyn Follow>>,
    /// When the run began.
    pub(crate) began: Time,
    pub(crate) strict: bool,
}

/// Reads a file that must not be endless.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |detail: String| Failure::usage(format!("{}: {detail}", path.display()));
    let length = std::fs::metadata(path)
        .map_err(|e| wrong(e.to_string()))?
        .len();
    if length > MAX_FILE {
        return Err(wrong(format!(
            "expected at most {MAX_FILE} bytes, found {length}"
        )));
    }
    std::fs::read(path).map_err(|e| wrong(e.to_string()))
}

/// How logs are asked.
struct Network {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    limits: FetchLimits,
}

impl Network {
    fn new(args: &LimitArgs, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let ca_certificates = args.ca_file.as_deref().map(read_file).transpose()?;
        let options = HttpTransportOptions {
            timeout: args.timeout,
            ca_certificates,
        };
        let transport = HttpTransport::new(&options).map_err(Failure::usage)?;
        let limits = FetchLimits {
            parallel: args.parallel.into(),
            retries: args.retries.into(),
            backoff: args.backoff,
        };
        Ok(Self {
            transport: Arc::new(transport),
            clock,
            limits,
        })
    }

    fn fetcher(&self) -> Arc<Fetcher> {
        let (transport, clock) = (Arc::clone(&self.transport), Arc::clone(&self.clock));
        Arc::new(Fetcher::new(transport, clock, self.limits))
    }

    fn tiles(&self, text: &str) -> Result<TileSource, Failure> {
        Ok(TileSource::new(self.fetcher(), address(text)?))
    }
}

fn address(text: &str) -> Result<reqwest::Url, Failure> {
    let wrong = |detail: String| {
        Failure::usage(format!(
            "expected an address like https://log.example.org, found {text:?}: {detail}"
        ))
    };
    let url = reqwest::Url::parse(text).map_err(|e| wrong(e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.query().is_some() {
        return Err(wrong(
            "only http and https without a query are spoken".to_owned(),
        ));
    }
    Ok(url)
}

/// Opens the state and everything that is to be followed.
pub(crate) async fn setup(args: &FollowArgs) -> Result<Setup, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let began = clock.now();
    let network = Network::new(&args.limits, Arc::clone(&clock))?;
    let policy = args
        .witness_policy
        .as_deref()
        .map(read_policy)
        .transpose()?;
    let state = State::open(&args.state.state, Access::Follow)?;
    let limits = &args.limits;
    let shared = Shared {
        state: Arc::new(state),
        clock,
        limits: Limits {
            persistence: limits.persistence,
            refetch: limits.refetch,
            freshness: limits.freshness,
            skew: limits.skew,
        },
        policy: policy.map(Arc::new),
        examiner: Arc::new(LogOnly),
        clocks: Arc::new(Clocks::default()),
        metrics: Arc::new(Metrics::new()),
    };
    let logs = Builder {
        args,
        network: &network,
        shared: &shared,
    }
    .logs()
    .await?;
    Ok(Setup {
        shared,
        logs,
        began,
        strict: args.strict,
    })
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    Policy::parse(&read_file(path)?)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// What was handed in, until the log it is of is known.
struct Handed {
    checkpoints: Vec<(Vec<u8>, String)>,
    receipts: Vec<(Receipt, String)>,
}

struct Builder<'a> {
    args: &'a FollowArgs,
    network: &'a Network,
    shared: &'a Shared,
}

impl Builder<'_> {
    async fn logs(&self) -> Result<Vec<Box<dyn Follow>>, Failure> {
        let mut apis = self
            .args
            .logs
            .iter()
            .map(|url| rekor_v1_base(url).is_some());
        if !self.args.vantages.is_empty() && apis.all(|api| api) {
            return Err(Failure::usage(
                "expected a log of tiles for --vantage, found logs by Rekor v1's API only",
            ));
        }
        let keys = self.keys()?;
        let mut handed = self.handed()?;
        let mut logs: Vec<Box<dyn Follow>> = Vec::with_capacity(keys.len());
        for (url, key) in self.args.logs.iter().zip(keys) {
            if let Some(base) = rekor_v1_base(url) {
                logs.push(Box::new(self.rekor_v1(base, url, key)?));
            } else {
                let key = match key {
                    Some(key) => key,
                    None => from_trusted_root(&self.trusted_root()?, url)?,
                };
                logs.push(Box::new(self.tile_log(url, key, &mut handed).await?));
            }
        }
        let strangers = handed.checkpoints.iter().map(|(_, from)| from);
        let strangers = strangers.chain(handed.receipts.iter().map(|(_, from)| from));
        if let Some(from) = strangers.into_iter().next() {
            return Err(Failure::usage(format!(
                "{from}: expected something signed by a followed log, found that none signed it"
            )));
        }
        Ok(logs)
    }

    fn keys(&self) -> Result<Vec<Option<LogKey>>, Failure> {
        if self.args.trusted_root.is_some() {
            return Ok(vec![None; self.args.logs.len()]);
        }
        let keys = from_vkeys(&self.args.logs, &self.args.keys)?;
        Ok(keys.into_iter().map(Some).collect())
    }

    fn trusted_root(&self) -> Result<treering_client::trust::TrustedRoot, Failure> {
        let path = self.args.trusted_root.as_deref();
        trust::read_trusted_root(path.unwrap_or(Path::new("")))
    }

    fn handed(&self) -> Result<Handed, Failure> {
        let name = |path: &Path| path.display().to_string();
        let checkpoints = self.args.checkpoints.iter();
        let checkpoints = checkpoints.map(|path| Ok((read_file(path)?, name(path))));
        let receipts = self.args.receipts.iter();
        let receipts = receipts.map(|path| Ok((read_receipt(path)?, name(path))));
        Ok(Handed {
            checkpoints: checkpoints.collect::<Result<_, Failure>>()?,
            receipts: receipts.collect::<Result<_, Failure>>()?,
        })
    }

    async fn tile_log(
        &self,
        url: &str,
        key: LogKey,
        handed: &mut Handed,
    ) -> Result<TileLog, Failure> {
        let source = self.network.tiles(url)?;
        let vantages = self.args.vantages.iter().map(|url| self.network.tiles(url));
        let vantages = vantages.collect::<Result<_, _>>()?;
        let first = match self.args.from {
            None => 0,
            Some(From::Index(index)) => index,
            Some(From::Now) => self.head(&source, &key).await?,
        };
        let mut log = TileLog::new(self.shared.clone(), source, key.clone(), vantages, first)?
            .sharing_vantages(self.args.logs.len() > 1);
        handed
            .checkpoints
            .retain(|(note, from)| !log.hear(note, from));
        let receipts = std::mem::take(&mut handed.receipts);
        for (receipt, from) in receipts {
            if verify::receipt(&receipt, &key).is_ok() {
                log.hear(receipt.proof.checkpoint.as_bytes(), &from);
                log.promised(receipt.proof.inclusion.index, receipt.leaf_hash)?;
            } else {
                handed.receipts.push((receipt, from));
            }
        }
        Ok(log)
    }

    /// The size of a log that is new to the state.
    async fn head(&self, source: &TileSource, key: &LogKey) -> Result<u64, Failure> {
        let known = self.shared.state.logs()?;
        if let Some(row) = known.iter().find(|row| row.origin == key.origin().as_str()) {
            return Ok(row.first);
        }
        let said = |detail: String| Failure::Operational(anyhow::Error::msg(detail));
        let answer = source.checkpoint().await.map_err(|e| said(e.to_string()))?;
        let opened = key.open(&answer.body).map_err(|e| said(e.to_string()))?;
        Ok(opened.checkpoint().size.get())
    }

    fn rekor_v1(&self, base: &str, url: &str, key: Option<LogKey>) -> Result<RekorV1, Failure> {
        let keys = match key {
            Some(key) => vec![key.key().clone()],
            None => {
                let root = self.trusted_root()?;
                let found = trust::candidates(&root, url);
                let keys = found.iter().map(|log| log.checkpoint_key());
                keys.collect::<Result<_, _>>()
                    .map_err(|error| Failure::Usage(error.into()))?
            }
        };
        let first = match self.args.from {
            Some(From::Index(index)) => Some(index),
            Some(From::Now) | None => None,
        };
        let base = address(base)?;
        RekorV1::new(
            self.shared.clone(),
            self.network.fetcher(),
            base,
            keys,
            first,
        )
        .map_err(|error| Failure::usage(error.to_string()))
    }
}

fn read_receipt(path: &Path) -> Result<Receipt, Failure> {
    let wrong = |detail: String| {
        Failure::usage(format!("{}: expected a receipt: {detail}", path.display()))
    };
    let json: ReceiptJson =
        serde_json::from_slice(&read_file(path)?).map_err(|e| wrong(e.to_string()))?;
    Receipt::try_from(json).map_err(|e| wrong(e.message))
}
