//! Envelopes and bundles as build systems push them, made into one entry of Rekor v1.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

mod support;

use serde_json::{Value, json};
use support::{Ed25519, P256, PAYLOAD, PAYLOAD_TYPE, b64, envelope, pae_of_payload, text, vectors};
use treering_attest::{DigestAlgorithm, VerifierMaterial};
use treering_rekor::Refusal;
use treering_rekor::v1::{
    self, Entry, ProposedEntry, RefusedEntry, Uncached, VerifiedEntry, Verifier,
};

fn entry_from_submission(
    bytes: &[u8],
    verifiers: &[VerifierMaterial],
) -> Result<VerifiedEntry, RefusedEntry> {
    v1::entry_from_submission(&bytes::Bytes::copy_from_slice(bytes), verifiers)
}

const VSA: &[u8] = include_bytes!("../../attest/tests/vectors/vsa/gke-gce-pre.bcid-vsa.jsonl");
const VSA_KEY: &[u8] = include_bytes!("../../attest/tests/vectors/vsa/vsa_signing_public_key.pem");
const SLSA_ENVELOPE: &[u8] =
    include_bytes!("../../attest/tests/vectors/slsa-github/v1.9.0-push-v14.2.intoto.jsonl");
const SLSA_BUNDLE: &[u8] =
    include_bytes!("../../attest/tests/vectors/slsa-github/v2.1.0-push-v14.2.intoto.jsonl");
const MULTI: &[u8] = include_bytes!("../../attest/tests/vectors/rekor-dsse/intoto_multi_dsse.json");
const MULTI_KEYS: [&[u8]; 2] = [
    include_bytes!("../../attest/tests/vectors/rekor-dsse/intoto_dsse.pem"),
    include_bytes!("../../attest/tests/vectors/rekor-dsse/intoto_multi_pub2.pem"),
];

fn material(pem: &[u8]) -> VerifierMaterial {
    VerifierMaterial::from_pem_or_der(pem).unwrap()
}

/// The same envelope as a client of the API would send it, with the keys that verified it.
fn proposed(entry: &VerifiedEntry) -> Vec<u8> {
    let keys = entry.verifiers().iter();
    let keys: Vec<String> = keys
        .map(|key| text(key.canonical_pem().as_bytes()))
        .collect();
    let spec = json!({"proposedContent": {"envelope": entry.envelope(), "verifiers": keys}});
    json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
        .to_string()
        .into_bytes()
}

fn dsse(entry: &VerifiedEntry) -> &v1::dsse::Spec {
    let Entry::Dsse(spec) = entry.entry() else {
        panic!("{:?}", entry.entry())
    };
    spec
}

#[test]
fn real_attestations_become_what_their_proposals_become() {
    for (bytes, keys, signatures) in [
        (VSA, vec![material(VSA_KEY)], 1),
        (SLSA_ENVELOPE, vec![], 1),
        (SLSA_BUNDLE, vec![], 1),
        (MULTI, MULTI_KEYS.map(material).to_vec(), 2),
    ] {
        let entry = entry_from_submission(bytes, &keys).unwrap();
        let spec = dsse(&entry);
        assert_eq!(spec.signatures.len(), signatures);
        let envelope = entry.envelope().unwrap();
        assert!(
            bytes
                .windows(envelope.len())
                .any(|part| part == envelope.as_bytes())
        );
        let hash = DigestAlgorithm::Sha256.of(envelope.as_bytes());
        assert_eq!(spec.envelope_hash.value, hex(&hash));
        let body = proposed(&entry);
        let again = ProposedEntry::parse(&body)
            .unwrap()
            .verify(&Uncached, 0)
            .unwrap();
        assert_eq!(again, entry);
        let keys = entry.index_keys().unwrap();
        assert!(keys.contains(&format!("sha256:{}", spec.payload_hash.value)));
        assert!(keys.contains(&format!("sha256:{}", spec.envelope_hash.value)));
        assert_eq!(entry.attestation(usize::MAX), None, "never of dsse");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn subjects_and_identities_are_in_the_index() {
    let entry = entry_from_submission(SLSA_ENVELOPE, &[]).unwrap();
    let keys = entry.index_keys().unwrap();
    let identity = keys
        .iter()
        .filter(|key| key.starts_with("https://github.com/"));
    assert_eq!(identity.count(), 1, "{keys:?}");
    assert!(
        keys.iter().filter(|key| key.starts_with("sha256:")).count() > 3,
        "{keys:?}"
    );
    assert!(keys.iter().all(|key| *key == key.to_lowercase()));
}

#[test]
fn all_signatures_of_an_envelope_are_one_entry_in_the_order_of_their_texts() {
    let (first, second) = (P256::new(1), Ed25519::new(2));
    let pae = pae_of_payload();
    let signatures = [first.sign(&pae), second.sign_pure(&pae)];
    let [a, b] = signatures.clone();
    let bytes = envelope(&[("a", a), ("b", b)]);
    // Keys that verify nothing are passed over, wherever they stand.
    let other = P256::new(9).material();
    for keys in [
        vec![other.clone(), second.material(), first.material()],
        vec![first.material(), other.clone(), second.material(), other],
    ] {
        let entry = entry_from_submission(&bytes, &keys).unwrap();
        let found: Vec<&str> = dsse(&entry)
            .signatures
            .iter()
            .map(|s| &*s.signature)
            .collect();
        let mut expected = signatures.each_ref().map(|sig| text(sig));
        expected.sort();
        assert_eq!(found, expected);
        let body = proposed(&entry);
        let again = ProposedEntry::parse(&body)
            .unwrap()
            .verify(&Uncached, 0)
            .unwrap();
        assert_eq!(again, entry);
    }
}

#[test]
fn a_certificate_is_kept_only_by_the_signature_that_it_is_first_to_verify() {
    let vectors = vectors();
    let vector = &vectors.keys["ecdsa-p256"];
    let key = VerifierMaterial::from_pem_or_der(&b64(&vector.spki)).unwrap();
    let certificate = VerifierMaterial::from_certificate_der(&b64(&vector.certificate)).unwrap();
    let signed = vector
        .signatures
        .iter()
        .find(|s| s.digest == "sha256" && s.form == "der");
    let digest = DigestAlgorithm::Sha256.of(&b64(&vectors.message));
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "x"}},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": text(&digest)},
            "signature": signed.unwrap().signature,
        },
    });
    let bytes = bundle.to_string().into_bytes();
    for (first, second) in [(&key, &certificate), (&certificate, &key)] {
        let entry = entry_from_submission(&bytes, &[first.clone(), second.clone()]).unwrap();
        assert_eq!(entry.verifiers(), [Verifier::from(first)]);
        let again = ProposedEntry::parse(entry.canonical().leaf()).unwrap();
        assert_eq!(again.verify(&Uncached, 0).unwrap(), entry);
        assert_eq!(entry.envelope(), None);
        let keys = entry.index_keys().unwrap();
        assert_eq!(
            keys.first(),
            Some(&entry.verifiers()[0].index_digest()),
            "bare"
        );
        assert_eq!(keys.last(), Some(&format!("sha256:{}", hex(&digest))));
    }
}

fn refused(bytes: &[u8], keys: &[VerifierMaterial]) -> (Refusal, RefusedEntry) {
    let refused = entry_from_submission(bytes, keys).unwrap_err();
    (refused.refusal(), refused)
}

#[test]
fn what_does_not_verify_is_refused() {
    let key = P256::new(1);
    let pae = pae_of_payload();
    let good = key.sign(&pae);
    let one = envelope(&[("", good.clone())]);
    let (class, error) = refused(&one, &[]);
    let expected = RefusedEntry::UnverifiedSignature {
        signatures: 1,
        verified: 0,
    };
    assert_eq!((class, error), (Refusal::Unverified, expected));
    // One of two.
    let two = envelope(&[("", good), ("", P256::new(2).sign(&pae))]);
    assert_eq!(refused(&two, &[key.material()]).0, Refusal::Unverified);
    // Two by one key: the API refuses that, too.
    let ed25519 = Ed25519::new(3);
    let twice = envelope(&[("", key.sign(&pae)), ("", ed25519.sign_pure(&pae))]);
    assert!(entry_from_submission(&twice, &[key.material(), ed25519.material()]).is_ok());
    let twice = envelope(&[("", key.sign(&pae)), ("", key.sign(b"other"))]);
    assert_eq!(refused(&twice, &[key.material()]).0, Refusal::Unverified);
    // Other documents.
    for bytes in [&b"{}"[..], b"", br#"{"_type":"x","subject":[]}"#, b"[]"] {
        let (class, error) = refused(bytes, &[key.material()]);
        assert_eq!(class, Refusal::Malformed, "{error}");
        assert!(
            matches!(error, RefusedEntry::NotASubmission { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn an_envelope_that_two_readers_could_read_differently_is_refused() {
    let key = P256::new(1);
    let signature = text(&key.sign(&pae_of_payload()));
    let payload = text(PAYLOAD);
    let other = text(b"other");
    let ambiguous = format!(
        r#"{{"payload":"{payload}","payloadType":"{PAYLOAD_TYPE}","signatures":[{{"sig":"{signature}"}}],"Payload":"{other}"}}"#
    );
    let (class, error) = refused(ambiguous.as_bytes(), &[key.material()]);
    assert_eq!(class, Refusal::Malformed);
    assert!(
        matches!(error, RefusedEntry::EnvelopeJson { .. }),
        "{error:?}"
    );
    let spec = json!({"proposedContent": {
        "envelope": ambiguous,
        "verifiers": [text(Verifier::from(&key.material()).canonical_pem().as_bytes())],
    }});
    let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}).to_string();
    let error = ProposedEntry::parse(body.as_bytes())
        .unwrap()
        .verify(&Uncached, 0)
        .unwrap_err();
    assert!(
        matches!(error, RefusedEntry::EnvelopeJson { .. }),
        "{error:?}"
    );
}

#[test]
fn a_message_that_cannot_be_a_hashedrekord_says_why() {
    let ed25519 = Ed25519::new(1);
    let message = |algorithm: &str, digest: &[u8], signature: &[u8]| -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": "x"}},
            "messageSignature": {
                "messageDigest": {"algorithm": algorithm, "digest": text(digest)},
                "signature": text(signature),
            },
        })
    };
    let sha256 = DigestAlgorithm::Sha256.of(b"m");
    let bundle = message("SHA2_256", &sha256, &ed25519.sign_pure(b"m")).to_string();
    let (class, error) = refused(bundle.as_bytes(), &[ed25519.material()]);
    assert_eq!(class, Refusal::Unsupported);
    assert!(
        matches!(error, RefusedEntry::NotAllowed { .. }),
        "{error:?}"
    );
    let sha512 = DigestAlgorithm::Sha512.of(b"m");
    let bundle = message("SHA2_512", &sha512, &ed25519.sign_ph(b"m")).to_string();
    assert!(entry_from_submission(bundle.as_bytes(), &[ed25519.material()]).is_ok());
    let bundle = message("SHA2_512", &sha512, &ed25519.sign_pure(b"m")).to_string();
    assert_eq!(
        refused(bundle.as_bytes(), &[ed25519.material()]).0,
        Refusal::Unverified
    );
    let mut none = message("SHA2_512", &sha512, &ed25519.sign_ph(b"m"));
    none["messageSignature"]
        .as_object_mut()
        .unwrap()
        .remove("messageDigest");
    let (_, error) = refused(none.to_string().as_bytes(), &[ed25519.material()]);
    assert!(matches!(error, RefusedEntry::Missing { .. }), "{error:?}");
}
