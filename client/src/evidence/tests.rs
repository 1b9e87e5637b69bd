use ed25519_dalek::SigningKey;
use treering_tlog::checkpoint::{self, Checkpoint, Origin};
use treering_tlog::note::{KeyName, NoteSigner};
use treering_tlog::{CompactRange, Growth, Hash, TreeSize};

use super::*;

fn signer() -> NoteSigner {
    let name = KeyName::new("log.example.org").unwrap();
    NoteSigner::new(name, SigningKey::from_bytes(&[3; 32])).unwrap()
}

/// A tree of `size` leaves, of which those from `from` on are others.
fn leaves(size: u64, from: u64) -> Vec<Hash> {
    let leaf =
        |i: u64| Hash::leaf(format!("{}{i}", if i < from { "" } else { "other " }).as_bytes());
    (0..size).map(leaf).collect()
}

fn note(leaves: &[Hash]) -> String {
    let mut range = CompactRange::new();
    leaves.iter().for_each(|leaf| range.append(*leaf));
    let origin = Origin::new("log.example.org").unwrap();
    checkpoint::sign(
        &Checkpoint::new(origin, range.size(), range.root()),
        &signer(),
    )
    .unwrap()
}

fn node(leaves: &[Hash], id: NodeId) -> Hash {
    let start = usize::try_from(id.index << id.level).unwrap();
    let part = leaves[start..start + (1 << id.level)].iter().copied();
    Growth::new(&CompactRange::new(), part).root()
}

fn fork(old: u64, new: u64, at: u64) -> Evidence {
    let tree = leaves(new, at);
    let nodes = cut_at(old, new);
    Evidence {
        kind: "log-fork".to_owned(),
        proof: Proof::T,
        vkey: signer().verifier().to_string(),
        notes: vec![note(&leaves(old, old)), note(&tree)],
        nodes: nodes
            .iter()
            .map(|id| Node::new(*id, &node(&tree, *id)))
            .collect(),
        entry: None,
        tlog_proof: None,
        claim: Claim::default(),
    }
}

#[test]
fn a_fork_is_proven_wherever_the_trees_part_and_whatever_their_sizes() {
    for (old, new) in [
        (1, 2),
        (2, 3),
        (4, 9),
        (5, 8),
        (7, 7),
        (8, 16),
        (100, 301),
        (256, 300),
    ] {
        for at in [0, old / 2, old - 1] {
            let mut evidence = fork(old, new, at);
            if old == new {
                evidence.nodes.clear();
            }
            let read = Evidence::parse(&evidence.encode()).unwrap();
            let verdict = verify(&read).unwrap();
            assert!(verdict.proven[0].contains("signed"), "{verdict:?}");
            assert_eq!(verdict.proof, Proof::T);
        }
    }
}

#[test]
fn an_honest_log_is_never_proven_guilty() {
    for (old, new) in [(1, 2), (4, 9), (5, 8), (100, 301), (256, 300)] {
        // The trees part after the old one: that is growth.
        let growth = fork(old, new, old);
        assert!(matches!(
            verify(&growth),
            Err(EvidenceError::Unproven { .. })
        ));
        // Hashes that nobody signed.
        let mut forged = fork(old, new, 0);
        forged.notes[1] = note(&leaves(new, new));
        assert!(matches!(
            verify(&forged),
            Err(EvidenceError::Unproven { .. })
        ));
    }
    let mut same = fork(8, 8, 8);
    same.nodes.clear();
    assert!(matches!(verify(&same), Err(EvidenceError::Unproven { .. })));
}

#[test]
fn overlapping_missing_or_reordered_subtrees_are_refused() {
    let whole = fork(5, 12, 2);
    let mut missing = whole.clone();
    missing.nodes.pop();
    let mut doubled = whole.clone();
    doubled.nodes.push(whole.nodes[0].clone());
    let mut turned = whole.clone();
    turned.nodes.reverse();
    for evidence in [missing, doubled, turned] {
        assert!(matches!(
            verify(&evidence),
            Err(EvidenceError::Malformed { .. })
        ));
    }
}

#[test]
fn another_key_another_log_and_an_edited_note_prove_nothing() {
    let good = fork(5, 12, 2);
    let mut other_key = good.clone();
    let name = KeyName::new("log.example.org").unwrap();
    let other = NoteSigner::new(name, SigningKey::from_bytes(&[4; 32])).unwrap();
    other_key.vkey = other.verifier().to_string();
    let mut edited = good.clone();
    edited.notes[0] = edited.notes[0].replacen('5', "6", 1);
    let mut kind = good.clone();
    kind.kind = "log-rollback".to_owned();
    for evidence in [other_key, edited, kind] {
        assert!(verify(&evidence).is_err());
    }
}

#[test]
fn an_observation_is_told_apart_from_a_proof() {
    let notes = vec![note(&leaves(5, 5))];
    let mut evidence = Evidence {
        proof: Proof::R,
        kind: "log-equivocation".to_owned(),
        notes,
        nodes: vec![],
        ..fork(5, 12, 2)
    };
    evidence.claim.bodies = vec![Body::new("tile/0/000", b"a"), Body::new("tile/0/000", b"b")];
    let verdict = verify(&evidence).unwrap();
    assert_eq!(verdict.proven.len(), 1);
    assert_eq!(verdict.claimed.len(), 2);
    let mut same = evidence.clone();
    same.claim.bodies[1] = Body::new("tile/0/000", b"a");
    let mut edited = evidence.clone();
    edited.claim.bodies[1].base64 = Some(STANDARD.encode(b"c"));
    for evidence in [same, edited] {
        assert!(matches!(
            verify(&evidence),
            Err(EvidenceError::Unproven { .. })
        ));
    }
}

#[test]
fn an_entry_is_proven_to_be_in_the_log() {
    let leaf = |i: u64| Hash::leaf(i.to_string().as_bytes());
    let growth = Growth::new(&CompactRange::new(), (0..7).map(leaf));
    let index = treering_tlog::LeafIndex::new(3).unwrap();
    let proof = treering_tlog::proof_file::TlogProof {
        extra: None,
        index,
        hashes: growth.prove(index).unwrap().hashes,
        checkpoint: note(&leaves(7, 7)),
    };
    let mut evidence = Evidence {
        proof: Proof::L,
        kind: "forbidden".to_owned(),
        notes: vec![],
        nodes: vec![],
        entry: Some(STANDARD.encode(b"3")),
        tlog_proof: Some(proof.encode()),
        ..fork(5, 12, 2)
    };
    assert!(verify(&evidence).unwrap().proven[0].contains("number 3"));
    evidence.entry = Some(STANDARD.encode(b"4"));
    assert!(matches!(
        verify(&evidence),
        Err(EvidenceError::Unproven { .. })
    ));
}

#[test]
fn the_cut_covers_every_leaf_once() {
    for (old, new) in [(0, 1), (0, 9), (1, 9), (4, 9), (6, 9), (255, 70_000)] {
        let mut next = 0;
        for id in cut_at(old, new) {
            assert_eq!(id.index << id.level, next, "{old} {new}");
            next += 1 << id.level;
        }
        assert_eq!(next, new);
    }
    assert_eq!(
        TreeSize::new(cut_at(0, 1 << 62).len() as u64)
            .unwrap()
            .get(),
        1
    );
}
