//! Asking one witness to cosign one tree: a few tries, each judged by what the specification says of the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{StatusCode, header};
use treering_storage::StoreError;
use treering_tlog::cosignature;
use treering_tlog::merkle::{ConsistencyProof, ProveError, consistency};
use treering_tlog::note::{NoteSignature, VerifierKey};
use treering_tlog::witness::{
    AddCheckpoint, MAX_ANSWER_LEN, SIZE_TYPE, parse_cosignatures, parse_size,
};
use treering_tlog::{Hash, TreeSize};

use super::setup::{Setup, Witness};
use crate::log::SharedLog;
use crate::log::commit::Published;
use crate::log::nodes::StoreNodes;
use crate::metrics::WitnessFailure;

/// How often a witness is asked in one attempt: it may name a size twice, as when another feeder is at work.
const TRIES: u32 = 3;
/// The pause before the second try; before the third it is five times as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// As much of a refusal as an event repeats, in characters.
const ECHO: usize = 200;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A cosignature that verified.
    Cosigned(NoteSignature),
    /// The witness holds a newer tree of this log already.
    Newer(TreeSize),
    /// None.
    Failed(Failure),
}

/// Why there is no cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: WitnessFailure,
    pub(super) detail: String,
    /// The size that the witness named, if it did.
    pub(super) held: Option<TreeSize>,
}

impl Failure {
    pub(super) fn new(reason: WitnessFailure, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            held: None,
        }
    }
}

/// What one answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Cosigned(NoteSignature),
    Holds(TreeSize),
}

/// Asks a witness that is thought to hold `old`, at most the tree's size, to cosign a tree.
pub(super) async fn attempt(
    setup: &Setup,
    witness: &Witness,
    log: &Arc<SharedLog>,
    tree: &Arc<Published>,
    mut old: TreeSize,
) -> Outcome {
    let size = tree.checkpoint.size;
    for number in 0..TRIES {
        if number > 0 {
            tokio::time::sleep(FIRST_PAUSE * 5_u32.pow(number - 1)).await;
        }
        match ask(setup, witness, log, tree, old).await {
            Ok(Verdict::Cosigned(signature)) => return Outcome::Cosigned(signature),
            Ok(Verdict::Holds(held)) if held <= size => old = held,
            // The log may have grown meanwhile, and somebody else fed the witness.
            Ok(Verdict::Holds(held)) if held <= log.published().checkpoint.size => {
                return Outcome::Newer(held);
            }
            Ok(Verdict::Holds(held)) => return Outcome::Failed(ahead(held, log)),
            Err(failure) => {
                let held = Some(old);
                return Outcome::Failed(Failure { held, ..failure });
            }
        }
    }
    let detail = format!("it named another size {TRIES} times, last {old}");
    Outcome::Failed(Failure {
        held: Some(old),
        ..Failure::new(WitnessFailure::Conflict, detail)
    })
}

fn ahead(held: TreeSize, log: &SharedLog) -> Failure {
    let detail = format!(
        "it cosigned size {held}, the log has {}: the log went back, or somebody else signs with its key",
        log.published().checkpoint.size
    );
    Failure {
        held: Some(held),
        ..Failure::new(WitnessFailure::Ahead, detail)
    }
}

async fn ask(
    setup: &Setup,
    witness: &Witness,
    log: &Arc<SharedLog>,
    tree: &Arc<Published>,
    old: TreeSize,
) -> Result<Verdict, Failure> {
    let request = AddCheckpoint {
        old,
        proof: prove(log, tree, old).await?,
        checkpoint: tree.note.clone(),
    };
    let sent = setup.client.post(witness.url.clone());
    let sent = sent
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(request.encode());
    let mut response = sent.send().await.map_err(|error| broken(&error))?;
    let (status, names_size) = (response.status(), names_size(&response));
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER_LEN {
            let detail =
                format!("expected an answer of at most {MAX_ANSWER_LEN} bytes, found more");
            return Err(Failure::new(WitnessFailure::Malformed, detail));
        }
        body.extend_from_slice(&chunk);
    }
    let answer = Answer {
        status,
        names_size,
        body: body.freeze(),
    };
    answer.judge(&witness.key, tree, old)
}

/// The proof from the size that a witness holds, out of the tree that it is asked to cosign.
async fn prove(
    log: &Arc<SharedLog>,
    tree: &Arc<Published>,
    old: TreeSize,
) -> Result<Vec<Hash>, Failure> {
    if old.is_empty() || old == tree.checkpoint.size {
        return Ok(Vec::new());
    }
    let (log, tree) = (Arc::clone(log), Arc::clone(tree));
    let proof = tokio::task::spawn_blocking(move || {
        let nodes = StoreNodes::new(log.store.as_ref(), log.identity.id, &tree.edge);
        consistency::prove(old, tree.checkpoint.size, &nodes)
    });
    let internal = |detail: String| Failure::new(WitnessFailure::Internal, detail);
    let proof: Result<ConsistencyProof, ProveError<StoreError>> =
        proof.await.map_err(|error| internal(error.to_string()))?;
    proof
        .map(|proof| proof.hashes)
        .map_err(|error| internal(error.to_string()))
}

fn broken(error: &reqwest::Error) -> Failure {
    let reason = if error.is_timeout() {
        WitnessFailure::Timeout
    } else {
        WitnessFailure::Connection
    };
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        detail = format!("{detail}: {cause}");
        source = cause.source();
    }
    Failure::new(reason, detail)
}

/// Whether the media type is that of a size; what may follow a semicolon does not matter.
fn names_size(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok());
    let media = kind.and_then(|kind| kind.split(';').next());
    media.is_some_and(|media| media.trim().eq_ignore_ascii_case(SIZE_TYPE))
}

/// An answer that was read whole.
struct Answer {
    status: StatusCode,
    names_size: bool,
    body: Bytes,
}

impl Answer {
    /// What an answer to a request for that tree from that size says.
    fn judge(
        &self,
        key: &VerifierKey,
        tree: &Published,
        old: TreeSize,
    ) -> Result<Verdict, Failure> {
        let size = tree.checkpoint.size;
        match self.status {
            StatusCode::OK => self.cosignature(key, tree).map(Verdict::Cosigned),
            StatusCode::CONFLICT if self.names_size => {
                let held = parse_size(&self.body).map_err(|error| malformed(&error))?;
                if held == old {
                    let detail = format!("it refused size {old} as old size and named it");
                    return Err(Failure::new(WitnessFailure::Malformed, detail));
                }
                Ok(Verdict::Holds(held))
            }
            // Of equal sizes only the roots can differ; version 1.0 of the protocol says 409 for it, later ones 422.
            StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY if old == size => {
                let root = tree.checkpoint.root;
                let detail = format!("it holds another root for size {size} than {root}");
                Err(Failure::new(WitnessFailure::Mismatch, detail))
            }
            // Our proof leads from our tree of that size, so it was another one that it cosigned.
            StatusCode::UNPROCESSABLE_ENTITY if !old.is_empty() => {
                let detail = format!("it refused the proof from size {old} to {size}");
                Err(Failure::new(WitnessFailure::Mismatch, detail))
            }
            status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                Err(self.refused(WitnessFailure::Unavailable))
            }
            _ => Err(self.refused(WitnessFailure::Refused)),
        }
    }

    fn refused(&self, reason: WitnessFailure) -> Failure {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text.trim().chars().take(ECHO).collect();
        Failure::new(reason, format!("status {}: {text:?}", self.status.as_u16()))
    }

    /// The first cosignature of the witness's key. Lines of other keys are not looked at, and one of this key that does
    /// not verify spoils the answer.
    fn cosignature(&self, key: &VerifierKey, tree: &Published) -> Result<NoteSignature, Failure> {
        let lines = parse_cosignatures(&self.body).map_err(|error| malformed(&error))?;
        let text = tree.checkpoint.encode();
        let own = |line: &NoteSignature| line.id() == key.id() && line.name() == key.name();
        let unverified = |detail: String| Failure::new(WitnessFailure::Unverified, detail);
        let mut first = None;
        for line in lines.into_iter().filter(own) {
            let time = cosignature::verify(key, &line, &text);
            let time = time.map_err(|error| unverified(error.to_string()))?;
            if time == 0 {
                return Err(unverified("expected a time, found 0".to_owned()));
            }
            first.get_or_insert(line);
        }
        first.ok_or_else(|| {
            unverified(format!(
                "expected a cosignature of {}, found none",
                key.name()
            ))
        })
    }
}

fn malformed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(WitnessFailure::Malformed, error.to_string())
}

#[cfg(test)]
mod tests;
