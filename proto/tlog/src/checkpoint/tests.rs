use ed25519_dalek::SigningKey;

use super::*;

const ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn signer(name: &str) -> NoteSigner {
    NoteSigner::new(
        KeyName::new(name).unwrap(),
        SigningKey::from_bytes(&[1; 32]),
    )
    .unwrap()
}

fn checkpoint() -> Checkpoint {
    let size = TreeSize::new(7).unwrap();
    Checkpoint::new(
        Origin::new("log.test/a b").unwrap(),
        size,
        Hash::empty_root(),
    )
}

#[test]
fn only_the_canonical_text_is_a_checkpoint() {
    let text = format!("log.test/a b\n7\n{ROOT}\n");
    assert_eq!(Checkpoint::parse(&text), Ok(checkpoint()));
    assert_eq!(checkpoint().encode(), text);
    let extended = format!("{text}Timestamp: 1\n \n");
    let parsed = Checkpoint::parse(&extended).unwrap();
    assert_eq!((parsed.extensions.len(), parsed.encode()), (2, extended));
    for size in ["+7", "007", "7 ", "", "-1", "7\r"] {
        let refused = Checkpoint::parse(&format!("o\n{size}\n{ROOT}\n"));
        assert_eq!(
            refused,
            Err(CheckpointError::Size(DecimalError::Malformed)),
            "{size:?}"
        );
    }
    for size in [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
    ] {
        let refused = Checkpoint::parse(&format!("o\n{size}\n{ROOT}\n"));
        let limit = crate::size::MAX;
        assert_eq!(
            refused,
            Err(CheckpointError::Size(DecimalError::TooLarge { limit }))
        );
    }
    let root = ROOT.trim_end_matches('=');
    for (text, error) in [
        (format!("\n7\n{ROOT}\n"), CheckpointError::Origin),
        (
            format!("{}\n7\n{ROOT}\n", "o".repeat(256)),
            CheckpointError::Origin,
        ),
        (format!("o\r\n7\n{ROOT}\n"), CheckpointError::Origin),
        (
            format!("o\n7\n{root}\n"),
            CheckpointError::Root(HashError::Base64),
        ),
        (
            "o\n7\nAAAA\n".into(),
            CheckpointError::Root(HashError::Length {
                expected: 32,
                found: 3,
            }),
        ),
        (format!("o\n7\n{ROOT}"), CheckpointError::Shape),
        (format!("o\n7\n{ROOT}\next"), CheckpointError::Shape),
        (format!("o\n7\n{ROOT}\n\n"), CheckpointError::Extension),
        (format!("o\n7\n{ROOT}\na\rb\n"), CheckpointError::Extension),
        (
            format!("o\n7\n{ROOT}\n{}\n", "x".repeat(70_000)),
            CheckpointError::TooLong { found: 70_050 },
        ),
        (String::new(), CheckpointError::Shape),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(error), "{text:?}");
    }
}

#[test]
fn what_is_signed_opens_and_is_the_same_bytes() {
    let signer = signer("log.test");
    let note = sign(&checkpoint(), &signer).unwrap();
    let opened = open(note.as_bytes(), signer.verifier()).unwrap();
    assert_eq!(
        (opened.checkpoint(), opened.text()),
        (&checkpoint(), note.as_str())
    );
    assert_eq!(opened.note().signatures().len(), 1);
}

#[test]
fn other_keys_and_other_origins_are_refused() {
    let (ours, theirs) = (signer("log.test"), signer("other.test"));
    let note = sign(&checkpoint(), &ours).unwrap();
    let refused = CheckpointError::Signature(VerifyError::NoKnownSignature { found: 1 });
    assert_eq!(open(note.as_bytes(), theirs.verifier()), Err(refused));
    let expected = Origin::new("other").unwrap();
    let refused = CheckpointError::OtherOrigin {
        expected: expected.clone(),
        found: checkpoint().origin,
    };
    assert_eq!(
        open_of(note.as_bytes(), &expected, ours.verifier()),
        Err(refused)
    );
    assert!(open_of(note.as_bytes(), &checkpoint().origin, ours.verifier()).is_ok());
    let tampered = note.replace("\n7\n", "\n8\n");
    let refused = CheckpointError::Signature(VerifyError::WrongSignature {
        name: ours.verifier().name().clone(),
    });
    assert_eq!(open(tampered.as_bytes(), ours.verifier()), Err(refused));
}

#[test]
fn a_witness_key_opens_nothing() {
    let name = KeyName::new("witness.test").unwrap();
    let key = SigningKey::from_bytes(&[3; 32]);
    let text = checkpoint().encode();
    let cosigned = crate::cosignature::sign(&key, &name, 1, &text).unwrap();
    let note = format!("{text}\n{cosigned}\n");
    let public = key.verifying_key().to_bytes();
    let witness = VerifierKey::cosignature_v1(name.clone(), public).unwrap();
    assert!(
        SignedNote::parse(note.as_bytes())
            .unwrap()
            .verify(std::slice::from_ref(&witness))
            .is_ok()
    );
    assert_eq!(
        open(note.as_bytes(), &witness),
        Err(CheckpointError::NotALogKey { name })
    );
}

#[test]
fn extensions_that_would_break_the_text_are_not_signed() {
    for extension in ["", "two\nlines", "\r"] {
        let mut checkpoint = checkpoint();
        checkpoint.extensions.push(extension.to_owned());
        assert_eq!(
            sign(&checkpoint, &signer("a")),
            Err(CheckpointError::Extension)
        );
    }
}

#[test]
fn an_origin_hash_is_that_of_the_witness_protocol() {
    let origin = Origin::new("rome2026h1.example.org").unwrap();
    let expected = "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706";
    assert_eq!(origin.hash().to_hex(), expected);
}
