//! Envelopes: real ones, the text of the specification, and what must be refused.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use treering_attest::container::{Container, detect, guess};
use treering_attest::statement::StatementVersion;
use treering_attest::{
    DigestAlgorithm, Envelope, EnvelopeError, PublicKey, SignatureError, SigstoreBundle, Statement,
    VerifierMaterial, bundle::BundleContent, pae, verify, verify_digest,
};

const VSA: &[u8] = include_bytes!("vectors/vsa/gke-gce-pre.bcid-vsa.jsonl");
const VSA_KEY: &[u8] = include_bytes!("vectors/vsa/vsa_signing_public_key.pem");

/// The text and the encoding of DSSE's protocol.md.
#[test]
fn pae_is_that_of_the_specification() {
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
    assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    assert_eq!(pae("\u{e4}", b"x"), "DSSEv1 2 \u{e4} 1 x".as_bytes());
}

/// Google's summary attestation: ECDSA as raw `r || s`, a PEM key without a last line feed.
#[test]
fn a_real_vsa_verifies_until_a_byte_is_flipped() {
    let key = PublicKey::from_pem_or_der(VSA_KEY).unwrap();
    let envelope = Envelope::parse(VSA).unwrap();
    let [signature] = envelope.signatures() else {
        panic!("it has one signature")
    };
    assert_eq!(signature.sig.len(), 64);
    assert_eq!(
        signature.keyid,
        "keystore://76574:prod:vsa_signing_public_key"
    );
    verify(
        &key,
        DigestAlgorithm::Sha256,
        &envelope.pae(),
        &signature.sig,
    )
    .unwrap();
    verify_digest(
        &key,
        DigestAlgorithm::Sha256,
        &envelope.pae_digest(DigestAlgorithm::Sha256),
        &signature.sig,
    )
    .unwrap();

    let statement = Statement::parse(&envelope.payload().unwrap()).unwrap();
    assert_eq!(statement.version, StatementVersion::V1);
    assert_eq!(
        statement.predicate_type,
        "https://slsa.dev/verification_summary/v1"
    );
    assert_eq!(
        statement.subjects[0].digests,
        [("gce_image_id".into(), "8970095005306000053".into())]
    );

    for at in [20, 500] {
        let mut flipped = VSA.to_vec();
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        let envelope = Envelope::parse(&flipped).unwrap();
        let digest = envelope.pae_digest(DigestAlgorithm::Sha256);
        let found = verify_digest(
            &key,
            DigestAlgorithm::Sha256,
            &digest,
            &envelope.signatures()[0].sig,
        );
        assert!(
            matches!(found, Err(SignatureError::Mismatch { .. })),
            "byte {at}"
        );
    }
}

/// SLSA's GitHub generator: an envelope that carries its certificate as PEM up to v1.9, a Sigstore bundle since.
#[test]
fn real_slsa_provenance_verifies() {
    for bytes in [
        include_bytes!("vectors/slsa-github/v1.9.0-push-v14.2.intoto.jsonl").as_slice(),
        include_bytes!("vectors/slsa-github/v1.9.0-workflow_dispatch.intoto.jsonl"),
    ] {
        assert_eq!(detect(bytes), Container::Envelope);
        let envelope = Envelope::parse(bytes).unwrap();
        let certificate = envelope.signatures()[0].certificate.as_deref().unwrap();
        verify_provenance(&envelope, &PublicKey::from_pem_or_der(certificate).unwrap());
    }
    for bytes in [
        include_bytes!("vectors/slsa-github/v2.1.0-push-v14.2.intoto.jsonl").as_slice(),
        include_bytes!("vectors/slsa-github/v2.1.0-workflow_dispatch.intoto.jsonl"),
    ] {
        assert_eq!(detect(bytes), Container::SigstoreBundle);
        let bundle = SigstoreBundle::parse(bytes).unwrap();
        let treering_attest::bundle::VerificationMaterial::Certificates(chain) = bundle.material()
        else {
            panic!("it has a certificate")
        };
        let BundleContent::Dsse(raw) = bundle.content() else {
            panic!("it has an envelope")
        };
        let text = std::str::from_utf8(bytes).unwrap();
        assert!(
            text.contains(raw.get()),
            "the envelope is a slice of the bundle"
        );
        let envelope = Envelope::parse(raw.get().as_bytes()).unwrap();
        verify_provenance(
            &envelope,
            &PublicKey::from_certificate_der(&chain[0]).unwrap(),
        );
    }
}

fn verify_provenance(envelope: &Envelope<'_>, key: &PublicKey) {
    verify(
        key,
        DigestAlgorithm::Sha256,
        &envelope.pae(),
        &envelope.signatures()[0].sig,
    )
    .unwrap();
    let statement = Statement::parse(&envelope.payload().unwrap()).unwrap();
    assert_eq!(statement.predicate_type, "https://slsa.dev/provenance/v0.2");
    assert!(!statement.subjects.is_empty());
}

/// Rekor's own sample, one signature and two, by an ECDSA and an RSA key.
#[test]
fn rekors_samples_verify() {
    let ecdsa =
        PublicKey::from_pem_or_der(include_bytes!("vectors/rekor-dsse/intoto_dsse.pem")).unwrap();
    let envelope = Envelope::parse(include_bytes!("vectors/rekor-dsse/intoto_dsse.json")).unwrap();
    verify(
        &ecdsa,
        DigestAlgorithm::Sha256,
        &envelope.pae(),
        &envelope.signatures()[0].sig,
    )
    .unwrap();

    let rsa =
        PublicKey::from_pem_or_der(include_bytes!("vectors/rekor-dsse/intoto_multi_pub2.pem"))
            .unwrap();
    let envelope =
        Envelope::parse(include_bytes!("vectors/rekor-dsse/intoto_multi_dsse.json")).unwrap();
    let digest = envelope.pae_digest(DigestAlgorithm::Sha256);
    let found: Vec<bool> = envelope
        .signatures()
        .iter()
        .map(|s| verify_digest(&rsa, DigestAlgorithm::Sha256, &digest, &s.sig).is_ok())
        .collect();
    assert_eq!(found, [false, true]);
}

#[test]
fn witness_envelopes_parse() {
    for (bytes, subjects) in [
        (
            include_bytes!("vectors/witness/build.attestation.json").as_slice(),
            Some(5),
        ),
        (
            include_bytes!("vectors/witness/package.attestation.json"),
            Some(5),
        ),
        (
            include_bytes!("vectors/witness/fail.attestation.json"),
            Some(0),
        ),
        (
            include_bytes!("vectors/witness/invalid_payload.attestation.json"),
            None,
        ),
        (include_bytes!("vectors/witness/policy-signed.json"), None),
    ] {
        let envelope = Envelope::parse(bytes).unwrap();
        assert_eq!(envelope.payload_len(), envelope.payload().unwrap().len());
        let statement = Statement::parse(&envelope.payload().unwrap());
        assert_eq!(statement.is_ok(), subjects.is_some());
        if let (Ok(statement), Some(count)) = (statement, subjects) {
            assert_eq!(statement.version, StatementVersion::V0_1);
            assert!(statement.subjects.len() >= count);
        }
    }
}

#[test]
fn witness_certificates_are_carried() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("vectors/openssl/vectors.json")).unwrap();
    let der = vectors["keys"]["ecdsa-p256"]["certificate"]
        .as_str()
        .unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
    let text = format!(
        r#"{{"payload":"e30=","payloadType":"t","signatures":[{{"keyid":"k","sig":"AA==","certificate":"{}","intermediates":["{}"],"timestamps":[{{"type":"tsp","data":"AA=="}}]}}]}}"#,
        STANDARD.encode(&pem),
        STANDARD.encode(&pem),
    );
    let envelope = Envelope::parse(text.as_bytes()).unwrap();
    let signature = &envelope.signatures()[0];
    assert_eq!(signature.certificate.as_deref(), Some(pem.as_bytes()));
    assert_eq!(signature.intermediates, [pem.into_bytes()]);
    let material =
        VerifierMaterial::from_pem_or_der(signature.certificate.as_deref().unwrap()).unwrap();
    assert!(
        matches!(&material, VerifierMaterial::Certificate { der: found, .. } if STANDARD.encode(found) == der)
    );
}

fn envelope(payload: &str) -> String {
    format!(
        r#"{{"payloadType":"t","payload":"{payload}","signatures":[{{"keyid":"","sig":"AA=="}}]}}"#
    )
}

#[test]
fn payloads_of_every_size_and_alphabet_hash_alike() {
    for len in [0, 1, 2, 3, 3071, 3072, 3073, 6143, 6144, 6145, 100_000] {
        let payload: Vec<u8> = (0..len)
            .map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
            .collect();
        for text in [STANDARD.encode(&payload), URL_SAFE.encode(&payload)] {
            let text = envelope(&text);
            let envelope = Envelope::parse(text.as_bytes()).unwrap();
            assert_eq!(envelope.payload().unwrap(), payload);
            assert_eq!(envelope.payload_len(), payload.len());
            assert_eq!(envelope.pae(), pae("t", &payload));
            for algorithm in DigestAlgorithm::ALL {
                assert_eq!(
                    envelope.pae_digest(algorithm),
                    algorithm.of(&pae("t", &payload))
                );
                assert_eq!(envelope.payload_digest(algorithm), algorithm.of(&payload));
            }
        }
    }
}

#[test]
fn escapes_mean_what_they_stand_for() {
    let plain = envelope("+/+/");
    let escaped = envelope(r"\u002b\/\u002B/").replace("payloadType", r"payload\u0054ype");
    assert_eq!(
        Envelope::parse(escaped.as_bytes()).unwrap(),
        Envelope::parse(plain.as_bytes()).unwrap()
    );
}

/// What to replace in a good envelope by what, so that it is none.
const SPOILT: &[(&str, &str, &str)] = &[
    (
        "payload twice",
        r#""payload":"#,
        r#""payload":"e30=","payload":"#,
    ),
    (
        "payload twice, escaped",
        r#""payload":"#,
        r#""p\u0061yload":"e30=","payload":"#,
    ),
    (
        "signatures twice",
        r#""payload":"#,
        r#""signatures":[],"payload":"#,
    ),
    ("sig twice", r#""sig":"#, r#""sig":"AA==","sig":"#),
    ("no sig", r#","sig":"AA==""#, ""),
    ("null signatures", r#"[{"keyid":"","sig":"AA=="}]"#, "null"),
    ("payload a number", r#""e30=""#, "1e999"),
    ("payload null", r#""e30=""#, "null"),
    ("lone surrogate", "e30=", r"\ud800"),
    ("no payload type", r#""payloadType":"t","#, ""),
    ("line feed in a string", "e30=", "e30=\n"),
];

#[test]
fn what_is_no_envelope_is_refused() {
    let good = envelope("e30=");
    Envelope::parse(good.as_bytes()).unwrap();
    let deep = good.replace(
        r#""keyid":"""#,
        &format!(r#""keyid":{}"#, "[".repeat(100_000)),
    );
    let mut bad: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("white space", b" \n".to_vec()),
        ("null", b"null".to_vec()),
        ("array", format!("[{good}]").into()),
        ("no member", b"{}".to_vec()),
        ("trailing garbage", format!("{good}x").into()),
        ("trailing nul", format!("{good}\0").into()),
        ("two documents", format!("{good}{good}").into()),
        ("truncated", good.as_bytes()[..good.len() - 1].to_vec()),
        ("byte order mark", format!("\u{feff}{good}").into()),
        ("nesting", deep.into()),
        (
            "not utf-8",
            [&good.as_bytes()[..16], b"\xff", &good.as_bytes()[16..]].concat(),
        ),
    ];
    let skipped = [b"{\"x\":\"\xff\",".as_slice(), &good.as_bytes()[1..]].concat();
    bad.push(("not utf-8 where it is skipped", skipped));
    bad.extend(SPOILT.iter().map(|(name, from, to)| {
        assert!(good.contains(from), "{name}");
        (*name, good.replace(from, to).into())
    }));
    for (name, bytes) in bad {
        let error = Envelope::parse(&bytes).expect_err(name);
        assert!(
            matches!(error, EnvelopeError::Json { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn what_is_no_base64_is_refused() {
    for payload in [
        "e30", "e3==", "e30=\\n", "e 30", "-_+/", "e30=e30=", "e30.", "====",
    ] {
        let text = envelope(payload);
        let error = Envelope::parse(text.as_bytes()).expect_err(payload);
        let right = matches!(
            error,
            EnvelopeError::Base64 {
                part: "payload",
                ..
            }
        );
        assert!(right, "{payload}: {error}");
    }
    let text = envelope("e30=").replace("AA==", "AA=");
    assert_eq!(
        Envelope::parse(text.as_bytes()).unwrap_err().to_string(),
        "bytes of signature: expected padded base64 of a length divisible by 4, found 3 characters"
    );
}

#[test]
fn limits_hold_at_their_edges() {
    use treering_attest::limits::{MAX_KEYID, MAX_PAYLOAD_TYPE, MAX_SIGNATURE, MAX_SIGNATURES};
    let one = r#"{"keyid":"","sig":"AA=="}"#;
    let with = |kind: usize, keyid: usize, sig: usize, count: usize| {
        let first = format!(
            r#"{{"keyid":"{}","sig":"{}"}}"#,
            "k".repeat(keyid),
            STANDARD.encode(vec![1; sig])
        );
        let signatures = [
            vec![first; count.min(1)],
            vec![one.to_owned(); count.saturating_sub(1)],
        ]
        .concat()
        .join(",");
        let text = format!(
            r#"{{"payloadType":"{}","payload":"","signatures":[{signatures}]}}"#,
            "t".repeat(kind)
        );
        Envelope::parse(text.as_bytes()).map(|envelope| envelope.signatures().len())
    };
    assert_eq!(
        with(MAX_PAYLOAD_TYPE, MAX_KEYID, MAX_SIGNATURE, MAX_SIGNATURES),
        Ok(MAX_SIGNATURES)
    );
    assert_eq!(with(0, 0, 1, 1), Ok(1));
    for (kind, keyid, sig, count) in [
        (MAX_PAYLOAD_TYPE + 1, 0, 1, 1),
        (0, MAX_KEYID + 1, 1, 1),
        (0, 0, MAX_SIGNATURE + 1, 1),
        (0, 0, 0, 1),
        (0, 0, 1, MAX_SIGNATURES + 1),
        (0, 0, 1, 0),
    ] {
        let found = with(kind, keyid, sig, count);
        assert!(
            matches!(found, Err(EnvelopeError::Limit { .. })),
            "{kind} {keyid} {sig} {count}: {found:?}"
        );
    }
}

#[test]
fn containers_are_told_apart() {
    for (text, expected) in [
        (r#"{"payload":"","signatures":[]}"#, Container::Envelope),
        (
            r#"{"mediaType":"x","dsseEnvelope":{}}"#,
            Container::SigstoreBundle,
        ),
        (
            r#"{"media_type":"x","verification_material":{}}"#,
            Container::SigstoreBundle,
        ),
        (
            r#"{"_type":"x","subject":[],"predicateType":"y"}"#,
            Container::Statement,
        ),
        (r#"{"mediaType":"x","layers":[]}"#, Container::OtherObject),
        ("{}", Container::OtherObject),
        (" ", Container::Empty),
    ] {
        assert_eq!(detect(text.as_bytes()), expected, "{text}");
    }
    for text in ["[]", "1", "\"x\"", "hello", "{", "{} {}"] {
        assert!(
            matches!(detect(text.as_bytes()), Container::NotAnObject { .. }),
            "{text}"
        );
    }
}

#[test]
fn a_guess_is_by_the_first_member_and_never_a_verdict() {
    for (text, expected) in [
        (r#" { "payload":"#, Some(Container::Envelope)),
        (r#"{"mediaType":1}"#, Some(Container::SigstoreBundle)),
        (r#"{"_type""#, Some(Container::Statement)),
        (r#"{"signature":1,"payload":2}"#, None),
        ("{}", None),
        ("[\"payload\"]", None),
        ("", None),
    ] {
        assert_eq!(guess(text.as_bytes()), expected, "{text}");
    }
    for text in [VSA, include_bytes!("vectors/witness/policy-signed.json")] {
        assert_eq!(guess(text), Some(detect(text)));
    }
}
