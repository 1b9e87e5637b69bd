//! The parsers of `treering-rekor`.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use treering_attest::VerifierMaterial;
use bytes::Bytes;
use treering_rekor::v1;
use treering_rekor::v2::{
    CreateEntry, Entry, KeyDetailsPolicy, Request, VerifiedRequest, Verifier,
    requests_from_submission,
};

use crate::round_trip;

/// The key of the seeds that do not carry one.
static KEY: LazyLock<[VerifierMaterial; 1]> = LazyLock::new(|| {
    let pem = include_bytes!("../../attest/tests/vectors/vsa/vsa_signing_public_key.pem");
    [VerifierMaterial::from_pem_or_der(pem).expect("a public key")]
});

/// What verifies the COSE messages of the seeds.
const COSE_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpmLL6ejQ2nb1tfLRIO5uzWBWK+p8\n\
dpaIS7jHuVlvJ/KsOk+Tu666BvBPgXlNnsnDgKM73O07iNnH62OoNqBWoA==\n\
-----END PUBLIC KEY-----\n\
";

/// A request as protojson: written plainly, it is the same; a leaf that comes of it is one.
pub fn rekor_request(data: &[u8]) {
    let Ok(request) = Request::parse_json(data) else {
        return;
    };
    let mut verifier = json!({"keyDetails": request.key_details.number()});
    let (member, der) = match &request.verifier {
        Verifier::PublicKey(der) => ("public_key", der),
        Verifier::Certificate(der) => ("x509_certificate", der),
    };
    verifier[member] = json!({"raw_bytes": STANDARD.encode(der)});
    let plain = json!({"hashed_rekord_request_v002": {
        "digest": STANDARD.encode(&request.digest),
        "signature": {"content": STANDARD.encode(&request.signature), "verifier": verifier},
    }});
    assert_eq!(
        Request::parse_json(plain.to_string().as_bytes()).as_ref(),
        Ok(&request)
    );
    let lenient = request.canonicalize(KeyDetailsPolicy::Lenient);
    if let Ok(canonical) = request.canonicalize(KeyDetailsPolicy::Strict) {
        assert_eq!(
            lenient.as_ref(),
            Ok(&canonical),
            "lenient takes all that strict does"
        );
    }
    if let Ok(canonical) = lenient {
        let entry = Entry::parse(canonical.leaf()).expect("a leaf of ours");
        assert_eq!(entry.verify(), Ok(()));
        assert_eq!(entry.request(), Some(request));
    }
}

/// A request of either kind: what one parser takes the other takes for the same, and a leaf that comes of it is one.
pub fn rekor_create(data: &[u8]) {
    let create = CreateEntry::parse_json(data);
    if let Ok(request) = Request::parse_json(data) {
        assert_eq!(create.as_ref(), Ok(&CreateEntry::HashedRekord(request)));
    }
    let Ok(CreateEntry::Dsse(request)) = create else {
        return;
    };
    let strict = request.canonicalize(KeyDetailsPolicy::Strict);
    let lenient = request.canonicalize(KeyDetailsPolicy::Lenient);
    assert!(
        strict.is_err() || lenient.is_ok(),
        "lenient takes all that strict does"
    );
    if let Ok(canonical) = lenient {
        let entry = Entry::parse(canonical.leaf()).expect("a leaf of ours");
        assert_eq!(entry.verify(), Ok(()));
    }
}

/// A leaf: only its canonical bytes.
pub fn rekor_entry(data: &[u8]) {
    let parsed = Entry::parse(data);
    if let Ok(entry) = &parsed
        && let Some(request) = entry.request()
        && let Ok(canonical) = request.canonicalize(KeyDetailsPolicy::Lenient)
    {
        assert_eq!(canonical.leaf(), data);
    }
    round_trip(data, parsed, Entry::encode);
}

/// Anything that a build system may push: what is accepted has been verified.
pub fn submission(data: &[u8]) {
    if let Ok(entry) = v1::entry_from_submission(&Bytes::copy_from_slice(data), &*KEY) {
        let leaf = v1::Entry::parse(entry.canonical().leaf());
        assert_eq!(leaf.as_ref(), Ok(entry.entry()));
    }
    let Ok(requests) = requests_from_submission(data, &*KEY) else {
        return;
    };
    assert!(!requests.is_empty());
    for request in requests.iter().map(VerifiedRequest::request) {
        let canonical = request.canonicalize(KeyDetailsPolicy::Strict);
        let canonical = canonical.expect("the receipt says that it verified");
        assert_eq!(
            Entry::parse(canonical.leaf()).map(|entry| entry.verify()),
            Ok(Ok(()))
        );
    }
}

/// The body of a new entry of Rekor v1: what is accepted has a leaf that can be read, that is found by either form, and whose
/// keys and attestation follow from the leaf and the envelope.
pub fn rekor_v1_entry(data: &[u8]) {
    let Ok(proposed) = v1::ProposedEntry::parse(data) else {
        return;
    };
    let Ok(entry) = proposed.verify(&v1::Uncached, 0) else {
        // A lookup takes canonical forms, too, whose signatures cannot be verified.
        let _ = proposed.look_up(&v1::Uncached);
        return;
    };
    let leaf = entry.canonical().leaf();
    assert_eq!(v1::Entry::parse(leaf).as_ref(), Ok(entry.entry()));
    let hash = entry.canonical().leaf_hash();
    assert_eq!(proposed.look_up(&v1::Uncached), Ok(hash));
    let canonical = v1::ProposedEntry::parse(leaf).expect("a leaf is a request");
    match entry.entry() {
        // Nothing can be verified or hashed without the artifact.
        v1::Entry::Rekord(_) | v1::Entry::Helm(_) => {
            assert!(canonical.look_up(&v1::Uncached).is_err())
        }
        _ => assert_eq!(canonical.look_up(&v1::Uncached), Ok(hash)),
    }
    let envelope = entry.envelope().map(str::as_bytes);
    assert_eq!(v1::index_keys(entry.entry(), envelope), entry.index_keys());
}

/// A COSE message of Rekor v1: whether it verifies does not matter, as only seeds do; [`rekor_v1_entry`] says what must hold then.
pub fn rekor_v1_cose(data: &[u8]) {
    let spec = json!({"message": STANDARD.encode(data), "publicKey": STANDARD.encode(COSE_KEY), "data": {}});
    let body = json!({"apiVersion": "0.0.1", "kind": "cose", "spec": spec});
    rekor_v1_entry(body.to_string().as_bytes());
}

/// A key and a signature behind a zero byte, in every format of rekord; what is signed is the text of the seeds.
pub fn rekor_v1_detached(data: &[u8]) {
    let (key, signature) = halves(data);
    for format in ["minisign", "pgp", "ssh"] {
        let key = json!({"content": STANDARD.encode(key)});
        let signature =
            json!({"format": format, "content": STANDARD.encode(signature), "publicKey": key});
        let spec = json!({"data": {"content": STANDARD.encode("what was signed\n")}, "signature": signature});
        let body = json!({"apiVersion": "0.0.1", "kind": "rekord", "spec": spec});
        rekor_v1_entry(body.to_string().as_bytes());
    }
}

/// A key and a provenance file behind a zero byte.
pub fn rekor_v1_helm(data: &[u8]) {
    let (key, file) = halves(data);
    let chart = json!({"provenance": {"content": STANDARD.encode(file)}});
    let spec = json!({"publicKey": {"content": STANDARD.encode(key)}, "chart": chart});
    let body = json!({"apiVersion": "0.0.1", "kind": "helm", "spec": spec});
    rekor_v1_entry(body.to_string().as_bytes());
}

/// A root of TUF and signed metadata behind a zero byte.
pub fn rekor_v1_tuf(data: &[u8]) {
    let (root, metadata) = halves(data);
    let content = |bytes: &[u8]| json!({"content": STANDARD.encode(bytes)});
    let spec = json!({"root": content(root), "metadata": content(metadata)});
    let body = json!({"apiVersion": "0.0.1", "kind": "tuf", "spec": spec});
    rekor_v1_entry(body.to_string().as_bytes());
}

/// What stands before the first zero byte, and what behind it.
fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = data.splitn(2, |&byte| byte == 0);
    let mut next = || halves.next().unwrap_or_default();
    (next(), next())
}

/// A leaf of Rekor v1: only its canonical bytes.
pub fn rekor_v1_leaf(data: &[u8]) {
    let parsed = v1::Entry::parse(data);
    if let Ok(entry) = &parsed {
        let _ = v1::index_keys(entry, Some(data));
    }
    round_trip(data, parsed, v1::Entry::encode);
}

/// The bodies and queries that ask Rekor v1 for entries: bounded, and never a panic.
pub fn rekor_v1_query(data: &[u8]) {
    if let Ok(request) = v1::Retrieve::parse(data) {
        let names = request.ids.len() + request.leaves.len();
        assert!(names + request.entries.len() + request.indexes.len() <= v1::MAX_RETRIEVED);
    }
    if let Ok(search) = v1::SearchIndex::parse(data, &v1::Uncached) {
        assert!(search.keys.len() <= 4);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(key) = v1::EntryKey::parse_path(text) {
        let written = match key {
            v1::EntryKey::Full(id) => id.to_string(),
            v1::EntryKey::Leaf(leaf) => leaf.to_hex(),
        };
        assert_eq!(written, text.to_ascii_lowercase());
    }
    let query = v1::Query::parse(text);
    let _ = (query.log_index(), query.tree());
    if let Ok(range) = query.proof_range() {
        assert!(1 <= range.first && range.first <= range.last);
    }
}

/// The PEM of a key as Rekor v1 takes it: its canonical form is the same key, and its own canonical form.
pub fn rekor_v1_key(data: &[u8]) {
    if let Ok(key) = v1::Verifier::parse(data) {
        let canonical = v1::Verifier::parse(key.canonical_pem().as_bytes());
        assert_eq!(canonical.as_ref(), Ok(&key));
        let _ = key.subjects();
    }
}
