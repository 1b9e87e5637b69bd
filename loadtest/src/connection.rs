//! One HTTP/1.1 connection that is kept alive, driven directly: no pool, no redirect, no retry.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::args::Usage;
use crate::histogram::Failure;

/// A server and where on it to begin, resolved once.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    host: HeaderValue,
    path: String,
}

impl Target {
    /// Takes `http://HOST[:PORT][/PATH]` and resolves the host.
    ///
    /// # Errors
    /// [`Usage`] for another form of URL; a host without an address.
    pub(crate) async fn resolve(url: &str) -> anyhow::Result<Self> {
        let (uri, authority) = parse(url).map_err(Usage)?;
        let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let mut addresses = tokio::net::lookup_host((bare, port))
            .await
            .with_context(|| format!("cannot resolve {host}"))?;
        Ok(Self {
            address: addresses
                .next()
                .with_context(|| format!("{host} has no address"))?,
            host: HeaderValue::from_str(authority.as_str())?,
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The URL's origin, for clients that resolve it themselves.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The path of the URL followed by more, as a request line has it.
    ///
    /// # Errors
    /// What does not fit in a request line.
    pub(crate) fn uri(&self, rest: &str) -> anyhow::Result<Uri> {
        let text = format!("{}{rest}", self.path);
        text.parse()
            .with_context(|| format!("expected a path, found {text:?}"))
    }

    /// A request to a path made by [`Target::uri`].
    pub(crate) fn request(&self, method: Method, uri: Uri, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        request.headers_mut().insert(HOST, self.host.clone());
        request
    }

    /// A POST of JSON.
    pub(crate) fn request_json(&self, uri: Uri, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = self.request(Method::POST, uri, body);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        request
    }

    /// Gets one document on a connection of its own.
    ///
    /// # Errors
    /// Trouble of the connection, no answer in time, or another status than 200.
    pub(crate) async fn get(&self, rest: &str, timeout: Duration) -> anyhow::Result<Bytes> {
        let request = self.request(Method::GET, self.uri(rest)?, Bytes::new());
        self.once(request, timeout).await
    }

    /// Posts JSON on a connection of its own, and gets what is answered.
    ///
    /// # Errors
    /// As [`Target::get`].
    pub(crate) async fn post_json(
        &self,
        rest: &str,
        body: String,
        timeout: Duration,
    ) -> anyhow::Result<Bytes> {
        let request = self.request_json(self.uri(rest)?, body.into());
        self.once(request, timeout).await
    }

    async fn once(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> anyhow::Result<Bytes> {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = async { Connection::open(self).await?.send(request).await };
        let answer = tokio::time::timeout(timeout, answer)
            .await
            .unwrap_or(Err(Failure::TimedOut));
        let (status, body) = answer.map_err(|failure| anyhow::anyhow!("{what}: {failure}"))?;
        ensure!(
            status == StatusCode::OK,
            "{what}: expected status 200, found {status}"
        );
        Ok(body)
    }
}

fn parse(url: &str) -> anyhow::Result<(Uri, Authority)> {
    let uri: Uri = url
        .parse()
        .with_context(|| format!("expected a URL, found {url:?}"))?;
    ensure!(
        uri.scheme_str() == Some("http"),
        "expected a URL of scheme http, found {url:?}"
    );
    ensure!(
        uri.query().is_none(),
        "expected a URL without a query, found {url:?}"
    );
    let authority = uri
        .authority()
        .cloned()
        .with_context(|| format!("expected a URL with a host, found {url:?}"))?;
    ensure!(
        !authority.as_str().contains('@'),
        "expected a URL without user and password"
    );
    Ok((uri, authority))
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Connects, with Nagle's algorithm off.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) async fn open(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(target.address)
            .await
            .map_err(|error| io_failure(&error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| io_failure(&error))?;
        let (sender, driver) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| hyper_failure(&error))?;
        // Ends with the connection; what goes wrong in it is also told to whoever waits for the answer.
        drop(tokio::spawn(driver));
        Ok(Self(sender))
    }

    /// Whether the connection takes another request; a server may close one that is idle.
    pub(crate) async fn is_ready(&mut self) -> bool {
        self.0.ready().await.is_ok()
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// The connection broke, or the answer is longer than [`MAX_ANSWER`].
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let response = self
            .0
            .send_request(request)
            .await
            .map_err(|error| hyper_failure(&error))?;
        let status = response.status();
        match Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
        {
            Ok(body) => Ok((status, body.to_bytes())),
            Err(error) => match error.downcast_ref::<hyper::Error>() {
                Some(error) => Err(hyper_failure(error)),
                None => Err(Failure::Unreadable("longer than 64 MiB")),
            },
        }
    }
}

fn io_failure(error: &std::io::Error) -> Failure {
    Failure::Transport(error.kind().to_string())
}

/// The kind of the innermost I/O error if there is one (messages with addresses would make each failure a kind of its own).
fn hyper_failure(error: &hyper::Error) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return io_failure(io);
        }
        source = inner.source();
    }
    Failure::Transport(error.to_string())
}

/// A batch of 1,000 receipts with proofs of 40 hashes comes to 4 MiB; a bundle of tiles is at most 16 MiB.
const MAX_ANSWER: usize = 64 << 20;
