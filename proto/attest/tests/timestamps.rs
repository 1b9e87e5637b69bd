//! Time-stamp responses of OpenSSL, and what becomes of them when a byte is another.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use treering_attest::limits::MAX_TIMESTAMP;
use treering_attest::{TimestampError, verify_response};

#[derive(Deserialize)]
struct Vectors {
    taken: BTreeMap<String, String>,
    refused: BTreeMap<String, String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/timestamps/vectors.json")).unwrap()
}

fn taken(name: &str) -> Vec<u8> {
    STANDARD.decode(&vectors().taken[name]).unwrap()
}

#[test]
fn responses_of_every_kind_of_key_verify() {
    let vectors = vectors();
    assert_eq!(vectors.taken.len(), 5);
    for (name, response) in vectors.taken {
        let mut response = STANDARD.decode(response).unwrap();
        assert_eq!(verify_response(&response), Ok(()), "{name}");
        response.extend_from_slice(b"behind it");
        assert_eq!(verify_response(&response), Ok(()), "{name}");
    }
}

#[test]
fn tokens_without_what_is_needed_are_refused() {
    let refused: BTreeMap<_, _> = vectors()
        .refused
        .into_iter()
        .map(|(name, response)| {
            let response = STANDARD.decode(response).unwrap();
            (name, verify_response(&response).unwrap_err().to_string())
        })
        .collect();
    let expected = [
        (
            "key-identifier",
            "expected a time-stamp response with a signer's issuer and serial number, found something else there",
        ),
        (
            "no-attributes",
            "expected a time-stamp response with signed attributes, found something else there",
        ),
        (
            "no-certificate",
            "expected a time-stamp response with certificates, found something else there",
        ),
        (
            "other-content",
            "expected a time-stamp response with a content of type tst info, found something else there",
        ),
    ];
    let expected = expected.map(|(name, words)| (name.to_owned(), words.to_owned()));
    assert_eq!(refused, BTreeMap::from(expected));
}

/// All that is read is needed, or signed.
#[test]
fn a_token_with_another_byte_does_not_verify_as_another() {
    let response = taken("p256-sha256");
    let mut kinds = BTreeMap::new();
    for at in 0..response.len() {
        let mut other = response.clone();
        other[at] ^= 0x04;
        let kind = match verify_response(&other) {
            Ok(()) => "taken",
            Err(TimestampError::Malformed { .. }) => "malformed",
            Err(TimestampError::NotGranted { .. }) => "not granted",
            Err(TimestampError::Digest) => "digest",
            Err(TimestampError::Signature(_)) => "signature",
            Err(TimestampError::NoCertificate) => "no certificate",
            Err(TimestampError::Key(_)) => "key",
            Err(TimestampError::Algorithm { .. }) => "algorithm",
            Err(TimestampError::TooLong { .. }) => "too long",
        };
        *kinds.entry(kind).or_insert(0) += 1;
    }
    for kind in [
        "malformed",
        "not granted",
        "digest",
        "signature",
        "no certificate",
        "key",
        "algorithm",
    ] {
        assert!(kinds.contains_key(kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn cut_off_and_oversized_ones_are_refused() {
    let response = taken("rsa2048-sha256");
    for len in 0..response.len() {
        assert!(verify_response(&response[..len]).is_err(), "{len}");
    }
    let mut long = response;
    long.resize(MAX_TIMESTAMP, 0);
    assert_eq!(verify_response(&long), Ok(()));
    long.push(0);
    let found = long.len();
    assert_eq!(
        verify_response(&long),
        Err(TimestampError::TooLong { found })
    );
}

#[test]
fn a_refusal_of_the_authority_is_none() {
    let rejection = [0x30, 5, 0x30, 3, 2, 1, 2];
    let found = "02".to_owned();
    assert_eq!(
        verify_response(&rejection),
        Err(TimestampError::NotGranted { found })
    );
}
