//! HTTP: bounded, timed, and never redirected to elsewhere.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, header};

use super::{Answer, Request, Transport, Trouble};

/// How long, and whom to trust for TLS.
#[derive(Clone, Debug)]
pub struct HttpTransportOptions {
    /// Until an answer is complete.
    pub timeout: Duration,
    /// Certificate authorities in PEM to trust beside those of the system.
    pub ca_certificates: Option<Vec<u8>>,
}

/// A pool of connections.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: Client,
}

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 3;
/// The most seconds of a `Retry-After` that are heeded.
const MAX_RETRY_AFTER: u64 = 300;

impl HttpTransport {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// A text, if the certificate authorities are not PEM or those of the system cannot be read.
    pub fn new(options: &HttpTransportOptions) -> Result<Self, String> {
        // An error only says that a provider was installed before, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let said = |e: reqwest::Error| format!("cannot set up http: {e}");
        let mut builder = Client::builder()
            .user_agent(concat!("treering-monitor/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.timeout.min(Duration::from_secs(10)))
            .timeout(options.timeout)
            .redirect(Policy::custom(stay))
            .tcp_nodelay(true);
        if let Some(pem) = &options.ca_certificates {
            let authorities = reqwest::Certificate::from_pem_bundle(pem).map_err(said)?;
            builder = builder.tls_certs_merge(authorities);
        }
        Ok(Self {
            client: builder.build().map_err(said)?,
        })
    }
}

/// Follows a redirect on the same scheme, host and port only; the answer of any other is the redirect itself.
fn stay(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let same = |from: &reqwest::Url| from.origin() == attempt.url().origin();
    if attempt.previous().len() <= MAX_REDIRECTS && attempt.previous().iter().all(same) {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Answer, Trouble> {
        let Request {
            url,
            body,
            limit,
            fresh,
        } = request;
        let mut asked = url.clone();
        if fresh {
            // A query of its own passes by caches that heed no header.
            let nonce = getrandom::u64().unwrap_or_default();
            asked.set_query(Some(&format!("fresh={nonce:016x}")));
        }
        let mut builder = match body {
            None => self.client.get(asked),
            Some(body) => self
                .client
                .post(asked)
                .header(header::CONTENT_TYPE, "application/json")
                .body(body),
        };
        if fresh {
            builder = builder
                .header(header::CACHE_CONTROL, "no-cache")
                .header(header::PRAGMA, "no-cache");
        }
        let failed = |e: reqwest::Error| Trouble::transient(&url, describe(&e.without_url()));
        let response = builder.send().await.map_err(failed)?;
        let mut answer = head(&response);
        answer.body = read(response, &url, limit).await?;
        Ok(answer)
    }
}

fn head(response: &Response) -> Answer {
    let text = |name: header::HeaderName| response.headers().get(name)?.to_str().ok();
    let media_type = text(header::CONTENT_TYPE)
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    let date = text(header::DATE)
        .and_then(http_date)
        .filter(|secs| *secs > 0);
    let retry_after = text(header::RETRY_AFTER)
        .and_then(|value| value.trim().parse().ok())
        .map(|secs: u64| Duration::from_secs(secs.min(MAX_RETRY_AFTER)));
    Answer {
        status: response.status().as_u16(),
        media_type,
        date,
        retry_after,
        body: Bytes::new(),
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since the epoch.
fn http_date(value: &str) -> Option<u64> {
    let parsed = jiff::fmt::rfc2822::parse(&value.replace("GMT", "+0000")).ok()?;
    u64::try_from(parsed.timestamp().as_second()).ok()
}

async fn read(mut response: Response, url: &reqwest::Url, limit: usize) -> Result<Bytes, Trouble> {
    let too_large = || {
        let detail = format!("expected at most {limit} bytes, found more");
        Trouble::lasting(url, detail)
    };
    let announced = response.content_length().unwrap_or(0);
    if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|e| Trouble::transient(url, describe(&e.without_url())))?;
        let Some(chunk) = chunk else {
            return Ok(body.freeze());
        };
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
}

/// An error and its causes on one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_seconds() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(http_date("yesterday"), None);
    }
}
