use ed25519_dalek::SigningKey;

use super::*;
use crate::Hash;
use crate::cosignature;

const EXAMPLE: &str = "This is an example message.\n\n\
    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NEUMANN: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const NEUMANN_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn key(vkey: &str) -> VerifierKey {
    VerifierKey::parse(vkey).unwrap()
}

fn name(name: &str) -> KeyName {
    KeyName::new(name).unwrap()
}

fn signer(seed: u8) -> NoteSigner {
    NoteSigner::new(name("log.test"), SigningKey::from_bytes(&[seed; 32])).unwrap()
}

#[test]
fn published_examples_verify() {
    for (note, vkey) in [(EXAMPLE, EXAMPLE_KEY), (NEUMANN, NEUMANN_KEY)] {
        let (parsed, keys) = (SignedNote::parse(note.as_bytes()).unwrap(), [key(vkey)]);
        assert_eq!(parsed.encode(), note);
        let verified = parsed.verify(&keys).unwrap();
        assert_eq!(
            verified.signatures(),
            [VerifiedSignature {
                key: &keys[0],
                timestamp: None
            }]
        );
        assert_eq!(keys[0].to_string(), vkey);
    }
}

#[test]
fn strangers_are_ignored_and_someone_must_be_known() {
    let note = SignedNote::parse(NEUMANN.as_bytes()).unwrap();
    let refused = Err(VerifyError::NoKnownSignature { found: 1 });
    assert_eq!(note.verify(&[key(EXAMPLE_KEY)]).map(|_| ()), refused);
    assert_eq!(note.verify(&[]).map(|_| ()), refused);
    // A key of an unknown type never verifies, even if the name and the id are the ones on the line.
    let unknown = key("PeterNeumann+c74f20a3+Bqqq");
    assert_eq!(
        note.verify(std::slice::from_ref(&unknown)).map(|_| ()),
        refused
    );
    let keys = [key(EXAMPLE_KEY), unknown, key(NEUMANN_KEY)];
    assert_eq!(note.verify(&keys).unwrap().signatures()[0].key, &keys[2]);
}

#[test]
fn a_wrong_signature_of_a_known_key_refuses_the_note() {
    let text = "text\n";
    let (first, second) = (signer(1), signer(2));
    let bad = first.signature("other text\n");
    let note = format!("{text}\n{}{bad}\n", second.signature_line(text));
    let note = SignedNote::parse(note.as_bytes()).unwrap();
    let keys = [first.verifier().clone(), second.verifier().clone()];
    let refused = VerifyError::WrongSignature {
        name: name("log.test"),
    };
    assert_eq!(note.verify(&keys), Err(refused));
    assert_eq!(note.verify(&keys[1..]).unwrap().signatures().len(), 1);
}

#[test]
fn of_several_signatures_of_a_key_the_first_counts() {
    let (text, log) = ("text\n", signer(1));
    let (good, bad) = (log.signature(text), log.signature("other\n"));
    let keys = [log.verifier().clone()];
    let parse = |note: String| SignedNote::parse(note.as_bytes()).unwrap();
    let first = parse(format!("{text}\n{good}\n{bad}\n"));
    assert_eq!(first.verify(&keys).unwrap().signatures().len(), 1);
    assert!(
        parse(format!("{text}\n{bad}\n{good}\n"))
            .verify(&keys)
            .is_err()
    );
}

#[test]
fn the_same_key_twice_is_one_and_a_colliding_one_is_ambiguous() {
    let (text, log) = ("text\n", signer(1));
    let note = SignedNote::parse(log.sign(text).unwrap().as_bytes()).unwrap();
    let twice = [log.verifier().clone(), log.verifier().clone()];
    assert_eq!(note.verify(&twice).unwrap().signatures().len(), 1);
    let mut other = signer(2).verifier().clone();
    other.collide_with(log.verifier());
    let refused = VerifyError::AmbiguousKey {
        name: name("log.test"),
    };
    assert_eq!(note.verify(&[log.verifier().clone(), other]), Err(refused));
}

#[test]
fn cosignatures_carry_their_time() {
    let (text, log) = ("log.test\n0\n", signer(1));
    let witness = SigningKey::from_bytes(&[9; 32]);
    let line = cosignature::sign(&witness, &name("witness.test"), 1_767_139_200, text).unwrap();
    let note = format!("{text}\n{}{line}\n", log.signature_line(text));
    let note = SignedNote::parse(note.as_bytes()).unwrap();
    let public = witness.verifying_key().to_bytes();
    let keys = [
        VerifierKey::cosignature_v1(name("witness.test"), public).unwrap(),
        log.verifier().clone(),
    ];
    let verified = note.verify(&keys).unwrap();
    assert_eq!(
        verified.by(&keys[0]).unwrap().timestamp,
        Some(1_767_139_200)
    );
    assert_eq!(verified.by(&keys[1]).unwrap().timestamp, None);
}

#[test]
fn malformed_notes_are_refused() {
    let line = EXAMPLE.lines().last().unwrap();
    let cut = |line: &str| format!("text\n\n{line}");
    let unpadded = line.trim_end_matches('=');
    for (note, error) in [
        (String::new(), NoteError::Shape),
        ("text\n".into(), NoteError::Shape),
        ("text\n\n".into(), NoteError::Shape),
        (format!("\n\n{line}"), NoteError::Shape),
        (cut(line), NoteError::Shape),
        (cut(&format!("{line}\r\n")), NoteError::Text),
        (format!("a\tb\n\n{line}\n"), NoteError::Text),
        (format!("text\n{line}\n"), NoteError::Shape),
        (
            cut(&format!("{unpadded}\n")),
            NoteError::Signature { line: 1 },
        ),
        (cut(&format!("{line} \n")), NoteError::Signature { line: 1 }),
        (
            cut(&format!("{line}\n{}\n", line.replace('—', "-"))),
            NoteError::Signature { line: 2 },
        ),
        (
            cut(&format!("{line}\n{}\n", line.replace("foo", "fo+o"))),
            NoteError::Signature { line: 2 },
        ),
        (
            cut(&format!("{line}\n{}\n", line.replace("foo", "fo\u{2003}o"))),
            NoteError::Signature { line: 2 },
        ),
        (cut("—  Uw2QOkk=\n"), NoteError::Signature { line: 1 }),
        // Only the key id, without a signature.
        (cut("— name Uw2QOg==\n"), NoteError::Signature { line: 1 }),
        (
            cut(&format!("{line}\n").repeat(101)),
            NoteError::TooManySignatures,
        ),
        (
            "x".repeat(MAX_NOTE_LEN + 1),
            NoteError::TooLong {
                found: MAX_NOTE_LEN + 1,
            },
        ),
    ] {
        assert_eq!(SignedNote::parse(note.as_bytes()), Err(error), "{note:?}");
    }
    assert_eq!(SignedNote::parse(b"\xff\n\n"), Err(NoteError::Text));
    let hundred = cut(&format!("{line}\n").repeat(100));
    assert_eq!(
        SignedNote::parse(hundred.as_bytes())
            .unwrap()
            .signatures()
            .len(),
        100
    );
}

#[test]
fn a_text_may_have_empty_lines() {
    let log = signer(1);
    let note = log.sign("a\n\nb\n\n\nc\n").unwrap();
    let note = SignedNote::parse(note.as_bytes()).unwrap();
    assert_eq!(note.text(), "a\n\nb\n\n\nc\n");
    assert!(note.verify(&[log.verifier().clone()]).is_ok());
}

#[test]
fn texts_that_no_note_has_are_not_signed() {
    let log = signer(1);
    for text in ["", "no end", "tab\t\n", "\r\n"] {
        assert!(log.sign(text).is_err(), "{text:?}");
    }
    assert!(!format!("{log:?}").contains(&format!("{:?}", [1u8; 32])));
}

#[test]
fn malformed_keys_are_refused() {
    let base64 = "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let wrong = |found: &str| KeyError::Id {
        expected: "530d903a".into(),
        found: found.into(),
    };
    for (vkey, error) in [
        (String::new(), KeyError::Malformed),
        ("example.com/foo".into(), KeyError::Malformed),
        (format!("+530d903a+{base64}"), KeyError::Name),
        (format!("a b+530d903a+{base64}"), KeyError::Name),
        (
            format!("example.com/foo+530D903A+{base64}"),
            KeyError::Malformed,
        ),
        (
            format!("example.com/foo+530d903+{base64}"),
            KeyError::Malformed,
        ),
        (
            format!("example.com/foo++530d903{base64}"),
            KeyError::Malformed,
        ),
        (
            format!("example.com/foo+530d903b+{base64}"),
            wrong("530d903b"),
        ),
        (
            format!("example.com/foo+530d903a+{base64}\n"),
            KeyError::Malformed,
        ),
        ("example.com/foo+530d903a+".into(), KeyError::Malformed),
        (
            "example.com/foo+530d903a+AQ==".into(),
            KeyError::Material { kind: 1 },
        ),
        (
            "example.com/foo+530d903a+Ag==".into(),
            KeyError::Material { kind: 2 },
        ),
        (
            "example.com/foo+530d903a+BA==".into(),
            KeyError::Material { kind: 4 },
        ),
        ("x".repeat(5000), KeyError::Malformed),
    ] {
        assert_eq!(VerifierKey::parse(&vkey), Err(error), "{vkey:?}");
    }
    let mut weak = [0; 32];
    weak[0] = 1;
    assert_eq!(
        VerifierKey::ed25519(name("a"), weak),
        Err(KeyError::Material { kind: 1 })
    );
    assert_eq!(KeyName::new("x".repeat(255)).map(|_| ()), Ok(()));
    assert_eq!(KeyName::new("x".repeat(256)), Err(KeyError::Name));
}

#[test]
fn each_type_has_its_own_id_rule() {
    // A Rekor v2 log's public key and log id, out of sigstore's trusted root.
    let public = "b7cae5a759271b08df6dc5c060f600927d1788bcf5c7c3b8b7462412189edb8e";
    let rekor = VerifierKey::ed25519(
        name("log2025-1.rekor.sigstore.dev"),
        *Hash::from_hex(public).unwrap().as_bytes(),
    );
    let log_id = Hash::new(rekor.unwrap().full_id()).to_base64();
    assert_eq!(log_id, "zxGZFVvd0FEmjR8WrFwMdcAJ9vtaY/QXf44Y1wUeP6A=");
    let witness = SigningKey::from_bytes(&[9; 32]).verifying_key().to_bytes();
    let one = VerifierKey::ed25519(name("a"), witness).unwrap();
    let four = VerifierKey::cosignature_v1(name("a"), witness).unwrap();
    assert_ne!(one.id(), four.id());
    assert_eq!(one.full_id()[..4], one.id());
    assert_eq!(
        (one.kind(), four.kind()),
        (KeyKind::Ed25519, KeyKind::CosignatureV1)
    );
    let unknown = VerifierKey::parse("a+01020304+/w==").unwrap();
    assert_eq!(
        (unknown.kind(), unknown.id()),
        (KeyKind::Unknown, [1, 2, 3, 4])
    );
}
