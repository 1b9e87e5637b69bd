//! What was sequenced, read back: entries, proofs at every size, tiles of every width.

use bytes::Bytes;
use treering_api::log::{EntryId, Log as _};
use treering_api::reject::RejectKind;
use treering_server::log::LogHandle;
use treering_tlog::entry_bundle::EntryBundle;
use treering_tlog::tile::{Tile, Width};
use treering_tlog::{Hash, LeafIndex, TreeSize, checkpoint};

use super::support::{Running, Submitter, World, vkey};

fn size(leaves: usize) -> TreeSize {
    TreeSize::new(leaves as u64).unwrap()
}

fn entry(index: usize) -> EntryId {
    EntryId::Index(LeafIndex::new(index as u64).unwrap())
}

/// Fills a log one by one; the roots of all its sizes.
async fn roots(running: &Running, leaves: u64) -> Vec<Hash> {
    let submitter = Submitter::new(1);
    let mut roots = vec![Hash::empty_root()];
    for number in 0..leaves {
        let receipt = running
            .service
            .submit(None, submitter.submission(number))
            .await
            .unwrap()
            .remove(0);
        let opened = checkpoint::open(receipt.proof.checkpoint.as_bytes(), &vkey()).unwrap();
        roots.push(opened.checkpoint().root);
    }
    roots
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_is_read_back_with_a_proof_at_every_size() {
    let world = World::with_log();
    let running = world.start().unwrap();
    let roots = roots(&running, 40).await;
    for index in 0..40 {
        for (of, root) in roots.iter().enumerate().skip(index + 1) {
            let found = running
                .service
                .entry(None, entry(index), Some(size(of)))
                .await
                .unwrap();
            found
                .proof
                .unwrap()
                .inclusion
                .verify(&Hash::leaf(&found.leaf), root)
                .unwrap();
        }
    }
    for from in 1..=40 {
        for to in from..=40 {
            let proof = running
                .service
                .consistency(None, size(from), Some(size(to)))
                .await
                .unwrap();
            proof.verify(&roots[from], &roots[to]).unwrap();
        }
    }
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_so() {
    let world = World::with_log();
    let running = world.start().unwrap();
    roots(&running, 40).await;
    let service = &running.service;
    let beyond = service.entry(None, entry(40), None).await.unwrap_err();
    assert_eq!(beyond.kind, RejectKind::NotFound, "{beyond}");
    let unknown = service
        .entry(None, EntryId::LeafHash(Hash::of(b"x")), None)
        .await
        .unwrap_err();
    assert_eq!(unknown.kind, RejectKind::NotFound, "{unknown}");
    let too_small = service
        .entry(None, entry(7), Some(size(7)))
        .await
        .unwrap_err();
    assert_eq!(too_small.kind, RejectKind::OutOfRange, "{too_small}");
    let too_large = service
        .consistency(None, size(1), Some(size(41)))
        .await
        .unwrap_err();
    assert_eq!(too_large.kind, RejectKind::OutOfRange, "{too_large}");
    let reversed = service
        .consistency(None, size(9), Some(size(8)))
        .await
        .unwrap_err();
    assert_eq!(reversed.kind, RejectKind::OutOfRange, "{reversed}");
    running.stop();
}

fn hash_tile(log: &LogHandle, level: u8, index: u64, width: u16) -> Option<Bytes> {
    log.tile(Tile::Hash {
        level,
        index,
        width: Width::new(width).unwrap(),
    })
    .unwrap()
}

fn bundle(log: &LogHandle, index: u64, width: u16) -> Option<Vec<Hash>> {
    let width = Width::new(width).unwrap();
    let bytes = log.tile(Tile::Entries { index, width }).unwrap()?;
    Some(
        EntryBundle::parse(&bytes, width)
            .unwrap()
            .leaves()
            .map(Hash::leaf)
            .collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_have_every_width_up_to_the_live_edge() {
    let submitter = Submitter::new(1);
    let world = World::with_log();
    let running = world.start().unwrap();
    let submissions = (0..300)
        .map(|number| submitter.submission(number))
        .collect();
    let results = running.service.submit_batch(None, submissions).await;
    let mut leaves: Vec<(u64, Hash)> = results
        .iter()
        .map(|result| &result.as_ref().unwrap()[0])
        .map(|receipt| (receipt.index.get(), receipt.leaf_hash))
        .collect();
    leaves.sort_unstable();
    let leaves: Vec<Hash> = leaves.into_iter().map(|(_, hash)| hash).collect();
    let log = running.service.log(None).unwrap();
    // Twice, since full tiles come from the store first and from memory then.
    for _ in 0..2 {
        for (index, (begin, live)) in [(0, 256), (256, 44)].into_iter().enumerate() {
            for width in 1..=256_u16 {
                let expected =
                    (width <= live).then(|| leaves[begin..begin + usize::from(width)].to_vec());
                let found = hash_tile(&log, 0, index as u64, width);
                let bytes = expected
                    .as_ref()
                    .map(|hashes| hashes.iter().flat_map(|hash| *hash.as_bytes()).collect());
                assert_eq!(found, bytes, "tile {index} width {width}");
                assert_eq!(
                    bundle(&log, index as u64, width),
                    expected,
                    "bundle {index} width {width}"
                );
            }
        }
    }
    assert_eq!(hash_tile(&log, 1, 0, 1).unwrap().len(), 32);
    assert_eq!(hash_tile(&log, 1, 0, 2), None);
    assert_eq!(hash_tile(&log, 2, 0, 1), None);
    assert_eq!(bundle(&log, 2, 1), None);
    running.stop();
}
