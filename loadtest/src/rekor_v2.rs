//! `submit` by Rekor v2's API: the envelopes of the corpus as the `hashedrekord` requests that clients make of them, over
//! the digest of the pre-authentication encoding that was signed. All requests are made before the run.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use serde::Deserialize;
use treering_attest::{DigestAlgorithm, Envelope};

use crate::check::{Answer, Sample};
use crate::connection::Target;
use crate::corpus::CorpusKey;
use crate::drive::Exchange;
use crate::histogram::{Failure, Outcome};
use crate::rekor_v1::submit::only_signature;
use crate::submit::{Source, is_object};

/// `POST /api/v2/log/entries`.
#[derive(Debug)]
pub(crate) struct RekorV2 {
    source: Source,
    target: Target,
    uri: Uri,
    /// By number of this run.
    bodies: Vec<Bytes>,
}

impl RekorV2 {
    /// Makes so many requests, on so many threads.
    ///
    /// # Errors
    /// A path that does not fit in a request line, or a corpus with something else than envelopes in it.
    pub(crate) fn new(
        source: Source,
        target: Target,
        requests: u64,
        threads: usize,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            uri: target.uri("/api/v2/log/entries")?,
            bodies: source.each(requests, threads, &body)?,
            source,
            target,
        })
    }
}

/// The protojson of a `CreateEntryRequest`.
fn body(envelope: &[u8], key: &CorpusKey) -> anyhow::Result<Bytes> {
    let envelope = Envelope::parse(envelope)?;
    let digest = STANDARD.encode(envelope.pae_digest(DigestAlgorithm::Sha256));
    let content = STANDARD.encode(only_signature(&envelope)?);
    let public_key = &key.base64;
    Ok(format!(r#"{{"hashedRekordRequestV002":{{"digest":"{digest}","signature":{{"content":"{content}","verifier":{{"publicKey":{{"rawBytes":"{public_key}"}},"keyDetails":"PKIX_ECDSA_P256_SHA_256"}}}}}}}}"#).into())
}

impl Exchange for RekorV2 {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        let position = usize::try_from(number).expect("it is below the number of bodies");
        let body = self.bodies[position].clone();
        self.target.request_json(self.uri.clone(), body)
    }

    /// Only 201 is a success to the clients of this API: a log that has the entry answers 409, without a proof.
    fn read(&self, number: u64, status: StatusCode, body: Bytes) -> Outcome {
        let bytes = body.len() as u64;
        if status != StatusCode::CREATED || !is_object(body.trim_ascii()) {
            return Outcome {
                bytes,
                ..Outcome::failed(refusal(status, &body), 1)
            };
        }
        let answer = || Sample {
            first: self.source.first + number,
            answer: Answer::RekorV2(body),
        };
        Outcome {
            fresh: 1,
            bytes,
            sample: self.source.sampler.picks(number).then(answer),
            ..Outcome::default()
        }
    }

    fn entries(&self, _number: u64) -> u64 {
        1
    }
}

/// What an answer other than an entry says: the code of gRPC in its body, not its text, which may name an index.
fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    match serde_json::from_slice::<StatusJson>(body) {
        Ok(StatusJson { code }) => Failure::Rejected(format!(
            "{:?} ({})",
            tonic::Code::from(code),
            status.as_u16()
        )),
        Err(_) if status == StatusCode::CREATED => {
            Failure::Unreadable("a success without the JSON of an entry")
        }
        Err(_) => Failure::Status(status.as_u16().to_string()),
    }
}

/// `google.rpc.Status` as JSON.
#[derive(Deserialize)]
struct StatusJson {
    code: i32,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::check::Sampler;
    use crate::corpus::{Corpus, CorpusSpec};

    /// The body that a real server took, see `tests/vectors/rekor-tiles/SOURCE`.
    const REQUEST: &[u8] = include_bytes!("../tests/vectors/rekor-tiles/request.json");

    fn source() -> Source {
        let spec = CorpusSpec {
            seed: 1,
            bytes: 512,
            keys: 16,
            count: 7,
        };
        Source {
            corpus: Arc::new(Corpus::generate(spec, 1, &|_| ()).unwrap()),
            first: 1,
            sampler: Sampler::new(1, 0.0),
        }
    }

    #[tokio::test]
    async fn requests_are_made_in_order_on_any_number_of_threads() {
        let target = Target::resolve("http://127.0.0.1:1/log").await.unwrap();
        for threads in [1, 2, 5, 9] {
            let made = RekorV2::new(source(), target.clone(), 6, threads).unwrap();
            assert_eq!(made.bodies.len(), 6);
            assert_eq!(made.bodies[2], REQUEST, "{threads}");
            assert_eq!(made.uri.path(), "/log/api/v2/log/entries");
            let distinct: std::collections::HashSet<_> = made.bodies.iter().collect();
            assert_eq!(distinct.len(), 6, "{threads}");
        }
    }
}
