//! Well-formed requests of Rekor v2 that are refused, and why.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

mod support;

use KeyDetailsPolicy::{Lenient, Strict};
use support::{Ed25519, P256, b64, text, valid, vectors};
use treering_attest::{DigestAlgorithm, KeyAlgorithm, SignatureError};
use treering_rekor::v2::{
    Entry, KeyDetails, KeyDetailsPolicy, Refusal, RefusedEntry, Request, Verifier,
};
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

/// Every key with every key details: strict takes the right ones only, lenient takes those of the same digest, as rekor-tiles does.
#[test]
fn key_details_are_held_to_the_policy() {
    for (name, request) in valid() {
        let right = request.key_details;
        for details in KeyDetails::ALL {
            let request = Request {
                key_details: details,
                ..request.clone()
            };
            let strict = request.canonicalize(Strict);
            let lenient = request.canonicalize(Lenient);
            if details == right {
                assert_eq!(strict, lenient, "{name}");
                assert!(strict.is_ok(), "{name}");
                continue;
            }
            assert_eq!(
                strict,
                Err(RefusedEntry::KeyDetailsMismatch {
                    expected: right,
                    found: details
                }),
                "{name}"
            );
            if details.digest_algorithm() == right.digest_algorithm() {
                let leaf = lenient.unwrap().into_leaf();
                let entry = Entry::parse(&leaf).unwrap();
                assert_eq!(
                    entry.key_details.name(),
                    details.name(),
                    "the leaf keeps what was sent"
                );
                assert_eq!(entry.verify(), Ok(()), "{name} as {details}");
                assert!(entry.is_acceptable(Lenient) && !entry.is_acceptable(Strict));
            } else {
                let digest = details.digest_algorithm();
                assert!(
                    matches!(lenient, Err(RefusedEntry::NotAllowed { digest: found, .. }) if found == digest),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn digests_of_another_length_are_refused() {
    let good = P256::new(1).request(b"x");
    for found in [0, 1, 31, 33, 48, 64] {
        let request = Request {
            digest: vec![0; found],
            ..good.clone()
        };
        let expected = RefusedEntry::DigestLength {
            algorithm: DigestAlgorithm::Sha256,
            found,
        };
        assert_eq!(request.canonicalize(Strict), Err(expected));
    }
}

fn assert_unverified(name: &str, request: &Request) {
    let error = request.canonicalize(Strict).expect_err(name);
    let mismatch = matches!(
        &error,
        RefusedEntry::Signature(SignatureError::Mismatch { .. })
    );
    assert!(mismatch, "{name}: {error}");
    assert_eq!(error.refusal(), Refusal::Unverified, "{name}");
}

#[test]
fn altered_requests_do_not_verify() {
    let good = P256::new(1).request(b"x");
    let altered = |edit: fn(&mut Request)| {
        let mut request = good.clone();
        edit(&mut request);
        request
    };
    assert_unverified(
        "other signature",
        &altered(|request| request.signature[9] ^= 1),
    );
    assert_unverified("other digest", &altered(|request| request.digest[9] ^= 1));
    let other_key =
        |request: &mut Request| request.verifier = Verifier::PublicKey(P256::new(2).spki());
    assert_unverified("other key", &altered(other_key));
    assert_unverified(
        "trailing byte",
        &altered(|request| request.signature.push(0)),
    );
    assert_unverified(
        "no signature",
        &altered(|request| request.signature.clear()),
    );
}

#[test]
fn pss_and_pure_ed25519_do_not_verify() {
    let vectors = vectors();
    let pss = Request {
        digest: DigestAlgorithm::Sha256.of(&b64(&vectors.message)),
        signature: b64(&vectors.pss.signature),
        verifier: Verifier::PublicKey(b64(&vectors.keys["rsa-2048"].spki)),
        key_details: KeyDetails::PkixRsaPkcs1v15_2048Sha256,
    };
    assert_unverified("pss", &pss);
    let ed25519 = Ed25519::new(2);
    let pure = Request {
        digest: DigestAlgorithm::Sha512.of(b"x"),
        signature: ed25519.sign_pure(b"x"),
        verifier: Verifier::PublicKey(ed25519.spki()),
        key_details: KeyDetails::PkixEd25519Ph,
    };
    assert_unverified("pure ed25519", &pure);
}

/// The message of the refusal of a P-256 request with this key in it.
fn refused_key(verifier: Verifier) -> (RefusedEntry, String) {
    let request = Request {
        verifier,
        ..P256::new(1).request(b"x")
    };
    let error = request.canonicalize(Strict).expect_err("the key is wrong");
    let message = error.to_string();
    (error, message)
}

#[test]
fn keys_in_the_wrong_form_are_refused() {
    let vectors = vectors();
    let p256 = &vectors.keys["ecdsa-p256"];
    let (spki, certificate) = (b64(&p256.spki), b64(&p256.certificate));
    let pem = |label: &str, der: &[u8]| {
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            text(der)
        )
        .into_bytes()
    };
    let behind = |der: &[u8]| [der, &[0, 0]].concat();
    let no_keys = [
        behind(&spki),
        pem("PUBLIC KEY", &spki),
        certificate.clone(),
        b"not a key".to_vec(),
    ];
    for der in no_keys {
        let (error, message) = refused_key(Verifier::PublicKey(der));
        let expected = "publicKey: expected the der of a subject public key info, found ";
        assert!(message.starts_with(expected), "{message}");
        assert_eq!(error.refusal(), Refusal::Malformed);
    }
    for der in [behind(&certificate), pem("CERTIFICATE", &certificate), spki] {
        let (error, message) = refused_key(Verifier::Certificate(der));
        let expected = "x509Certificate: expected the der of an x.509 certificate, found ";
        assert!(message.starts_with(expected), "{message}");
        assert_eq!(error.refusal(), Refusal::Malformed);
    }
    let (error, message) = refused_key(Verifier::PublicKey(b64(&vectors.refused["rsa-1024"])));
    assert_eq!(
        message,
        "publicKey: expected an rsa key of 2048, 3072 or 4096 bits, found 1024"
    );
    assert_eq!(error.refusal(), Refusal::Unsupported);
}

/// DER by hand: a certificate whose extension has any size. Nobody checks who signed it.
fn certificate(spki: &[u8], padding: usize) -> Vec<u8> {
    let name = tlv(0x30, &[]);
    let time = tlv(0x17, b"260101000000Z");
    let algorithm = tlv(0x30, &hex::decode("06082a8648ce3d040302").unwrap());
    let extension = tlv(
        0x30,
        &[
            hex::decode("06032a0304").unwrap(),
            tlv(4, &vec![0; padding]),
        ]
        .concat(),
    );
    let parts = [
        tlv(0xa0, &[2, 1, 2]),
        vec![2, 1, 1],
        algorithm.clone(),
        name.clone(),
        tlv(0x30, &[time.clone(), time].concat()),
        name,
        spki.to_vec(),
        tlv(0xa3, &tlv(0x30, &extension)),
    ];
    tlv(
        0x30,
        &[tlv(0x30, &parts.concat()), algorithm, tlv(3, &[0, 0])].concat(),
    )
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let len: Vec<u8> = len.iter().copied().skip_while(|&b| b == 0).collect();
    let mut out = vec![tag];
    match len.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap());
            out.extend_from_slice(long);
        }
    }
    [out.as_slice(), content].concat()
}

#[test]
fn a_leaf_fits_an_entry_bundle_or_is_refused() {
    let key = P256::new(1);
    let sized = |padding| Request {
        verifier: Verifier::Certificate(certificate(&key.spki(), padding)),
        ..key.request(b"x")
    };
    let len = |padding| match sized(padding).canonicalize(Strict) {
        Ok(canonical) => (canonical.leaf().len(), true),
        Err(RefusedEntry::LeafTooLong { found }) => (found, false),
        Err(other) => panic!("{other}"),
    };
    let mut last = (0, true);
    for padding in 48_000..48_700 {
        let (leaf, taken) = len(padding);
        assert_eq!(taken, leaf <= MAX_LEAF_LEN, "a leaf of {leaf} bytes");
        last = (leaf, taken);
    }
    assert!(!last.1 && last.0 > MAX_LEAF_LEN, "the limit was crossed");
    let error = sized(49_000).canonicalize(Strict).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("expected an entry of at most 65535 bytes, found "),
        "{error}"
    );
    assert_eq!(error.refusal(), Refusal::TooLarge);
}

#[test]
fn messages_name_what_was_expected_and_found() {
    let request = Request {
        key_details: KeyDetails::PkixRsaPkcs1v15_2048Sha256,
        ..P256::new(1).request(b"x")
    };
    assert_eq!(
        request.canonicalize(Strict).unwrap_err().to_string(),
        "expected key details PKIX_ECDSA_P256_SHA_256 for this key, found PKIX_RSA_PKCS1V15_2048_SHA256"
    );
    let request = Request {
        key_details: KeyDetails::PkixEcdsaP384Sha384,
        ..P256::new(1).request(b"x")
    };
    let error = request.canonicalize(Lenient).unwrap_err();
    assert_eq!(
        error,
        RefusedEntry::NotAllowed {
            key: KeyAlgorithm::EcdsaP256,
            digest: DigestAlgorithm::Sha384
        }
    );
    assert_eq!(
        error.to_string(),
        "expected a key and digest on the allow-list, found ecdsa-p256 with sha384"
    );
}
