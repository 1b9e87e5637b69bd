//! Retries, back-off and the number of requests at the same time.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use tokio::sync::Semaphore;

use super::{Answer, Request, Transport, Trouble};
use crate::clock::Clock;

/// How hard a log is asked.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// Requests at the same time. Default 8; at 16 MiB for the largest bundle this bounds the memory.
    pub parallel: usize,
    /// Requests after the first of which none brought an answer. Default 3.
    pub retries: usize,
    /// The wait before the first retry; it doubles, with jitter. Default 200 ms.
    pub backoff: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            parallel: 8,
            retries: 3,
            backoff: Duration::from_millis(200),
        }
    }
}

/// Asks one log, politely.
pub struct Fetcher {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    limits: FetchLimits,
    permits: Semaphore,
}

/// The longest wait between two retries.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

impl Fetcher {
    /// Asks through this transport; waits by this clock.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, clock: Arc<dyn Clock>, limits: FetchLimits) -> Self {
        let permits = Semaphore::new(limits.parallel.max(1));
        Self {
            transport,
            clock,
            limits,
            permits,
        }
    }

    /// How many requests run at the same time.
    #[must_use]
    pub fn parallel(&self) -> usize {
        self.limits.parallel.max(1)
    }

    /// The answer to a request: one of status 200, or none where the other side says 404. Any other status is trouble.
    ///
    /// # Errors
    /// [`Trouble`], after as many retries as the limits say where it may pass.
    pub async fn fetch(&self, request: Request) -> Result<Option<Answer>, Trouble> {
        let policy = ExponentialBuilder::default()
            .with_min_delay(self.limits.backoff)
            .with_max_delay(MAX_BACKOFF)
            .with_max_times(self.limits.retries)
            .with_jitter();
        let attempt = || self.once(request.clone());
        let clock = Arc::clone(&self.clock);
        let sleep = move |wait: Duration| {
            let clock = Arc::clone(&clock);
            async move { clock.sleep(wait).await }
        };
        attempt
            .retry(policy)
            .sleep(sleep)
            .when(|trouble: &Trouble| trouble.transient)
            .adjust(|trouble: &Trouble, planned| {
                planned.map(|wait| trouble.retry_after.map_or(wait, |asked| asked.max(wait)))
            })
            .await
    }

    async fn once(&self, request: Request) -> Result<Option<Answer>, Trouble> {
        let url = request.url.clone();
        let permit = self.permits.acquire().await;
        let answer = self.transport.send(request).await?;
        drop(permit);
        match answer.status {
            200 => Ok(Some(answer)),
            404 => Ok(None),
            status => {
                let transient = status >= 500 || status == 429 || status == 408;
                let detail = if (300..400).contains(&status) {
                    format!(
                        "expected status 200, found {status}: redirects elsewhere are not followed"
                    )
                } else {
                    format!("expected status 200, found {status}")
                };
                let trouble = Trouble::transient(&url, detail);
                Err(Trouble {
                    transient,
                    retry_after: answer.retry_after,
                    ..trouble
                })
            }
        }
    }
}
