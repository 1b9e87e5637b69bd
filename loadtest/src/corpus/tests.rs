use std::collections::HashSet;

use p256::ecdsa::VerifyingKey;
use p256::ecdsa::signature::Verifier;
use p256::pkcs8::DecodePublicKey;
use serde_json::Value;

use super::*;

const SPEC: CorpusSpec = CorpusSpec {
    seed: 42,
    bytes: 1024,
    keys: 3,
    count: 20,
};

fn generate(spec: CorpusSpec) -> Corpus {
    Corpus::generate(spec, 2, &|_| ()).unwrap()
}

fn envelopes(corpus: &Corpus) -> Vec<Bytes> {
    (0..corpus.len())
        .map(|number| corpus.envelope(number).unwrap())
        .collect()
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_seed_others() {
    let all = envelopes(&generate(SPEC));
    assert_eq!(all, envelopes(&generate(SPEC)));
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 20);
    let others = envelopes(&generate(CorpusSpec { seed: 43, ..SPEC }));
    assert!(all.iter().zip(&others).all(|(one, other)| one != other));
    // A longer corpus begins with the shorter one. This hash was made once; it changes if the bytes of a seed change.
    assert_eq!(
        envelopes(&generate(CorpusSpec { count: 25, ..SPEC }))[..20],
        all
    );
    assert_eq!(
        Hash::of(&all.concat()).to_hex(),
        "850992c82c0a378afcf3f9183d0ceb978034aaa86f89d8347b489725235b315e"
    );
}

#[test]
fn every_envelope_verifies_with_its_key_and_has_its_size() {
    let corpus = generate(SPEC);
    for number in 0..corpus.len() {
        let envelope: Value = serde_json::from_slice(&corpus.envelope(number).unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let payload = STANDARD.decode(text(&envelope["payload"])).unwrap();
        let signature = STANDARD
            .decode(text(&envelope["signatures"][0]["sig"]))
            .unwrap();
        let key = &corpus.keys()[corpus.key_of(number)];
        // The PAE of the DSSE specification, spelt out here a second time.
        let mut message = format!(
            "DSSEv1 {} {PAYLOAD_TYPE} {} ",
            PAYLOAD_TYPE.len(),
            payload.len()
        )
        .into_bytes();
        message.extend_from_slice(&payload);
        let verifier = VerifyingKey::from_public_key_der(&key.spki_der).unwrap();
        verifier
            .verify(
                &message,
                &DerSignature::from_bytes(signature.as_slice()).unwrap(),
            )
            .unwrap();
        assert_eq!(envelope["payloadType"], PAYLOAD_TYPE);
        assert_eq!(envelope["signatures"][0]["keyid"], key.keyid.as_str());
        assert_eq!(payload.len(), 1024);
        let statement: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(
            statement["subject"][0]["name"],
            format!("pkg:generic/loadtest@42.{number}")
        );
    }
    assert_eq!(
        corpus
            .keys()
            .iter()
            .map(|key| &key.keyid)
            .collect::<HashSet<_>>()
            .len(),
        3
    );
}

#[test]
fn statements_keep_their_length_at_the_limits() {
    let worst = CorpusSpec {
        seed: u64::MAX,
        bytes: MIN_BYTES,
        keys: 1,
        count: 1,
    };
    for (spec, number) in [
        (worst, MAX_COUNT),
        (
            CorpusSpec {
                bytes: 100_000,
                ..worst
            },
            0,
        ),
    ] {
        let text = statement(&spec, number);
        assert_eq!(text.len(), usize::try_from(spec.bytes).unwrap());
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
    }
}

#[test]
fn a_corpus_of_several_segments_has_every_envelope() {
    let corpus = generate(CorpusSpec {
        seed: 1,
        bytes: MIN_BYTES,
        keys: 1,
        count: SEGMENT + 1,
    });
    let last = corpus.envelope(SEGMENT).unwrap();
    assert_eq!(last, generate_one(corpus.spec(), SEGMENT));
    assert_eq!(
        corpus.envelope(SEGMENT - 1).unwrap(),
        generate_one(corpus.spec(), SEGMENT - 1)
    );
    assert_eq!(corpus.envelope(SEGMENT + 1), None);
}

fn generate_one(spec: &CorpusSpec, number: u64) -> Vec<u8> {
    let signers = [signing_key(spec.seed, 0)];
    let keys = [corpus_key(&signers[0]).unwrap()];
    let mut out = Vec::new();
    Author {
        spec: *spec,
        signers: &signers,
        keys: &keys,
    }
    .envelope(number, &mut out);
    out
}

#[test]
fn specs_outside_the_limits_are_refused() {
    let wrong = [
        CorpusSpec {
            bytes: MIN_BYTES - 1,
            ..SPEC
        },
        CorpusSpec {
            bytes: MAX_BYTES + 1,
            ..SPEC
        },
        CorpusSpec { keys: 0, ..SPEC },
        CorpusSpec { count: 0, ..SPEC },
        CorpusSpec {
            count: MAX_COUNT,
            bytes: MAX_BYTES,
            ..SPEC
        },
    ];
    for spec in wrong {
        let error = spec.validate().unwrap_err().to_string();
        assert!(
            error.starts_with("expected ") && error.contains(", found "),
            "{error}"
        );
    }
}

#[test]
fn a_saved_corpus_is_read_back_and_a_damaged_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("corpus");
    let corpus = generate(SPEC);
    corpus.save(&path).unwrap();
    let again = Corpus::load(&path).unwrap();
    assert_eq!(
        (again.spec(), envelopes(&again)),
        (&SPEC, envelopes(&corpus))
    );
    assert_eq!(again.total_bytes(), corpus.total_bytes());
    assert!(
        corpus.save(&path).is_err(),
        "an existing file must not be overwritten"
    );

    let bytes = std::fs::read(&path).unwrap();
    assert!(Corpus::read(bytes.as_slice()).is_ok());
    assert!(
        Corpus::read(&bytes[..bytes.len() - 1]).is_err(),
        "cut short"
    );
    assert!(
        Corpus::read([&bytes[..], b"x"].concat().as_slice()).is_err(),
        "too long"
    );
    let text = |from: &str, to: &str| {
        String::from_utf8_lossy(&bytes)
            .replacen(from, to, 1)
            .into_bytes()
    };
    assert!(
        Corpus::read(text("corpus 1", "corpus 2").as_slice()).is_err(),
        "another version"
    );
    assert!(
        Corpus::read(text("\"seed\"", "\"sead\"").as_slice()).is_err(),
        "another spec"
    );
    let first = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(1)
        .unwrap()
        .0
        + 1;
    let mut huge = bytes.clone();
    huge[first] = 0xff;
    let error = format!("{:#}", Corpus::read(huge.as_slice()).unwrap_err());
    assert!(error.contains("expected an envelope of at most"), "{error}");
}
