//! Leaves as readers take them: only the canonical bytes.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::P256;
use treering_attest::DigestAlgorithm;
use treering_rekor::v2::{
    Entry, EntryError, EntryKeyDetails, KeyDetails, KeyDetailsPolicy, Request, Verifier,
};
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

fn leaf() -> String {
    let canonical = P256::new(1)
        .request(b"x")
        .canonicalize(KeyDetailsPolicy::Strict)
        .unwrap();
    String::from_utf8(canonical.into_leaf()).unwrap()
}

fn refused(leaf: &str) -> EntryError {
    Entry::parse(leaf.as_bytes()).expect_err(leaf)
}

#[test]
fn only_the_canonical_bytes_are_a_leaf() {
    let good = leaf();
    for same in [
        format!("{good}\n"),
        format!(" {good}"),
        good.replace(r#""kind":"#, r#""kind": "#),
        good.replace(r#""digest""#, r#""\u0064igest""#),
        good.replacen(
            r#"{"apiVersion":"0.0.2","kind":"hashedrekord","#,
            r#"{"kind":"hashedrekord","apiVersion":"0.0.2","#,
            1,
        ),
    ] {
        assert_eq!(refused(&same), EntryError::NotCanonical, "{same}");
    }
}

#[test]
fn other_documents_are_no_leaf() {
    let good = leaf();
    for (from, to) in [
        (r#"{"apiVersion""#, r#"{"a":1,"apiVersion""#),
        (r#""data":{"#, r#""data":{"a":1,"#),
        (r#""kind":"#, r#""kind":"hashedrekord","kind":"#),
        ("}}}}}}", "}}}}}"),
        ("}}}}}}", "}}}}}}{}"),
        (r#""content":"#, r#""contents":"#),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(
            matches!(
                refused(&good.replacen(from, to, 1)),
                EntryError::Json { .. }
            ),
            "{to}"
        );
    }
    for (from, to) in [("hashedrekord\"", "dsse\""), ("0.0.2", "0.0.1")] {
        assert!(
            matches!(
                refused(&good.replacen(from, to, 1)),
                EntryError::Kind { .. }
            ),
            "{to}"
        );
    }
    for (from, to) in [
        ("SHA2_256", "SHA3_256"),
        (r#""digest":""#, r#""digest":"*"#),
        ("publicKey", "x509Certificate\":null,\"publicKey"),
    ] {
        let error = refused(&good.replacen(from, to, 1));
        assert!(
            matches!(error, EntryError::Member { .. } | EntryError::NotCanonical),
            "{to}: {error}"
        );
    }
    assert!(matches!(
        refused(&good.replace("PKIX_ECDSA_P256_SHA_256", "NO_SUCH")),
        EntryError::KeyDetails(_)
    ));
    assert_eq!(
        refused(&" ".repeat(MAX_LEAF_LEN + 1)),
        EntryError::TooLong {
            found: MAX_LEAF_LEN + 1
        }
    );
    assert!(matches!(
        refused(&"[".repeat(MAX_LEAF_LEN)),
        EntryError::Json { .. }
    ));
}

/// Other logs hold entries that ours refuse; they are read, and told apart.
#[test]
fn key_details_of_other_logs_are_read() {
    let foreign = leaf().replace("PKIX_ECDSA_P256_SHA_256", "PKIX_RSA_PSS_2048_SHA256");
    let entry = Entry::parse(foreign.as_bytes()).unwrap();
    assert_eq!(
        entry.key_details,
        EntryKeyDetails::Other("PKIX_RSA_PSS_2048_SHA256")
    );
    assert_eq!(entry.encode(), foreign.as_bytes());
    assert_eq!(entry.verify(), Ok(()), "key and digest go together");
    assert_eq!(entry.request(), None);
    assert!(!entry.is_acceptable(KeyDetailsPolicy::Lenient));
}

#[test]
fn an_altered_entry_does_not_verify() {
    let entry = Entry::parse(leaf().as_bytes()).unwrap();
    assert_eq!(entry.verify(), Ok(()));
    let mut digest = entry.digest.clone();
    digest[0] ^= 1;
    assert!(
        Entry {
            digest,
            ..entry.clone()
        }
        .verify()
        .is_err()
    );
    assert!(
        Entry {
            algorithm: DigestAlgorithm::Sha512,
            ..entry
        }
        .verify()
        .is_err()
    );
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn encode_and_parse_undo_each_other(
        digest in bytes(65), signature in bytes(600), der in bytes(2000), certificate in any::<bool>(),
        details in 0..7_usize, algorithm in 0..3_usize,
    ) {
        let verifier = if certificate { Verifier::Certificate(der) } else { Verifier::PublicKey(der) };
        let entry = Entry {
            algorithm: DigestAlgorithm::ALL[algorithm], digest, signature, verifier,
            key_details: EntryKeyDetails::Allowed(KeyDetails::ALL[details]),
        };
        let leaf = entry.encode();
        prop_assert_eq!(Entry::parse(&leaf), Ok(entry));
        let value: serde_json::Value = serde_json::from_slice(&leaf).unwrap();
        prop_assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), leaf);
    }

    #[test]
    fn a_leaf_with_a_byte_changed_is_another_or_none(at in 0..400_usize, byte in any::<u8>()) {
        let good = leaf().into_bytes();
        let mut bad = good.clone();
        let at = at % bad.len();
        bad[at] = byte;
        if let Ok(entry) = Entry::parse(&bad) {
            prop_assert_eq!(entry.encode(), bad);
        }
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in bytes(500)) {
        prop_assert!(Entry::parse(&bytes).is_err());
        prop_assert!(Request::parse_json(&bytes).is_err());
    }
}
