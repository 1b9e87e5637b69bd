use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;

use super::*;
use crate::note::{KeyKind, KeyName, VerifierKey};

fn vkey(seed: u8) -> String {
    let key = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    let name = KeyName::new(format!("w{seed}.test")).unwrap();
    VerifierKey::cosignature_v1(name, key.to_bytes())
        .unwrap()
        .to_string()
}

fn log_vkey(seed: u8) -> String {
    let key = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    let name = KeyName::new("log.test").unwrap();
    VerifierKey::ed25519(name, key.to_bytes())
        .unwrap()
        .to_string()
}

/// The example of the specification with keys.
fn example() -> String {
    let mut text = format!("log {}\n\n", log_vkey(100));
    for (seed, name) in ["X1", "X2", "X3", "Y1", "Y2", "Y3"].iter().enumerate() {
        let seed = u8::try_from(seed + 1).unwrap();
        text.push_str(&format!("witness {name} {}\n", vkey(seed)));
        if *name == "X3" {
            text.push_str("group X-witnesses 2 X1 X2 X3\n\n");
        }
    }
    text.push_str("group Y-witnesses any Y1 Y2 Y3\n\n");
    text.push_str("group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n");
    text
}

fn read(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_example_of_the_specification_needs_two_of_x_and_one_of_y() {
    let policy = read(&example());
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    for bits in 0_u32..64 {
        let cosigned = |position: usize| bits >> position & 1 == 1;
        let x = (0..3).filter(|position| cosigned(*position)).count();
        let y = (3..6).filter(|position| cosigned(*position)).count();
        assert_eq!(
            policy.is_satisfied(cosigned),
            x >= 2 && y >= 1,
            "{bits:06b}"
        );
    }
    let again = Policy::parse(&policy.encode());
    assert_eq!(again, Ok(policy));
}

#[test]
fn a_quorum_may_be_one_witness_or_nobody() {
    let text = format!("witness a {}\nwitness b {}\n", vkey(1), vkey(2));
    let one = read(&format!("{text}quorum b\n"));
    assert!(one.is_satisfied(|position| position == 1));
    assert!(!one.is_satisfied(|position| position == 0));
    let none = read(&format!("{text}quorum none\n"));
    assert!(none.is_satisfied(|_| false));
    assert_eq!(none.quorum(), None);
    let empty = read("quorum none\n");
    assert!(empty.witnesses().is_empty() && empty.is_satisfied(|_| false));
}

#[test]
fn white_space_comments_and_opaque_names_are_read_over() {
    let text = [
        b" \t# a comment \xff\n\n\t\n  witness\t\xe2\x84\xaa  ".as_slice(),
        vkey(1).as_bytes(),
        b"\thttps://w.test/\xff \nwitness K ",
        vkey(2).as_bytes(),
        b"\nwitness #3 ",
        vkey(3).as_bytes(),
        b"\ngroup g any K \xe2\x84\xaa #3\nquorum g\n",
    ]
    .concat();
    let policy = Policy::parse(&text).unwrap();
    let names: Vec<String> = policy
        .witnesses()
        .iter()
        .map(|witness| witness.name.to_string())
        .collect();
    assert_eq!(names, ["\u{212a}", "K", "#3"]);
    let url = policy.witnesses()[0].url.clone().unwrap();
    assert_eq!(
        (url.as_str(), url.to_string().as_str()),
        (None, "https://w.test/\\xff")
    );
    assert_eq!(Policy::parse(&policy.encode()), Ok(policy));
}

#[test]
fn a_witness_of_type_0x01_is_taken_for_one_of_type_0x04() {
    let key = SigningKey::from_bytes(&[9; 32]).verifying_key().to_bytes();
    let name = KeyName::new("w").unwrap();
    let plain = VerifierKey::ed25519(name.clone(), key).unwrap();
    let cosigner = VerifierKey::cosignature_v1(name, key).unwrap();
    let policy = read(&format!("witness a {plain}\nquorum a\n"));
    assert_eq!(policy.witnesses()[0].key, cosigner);
    assert_ne!(plain.id(), cosigner.id());
    // A type that is not known here is kept, and is nobody's cosignature.
    let unknown = "w+e43cec18+BgAA";
    let policy = read(&format!("witness a {unknown}\nquorum a\n"));
    assert_eq!(policy.witnesses()[0].key.kind(), KeyKind::Unknown);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a mistake")]
fn mistakes_are_told_with_their_line() {
    let (a, b) = (vkey(1), vkey(2));
    let two = format!("witness a {a}\nwitness b {b}\n");
    let renamed = {
        let key = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
        VerifierKey::ed25519(KeyName::new("other").unwrap(), key).unwrap()
    };
    for (text, line, part) in [
        (String::new(), 1, "expected a quorum line, found the end"),
        ("quorum none".to_owned(), 1, "a newline at its end"),
        (
            "quorum none\nquorum none\n".to_owned(),
            2,
            "one quorum line",
        ),
        ("quorum a\n".to_owned(), 1, "on a line before, found \"a\""),
        ("quorum\n".to_owned(), 1, "quorum NAME"),
        ("\r\nquorum none\n".to_owned(), 1, "byte 0x0d"),
        (
            "quorum\u{a0}none\n".to_owned(),
            1,
            "log, witness, group or quorum",
        ),
        ("quorum none # no\n".to_owned(), 1, "3 fields"),
        ("Quorum none\n".to_owned(), 1, "found \"Quorum\""),
        ("witness a\n".to_owned(), 1, "witness NAME VKEY [URL]"),
        (format!("witness a {a} u v\n"), 1, "witness NAME VKEY [URL]"),
        (format!("witness none {a}\n"), 1, "a name that is not taken"),
        (
            format!("witness a {a}\nwitness a {b}\n"),
            2,
            "a name that is not taken",
        ),
        (
            format!("witness a {a}\nwitness b {renamed}\n"),
            2,
            "no other witness has, found that of w1.test",
        ),
        (
            format!("log {renamed}\nwitness a {a}\n"),
            2,
            "no log has, found that of other",
        ),
        (
            format!("witness a {a}\nlog {renamed}\n"),
            2,
            "no witness has",
        ),
        (
            format!("log {renamed}\nlog {renamed} u\n"),
            2,
            "no other log has",
        ),
        (
            format!("log {a}\n"),
            1,
            "the key of a log, found the key of a witness",
        ),
        (format!("witness a {}x\n", a), 1, "a vkey"),
        (
            format!("{two}group g 0 a b\n"),
            3,
            "a number from 1 to 2, found \"0\"",
        ),
        (
            format!("{two}group g 3 a b\n"),
            3,
            "a number from 1 to 2, found \"3\"",
        ),
        (format!("{two}group g 02 a b\n"), 3, "a number from 1 to 2"),
        (format!("{two}group g +1 a b\n"), 3, "a number from 1 to 2"),
        (format!("{two}group g any\n"), 3, "MEMBER"),
        (
            format!("{two}group g any a c\n"),
            3,
            "on a line before, found \"c\"",
        ),
        (
            format!("{two}group g any a none\n"),
            3,
            "on a line before, found \"none\"",
        ),
        (
            format!("{two}group g any a g\n"),
            3,
            "on a line before, found \"g\"",
        ),
        (
            format!("{two}group g any a a\n"),
            3,
            "no member yet, found \"a\"",
        ),
        (
            format!("{two}group g any a\ngroup h any a b\n"),
            4,
            "no member yet, found \"a\"",
        ),
        (
            format!("{two}group a any b\n"),
            3,
            "a name that is not taken",
        ),
        (
            format!("{two}group none any b\n"),
            3,
            "a name that is not taken",
        ),
    ] {
        let error = Policy::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.line, line, "{error}: {text}");
        assert!(error.to_string().contains(part), "{error} lacks {part}");
    }
}

#[test]
fn more_than_the_limits_is_refused() {
    let witness = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let key = STANDARD.encode([6, high, low]);
        format!("witness w{number} x+00000000+{key}\n")
    };
    let limit = u16::try_from(MAX_ITEMS).unwrap();
    let full: String = (0..limit).map(witness).collect();
    assert_eq!(
        read(&format!("{full}quorum none\n")).witnesses().len(),
        MAX_ITEMS
    );
    let error = Policy::parse(format!("{full}{}", witness(limit)).as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 257: expected at most 256 witnesses, found more"
    );
    let long = vec![b'\n'; MAX_POLICY_LEN + 1];
    let error = Policy::parse(&long).unwrap_err();
    assert!(
        error.to_string().contains("at most 262144 bytes"),
        "{error}"
    );
}
