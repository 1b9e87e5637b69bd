//! `CreateEntry` in both its kinds, and the answer to it.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

mod support;

use serde_json::{Value, json};
use support::{P256, request_json, text};
use treering_attest::{DigestAlgorithm, Envelope};
use treering_rekor::v2::{
    CreateEntry, DsseRequest, KeyDetails, KeyDetailsPolicy, Refusal, RefusedEntry, Request,
    RequestError, TransparencyLogEntry, Verifier,
};
use treering_tlog::merkle::InclusionProof;
use treering_tlog::{Hash, LeafIndex, TreeSize};

const TYPE: &str = "application/vnd.in-toto+json";

/// An envelope over `{}` with the signatures of these keys.
fn envelope(keys: &[&P256]) -> Value {
    let pae = format!("DSSEv1 {} {TYPE} 2 {{}}", TYPE.len());
    let signatures: Vec<Value> = keys
        .iter()
        .map(|key| json!({"sig": text(&key.sign(pae.as_bytes())), "keyid": ""}))
        .collect();
    json!({"payload": text(b"{}"), "payloadType": TYPE, "signatures": signatures})
}

fn verifier(key: &P256, details: &str) -> Value {
    json!({"publicKey": {"rawBytes": text(&key.spki())}, "keyDetails": details})
}

fn create(envelope: &Value, verifiers: &[Value]) -> Result<CreateEntry, RequestError> {
    let body = json!({"dsseRequestV002": {"envelope": envelope, "verifiers": verifiers}});
    CreateEntry::parse_json(body.to_string().as_bytes())
}

fn dsse(envelope: &Value, verifiers: &[Value]) -> DsseRequest {
    match create(envelope, verifiers).unwrap() {
        CreateEntry::Dsse(request) => request,
        CreateEntry::HashedRekord(request) => panic!("{request:?}"),
    }
}

const P256_DETAILS: &str = "PKIX_ECDSA_P256_SHA_256";

#[test]
fn an_attestation_becomes_the_entry_over_its_encoding() {
    let key = P256::new(3);
    let envelope = envelope(&[&key]);
    let request = dsse(&envelope, &[verifier(&key, P256_DETAILS)]);
    assert_eq!(request.envelope, envelope.to_string().as_bytes());
    let parsed = Envelope::parse(&request.envelope).unwrap();
    let same = Request {
        digest: parsed.pae_digest(DigestAlgorithm::Sha256),
        signature: parsed.signatures()[0].sig.clone(),
        verifier: Verifier::PublicKey(key.spki()),
        key_details: KeyDetails::PkixEcdsaP256Sha256,
    };
    assert_eq!(
        request.canonicalize(KeyDetailsPolicy::Strict).unwrap(),
        same.canonicalize(KeyDetailsPolicy::Strict).unwrap()
    );
    // The key that verifies is found among several.
    let other = P256::new(4);
    let several = dsse(
        &envelope,
        &[verifier(&other, P256_DETAILS), verifier(&key, P256_DETAILS)],
    );
    assert_eq!(
        several.canonicalize(KeyDetailsPolicy::Strict).unwrap(),
        same.canonicalize(KeyDetailsPolicy::Strict).unwrap()
    );
}

#[test]
fn attestations_that_have_no_such_entry_are_refused() {
    let (key, other) = (P256::new(3), P256::new(4));
    let refused = |envelope: &Value, verifiers: &[Value]| {
        dsse(envelope, verifiers)
            .canonicalize(KeyDetailsPolicy::Strict)
            .unwrap_err()
    };
    let known = verifier(&key, P256_DETAILS);
    for (signers, found) in [(&[][..], 0), (&[&key, &other][..], 2)] {
        let error = refused(&envelope(signers), std::slice::from_ref(&known));
        // An envelope without a signature may be refused as an envelope already.
        let counted = error == RefusedEntry::Signatures { found };
        assert!(
            counted || (found == 0 && matches!(error, RefusedEntry::Envelope(_))),
            "{error}"
        );
        assert_eq!(error.refusal(), Refusal::Malformed);
    }
    let wrong = refused(&envelope(&[&key]), &[verifier(&other, P256_DETAILS)]);
    assert!(matches!(wrong, RefusedEntry::Signature(_)), "{wrong}");
    let none = refused(
        &envelope(&[&key]),
        &[
            verifier(&other, P256_DETAILS),
            verifier(&P256::new(5), P256_DETAILS),
        ],
    );
    assert!(
        matches!(none, RefusedEntry::Unverified { tried: 2, .. }),
        "{none}"
    );
    let details = refused(
        &envelope(&[&key]),
        &[verifier(&key, "PKIX_RSA_PKCS1V15_2048_SHA256")],
    );
    assert!(
        matches!(details, RefusedEntry::KeyDetailsMismatch { .. }),
        "{details}"
    );
    let mut altered = envelope(&[&key]);
    altered["payload"] = json!(text(b"[]"));
    let altered = refused(&altered, &[known]);
    assert!(matches!(altered, RefusedEntry::Signature(_)), "{altered}");
}

#[test]
fn requests_of_either_kind_are_told_apart() {
    let key = P256::new(3);
    let hashed = request_json(&key.request(b"x"));
    let parsed = CreateEntry::parse_json(hashed.to_string().as_bytes()).unwrap();
    assert_eq!(parsed, CreateEntry::HashedRekord(key.request(b"x")));
    let mut both = hashed.clone();
    both["dsseRequestV002"] = json!({});
    let both = CreateEntry::parse_json(both.to_string().as_bytes());
    assert_eq!(both, Err(RequestError::TwoKinds));
    let envelope = envelope(&[&key]);
    let missing = create(&envelope, &[]);
    assert!(
        matches!(missing, Err(RequestError::Missing { member }) if member.contains("verifiers"))
    );
    let eleven = vec![verifier(&key, P256_DETAILS); 11];
    assert_eq!(
        create(&envelope, &eleven),
        Err(RequestError::Verifiers { found: 11 })
    );
    let absent = CreateEntry::parse_json(br#"{"dsseRequestV002":{"verifiers":[]}}"#);
    assert!(matches!(absent, Err(RequestError::Missing { member }) if member.contains("envelope")));
    let unknown = br#"{"dsseRequestV002":{"extra":1}}"#;
    assert!(
        matches!(CreateEntry::parse_json(unknown), Err(RequestError::Json { found }) if found.contains("extra"))
    );
    assert!(CreateEntry::parse_json(b"{}").is_err());
}

#[test]
fn the_answer_has_every_member_in_the_order_of_the_protocol() {
    let proof = InclusionProof {
        index: LeafIndex::new(2).unwrap(),
        size: TreeSize::new(3).unwrap(),
        hashes: vec![Hash::of(b"sibling")],
    };
    let answer = TransparencyLogEntry {
        log_id: &[7; 32],
        proof: &proof,
        root: &Hash::of(b"root"),
        checkpoint: "log.example.org\n3\n\n\u{2014} log.example.org AAAA\n",
        leaf: b"{}",
    };
    let key_id = text(&[7; 32]);
    let (root, sibling) = (
        text(Hash::of(b"root").as_bytes()),
        text(Hash::of(b"sibling").as_bytes()),
    );
    let expected = format!(
        r#"{{"logIndex":"2","logId":{{"keyId":"{key_id}"}},"kindVersion":{{"kind":"hashedrekord","version":"0.0.2"}},"integratedTime":"0","inclusionPromise":null,"inclusionProof":{{"logIndex":"2","rootHash":"{root}","treeSize":"3","hashes":["{sibling}"],"checkpoint":{{"envelope":"log.example.org\n3\n\n{dash} log.example.org AAAA\n"}}}},"canonicalizedBody":"e30="}}"#,
        dash = '\u{2014}',
    );
    assert_eq!(String::from_utf8(answer.to_json()).unwrap(), expected);
}
