//! HTTP with timeouts, bounds and TLS, for the REST and tile readers.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, RequestBuilder, Response, Url};

use crate::error::{FetchError, chain};

/// How long, and whom to trust for TLS.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Until a connection stands. Default 10 s.
    pub connect_timeout: Duration,
    /// Until an answer is complete; a tail has no such limit. Default 90 s: a server waits up to 60 s before it answers.
    pub timeout: Duration,
    /// Certificate authorities in PEM to trust beside those of the system.
    pub ca_certificates: Option<Vec<u8>>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(90),
            ca_certificates: None,
        }
    }
}

/// A pool of connections; cloning shares it.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    timeout: Duration,
}

/// Makes aws-lc the process's provider of cryptography for TLS, unless one was chosen already.
pub(crate) fn install_tls_provider() {
    // An error only says that somebody installed one before, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

impl Http {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// [`FetchError::Setup`] if the certificate authorities are not PEM or the system's cannot be read.
    pub fn new(options: &HttpOptions) -> Result<Self, FetchError> {
        install_tls_provider();
        let setup = |e: reqwest::Error| FetchError::Setup { detail: chain(&e) };
        let mut builder = Client::builder()
            .user_agent(concat!("treering/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .redirect(reqwest::redirect::Policy::limited(3))
            .tcp_keepalive(Duration::from_secs(30))
            .tcp_nodelay(true);
        if let Some(pem) = &options.ca_certificates {
            builder =
                builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem).map_err(setup)?);
        }
        Ok(Self {
            client: builder.build().map_err(setup)?,
            timeout: options.timeout,
        })
    }

    pub(crate) fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }

    pub(crate) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// Sends a request and reads its answer, whatever its status, within the timeout.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<(http::StatusCode, Bytes), FetchError> {
        let (response, url) = self.open(request.timeout(self.timeout)).await?;
        let status = response.status();
        Ok((status, self.read(response, &url, limit).await?))
    }

    /// Sends a request and returns its answer unread; only connecting is limited in time.
    pub(crate) async fn open(
        &self,
        request: RequestBuilder,
    ) -> Result<(Response, String), FetchError> {
        let request = request
            .build()
            .map_err(|e| FetchError::Setup { detail: chain(&e) })?;
        let url = request.url().to_string();
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|e| self.failed(&url, e))?;
        Ok((response, url))
    }

    async fn read(
        &self,
        mut response: Response,
        url: &str,
        limit: usize,
    ) -> Result<Bytes, FetchError> {
        let too_large = || FetchError::TooLarge {
            url: url.to_owned(),
            limit,
        };
        let announced = response.content_length().unwrap_or(0);
        if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(url, e))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn failed(&self, url: &str, error: reqwest::Error) -> FetchError {
        let url = url.to_owned();
        if error.is_timeout() {
            return FetchError::Timeout {
                url,
                seconds: self.timeout.as_secs(),
            };
        }
        FetchError::Connection {
            url,
            detail: chain(&error.without_url()),
        }
    }
}

/// The address of a server or a log, to which paths are added.
#[derive(Clone, Debug)]
pub(crate) struct Base(Url);

impl Base {
    pub(crate) fn parse(text: &str) -> Result<Self, FetchError> {
        let wrong = |detail: &str| FetchError::Address {
            url: text.to_owned(),
            detail: detail.to_owned(),
        };
        let mut url = Url::parse(text).map_err(|e| wrong(&e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("only http and https are spoken"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("a query or fragment has no meaning here"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// The address with a path of plain characters added.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let whole = format!("{}{path}", url.path());
        url.set_path(&whole);
        url
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}
