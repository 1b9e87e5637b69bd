//! Properties of Rekor v1's entries, over made-up ones: leaves are what a JCS library writes, noise never reaches them, the
//! canonical form stands for itself, and what is too much is refused.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

mod support;

use proptest::prelude::*;
use serde_json::{Value, json};
use support::{P256, text};
use treering_attest::{DigestAlgorithm, pae};
use treering_rekor::Refusal;
use treering_rekor::v1::{
    ApiError, Entry, EntryError, MAX_ATTEMPTS, ProposedEntry, RefusedEntry, Rejected, Uncached,
    VerifiedEntry, Verifier, attestation, index_keys, kinds,
};

const IN_TOTO: &str = "application/vnd.in-toto+json";

fn pem(key: &P256) -> String {
    text(Verifier::from(&key.material()).canonical_pem().as_bytes())
}

fn envelope(payload_type: &str, payload: &[u8], keys: &[&P256]) -> String {
    let pae = pae(payload_type, payload);
    let signatures: Vec<Value> = keys
        .iter()
        .map(|key| json!({"sig": text(&key.sign(&pae))}))
        .collect();
    json!({"payload": text(payload), "payloadType": payload_type, "signatures": signatures})
        .to_string()
}

fn hashedrekord(key: &P256, message: &[u8]) -> Value {
    let value = Verifier::from(&key.material());
    let digest: String = DigestAlgorithm::Sha256
        .of(message)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": {"hash": {"algorithm": "sha256", "value": digest}},
        "signature": {
            "content": text(&key.sign(message)),
            "publicKey": {"content": text(value.canonical_pem().as_bytes())},
        },
    }})
}

fn dsse(payload_type: &str, payload: &[u8], keys: &[&P256]) -> Value {
    let verifiers: Vec<String> = keys.iter().map(|key| pem(key)).collect();
    let envelope = envelope(payload_type, payload, keys);
    json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
        "proposedContent": {"envelope": envelope, "verifiers": verifiers}}})
}

fn intoto_v001(payload_type: &str, payload: &[u8], key: &P256) -> Value {
    let envelope = envelope(payload_type, payload, &[key]);
    json!({"apiVersion": "0.0.1", "kind": "intoto", "spec": {
        "content": {"envelope": envelope}, "publicKey": pem(key)}})
}

fn intoto_v002(payload_type: &str, payload: &[u8], keyid: &str, key: &P256) -> Value {
    let sig = text(&key.sign(&pae(payload_type, payload)));
    let signature = json!({"keyid": keyid, "sig": text(sig.as_bytes()), "publicKey": pem(key)});
    json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": {
        "envelope": {
            "payloadType": payload_type,
            "payload": text(text(payload).as_bytes()),
            "signatures": [signature],
        },
        "hash": {"algorithm": "sha256", "value": "client says \"so\""},
    }}})
}

fn verify(body: &Value) -> Result<VerifiedEntry, RefusedEntry> {
    ProposedEntry::parse(body.to_string().as_bytes())
        .unwrap()
        .verify(&Uncached, 0)
}

/// What holds for every entry.
fn check(body: &Value) -> VerifiedEntry {
    let entry = verify(body).unwrap();
    let leaf = entry.canonical().leaf();
    let value: Value = serde_json::from_slice(leaf).unwrap();
    assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), leaf);
    assert_eq!(Entry::parse(leaf).as_ref(), Ok(entry.entry()));
    // Noise in the outer object and in spec changes nothing.
    let mut noisy = body.clone();
    noisy["noise"] = json!({"spec": [1]});
    noisy["spec"]["noise"] = json!("x");
    assert_eq!(verify(&noisy).as_ref(), Ok(&entry));
    // Either form finds it.
    for form in [body, &value] {
        let form = form.to_string();
        let form = ProposedEntry::parse(form.as_bytes()).unwrap();
        assert_eq!(form.look_up(&Uncached), Ok(entry.canonical().leaf_hash()));
    }
    // Later, from the leaf and the envelope, the same follows.
    let envelope = entry.envelope().map(str::as_bytes);
    assert_eq!(index_keys(entry.entry(), envelope), entry.index_keys());
    let kept = envelope.and_then(|bytes| attestation(entry.entry(), bytes, usize::MAX));
    assert_eq!(kept, entry.attestation(usize::MAX));
    entry
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_kind_keeps_its_promises(
        payload_type in "[a-zA-Z/+.\"\\\\\u{e4}\u{1f600}\n]{1,20}",
        payload in proptest::collection::vec(any::<u8>(), 1..200),
        keyid in "[a-z\"\u{7f}]{0,8}",
        seed in 1_u8..200,
    ) {
        let (key, other) = (P256::new(seed), P256::new(seed + 1));
        check(&hashedrekord(&key, &payload));
        let entry = check(&dsse(&payload_type, &payload, &[&key, &other]));
        prop_assert_eq!(entry.verifiers().len(), 2);
        prop_assert_eq!(entry.attestation(usize::MAX), None);
        let entry = check(&intoto_v001(&payload_type, &payload, &key));
        prop_assert_eq!(entry.attestation(usize::MAX), Some(payload.clone()));
        let entry = check(&intoto_v002(&payload_type, &payload, &keyid, &key));
        prop_assert_eq!(entry.attestation(usize::MAX), Some(payload.clone()));
        // The bound is on the length of the text.
        let text_len = payload.len().div_ceil(3) * 3;
        prop_assert_eq!(entry.attestation(text_len), Some(payload));
        prop_assert_eq!(entry.attestation(text_len - 1), None);
    }

    #[test]
    fn bodies_that_are_cut_off_are_refused_and_never_panic(cut in 0_usize..600) {
        let body = dsse(IN_TOTO, b"{}", &[&P256::new(1)]).to_string();
        let cut = body.get(..cut.min(body.len() - 1)).unwrap();
        let rejected = ProposedEntry::parse(cut.as_bytes()).unwrap_err();
        prop_assert!(matches!(rejected.status(), 400 | 422));
    }
}

#[test]
fn leaves_in_other_bytes_or_of_other_kinds_are_not_read() {
    let leaf = check(&hashedrekord(&P256::new(1), b"m"))
        .canonical()
        .leaf()
        .to_vec();
    let text = String::from_utf8(leaf).unwrap();
    let spaced = text.replacen("{\"", "{ \"", 1);
    assert_eq!(
        Entry::parse(spaced.as_bytes()),
        Err(EntryError::NotCanonical)
    );
    let other = text.replacen("hashedrekord", "jar", 1);
    assert!(matches!(
        Entry::parse(other.as_bytes()),
        Err(EntryError::Kind { .. })
    ));
    let more = text.replacen("\"data\":{", "\"data\":{\"x\":1,", 1);
    assert!(matches!(
        Entry::parse(more.as_bytes()),
        Err(EntryError::Json { .. })
    ));
    let long = vec![b' '; 65_536];
    assert_eq!(
        Entry::parse(&long),
        Err(EntryError::TooLong { found: 65_536 })
    );
}

#[test]
fn the_oldest_intoto_entries_are_asked_for_without_a_payload_hash() {
    let entry = check(&intoto_v001(IN_TOTO, b"{}", &P256::new(1)));
    let mut leaf: Value = serde_json::from_slice(entry.canonical().leaf()).unwrap();
    let content = leaf["spec"]["content"].as_object_mut().unwrap();
    content.remove("payloadHash").unwrap();
    let look_up = |body: &Value| {
        let body = serde_json_canonicalizer::to_vec(body).unwrap();
        ProposedEntry::parse(&body).unwrap().look_up(&Uncached)
    };
    let bytes = serde_json_canonicalizer::to_vec(&leaf).unwrap();
    assert_eq!(look_up(&leaf), Ok(treering_tlog::Hash::leaf(&bytes)));
    assert!(matches!(
        verify(&leaf),
        Err(RefusedEntry::NotInsertable { .. })
    ));
    leaf["spec"]["content"] = json!({});
    assert_eq!(look_up(&leaf), Err(RefusedEntry::NoForm));
}

#[test]
fn a_leaf_that_fits_no_bundle_is_refused() {
    let mut keyid = "k".repeat(64_000);
    let body = intoto_v002(IN_TOTO, b"{}", &keyid, &P256::new(1));
    assert!(check(&body).canonical().leaf().len() <= 65_535);
    keyid.push_str(&"k".repeat(2_000));
    let refused = verify(&intoto_v002(IN_TOTO, b"{}", &keyid, &P256::new(1))).unwrap_err();
    assert!(
        matches!(refused, RefusedEntry::LeafTooLong { found: 65_536.. }),
        "{refused}"
    );
    assert_eq!(refused.refusal(), Refusal::TooLarge);
    assert_eq!(Rejected::Entry(refused).status(), 400);
}

#[test]
fn attempts_are_bounded() {
    let keys: Vec<P256> = (1..=40).map(P256::new).collect();
    let pairs: Vec<&P256> = keys.iter().collect();
    let refused = verify(&dsse("t", b"x", &pairs)).unwrap_err();
    assert_eq!(refused, RefusedEntry::TooManyAttempts { max: MAX_ATTEMPTS });
    let mut body = dsse("t", b"x", &pairs[..1]);
    let many = vec![pem(&keys[0]); MAX_ATTEMPTS + 1];
    body["spec"]["proposedContent"]["verifiers"] = json!(many);
    let refused = verify(&body).unwrap_err();
    assert_eq!(refused, RefusedEntry::TooManyAttempts { max: MAX_ATTEMPTS });
    let mut body = dsse("t", b"x", &pairs[..16]);
    body["spec"]["proposedContent"]["verifiers"]
        .as_array_mut()
        .unwrap()
        .rotate_left(3);
    assert_eq!(verify(&body).unwrap().verifiers().len(), 16);
}

#[test]
fn the_index_has_what_a_statement_says_in_lower_case() {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "SUBJECT": [{"name": "a", "digest": {"sha256": "AB", "gitCommit": "cd"}}, null, 7, {"digest": 1}],
        "predicate": {
            "materials": [{"digest": {"sha1": "EF", "x": 1}}],
            "buildDefinition": {"resolvedDependencies": [{"digest": {"sha256": "99"}}]},
        },
    });
    let payload = statement.to_string();
    let key = P256::new(1);
    let entry = check(&dsse(IN_TOTO, payload.as_bytes(), &[&key]));
    let keys = entry.index_keys().unwrap();
    let verifier = format!("sha256:{}", entry.verifiers()[0].index_digest());
    assert_eq!(keys[0], verifier);
    assert_eq!(keys[3..], ["gitcommit:cd", "sha256:ab", "sha1:ef"]);
    // Of another type, or of no statement, the rest is there all the same.
    for (payload_type, payload) in [("text/plain", payload.as_str()), (IN_TOTO, "no json")] {
        let entry = check(&dsse(payload_type, payload.as_bytes(), &[&key]));
        assert_eq!(entry.index_keys().unwrap().len(), 3);
    }
    // Not by what the client says the digest of the envelope is.
    let entry = check(&intoto_v002(IN_TOTO, b"{}", "", &key));
    assert_eq!(entry.index_keys().unwrap().len(), 2);
    let entry = check(&intoto_v001(IN_TOTO, b"{}", &key));
    assert_eq!(entry.index_keys().unwrap().len(), 3);
}

#[test]
fn too_many_subjects_are_refused_before_they_are_logged() {
    let subjects: Vec<String> = (0..100_001)
        .map(|n| format!(r#"{{"digest":{{"x":"{n}"}}}}"#))
        .collect();
    let key = P256::new(1);
    let payload = |count: usize| format!(r#"{{"subject":[{}]}}"#, subjects[..count].join(","));
    let entry = verify(&dsse(IN_TOTO, payload(100_001).as_bytes(), &[&key])).unwrap();
    let refused = entry.index_keys().unwrap_err();
    assert_eq!(refused.refusal(), Refusal::TooLarge);
    let entry = verify(&dsse(IN_TOTO, payload(1_000).as_bytes(), &[&key])).unwrap();
    assert_eq!(entry.index_keys().unwrap().len(), 1_003);
}

/// A request that is good but for one value, and how the answer to it begins.
type Fault = (Value, &'static str, Value, &'static str);

#[test]
fn refusals_have_the_words_that_clients_and_their_tests_look_for() {
    let key = P256::new(1);
    let rekord = || hashedrekord(&key, b"m");
    let envelope = || dsse("t", b"x", &[&key]);
    let faults: [Fault; 6] = [
        (
            rekord(),
            "/apiVersion",
            json!("0.0.2"),
            "hashedrekord implementation for version '0.0.2' not found: unable to locate entry for version 0.0.2",
        ),
        (
            rekord(),
            "/spec/signature",
            json!("x"),
            "validation failure list:\nsignature in body is required",
        ),
        (
            rekord(),
            "/spec/data/hash/algorithm",
            json!("sha1"),
            "validation failure list:\ndata.data.hash.data.hash.algorithm in body should be one of [sha256 sha384 sha512]",
        ),
        (
            rekord(),
            "/spec/signature/content",
            json!("!"),
            "failed parsing base64 data for signature content: illegal base64 data at input byte 0",
        ),
        (
            envelope(),
            "/spec",
            json!({}),
            "either proposedContent or envelopeHash, payloadHash, and signatures must be present",
        ),
        (
            envelope(),
            "/spec/proposedContent/verifiers",
            json!([pem(&P256::new(2))]),
            "could not verify envelope: accepted signatures do not match threshold, Found: 0, Expected 1",
        ),
    ];
    for (mut body, place, value, expected) in faults {
        *body.pointer_mut(place).unwrap() = value;
        let ApiError { code, message } = Rejected::Entry(verify(&body).unwrap_err()).body();
        assert_eq!(code, 400);
        let words = message.strip_prefix("error processing entry: ").unwrap();
        assert!(
            words.starts_with(expected),
            "expected {expected:?}, found {words:?}"
        );
    }
}

#[test]
fn the_outer_object_is_refused_with_422() {
    let refused = |body: &[u8]| ProposedEntry::parse(body).unwrap_err().body();
    for unknown in ["nosuch", "rpm", "jar", "alpine"] {
        let body = format!(r#"{{"kind":"{unknown}","apiVersion":"0.0.1","spec":{{}}}}"#);
        let expected = ApiError::new(422, format!("invalid kind value: {unknown:?}"));
        assert_eq!(refused(body.as_bytes()), expected);
    }
    let expected = ApiError::new(
        422,
        "validation failure list:\napiVersion in body is required\nspec in body is required",
    );
    assert_eq!(refused(br#"{"kind":"dsse"}"#), expected);
}

#[test]
fn the_registry_names_every_kind_once() {
    let found: Vec<_> = kinds().collect();
    assert_eq!(
        found,
        [
            ("hashedrekord", "0.0.1"),
            ("dsse", "0.0.1"),
            ("intoto", "0.0.1"),
            ("intoto", "0.0.2"),
            ("rekord", "0.0.1"),
            ("rfc3161", "0.0.1"),
            ("cose", "0.0.1"),
            ("helm", "0.0.1"),
            ("tuf", "0.0.1")
        ]
    );
}
