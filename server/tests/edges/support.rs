//! A server on free ports, and a client that sends paths as they are.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::EncodePublicKey as _;
use serde_json::Value;
use treering_api::Log as _;
use treering_api::log::{Dialect, Submission};
use treering_server::clock::{Clock, SystemClock};
use treering_server::config::{Config, ServerUrl};
use treering_server::init::{InitOptions, init};
use treering_server::metrics::Metrics;
use treering_server::serve::Server;
use treering_server::trust::Services;

/// No answer of a test takes longer, on a busy machine either.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
    client: Client<HttpConnector, Full<Bytes>>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The kind of the error that it is.
    pub(crate) fn kind(&self) -> String {
        self.json()["error"]["kind"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

pub(crate) fn options(url: &str) -> InitOptions {
    InitOptions {
        url: ServerUrl::parse(url).unwrap(),
        dialects: vec![Dialect::RekorV2],
        origin: None,
        allow_foreign_origin: false,
        services: Services::default(),
    }
}

/// The configuration of a data directory on free ports, with settings over it.
pub(crate) fn config(dir: &Path, settings: &[(&str, &str)]) -> Config {
    let free = [
        ("TREERING_SERVER_LISTEN", "127.0.0.1:0"),
        ("TREERING_SERVER_ADMIN_LISTEN", "127.0.0.1:0"),
    ];
    let all = free
        .iter()
        .chain(settings)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(dir, all).unwrap()
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_prepared(settings, |_| {}).await
    }

    /// As [`Running::start_with`], after something was done to the new data directory.
    pub(crate) async fn start_prepared(
        settings: &[(&str, &str)],
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("log");
        init(&dir, options("http://localhost:3000"), clock())
            .await
            .unwrap();
        prepare(&dir);
        Self::start_in(folder, settings).await
    }

    /// A server on a data directory that is there.
    pub(crate) async fn start_in(folder: tempfile::TempDir, settings: &[(&str, &str)]) -> Self {
        let dir = folder.path().join("log");
        let config = config(&dir, settings);
        let server = Server::start(&dir, config, Arc::new(Metrics::new()), clock())
            .await
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            server,
            folder,
            client,
        }
    }

    /// Serves what an earlier server has left.
    pub(crate) async fn serve_in(folder: tempfile::TempDir) -> Self {
        Self::start_in(folder, &[]).await
    }

    /// Stops, and starts again on the same data directory.
    pub(crate) async fn restart(self) -> Self {
        Self::serve_in(self.stop_keeping().await).await
    }

    /// Stops, and keeps the data directory.
    pub(crate) async fn stop_keeping(self) -> tempfile::TempDir {
        assert!(self.server.stop(std::future::pending()).await);
        self.folder
    }

    pub(crate) fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("log")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addresses().listen
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(format!("{}{path}", self.url())), Bytes::new())
            .await
    }

    pub(crate) async fn admin(&self, path: &str) -> Answer {
        self.send(
            Request::get(format!(
                "http://{}{path}",
                self.server.addresses().admin_listen
            )),
            Bytes::new(),
        )
        .await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Request::post(format!("{}{path}", self.url())), body)
            .await
    }

    pub(crate) async fn send(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> Answer {
        let request = request.body(Full::from(body.into())).unwrap();
        let answer = async {
            let response = self.client.request(request).await.unwrap();
            let (parts, body) = response.into_parts();
            Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .expect("an answer in time")
    }

    /// Logs entries without a door, until the newest checkpoint covers `count` more.
    pub(crate) async fn grow(&self, from: usize, count: usize) {
        let submissions = (from..from + count)
            .map(|number| submission(&number.to_string()))
            .collect();
        for result in self
            .server
            .app()
            .service()
            .submit_batch(None, submissions)
            .await
        {
            result.unwrap();
        }
    }

    /// Stops it; its data directory stays.
    pub(crate) async fn stop_and_keep(self) -> tempfile::TempDir {
        assert!(self.server.stop(std::future::pending()).await);
        self.folder
    }

    pub(crate) async fn stop(self) -> bool {
        self.server.stop(std::future::pending()).await
    }
}

/// A signed DSSE envelope around a text, with its key.
pub(crate) fn submission(text: &str) -> Submission {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let pae = format!("DSSEv1 10 text/plain {} {text}", text.len());
    let signature: p256::ecdsa::Signature = key.sign(pae.as_bytes());
    let envelope = format!(
        r#"{{"payloadType":"text/plain","payload":"{}","signatures":[{{"sig":"{}"}}]}}"#,
        STANDARD.encode(text),
        STANDARD.encode(signature.to_der())
    );
    let public = key.verifying_key().to_public_key_der().unwrap();
    Submission {
        envelope: envelope.into(),
        verifiers: vec![public.as_bytes().to_vec().into()],
    }
}

/// The path that submits with the key of [`submission`].
pub(crate) fn submit_path() -> String {
    format!(
        "/v1/entries?verifiers={}",
        URL_SAFE_NO_PAD.encode(&submission("").verifiers[0])
    )
}

/// The configuration that a text means.
pub(crate) fn config_of(text: &str) -> Config {
    Config::read(treering_server::config::File::parse(Path::new("test"), text).unwrap()).unwrap()
}
