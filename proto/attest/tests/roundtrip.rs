//! Parsers and writers undo each other, for any content.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::collection::vec;
use proptest::prelude::*;
use treering_attest::container::detect;
use treering_attest::{
    DigestAlgorithm, Envelope, PublicKey, SigstoreBundle, Statement, VerifierMaterial, pae,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_envelope_gives_back_what_went_in(
        payload in vec(any::<u8>(), 0..5000), kind in ".{0,40}", keyid in ".{0,40}",
        sigs in vec(vec(any::<u8>(), 1..80), 1..5), url_safe in any::<bool>(),
    ) {
        let encode = |bytes: &[u8]| if url_safe { URL_SAFE.encode(bytes) } else { STANDARD.encode(bytes) };
        let signatures: Vec<_> = sigs.iter().map(|sig| serde_json::json!({"keyid": keyid, "sig": encode(sig)})).collect();
        let text = serde_json::json!({"payloadType": kind, "payload": encode(&payload), "signatures": signatures}).to_string();
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(envelope.payload_type(), &kind);
        prop_assert_eq!(&envelope.payload().unwrap(), &payload);
        prop_assert_eq!(envelope.pae(), pae(&kind, &payload));
        prop_assert_eq!(envelope.pae_digest(DigestAlgorithm::Sha256), DigestAlgorithm::Sha256.of(&pae(&kind, &payload)));
        for (found, sig) in envelope.signatures().iter().zip(&sigs) {
            prop_assert_eq!(&found.sig, sig);
            prop_assert_eq!(&found.keyid, &keyid);
        }
    }

    #[test]
    fn a_statement_gives_back_its_subjects(
        subjects in vec((proptest::option::of(".{0,20}"), proptest::collection::btree_map(".{0,10}", ".{0,20}", 0..4)), 0..6),
        predicate_type in ".{0,40}",
    ) {
        let json: Vec<_> = subjects.iter().map(|(name, digest)| serde_json::json!({"name": name, "digest": digest})).collect();
        let text = serde_json::json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": predicate_type, "subject": json}).to_string();
        let statement = Statement::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(statement.predicate_type, predicate_type);
        for (found, (name, digest)) in statement.subjects.iter().zip(&subjects) {
            prop_assert_eq!(&found.name, name);
            let expected: Vec<_> = digest.iter().map(|(a, v)| (a.clone(), v.clone())).collect();
            prop_assert_eq!(&found.digests, &expected);
        }
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in vec(any::<u8>(), 0..600)) {
        let _ = detect(&bytes);
        prop_assert!(Envelope::parse(&bytes).is_err());
        prop_assert!(SigstoreBundle::parse(&bytes).is_err());
        prop_assert!(Statement::parse(&bytes).is_err());
        prop_assert!(VerifierMaterial::from_pem_or_der(&bytes).is_err());
    }

    /// A byte changed anywhere in a key gives no key, or another one that keeps its bytes.
    #[test]
    fn a_key_keeps_its_bytes(at in 0_usize..91, bit in 0_u32..8) {
        let pem = include_bytes!("vectors/vsa/vsa_signing_public_key.pem");
        let mut der = PublicKey::from_pem_or_der(pem).unwrap().spki_der().to_vec();
        der[at] ^= 1 << bit;
        if let Ok(key) = PublicKey::from_spki_der(&der) {
            prop_assert_eq!(key.spki_der(), der.as_slice());
        }
    }
}
