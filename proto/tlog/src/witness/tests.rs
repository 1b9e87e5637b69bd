use ed25519_dalek::SigningKey;

use super::*;
use crate::checkpoint::{self, Origin};
use crate::cosignature;
use crate::note::{KeyName, NoteSigner};

fn note(size: u64) -> String {
    let name = KeyName::new("log.test").unwrap();
    let signer = NoteSigner::new(name, SigningKey::from_bytes(&[3; 32])).unwrap();
    let origin = Origin::new("log.test").unwrap();
    let size = TreeSize::new(size).unwrap();
    checkpoint::sign(&Checkpoint::new(origin, size, Hash::of(b"root")), &signer).unwrap()
}

fn request(hashes: usize) -> AddCheckpoint {
    AddCheckpoint {
        old: TreeSize::new(4).unwrap(),
        proof: vec![Hash::of(b"x"); hashes],
        checkpoint: note(9),
    }
}

#[test]
fn a_request_is_read_as_it_was_written() {
    for hashes in [0, 1, MAX_HASHES] {
        let written = request(hashes).encode();
        assert_eq!(
            AddCheckpoint::parse(written.as_bytes()),
            Ok(request(hashes))
        );
        assert!(written.len() < PORTABLE_REQUEST_LEN);
    }
    let mut equal = request(0);
    equal.old = TreeSize::new(9).unwrap();
    assert_eq!(
        AddCheckpoint::parse(equal.encode().as_bytes()),
        Ok(equal.clone())
    );
    equal.old = TreeSize::new(10).unwrap();
    assert_eq!(
        AddCheckpoint::parse(equal.encode().as_bytes()),
        Err(WitnessError::OldSize {
            old: equal.old,
            size: TreeSize::new(9).unwrap()
        })
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a mistake")]
fn requests_that_differ_in_one_thing_are_refused() {
    let good = request(1).encode();
    let hash = Hash::of(b"x").to_base64();
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for (text, error) in [
        (
            swap("old 4", "old 04"),
            WitnessError::Size(DecimalError::Malformed),
        ),
        (
            swap("old 4", "old +4"),
            WitnessError::Size(DecimalError::Malformed),
        ),
        (
            swap("old 4\n", "old 4\r\n"),
            WitnessError::Size(DecimalError::Malformed),
        ),
        (
            swap("old 4", "old  4"),
            WitnessError::Size(DecimalError::Malformed),
        ),
        (swap("old 4", "Old 4"), WitnessError::Shape),
        (swap("old 4\n", ""), WitnessError::Shape),
        (
            swap(&hash, hash.trim_end_matches('=')),
            WitnessError::Hash(HashError::Base64),
        ),
        (
            swap(&hash, "AAAA"),
            WitnessError::Hash(HashError::Length {
                expected: 32,
                found: 3,
            }),
        ),
        (
            swap(&format!("{hash}\n\n"), &format!("{hash}\n")),
            WitnessError::Hash(HashError::Base64),
        ),
        (
            swap("\nlog.test\n", "\n\nlog.test\n"),
            WitnessError::Checkpoint(CheckpointError::Origin),
        ),
        (
            good.trim_end().to_owned(),
            WitnessError::Note(NoteError::Shape),
        ),
        (format!("{good}\n"), WitnessError::Note(NoteError::Shape)),
        (request(64).encode(), WitnessError::TooManyHashes),
        (String::new(), WitnessError::Shape),
        ("old 4\n".to_owned(), WitnessError::Shape),
    ] {
        let found = AddCheckpoint::parse(text.as_bytes());
        assert_eq!(found.map(|_| ()), Err(error), "{text:?}");
    }
    let long = vec![b'x'; MAX_REQUEST_LEN + 1];
    assert!(matches!(
        AddCheckpoint::parse(&long),
        Err(WitnessError::TooLong { .. })
    ));
}

#[test]
fn a_size_is_one_line() {
    let size = TreeSize::new(17).unwrap();
    assert_eq!(parse_size(encode_size(size).as_bytes()), Ok(size));
    for wrong in [
        "", "17", "17\n\n", "017\n", " 17\n", "17\r\n", "-1\n", "\n", "17 \n",
    ] {
        assert!(parse_size(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
    assert_eq!(
        parse_size(b"9223372036854775808\n"),
        Err(WitnessError::Size(DecimalError::TooLarge {
            limit: crate::size::MAX
        }))
    );
    assert!(matches!(
        parse_size(&[b'1'; 33]),
        Err(WitnessError::TooLong { .. })
    ));
}

#[test]
fn cosignatures_are_lines_and_nothing_else() {
    let key = SigningKey::from_bytes(&[5; 32]);
    let name = KeyName::new("w.test").unwrap();
    let signature = cosignature::sign(&key, &name, 1, "text\n").unwrap();
    let one = encode_cosignatures([&signature]);
    assert_eq!(parse_cosignatures(one.as_bytes()), Ok(vec![signature]));
    assert_eq!(
        parse_cosignatures(one.repeat(2).as_bytes()).map(|lines| lines.len()),
        Ok(2)
    );
    for wrong in [
        String::new(),
        one.trim_end().to_owned(),
        format!("{one}\n"),
        format!("\n{one}"),
        format!("{one}x"),
        one.replace('\n', "\r\n"),
        one.replacen('\u{2014}', "-", 1),
        one.repeat(MAX_SIGNATURES + 1),
        "hello\n".to_owned(),
    ] {
        assert!(parse_cosignatures(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
    assert!(matches!(
        parse_cosignatures(&vec![b'x'; MAX_ANSWER_LEN + 1]),
        Err(WitnessError::TooLong { .. })
    ));
}
