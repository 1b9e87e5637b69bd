use http::{Method, Request, StatusCode};
use treering_api::log::{Dialect, LogName};
use treering_server::app::{Change, NewLog};
use treering_tlog::Hash;
use treering_tlog::checkpoint;
use treering_tlog::entry_bundle::EntryBundle;
use treering_tlog::merkle::CompactRange;
use treering_tlog::note::VerifierKey;
use treering_tlog::tile::Width;

use super::support::Running;

const PREFIXES: [&str; 3] = ["/", "/api/v2/", "/logs/rekor-v2/"];

/// What is there at size 300, with its length in bytes (bundles: none given).
const THERE: [(&str, Option<usize>); 10] = [
    ("tile/0/000", Some(8192)),
    ("tile/0/000.p/1", Some(32)),
    ("tile/0/000.p/255", Some(255 * 32)),
    ("tile/0/001.p/44", Some(44 * 32)),
    ("tile/0/001.p/1", Some(32)),
    ("tile/1/000.p/1", Some(32)),
    ("tile/entries/000", None),
    ("tile/entries/000.p/7", None),
    ("tile/entries/001.p/44", None),
    ("tile/entries/001.p/43", None),
];

/// What is beyond the tree, or no canonical path.
const NOT_THERE: [&str; 33] = [
    "tile/0/001",
    "tile/0/001.p/45",
    "tile/0/002",
    "tile/0/002.p/1",
    "tile/1/000",
    "tile/1/000.p/2",
    "tile/1/001.p/1",
    "tile/2/000.p/1",
    "tile/entries/001",
    "tile/entries/001.p/45",
    "tile/entries/002.p/1",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    "tile/0/000.p/01",
    "tile/0/000.p/+1",
    "tile/0/000.p/",
    "tile/0/0",
    "tile/0/00",
    "tile/0/0000",
    "tile/0/x000/000",
    "tile/0/X001/000",
    "tile/00/000",
    "tile/-1/000",
    "tile/64/000",
    "tile/0/000/",
    "tile/0/%30%30%30",
    "tile/0/000%2ep/1",
    "tile/0/x999/x999/x999/x999/x999/x999/999",
    "tile/data/000",
    "tile/Entries/000",
    "tile/0",
    "tile/",
    "tile/0/000.p/1/",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_tile_of_the_tree_and_nothing_else() {
    let server = Running::start().await;
    server.grow(0, 300).await;
    for prefix in PREFIXES {
        for (path, len) in THERE {
            let answer = server.get(&format!("{prefix}{path}")).await;
            assert_eq!(
                answer.status,
                StatusCode::OK,
                "{prefix}{path}: {:?}",
                answer.body
            );
            assert!(
                len.is_none_or(|len| len == answer.body.len()),
                "{prefix}{path}: {} bytes",
                answer.body.len()
            );
            assert_eq!(
                answer.header("cache-control"),
                "public, max-age=31536000, immutable"
            );
            assert_eq!(answer.header("content-type"), "application/octet-stream");
        }
        for path in NOT_THERE {
            // Under /api/ a slash at the end is cleaned away, and what remains may be a tile.
            let cleaned = path.trim_end_matches('/');
            if prefix == "/api/v2/" && THERE.iter().any(|(there, _)| *there == cleaned) {
                continue;
            }
            let answer = server.get(&format!("{prefix}{path}")).await;
            assert_eq!(
                (answer.status, answer.kind().as_str()),
                (StatusCode::NOT_FOUND, "not_found"),
                "{prefix}{path}"
            );
        }
    }
    assert_eq!(
        server.get("/tile//0/000").await.status,
        StatusCode::NOT_FOUND
    );
    for careless in [
        "//api/v2/tile/0/000",
        "/api/v2//tile/0//000/",
        "/api/v2/checkpoint/",
    ] {
        assert_eq!(
            server.get(careless).await.status,
            StatusCode::OK,
            "{careless}"
        );
    }
    for log in ["none", "NONE", ""] {
        assert_eq!(
            server.get(&format!("/logs/{log}/checkpoint")).await.status,
            StatusCode::NOT_FOUND,
            "{log:?}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tiles_are_those_of_the_signed_tree() {
    let server = Running::start().await;
    server.grow(0, 300).await;
    let vkey = VerifierKey::parse(server.server.app().service().log(None).unwrap().vkey()).unwrap();
    let answer = server.get("/checkpoint").await;
    assert_eq!(
        (
            answer.header("cache-control"),
            answer.header("content-type")
        ),
        ("no-cache", "text/plain; charset=utf-8")
    );
    let opened = checkpoint::open(&answer.body, &vkey).unwrap();
    let mut range = CompactRange::new();
    let mut hashes = Vec::new();
    for (path, width) in [("tile/entries/000", 256), ("tile/entries/001.p/44", 44)] {
        let bundle = server.get(&format!("/{path}")).await.body;
        for leaf in EntryBundle::parse(&bundle, Width::new(width).unwrap())
            .unwrap()
            .leaves()
        {
            hashes.extend_from_slice(Hash::leaf(leaf).as_bytes());
            range.append(Hash::leaf(leaf));
        }
    }
    assert_eq!(
        (range.root(), range.size()),
        (opened.checkpoint().root, opened.checkpoint().size)
    );
    assert_eq!(server.get("/tile/0/000").await.body, &hashes[..8192]);
    assert_eq!(server.get("/tile/0/000.p/9").await.body, &hashes[..9 * 32]);
    assert_eq!(server.get("/tile/0/001.p/44").await.body, &hashes[8192..]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_need_to_read_a_tile_once() {
    let server = Running::start().await;
    server.grow(0, 3).await;
    let tile = server.get("/tile/0/000.p/3").await;
    let etag = tile.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() > 10, "{etag}");
    assert_ne!(server.get("/tile/0/000.p/2").await.header("etag"), etag);
    let again =
        |path: &str| Request::get(format!("{}{path}", server.url())).header("if-none-match", &etag);
    let known = server.send(again("/tile/0/000.p/3"), "").await;
    assert_eq!(
        (known.status, known.body.len(), known.header("etag")),
        (StatusCode::NOT_MODIFIED, 0, etag.as_str())
    );
    assert_eq!(
        server.send(again("/tile/0/000.p/2"), "").await.status,
        StatusCode::OK
    );
    let head = Request::builder()
        .method(Method::HEAD)
        .uri(format!("{}/tile/0/000.p/3", server.url()));
    let head = server.send(head, "").await;
    assert_eq!(
        (head.status, head.header("content-length"), head.body.len()),
        (StatusCode::OK, "96", 0)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_shard_keeps_its_host() {
    let server = Running::start().await;
    server.grow(0, 2).await;
    let name = |name| LogName::new(name).unwrap();
    let to = NewLog {
        name: name("second"),
        dialect: Dialect::RekorV2,
        url: Some("https://two.example".to_owned()),
        origin: None,
        allow_foreign_origin: false,
    };
    server
        .server
        .app()
        .change(Change::Rotate {
            from: name("rekor-v2"),
            to,
        })
        .await
        .unwrap();
    server.grow(10, 1).await;
    for (host, origin) in [
        ("localhost:3000", "localhost\n2\n"),
        ("LOCALHOST", "localhost\n2\n"),
        ("two.example", "two.example\n1\n"),
        ("other.example", "two.example\n1\n"),
    ] {
        let request = Request::get(format!("{}/checkpoint", server.url())).header("host", host);
        let answer = server.send(request, "").await;
        assert!(
            answer.body.starts_with(origin.as_bytes()),
            "{host}: {:?}",
            answer.body
        );
    }
    assert!(
        server
            .get("/logs/rekor-v2/checkpoint")
            .await
            .body
            .starts_with(b"localhost\n2\n")
    );
    assert!(
        server
            .get("/logs/second/checkpoint")
            .await
            .body
            .starts_with(b"two.example\n1\n")
    );
    server.stop().await;
}
