//! What submitters send, door by door, and the entries that come of it.

use bytes::Bytes;
use treering_api::log::{Dialect, Submission};
use treering_api::reject::{Reject, RejectKind};
use treering_attest::VerifierMaterial;
use treering_rekor::Canonical;
use treering_rekor::v2::{
    CreateEntry, KeyDetailsPolicy, Refusal, RefusedEntry, Request, RequestError, VerifiedRequest,
    requests_from_submission,
};

use super::verifiers::VerifierCache;

/// What is to be logged; nothing about it is checked yet but its size.
pub(super) enum Content {
    /// An envelope or bundle with the keys beside it: the native doors.
    Submission(Submission),
    /// A `CreateEntryRequest`: the doors of Rekor v2.
    RekorV2(RekorV2Request, RekorV2Rules),
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
    pub(super) entries: Vec<Canonical>,
    pub(super) envelope: Option<Bytes>,
}

impl Content {
    /// Bytes that are held until the answer.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Submission(submission) => {
                let verifiers: usize = submission.verifiers.iter().map(Bytes::len).sum();
                submission.envelope.len() + verifiers
            }
            Self::RekorV2(RekorV2Request::Json(body), _) => body.len(),
            Self::RekorV2(RekorV2Request::Parsed(_, len), _) => *len,
        }
    }

    /// Verifies every signature and builds the leaves.
    pub(super) fn check(
        &self,
        dialect: Dialect,
        verifiers: &VerifierCache,
    ) -> Result<Checked, Reject> {
        if dialect == Dialect::RekorV1 {
            return Err(Reject::new(
                RejectKind::Unsupported,
                "this version writes no entries of dialect rekor-v1",
            ));
        }
        match self {
            Self::Submission(submission) => check_submission(submission, verifiers),
            Self::RekorV2(request, rules) => check_rekor_v2(request, *rules, verifiers),
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
    Ok(Checked {
        entries: entries.map_err(|error| refusal(&error))?,
        envelope: Some(submission.envelope.clone()),
    })
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
    Ok(Checked {
        entries: vec![entry],
        envelope: match create {
            CreateEntry::HashedRekord(_) => None,
            CreateEntry::Dsse(request) => Some(Bytes::copy_from_slice(&request.envelope)),
        },
    })
}

fn refusal(error: &RefusedEntry) -> Reject {
    let kind = match error.refusal() {
        Refusal::Malformed => RejectKind::Malformed,
        Refusal::Unverified => RejectKind::Unverified,
        Refusal::Unsupported => RejectKind::Unsupported,
        Refusal::TooLarge => RejectKind::TooLarge,
    };
    Reject::new(kind, error.to_string())
}
