//! The parsers of `treering-rekor`.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use treering_attest::VerifierMaterial;
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
