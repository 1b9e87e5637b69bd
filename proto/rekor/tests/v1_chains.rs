//! What Tekton Chains sends to Rekor v1, and what rekor-server answered: the same leaf, timestamps and checkpoints that verify.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use treering_rekor::v1::wire::LogEntry;
use treering_rekor::v1::{
    EntryKey, LogKey, MAX_ATTESTATION, ProposedEntry, Rejected, Tree, Uncached, Verifier,
};

const ENTRIES: &str = include_str!("vectors/chains-recorded/entries.jsonl");
const LOG_KEY: &[u8] = include_bytes!("vectors/chains-recorded/rekor-public-key.pem");

#[derive(Deserialize)]
struct Exchange {
    case: String,
    request: String,
    status: u16,
    answer: String,
}

fn exchanges() -> Vec<Exchange> {
    let lines = ENTRIES.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn entries_of_chains_become_the_leaves_that_rekor_made_of_them() {
    let key = Verifier::parse(LOG_KEY).unwrap();
    let key = LogKey::from_spki_der(key.key().spki_der()).unwrap();
    for exchange in exchanges() {
        let case = &exchange.case;
        let verified = ProposedEntry::parse(exchange.request.as_bytes())
            .and_then(|entry| entry.verify(&Uncached, 0).map_err(Rejected::Entry));
        if exchange.status != 201 {
            assert_eq!(verified.unwrap_err().status(), exchange.status, "{case}");
            continue;
        }
        let verified = verified.unwrap();
        let answer: LogEntry = serde_json::from_str(&exchange.answer).unwrap();
        let (id, entry) = answer.iter().next().unwrap();
        let leaf = verified.canonical().leaf();
        assert_eq!(entry.body, STANDARD.encode(leaf), "{case}");
        let EntryKey::Full(id) = EntryKey::parse_path(id).unwrap() else {
            panic!("{case}: {id}")
        };
        assert_eq!(id.leaf, verified.canonical().leaf_hash());
        key.verify_timestamp(entry).unwrap();
        let note = &entry
            .verification
            .as_ref()
            .unwrap()
            .inclusion_proof
            .checkpoint;
        let (host, _) = note.split_once(" - ").unwrap();
        Tree::new(&key, host, id.tree).unwrap().open(note).unwrap();
        let intoto = verified.entry().kind() == "intoto";
        assert_eq!(
            verified.attestation(MAX_ATTESTATION).is_some(),
            intoto,
            "{case}"
        );
        assert!(!verified.index_keys().unwrap().is_empty());
    }
}
