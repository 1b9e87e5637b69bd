//! The parsers of `treering-attest`; `facts.rs` has those of what attestations say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use treering_attest::bundle::{BundleContent, SigstoreBundle};
use treering_attest::container::{self, Container};
use treering_attest::limits::MAX_TIMESTAMP;
use treering_attest::statement::{Statement, StatementVersion};
use treering_attest::{
    DigestAlgorithm, Envelope, PublicKey, VerifierMaterial, pae, verify, verify_digest,
    verify_response,
};

/// An envelope: whatever its spelling, it is the same envelope once it is written plainly.
pub fn envelope(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else {
        return;
    };
    assert_eq!(container::detect(data), Container::Envelope);
    let payload = envelope.payload().expect("parse has decoded it");
    assert_eq!(payload.len(), envelope.payload_len());
    let encoding = pae(envelope.payload_type(), &payload);
    assert_eq!(envelope.pae(), encoding);
    for algorithm in DigestAlgorithm::ALL {
        assert_eq!(envelope.pae_digest(algorithm), algorithm.of(&encoding));
    }
    let base64 = |bytes: &Vec<u8>| STANDARD.encode(bytes);
    let signatures: Vec<_> = envelope
        .signatures()
        .iter()
        .map(|signature| {
            json!({
                "keyid": signature.keyid,
                "sig": base64(&signature.sig),
                "certificate": signature.certificate.as_ref().map(base64),
                "intermediates": signature.intermediates.iter().map(base64).collect::<Vec<_>>(),
                "timestamps": signature.timestamps.iter()
                    .map(|token| json!({"type": "tsp", "data": base64(token)})).collect::<Vec<_>>(),
            })
        })
        .collect();
    let plain = json!({
        "payload": base64(&payload), "payloadType": envelope.payload_type(), "signatures": signatures,
    })
    .to_string();
    let again = Envelope::parse(plain.as_bytes()).expect("the same parts, within the same limits");
    assert_eq!(again.payload(), Ok(payload));
    assert_eq!(again.payload_type(), envelope.payload_type());
    assert_eq!(again.signatures(), envelope.signatures());
}

/// A bundle, and the envelope in it.
pub fn bundle(data: &[u8]) {
    let Ok(bundle) = SigstoreBundle::parse(data) else {
        return;
    };
    let found = container::detect(data);
    assert!(
        matches!(found, Container::SigstoreBundle | Container::Envelope),
        "{found}"
    );
    if let BundleContent::Dsse(raw) = bundle.content() {
        let text = std::str::from_utf8(data).expect("json is utf-8");
        assert!(text.contains(raw.get()));
        envelope(raw.get().as_bytes());
    }
}

/// A statement: written plainly, it is the same.
pub fn statement(data: &[u8]) {
    let Ok(statement) = Statement::parse(data) else {
        return;
    };
    let kind = match statement.version {
        StatementVersion::V0_1 => "https://in-toto.io/Statement/v0.1",
        StatementVersion::V1 => "https://in-toto.io/Statement/v1",
    };
    // Written by hand: the order of the digests counts, and an object of serde_json has none.
    let text = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    let subjects: Vec<String> = statement
        .subjects
        .iter()
        .map(|subject| {
            let digests: Vec<String> = subject
                .digests
                .iter()
                .map(|(algorithm, value)| format!("{}:{}", text(algorithm), text(value)))
                .collect();
            let or_null = |text_: &Option<String>| text_.as_ref().map_or("null".to_owned(), text);
            let (name, uri) = (or_null(&subject.name), or_null(&subject.uri));
            let refs: Vec<String> = subject.source_refs.iter().map(text).collect();
            format!(
                r#"{{"name":{name},"uri":{uri},"digest":{{{}}},"annotations":{{"sourceRefs":[{}]}}}}"#,
                digests.join(","),
                refs.join(",")
            )
        })
        .collect();
    let plain = format!(
        r#"{{"_type":"{kind}","predicateType":{},"subject":[{}]}}"#,
        text(&statement.predicate_type),
        subjects.join(",")
    );
    assert_eq!(Statement::parse(plain.as_bytes()), Ok(statement));
}

/// A key or certificate, DER or PEM; then its own bytes as a signature, which must not verify.
pub fn key(data: &[u8]) {
    if let Ok(key) = PublicKey::from_spki_der(data) {
        assert_eq!(key.spki_der(), data);
    }
    let Ok(material) = VerifierMaterial::from_pem_or_der(data) else {
        return;
    };
    let key = material.key();
    assert_eq!(
        PublicKey::from_spki_der(key.spki_der()).as_ref(),
        Ok(key),
        "a key is what its bytes say"
    );
    if let VerifierMaterial::Certificate { der, key } = &material {
        assert_eq!(PublicKey::from_certificate_der(der).as_ref(), Ok(key));
    }
    for algorithm in DigestAlgorithm::ALL {
        for len in [64, 72, 96, 132, 256, 384, 512] {
            let signature: Vec<u8> = data.iter().copied().cycle().take(len).collect();
            let digest = algorithm.of(data);
            assert!(verify_digest(key, algorithm, &digest, &signature).is_err());
            assert!(verify(key, algorithm, data, &signature).is_err());
        }
    }
}

/// A time-stamp response: what stands behind it changes nothing, within the bound.
pub fn timestamp(data: &[u8]) {
    if verify_response(data).is_ok() && data.len() < MAX_TIMESTAMP {
        let longer = [data, &[0]].concat();
        assert_eq!(verify_response(&longer), Ok(()));
    }
}
