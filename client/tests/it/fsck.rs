//! A whole log checked: honest ones pass, and whatever bit is wrong is named.

use crate::tile_server::{Files, Server, checkpoint, leaf, log_key, static_log, static_log_of};
use axum::http::StatusCode;
use treering_client::FetchError;
use treering_client::fsck::{self, FsckError, FsckOptions, Inconsistency, InconsistencyKind};
use treering_tlog::{Hash, LeafIndex, TreeSize};

async fn check(server: &Server) -> Result<u64, FsckError> {
    let mut last = 0;
    let (opened, done) = fsck::check(
        &server.reader,
        &log_key(),
        FsckOptions::default(),
        |progress| {
            assert!(progress.entries > last, "progress goes on");
            last = progress.entries;
        },
    )
    .await?;
    assert_eq!(done.entries, last);
    assert_eq!(done.size, opened.checkpoint().size.get());
    Ok(done.entries)
}

async fn inconsistency(server: &Server) -> Inconsistency {
    match check(server).await {
        Err(FsckError::Inconsistent(found)) => found,
        other => panic!("expected an inconsistency, found {other:?}"),
    }
}

#[tokio::test]
async fn honest_logs_of_every_shape_pass() {
    for size in [0, 1, 2, 255, 256, 257, 513, 70_000] {
        let server = Server::start(static_log(size)).await;
        assert_eq!(check(&server).await.unwrap(), size);
    }
}

fn flip(files: &Files, path: &str, bit: usize) -> Files {
    let mut files = files.clone();
    let bytes = files.get_mut(path).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    files
}

#[tokio::test]
async fn one_flipped_bit_anywhere_is_detected_and_named() {
    let files = static_log(513);
    let server = Server::start(files.clone()).await;
    let mut paths: Vec<&String> = files.keys().collect();
    paths.sort();
    assert_eq!(paths.len(), 8, "{paths:?}");
    for path in paths {
        let bits = files[path].len() * 8;
        // Every part of the file, and every position within a byte.
        for bit in (0..bits).step_by(bits / 12 + 1).chain([bits - 1]) {
            server.set(flip(&files, path, bit));
            let found = inconsistency(&server).await;
            assert_eq!(found.path, *path, "bit {bit}");
            let kind = if path == "checkpoint" {
                InconsistencyKind::Checkpoint
            } else {
                InconsistencyKind::Mismatch
            };
            assert_eq!(found.kind, kind, "{path} bit {bit}");
        }
    }
    server.set(files);
    check(&server).await.unwrap();
}

#[tokio::test]
async fn the_position_and_both_hashes_are_named() {
    let files = static_log(300);
    let server = Server::start(files.clone()).await;
    server.set(flip(&files, "tile/0/001.p/44", 8 * (3 * 32 + 5)));
    let found = inconsistency(&server).await;
    let right = Hash::leaf(&leaf(259)).to_hex();
    assert_eq!(found.expected, format!("{right} at position 3"));
    assert_ne!(found.found, found.expected);

    // In the bundle the tile is right: "leaf 259" begins behind 2 bytes of length each and three leaves of 8 bytes.
    server.set(flip(&files, "tile/entries/001.p/44", 8 * (3 * 10 + 2 + 5)));
    let found = inconsistency(&server).await;
    assert_eq!(found.path, "tile/entries/001.p/44");
    assert_eq!(found.expected, format!("{right} at position 3"));
}

#[tokio::test]
async fn a_missing_tile_is_an_inconsistency_and_trouble_is_not() {
    let files = static_log(513);
    let server = Server::start(files.clone()).await;
    for path in files.keys().filter(|path| *path != "checkpoint") {
        let mut fewer = files.clone();
        fewer.remove(path);
        server.set(fewer);
        let found = inconsistency(&server).await;
        assert_eq!(
            (&found.path, found.kind),
            (path, InconsistencyKind::Missing)
        );
    }
    server.set(files.clone());
    for status in [
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::GONE,
        StatusCode::FORBIDDEN,
    ] {
        server
            .served
            .lock()
            .unwrap()
            .statuses
            .insert("tile/0/001".to_owned(), status);
        let error = check(&server).await.unwrap_err();
        assert!(
            matches!(&error, FsckError::Fetch(FetchError::Status { status: found, .. }) if *found == status),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_full_tile_stands_in_for_a_partial_one_that_is_gone() {
    let (mut files, later) = (static_log(513), static_log(768));
    for gone in ["tile/0/002.p/1", "tile/entries/002.p/1"] {
        files.remove(gone).unwrap();
        let full = gone.trim_end_matches(".p/1").to_owned();
        files.insert(full.clone(), later[&full].clone());
    }
    let server = Server::start(files).await;
    assert_eq!(check(&server).await.unwrap(), 513);
    // Only a 404 says that the partial tile is gone.
    server
        .served
        .lock()
        .unwrap()
        .statuses
        .insert("tile/0/002.p/1".to_owned(), StatusCode::FORBIDDEN);
    assert!(matches!(check(&server).await, Err(FsckError::Fetch(_))));
}

#[tokio::test]
async fn a_root_that_does_not_follow_from_the_entries_is_named() {
    let mut files = static_log(300);
    files.insert(
        "checkpoint".to_owned(),
        checkpoint(300, Hash::of(b"another tree")).into_bytes(),
    );
    let server = Server::start(files).await;
    let found = inconsistency(&server).await;
    assert_eq!(found.path, "checkpoint");
    assert_eq!(found.found, format!("root {}", Hash::of(b"another tree")));
}

#[tokio::test]
async fn tiles_and_entries_of_another_log_do_not_fit_the_checkpoint() {
    let mut leaves: Vec<Vec<u8>> = (0..300).map(leaf).collect();
    leaves[7] = b"rewritten".to_vec();
    let mut files = static_log_of(&leaves);
    files.insert(
        "checkpoint".to_owned(),
        static_log(300)["checkpoint"].clone(),
    );
    let server = Server::start(files).await;
    assert_eq!(inconsistency(&server).await.path, "checkpoint");
}

#[tokio::test]
async fn proofs_made_from_tiles_verify() {
    let server = Server::start(static_log(70_000)).await;
    let log = &server.reader;
    let opened = fsck::open_checkpoint(log, &log_key()).await.unwrap();
    let (size, root) = (opened.checkpoint().size, opened.checkpoint().root);
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
        let proof = log
            .prove_inclusion(LeafIndex::new(index).unwrap(), size)
            .await
            .unwrap();
        proof.verify(&Hash::leaf(&leaf(index)), &root).unwrap();
    }
    for from in [0, 1, 256, 300, 65_536, 69_999, 70_000] {
        let old = static_log_root(from);
        let proof = log
            .prove_consistency(TreeSize::new(from).unwrap(), size)
            .await
            .unwrap();
        proof.verify(&old, &root).unwrap();
    }
    assert!(
        log.prove_inclusion(LeafIndex::new(70_000).unwrap(), size)
            .await
            .is_err()
    );
}

fn static_log_root(size: u64) -> Hash {
    let mut range = treering_tlog::CompactRange::new();
    (0..size).for_each(|index| range.append(Hash::leaf(&leaf(index))));
    range.root()
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let mut files = static_log(1);
    files.insert("tile/0/000.p/1".to_owned(), vec![0; 8193]);
    let server = Server::start(files).await;
    let error = check(&server).await.unwrap_err();
    assert!(
        matches!(
            error,
            FsckError::Fetch(FetchError::TooLarge { limit: 8192, .. })
        ),
        "{error}"
    );
}
