//! What certificates say, and which of them are chains.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use treering_attest::certificate::{ChainError, subject_alternative_names, verify_chain};
use treering_attest::limits::MAX_CHAIN;
use treering_attest::{KeyError, PublicKey, RsaSizes};

fn certificates() -> BTreeMap<String, Vec<u8>> {
    let texts: BTreeMap<String, String> =
        serde_json::from_str(include_str!("vectors/chains/chains.json")).unwrap();
    let decode = |(name, text): (String, String)| (name, STANDARD.decode(text).unwrap());
    texts.into_iter().map(decode).collect()
}

fn verify(names: &[&str]) -> Result<(), ChainError> {
    let all = certificates();
    let chain: Vec<&[u8]> = names.iter().map(|name| all[*name].as_slice()).collect();
    verify_chain(&chain)
}

#[test]
fn chains_lead_from_the_first_to_the_last() {
    for chain in [
        &["leaf"][..],
        &["leaf", "lower", "upper", "root"],
        // In any order between, and with one that is not needed.
        &["leaf", "upper", "lower", "root"],
        &["leaf", "upper", "short", "lower", "root"],
        // The last need not be a root.
        &["leaf", "lower"],
        &["leaf", "lower", "upper"],
        &["leaf", "leaf"],
        &["upper", "root"],
        &["leaf-of-short", "short", "root"],
        &["leaf-of-rsa", "rsa"],
        &["leaf-of-ed", "ed"],
    ] {
        assert_eq!(verify(chain), Ok(()), "{chain:?}");
    }
}

#[test]
fn everything_else_is_no_chain() {
    for chain in [
        // A gap, the wrong order, another root, one of the same name.
        &["leaf", "root"][..],
        &["leaf", "lower", "root"],
        &["root", "upper", "lower", "leaf"],
        &["leaf", "lower", "upper", "other-root"],
        &["upper", "fake-root"],
        // Issuers that must not issue.
        &["leaf-of-leaf", "leaf"],
        &["leaf-of-no-sign", "no-sign", "root"],
        &["leaf-below-short", "below-short", "short", "root"],
        // What is not understood.
        &["leaf-of-named", "named", "root"],
        &["critical", "root"],
        // Not valid when the first begins.
        &["upper", "late-root"],
    ] {
        assert_eq!(verify(chain), Err(ChainError::NoPath), "{chain:?}");
    }
    assert_eq!(verify(&[]), Err(ChainError::Length { found: 0 }));
    let many = vec!["leaf"; MAX_CHAIN + 1];
    let found = MAX_CHAIN + 1;
    assert_eq!(verify(&many), Err(ChainError::Length { found }));
    let garbage = verify_chain(&[b"x", b"y"]);
    assert!(matches!(
        garbage,
        Err(ChainError::Certificate(KeyError::Certificate { .. }))
    ));
}

#[test]
fn names_are_those_of_the_extension() {
    let all = certificates();
    assert_eq!(
        subject_alternative_names(&all["leaf"]).unwrap(),
        [
            "a@b.test",
            "https://x.test/Y",
            "h.test",
            "192.0.2.1",
            "2001:db8::2",
            "user!x"
        ]
    );
    assert!(subject_alternative_names(&all["root"]).unwrap().is_empty());
    assert!(subject_alternative_names(b"x").is_err());
}

#[test]
fn other_rsa_sizes_are_taken_only_where_asked_for() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("vectors/openssl/vectors.json")).unwrap();
    let refused = vectors["refused"].as_object().unwrap();
    let (name, spki) = refused
        .iter()
        .find(|(name, _)| name.contains("rsa-1024"))
        .unwrap();
    let der = STANDARD.decode(spki.as_str().unwrap()).unwrap();
    let expected = RsaSizes::Standard;
    let error = KeyError::RsaSize {
        expected,
        found: 1024,
    };
    assert_eq!(PublicKey::from_spki_der(&der), Err(error), "{name}");
    assert!(PublicKey::from_spki_der_with(&der, RsaSizes::Legacy).is_ok());
}
