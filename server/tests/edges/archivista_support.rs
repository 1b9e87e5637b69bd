//! Envelopes of throw-away keys, the recorded exchanges, and what tests of Archivista's door ask a server.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use serde::Deserialize;
use serde_json::{Value, json};
use treering_api::log::Dialect;
use treering_attest::{KeyAliases, PublicKey};
use treering_server::app::{Change, NewLog};
use treering_tlog::Hash;

use super::admin::name;
use super::support::{Answer, PATIENCE, Running};

pub(crate) const ENTRIES: &str = "/api/v1/log/entries";
pub(crate) const STATEMENT: &str = "application/vnd.in-toto+json";
/// The header of an answer whose envelope is held.
pub(crate) const UNVERIFIED: &str = "treering-unverified";

/// A throw-away key.
pub(crate) struct Key(p256::ecdsa::SigningKey);

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0
            .verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .unwrap()
    }

    pub(crate) fn aliases(&self) -> KeyAliases {
        KeyAliases::of(&PublicKey::from_pem_or_der(self.pem().as_bytes()).unwrap())
    }

    /// As Chains names it.
    pub(crate) fn openssh(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(self.aliases().ssh))
    }

    pub(crate) fn sign(&self, kind: &str, payload: &str) -> String {
        let pae = treering_attest::pae(kind, payload.as_bytes());
        let signature: p256::ecdsa::Signature = self.0.sign(&pae);
        STANDARD.encode(signature.to_der())
    }

    /// A signature as an envelope holds it, with a key id.
    pub(crate) fn signature(&self, kind: &str, payload: &str, key_id: &str) -> Value {
        json!({"keyid": key_id, "sig": self.sign(kind, payload)})
    }

    /// An envelope with this one signature, by the name that Chains gives the key.
    pub(crate) fn envelope(&self, payload: &str) -> Bytes {
        envelope(
            STATEMENT,
            payload,
            &[self.signature(STATEMENT, payload, &self.openssh())],
        )
    }

    /// Logs something else with this key, so that the server knows it.
    pub(crate) async fn introduce(&self, server: &Running) {
        let payload = format!("introduces {}", hex::encode(self.aliases().spki));
        let envelope = envelope(
            "text/plain",
            &payload,
            &[self.signature("text/plain", &payload, "")],
        );
        let answer = log_dsse(server, &envelope, &[self]).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    }
}

/// An envelope, its members in the order in which Chains writes them.
pub(crate) fn envelope(kind: &str, payload: &str, signatures: &[Value]) -> Bytes {
    let payload = STANDARD.encode(payload);
    let signatures = serde_json::to_string(signatures).unwrap();
    format!(r#"{{"payloadType":"{kind}","payload":"{payload}","signatures":{signatures}}}"#).into()
}

/// The same envelope as go-witness encodes it.
pub(crate) fn encoded_again(envelope: &[u8]) -> Bytes {
    let parsed: Value = serde_json::from_slice(envelope).unwrap();
    let signatures = serde_json::to_string(&parsed["signatures"]).unwrap();
    let (payload, kind) = (&parsed["payload"], &parsed["payloadType"]);
    format!("{{\"payload\":{payload},\"payloadType\":{kind},\"signatures\":{signatures}}}\n").into()
}

/// A statement about something, as a payload.
pub(crate) fn statement(subject: &str) -> String {
    let digest = Hash::of(subject.as_bytes()).to_hex();
    json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{"name": subject, "digest": {"sha256": digest}}], "predicate": {}})
    .to_string()
}

pub(crate) fn gitoid(bytes: &[u8]) -> String {
    let head = format!("blob {}\0", bytes.len());
    Hash::of(&[head.as_bytes(), bytes].concat()).to_hex()
}

/// A server with a log of Rekor v1.
pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Running {
    with_log(Running::start_with(settings).await).await
}

pub(crate) async fn start() -> Running {
    start_with(&[]).await
}

pub(crate) async fn with_log(server: Running) -> Running {
    let log = new_log("rekor-v1");
    server.server.app().change(Change::Add(log)).await.unwrap();
    server
}

pub(crate) fn new_log(called: &str) -> NewLog {
    NewLog {
        name: name(called),
        dialect: Dialect::RekorV1,
        url: None,
        origin: None,
        allow_foreign_origin: false,
    }
}

pub(crate) async fn upload(server: &Running, envelope: &Bytes) -> Answer {
    server.post("/upload", envelope.clone()).await
}

/// Uploads what is taken; its gitoid.
pub(crate) async fn uploaded(server: &Running, envelope: &Bytes) -> String {
    let answer = upload(server, envelope).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(answer.json(), json!({"gitoid": gitoid(envelope)}));
    gitoid(envelope)
}

pub(crate) async fn download(server: &Running, gitoid: &str) -> Answer {
    server.get(&format!("/download/{gitoid}")).await
}

/// Downloads what is there: its bytes, and whether it is held.
pub(crate) async fn downloaded(server: &Running, gitoid: &str) -> (Bytes, bool) {
    let answer = download(server, gitoid).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let unverified = answer.headers.get(UNVERIFIED).is_some();
    (answer.body, unverified)
}

/// Waits until a held envelope belongs to an entry.
pub(crate) async fn promoted(server: &Running, envelope: &Bytes) {
    let gitoid = gitoid(envelope);
    until(async || {
        let (bytes, unverified) = downloaded(server, &gitoid).await;
        assert_eq!(bytes, envelope);
        !unverified
    })
    .await;
}

/// Asks again and again until it is so.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("in time");
}

/// How many entries the newest log of Rekor v1 has.
pub(crate) async fn log_size(server: &Running) -> u64 {
    let info = server.get("/api/v1/log").await.json();
    info["treeSize"].as_u64().unwrap()
}

/// Waits until it has so many, which are published a moment after they are committed. It must not have more.
pub(crate) async fn grown_to(server: &Running, size: u64) {
    until(async || log_size(server).await >= size).await;
    assert_eq!(log_size(server).await, size);
}

/// The leaf of the entry at an index.
pub(crate) async fn leaf(server: &Running, index: u64) -> Value {
    let answer = server.get(&format!("{ENTRIES}?logIndex={index}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{index}: {:?}", answer.body);
    let entries = answer.json();
    let entry = entries.as_object().unwrap().values().next().unwrap();
    let body = STANDARD.decode(entry["body"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// `POST /api/v1/log/entries`.
pub(crate) async fn log_entry(server: &Running, body: impl Into<Bytes>) -> Answer {
    let request = Request::post(format!("{}{ENTRIES}", server.url()));
    let request = request.header("content-type", "application/json");
    server.send(request, body).await
}

pub(crate) async fn log_dsse(server: &Running, envelope: &Bytes, keys: &[&Key]) -> Answer {
    let verifiers: Vec<_> = keys.iter().map(|key| STANDARD.encode(key.pem())).collect();
    let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": {
        "envelope": std::str::from_utf8(envelope).unwrap(), "verifiers": verifiers}, "signatures": null}});
    log_entry(server, body.to_string()).await
}

/// The proposed intoto entry of an envelope of one signature, in either version.
pub(crate) fn intoto(version: &str, envelope: &Bytes, key: &Key) -> Value {
    let text = std::str::from_utf8(envelope).unwrap();
    let (pem, hash) = (STANDARD.encode(key.pem()), Hash::of(envelope).to_hex());
    let hash = json!({"algorithm": "sha256", "value": hash});
    if version == "0.0.1" {
        return json!({"apiVersion": version, "kind": "intoto",
            "spec": {"content": {"envelope": text, "hash": hash}, "publicKey": pem}});
    }
    let parsed: Value = serde_json::from_slice(envelope).unwrap();
    let again = |value: &Value| STANDARD.encode(value.as_str().unwrap());
    let payload = STANDARD
        .decode(parsed["payload"].as_str().unwrap())
        .unwrap();
    let signature = &parsed["signatures"][0];
    json!({"apiVersion": version, "kind": "intoto", "spec": {"content": {"hash": hash,
        "payloadHash": {"algorithm": "sha256", "value": Hash::of(&payload).to_hex()},
        "envelope": {"payload": again(&parsed["payload"]), "payloadType": parsed["payloadType"], "signatures": [
            {"keyid": signature["keyid"], "sig": again(&signature["sig"]), "publicKey": pem}]}}}})
}

/// The value of a series.
pub(crate) async fn metric(server: &Running, series: &str) -> u64 {
    let text = String::from_utf8(server.admin("/metrics").await.body.to_vec()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.and_then(|value| value.trim().parse().ok())
        .unwrap_or_else(|| panic!("{series} is not in {text}"))
}

/// A recorded exchange.
#[derive(Debug, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) at_ms: u64,
    pub(crate) request: RecordedRequest,
    pub(crate) response: Option<RecordedResponse>,
    pub(crate) note: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RecordedRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) framing: String,
    pub(crate) body: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RecordedResponse {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// What a run of Chains sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) rekor: Vec<Exchange>,
    pub(crate) archivista: Vec<Exchange>,
}

/// What a tool of Archivista sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Tool {
    pub(crate) exchanges: Vec<Exchange>,
}

impl Exchange {
    /// The gitoid of the real server's answer to an upload.
    pub(crate) fn gitoid(&self) -> Option<String> {
        let answer = self
            .response
            .as_ref()
            .filter(|answer| answer.status == 200)?;
        let answer: Value = serde_json::from_str(&answer.body).ok()?;
        Some(answer["gitoid"].as_str()?.to_owned())
    }

    /// Sends it as it was sent, its framing too.
    pub(crate) async fn replay(&self, server: &Running) -> Answer {
        let request = &self.request;
        let url = format!("{}{}", server.url(), request.path);
        let body = Bytes::from(request.body.clone());
        if request.framing == "chunked" {
            let pieces = super::limits::chunks(&body, 1000);
            let (status, body) = super::limits::post_chunked(&url, pieces).await;
            return Answer {
                status,
                headers: HeaderMap::new(),
                body,
            };
        }
        let mut sent = Request::builder().method(request.method.as_str()).uri(url);
        let computed = [
            "Host",
            "Content-Length",
            "Connection",
            "Transfer-Encoding",
            "Accept-Encoding",
        ];
        for (name, value) in &request.headers {
            if !computed.contains(&name.as_str()) {
                sent = sent.header(name, value);
            }
        }
        server.send(sent, body).await
    }
}
