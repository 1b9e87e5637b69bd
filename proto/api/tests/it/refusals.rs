//! `Reject` and the two doors: what one writes, the other reads back, for every kind.

use crate::strategies;
use http::StatusCode;
use proptest::prelude::*;
use tonic::{Code, Status};
use treering_api::grpc::{REJECT_KEY, pb};
use treering_api::json::{ErrorJson, RejectJson};
use treering_api::{Reject, RejectKind};

fn over_http(reject: &Reject) -> Reject {
    let body = serde_json::to_vec(&ErrorJson::from(reject.clone())).unwrap();
    ErrorJson::reject(reject.kind.wire().status, &body)
}

/// Through the headers that a status becomes.
fn over_grpc(reject: &Reject) -> Reject {
    let mut headers = http::HeaderMap::new();
    Status::from(reject.clone())
        .add_header(&mut headers)
        .unwrap();
    Reject::from(Status::from_header_map(&headers).unwrap())
}

#[test]
fn every_kind_survives_both_doors_with_and_without_detail() {
    for kind in RejectKind::ALL {
        for reject in [
            Reject::new(kind, "plain"),
            Reject::mismatch(kind, "a tree of size 3", "size 4, \u{e9}"),
        ] {
            assert_eq!(over_http(&reject), reject);
            assert_eq!(over_grpc(&reject), reject);
            assert_eq!(
                Reject::try_from(pb::Reject::from(reject.clone())).unwrap(),
                reject
            );
        }
    }
}

#[test]
fn every_kind_keeps_its_code_and_its_retry_time() {
    for kind in RejectKind::ALL {
        let status = Status::from(Reject::new(kind, "m"));
        assert_eq!(status.code(), kind.wire().code);
        assert_eq!(
            RejectJson::from(Reject::new(kind, "m")).retry_after_secs,
            kind.wire().retry_after_secs
        );
        assert_eq!(RejectKind::from_label(kind.wire().label), Some(kind));
    }
}

#[test]
fn a_status_without_a_body_of_ours_still_gets_a_kind() {
    for (status, kind) in [
        (404, RejectKind::NotFound),
        (413, RejectKind::TooLarge),
        (429, RejectKind::Busy),
        (502, RejectKind::Unavailable),
        (503, RejectKind::Unavailable),
        (504, RejectKind::DeadlineExceeded),
        (401, RejectKind::Malformed),
        (500, RejectKind::Internal),
        (301, RejectKind::Internal),
    ] {
        let reject =
            ErrorJson::reject(StatusCode::from_u16(status).unwrap(), b"<html>nginx</html>");
        assert_eq!(reject.kind, kind, "{status}");
        assert!(
            reject.message.contains("<html>nginx</html>"),
            "{}",
            reject.message
        );
    }
}

#[test]
fn a_code_without_our_metadata_still_gets_a_kind() {
    for (code, kind) in [
        (Code::InvalidArgument, RejectKind::Malformed),
        (Code::NotFound, RejectKind::NotFound),
        (Code::OutOfRange, RejectKind::OutOfRange),
        (Code::Unimplemented, RejectKind::Unsupported),
        (Code::ResourceExhausted, RejectKind::Busy),
        (Code::Unavailable, RejectKind::Unavailable),
        (Code::Cancelled, RejectKind::Unavailable),
        (Code::DeadlineExceeded, RejectKind::DeadlineExceeded),
        (Code::Unknown, RejectKind::Internal),
    ] {
        let reject = Reject::from(Status::new(code, "text"));
        assert_eq!((reject.kind, reject.message.as_str()), (kind, "text"));
    }
}

#[test]
fn a_kind_from_a_newer_server_falls_back_to_the_status() {
    let body = br#"{"error":{"kind":"teapot","message":"short and stout"}}"#;
    let reject = ErrorJson::reject(StatusCode::NOT_FOUND, body);
    assert_eq!(reject.kind, RejectKind::NotFound);
    assert!(
        reject.message.contains("teapot") && reject.message.contains("short and stout"),
        "{}",
        reject.message
    );
}

#[test]
fn a_long_text_fits_the_headers_of_a_status() {
    let long = "\u{e9}".repeat(5000);
    let status = Status::from(Reject::mismatch(RejectKind::Malformed, long.clone(), long));
    let mut headers = http::HeaderMap::new();
    status.add_header(&mut headers).unwrap();
    let total: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32)
        .sum();
    assert!(total < 16 * 1024, "{total} bytes of headers");
    assert!(headers.contains_key(REJECT_KEY));
    assert_eq!(Reject::from(status).found.unwrap(), "\u{e9}".repeat(512));
}

proptest! {
    #[test]
    fn any_text_survives(reject in strategies::reject()) {
        prop_assert_eq!(over_http(&reject), reject.clone());
        prop_assert_eq!(over_grpc(&reject), reject);
    }
}
