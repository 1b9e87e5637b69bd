//! Bundles and statements: shapes that must be read, and shapes that must be refused.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use serde_json::{Value, json};
use treering_attest::bundle::{BundleContent, BundleError, BundleVersion, VerificationMaterial};
use treering_attest::limits::{
    MAX_CHAIN, MAX_DIGESTS, MAX_PROOF_HASHES, MAX_TIMESTAMPS, MAX_TLOG_ENTRIES,
};
use treering_attest::statement::{StatementError, StatementVersion};
use treering_attest::{DigestAlgorithm, SigstoreBundle, Statement};

fn good() -> Value {
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": "AAAA"},
            "tlogEntries": [{
                "logIndex": "7", "logId": {"keyId": "AAAA"}, "kindVersion": {"kind": "k", "version": "0.0.2"},
                "integratedTime": "0", "inclusionPromise": null,
                "inclusionProof": {"logIndex": 7, "rootHash": "AAAA", "treeSize": "9", "hashes": ["AAAA"],
                    "checkpoint": {"envelope": "note"}},
                "canonicalizedBody": "e30="
            }],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]}
        },
        "messageSignature": {"messageDigest": {"algorithm": "SHA2_384", "digest": "AAAA"}, "signature": "AQ=="}
    })
}

fn parse(value: &Value) -> Result<BundleVersion, BundleError> {
    SigstoreBundle::parse(value.to_string().as_bytes()).map(|bundle| bundle.version())
}

fn with(pointer: &str, value: Value) -> Value {
    let mut bundle = good();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    bundle
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .insert(name.to_owned(), value);
    bundle
}

fn without(pointer: &str) -> Value {
    let mut bundle = good();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    bundle
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(name)
        .unwrap();
    bundle
}

#[test]
fn every_part_is_read() {
    let text = good().to_string();
    let bundle = SigstoreBundle::parse(text.as_bytes()).unwrap();
    assert_eq!(bundle.version(), BundleVersion::V0_3);
    assert_eq!(
        bundle.material(),
        &VerificationMaterial::Certificates(vec![vec![0; 3]])
    );
    assert_eq!(bundle.timestamps(), [vec![0; 3]]);
    let BundleContent::Message(message) = bundle.content() else {
        panic!("it is a message signature")
    };
    assert_eq!(message.digest, Some((DigestAlgorithm::Sha384, vec![0; 3])));
    assert_eq!(message.signature, [1]);
    let [entry] = bundle.tlog_entries() else {
        panic!("it has one entry")
    };
    assert_eq!((entry.log_index, entry.integrated_time), (7, None));
    assert_eq!(
        (entry.kind.as_str(), entry.version.as_str()),
        ("k", "0.0.2")
    );
    assert_eq!(
        (
            entry.canonicalized_body.as_slice(),
            &entry.signed_entry_timestamp
        ),
        (b"{}".as_slice(), &None)
    );
    let proof = entry.inclusion_proof.as_ref().unwrap();
    assert_eq!(
        (proof.log_index, proof.tree_size, proof.checkpoint.as_str()),
        (7, 9, "note")
    );
}

#[test]
fn both_spellings_and_all_versions_are_read() {
    let snake = good()
        .to_string()
        .replace("mediaType", "media_type")
        .replace("verificationMaterial", "verification_material")
        .replace("tlogEntries", "tlog_entries")
        .replace("logIndex", "log_index")
        .replace("rawBytes", "raw_bytes")
        .replace("messageSignature", "message_signature");
    SigstoreBundle::parse(snake.as_bytes()).unwrap();
    for (media_type, version) in [
        (
            "application/vnd.dev.sigstore.bundle+json;version=0.1",
            BundleVersion::V0_1,
        ),
        (
            "application/vnd.dev.sigstore.bundle+json;version=0.2",
            BundleVersion::V0_2,
        ),
        (
            "application/vnd.dev.sigstore.bundle+json;version=0.3",
            BundleVersion::V0_3,
        ),
        (
            "application/vnd.dev.sigstore.bundle.v0.3+json",
            BundleVersion::V0_3,
        ),
    ] {
        assert_eq!(parse(&with("/mediaType", json!(media_type))), Ok(version));
    }
    for media_type in [
        "",
        "application/json",
        "application/vnd.dev.sigstore.bundle+json;version=0.4",
    ] {
        assert!(matches!(
            parse(&with("/mediaType", json!(media_type))),
            Err(BundleError::MediaType { .. })
        ));
    }
    assert!(matches!(
        parse(&without("/mediaType")),
        Err(BundleError::MediaType { .. })
    ));
}

#[test]
fn one_material_and_one_content() {
    let chain = json!({"certificates": [{"rawBytes": "AAAA"}, {"rawBytes": "AQ=="}]});
    let both = with("/verificationMaterial/x509CertificateChain", chain.clone());
    assert!(matches!(
        parse(&both),
        Err(BundleError::OneOf { found: 2, .. })
    ));
    assert!(matches!(
        parse(&without("/verificationMaterial/certificate")),
        Err(BundleError::OneOf { found: 0, .. })
    ));
    assert!(matches!(
        parse(&with("/dsseEnvelope", json!({}))),
        Err(BundleError::OneOf { found: 2, .. })
    ));
    assert!(matches!(
        parse(&without("/messageSignature")),
        Err(BundleError::OneOf { found: 0, .. })
    ));
    assert!(parse(&with("/dsseEnvelope", Value::Null)).is_ok());
    assert!(matches!(
        parse(&without("/verificationMaterial")),
        Err(BundleError::Missing { .. })
    ));

    let mut chained = both;
    chained["verificationMaterial"]
        .as_object_mut()
        .unwrap()
        .remove("certificate");
    let text = chained.to_string();
    let bundle = SigstoreBundle::parse(text.as_bytes()).unwrap();
    assert_eq!(
        bundle.material(),
        &VerificationMaterial::Certificates(vec![vec![0; 3], vec![1]])
    );
    chained["verificationMaterial"]["x509CertificateChain"] = json!({});
    assert!(matches!(parse(&chained), Err(BundleError::Missing { .. })));
}

#[test]
fn the_envelope_is_kept_to_the_byte() {
    let mut bundle = without("/messageSignature");
    bundle["dsseEnvelope"] = json!("HERE");
    let envelope = r#"{ "payload" :  "e30=", "x":[1, 2.50e0]  }"#;
    let text = bundle.to_string().replace(r#""HERE""#, envelope);
    let parsed = SigstoreBundle::parse(text.as_bytes()).unwrap();
    let BundleContent::Dsse(raw) = parsed.content() else {
        panic!("it is an envelope")
    };
    assert_eq!(raw.get(), envelope);
}

#[test]
fn numbers_are_whole_and_not_negative() {
    for number in [
        json!("-1"),
        json!(-1),
        json!("07"),
        json!("+7"),
        json!(""),
        json!(7.5),
        json!("9223372036854775808"),
        json!(u64::MAX),
        json!(null),
        json!([]),
    ] {
        let found = parse(&with(
            "/verificationMaterial/tlogEntries",
            json!([{"logIndex": number, "logId": {}, "kindVersion": {}}]),
        ));
        assert!(
            matches!(found, Err(BundleError::Json { .. })),
            "{number}: {found:?}"
        );
    }
    for number in [json!("9223372036854775807"), json!(0), json!("0")] {
        parse(&with(
            "/verificationMaterial/tlogEntries",
            json!([{"logIndex": number, "logId": {}, "kindVersion": {}}]),
        ))
        .unwrap();
    }
}

#[test]
fn parts_are_bounded() {
    let entry = good()["verificationMaterial"]["tlogEntries"][0].clone();
    let many = |count, value: Value| Value::Array(vec![value; count]);
    let entries = |count| {
        with(
            "/verificationMaterial/tlogEntries",
            many(count, entry.clone()),
        )
    };
    assert!(parse(&entries(MAX_TLOG_ENTRIES)).is_ok());
    let mut chain = without("/verificationMaterial/certificate");
    chain["verificationMaterial"]["x509CertificateChain"] =
        json!({"certificates": many(MAX_CHAIN + 1, json!({"rawBytes": "AA=="}))});
    let mut proof = good();
    proof["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["hashes"] =
        many(MAX_PROOF_HASHES + 1, json!("AA=="));
    let stamps =
        json!({"rfc3161Timestamps": many(MAX_TIMESTAMPS + 1, json!({"signedTimestamp": "AA=="}))});
    let long = with("/messageSignature/signature", json!("A".repeat(1 << 16)));
    for bundle in [
        entries(MAX_TLOG_ENTRIES + 1),
        chain,
        proof,
        with("/verificationMaterial/timestampVerificationData", stamps),
        long,
    ] {
        let found = parse(&bundle);
        assert!(
            matches!(
                found,
                Err(BundleError::Limit { .. } | BundleError::TooLong { .. })
            ),
            "{found:?}"
        );
    }
}

#[test]
fn parts_are_base64_and_there() {
    for pointer in [
        "/verificationMaterial/certificate/rawBytes",
        "/messageSignature/signature",
        "/messageSignature/messageDigest/digest",
    ] {
        assert!(
            matches!(
                parse(&with(pointer, json!("A*=="))),
                Err(BundleError::Base64 { .. })
            ),
            "{pointer}"
        );
    }
    assert!(matches!(
        parse(&with(
            "/messageSignature/messageDigest/algorithm",
            json!("SHA3_256")
        )),
        Err(BundleError::Digest { .. })
    ));
    assert!(matches!(
        parse(&with("/messageSignature/signature", json!(""))),
        Err(BundleError::Missing { .. })
    ));
    assert!(matches!(
        parse(&with("/verificationMaterial/certificate", json!({}))),
        Err(BundleError::Missing { .. })
    ));
}

#[test]
fn duplicates_and_trailing_bytes_are_refused() {
    let text = good().to_string();
    for bad in [
        format!("{text}{text}"),
        format!("\u{feff}{text}"),
        text.replacen(r#""mediaType":"#, r#""media_type":"x","mediaType":"#, 1),
        text.replacen(
            r#""certificate":"#,
            r#""certificate":{"rawBytes":"AA=="},"certificate":"#,
            1,
        ),
    ] {
        assert!(
            matches!(
                SigstoreBundle::parse(bad.as_bytes()),
                Err(BundleError::Json { .. })
            ),
            "{bad}"
        );
    }
}

#[test]
fn statements_of_both_versions_are_read() {
    let text = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[
        {"name":"a","digest":{"sha256":"AB","gitCommit":"cd"},"annotations":{}},{"digest":{}},{"uri":"u"}],"predicate":null,"more":1}"#;
    let statement = Statement::parse(text.as_bytes()).unwrap();
    assert_eq!(statement.version, StatementVersion::V1);
    assert_eq!(statement.subjects.len(), 3);
    assert_eq!(statement.subjects[0].name.as_deref(), Some("a"));
    assert_eq!(
        statement.subjects[0].digests,
        [
            ("sha256".into(), "AB".into()),
            ("gitCommit".into(), "cd".into())
        ]
    );
    assert!(statement.subjects[1].name.is_none() && statement.subjects[2].digests.is_empty());
    let old = text.replace("Statement/v1", "Statement/v0.1");
    assert_eq!(
        Statement::parse(old.as_bytes()).unwrap().version,
        StatementVersion::V0_1
    );
}

#[test]
fn what_is_no_statement_is_refused() {
    let good = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[{"digest":{"sha256":"ab"}}],"predicate":{}}"#;
    Statement::parse(good.as_bytes()).unwrap();
    let wrong_type = good.replace("Statement/v1", "Statement/v2");
    assert!(matches!(
        Statement::parse(wrong_type.as_bytes()),
        Err(StatementError::Type { .. })
    ));
    let many: Vec<String> = (0..=MAX_DIGESTS)
        .map(|i| format!(r#""a{i}":"x""#))
        .collect();
    for bad in [
        String::new(),
        "{}".into(),
        format!("{good}x"),
        format!("\u{feff}{good}"),
        good.replace(r#""sha256":"ab""#, r#""sha256":"ab","sha256":"cd""#),
        good.replace(r#""sha256":"ab""#, &many.join(",")),
        good.replace(r#""predicate":{}"#, r#""predicate":{},"predicate":{}"#),
        good.replace(r#""predicateType":"p","#, ""),
        good.replace(
            r#""predicateType":"p","#,
            r#""predicateType":"p","predicateType":"q","#,
        ),
        good.replace(r#""ab""#, "1"),
    ] {
        let found = Statement::parse(bad.as_bytes());
        assert!(
            matches!(found, Err(StatementError::Json { .. })),
            "{bad}: {found:?}"
        );
    }
}
