//! Keys and signatures, held to OpenSSL's and to RFC 8032.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use treering_attest::{
    DigestAlgorithm, KeyAlgorithm, KeyError, PublicKey, RsaSizes, SignatureError, VerifierMaterial,
    verify, verify_digest, verify_pss,
};

#[derive(Deserialize)]
struct Vectors {
    message: String,
    keys: BTreeMap<String, KeyVector>,
    pss: Pss,
    refused: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct KeyVector {
    spki: String,
    fingerprint: String,
    certificate: String,
    signatures: Vec<SignatureVector>,
}

#[derive(Deserialize)]
struct SignatureVector {
    form: String,
    digest: String,
    signature: String,
}

#[derive(Deserialize)]
struct Pss {
    key: String,
    signature: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/openssl/vectors.json")).unwrap()
}

fn b64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

fn digest(name: &str) -> DigestAlgorithm {
    DigestAlgorithm::ALL
        .into_iter()
        .find(|algorithm| algorithm.name() == name)
        .unwrap()
}

fn pem(label: &str, der: &[u8]) -> String {
    let body: Vec<String> = STANDARD
        .encode(der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        body.join("\n")
    )
}

#[test]
fn every_algorithm_parses_by_every_door() {
    for (name, vector) in vectors().keys {
        let (spki, certificate) = (b64(&vector.spki), b64(&vector.certificate));
        let key = PublicKey::from_spki_der(&spki).unwrap();
        assert_eq!(key.algorithm().to_string(), name);
        assert_eq!(key.spki_der(), spki);
        assert_eq!(hex::encode(key.fingerprint()), vector.fingerprint);
        assert_eq!(PublicKey::from_certificate_der(&certificate).unwrap(), key);
        for bytes in [
            spki.clone(),
            certificate.clone(),
            pem("PUBLIC KEY", &spki).into(),
            pem("CERTIFICATE", &certificate).into(),
        ] {
            assert_eq!(PublicKey::from_pem_or_der(&bytes).unwrap(), key, "{name}");
        }
        let material = VerifierMaterial::from_pem_or_der(&certificate).unwrap();
        assert!(
            matches!(&material, VerifierMaterial::Certificate { der, .. } if **der == *certificate),
            "{name}"
        );
    }
}

#[test]
fn every_signature_verifies_and_no_altered_one_does() {
    let vectors = vectors();
    let message = b64(&vectors.message);
    let mut seen = 0;
    for (name, vector) in &vectors.keys {
        let key = PublicKey::from_spki_der(&b64(&vector.spki)).unwrap();
        for signed in &vector.signatures {
            let algorithm = digest(&signed.digest);
            let signature = b64(&signed.signature);
            let what = format!("{name} {} {}", signed.digest, signed.form);
            assert_eq!(
                verify(&key, algorithm, &message, &signature),
                Ok(()),
                "{what}"
            );
            if signed.form != "pure" {
                assert_eq!(
                    verify_digest(&key, algorithm, &algorithm.of(&message), &signature),
                    Ok(()),
                    "{what}"
                );
            }
            refuses_altered(&key, algorithm, &message, &signature, &what);
            seen += 1;
        }
    }
    assert_eq!(
        seen,
        3 * 6 + 3 * 3 + 1,
        "3 curves in 2 forms and 3 rsa sizes, by 3 digests each, and ed25519"
    );
}

fn refuses_altered(
    key: &PublicKey,
    algorithm: DigestAlgorithm,
    message: &[u8],
    signature: &[u8],
    what: &str,
) {
    let mismatch = Err(SignatureError::Mismatch {
        key: key.algorithm(),
    });
    for at in [0, signature.len() / 2, signature.len() - 1] {
        let mut altered = signature.to_vec();
        altered[at] ^= 1;
        assert_eq!(
            verify(key, algorithm, message, &altered),
            mismatch,
            "{what}, byte {at}"
        );
    }
    for altered in [
        &signature[1..],
        &signature[..signature.len() - 1],
        &[],
        &[signature, &[0]].concat(),
    ] {
        assert_eq!(
            verify(key, algorithm, message, altered),
            mismatch,
            "{what}, {} bytes",
            altered.len()
        );
    }
    assert_eq!(
        verify(key, algorithm, &message[1..], signature),
        mismatch,
        "{what}, another message"
    );
}

#[test]
fn another_digest_or_another_key_does_not_verify() {
    let vectors = vectors();
    let message = b64(&vectors.message);
    for (name, vector) in &vectors.keys {
        let signed = &vector.signatures[0];
        for (other, key) in &vectors.keys {
            let key = PublicKey::from_spki_der(&b64(&key.spki)).unwrap();
            for algorithm in DigestAlgorithm::ALL {
                let right =
                    name == other && (signed.form == "pure" || signed.digest == algorithm.name());
                let found = verify(&key, algorithm, &message, &b64(&signed.signature));
                assert_eq!(found.is_ok(), right, "{name} by {other} with {algorithm}");
            }
        }
    }
}

#[test]
fn rsa_pss_verifies_as_such_only() {
    let vectors = vectors();
    let key = PublicKey::from_spki_der(&b64(&vectors.keys[&vectors.pss.key].spki)).unwrap();
    let found = verify(
        &key,
        DigestAlgorithm::Sha256,
        &b64(&vectors.message),
        &b64(&vectors.pss.signature),
    );
    assert_eq!(
        found,
        Err(SignatureError::Mismatch {
            key: KeyAlgorithm::Rsa { bits: 2048 }
        })
    );
    let (message, signature) = (b64(&vectors.message), b64(&vectors.pss.signature));
    let by = |key: &PublicKey, digest, message: &[u8]| verify_pss(key, digest, message, &signature);
    assert_eq!(by(&key, DigestAlgorithm::Sha256, &message), Ok(()));
    assert!(by(&key, DigestAlgorithm::Sha384, &message).is_err());
    assert!(by(&key, DigestAlgorithm::Sha256, b"something else").is_err());
    for (name, other) in &vectors.keys {
        let other = PublicKey::from_spki_der(&b64(&other.spki)).unwrap();
        let verifies = by(&other, DigestAlgorithm::Sha256, &message).is_ok();
        assert_eq!(verifies, *name == vectors.pss.key, "{name}");
    }
}

/// RFC 8032 §7.3.
#[test]
fn ed25519ph_verifies_the_vector_of_the_rfc() {
    let mut spki = hex::decode("302a300506032b6570032100").unwrap();
    spki.extend(
        hex::decode("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf").unwrap(),
    );
    let key = PublicKey::from_spki_der(&spki).unwrap();
    let signature = hex::decode(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
    )
    .unwrap();
    let digest = DigestAlgorithm::Sha512.of(b"abc");
    assert_eq!(
        verify_digest(&key, DigestAlgorithm::Sha512, &digest, &signature),
        Ok(())
    );
    let mismatch = Err(SignatureError::Mismatch {
        key: KeyAlgorithm::Ed25519,
    });
    assert_eq!(
        verify(&key, DigestAlgorithm::Sha512, b"abc", &signature),
        mismatch,
        "it is not a pure one"
    );
    let other = DigestAlgorithm::Sha512.of(b"abd");
    assert_eq!(
        verify_digest(&key, DigestAlgorithm::Sha512, &other, &signature),
        mismatch
    );
    let short = DigestAlgorithm::Sha256.of(b"abc");
    assert_eq!(
        verify_digest(&key, DigestAlgorithm::Sha256, &short, &signature),
        Err(SignatureError::Digest {
            key: KeyAlgorithm::Ed25519,
            found: DigestAlgorithm::Sha256
        })
    );
}

#[test]
fn a_digest_of_another_length_is_refused_before_anything_else() {
    let vectors = vectors();
    let key = PublicKey::from_spki_der(&b64(&vectors.keys["ecdsa-p256"].spki)).unwrap();
    for len in [0, 1, 31, 33, 48, 64, 1000] {
        assert_eq!(
            verify_digest(&key, DigestAlgorithm::Sha256, &vec![0; len], &[0; 64]),
            Err(SignatureError::DigestLength {
                algorithm: DigestAlgorithm::Sha256,
                found: len
            })
        );
    }
}

#[test]
fn refused_keys_are_refused_for_their_own_reason() {
    let refused = vectors().refused;
    for (name, der) in &refused {
        let error = PublicKey::from_spki_der(&b64(der)).expect_err(name);
        let right = match name.as_str() {
            "rsa-1024" => {
                error
                    == KeyError::RsaSize {
                        expected: RsaSizes::Standard,
                        found: 1024,
                    }
            }
            "rsa-2056" => {
                error
                    == KeyError::RsaSize {
                        expected: RsaSizes::Standard,
                        found: 2056,
                    }
            }
            "secp256k1" | "p-224" | "x25519" | "ed448" | "dsa" => {
                matches!(error, KeyError::Algorithm { .. })
            }
            "compressed-point" | "point-off-the-curve" | "zero-point" | "point-at-infinity" => {
                matches!(
                    error,
                    KeyError::Value {
                        algorithm: "ecdsa p-256",
                        ..
                    }
                )
            }
            name if name.starts_with("ed25519-") => matches!(
                error,
                KeyError::Value {
                    algorithm: "ed25519",
                    ..
                }
            ),
            _ => matches!(error, KeyError::Spki { .. }),
        };
        assert!(right, "{name}: {error}");
        assert!(
            VerifierMaterial::from_pem_or_der(&b64(der)).is_err(),
            "{name}"
        );
    }
    assert_eq!(refused.len(), 21);
}

#[test]
fn certificates_are_strict() {
    let vectors = vectors();
    let certificate = b64(&vectors.keys["ecdsa-p256"].certificate);
    let spki = b64(&vectors.keys["ecdsa-p256"].spki);
    let bad = [
        [certificate.as_slice(), &[0]].concat(),
        certificate[..certificate.len() - 1].to_vec(),
        spki,
        Vec::new(),
    ];
    for der in bad {
        assert!(matches!(
            PublicKey::from_certificate_der(&der),
            Err(KeyError::Certificate { .. })
        ));
    }
    assert!(matches!(
        PublicKey::from_spki_der(&certificate),
        Err(KeyError::Spki { .. })
    ));
}

#[test]
fn a_pem_chain_stands_for_its_first_certificate() {
    let vectors = vectors();
    let [first, second] = ["ecdsa-p256", "rsa-2048"]
        .map(|name| pem("CERTIFICATE", &b64(&vectors.keys[name].certificate)));
    let key = pem("PUBLIC KEY", &b64(&vectors.keys["ecdsa-p256"].spki));
    let material =
        VerifierMaterial::from_pem_or_der(format!("{first}{second}").as_bytes()).unwrap();
    assert_eq!(material.key().algorithm(), KeyAlgorithm::EcdsaP256);

    let refused = |text: String| VerifierMaterial::from_pem_or_der(text.as_bytes()).unwrap_err();
    assert_eq!(
        refused(format!("{first}{key}")),
        KeyError::PemMixed { found: 2 }
    );
    assert_eq!(
        refused(format!("{key}{key}")),
        KeyError::PemMixed { found: 2 }
    );
    let private = pem("PRIVATE KEY", b"secret");
    assert_eq!(
        refused(private),
        KeyError::PemLabel {
            found: "PRIVATE KEY".into()
        }
    );
    assert!(matches!(
        refused(pem("CERTIFICATE", b"no certificate")),
        KeyError::Certificate { .. }
    ));
    assert!(matches!(
        refused("not pem".into()),
        KeyError::Neither { .. }
    ));
    assert!(matches!(
        refused("-".repeat(1 << 20)),
        KeyError::TooLong { .. }
    ));
}

#[test]
fn a_clone_is_the_same_key() {
    let vectors = vectors();
    let material =
        VerifierMaterial::from_pem_or_der(&b64(&vectors.keys["ecdsa-p384"].certificate)).unwrap();
    let clone = material.clone();
    assert_eq!(clone, material);
    assert_eq!(
        clone.key().spki_der().as_ptr(),
        material.key().spki_der().as_ptr(),
        "shared, not copied"
    );
    assert!(format!("{clone:?}").contains(&vectors.keys["ecdsa-p384"].fingerprint));
}
