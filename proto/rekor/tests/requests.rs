//! Requests of Rekor v2: what is taken, what is refused and why, and the leaf that comes of it.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod support;

use serde_json::{Value, json};
use support::{Ed25519, P256, b64, request_json, text, vectors};
use treering_attest::{DigestAlgorithm, KeyAlgorithm, SignatureError};
use treering_rekor::v2::{
    Entry, KeyDetails, KeyDetailsError, KeyDetailsPolicy, Refusal, RefusedEntry, Request,
    RequestError, Verifier,
};
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

use KeyDetailsPolicy::{Lenient, Strict};

/// One valid request for every algorithm of the allow-list, form of signature, and form of key.
fn valid() -> Vec<(String, Request)> {
    let vectors = vectors();
    let message = b64(&vectors.message);
    let mut out = Vec::new();
    for (name, vector) in &vectors.keys {
        let key_details =
            KeyDetails::of(&treering_attest::PublicKey::from_spki_der(&b64(&vector.spki)).unwrap())
                .unwrap();
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
    assert_eq!(
        Request::parse_json(dsse),
        Err(RequestError::Kind {
            found: "dsseRequestV002"
        })
    );
    let both = edited(|json| json["dsseRequestV002"] = json!({}));
    assert_eq!(
        both,
        Err(RequestError::Kind {
            found: "dsseRequestV002"
        })
    );

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

/// Every key with every key details: strict takes the right ones only, lenient takes those of the same digest, as rekor-tiles does.
#[test]
fn key_details_are_held_to_the_policy() {
    for (name, request) in valid() {
        let right = request.key_details;
        for details in KeyDetails::ALL {
            let request = Request {
                key_details: details,
                ..request.clone()
            };
            let strict = request.canonicalize(Strict);
            let lenient = request.canonicalize(Lenient);
            if details == right {
                assert_eq!(strict, lenient, "{name}");
                assert!(strict.is_ok(), "{name}");
                continue;
            }
            assert_eq!(
                strict,
                Err(RefusedEntry::KeyDetailsMismatch {
                    expected: right,
                    found: details
                }),
                "{name}"
            );
            if details.digest_algorithm() == right.digest_algorithm() {
                let leaf = lenient.unwrap().into_leaf();
                let entry = Entry::parse(&leaf).unwrap();
                assert_eq!(
                    entry.key_details.name(),
                    details.name(),
                    "the leaf keeps what was sent"
                );
                assert_eq!(entry.verify(), Ok(()), "{name} as {details}");
                assert!(entry.is_acceptable(Lenient) && !entry.is_acceptable(Strict));
            } else {
                let digest = details.digest_algorithm();
                assert!(
                    matches!(lenient, Err(RefusedEntry::NotAllowed { digest: found, .. }) if found == digest),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn digests_of_another_length_are_refused() {
    let good = P256::new(1).request(b"x");
    for found in [0, 1, 31, 33, 48, 64] {
        let request = Request {
            digest: vec![0; found],
            ..good.clone()
        };
        let expected = RefusedEntry::DigestLength {
            algorithm: DigestAlgorithm::Sha256,
            found,
        };
        assert_eq!(request.canonicalize(Strict), Err(expected));
    }
}

fn assert_unverified(name: &str, request: &Request) {
    let error = request.canonicalize(Strict).expect_err(name);
    let mismatch = matches!(
        &error,
        RefusedEntry::Signature(SignatureError::Mismatch { .. })
    );
    assert!(mismatch, "{name}: {error}");
    assert_eq!(error.refusal(), Refusal::Unverified, "{name}");
}

#[test]
fn altered_requests_do_not_verify() {
    let good = P256::new(1).request(b"x");
    let altered = |edit: fn(&mut Request)| {
        let mut request = good.clone();
        edit(&mut request);
        request
    };
    assert_unverified(
        "other signature",
        &altered(|request| request.signature[9] ^= 1),
    );
    assert_unverified("other digest", &altered(|request| request.digest[9] ^= 1));
    let other_key =
        |request: &mut Request| request.verifier = Verifier::PublicKey(P256::new(2).spki());
    assert_unverified("other key", &altered(other_key));
    assert_unverified(
        "trailing byte",
        &altered(|request| request.signature.push(0)),
    );
    assert_unverified(
        "no signature",
        &altered(|request| request.signature.clear()),
    );
}

#[test]
fn pss_and_pure_ed25519_do_not_verify() {
    let vectors = vectors();
    let pss = Request {
        digest: DigestAlgorithm::Sha256.of(&b64(&vectors.message)),
        signature: b64(&vectors.pss.signature),
        verifier: Verifier::PublicKey(b64(&vectors.keys["rsa-2048"].spki)),
        key_details: KeyDetails::PkixRsaPkcs1v15_2048Sha256,
    };
    assert_unverified("pss", &pss);
    let ed25519 = Ed25519::new(2);
    let pure = Request {
        digest: DigestAlgorithm::Sha512.of(b"x"),
        signature: ed25519.sign_pure(b"x"),
        verifier: Verifier::PublicKey(ed25519.spki()),
        key_details: KeyDetails::PkixEd25519Ph,
    };
    assert_unverified("pure ed25519", &pure);
}

/// The message of the refusal of a P-256 request with this key in it.
fn refused_key(verifier: Verifier) -> (RefusedEntry, String) {
    let request = Request {
        verifier,
        ..P256::new(1).request(b"x")
    };
    let error = request.canonicalize(Strict).expect_err("the key is wrong");
    let message = error.to_string();
    (error, message)
}

#[test]
fn keys_in_the_wrong_form_are_refused() {
    let vectors = vectors();
    let p256 = &vectors.keys["ecdsa-p256"];
    let (spki, certificate) = (b64(&p256.spki), b64(&p256.certificate));
    let pem = |label: &str, der: &[u8]| {
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            text(der)
        )
        .into_bytes()
    };
    let behind = |der: &[u8]| [der, &[0, 0]].concat();
    let no_keys = [
        behind(&spki),
        pem("PUBLIC KEY", &spki),
        certificate.clone(),
        b"not a key".to_vec(),
    ];
    for der in no_keys {
        let (error, message) = refused_key(Verifier::PublicKey(der));
        let expected = "publicKey: expected the der of a subject public key info, found ";
        assert!(message.starts_with(expected), "{message}");
        assert_eq!(error.refusal(), Refusal::Malformed);
    }
    for der in [behind(&certificate), pem("CERTIFICATE", &certificate), spki] {
        let (error, message) = refused_key(Verifier::Certificate(der));
        let expected = "x509Certificate: expected the der of an x.509 certificate, found ";
        assert!(message.starts_with(expected), "{message}");
        assert_eq!(error.refusal(), Refusal::Malformed);
    }
    let (error, message) = refused_key(Verifier::PublicKey(b64(&vectors.refused["rsa-1024"])));
    assert_eq!(
        message,
        "publicKey: expected an rsa key of 2048, 3072 or 4096 bits, found 1024"
    );
    assert_eq!(error.refusal(), Refusal::Unsupported);
}

/// DER by hand: a certificate whose extension has any size. Nobody checks who signed it.
fn certificate(spki: &[u8], padding: usize) -> Vec<u8> {
    let name = tlv(0x30, &[]);
    let time = tlv(0x17, b"260101000000Z");
    let algorithm = tlv(0x30, &hex::decode("06082a8648ce3d040302").unwrap());
    let extension = tlv(
        0x30,
        &[
            hex::decode("06032a0304").unwrap(),
            tlv(4, &vec![0; padding]),
        ]
        .concat(),
    );
    let parts = [
        tlv(0xa0, &[2, 1, 2]),
        vec![2, 1, 1],
        algorithm.clone(),
        name.clone(),
        tlv(0x30, &[time.clone(), time].concat()),
        name,
        spki.to_vec(),
        tlv(0xa3, &tlv(0x30, &extension)),
    ];
    tlv(
        0x30,
        &[tlv(0x30, &parts.concat()), algorithm, tlv(3, &[0, 0])].concat(),
    )
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let len: Vec<u8> = len.iter().copied().skip_while(|&b| b == 0).collect();
    let mut out = vec![tag];
    match len.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap());
            out.extend_from_slice(long);
        }
    }
    [out.as_slice(), content].concat()
}

#[test]
fn a_leaf_fits_an_entry_bundle_or_is_refused() {
    let key = P256::new(1);
    let sized = |padding| Request {
        verifier: Verifier::Certificate(certificate(&key.spki(), padding)),
        ..key.request(b"x")
    };
    let len = |padding| match sized(padding).canonicalize(Strict) {
        Ok(canonical) => (canonical.leaf().len(), true),
        Err(RefusedEntry::LeafTooLong { found }) => (found, false),
        Err(other) => panic!("{other}"),
    };
    let mut last = (0, true);
    for padding in 48_000..48_700 {
        let (leaf, taken) = len(padding);
        assert_eq!(taken, leaf <= MAX_LEAF_LEN, "a leaf of {leaf} bytes");
        last = (leaf, taken);
    }
    assert!(!last.1 && last.0 > MAX_LEAF_LEN, "the limit was crossed");
    let error = sized(49_000).canonicalize(Strict).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("expected an entry of at most 65535 bytes, found "),
        "{error}"
    );
    assert_eq!(error.refusal(), Refusal::TooLarge);
}

#[test]
fn messages_name_what_was_expected_and_found() {
    let request = Request {
        key_details: KeyDetails::PkixRsaPkcs1v15_2048Sha256,
        ..P256::new(1).request(b"x")
    };
    assert_eq!(
        request.canonicalize(Strict).unwrap_err().to_string(),
        "expected key details PKIX_ECDSA_P256_SHA_256 for this key, found PKIX_RSA_PKCS1V15_2048_SHA256"
    );
    let request = Request {
        key_details: KeyDetails::PkixEcdsaP384Sha384,
        ..P256::new(1).request(b"x")
    };
    let error = request.canonicalize(Lenient).unwrap_err();
    assert_eq!(
        error,
        RefusedEntry::NotAllowed {
            key: KeyAlgorithm::EcdsaP256,
            digest: DigestAlgorithm::Sha384
        }
    );
    assert_eq!(
        error.to_string(),
        "expected a key and digest on the allow-list, found ecdsa-p256 with sha384"
    );
}
