//! The parsers of `treering-tlog`.

use std::sync::LazyLock;

use treering_tlog::checkpoint::{self, Checkpoint};
use treering_tlog::entry_bundle::EntryBundle;
use treering_tlog::merkle::subtree::Subtree;
use treering_tlog::note::{NoteSignature, SignedNote, VerifierKey};
use treering_tlog::policy::Policy;
use treering_tlog::proof_file::TlogProof;
use treering_tlog::tile::{HashTile, Tile, Width};
use treering_tlog::witness::{self, AddCheckpoint};
use treering_tlog::{ConsistencyProof, Hash, InclusionProof, LeafIndex, TreeSize};

use crate::round_trip;

/// Keys that some of the seeds are signed with: a log's and a witness's.
static KEYS: LazyLock<[VerifierKey; 2]> = LazyLock::new(|| {
    [
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
        "witness.test/w1+36a2e55d+BKL6L0o1W6LpB6UwCenjfK3fesfmagi6B2MfVTBys/JM",
    ]
    .map(|vkey| VerifierKey::parse(vkey).expect("a vkey with its own id"))
});

fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or_default()
}

/// The width that the first byte says, and what follows it.
fn width(data: &[u8]) -> Option<(Width, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((Width::new(u16::from(*first) + 1)?, rest))
}

/// The text of a checkpoint.
pub fn checkpoint(data: &[u8]) {
    round_trip(
        text(data).as_bytes(),
        Checkpoint::parse(text(data)),
        Checkpoint::encode,
    );
}

/// An index and a size.
pub fn decimal(data: &[u8]) {
    let text = text(data);
    round_trip(
        text.as_bytes(),
        text.parse::<LeafIndex>(),
        ToString::to_string,
    );
    round_trip(
        text.as_bytes(),
        text.parse::<TreeSize>(),
        ToString::to_string,
    );
}

/// A bundle, behind a byte for its width less one.
pub fn entry_bundle(data: &[u8]) {
    if let Some((width, bytes)) = width(data) {
        let parsed = EntryBundle::parse(bytes, width);
        if let Ok(bundle) = &parsed {
            assert_eq!(bundle.leaves().len(), width.count());
        }
        round_trip(bytes, parsed, EntryBundle::encode);
    }
}

/// A hash in each of its texts.
pub fn hash(data: &[u8]) {
    let text = text(data);
    round_trip(text.as_bytes(), Hash::from_hex(text), Hash::to_hex);
    round_trip(text.as_bytes(), Hash::from_base64(text), Hash::to_base64);
}

/// A tile, behind a byte for its width less one.
pub fn hash_tile(data: &[u8]) {
    if let Some((width, bytes)) = width(data) {
        let parsed = HashTile::parse(bytes, width);
        if let Ok(tile) = &parsed {
            assert_eq!(tile.hashes().len(), width.count());
            assert_eq!(width.is_full().then(|| tile.root()), tile.node(8, 0));
        }
        round_trip(bytes, parsed, HashTile::encode);
    }
}

/// Proofs of anything: three numbers of eight bytes, then hashes. None may panic, and a proof that holds
/// must not hold with a hash more or less.
pub fn merkle_proof(data: &[u8]) {
    let Some((numbers, rest)) = data.split_first_chunk::<24>() else {
        return;
    };
    let (numbers, _) = numbers.as_chunks::<8>();
    let [a, b, c] = [0, 1, 2].map(|at| u64::from_be_bytes(numbers[at]));
    let (chunks, _) = rest.as_chunks::<32>();
    let hashes: Vec<Hash> = chunks.iter().copied().map(Hash::new).take(200).collect();
    let [x, y] = [0, 1].map(|at| hashes.get(at).copied().unwrap_or_else(Hash::empty_root));
    let shorter = hashes.split_last().map(|(_, rest)| rest.to_vec());
    let longer = [hashes.as_slice(), &[x]].concat();
    let others = [Some(longer), shorter];
    let (Some(index), Some(from), Some(to)) =
        (LeafIndex::new(a), TreeSize::new(b), TreeSize::new(c))
    else {
        return;
    };
    let proof = InclusionProof {
        index,
        size: to,
        hashes: hashes.clone(),
    };
    if let Ok(root) = proof.root(&x) {
        assert_eq!(proof.verify(&x, &root), Ok(()));
        for hashes in others.iter().flatten().cloned() {
            assert!(
                InclusionProof {
                    index,
                    size: to,
                    hashes
                }
                .verify(&x, &root)
                .is_err()
            );
        }
    }
    let proof = ConsistencyProof {
        from,
        to,
        hashes: hashes.clone(),
    };
    if proof.verify(&x, &y).is_ok() {
        for hashes in others.iter().flatten().cloned() {
            assert!(
                ConsistencyProof { from, to, hashes }
                    .verify(&x, &y)
                    .is_err()
            );
        }
    }
    if let Ok(subtree) = Subtree::new(index, from) {
        let consistent = |hashes: &[Hash]| subtree.verify_consistency(to, hashes, &x, &y).is_ok();
        assert!(!consistent(&hashes) || !others.iter().flatten().any(|hashes| consistent(hashes)));
        let _ = subtree.verify_inclusion(index, &hashes, &x, &y);
    }
}

/// A whole note, and its signatures.
pub fn note(data: &[u8]) {
    let parsed = SignedNote::parse(data);
    if let Ok(note) = &parsed {
        let verified = note
            .verify(&*KEYS)
            .map(|verified| verified.signatures().len());
        assert!(verified != Ok(0));
        let [log, _] = &*KEYS;
        if let Ok(opened) = checkpoint::open(data, log) {
            assert_eq!(opened.text().as_bytes(), data);
            assert_eq!(opened.checkpoint().encode(), note.text());
        }
    }
    round_trip(data, parsed, SignedNote::encode);
}

/// A policy, which may be written in many ways: what it is read as must be kept.
pub fn policy(data: &[u8]) {
    if let Ok(policy) = Policy::parse(data) {
        assert_eq!(Policy::parse(&policy.encode()).as_ref(), Ok(&policy));
        assert!(policy.is_satisfied(|_| true));
        assert_eq!(policy.is_satisfied(|_| false), policy.quorum().is_none());
    }
}

/// A proof file, whose checkpoint may verify while its leaf does not.
pub fn proof_file(data: &[u8]) {
    let parsed = TlogProof::parse(data);
    if let Ok(proof) = &parsed {
        let [log, _] = &*KEYS;
        let _ = proof.verify(&Hash::empty_root(), log);
    }
    round_trip(data, parsed, TlogProof::encode);
}

/// One signature line without its LF.
pub fn signature_line(data: &[u8]) {
    round_trip(
        text(data).as_bytes(),
        NoteSignature::parse(text(data)),
        ToString::to_string,
    );
}

/// The path of a tile or a bundle.
pub fn tile_path(data: &[u8]) {
    round_trip(text(data).as_bytes(), Tile::parse(text(data)), Tile::path);
}

/// A verifier key.
pub fn vkey(data: &[u8]) {
    round_trip(
        text(data).as_bytes(),
        VerifierKey::parse(text(data)),
        ToString::to_string,
    );
}

/// What a witness answers: lines of cosignatures, or a size.
pub fn witness_answer(data: &[u8]) {
    round_trip(data, witness::parse_cosignatures(data), |signatures| {
        witness::encode_cosignatures(signatures)
    });
    round_trip(data, witness::parse_size(data), |size| {
        witness::encode_size(*size)
    });
}

/// What a witness is sent.
pub fn witness_request(data: &[u8]) {
    let parsed = AddCheckpoint::parse(data);
    if let Ok(request) = &parsed {
        let note = SignedNote::parse(request.checkpoint.as_bytes()).expect("read before");
        let checkpoint = Checkpoint::parse(note.text()).expect("read before");
        assert!(request.old <= checkpoint.size);
    }
    round_trip(data, parsed, AddCheckpoint::encode);
}
