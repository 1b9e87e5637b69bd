//! Containers: real files of every kind, their items byte for byte, and what must be refused without losing the rest.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use treering_attest::bundle::BundleVersion;
use treering_attest::container::{
    BadItem, ContainerError, Content, Found, Item, ItemError, Kind, open,
};
use treering_attest::limits::{MAX_CONTAINER, MAX_ITEMS};
use treering_attest::{DigestAlgorithm, PublicKey, SignatureError, VerifierMaterial, verify};

fn vectors(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(folder)
}

fn read(path: &str) -> Vec<u8> {
    fs::read(vectors(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files of a folder but SOURCE, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(vectors(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = paths.filter(|path| !path.ends_with("SOURCE")).collect();
    files.sort();
    files
}

fn only<'a>(found: Vec<Found<'a>>) -> Item<'a> {
    let [item] = <[Found<'a>; 1]>::try_from(found).unwrap();
    item.unwrap()
}

fn bad(found: Vec<Found<'_>>) -> BadItem {
    let [item] = <[Found<'_>; 1]>::try_from(found).unwrap();
    item.unwrap_err()
}

/// The key of a certificate that an item carries, in either form.
fn key(certificate: &[u8]) -> PublicKey {
    VerifierMaterial::from_pem_or_der(certificate)
        .unwrap()
        .key()
        .clone()
}

fn verifies(item: &Item<'_>) -> Result<(), SignatureError> {
    let signed = item.signed_bytes().unwrap();
    let [signature] = item.signatures.as_slice() else {
        panic!("it has one signature")
    };
    let key = key(&signature.certificates[0]);
    verify(&key, DigestAlgorithm::Sha256, &signed, &signature.signature)
}

#[test]
fn envelopes_of_witness_carry_certificates_and_time_stamps() {
    let bytes = read("witness/build.attestation.json");
    let item = only(open(&bytes).unwrap());
    assert_eq!((item.kind, item.kind.label()), (Kind::Dsse, "dsse"));
    assert_eq!(item.bytes, bytes.trim_ascii());
    assert_eq!(item.place.to_string(), "the document");
    assert!(item.payload().unwrap().starts_with(b"{\"_type\":"));
    assert_eq!(item.payload_type(), Some("application/vnd.in-toto+json"));

    let mut envelope: Value = serde_json::from_slice(&bytes).unwrap();
    let signature = &mut envelope["signatures"][0];
    signature["certificate"] = json!("AAAA");
    signature["intermediates"] = json!(["AQ==", "Ag=="]);
    signature["timestamps"] =
        json!([{"type": "tsp", "data": "BQ=="}, {"type": "other", "data": 0}]);
    let text = envelope.to_string();
    assert!(matches!(
        bad(open(text.as_bytes()).unwrap()).error,
        ItemError::Envelope(_)
    ));
    let text = text.replace(r#""data":0"#, r#""data":"!""#);
    let item = only(open(text.as_bytes()).unwrap());
    let [signature] = item.signatures.as_slice() else {
        panic!("it has one signature")
    };
    assert_eq!(signature.certificates, [vec![0; 3], vec![1], vec![2]]);
    assert_eq!(signature.timestamps, [vec![5]]);
}

#[test]
fn an_envelope_is_found_in_lines_and_its_certificate_verifies_it() {
    for path in files("slsa-github") {
        let bytes = fs::read(&path).unwrap();
        let item = only(open(&bytes).unwrap());
        verifies(&item).unwrap();
        let statement = item.payload().unwrap();
        assert!(statement.starts_with(b"{\"_type\":"), "{}", path.display());
        let is_bundle = path.to_string_lossy().contains("v2.1.0");
        let expected = if is_bundle {
            Kind::SigstoreBundle(BundleVersion::V0_3)
        } else {
            Kind::Dsse
        };
        assert_eq!(item.kind, expected);
        assert_eq!(item.log_entries.len(), usize::from(is_bundle));
    }
}

#[test]
fn every_bundle_of_the_conformance_suite_is_read_or_refused_with_its_reason() {
    let refused = [
        (
            "bundle-empty-certificate-chain_fail",
            "a certificate in x509CertificateChain",
        ),
        ("bundle-invalid-base64-signature_fail", "base64"),
        ("bundle-negative-log-index_fail", "an integer from 0"),
        ("bundle-unknown-version_fail", "found media type"),
    ];
    let mut signed = 0;
    for path in files("sigstore-bundles") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap();
        let [found] = <[Found<'_>; 1]>::try_from(open(&bytes).unwrap()).unwrap();
        match refused.iter().find(|(refused, _)| *refused == name) {
            Some((_, reason)) => {
                let error = found.unwrap_err().to_string();
                assert!(error.contains(reason), "{name}: {error}");
            }
            None => {
                let item = found.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(matches!(item.kind, Kind::SigstoreBundle(_)), "{name}");
                assert_eq!(item.bytes, bytes.trim_ascii(), "{name}");
                assert_eq!(item.signatures.len(), 1, "{name}");
                let dsse = matches!(item.content, Content::Envelope(_));
                assert_eq!(item.signed_bytes().is_some(), dsse, "{name}");
                assert!(
                    dsse || matches!(item.content, Content::Message(_)),
                    "{name}"
                );
                signed += 1;
            }
        }
    }
    assert_eq!(signed + refused.len(), files("sigstore-bundles").len());
    assert!(signed > 40, "{signed}");
}

#[test]
fn answers_of_npm_hold_a_bundle_signed_by_a_key_and_one_by_a_certificate() {
    for path in files("npm") {
        let bytes = fs::read(&path).unwrap();
        let items: Vec<Item<'_>> = open(&bytes)
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let [publish, provenance] = items.as_slice() else {
            panic!("{} has two attestations", path.display())
        };
        assert_eq!(publish.place.to_string(), "/attestations/0/bundle");
        assert_eq!(provenance.place.pointer, "/attestations/1/bundle");
        let claimed = publish.claims.predicate_type.as_deref().unwrap();
        assert!(claimed.contains("publish/v0.1"), "{claimed}");
        assert_eq!(
            publish.signatures[0].hint,
            "SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA"
        );
        assert!(publish.signatures[0].certificates.is_empty());
        assert_eq!(provenance.log_entries.len(), 1);
        for item in &items {
            let exact = std::str::from_utf8(item.bytes).unwrap();
            assert!(std::str::from_utf8(&bytes).unwrap().contains(exact));
            assert!(exact.starts_with('{') && exact.ends_with('}'));
        }
        let tampered = path.to_string_lossy().contains("invalidsigprov");
        assert_eq!(
            verifies(provenance).is_err(),
            tampered,
            "{}",
            path.display()
        );
    }
}

#[test]
fn attestations_of_pypi_are_the_same_by_themselves_and_in_a_provenance_object() {
    for path in files("pep740") {
        let bytes = fs::read(&path).unwrap();
        let items = open(&bytes).unwrap();
        let is_object = path.extension().unwrap() == "provenance";
        let item = only(items);
        verifies(&item).unwrap();
        assert_eq!(item.kind, Kind::Pep740);
        assert_eq!((item.signatures.len(), item.log_entries.len()), (1, 1));
        assert_eq!(item.payload_type(), Some("application/vnd.in-toto+json"));
        if is_object {
            assert_eq!(item.place.pointer, "/attestation_bundles/0/attestations/0");
            let publisher: Value =
                serde_json::from_str(item.claims.publisher.as_deref().unwrap()).unwrap();
            assert_eq!(publisher["repository"], "trailofbits/pypi-attestations");
            assert_eq!(only(open(item.bytes).unwrap()).payload(), item.payload());
        } else {
            assert_eq!(
                (item.place.pointer.as_str(), &item.claims.publisher),
                ("", &None)
            );
        }
    }
}

#[test]
fn an_item_that_cannot_be_read_takes_no_other_with_it() {
    let envelope = read("chains-payloads/0.29.2/tr-image_slsa-v1.json");
    let envelope = std::str::from_utf8(envelope.trim_ascii()).unwrap();
    let lines = format!("{envelope}\n\n{{\"broken\n# no json\r\n{{\"a\":1}}\n{envelope}\r\n");
    let found = open(lines.as_bytes()).unwrap();
    let places: Vec<(bool, String)> = found
        .iter()
        .map(|found| match found {
            Ok(item) => (true, item.place.to_string()),
            Err(bad) => (false, bad.place.to_string()),
        })
        .collect();
    let expected = [(true, 1), (false, 3), (false, 4), (false, 5), (true, 6)];
    let expected = expected.map(|(good, line)| (good, format!("line {line}")));
    assert_eq!(places, expected);
    let odd = found[3].as_ref().unwrap_err().to_string();
    assert_eq!(
        odd,
        "line 5: expected an attestation in a line of json, found a json object with a"
    );

    let answer: Value =
        serde_json::from_slice(&read("npm/gundam-visor-cli-v1-tag.tgz.json")).unwrap();
    let mut answer = answer["attestations"].clone();
    answer[0] = json!({"bundle": null, "bundle_url": "https://example.com/x", "repository_id": 7});
    answer[1]["repository_id"] = json!(9);
    let text = json!({"attestations": answer}).to_string();
    let found = open(text.as_bytes()).unwrap();
    let error = found[0].as_ref().unwrap_err();
    assert_eq!(error.place.pointer, "/attestations/0/bundle");
    assert!(error.to_string().contains("found the address of one"));
    assert_eq!(found[1].as_ref().unwrap().claims.repository_id, Some(9));

    let mut object: Value =
        serde_json::from_slice(&read("pep740/pypi_attestations-0.0.19.tar.gz.provenance")).unwrap();
    let good = object["attestation_bundles"][0].clone();
    object["attestation_bundles"] = json!([good, {"publisher": {}}, good]);
    object["attestation_bundles"][0]["attestations"][0]["version"] = json!(2);
    let text = object.to_string();
    let found: Vec<bool> = open(text.as_bytes())
        .unwrap()
        .iter()
        .map(Result::is_ok)
        .collect();
    assert_eq!(found, [false, false, true]);
}

#[test]
fn several_predicates_in_one_file_are_several_items() {
    let names = [
        "tr-image_slsa-v1",
        "pr-build_slsa-v2alpha4",
        "tr-no-subject_slsa-v1",
    ];
    let envelopes = names.map(|name| read(&format!("chains-payloads/0.29.2/{name}.json")));
    let lines = envelopes.join(&b'\n');
    let found = open(&lines).unwrap();
    assert_eq!(found.len(), 3);
    for (found, envelope) in found.into_iter().zip(&envelopes) {
        let item = found.unwrap();
        assert_eq!(item.bytes, envelope.trim_ascii());
        let hint = &item.signatures[0].hint;
        assert!(hint.starts_with("SHA256:"), "{hint}");
    }
    // The same bytes twice are two items alike.
    let twice = [envelopes[0].clone(), envelopes[0].clone()].join(&b'\n');
    let found: Vec<Item<'_>> = open(&twice)
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(found[0].bytes, found[1].bytes);
    assert_ne!(found[0].place, found[1].place);
}

#[test]
fn cosign_signatures_are_read_with_their_payload_and_as_parts() {
    let payload = br#"{"critical":{"identity":{"docker-reference":"r.example/a"},"image":{"docker-manifest-digest":"sha256:00"},"type":"cosign container image signature"},"optional":null}"#;
    let body = STANDARD.encode(r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#);
    let line = json!({
        "Base64Signature": "AQI=", "Payload": STANDARD.encode(payload),
        "Cert": {"Raw": "AAAA", "Version": 3}, "Chain": [{"Raw": "AQ=="}],
        "Bundle": {"SignedEntryTimestamp": "Aw==",
            "Payload": {"body": body, "integratedTime": 5, "logIndex": 7, "logID": "c0d2"}},
        "RFC3161Timestamp": {"SignedRFC3161Timestamp": "BA=="}
    });
    let text = line.to_string();
    let item = only(open(text.as_bytes()).unwrap());
    assert_eq!(item.kind, Kind::SimpleSigning);
    assert_eq!(item.payload().unwrap().as_ref(), payload);
    assert_eq!(item.signed_bytes().unwrap(), payload);
    assert_eq!(item.signatures[0].certificates, [vec![0; 3], vec![1]]);
    assert_eq!(item.signatures[0].timestamps, [vec![4]]);
    let entry = &item.log_entries[0];
    assert_eq!(
        (entry.kind.as_str(), entry.log_index, entry.integrated_time),
        ("hashedrekord", 7, Some(5))
    );
    assert_eq!(
        (&entry.log_id, &entry.signed_entry_timestamp),
        (&vec![0xc0, 0xd2], &Some(vec![3]))
    );

    let alone = only(open(payload).unwrap());
    assert_eq!(
        (alone.kind, alone.is_signed(), alone.signed_bytes()),
        (Kind::SimpleSigning, false, None)
    );
    let parts = Item::from_simple_signing(payload, "AQI=", vec![vec![9]]).unwrap();
    assert_eq!(parts.signatures[0].signature, [1, 2]);
    assert_eq!(parts.signed_bytes().unwrap(), payload);
    assert!(Item::from_simple_signing(b"{}", "AQI=", Vec::new()).is_err());
    assert!(Item::from_simple_signing(payload, "", Vec::new()).is_err());
}

#[test]
fn links_keep_what_they_signed_in_canonical_json() {
    let link = json!({
        "signatures": [{"keyid": "k", "sig": "0aff"}],
        "signed": {"_type": "link", "name": "build", "materials": {}, "products": {}, "byproducts": {"return-value": 0},
            "command": ["sh", "-c", "a \"b\""], "environment": {}}
    });
    let text = serde_json::to_string_pretty(&link).unwrap();
    let item = only(open(text.as_bytes()).unwrap());
    assert_eq!(
        (item.kind, &item.signatures[0].signature),
        (Kind::Link, &vec![0x0a, 0xff])
    );
    let expected = r#"{"_type":"link","byproducts":{"return-value":0},"command":["sh","-c","a \"b\""],"environment":{},"materials":{},"name":"build","products":{}}"#;
    assert_eq!(item.signed_bytes().unwrap(), expected.as_bytes());
    for (change, reason) in [
        (r#""_type": "layout""#, "found _type \"layout\""),
        (r#""_type": "link", "x": 1.5"#, "no integer"),
        (r#""_type": "link", "name": "other""#, "duplicate member"),
    ] {
        let text = text.replace(r#""_type": "link""#, change);
        let error = bad(open(text.as_bytes()).unwrap()).to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_bare_statement_is_labelled_unsigned() {
    let bytes = read("tekton/recorded/att_01_slsa_v0_2_pipeline_in_cluster.json");
    let item = only(open(&bytes).unwrap());
    assert_eq!((item.kind, item.is_signed()), (Kind::Statement, false));
    assert_eq!(item.payload().unwrap().as_ref(), bytes.trim_ascii());
    assert_eq!(item.signed_bytes(), None);
}

#[test]
fn a_bundle_has_one_signature() {
    let bytes = read("slsa-github/v2.1.0-push-v14.2.intoto.jsonl");
    let mut bundle: Value = serde_json::from_slice(&bytes).unwrap();
    let signature = bundle["dsseEnvelope"]["signatures"][0].clone();
    bundle["dsseEnvelope"]["signatures"] = json!([signature, signature]);
    let text = bundle.to_string();
    let error = bad(open(text.as_bytes()).unwrap()).to_string();
    assert!(
        error.contains("expected 1 to 1 signatures in the envelope of a bundle, found 2"),
        "{error}"
    );
}

#[test]
fn what_is_unknown_is_said_with_what_was_expected() {
    for (bytes, found) in [
        (&b""[..], "EOF"),
        (b"{}", "found a json object without members"),
        (b"[]", "expected a json object"),
        (b"plain text\nof two lines", "expected value"),
        (
            b"{\"payload\":1,\"protected\":2,\"signature\":3}",
            "with payload, protected, signature",
        ),
        (
            b"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1}",
            "h and 2 more",
        ),
        (b"{\"a\":\"\xff\"}", "utf-8"),
    ] {
        let error = open(bytes).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("expected a dsse envelope, a sigstore bundle"),
            "{text}"
        );
        assert!(text.contains(found), "{text}");
    }
}

#[test]
fn the_number_of_items_is_bounded_and_nesting_cannot_overflow() {
    let lines = "{\"payload\":\"\",\"signatures\":[]}\n".repeat(MAX_ITEMS);
    let found = open(lines.as_bytes()).unwrap();
    assert_eq!(found.len(), MAX_ITEMS);
    let more = lines + "{}\n";
    assert!(matches!(
        open(more.as_bytes()),
        Err(ContainerError::Items { .. })
    ));
    // Zeroed by the system when it is touched, which it never is.
    let large = vec![0; MAX_CONTAINER + 1];
    assert!(matches!(open(&large), Err(ContainerError::TooLarge { .. })));
    let deep = format!("{{\"payload\":1,\"signatures\":{}", "[".repeat(1_000_000));
    assert!(open(deep.as_bytes()).is_err());
}

#[test]
fn a_member_twice_or_data_behind_the_document_is_refused() {
    let envelope = read("chains-payloads/0.29.2/tr-image_slsa-v1.json");
    let text = std::str::from_utf8(&envelope).unwrap().trim();
    let twice = text.replacen('{', r#"{"payload":"e30=","#, 1);
    assert!(
        bad(open(twice.as_bytes()).unwrap())
            .to_string()
            .contains("duplicate field")
    );
    let behind = format!("{text}{{}}");
    assert!(matches!(
        open(behind.as_bytes()),
        Err(ContainerError::Unknown { .. })
    ));
}
