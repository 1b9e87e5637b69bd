//! A server with one log of dialect rekor-v1 on a free port, and a client that sends requests as they were recorded.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use treering_api::log::Dialect;
use treering_server::clock::{Clock, SystemClock};
use treering_server::config::{Config, ServerUrl};
use treering_server::init::{InitOptions, init};
use treering_server::metrics::Metrics;
use treering_server::serve::Server;
use treering_server::trust::Services;

/// The host in the server's own URL, which signs its checkpoints.
pub(crate) const HOST: &str = "localhost";
/// No answer takes longer, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of a chunk, as they were sent when the requests were recorded.
const CHUNK: usize = 65_536;

pub(crate) struct Running {
    server: Server,
    _folder: tempfile::TempDir,
    client: Client<HttpConnector, BoxBody<Bytes, Infallible>>,
}

/// A request with nothing left to fill in.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: BTreeMap<&'a str, String>,
    pub(crate) body: Bytes,
    pub(crate) chunked: bool,
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The values of a header, as one.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(name).iter();
        let values: Vec<&str> = values.map(|value| value.to_str().unwrap()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl Asked<'_> {
    fn body(&self) -> BoxBody<Bytes, Infallible> {
        if !self.chunked {
            return Full::from(self.body.clone()).boxed();
        }
        let chunks: Vec<_> = (0..self.body.len())
            .step_by(CHUNK)
            .map(|from| {
                let to = self.body.len().min(from + CHUNK);
                Ok(Frame::data(self.body.slice(from..to)))
            })
            .collect();
        BoxBody::new(StreamBody::new(futures_util::stream::iter(chunks)))
    }
}

impl Running {
    /// A fresh log.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("log");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let options = InitOptions {
            url: ServerUrl::parse(&format!("http://{HOST}:3000")).unwrap(),
            dialects: vec![Dialect::RekorV1],
            origin: None,
            allow_foreign_origin: false,
            services: Services::default(),
        };
        init(&dir, options, Arc::clone(&clock)).await.unwrap();
        let free = [
            ("TREERING_SERVER_LISTEN", "127.0.0.1:0"),
            ("TREERING_SERVER_ADMIN_LISTEN", "127.0.0.1:0"),
        ];
        let free = free.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(&dir, free).unwrap();
        let server = Server::start(&dir, config, Arc::new(Metrics::new()), clock);
        Self {
            server: server.await.unwrap(),
            _folder: folder,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub(crate) async fn send(&self, asked: Asked<'_>) -> Answer {
        let url = format!("http://{}{}", self.server.addresses().listen, asked.path);
        let mut request = Request::builder().method(asked.method).uri(url);
        for (name, value) in &asked.headers {
            request = request.header(*name, value);
        }
        let request = request.body(asked.body()).unwrap();
        let answer = async {
            let (parts, body) = self.client.request(request).await.unwrap().into_parts();
            Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .expect("an answer in time")
    }

    pub(crate) async fn get(&self, path: &str, accept: &str) -> Answer {
        self.send(Asked {
            method: "GET",
            path,
            headers: BTreeMap::from([("accept", accept.to_owned())]),
            body: Bytes::new(),
            chunked: false,
        })
        .await
    }

    /// Stops; whether all that was accepted was answered.
    pub(crate) async fn stop(self) -> bool {
        self.server.stop(std::future::pending()).await
    }
}
