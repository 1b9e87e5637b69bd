//! From the bytes of a submission to the leaf, per algorithm and size: what a worker of the server does for one entry.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::EncodePublicKey as _;
use treering_attest::{DigestAlgorithm, Envelope, PublicKey, VerifierMaterial, pae, verify_digest};
use treering_rekor::v1;
use treering_rekor::v2::{Entry, requests_from_submission};

const SLSA_BUNDLE: &[u8] =
    include_bytes!("../../attest/tests/vectors/slsa-github/v2.1.0-push-v14.2.intoto.jsonl");

fn p256_envelope(payload_len: usize) -> (Vec<u8>, VerifierMaterial) {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32])
        .expect("a number below the order of the curve");
    let spki = key
        .verifying_key()
        .to_public_key_der()
        .expect("every key encodes");
    let head = r#"{"subject":[{"digest":{"sha256":"00"}}],"predicate":{"text":""#;
    let text_len = payload_len.saturating_sub(head.len() + 3);
    let payload = format!("{head}{}\"}}}}", "x".repeat(text_len)).into_bytes();
    let signature: p256::ecdsa::Signature =
        key.sign(&pae("application/vnd.in-toto+json", &payload));
    let text = format!(
        r#"{{"payload":"{}","payloadType":"application/vnd.in-toto+json","signatures":[{{"keyid":"","sig":"{}"}}]}}"#,
        STANDARD.encode(&payload),
        STANDARD.encode(signature.to_der()),
    );
    (
        text.into_bytes(),
        VerifierMaterial::from_pem_or_der(spki.as_bytes()).expect("a key just made"),
    )
}

fn canonicalize(c: &mut Criterion) {
    let mut group = c.benchmark_group("submission to leaf");
    for payload in [1024, 3 * 1024, 64 * 1024, 4 * 1024 * 1024] {
        let (bytes, key) = p256_envelope(payload);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(
            format!("p256 envelope, {payload} bytes of payload, cached key"),
            |b| {
                b.iter(|| {
                    let requests =
                        requests_from_submission(black_box(&bytes), std::slice::from_ref(&key))
                            .expect("it verifies");
                    requests
                        .first()
                        .map(|request| request.canonical().expect("it fits").leaf_hash())
                });
            },
        );
    }
    group.throughput(Throughput::Bytes(SLSA_BUNDLE.len() as u64));
    group.bench_function("p256 sigstore bundle with a certificate", |b| {
        b.iter(|| {
            requests_from_submission(black_box(SLSA_BUNDLE), &[])
                .expect("it verifies")
                .len()
        });
    });
    group.finish();
}

fn parts(c: &mut Criterion) {
    let (bytes, key) = p256_envelope(3 * 1024);
    let envelope = Envelope::parse(&bytes).expect("it parses");
    let digest = envelope.pae_digest(DigestAlgorithm::Sha256);
    let signature = &envelope.signatures().first().expect("it has one").sig;
    let requests =
        requests_from_submission(&bytes, std::slice::from_ref(&key)).expect("it verifies");
    let request = requests.first().expect("it has one");
    let leaf = request.canonical().expect("it fits");
    let mut group = c.benchmark_group("parts, 3 KiB of payload");
    group.bench_function("parse envelope", |b| {
        b.iter(|| Envelope::parse(black_box(&bytes)).is_ok())
    });
    group.bench_function("pae digest", |b| {
        b.iter(|| black_box(&envelope).pae_digest(DigestAlgorithm::Sha256))
    });
    group.bench_function("verify p256 digest", |b| {
        b.iter(|| {
            verify_digest(
                key.key(),
                DigestAlgorithm::Sha256,
                black_box(&digest),
                signature,
            )
            .is_ok()
        });
    });
    group.bench_function("parse p256 key", |b| {
        b.iter(|| PublicKey::from_spki_der(black_box(key.key().spki_der())).is_ok())
    });
    group.bench_function("build leaf", |b| b.iter(|| black_box(request).canonical()));
    group.bench_function("parse leaf", |b| {
        b.iter(|| Entry::parse(black_box(leaf.leaf())).is_ok())
    });
    group.finish();
}

/// Keys that a server has seen before.
struct Cached(v1::Verifier);

impl v1::Keys for Cached {
    fn parse(&self, _: &[u8]) -> Result<v1::Verifier, v1::KeyRefused> {
        Ok(self.0.clone())
    }
}

fn propose(c: &mut Criterion) {
    let mut group = c.benchmark_group("proposed entry to leaf and index keys");
    for payload in [1024, 15 * 1024, 4 * 1024 * 1024] {
        let (envelope, key) = p256_envelope(payload);
        let envelope = String::from_utf8(envelope).expect("json");
        let key = v1::Verifier::from(&key);
        let verifiers = [STANDARD.encode(key.canonical_pem())];
        let content = serde_json::json!({"envelope": envelope, "verifiers": verifiers});
        let spec = serde_json::json!({"proposedContent": content});
        let body = serde_json::json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec});
        let body = body.to_string();
        let keys = Cached(key);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(
            format!("p256 dsse, {payload} bytes of payload, cached key"),
            |b| {
                b.iter(|| {
                    let entry = v1::ProposedEntry::parse(black_box(body.as_bytes()))
                        .expect("it is one")
                        .verify(&keys, 0)
                        .expect("it verifies");
                    let found_by = entry.index_keys().expect("they are few");
                    (entry.canonical().leaf_hash(), found_by)
                });
            },
        );
    }
}

criterion_group!(benches, canonicalize, propose, parts);
criterion_main!(benches);
