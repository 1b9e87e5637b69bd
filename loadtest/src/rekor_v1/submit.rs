//! `submit` by Rekor v1's API: the envelopes of the corpus as the entries that clients make of them. The small requests of
//! `hashedrekord` are made before the run; those that carry an envelope are put around it when they are sent.

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use treering_attest::{DigestAlgorithm, Envelope};
use treering_rekor::v1::{ProposedEntry, Uncached};
use treering_tlog::Hash;

use crate::args::EntryKind;
use crate::check::{Answer, Sample};
use crate::connection::Target;
use crate::corpus::{Corpus, CorpusKey};
use crate::drive::Exchange;
use crate::histogram::{Failure, Outcome};
use crate::submit::{Source, is_object};

/// `POST /api/v1/log/entries`.
#[derive(Debug)]
pub(crate) struct RekorV1 {
    kind: EntryKind,
    source: Source,
    target: Target,
    uri: Uri,
    /// By number of this run; none where they are made when they are sent.
    made: Vec<Bytes>,
}

impl RekorV1 {
    /// Makes so many requests, on so many threads.
    ///
    /// # Errors
    /// A path that does not fit in a request line, or a corpus with something else than envelopes in it.
    pub(crate) fn new(
        kind: EntryKind,
        source: Source,
        target: Target,
        requests: u64,
        threads: usize,
    ) -> anyhow::Result<Self> {
        let made = match kind {
            EntryKind::Hashedrekord => source.each(requests, threads, &|envelope, key| {
                body(kind, envelope, key)
            })?,
            EntryKind::Dsse | EntryKind::Intoto => Vec::new(),
        };
        Ok(Self {
            kind,
            uri: target.uri("/api/v1/log/entries")?,
            source,
            target,
            made,
        })
    }

    fn body(&self, number: u64) -> Bytes {
        let position = usize::try_from(number).ok();
        if let Some(made) = position.and_then(|position| self.made.get(position)) {
            return made.clone();
        }
        let (envelope, key) = self.source.entry(number);
        // What is no envelope is sent as it is, refused, and so counted.
        body(self.kind, &envelope, key).unwrap_or(envelope)
    }
}

/// The entry that a client proposes for an envelope with one signature.
fn body(kind: EntryKind, envelope: &[u8], key: &CorpusKey) -> anyhow::Result<Bytes> {
    let public_key = &key.pem_base64;
    let body = match kind {
        EntryKind::Hashedrekord => {
            let parsed = Envelope::parse(envelope)?;
            let signature = only_signature(&parsed)?;
            let digest = hex::encode(parsed.pae_digest(DigestAlgorithm::Sha256));
            let content = STANDARD.encode(signature);
            format!(
                r#"{{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{{"data":{{"hash":{{"algorithm":"sha256","value":"{digest}"}}}},"signature":{{"content":"{content}","publicKey":{{"content":"{public_key}"}}}}}}}}"#
            )
        }
        EntryKind::Dsse => {
            let text = std::str::from_utf8(envelope).context("expected an envelope of text")?;
            let text = serde_json::to_string(text)?;
            format!(
                r#"{{"apiVersion":"0.0.1","kind":"dsse","spec":{{"proposedContent":{{"envelope":{text},"verifiers":["{public_key}"]}}}}}}"#
            )
        }
        EntryKind::Intoto => {
            let parsed = Envelope::parse(envelope)?;
            let twice = |bytes: &[u8]| STANDARD.encode(STANDARD.encode(bytes));
            let (payload, sig) = (twice(&parsed.payload()?), twice(only_signature(&parsed)?));
            let (payload_type, hash) = (parsed.payload_type(), Hash::of(envelope).to_hex());
            format!(
                r#"{{"apiVersion":"0.0.2","kind":"intoto","spec":{{"content":{{"envelope":{{"payload":"{payload}","payloadType":"{payload_type}","signatures":[{{"publicKey":"{public_key}","sig":"{sig}"}}]}},"hash":{{"algorithm":"sha256","value":"{hash}"}}}}}}}}"#
            )
        }
    };
    Ok(body.into())
}

/// The signature of an envelope that has one.
///
/// # Errors
/// It has none, or several.
pub(crate) fn only_signature<'a>(envelope: &'a Envelope<'_>) -> anyhow::Result<&'a [u8]> {
    match envelope.signatures() {
        [signature] => Ok(&signature.sig),
        signatures => bail!("expected 1 signature, found {}", signatures.len()),
    }
}

/// The hash of the leaf that an envelope of the corpus must become.
///
/// # Errors
/// There is no such envelope, or it is none that verifies.
pub(crate) fn expected_leaf(kind: EntryKind, corpus: &Corpus, number: u64) -> anyhow::Result<Hash> {
    let envelope = corpus.envelope(number).context("no such envelope")?;
    let body = body(kind, &envelope, &corpus.keys()[corpus.key_of(number)])?;
    // The time matters to metadata of TUF alone.
    let entry = ProposedEntry::parse(&body)?.verify(&Uncached, 0)?;
    Ok(entry.canonical().leaf_hash())
}

impl Exchange for RekorV1 {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        self.target
            .request_json(self.uri.clone(), self.body(number))
    }

    /// Only 201 is a success: a log that has the entry answers 409, without a proof.
    fn read(&self, number: u64, status: StatusCode, body: Bytes) -> Outcome {
        let bytes = body.len() as u64;
        let failure = if status != StatusCode::CREATED {
            Some(refusal(status))
        } else if !is_object(body.trim_ascii()) {
            Some(Failure::Unreadable(
                "a success without the JSON of an entry",
            ))
        } else {
            None
        };
        if let Some(failure) = failure {
            return Outcome {
                bytes,
                ..Outcome::failed(failure, 1)
            };
        }
        let answer = || Sample {
            first: self.source.first + number,
            answer: Answer::RekorV1(body),
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

/// The status only: messages name ids, which would make each failure a kind of its own.
pub(super) fn refusal(status: StatusCode) -> Failure {
    match status {
        StatusCode::CONFLICT => Failure::Rejected("already there (409)".to_owned()),
        _ => Failure::Status(status.as_u16().to_string()),
    }
}
