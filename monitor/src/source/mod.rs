//! How logs are read: one request at a time ([`Transport`]), with retries and limits ([`Fetcher`]), as tiles
//! ([`TileSource`]). Nothing is verified here, and nothing that goes wrong here says anything about a log.

mod fetcher;
mod http;
mod tiles;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use fetcher::{FetchLimits, Fetcher};
pub use http::{HttpTransport, HttpTransportOptions};
pub use tiles::{ReadError, Served, TileSource, Transcript};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The whole address.
    pub url: reqwest::Url,
    /// A JSON body to post; without one it is a GET.
    pub body: Option<Bytes>,
    /// The most bytes that the answer may have.
    pub limit: usize,
    /// Whether caches are asked to step aside.
    pub fresh: bool,
}

/// An answer that came whole.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type, in lower case and without parameters.
    pub media_type: Option<String>,
    /// The sender's clock, in seconds since the Unix epoch.
    pub date: Option<u64>,
    /// How long to wait before the next request.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

/// Why no usable answer came; it says nothing about the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {detail}")]
pub struct Trouble {
    /// What was asked for.
    pub url: String,
    /// Expected and found.
    pub detail: String,
    /// Whether asking again may help.
    pub transient: bool,
    /// How long the other side asks to wait.
    pub retry_after: Option<Duration>,
}

impl Trouble {
    /// Trouble that may pass.
    #[must_use]
    pub fn transient(url: &reqwest::Url, detail: impl Into<String>) -> Self {
        Self {
            url: url.to_string(),
            detail: detail.into(),
            transient: true,
            retry_after: None,
        }
    }

    /// Trouble that asking again does not mend.
    #[must_use]
    pub fn lasting(url: &reqwest::Url, detail: impl Into<String>) -> Self {
        Self {
            transient: false,
            ..Self::transient(url, detail)
        }
    }
}

/// One request, without retry: HTTP, or a log within the process of a test.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// [`Trouble`], also for a body beyond the limit and for a redirect to elsewhere.
    async fn send(&self, request: Request) -> Result<Answer, Trouble>;
}
