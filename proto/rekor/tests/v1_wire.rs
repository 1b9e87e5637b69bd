//! Answers, timestamps and checkpoints of Rekor v1: shapes, and signatures made by a key and verified by what clients verify with.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::convert::Infallible;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use treering_rekor::v1::wire::{
    Attestation, ConsistencyProof, InclusionProof, LogEntryAnon, LogInfo, Shard, Verification,
};
use treering_rekor::v1::{
    ApiError, EntryId, EntryKey, LogKey, LogKeyError, Rejected, Retrieve, SearchIndex, Tree,
    TreeId, Uncached, Verifier,
};
use treering_tlog::{Hash, TreeSize};

struct Key(p256::ecdsa::SigningKey);

impl Key {
    fn new(seed: u8) -> Self {
        Self(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    fn public(&self) -> LogKey {
        let der = self.0.verifying_key().to_public_key_der().unwrap();
        LogKey::from_spki_der(der.as_bytes()).unwrap()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Infallible> {
        let signature: p256::ecdsa::Signature = self.0.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

fn tree_id() -> TreeId {
    TreeId::new(2_605_736_670_972_794_746).unwrap()
}

fn entry(key: &Key) -> LogEntryAnon {
    let mut entry = LogEntryAnon::new(b"{}", 1_710_869_186, key.public().log_id(), 79_571_823);
    let signature = key.sign(&entry.timestamp_payload()).unwrap();
    entry.verification = Some(Verification {
        inclusion_proof: InclusionProof {
            checkpoint: "note".into(),
            hashes: vec!["aa".into()],
            log_index: 75_408_392,
            root_hash: "bb".into(),
            tree_size: 75_408_393,
        },
        signed_entry_timestamp: STANDARD.encode(signature),
    });
    entry
}

#[test]
fn a_timestamp_signs_the_body_the_time_the_log_and_the_index() {
    let key = Key::new(7);
    let good = entry(&key);
    let payload = format!(
        r#"{{"body":"e30=","integratedTime":1710869186,"logID":"{}","logIndex":79571823}}"#,
        key.public().log_id()
    );
    assert_eq!(good.timestamp_payload(), payload.as_bytes());
    key.public().verify_timestamp(&good).unwrap();
    let changes: [fn(&mut LogEntryAnon); 6] = [
        |entry| entry.body.push('A'),
        |entry| entry.integrated_time += 1,
        |entry| entry.log_id = "00".repeat(32),
        |entry| entry.log_index += 1,
        |entry| entry.verification = None,
        |entry| {
            entry
                .verification
                .as_mut()
                .unwrap()
                .signed_entry_timestamp
                .clear()
        },
    ];
    for change in changes {
        let mut changed = good.clone();
        change(&mut changed);
        assert!(key.public().verify_timestamp(&changed).is_err());
    }
    assert!(Key::new(8).public().verify_timestamp(&good).is_err());
}

#[test]
fn a_checkpoint_has_one_signature_of_the_host() {
    let key = Key::new(7);
    let tree = Tree::new(&key.public(), "rekor.example", tree_id()).unwrap();
    assert_eq!(
        tree.origin().as_str(),
        "rekor.example - 2605736670972794746"
    );
    let root = Hash::empty_root();
    let size = "5".parse::<TreeSize>().unwrap();
    let note = tree.checkpoint(size, root, |text| key.sign(text)).unwrap();
    let (text, signature) = note.split_once("\n\n").unwrap();
    let expected = format!(
        "rekor.example - 2605736670972794746\n5\n{}",
        root.to_base64()
    );
    assert_eq!(text, expected);
    let encoded = signature.strip_prefix("\u{2014} rekor.example ").unwrap();
    let raw = STANDARD
        .decode(encoded.strip_suffix('\n').unwrap())
        .unwrap();
    assert_eq!(raw[..4], hex(&key.public().log_id())[..4]);
    let opened = tree.open(&note).unwrap();
    assert_eq!(
        (opened.checkpoint().size, opened.checkpoint().root),
        (size, root)
    );
    // Another tree, host, key.
    let other = TreeId::new(1).unwrap();
    for (key, host, id) in [
        (&key, "rekor.example", other),
        (&key, "other.example", tree_id()),
        (&Key::new(8), "rekor.example", tree_id()),
    ] {
        assert!(
            Tree::new(&key.public(), host, id)
                .unwrap()
                .open(&note)
                .is_err()
        );
    }
    let refused = Tree::new(&key.public(), "a host", tree_id()).unwrap_err();
    assert!(matches!(refused, LogKeyError::Host { .. }));
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(byte).collect()
}

#[test]
fn only_a_p256_key_signs_for_a_log() {
    let ed25519 = [&hex("302a300506032b6570032100")[..], &[9; 32]].concat();
    let refused = LogKey::from_spki_der(&ed25519);
    assert!(matches!(
        refused,
        Err(LogKeyError::Algorithm { .. } | LogKeyError::Key(_))
    ));
    assert!(matches!(
        LogKey::from_spki_der(b"x"),
        Err(LogKeyError::Key(_))
    ));
    let key = Key::new(1).public();
    let parsed = Verifier::parse(key.to_pem().as_bytes()).unwrap();
    assert_eq!(parsed.key().spki_der(), key.spki_der());
    assert_eq!(parsed.canonical_pem(), key.to_pem());
}

#[test]
fn answers_have_upstreams_shapes() {
    let mut answer = entry(&Key::new(7));
    let log_id = answer.log_id.clone();
    let mut expected = json!({
        "body": "e30=", "integratedTime": 1_710_869_186, "logID": log_id, "logIndex": 79_571_823,
        "verification": {
            "inclusionProof": {
                "checkpoint": "note", "hashes": ["aa"], "logIndex": 75_408_392, "rootHash": "bb", "treeSize": 75_408_393,
            },
            "signedEntryTimestamp": answer.verification.as_ref().unwrap().signed_entry_timestamp,
        },
    });
    assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
    answer.attestation = Some(Attestation::new(b"AAA"));
    expected["attestation"] = json!({"data": "QUFB"});
    assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
    assert_eq!(
        serde_json::from_value::<LogEntryAnon>(expected).unwrap(),
        answer
    );
    let shard = Shard::new(tree_id(), 5, &Hash::empty_root(), "note".into());
    let info = LogInfo {
        inactive_shards: Vec::new(),
        active: shard.clone(),
    };
    let one = json!({
        "rootHash": Hash::empty_root().to_hex(), "signedTreeHead": "note", "treeID": "2605736670972794746", "treeSize": 5,
    });
    let mut expected = one.clone();
    expected["inactiveShards"] = Value::Null;
    assert_eq!(serde_json::to_value(&info).unwrap(), expected);
    assert_eq!(
        serde_json::from_value::<LogInfo>(expected.clone()).unwrap(),
        info
    );
    let info = LogInfo {
        inactive_shards: vec![shard.clone()],
        active: shard,
    };
    expected["inactiveShards"] = json!([one]);
    assert_eq!(serde_json::to_value(&info).unwrap(), expected);
    let proof = ConsistencyProof {
        hashes: Vec::new(),
        root_hash: "aa".into(),
    };
    assert_eq!(
        serde_json::to_value(&proof).unwrap(),
        json!({"hashes": [], "rootHash": "aa"})
    );
}

#[test]
fn ids_are_read_in_any_case_and_written_in_lower() {
    let leaf = Hash::of(b"x");
    let id = EntryId {
        tree: TreeId::new(0xab).unwrap(),
        leaf,
    };
    let text = format!("00000000000000ab{}", leaf.to_hex());
    assert_eq!(id.to_string(), text);
    for text in [text.clone(), text.to_uppercase()] {
        assert_eq!(EntryKey::parse_path(&text), Ok(EntryKey::Full(id)));
        let key = EntryKey::parse_path(&text[16..]).unwrap();
        assert_eq!((key.leaf(), key.tree()), (leaf, None));
    }
    let status = |text: &str| EntryKey::parse_path(text).map_err(|e| (e.status(), e.body().code));
    for bad in [
        &text[1..],
        &text[..64 + 15],
        "",
        &text.replace('0', "g"),
        &format!("{text}0"),
    ] {
        assert_eq!(status(bad), Err((422, 605)), "{bad}");
    }
    for tree in ["0000000000000000", "8000000000000000", "ffffffffffffffff"] {
        assert_eq!(
            status(&format!("{tree}{}", leaf.to_hex())),
            Err((400, 400)),
            "{tree}"
        );
    }
    assert_eq!(TreeId::new(0), None);
    assert_eq!(TreeId::new(-1), None);
    let conflict = ApiError::conflict(&id);
    let words = "an equivalent entry already exists in the transparency log with UUID ";
    assert_eq!(conflict, ApiError::new(409, format!("{words}{text}")));
}

#[test]
fn queries_are_bounded() {
    let status = |rejected: Rejected| (rejected.status(), rejected.body().code);
    let many = |member: &str, element: &str, count: usize| {
        format!(r#"{{"{member}":[{}]}}"#, vec![element; count].join(","))
    };
    for (member, element) in [
        ("logIndexes", "1"),
        ("entryUUIDs", &format!("{:?}", "a".repeat(64))),
    ] {
        assert!(Retrieve::parse(many(member, element, 10).as_bytes()).is_ok());
        for count in [11, 100_000] {
            let rejected = Retrieve::parse(many(member, element, count).as_bytes()).unwrap_err();
            assert_eq!(status(rejected), (422, 611), "{member} {count}");
        }
    }
    let entry = r#"{"kind":"dsse","apiVersion":"0.0.1","spec":{}}"#;
    let rejected = Retrieve::parse(many("entries", entry, 11).as_bytes()).unwrap_err();
    assert_eq!(status(rejected), (422, 611));
    let found = Retrieve::parse(br#"{"logIndexes":[null,3],"LOGINDEXES":[7,null]}"#).unwrap();
    assert_eq!(found.indexes, [7, 0], "the last counts, null is zero");
    let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(
        status(Retrieve::parse(nested.as_bytes()).unwrap_err()),
        (400, 400)
    );
    assert_eq!(
        status(SearchIndex::parse(b" ", &Uncached).unwrap_err()),
        (422, 602)
    );
}
