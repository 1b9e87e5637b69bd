//! [`Reject`] as a gRPC status and back.

use prost::Message as _;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use super::pb;
use crate::reject::{Reject, RejectKind};

/// The metadata key under which the status of a refused call carries a `treering.v1.Reject`.
pub const REJECT_KEY: &str = "treering-reject-bin";

/// The longest text, in bytes, that one field of a reject takes to a status: statuses travel in HTTP/2 headers, whose
/// whole size peers limit to 8 or 16 KiB.
const MAX_TEXT: usize = 1024;

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT))
        .unwrap_or_default()
        .to_owned()
}

impl From<Reject> for pb::Reject {
    fn from(reject: Reject) -> Self {
        let wire = reject.kind.wire();
        Self {
            kind: wire.label.to_owned(),
            message: reject.message,
            expected: reject.expected,
            found: reject.found,
            retry_after_secs: wire.retry_after_secs,
        }
    }
}

impl TryFrom<pb::Reject> for Reject {
    type Error = Self;

    /// Refuses an unknown kind; its message is kept in that error.
    fn try_from(message: pb::Reject) -> Result<Self, Self> {
        let pb::Reject {
            kind: label,
            message,
            expected,
            found,
            ..
        } = message;
        match RejectKind::from_label(&label) {
            Some(kind) => Ok(Self {
                kind,
                message,
                expected,
                found,
            }),
            None => Err(Self::new(
                RejectKind::Internal,
                format!("error of an unknown kind {label:?}: {message}"),
            )),
        }
    }
}

impl From<Reject> for Status {
    /// Texts longer than 1 KiB are cut.
    fn from(mut reject: Reject) -> Self {
        reject.message = cut(&reject.message);
        reject.expected = reject.expected.as_deref().map(cut);
        reject.found = reject.found.as_deref().map(cut);
        let mut status = Self::new(reject.kind.wire().code, reject.message.clone());
        let mut carried = pb::Reject::from(reject);
        carried.message.clear(); // it is the status's own message
        status.metadata_mut().insert_bin(
            REJECT_KEY,
            MetadataValue::from_bytes(&carried.encode_to_vec()),
        );
        status
    }
}

impl From<Status> for Reject {
    /// Of the reject that the status carries, else of the kind that fits its code best.
    fn from(status: Status) -> Self {
        let carried = status
            .metadata()
            .get_bin(REJECT_KEY)
            .and_then(|value| value.to_bytes().ok());
        let message = carried.and_then(|bytes| pb::Reject::decode(bytes).ok());
        match message.map(|carried| pb::Reject {
            message: status.message().to_owned(),
            ..carried
        }) {
            Some(carried) => Self::try_from(carried).unwrap_or_else(|unknown| unknown),
            None => Self::new(kind_of(status.code()), status.message()),
        }
    }
}

/// The kind that a bare code means.
const fn kind_of(code: Code) -> RejectKind {
    match code {
        Code::InvalidArgument => RejectKind::Malformed,
        Code::NotFound => RejectKind::NotFound,
        Code::OutOfRange => RejectKind::OutOfRange,
        Code::FailedPrecondition | Code::Unimplemented => RejectKind::Unsupported,
        Code::ResourceExhausted => RejectKind::Busy,
        Code::Unavailable | Code::Cancelled | Code::Aborted => RejectKind::Unavailable,
        Code::DeadlineExceeded => RejectKind::DeadlineExceeded,
        Code::Ok
        | Code::Unknown
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => RejectKind::Internal,
    }
}
