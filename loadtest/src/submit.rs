//! `submit` by HTTP: one envelope a request, or a batch. Answers are not parsed during the run, except refusals: the
//! status and a look at the shape tell enough, and what was sampled is verified afterwards.

use std::sync::Arc;

use anyhow::Context;
use bytes::{BufMut, Bytes, BytesMut};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use treering_api::json::{BatchResponseJson, ErrorJson};
use treering_api::log::{LogName, Submitted};

use crate::check::{Answer, Sample, Sampler};
use crate::connection::Target;
use crate::corpus::{Corpus, CorpusKey};
use crate::drive::Exchange;
use crate::histogram::{Failure, Outcome};

/// What every mode submits, and of which answers it keeps the text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) corpus: Arc<Corpus>,
    /// The envelope of the first slot.
    pub(crate) first: u64,
    pub(crate) sampler: Sampler,
}

impl Source {
    /// The envelope with a number of this run (from 0), and its key.
    pub(crate) fn entry(&self, number: u64) -> (Bytes, &CorpusKey) {
        let number = self.first + number;
        let envelope = self
            .corpus
            .envelope(number)
            .expect("the schedule ends with the corpus");
        (envelope, &self.corpus.keys()[self.corpus.key_of(number)])
    }
}

/// Makes the body of a request of an envelope and its key.
type Maker<'a> = dyn Fn(&[u8], &CorpusKey) -> anyhow::Result<Bytes> + Sync + 'a;

impl Source {
    /// The bodies of so many requests with one envelope each, in order, made on so many threads.
    ///
    /// # Errors
    /// That of the maker, and of which envelope.
    pub(crate) fn each(
        &self,
        requests: u64,
        threads: usize,
        make: &Maker<'_>,
    ) -> anyhow::Result<Vec<Bytes>> {
        let threads = threads.max(1) as u64;
        let share = requests.div_ceil(threads);
        let one = |number| {
            let (envelope, key) = self.entry(number);
            let place = || format!("envelope {} of the corpus", self.first + number);
            make(&envelope, key).with_context(place)
        };
        let parts = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..threads)
                .map(|thread| {
                    let numbers = share * thread..(share * (thread + 1)).min(requests);
                    scope.spawn(move || numbers.map(one).collect())
                })
                .collect();
            let join = |maker: std::thread::ScopedJoinHandle<'_, anyhow::Result<Vec<_>>>| {
                maker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            makers.into_iter().map(join).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(parts.concat())
    }
}

/// `POST /v1/entries`.
#[derive(Debug)]
pub(crate) struct Single {
    source: Source,
    target: Target,
    /// By key: the key stands in the query.
    uris: Vec<Uri>,
}

impl Single {
    /// # Errors
    /// A path that does not fit in a request line.
    pub(crate) fn new(source: Source, target: Target, log: &LogName) -> anyhow::Result<Self> {
        let uri =
            |key: &CorpusKey| target.uri(&format!("/v1/entries?log={log}&verifiers={}", key.query));
        let uris = source
            .corpus
            .keys()
            .iter()
            .map(uri)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            source,
            target,
            uris,
        })
    }
}

impl Exchange for Single {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        let key = self.source.corpus.key_of(self.source.first + number);
        let (envelope, _) = self.source.entry(number);
        self.target
            .request(Method::POST, self.uris[key].clone(), envelope)
    }

    fn read(&self, number: u64, status: StatusCode, body: Bytes) -> Outcome {
        let bytes = body.len() as u64;
        match status {
            StatusCode::CREATED | StatusCode::OK if is_object(&body) => {
                let fresh = u64::from(status == StatusCode::CREATED);
                let answer = || Sample {
                    first: self.source.first + number,
                    answer: Answer::Single(body),
                };
                let sample = self.source.sampler.picks(number).then(answer);
                Outcome {
                    fresh,
                    duplicates: 1 - fresh,
                    bytes,
                    sample,
                    ..Outcome::default()
                }
            }
            _ => Outcome {
                bytes,
                ..Outcome::failed(refusal(status, &body), 1)
            },
        }
    }

    fn entries(&self, _number: u64) -> u64 {
        1
    }
}

/// `POST /v1/entries:batch`.
#[derive(Debug)]
pub(crate) struct Batch {
    source: Source,
    target: Target,
    uri: Uri,
    size: u64,
    count: u64,
    /// By key: what stands after its envelopes.
    tails: Vec<String>,
}

impl Batch {
    /// Batches of `size` entries, of `count` entries in all (the last batch may be smaller).
    ///
    /// # Errors
    /// A path that does not fit in a request line.
    pub(crate) fn new(
        source: Source,
        target: Target,
        log: &LogName,
        size: u64,
        count: u64,
    ) -> anyhow::Result<Self> {
        let uri = target
            .uri(&format!("/v1/entries:batch?log={log}"))
            .context("batch")?;
        let tail = |key: &CorpusKey| format!(r#","verifiers":["{}"]}}"#, key.base64);
        let tails = source.corpus.keys().iter().map(tail).collect();
        Ok(Self {
            source,
            target,
            uri,
            size,
            count,
            tails,
        })
    }

    fn body(&self, number: u64) -> Bytes {
        let entries = self.entries(number);
        let mut body =
            BytesMut::with_capacity(usize::try_from(entries).unwrap_or_default() * TYPICAL_ENTRY);
        body.put_slice(br#"{"entries":["#);
        for entry in number * self.size..number * self.size + entries {
            let key = self.source.corpus.key_of(self.source.first + entry);
            let (envelope, _) = self.source.entry(entry);
            body.put_slice(if entry == number * self.size {
                br#"{"envelope":"#
            } else {
                br#",{"envelope":"#
            });
            body.put_slice(&envelope);
            body.put_slice(self.tails[key].as_bytes());
        }
        body.put_slice(b"]}");
        body.freeze()
    }
}

impl Exchange for Batch {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        self.target
            .request(Method::POST, self.uri.clone(), self.body(number))
    }

    fn read(&self, number: u64, status: StatusCode, body: Bytes) -> Outcome {
        let entries = self.entries(number);
        let bytes = body.len() as u64;
        if status != StatusCode::OK {
            return Outcome {
                bytes,
                ..Outcome::failed(refusal(status, &body), entries)
            };
        }
        let outcome = glance(&body, entries).unwrap_or_else(|| read_results(&body, entries));
        let answer = || Sample {
            first: self.source.first + number * self.size,
            answer: Answer::Batch(body),
        };
        let sample = self.source.sampler.picks(number).then(answer);
        Outcome {
            bytes,
            sample,
            ..outcome
        }
    }

    fn entries(&self, number: u64) -> u64 {
        self.size.min(self.count - number * self.size)
    }
}

/// Counts the successes in a batch's answer without parsing it; nothing if that does not explain every entry.
fn glance(body: &[u8], entries: u64) -> Option<Outcome> {
    let text = std::str::from_utf8(body).ok()?;
    let served = text.matches(r#""status":20"#).count() as u64;
    let fresh = text.matches(r#""status":201,"#).count() as u64;
    (served == entries && is_object(body)).then(|| Outcome {
        fresh,
        duplicates: served - fresh,
        ..Outcome::default()
    })
}

/// Reads a batch's answer with its refusals.
fn read_results(body: &[u8], entries: u64) -> Outcome {
    let Ok(answer) = serde_json::from_slice::<BatchResponseJson>(body) else {
        return Outcome::failed(Failure::Unreadable("not the answer to a batch"), entries);
    };
    if answer.results.len() as u64 != entries {
        return Outcome::failed(
            Failure::Unreadable("another number of results than of entries"),
            entries,
        );
    }
    let mut outcome = Outcome::default();
    for result in answer.results {
        let status = result.status;
        match Submitted::from(result) {
            Ok(_) if status == StatusCode::CREATED.as_u16() => outcome.fresh += 1,
            Ok(_) => outcome.duplicates += 1,
            Err(reject) => outcome.failures.push((
                Failure::Rejected(format!("{} ({status})", reject.kind.wire().label)),
                1,
            )),
        }
    }
    outcome
}

/// What an answer without success says.
pub(crate) fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    match serde_json::from_slice::<ErrorJson>(body) {
        Ok(ErrorJson { error }) => {
            Failure::Rejected(format!("{} ({})", error.kind, status.as_u16()))
        }
        Err(_) if status.is_success() => {
            Failure::Unreadable("a success without the JSON of a receipt")
        }
        Err(_) => Failure::Status(status.as_u16().to_string()),
    }
}

pub(crate) fn is_object(body: &[u8]) -> bool {
    body.first() == Some(&b'{') && body.last() == Some(&b'}')
}

/// Room for an envelope of a 1 KiB statement and its key in a batch.
const TYPICAL_ENTRY: usize = 1900;
