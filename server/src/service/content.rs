//! What submitters send, door by door, and the entries that come of it.

use bytes::Bytes;
use treering_api::log::{Dialect, Submission};
use treering_api::reject::{Reject, RejectKind};
use treering_attest::{PublicKey, VerifierMaterial};
use treering_rekor::Canonical;
use treering_rekor::v1::{self, ProposedEntry, Rejected, VerifiedEntry};
use treering_rekor::v2::{
    CreateEntry, KeyDetailsPolicy, Refusal, RefusedEntry, Request, RequestError, VerifiedRequest,
    requests_from_submission,
};
use treering_storage::{Gitoid, Term};

use super::subjects;
use super::verifiers::VerifierCache;
use crate::log::batch::MAX_ENTRY_TERMS;
use crate::log::signer_keys::TERMS_OF_KEY;

/// What is to be logged; nothing about it is checked yet but its size.
pub(super) enum Content {
    /// An envelope or bundle with the keys beside it: the native doors.
    Submission(Submission),
    /// A `CreateEntryRequest`: the doors of Rekor v2.
    RekorV2(RekorV2Request, RekorV2Rules),
    /// The body of `POST /api/v1/log/entries`.
    RekorV1(Bytes),
    /// An envelope, and what verifies its signatures beside what it brings: Archivista's door.
    Envelope(Bytes, Vec<VerifierMaterial>),
}

/// A `CreateEntryRequest` as it came.
#[derive(Debug)]
pub enum RekorV2Request {
    /// Protojson, not parsed.
    Json(Bytes),
    /// Parsed from a message of so many bytes.
    Parsed(Box<CreateEntry>, usize),
}

/// What an operator may allow beside what every Rekor v2 takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RekorV2Rules {
    /// `dsseRequestV002` is taken, and logged as the `hashedrekord` over the envelope's encoding.
    pub dsse_requests: bool,
    /// What becomes of key details that do not describe the key.
    pub key_details: KeyDetailsPolicy,
}

/// What verified: the entries, and what is kept with them.
pub(super) struct Checked {
    pub(super) entries: Vec<CheckedEntry>,
    pub(super) envelope: Option<Bytes>,
}

/// An entry whose signatures verified.
pub(super) struct CheckedEntry {
    pub(super) canonical: Canonical,
    /// What it is found by, but for its keys.
    pub(super) terms: Vec<Term>,
    /// The keys that it is found by.
    pub(super) keys: Vec<PublicKey>,
    /// Archivista's address of its envelope, or of the one in the bundle that is kept.
    pub(super) gitoid: Option<Gitoid>,
}

impl Checked {
    /// Entries that are found by nothing but their index and hash.
    fn plain(entries: Vec<Canonical>, envelope: Option<Bytes>) -> Self {
        Self {
            entries: entries
                .into_iter()
                .map(|canonical| CheckedEntry {
                    canonical,
                    terms: Vec::new(),
                    keys: Vec::new(),
                    gitoid: None,
                })
                .collect(),
            envelope,
        }
    }
}

impl Content {
    /// Bytes that are held until the answer.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Submission(submission) => {
                let verifiers: usize = submission.verifiers.iter().map(Bytes::len).sum();
                submission.envelope.len() + verifiers
            }
            Self::RekorV2(RekorV2Request::Json(body), _) | Self::RekorV1(body) => body.len(),
            Self::RekorV2(RekorV2Request::Parsed(_, len), _) => *len,
            Self::Envelope(envelope, _) => envelope.len(),
        }
    }

    /// Verifies every signature and builds the leaves. `now`, in seconds since the Unix epoch, is for what expires.
    pub(super) fn check(
        &self,
        dialect: Dialect,
        verifiers: &VerifierCache,
        now: u64,
    ) -> Result<Checked, Reject> {
        match (self, dialect) {
            (Self::Submission(submission), Dialect::RekorV1) => {
                check_rekor_v1_submission(submission, verifiers)
            }
            (Self::Submission(submission), Dialect::RekorV2) => {
                check_submission(submission, verifiers)
            }
            (Self::RekorV2(request, rules), Dialect::RekorV2) => {
                check_rekor_v2(request, *rules, verifiers)
            }
            (Self::RekorV1(body), Dialect::RekorV1) => check_rekor_v1(body, verifiers, now),
            (Self::Envelope(envelope, verifiers), Dialect::RekorV1) => {
                check_envelope(envelope, verifiers)
            }
            (Self::RekorV2(..), Dialect::RekorV1)
            | (Self::RekorV1(_) | Self::Envelope(..), Dialect::RekorV2) => Err(Reject::new(
                RejectKind::Unsupported,
                format!("a log of dialect {dialect} takes no such request"),
            )),
        }
    }
}

fn check_submission(submission: &Submission, verifiers: &VerifierCache) -> Result<Checked, Reject> {
    let verifiers = submission
        .verifiers
        .iter()
        .map(|bytes| verifiers.parse(bytes))
        .collect::<Result<Vec<_>, _>>()?;
    let entries = rekor_v2_leaves(&submission.envelope, &verifiers);
    let entries = entries.map_err(|error| refusal(&error))?;
    Ok(Checked::plain(entries, Some(submission.envelope.clone())))
}

/// The leaves of an envelope or bundle on a log of dialect rekor-v2: one for each signature.
fn rekor_v2_leaves(
    bytes: &[u8],
    verifiers: &[VerifierMaterial],
) -> Result<Vec<Canonical>, RefusedEntry> {
    let requests = requests_from_submission(bytes, verifiers)?;
    if requests.is_empty() {
        return Err(RefusedEntry::Missing {
            expected: "at least one signature",
        });
    }
    requests.iter().map(VerifiedRequest::canonical).collect()
}

fn check_rekor_v2(
    request: &RekorV2Request,
    rules: RekorV2Rules,
    verifiers: &VerifierCache,
) -> Result<Checked, Reject> {
    let malformed = |error: RequestError| Reject::new(RejectKind::Malformed, error.to_string());
    let parsed;
    let create = match request {
        RekorV2Request::Json(body) => {
            parsed = if rules.dsse_requests {
                CreateEntry::parse_json(body)
            } else {
                Request::parse_json(body).map(CreateEntry::HashedRekord)
            };
            parsed.as_ref().map_err(|error| malformed(error.clone()))?
        }
        RekorV2Request::Parsed(create, _) => create.as_ref(),
    };
    if matches!(create, CreateEntry::Dsse(_)) && !rules.dsse_requests {
        return Err(malformed(RequestError::Dsse));
    }
    let parse = |verifier: &_| verifiers.parse_rekor_v2(verifier);
    let entry = create
        .canonicalize_with(rules.key_details, parse)
        .map_err(|error| refusal(&error))?;
    let envelope = match create {
        CreateEntry::HashedRekord(_) => None,
        CreateEntry::Dsse(request) => Some(Bytes::copy_from_slice(&request.envelope)),
    };
    Ok(Checked::plain(vec![entry], envelope))
}

/// An envelope or bundle on a log of dialect rekor-v1: one entry, whatever the number of signatures.
fn check_rekor_v1_submission(
    submission: &Submission,
    verifiers: &VerifierCache,
) -> Result<Checked, Reject> {
    let verifiers = submission
        .verifiers
        .iter()
        .map(|bytes| verifiers.parse(bytes))
        .collect::<Result<Vec<_>, _>>()?;
    let entry = v1::entry_from_submission(&submission.envelope, &verifiers);
    let entry = entry.map_err(|error| refusal_of(error.refusal(), error.to_string()))?;
    checked_rekor_v1(entry, Some(submission.envelope.clone()))
}

/// An envelope of Archivista's door: as [`check_rekor_v1_submission`], but never a bundle.
fn check_envelope(envelope: &Bytes, verifiers: &[VerifierMaterial]) -> Result<Checked, Reject> {
    let entry = v1::entry_from_envelope(envelope, verifiers);
    let entry = entry.map_err(|error| refusal_of(error.refusal(), error.to_string()))?;
    checked_rekor_v1(entry, Some(envelope.clone()))
}

fn check_rekor_v1(body: &Bytes, verifiers: &VerifierCache, now: u64) -> Result<Checked, Reject> {
    let malformed = |error: Rejected| Reject::new(RejectKind::Malformed, error.to_string());
    let proposed = ProposedEntry::parse(body).map_err(malformed)?;
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let entry = proposed.verify(verifiers, now).map_err(|error| {
        let kind = error.refusal();
        refusal_of(kind, Rejected::Entry(error).to_string())
    })?;
    checked_rekor_v1(entry, None)
}

/// What is kept is the envelope as it was submitted, or else the one that the entry came with.
fn checked_rekor_v1(entry: VerifiedEntry, submitted: Option<Bytes>) -> Result<Checked, Reject> {
    let keys = entry.index_keys();
    let keys = keys.map_err(|error| refusal_of(error.refusal(), error.to_string()))?;
    let envelope = entry.envelope();
    let envelope = envelope.filter(|_| matches!(entry.entry().kind(), "dsse" | "intoto"));
    let gitoid = envelope.map(|text| Gitoid::of(text.as_bytes()));
    let of_keys = entry.verifiers().len() * TERMS_OF_KEY;
    if keys.len() + of_keys > MAX_ENTRY_TERMS {
        return Err(Reject::mismatch(
            RejectKind::TooLarge,
            format!("at most {MAX_ENTRY_TERMS} names and digests to find an entry by"),
            keys.len().to_string(),
        ));
    }
    let term = |key: &String| Term::new(Term::REKOR_V1_INDEX_KEY, key);
    let terms: Vec<_> = keys.iter().map(term).collect();
    let unusual = keys.iter().flat_map(|key| subjects::unusual(key));
    let most = MAX_ENTRY_TERMS - of_keys - terms.len();
    let terms = terms.into_iter().chain(unusual.take(most)).collect();
    let parts = entry.into_parts();
    let verifiers = parts.verifiers.iter();
    let entry = CheckedEntry {
        canonical: parts.canonical,
        terms,
        keys: verifiers.map(|verifier| verifier.key().clone()).collect(),
        gitoid,
    };
    Ok(Checked {
        entries: vec![entry],
        envelope: submitted.or(parts.envelope),
    })
}

fn refusal(error: &RefusedEntry) -> Reject {
    refusal_of(error.refusal(), error.to_string())
}

fn refusal_of(refusal: Refusal, message: String) -> Reject {
    let kind = match refusal {
        Refusal::Malformed => RejectKind::Malformed,
        Refusal::Unverified => RejectKind::Unverified,
        Refusal::Unsupported => RejectKind::Unsupported,
        Refusal::TooLarge => RejectKind::TooLarge,
    };
    Reject::new(kind, message)
}
