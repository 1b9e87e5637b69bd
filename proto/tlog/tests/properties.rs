//! Trees and proofs against a naive reference and against two independent implementations, and every
//! proof against tampering.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use rs_merkle::{Hasher, MerkleTree};
use sha2::Sha256;
use treering_tlog::merkle::subtree::Subtree;
use treering_tlog::merkle::{consistency, inclusion};
use treering_tlog::tile::{HashTile, TILE_WIDTH, TileNodes, Width};
use treering_tlog::{CompactRange, ConsistencyProof, Growth, Hash, InclusionProof};

mod reference;

use reference::{index, leaves, size};

const LARGEST: usize = 5_000;

/// RFC 6962 for `rs_merkle`, with its own SHA-256.
#[derive(Clone)]
struct Oracle;

impl Hasher for Oracle {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        use sha2::Digest as _;
        Sha256::digest(data).into()
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        right.map_or(*left, |right| {
            Self::hash(&[&[1], left.as_slice(), right.as_slice()].concat())
        })
    }
}

fn oracle(leaves: &[Hash]) -> MerkleTree<Oracle> {
    MerkleTree::from_leaves(
        &leaves
            .iter()
            .map(|hash| *hash.as_bytes())
            .collect::<Vec<_>>(),
    )
}

fn grown(leaves: &[Hash]) -> Growth {
    Growth::new(&CompactRange::new(), leaves.iter().copied())
}

fn range(leaves: &[Hash]) -> CompactRange {
    let mut range = CompactRange::new();
    leaves.iter().for_each(|leaf| range.append(*leaf));
    range
}

#[test]
fn every_small_tree_is_that_of_the_rfc() {
    let all = leaves(130);
    for to in 0..=all.len() {
        let (leaves, growth) = (&all[..to], grown(&all[..to]));
        let root = reference::root(leaves);
        assert_eq!(
            (growth.root(), range(leaves).root()),
            (root, root),
            "{to} leaves"
        );
        for (position, leaf) in leaves.iter().enumerate() {
            let proof = inclusion::prove(index(position), size(to), &growth).unwrap();
            assert_eq!(proof.hashes, reference::path(position, leaves));
            assert_eq!(growth.prove(index(position)).as_ref(), Some(&proof));
            assert_eq!(proof.verify(leaf, &root), Ok(()));
        }
        for from in 1..=to {
            let proof = consistency::prove(size(from), size(to), &growth).unwrap();
            assert_eq!(proof.hashes, reference::consistency(from, leaves));
            assert_eq!(proof.verify(&reference::root(&all[..from]), &root), Ok(()));
        }
    }
}

#[test]
fn small_consistency_proofs_are_those_of_ct_merkle() {
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut ours = Vec::new();
    for to in 1..=80usize {
        theirs.push(to.to_be_bytes().to_vec());
        ours.push(Hash::leaf(&to.to_be_bytes()));
        let growth = grown(&ours);
        assert_eq!(growth.root().as_ref(), theirs.root().as_bytes().as_slice());
        for from in 1..=to {
            let proof = consistency::prove(size(from), size(to), &growth).unwrap();
            let expected = theirs.prove_consistency(to - from);
            assert_eq!(concat(&proof.hashes), expected.as_bytes(), "{from} to {to}");
        }
    }
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hash at a position of a proof, changed in one bit.
fn flip(hashes: &mut [Hash], at: usize) {
    let mut bytes = *hashes[at].as_bytes();
    bytes[at % 32] ^= 1;
    hashes[at] = Hash::new(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn roots_and_paths_are_those_of_rs_merkle(to in 1..=LARGEST, picks in prop::array::uniform4(any::<prop::sample::Index>())) {
        let leaves = leaves(to);
        let (growth, theirs) = (grown(&leaves), oracle(&leaves));
        prop_assert_eq!(Some(*growth.root().as_bytes()), theirs.root());
        prop_assert_eq!(range(&leaves).root(), growth.root());
        for position in picks.map(|pick| pick.index(to)).into_iter().chain([0, to - 1]) {
            let proof = inclusion::prove(index(position), size(to), &growth).unwrap();
            let expected = theirs.proof(&[position]).proof_hashes().concat();
            prop_assert_eq!(concat(&proof.hashes), expected);
            prop_assert_eq!(proof.verify(&leaves[position], &growth.root()), Ok(()));
        }
    }

    #[test]
    fn large_consistency_proofs_are_those_of_ct_merkle(to in 2..=LARGEST, picks in prop::array::uniform8(any::<prop::sample::Index>())) {
        let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        // ct-merkle recomputes a path per push; small leaves keep that the whole cost.
        (0..to).for_each(|i| theirs.push(i.to_be_bytes().to_vec()));
        let leaves = leaves(to);
        let growth = grown(&leaves);
        for from in picks.map(|pick| pick.index(to) + 1) {
            let proof = consistency::prove(size(from), size(to), &growth).unwrap();
            let expected = theirs.prove_consistency(to - from);
            prop_assert_eq!(concat(&proof.hashes), expected.as_bytes());
            prop_assert_eq!(proof.verify(&range(&leaves[..from]).root(), &growth.root()), Ok(()));
        }
    }

    #[test]
    fn a_batch_proves_what_the_whole_tree_proves(old in 0..2_000usize, added in 0..600usize) {
        let leaves = leaves(old + added);
        let (edge, whole) = (range(&leaves[..old]), grown(&leaves));
        let growth = Growth::new(&edge, leaves[old..].iter().copied());
        prop_assert_eq!((growth.old_size(), growth.new_size()), (size(old), size(old + added)));
        prop_assert_eq!(growth.edge(), whole.edge());
        for (position, leaf) in leaves.iter().enumerate().skip(old) {
            prop_assert_eq!(growth.leaf_hash(index(position)), Some(*leaf));
            prop_assert_eq!(growth.prove(index(position)), whole.prove(index(position)));
            prop_assert!(growth.prove(index(position)).is_some());
        }
        for position in old.checked_sub(1).into_iter().chain([old + added]) {
            prop_assert_eq!(growth.prove(index(position)), None);
        }
        for level in 0..13u8 {
            let skip = usize::try_from(growth.first_index(level)).unwrap();
            prop_assert_eq!(growth.nodes(level), &whole.nodes(level)[skip.min(whole.nodes(level).len())..]);
        }
    }

    #[test]
    fn tiles_prove_what_memory_proves(to in 1..=LARGEST, picks in prop::array::uniform4(any::<prop::sample::Index>())) {
        let leaves = leaves(to);
        let growth = grown(&leaves);
        let tiles = TileNodes::new(size(to), |level: u8, index: u64, width: Width| {
            let start = usize::try_from(index).unwrap() * usize::from(TILE_WIDTH);
            HashTile::new(growth.nodes(level * 8)[start..][..width.count()].to_vec())
        });
        for position in picks.map(|pick| pick.index(to)) {
            let proof = inclusion::prove(index(position), size(to), &tiles).unwrap();
            prop_assert_eq!(Some(proof), growth.prove(index(position)));
            let proof = consistency::prove(size(position), size(to), &tiles).unwrap();
            prop_assert_eq!(Ok(proof), consistency::prove(size(position), size(to), &growth));
        }
    }

    #[test]
    fn tampered_inclusion_proofs_are_refused(to in 1..700usize, pick in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), extra in any::<[u8; 32]>()) {
        let leaves = leaves(to);
        let (growth, position) = (grown(&leaves), pick.index(to));
        let (leaf, root) = (&leaves[position], growth.root());
        let good = growth.prove(index(position)).unwrap();
        let refused = |change: &dyn Fn(&mut InclusionProof)| {
            let mut bad = good.clone();
            change(&mut bad);
            bad == good || bad.verify(leaf, &root).is_err()
        };
        prop_assert!(refused(&|bad| bad.hashes.push(Hash::new(extra))));
        prop_assert!(refused(&|bad| bad.hashes.insert(0, Hash::new(extra))));
        prop_assert!(refused(&|bad| bad.hashes.truncate(good.hashes.len().saturating_sub(1))));
        prop_assert!(refused(&|bad| bad.hashes.reverse()));
        prop_assert!(refused(&|bad| bad.index = index(other.index(to))));
        prop_assert!(refused(&|bad| bad.index = index(to + other.index(1_000))));
        prop_assert!((0..good.hashes.len()).all(|at| refused(&|bad| flip(&mut bad.hashes, at))));
        prop_assert!(good.verify(&Hash::new(extra), &root).is_err());
        prop_assert!(good.verify(leaf, &Hash::new(extra)).is_err());
    }

    #[test]
    fn tampered_consistency_proofs_are_refused(to in 2..700usize, pick in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), extra in any::<[u8; 32]>()) {
        let leaves = leaves(to);
        let from = 1 + pick.index(to - 1);
        let (old, new) = (range(&leaves[..from]).root(), range(&leaves).root());
        let good = consistency::prove(size(from), size(to), &grown(&leaves)).unwrap();
        prop_assert_eq!(good.verify(&old, &new), Ok(()));
        let refused = |change: &dyn Fn(&mut ConsistencyProof)| {
            let mut bad = good.clone();
            change(&mut bad);
            bad == good || bad.verify(&old, &new).is_err()
        };
        prop_assert!(refused(&|bad| bad.hashes.push(Hash::new(extra))));
        prop_assert!(refused(&|bad| bad.hashes.insert(0, Hash::new(extra))));
        prop_assert!(refused(&|bad| bad.hashes.truncate(good.hashes.len().saturating_sub(1))));
        prop_assert!(refused(&|bad| bad.hashes.clear()));
        prop_assert!(refused(&|bad| bad.from = size(other.index(to))));
        prop_assert!(refused(&|bad| bad.to = size(from)));
        prop_assert!((0..good.hashes.len()).all(|at| refused(&|bad| flip(&mut bad.hashes, at))));
        prop_assert!(good.verify(&Hash::new(extra), &new).is_err());
        prop_assert!(good.verify(&old, &Hash::new(extra)).is_err());
        prop_assert!(good.verify(&new, &old).is_err());
    }

    #[test]
    fn subtrees_prove_their_own_leaves(to in 1..900usize, level in 0..9u8, pick in any::<prop::sample::Index>(), extra in any::<[u8; 32]>()) {
        let all = leaves(to);
        let width = 1usize << level;
        let start = pick.index(to) / width * width;
        let end = to.min(start + width);
        let subtree = Subtree::new(index(start), size(end)).unwrap();
        let inside = &all[start..end];
        let root = reference::root(inside);
        for position in [start, end - 1] {
            let path = reference::path(position - start, inside);
            prop_assert_eq!(subtree.verify_inclusion(index(position), &path, &all[position], &root), Ok(()));
            let longer = [path, vec![Hash::new(extra)]].concat();
            prop_assert!(subtree.verify_inclusion(index(position), &longer, &all[position], &root).is_err());
        }
        prop_assert!(subtree.verify_inclusion(index(end), &[], &root, &root).is_err());
    }
}

/// SUBTREE_PROOF of the Merkle Tree Certificates draft, as recursively as that of the RFC.
fn subtree_proof(start: usize, end: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if (start, end) == (0, leaves.len()) {
        return if whole {
            Vec::new()
        } else {
            vec![reference::root(leaves)]
        };
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) = if end <= k {
        (
            subtree_proof(start, end, left, whole),
            reference::root(right),
        )
    } else if k <= start {
        (
            subtree_proof(start - k, end - k, right, whole),
            reference::root(left),
        )
    } else {
        (
            subtree_proof(0, end - k, right, false),
            reference::root(left),
        )
    };
    proof.push(sibling);
    proof
}

#[test]
fn every_subtree_of_every_small_tree_is_consistent() {
    let all = leaves(40);
    let mut proven = 0;
    for to in 1..=all.len() {
        let root = reference::root(&all[..to]);
        for start in 0..to {
            for end in start + 1..=to {
                let Ok(subtree) = Subtree::new(index(start), size(end)) else {
                    continue;
                };
                let proof = subtree_proof(start, end, &all[..to], true);
                let part = reference::root(&all[start..end]);
                assert_eq!(
                    subtree.verify_consistency(size(to), &proof, &part, &root),
                    Ok(())
                );
                let longer = [proof.as_slice(), &[root]].concat();
                assert!(
                    subtree
                        .verify_consistency(size(to), &longer, &part, &root)
                        .is_err()
                );
                assert!(
                    subtree
                        .verify_consistency(size(to), &proof, &Hash::of(b""), &root)
                        .is_err()
                );
                assert!(
                    subtree
                        .verify_consistency(size(to), &proof, &part, &Hash::of(b""))
                        .is_err()
                );
                proven += 1;
            }
        }
    }
    assert_eq!(proven, 2_608);
}
