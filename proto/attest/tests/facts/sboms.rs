//! Bills of materials in each format, their components one by one.

use serde_json::{Value, json};
use treering_attest::facts::{
    Class, Component, Details, Fact, Sbom, SbomFormat, components, read_sbom,
};

use crate::{of, stated};

const HEX: &str = "ABababababababababababababababababababababababababababababababab";

fn cyclonedx() -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "urn:uuid:1", "version": 1,
        "metadata": {"timestamp": "2026-01-01T00:00:00Z", "tools": {"components": [{"name": "syft", "version": "1.2"}, {"name": "x"}]},
            "component": {"name": "app", "purl": "pkg:oci/app@1", "version": "1"}},
        "components": [
            {"type": "library", "name": "a", "version": "1", "purl": "pkg:cargo/a@1", "licenses": [{"x": [{}]}],
                "hashes": [{"alg": "SHA-256", "content": HEX}, {"alg": 7}],
                "components": [{"name": "inside"}]},
            {"name": 7}, "odd",
        ],
        "dependencies": [{"ref": "a"}],
    })
}

fn spdx2() -> Value {
    json!({
        "spdxVersion": "SPDX-2.3", "name": "doc", "documentNamespace": "https://ns", "SPDXID": "SPDXRef-DOCUMENT",
        "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: syft-1.2", "Person: p"]},
        "packages": [
            {"name": "a", "versionInfo": "1", "checksums": [{"algorithm": "SHA256", "checksumValue": HEX}],
                "externalRefs": [{"referenceType": "cpe23Type", "referenceLocator": "cpe"}, {"referenceType": "purl", "referenceLocator": "pkg:cargo/a@1"}]},
            {"name": "b"},
        ],
    })
}

fn spdx3() -> Value {
    json!({
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [
            {"type": "CreationInfo", "@id": "_:c", "created": "2026-01-01T00:00:00Z", "specVersion": "3.0.1"},
            {"type": "SpdxDocument", "spdxId": "https://ns", "name": "doc"},
            {"name": "a", "software_packageVersion": "1", "software_packageUrl": "pkg:cargo/a@1",
                "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": HEX}], "type": "software_Package"},
            {"type": "Relationship"},
        ],
    })
}

/// What a component says: place, name, version, package URL, digests.
type Row = (String, [Option<String>; 3], Vec<String>);

fn row(component: Component<'_>) -> Row {
    let texts = [component.name, component.version, component.purl];
    let texts = texts.map(|text| text.map(|text| text.into_owned()));
    (
        component.at,
        texts,
        component
            .digests
            .iter()
            .map(|digest| digest.key())
            .collect(),
    )
}

fn read(predicate_type: &str, predicate: &Value) -> (Sbom, Vec<Row>) {
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": predicate_type, "predicate": predicate});
    let statement = statement.to_string();
    let mut rows = Vec::new();
    let found = components(statement.as_bytes(), &mut |component| {
        rows.push(row(component))
    });
    let sbom = found.unwrap().unwrap();
    let facts = of(predicate_type, predicate);
    assert_eq!(facts.class, Class::Sbom);
    assert_eq!(facts.details, Details::Sbom(Box::new(sbom.clone())));
    (sbom, rows)
}

fn head(sbom: &Sbom) -> [Option<&str>; 5] {
    [
        &sbom.spec_version,
        &sbom.name,
        &sbom.namespace,
        &sbom.created,
        &sbom.root_purl,
    ]
    .map(stated)
}

fn a(at: &str) -> Row {
    let texts = ["a", "1", "pkg:cargo/a@1"].map(|text| Some(text.to_owned()));
    (
        at.to_owned(),
        texts,
        vec![format!("sha256:{}", HEX.to_lowercase())],
    )
}

const CREATED: Option<&str> = Some("2026-01-01T00:00:00Z");

#[test]
fn cyclonedx_documents() {
    let (sbom, rows) = read("https://cyclonedx.org/bom", &cyclonedx());
    assert_eq!(sbom.format, SbomFormat::CycloneDx);
    assert_eq!(
        head(&sbom),
        [
            Some("1.6"),
            Some("app"),
            Some("urn:uuid:1"),
            CREATED,
            Some("pkg:oci/app@1")
        ]
    );
    assert_eq!(sbom.tools.value().unwrap(), &["syft 1.2", "x"]);
    assert_eq!(
        (sbom.components.value(), sbom.components.at()),
        (Some(&4), Some("/predicate/components"))
    );
    let none = [None, None, None];
    let inside = (
        "/predicate/components/0/components/0".to_owned(),
        [Some("inside".to_owned()), None, None],
        vec![],
    );
    let odd = |index: usize| {
        (
            format!("/predicate/components/{index}"),
            none.clone(),
            vec![],
        )
    };
    assert_eq!(rows, [inside, a("/predicate/components/0"), odd(1), odd(2)]);
    // Up to 1.4 tools were a list.
    let mut old = cyclonedx();
    old["metadata"]["tools"] = json!([{"vendor": "v", "name": "t", "version": "0"}]);
    assert_eq!(
        read("https://cyclonedx.org/bom/v1.4", &old)
            .0
            .tools
            .value()
            .unwrap(),
        &["t 0"]
    );
}

#[test]
fn spdx_documents() {
    let (sbom, rows) = read("https://spdx.dev/Document/v2.3", &spdx2());
    assert_eq!(sbom.format, SbomFormat::Spdx);
    assert_eq!(
        head(&sbom),
        [
            Some("SPDX-2.3"),
            Some("doc"),
            Some("https://ns"),
            CREATED,
            None
        ]
    );
    assert_eq!(
        (
            sbom.tools.value().unwrap().as_slice(),
            sbom.components.value()
        ),
        (&["syft-1.2".to_owned()][..], Some(&2))
    );
    assert_eq!(rows[0], a("/predicate/packages/0"));
    let (sbom, rows) = read("https://spdx.dev/Document/v3", &spdx3());
    assert_eq!(
        head(&sbom),
        [
            Some("3.0.1"),
            Some("doc"),
            Some("https://ns"),
            CREATED,
            None
        ]
    );
    assert_eq!(sbom.components.value(), Some(&1));
    assert_eq!(rows, [a("/predicate/@graph/2")]);
}

#[test]
fn a_bare_document_is_read_as_well() {
    let text = spdx2().to_string();
    let mut count = 0;
    let sbom = read_sbom(SbomFormat::Spdx, &text, "", &mut |_| count += 1).unwrap();
    assert_eq!((count, sbom.name.at()), (2, Some("/name")));
}

#[test]
fn what_is_no_such_document_says_nothing_or_is_refused() {
    for predicate in [
        json!("SPDXVersion: SPDX-2.2"),
        json!([]),
        json!({}),
        json!({"packages": {"a": 1}}),
    ] {
        let (sbom, rows) = read("https://spdx.dev/Document", &predicate);
        assert_eq!((head(&sbom), rows), ([None; 5], vec![]));
    }
    assert_eq!(
        read("https://spdx.dev/Document", &json!({})).0.components,
        Fact::Unknown
    );
    for text in [
        r#"{"name":"a","name":"b"}"#,
        r#"{"packages":[{"name":"a","name":"b"}]}"#,
        r#"{"packages":[]"#,
        r#"{"packages":[]}{}"#,
        "",
    ] {
        assert!(
            read_sbom(SbomFormat::Spdx, text, "", &mut |_| ()).is_err(),
            "{text}"
        );
    }
    let other = components(
        br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","predicate":{}}"#,
        &mut |_| (),
    );
    assert_eq!(other, Ok(None));
}

#[test]
fn nesting_is_bounded() {
    let deep = format!(r#"{{"components":{}"#, r#"[{"components":"#.repeat(100_000));
    let error = read_sbom(SbomFormat::CycloneDx, &deep, "", &mut |_| ()).unwrap_err();
    assert!(error.contains("recursion limit"), "{error}");
}
