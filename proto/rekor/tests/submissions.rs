//! Envelopes and bundles as build systems push them.

mod support;

use serde_json::json;
use support::{Ed25519, P256, b64, envelope, pae_of_payload, text, vectors};
use treering_attest::{DigestAlgorithm, Envelope, VerifierMaterial, pae};
use treering_rekor::v2::{
    Entry, KeyDetails, KeyDetailsPolicy, Refusal, RefusedEntry, Verifier, requests_from_envelope,
    requests_from_submission,
};

const VSA: &[u8] = include_bytes!("../../attest/tests/vectors/vsa/gke-gce-pre.bcid-vsa.jsonl");
const VSA_KEY: &[u8] = include_bytes!("../../attest/tests/vectors/vsa/vsa_signing_public_key.pem");
const SLSA_ENVELOPE: &[u8] =
    include_bytes!("../../attest/tests/vectors/slsa-github/v1.9.0-push-v14.2.intoto.jsonl");
const SLSA_BUNDLE: &[u8] =
    include_bytes!("../../attest/tests/vectors/slsa-github/v2.1.0-push-v14.2.intoto.jsonl");

#[test]
fn real_attestations_become_entries() {
    let vsa_key = VerifierMaterial::from_pem_or_der(VSA_KEY).unwrap();
    for (bytes, verifiers, certificate) in [
        (VSA, vec![vsa_key], false),
        (SLSA_ENVELOPE, vec![], true),
        (SLSA_BUNDLE, vec![], true),
    ] {
        let requests = requests_from_submission(bytes, &verifiers).unwrap();
        let [request] = requests.as_slice() else {
            panic!("one signature")
        };
        assert_eq!(
            request.request().key_details,
            KeyDetails::PkixEcdsaP256Sha256
        );
        assert_eq!(
            matches!(request.request().verifier, Verifier::Certificate(_)),
            certificate
        );
        let canonical = request.canonical().unwrap();
        // What the receipt vouches for is what a second verification finds.
        assert_eq!(
            request
                .request()
                .canonicalize(KeyDetailsPolicy::Strict)
                .unwrap(),
            canonical
        );
        Entry::parse(canonical.leaf()).unwrap().verify().unwrap();
    }
}

#[test]
fn every_signature_becomes_an_entry_in_order() {
    let (first, second, third) = (P256::new(1), Ed25519::new(2), P256::new(3));
    let pae = pae_of_payload();
    let bytes = envelope(&[
        ("a", first.sign(&pae)),
        ("b", second.sign_ph(&pae)),
        ("c", third.sign(&pae)),
    ]);
    let verifiers = [third.material(), second.material(), first.material()];
    let requests = requests_from_submission(&bytes, &verifiers).unwrap();
    let found: Vec<_> = requests
        .iter()
        .map(|request| request.key().spki_der().to_vec())
        .collect();
    assert_eq!(found, [first.spki(), second.spki(), third.spki()]);
    let details: Vec<_> = requests
        .iter()
        .map(|request| request.request().key_details.number())
        .collect();
    assert_eq!(details, [5, 8, 5]);
    assert_eq!(
        requests[0].request().digest,
        DigestAlgorithm::Sha256.of(&pae)
    );
    assert_eq!(
        requests[1].request().digest,
        DigestAlgorithm::Sha512.of(&pae)
    );
    for request in &requests {
        let canonical = request.canonical().unwrap();
        assert_eq!(
            request
                .request()
                .canonicalize(KeyDetailsPolicy::Strict)
                .unwrap(),
            canonical
        );
    }
}

#[test]
fn one_signature_that_does_not_verify_refuses_all() {
    let (known, stranger) = (P256::new(1), P256::new(2));
    let pae = pae_of_payload();
    let bytes = envelope(&[
        ("a", known.sign(&pae)),
        ("the stranger", stranger.sign(&pae)),
    ]);
    let error = requests_from_submission(&bytes, &[known.material()]).unwrap_err();
    assert_eq!(
        error,
        RefusedEntry::Unverified {
            index: 1,
            keyid: "the stranger".into(),
            tried: 1
        }
    );
    assert_eq!(
        error.to_string(),
        "signature 1 (keyid \"the stranger\"): expected to verify by one of 1 keys, found none that does"
    );
    assert_eq!(error.refusal(), Refusal::Unverified);
    let none = requests_from_submission(&bytes, &[]).unwrap_err();
    assert_eq!(
        none,
        RefusedEntry::Unverified {
            index: 0,
            keyid: "a".into(),
            tried: 0
        }
    );
    requests_from_submission(&bytes, &[known.material(), stranger.material()]).unwrap();
}

#[test]
fn signatures_without_a_form_name_the_other_dialect() {
    let ed25519 = Ed25519::new(1);
    let bytes = envelope(&[("k", ed25519.sign_pure(&pae_of_payload()))]);
    let error = requests_from_submission(&bytes, &[P256::new(1).material(), ed25519.material()])
        .unwrap_err();
    assert!(
        matches!(&error, RefusedEntry::NoForm { index: 0, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("pure ed25519"), "{error}");
    assert!(error.to_string().contains("rekor-v1"), "{error}");
    assert_eq!(error.refusal(), Refusal::Unsupported);
    // By another key it does not verify at all, and the message says that instead.
    let error = requests_from_submission(&bytes, &[Ed25519::new(2).material()]).unwrap_err();
    assert!(matches!(error, RefusedEntry::Unverified { .. }), "{error}");
}

/// P-384 and P-521 keys over SHA-256: what cosign made for years, and Rekor v2 has no key details for.
#[test]
fn large_curves_over_sha256_have_no_form() {
    let vectors = vectors();
    for name in ["ecdsa-p384", "ecdsa-p521"] {
        let vector = &vectors.keys[name];
        let material = VerifierMaterial::from_pem_or_der(&b64(&vector.spki)).unwrap();
        for (digest, algorithm) in [
            ("sha256", "SHA2_256"),
            ("sha384", "SHA2_384"),
            ("sha512", "SHA2_512"),
        ] {
            let signed = vector
                .signatures
                .iter()
                .find(|s| s.digest == digest && s.form == "der")
                .unwrap();
            let hash = DigestAlgorithm::from_sigstore_name(algorithm)
                .unwrap()
                .of(&b64(&vectors.message));
            let bundle = bundle(
                &json!({"messageDigest": {"algorithm": algorithm, "digest": text(&hash)}, "signature": signed.signature}),
            );
            let found = requests_from_submission(&bundle, std::slice::from_ref(&material));
            let native = KeyDetails::of(material.key())
                .unwrap()
                .digest_algorithm()
                .name()
                == digest;
            assert_eq!(found.is_ok(), native, "{name} {digest}");
            if let Err(error) = found {
                assert!(
                    error
                        .to_string()
                        .contains(&format!("found {name} with {digest}")),
                    "{error}"
                );
            }
        }
    }
}

fn bundle(message: &serde_json::Value) -> Vec<u8> {
    json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "h"}}, "messageSignature": message})
    .to_string()
    .into_bytes()
}

#[test]
fn message_signatures_need_their_digest_and_a_key() {
    let key = P256::new(1);
    let digest =
        json!({"algorithm": "SHA2_256", "digest": text(&DigestAlgorithm::Sha256.of(b"artifact"))});
    let signature = text(&key.sign(b"artifact"));
    let whole = bundle(&json!({"messageDigest": digest, "signature": signature}));
    let request = requests_from_submission(&whole, &[key.material()])
        .unwrap()
        .remove(0);
    assert_eq!(request.request(), &key.request(b"artifact"));
    assert!(matches!(
        requests_from_submission(&whole, &[]),
        Err(RefusedEntry::Unverified { tried: 0, .. })
    ));
    let bare = bundle(&json!({"signature": signature}));
    assert!(matches!(
        requests_from_submission(&bare, &[key.material()]),
        Err(RefusedEntry::Missing { .. })
    ));
    let pure = requests_from_submission(&whole, &[Ed25519::new(1).material()]);
    assert!(
        matches!(pure, Err(RefusedEntry::NoForm { .. })),
        "it cannot be judged without the artifact"
    );
}

#[test]
fn carried_certificates_verify_without_given_keys() {
    let vectors = vectors();
    let vector = &vectors.keys["ecdsa-p256"];
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        vector.certificate
    );
    let signed = |certificate: &str| {
        json!({"payload": text(b"x"), "payloadType": "t", "signatures": [{"sig": text(&[1; 64]), "certificate": text(certificate.as_bytes())}]})
            .to_string()
    };
    let error = requests_from_submission(signed(&pem).as_bytes(), &[]).unwrap_err();
    assert!(
        matches!(error, RefusedEntry::Unverified { tried: 1, .. }),
        "the carried one was tried: {error}"
    );
    let error = requests_from_submission(signed("no pem").as_bytes(), &[]).unwrap_err();
    assert!(
        matches!(
            error,
            RefusedEntry::Key {
                place: "signatures[].certificate",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_is_no_submission_is_named() {
    let statement =
        r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[]}"#;
    for (text, found) in [
        (statement, "found an in-toto statement without a signature"),
        ("{\"a\":1}", "found a json object of another kind"),
        ("", "found nothing"),
        ("hello", "found expected value at line 1 column 1"),
        (
            "[]",
            "found invalid type: sequence, expected a json object at line 1 column 0",
        ),
    ] {
        let error = requests_from_submission(text.as_bytes(), &[]).unwrap_err();
        assert!(
            matches!(error, RefusedEntry::NotASubmission { .. }),
            "{text}: {error}"
        );
        let message = error.to_string();
        assert!(
            message.starts_with("expected a dsse envelope or a sigstore bundle, found "),
            "{message}"
        );
        assert!(message.ends_with(found), "{message}");
        assert_eq!(error.refusal(), Refusal::Malformed);
    }
    let broken = requests_from_submission(
        br#"{"payload":"!","payloadType":"t","signatures":[{"sig":"AA=="}]}"#,
        &[],
    );
    assert!(
        matches!(broken, Err(RefusedEntry::Envelope(_))),
        "{broken:?}"
    );
    let broken = requests_from_submission(br#"{"mediaType":"x","dsseEnvelope":{}}"#, &[]);
    assert!(matches!(broken, Err(RefusedEntry::Bundle(_))), "{broken:?}");
}

#[test]
fn attempts_are_bounded() {
    let pae = pae_of_payload();
    let signer = P256::new(1);
    let strangers: Vec<VerifierMaterial> = (2..34).map(|seed| P256::new(seed).material()).collect();
    let signatures: Vec<_> = (0..32).map(|_| ("", signer.sign(&pae))).collect();
    let bytes = envelope(&signatures);
    let late: Vec<_> = strangers
        .iter()
        .cloned()
        .chain([signer.material()])
        .collect();
    assert_eq!(
        requests_from_submission(&bytes, &late),
        Err(RefusedEntry::TooManyAttempts { max: 256 })
    );
    let early: Vec<_> = [signer.material()].into_iter().chain(strangers).collect();
    assert_eq!(requests_from_submission(&bytes, &early).unwrap().len(), 32);
}

#[test]
fn large_payloads_are_hashed_as_they_are() {
    let payload: Vec<u8> = (0..3_000_001_u32)
        .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let key = P256::new(1);
    let sig = text(&key.sign(&pae("t", &payload)));
    let bytes = format!(
        r#"{{"payload":"{}","payloadType":"t","signatures":[{{"sig":"{sig}"}}]}}"#,
        text(&payload)
    );
    let envelope = Envelope::parse(bytes.as_bytes()).unwrap();
    let requests = requests_from_envelope(&envelope, &[key.material()]).unwrap();
    assert_eq!(
        requests[0].request().digest,
        DigestAlgorithm::Sha256.of(&pae("t", &payload))
    );
}
