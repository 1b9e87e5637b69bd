//! Requests of Rekor v2: what is taken, what is refused and why, and the leaf that comes of it.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

mod support;

use KeyDetailsPolicy::Strict;
use serde_json::{Value, json};
use support::{P256, request_json, text, valid};
use treering_rekor::v2::{
    Entry, KeyDetails, KeyDetailsError, KeyDetailsPolicy, Request, RequestError,
};

#[test]
fn every_allowed_algorithm_becomes_the_canonical_leaf() {
    let valid = valid();
    let mut details: Vec<i32> = valid
        .iter()
        .map(|(_, request)| request.key_details.number())
        .collect();
    details.dedup();
    assert_eq!(details.len(), 7, "all of the allow-list: {details:?}");
    for (name, request) in valid {
        let parsed = Request::parse_json(request_json(&request).to_string().as_bytes()).unwrap();
        assert_eq!(parsed, request, "{name}");
        let canonical = parsed.canonicalize(Strict).unwrap();
        assert_eq!(canonical.leaf(), jcs(&request), "{name}");
        assert_eq!(
            request.clone().verify(Strict).unwrap().canonical().unwrap(),
            canonical,
            "{name}"
        );

        let entry = Entry::parse(canonical.leaf()).unwrap();
        assert_eq!(entry.encode(), canonical.leaf(), "{name}");
        assert_eq!(entry.verify(), Ok(()), "{name}");
        assert_eq!(entry.request(), Some(request), "{name}");
        assert!(entry.is_acceptable(Strict));
    }
}

/// The leaf by a JCS library, from the shape in the specification.
fn jcs(request: &Request) -> Vec<u8> {
    let algorithm = request.key_details.digest_algorithm().sigstore_name();
    let signature = request_json(request)["hashedRekordRequestV002"]["signature"].clone();
    let leaf = json!({"kind": "hashedrekord", "apiVersion": "0.0.2", "spec": {"hashedRekordV002": {
        "signature": signature, "data": {"digest": text(&request.digest), "algorithm": algorithm}}}});
    serde_json_canonicalizer::to_vec(&leaf).unwrap()
}

#[test]
fn names_and_numbers_are_those_of_the_protocol() {
    for (number, name) in [
        (5, "PKIX_ECDSA_P256_SHA_256"),
        (8, "PKIX_ED25519_PH"),
        (9, "PKIX_RSA_PKCS1V15_2048_SHA256"),
        (10, "PKIX_RSA_PKCS1V15_3072_SHA256"),
        (11, "PKIX_RSA_PKCS1V15_4096_SHA256"),
        (12, "PKIX_ECDSA_P384_SHA_384"),
        (13, "PKIX_ECDSA_P521_SHA_512"),
    ] {
        let details = KeyDetails::from_number(number).unwrap();
        assert_eq!((details.name(), details.number()), (name, number));
        assert_eq!(KeyDetails::from_name(name), Ok(details));
    }
    for number in [0, 1, 2, 3, 4, 6, 7, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23] {
        assert!(
            matches!(
                KeyDetails::from_number(number),
                Err(KeyDetailsError::NotAllowed { .. })
            ),
            "{number}"
        );
    }
    for number in [-1, 24, i32::MAX] {
        assert!(
            matches!(
                KeyDetails::from_number(number),
                Err(KeyDetailsError::Unknown { .. })
            ),
            "{number}"
        );
    }
    let error = KeyDetails::from_name("PKIX_ED25519")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("expected one of PKIX_ECDSA_P256_SHA_256, PKIX_ED25519_PH, "),
        "{error}"
    );
    assert!(error.ends_with(", found PKIX_ED25519"), "{error}");
}

/// A good request and edits of its text that mean the same.
#[test]
fn every_spelling_of_protojson_means_the_same() {
    // Of a seed whose signature has both characters in which the alphabets differ.
    let request = (0..=u8::MAX)
        .map(|n| P256::new(1).request(&[n]))
        .find(|request| {
            text(&request.signature).contains('+') && text(&request.signature).contains('/')
        })
        .unwrap();
    let json = request_json(&request);
    let plain = json.to_string();
    let signature = text(&request.signature);
    for (name, spelling) in [
        ("snake case", snake(&plain)),
        ("number", plain.replace("\"PKIX_ECDSA_P256_SHA_256\"", "5")),
        (
            "url-safe",
            plain.replace(&signature, &signature.replace('+', "-").replace('/', "_")),
        ),
        ("unpadded", plain.replace('=', "")),
        (
            "pretty",
            format!("\n{}\n  \n", serde_json::to_string_pretty(&json).unwrap()),
        ),
        (
            "null member",
            plain.replacen('{', r#"{"dsseRequestV002":null,"#, 1),
        ),
        (
            "escaped name",
            plain.replace(r#""digest""#, r#""\u0064igest""#),
        ),
        (
            "escaped value",
            plain.replace('/', r"\/").replace('+', r"\u002b"),
        ),
        (
            "null in the oneof",
            plain.replace(r#""publicKey":"#, r#""x509Certificate":null,"publicKey":"#),
        ),
    ] {
        assert_ne!(spelling, plain, "{name}");
        assert_eq!(
            Request::parse_json(spelling.as_bytes()).as_ref(),
            Ok(&request),
            "{name}"
        );
    }
}

fn snake(json: &str) -> String {
    let names = [
        ("hashedRekordRequestV002", "hashed_rekord_request_v002"),
        ("publicKey", "public_key"),
        ("rawBytes", "raw_bytes"),
        ("keyDetails", "key_details"),
    ];
    names.iter().fold(json.to_owned(), |json, (camel, snake)| {
        json.replace(camel, snake)
    })
}

const SPOILT: &[(&str, &str, &str)] = &[
    (
        "unknown member at the top",
        r#"{"hashed"#,
        r#"{"extra":1,"hashed"#,
    ),
    ("unknown member", r#""digest":"#, r#""extra":1,"digest":"#),
    (
        "unknown member of the verifier",
        r#""keyDetails":"#,
        r#""extra":{},"keyDetails":"#,
    ),
    (
        "member twice",
        r#""digest":"#,
        r#""digest":"AAAA","digest":"#,
    ),
    (
        "member twice, once null",
        r#""digest":"#,
        r#""digest":null,"digest":"#,
    ),
    (
        "both spellings",
        r#""keyDetails":"#,
        r#""key_details":5,"keyDetails":"#,
    ),
    (
        "request twice",
        r#"{"hashedRekord"#,
        r#"{"hashed_rekord_request_v002":{},"hashedRekord"#,
    ),
    ("not base64", r#""digest":""#, r#""digest":"*"#),
    ("white space in base64", r#""digest":""#, r#""digest":" "#),
    (
        "bytes as a number",
        r#""digest":"#,
        r#""digest":7,"unused":"#,
    ),
    (
        "bytes as an array",
        r#""digest":"#,
        r#""digest":[],"unused":"#,
    ),
    (
        "message as a text",
        r#""signature":{"#,
        r#""signature":"","unused":{"#,
    ),
    ("enum as a fraction", r#""PKIX_ECDSA_P256_SHA_256""#, "5.5"),
    (
        "enum as a huge number",
        r#""PKIX_ECDSA_P256_SHA_256""#,
        "1e400",
    ),
    (
        "enum beyond 32 bits",
        r#""PKIX_ECDSA_P256_SHA_256""#,
        "4294967301",
    ),
    ("enum as an array", r#""PKIX_ECDSA_P256_SHA_256""#, "[5]"),
];

#[test]
fn what_is_no_request_is_refused() {
    let good = request_json(&P256::new(1).request(b"x")).to_string();
    Request::parse_json(good.as_bytes()).unwrap();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = format!(r#"{{"hashedRekordRequestV002":{}"#, "[".repeat(20_000));
    let mut bad: Vec<(&str, Vec<u8>)> = vec![
        ("array", b"[]".to_vec()),
        ("null", b"null".to_vec()),
        ("text", b"\"x\"".to_vec()),
        ("number", b"1".to_vec()),
        ("no json", b"hello".to_vec()),
        ("empty", Vec::new()),
        ("blank", b" \r\n\t".to_vec()),
        ("comment", format!("/* x */{good}").into()),
        ("byte order mark", format!("\u{feff}{good}").into()),
        ("utf-16", utf16),
        ("nesting", deep.into()),
        ("two documents", format!("{good}{good}").into()),
        ("trailing garbage", format!("{good}x").into()),
        ("trailing nul", format!("{good}\0").into()),
        (
            "not utf-8",
            [b"{\"\xff\":1,".as_slice(), &good.as_bytes()[1..]].concat(),
        ),
    ];
    let skipped = [
        b"{\"dsseRequestV002\":\"\xff\",".as_slice(),
        &good.as_bytes()[1..],
    ]
    .concat();
    bad.push(("not utf-8 where it is skipped", skipped));
    bad.extend((0..good.len()).map(|len| ("truncated", good.as_bytes()[..len].to_vec())));
    bad.extend(SPOILT.iter().map(|(name, from, to)| {
        assert!(good.contains(from), "{name}");
        (*name, good.replacen(from, to, 1).into())
    }));
    for (name, bytes) in bad {
        let found = Request::parse_json(&bytes);
        assert!(
            matches!(found, Err(RequestError::Json { .. })),
            "{name}: {found:?}"
        );
    }
}

fn edited(edit: impl FnOnce(&mut Value)) -> Result<Request, RequestError> {
    let mut json = request_json(&P256::new(1).request(b"x"));
    edit(&mut json);
    Request::parse_json(json.to_string().as_bytes())
}

#[test]
fn absent_and_empty_members_are_named() {
    for pointer in [
        "/hashedRekordRequestV002",
        "/hashedRekordRequestV002/digest",
        "/hashedRekordRequestV002/signature",
        "/hashedRekordRequestV002/signature/content",
        "/hashedRekordRequestV002/signature/verifier",
        "/hashedRekordRequestV002/signature/verifier/publicKey",
        "/hashedRekordRequestV002/signature/verifier/publicKey/rawBytes",
        "/hashedRekordRequestV002/signature/verifier/keyDetails",
    ] {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let removed = edited(|json| {
            drop(
                json.pointer_mut(parent)
                    .unwrap()
                    .as_object_mut()
                    .unwrap()
                    .remove(name),
            )
        });
        let nulled = edited(|json| *json.pointer_mut(pointer).unwrap() = Value::Null);
        for found in [removed, nulled] {
            let Err(RequestError::Missing { member }) = found else {
                panic!("{pointer}: {found:?}")
            };
            assert!(member.contains(name), "{pointer}: {member}");
        }
    }
    let empty = edited(|json| json["hashedRekordRequestV002"]["digest"] = json!(""));
    assert_eq!(empty, Err(RequestError::Missing { member: "digest" }));
    assert_eq!(
        Request::parse_json(b"{}"),
        Err(RequestError::Missing {
            member: "hashedRekordRequestV002"
        })
    );
}

#[test]
fn other_kinds_and_other_keys_are_named() {
    let dsse = br#"{"dsseRequestV002":{"envelope":{},"verifiers":[]}}"#;
    assert_eq!(Request::parse_json(dsse), Err(RequestError::Dsse));
    let both = edited(|json| json["dsseRequestV002"] = json!({}));
    assert_eq!(both, Err(RequestError::Dsse));

    let verifier = |name: &'static str, value: Value| {
        edited(move |json| json["hashedRekordRequestV002"]["signature"]["verifier"][name] = value)
    };
    assert_eq!(
        verifier("x509Certificate", json!({"rawBytes": "AAAA"})),
        Err(RequestError::Both)
    );
    for name in ["NO_SUCH_KEY", "5", "", "pkix_ecdsa_p256_sha_256"] {
        let found = verifier("keyDetails", json!(name));
        assert!(
            matches!(
                found,
                Err(RequestError::KeyDetails(KeyDetailsError::Unknown { .. }))
            ),
            "{name}: {found:?}"
        );
    }
    for details in [
        json!("PKIX_ED25519"),
        json!(7),
        json!("PKIX_RSA_PSS_2048_SHA256"),
        json!(0),
        json!("ML_DSA_65"),
    ] {
        let found = verifier("keyDetails", details.clone());
        assert!(
            matches!(
                found,
                Err(RequestError::KeyDetails(KeyDetailsError::NotAllowed { .. }))
            ),
            "{details}: {found:?}"
        );
    }
}
