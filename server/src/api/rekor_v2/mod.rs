//! The doors of Rekor v2 (sigstore/rekor-tiles v2.3.0), as REST and as gRPC on the one port.
//!
//! Its reads are tlog-tiles, which [`tiles`](super::tiles) serves under `/` and `/api/v2` alike. Refusals are written
//! as its clients read them (`code`, `message`, `details`), but say what was expected and found. Where this differs
//! from rekor-tiles, `README.md` says so.

pub mod grpc;
pub mod rest;

use std::sync::Arc;

use tonic::Code;
use treering_api::reject::{Reject, RejectKind};

use super::Api;
use crate::log::{LogHandle, State};

/// The largest request, in bytes: rekor-tiles' own limit, and gRPC's.
pub const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// What a duplicate is told.
fn duplicate_message(index: impl std::fmt::Display) -> String {
    format!("an equivalent entry already exists in the transparency log with index {index}")
}

/// The code of a refusal: every fault of a request is `INVALID_ARGUMENT` here.
const fn code(kind: RejectKind) -> Code {
    match kind {
        RejectKind::Malformed
        | RejectKind::Unverified
        | RejectKind::Unsupported
        | RejectKind::TooLarge
        | RejectKind::OutOfRange => Code::InvalidArgument,
        // As rekor-tiles.
        RejectKind::Frozen => Code::Unimplemented,
        RejectKind::NotFound
        | RejectKind::Busy
        | RejectKind::Unavailable
        | RejectKind::DeadlineExceeded
        | RejectKind::Internal => kind.wire().code,
    }
}

/// A refusal with what a client of a frozen log needs: where the successor is.
fn explained(api: &Api, log: &LogHandle, mut reject: Reject) -> Reject {
    if let State::Frozen {
        size,
        successor: Some(successor),
    } = &*log.state()
        && reject.kind == RejectKind::Frozen
    {
        let url = api.app.url_of(successor);
        reject.message = format!(
            "log {} is frozen at size {size}, new entries go to log {successor} at {url}",
            log.name()
        );
    }
    reject
}

/// The log of a request that came to that host.
fn log_at(
    api: &Api,
    headers: &http::HeaderMap,
    authority: Option<&str>,
) -> Result<Arc<LogHandle>, Reject> {
    api.rekor_v2_at(headers, authority).ok_or_else(|| {
        Reject::mismatch(
            RejectKind::NotFound,
            "a log of dialect rekor-v2 on this server",
            "none",
        )
    })
}
