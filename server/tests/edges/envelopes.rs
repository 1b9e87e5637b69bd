//! Whichever way an envelope comes, it is given back byte for byte.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use serde_json::{Value, json};
use treering_api::Log as _;
use treering_api::grpc::rekor_v2::CreateEntryRequest;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::rekor::v2::create_entry_request::Spec;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::rekor::v2::verifier::Verifier as Material;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::rekor::v2::{
    DsseRequestV002, PublicKey, Verifier,
};
use treering_api::grpc::rekor_v2::pb::io::intoto;
use treering_api::grpc::rekor_v2::rekor_client::RekorClient;
use treering_api::log::Submission;
use treering_client::{GrpcRemote, HttpOptions};
use treering_tlog::Hash;

use super::archivista_support::{self, Key, encoded_again, log_dsse, log_entry, uploaded};
use super::support::{Answer, Running};

const TEXT: &str = "text/plain";

/// What is sent to a server, and the envelopes that it is to give back.
struct Sender {
    server: Running,
    key: Key,
    /// Makes the payloads longer than what a database keeps, or not.
    filler: String,
    expected: Vec<(&'static str, Bytes)>,
}

fn created(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
}

impl Sender {
    fn payload(&self, route: &str) -> String {
        format!("{route}{}", self.filler)
    }

    /// An envelope as no encoder writes it.
    fn odd(&mut self, route: &'static str) -> Bytes {
        let payload = self.payload(route);
        let (signature, key_id) = (self.key.sign(TEXT, &payload), self.key.openssh());
        let payload = STANDARD.encode(payload);
        let envelope: Bytes = format!(
            "{{ \"signatures\" :[ {{\"sig\":\"{signature}\",\t\"keyid\": \"{key_id}\"}}\n],  \"payload\":\"{payload}\" ,\"payloadType\":\"text\\/plain\"}}"
        )
        .into();
        self.expected.push((route, envelope.clone()));
        envelope
    }

    fn submission(&mut self, route: &'static str) -> Submission {
        Submission {
            envelope: self.odd(route),
            verifiers: vec![self.key.pem().into()],
        }
    }

    async fn rekor_v1(&mut self) {
        let dsse = self.odd("dsse");
        created(&log_dsse(&self.server, &dsse, &[&self.key]).await);
        let v001 = self.odd("intoto 0.0.1");
        let proposed = archivista_support::intoto("0.0.1", &v001, &self.key);
        created(&log_entry(&self.server, proposed.to_string()).await);
        // This one comes in pieces; they are put together in one way.
        let v002 = self.odd("intoto 0.0.2");
        let proposed = archivista_support::intoto("0.0.2", &v002, &self.key);
        created(&log_entry(&self.server, proposed.to_string()).await);
        let again = encoded_again(&v002);
        let again = again.slice(..again.len() - 1);
        self.expected.pop();
        self.expected.push(("intoto 0.0.2", again));
        let upload = self.odd("upload");
        uploaded(&self.server, &upload).await;
    }

    async fn native_json(&mut self) {
        let single = self.odd("native");
        let pem = self.key.pem();
        let path = format!("/v1/entries?verifiers={}", URL_SAFE_NO_PAD.encode(&pem));
        created(&self.server.post(&path, single).await);
        let members = ["native batch 1", "native batch 2"].map(|route| {
            let envelope = self.odd(route);
            let text = std::str::from_utf8(&envelope).unwrap();
            format!(
                r#"{{"envelope": {text} , "verifiers": ["{}"]}}"#,
                STANDARD.encode(&pem)
            )
        });
        let body = format!(r#"{{"entries": [{}]}}"#, members.join(", "));
        let answer = self.server.post("/v1/entries:batch", body).await;
        assert_eq!(answer.status, StatusCode::OK);
        for result in answer.json()["results"].as_array().unwrap() {
            assert_eq!(result["status"], 201, "{result}");
        }
    }

    async fn native_grpc(&mut self) {
        let remote = GrpcRemote::new(&HttpOptions::default(), &self.server.url()).unwrap();
        let single = self.submission("grpc");
        remote.submit(None, single).await.unwrap();
        let batch = ["grpc batch 1", "grpc batch 2"].map(|route| self.submission(route));
        for result in remote.submit_batch(None, batch.to_vec()).await {
            result.unwrap();
        }
        let stream = ["grpc stream 1", "grpc stream 2"].map(|route| self.submission(route));
        let results = remote.submit_stream(None, stream::iter(stream)).await;
        let results: Vec<_> = results.unwrap().collect().await;
        assert_eq!(results.len(), 2);
        for result in results {
            result.unwrap();
        }
    }

    async fn rekor_v2(&mut self) {
        let key = treering_attest::PublicKey::from_pem_or_der(self.key.pem().as_bytes()).unwrap();
        let der = Bytes::copy_from_slice(key.spki_der());
        let verifier = json!({"publicKey": {"rawBytes": STANDARD.encode(&der)}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"});
        let rest = self.odd("rekor-v2");
        let text = std::str::from_utf8(&rest).unwrap();
        let body =
            format!(r#"{{"dsseRequestV002":{{"envelope": {text} ,"verifiers":[{verifier}]}}}}"#);
        created(&self.server.post("/api/v2/log/entries", body).await);
        // A message has no bytes that could be kept: it is written as DSSE's JSON, in one way.
        let odd = self.odd("rekor-v2 grpc");
        self.expected.pop();
        let payload = self.payload("rekor-v2 grpc");
        let message = DsseRequestV002 {
            envelope: Some(message(&odd, payload)),
            verifiers: vec![Verifier {
                verifier: Some(Material::PublicKey(PublicKey { raw_bytes: der })),
                key_details: 5,
            }],
        };
        let spec = Some(Spec::DsseRequestV002(message));
        let client = RekorClient::connect(self.server.url()).await;
        let request = CreateEntryRequest { spec };
        client.unwrap().create_entry(request).await.unwrap();
        let again = encoded_again(&odd);
        let parsed: Value = serde_json::from_slice(&again).unwrap();
        assert_eq!(parsed, serde_json::from_slice::<Value>(&odd).unwrap());
        let again = again.slice(..again.len() - 1);
        self.expected.push(("rekor-v2 grpc", again));
    }
}

fn message(envelope: &[u8], payload: String) -> intoto::Envelope {
    let parsed: Value = serde_json::from_slice(envelope).unwrap();
    let signature = &parsed["signatures"][0];
    intoto::Envelope {
        payload: payload.into(),
        payload_type: TEXT.to_owned(),
        signatures: vec![intoto::Signature {
            sig: STANDARD
                .decode(signature["sig"].as_str().unwrap())
                .unwrap()
                .into(),
            keyid: signature["keyid"].as_str().unwrap().to_owned(),
        }],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_keeps_the_bytes_that_it_was_sent() {
    let settings = [("TREERING_SERVER_REKOR_V2_DSSE_REQUESTS", "true")];
    let mut sender = Sender {
        server: archivista_support::start_with(&settings).await,
        key: Key::new(3),
        filler: String::new(),
        expected: Vec::new(),
    };
    for filler in [0, 300_000] {
        sender.filler = "x".repeat(filler);
        sender.rekor_v1().await;
        sender.native_json().await;
        sender.native_grpc().await;
        sender.rekor_v2().await;
    }
    assert_eq!(sender.expected.len(), 2 * 14);
    for (route, envelope) in &sender.expected {
        let path = format!("/v1/envelopes/{}", Hash::of(envelope));
        let answer = sender.server.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{route}");
        assert!(answer.body == *envelope, "{route}: {:?}", answer.body);
    }
    assert!(sender.server.stop().await);
}
