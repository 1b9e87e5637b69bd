//! Keys and signatures for the other files of this folder.
#![expect(dead_code, reason = "each test file uses some of it")]
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::ed25519::signature::Signer as _;
use p256::pkcs8::EncodePublicKey as _;
use serde::Deserialize;
use serde_json::{Value, json};
use treering_attest::{DigestAlgorithm, PublicKey, VerifierMaterial, pae};
use treering_rekor::v2::{KeyDetails, Request, Verifier};

/// OpenSSL's keys, certificates and signatures, which the other crate keeps.
#[derive(Deserialize)]
pub(crate) struct Vectors {
    pub(crate) message: String,
    pub(crate) keys: BTreeMap<String, KeyVector>,
    pub(crate) pss: Pss,
    pub(crate) refused: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(crate) struct KeyVector {
    pub(crate) spki: String,
    pub(crate) certificate: String,
    pub(crate) signatures: Vec<SignatureVector>,
}

#[derive(Deserialize)]
pub(crate) struct SignatureVector {
    pub(crate) form: String,
    pub(crate) digest: String,
    pub(crate) signature: String,
}

#[derive(Deserialize)]
pub(crate) struct Pss {
    pub(crate) signature: String,
}

pub(crate) fn vectors() -> Vectors {
    serde_json::from_str(include_str!(
        "../../../attest/tests/vectors/openssl/vectors.json"
    ))
    .unwrap()
}

pub(crate) fn b64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A P-256 key made of a number.
pub(crate) struct P256(p256::ecdsa::SigningKey);

impl P256 {
    pub(crate) fn new(seed: u8) -> Self {
        Self(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        self.0
            .verifying_key()
            .to_public_key_der()
            .unwrap()
            .into_vec()
    }

    pub(crate) fn material(&self) -> VerifierMaterial {
        VerifierMaterial::from_pem_or_der(&self.spki()).unwrap()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature =
            p256::ecdsa::signature::Signer::sign(&self.0, message);
        signature.to_der().as_bytes().to_vec()
    }

    pub(crate) fn request(&self, message: &[u8]) -> Request {
        Request {
            digest: DigestAlgorithm::Sha256.of(message),
            signature: self.sign(message),
            verifier: Verifier::PublicKey(self.spki()),
            key_details: KeyDetails::PkixEcdsaP256Sha256,
        }
    }
}

/// An Ed25519 key made of a number.
pub(crate) struct Ed25519(ed25519_dalek::SigningKey);

impl Ed25519 {
    pub(crate) fn new(seed: u8) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        let prefix = hex::decode("302a300506032b6570032100").unwrap();
        [prefix.as_slice(), self.0.verifying_key().as_bytes()].concat()
    }

    pub(crate) fn material(&self) -> VerifierMaterial {
        VerifierMaterial::from_pem_or_der(&self.spki()).unwrap()
    }

    pub(crate) fn sign_pure(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_vec()
    }

    pub(crate) fn sign_ph(&self, message: &[u8]) -> Vec<u8> {
        let hasher = <ed25519_dalek::Sha512 as ed25519_dalek::Digest>::new_with_prefix(message);
        self.0.sign_prehashed(hasher, None).unwrap().to_vec()
    }
}

pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
pub(crate) const PAYLOAD: &[u8] =
    br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[]}"#;

pub(crate) fn pae_of_payload() -> Vec<u8> {
    pae(PAYLOAD_TYPE, PAYLOAD)
}

/// An envelope with these (keyid, signature).
pub(crate) fn envelope(signatures: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let signatures: Vec<Value> = signatures
        .iter()
        .map(|(keyid, sig)| json!({"keyid": keyid, "sig": text(sig)}))
        .collect();
    let envelope =
        json!({"payload": text(PAYLOAD), "payloadType": PAYLOAD_TYPE, "signatures": signatures});
    envelope.to_string().into_bytes()
}

/// The protojson of a request.
pub(crate) fn request_json(request: &Request) -> Value {
    let mut verifier = json!({"keyDetails": request.key_details.name()});
    let (member, der) = match &request.verifier {
        Verifier::PublicKey(der) => ("publicKey", der),
        Verifier::Certificate(der) => ("x509Certificate", der),
    };
    verifier[member] = json!({"rawBytes": text(der)});
    json!({"hashedRekordRequestV002": {
        "digest": text(&request.digest),
        "signature": {"content": text(&request.signature), "verifier": verifier},
    }})
}

/// One valid request for every algorithm of the allow-list, form of signature, and form of key.
pub(crate) fn valid() -> Vec<(String, Request)> {
    let vectors = vectors();
    let message = b64(&vectors.message);
    let mut out = Vec::new();
    for (name, vector) in &vectors.keys {
        let key_details =
            KeyDetails::of(&PublicKey::from_spki_der(&b64(&vector.spki)).unwrap()).unwrap();
        let algorithm = key_details.digest_algorithm();
        for signed in vector
            .signatures
            .iter()
            .filter(|s| s.form != "pure" && s.digest == algorithm.name())
        {
            for verifier in [
                Verifier::PublicKey(b64(&vector.spki)),
                Verifier::Certificate(b64(&vector.certificate)),
            ] {
                let request = Request {
                    digest: algorithm.of(&message),
                    signature: b64(&signed.signature),
                    verifier,
                    key_details,
                };
                out.push((format!("{name} {}", signed.form), request));
            }
        }
    }
    let ed25519 = Ed25519::new(7);
    let request = Request {
        digest: DigestAlgorithm::Sha512.of(&message),
        signature: ed25519.sign_ph(&message),
        verifier: Verifier::PublicKey(ed25519.spki()),
        key_details: KeyDetails::PkixEd25519Ph,
    };
    out.push(("ed25519ph".into(), request));
    out
}
