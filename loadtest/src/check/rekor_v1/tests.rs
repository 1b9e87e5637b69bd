use treering_rekor::v1::LogKey as V1Key;
use treering_tlog::{CompactRange, Growth};

use super::*;
use crate::args::EntryKind;
use crate::corpus::{Corpus, CorpusSpec};
use crate::rekor_v1::submit::expected_leaf;

/// What a real server said, see `tests/vectors/rekor-v1/SOURCE`.
const INFO: &[u8] = include_bytes!("../../../tests/vectors/rekor-v1/log.json");
const KEY: &[u8] = include_bytes!("../../../tests/vectors/rekor-v1/publicKey.pem");
const HASHEDREKORD: &str = include_str!("../../../tests/vectors/rekor-v1/hashedrekord.json");
const DSSE: &str = include_str!("../../../tests/vectors/rekor-v1/dsse.json");
const INTOTO: &str = include_str!("../../../tests/vectors/rekor-v1/intoto.json");

fn check(kind: EntryKind, number: u64, answer: &str) -> Verdict {
    let spec = CorpusSpec {
        seed: 1,
        bytes: 512,
        keys: 16,
        count: 3,
    };
    let corpus = Corpus::generate(spec, 1, &|_| ()).unwrap();
    let key = treering_attest::PublicKey::from_pem_or_der(KEY).unwrap();
    let key = V1Key::from_spki_der(key.spki_der()).unwrap();
    let log = V1Log::new(key, INFO).unwrap();
    let sample = Sample {
        first: number,
        answer: Answer::RekorV1(answer.to_owned().into()),
    };
    EntryChecker::new(&log).check(vec![sample], |number| expected_leaf(kind, &corpus, number))
}

#[test]
fn the_answers_of_a_real_server_are_right_for_their_requests_only() {
    for (kind, answer) in [
        (EntryKind::Hashedrekord, HASHEDREKORD),
        (EntryKind::Dsse, DSSE),
        (EntryKind::Intoto, INTOTO),
    ] {
        let right = check(kind, 1, answer);
        assert_eq!((right.verified, right.wrong), (1, 0), "{right:?}");
        let other = check(kind, 2, answer);
        assert_eq!((other.verified, other.wrong), (0, 1), "{kind:?}");
        assert!(
            other.messages[0].contains("expected leaf hash"),
            "{other:?}"
        );
    }
}

/// The answer with another digit right behind the first of these words that follows the mark.
fn altered(mark: &str, word: &str) -> String {
    let at = HASHEDREKORD.find(mark).unwrap();
    let at = at + HASHEDREKORD.get(at..).unwrap().find(word).unwrap() + word.len();
    let (before, after) = HASHEDREKORD.split_at(at);
    let digit = if after.starts_with('1') { '2' } else { '1' };
    format!("{before}{digit}{}", after.get(1..).unwrap())
}

#[test]
fn an_altered_answer_is_wrong_and_says_where() {
    let proof = r#""inclusionProof""#;
    for (mark, word, message) in [
        ("{", r#"{""#, "expected entry id"),
        ("{", r#""body":"ey"#, "expected entry id"),
        ("{", r#""logID":""#, "expected log id"),
        ("{", r#""integratedTime":"#, "signed entry timestamp"),
        ("{", r#""logIndex":"#, "signed entry timestamp"),
        (
            "{",
            r#""signedEntryTimestamp":"ME"#,
            "signed entry timestamp",
        ),
        (proof, r#""rootHash":""#, "expected root hash"),
        (proof, r#""hashes":[""#, "inclusion"),
        (proof, r#""logIndex":"#, "expected a proof of index"),
        (proof, r#""treeSize":"#, "expected a proof for size"),
        (proof, "rekor.example - ", "checkpoint"),
        (proof, r"\n\n— rekor.example ", "checkpoint"),
    ] {
        let answer = altered(mark, word);
        assert_ne!(answer, HASHEDREKORD, "{word}");
        let verdict = check(EntryKind::Hashedrekord, 1, &answer);
        assert_eq!((verdict.verified, verdict.wrong), (0, 1), "{word}");
        assert!(verdict.messages[0].contains(message), "{word}: {verdict:?}");
    }
    let two = HASHEDREKORD.replacen(
        '{',
        r#"{"00":{"body":"","integratedTime":1,"logID":"","logIndex":0},"#,
        1,
    );
    let verdict = check(EntryKind::Hashedrekord, 1, &two);
    assert!(verdict.messages[0].contains("expected 1 entry, found 2"));
}

#[test]
fn the_path_of_an_entry_holds_the_root_before_it() {
    let leaves: Vec<_> = (0..70u8).map(|leaf| Hash::leaf(&[leaf])).collect();
    let tree = |size: usize| Growth::new(&CompactRange::new(), leaves.iter().take(size).copied());
    for size in 1..=leaves.len() {
        let whole = tree(size);
        for index in 0..size {
            let proof = whole.prove(LeafIndex::new(index as u64).unwrap()).unwrap();
            let expected = (index > 0).then(|| tree(index).root());
            assert_eq!(root_before(&proof), expected, "{index} of {size}");
        }
    }
}
