use ed25519_dalek::SigningKey;
use treering_storage::apply::stage;
use treering_storage::record::RecordEntry;
use treering_storage::{Edge, LogId};
use treering_tlog::note::KeyName;
use treering_tlog::witness::{encode_cosignatures, encode_size};

use super::*;
use crate::log::signer::Signer;

fn tree(leaves: u64) -> Published {
    let records = (0..leaves).map(|leaf| RecordEntry {
        leaf: leaf.to_be_bytes().to_vec().into(),
        leaf_hash: Hash::leaf(&leaf.to_be_bytes()),
        envelope: None,
    });
    let edge = stage(&Edge::new(), LogId(0), 1, records.collect()).edge;
    let key = SigningKey::from_bytes(&[7; 32]);
    let (checkpoint, note) = Signer::new("log.test", key).unwrap().sign(&edge);
    Published {
        note,
        checkpoint,
        edge,
        growth: None,
        integrated_time: 0,
        rekor_v1_note: std::sync::OnceLock::new(),
    }
}

fn name() -> KeyName {
    KeyName::new("w.test").unwrap()
}

fn key(seed: u8) -> (SigningKey, VerifierKey) {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let public = key.verifying_key().to_bytes();
    let verifier = VerifierKey::cosignature_v1(name(), public).unwrap();
    (key, verifier)
}

fn size(leaves: u64) -> TreeSize {
    TreeSize::new(leaves).unwrap()
}

fn judge(
    status: u16,
    names_size: bool,
    body: &str,
    old: u64,
) -> Result<Verdict, (WitnessFailure, String)> {
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap(),
        names_size,
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    let verdict = answer.judge(&key(1).1, &tree(5), size(old));
    verdict.map_err(|failure| (failure.reason, failure.detail))
}

#[test]
fn every_status_means_what_the_protocol_says() {
    use WitnessFailure::{Malformed, Mismatch, Refused, Unavailable};
    let seven = encode_size(size(7));
    assert_eq!(judge(409, true, &seven, 3), Ok(Verdict::Holds(size(7))));
    for (status, names_size, body, old, reason) in [
        (409, true, "3\n", 3, Malformed),
        (409, true, "07\n", 3, Malformed),
        (409, true, "7", 3, Malformed),
        (409, true, "", 3, Malformed),
        (409, false, seven.as_str(), 5, Mismatch),
        (409, false, seven.as_str(), 3, Refused),
        (422, false, "", 5, Mismatch),
        (422, false, "", 3, Mismatch),
        (422, false, "", 0, Refused),
        (400, false, "no", 3, Refused),
        (403, false, "", 3, Refused),
        (404, false, "", 3, Refused),
        (301, false, "", 3, Refused),
        (204, false, "", 3, Refused),
        (429, false, "", 3, Unavailable),
        (500, false, "", 3, Unavailable),
        (503, false, "", 3, Unavailable),
    ] {
        let found = judge(status, names_size, body, old).unwrap_err();
        assert_eq!(found.0, reason, "{status} {body:?} {old}: {}", found.1);
    }
    let (_, detail) = judge(400, false, &"x".repeat(9000), 3).unwrap_err();
    assert!(
        detail.starts_with("status 400: \"xxx") && detail.len() < 300,
        "{detail}"
    );
}

#[test]
fn only_a_cosignature_of_its_key_over_our_checkpoint_counts() {
    let text = tree(5).checkpoint.encode();
    let line = |seed: u8, text: &str| {
        cosignature::sign(&key(seed).0, &name(), 1_767_139_200, text).unwrap()
    };
    let (good, other_tree) = (line(1, &text), line(1, &tree(6).checkpoint.encode()));
    let stranger = line(2, &text);
    let said = |lines: &[&NoteSignature]| {
        judge(200, false, &encode_cosignatures(lines.iter().copied()), 3)
    };
    let found = Ok(Verdict::Cosigned(good.clone()));
    assert_eq!(said(&[&good]), found);
    assert_eq!(said(&[&stranger, &good, &good]), found);
    for lines in [vec![&stranger], vec![&other_tree], vec![&good, &other_tree]] {
        let refused = said(&lines).unwrap_err();
        assert_eq!(refused.0, WitnessFailure::Unverified, "{}", refused.1);
    }
    // The id of the right key on a signature of another.
    let forged = NoteSignature::new(name(), good.id(), stranger.body().to_vec()).unwrap();
    assert_eq!(said(&[&forged]).unwrap_err().0, WitnessFailure::Unverified);
    // A right signature over time 0 says nothing of when.
    let signature = {
        use ed25519_dalek::Signer as _;
        key(1).0.sign(&cosignature::message(0, &text))
    };
    let body = [0_u64.to_be_bytes().as_slice(), &signature.to_bytes()].concat();
    let timeless = NoteSignature::new(name(), good.id(), body).unwrap();
    let refused = said(&[&timeless]).unwrap_err();
    assert_eq!(
        refused,
        (
            WitnessFailure::Unverified,
            "expected a time, found 0".to_owned()
        )
    );
    for body in ["", "\n", "hello\n", "{}"] {
        assert_eq!(
            judge(200, false, body, 3).unwrap_err().0,
            WitnessFailure::Malformed,
            "{body:?}"
        );
    }
}
