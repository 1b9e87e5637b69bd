use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use http::{Method, Request, StatusCode};
use treering_api::log::{Dialect, LogName};
use treering_server::app::{Change, NewLog};
use treering_tlog::Hash;
use treering_tlog::checkpoint;
use treering_tlog::entry_bundle::EntryBundle;
use treering_tlog::merkle::CompactRange;
use treering_tlog::note::VerifierKey;
use treering_tlog::tile::Width;

use super::support::{Answer, Running};

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
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{prefix}{path}");
            // What is no tile there is another unknown path of Rekor v2.
            let rekor_v2 = prefix == "/api/v2/" && answer.json()["code"] == 5;
            assert!(rekor_v2 || answer.kind() == "not_found", "{prefix}{path}");
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

fn request(server: &Running, method: &Method, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("{}{path}", server.url()))
}

/// GETs a path, taking these encodings.
async fn taking(server: &Running, path: &str, encodings: &str) -> Answer {
    let request = request(server, &Method::GET, path).header("accept-encoding", encodings);
    server.send(request, "").await
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

/// How often a bundle was compressed since the start.
async fn compressed(server: &Running) -> String {
    let text = String::from_utf8(server.admin("/metrics").await.body.to_vec()).unwrap();
    let name = "treering_bundles_compressed_total{log=\"rekor-v2\"} ";
    let count = text.lines().find_map(|line| line.strip_prefix(name));
    count.unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn full_bundles_are_gzip_for_those_who_take_it() {
    let server = Running::start().await;
    server.grow(0, 600).await;
    let mut tags = BTreeSet::new();
    for prefix in PREFIXES {
        for bundle in ["000", "001"] {
            let path = format!("{prefix}tile/entries/{bundle}");
            let plain = server.get(&path).await;
            let gzip = taking(&server, &path, "br, gzip;q=0.3").await;
            assert_eq!(
                (gzip.status, gzip.header("content-encoding")),
                (StatusCode::OK, "gzip")
            );
            assert_eq!(unzipped(&gzip.body), plain.body, "{path}");
            assert!(gzip.body.len() * 2 < plain.body.len(), "it is worth it");
            assert_eq!(gzip.header("content-length"), gzip.body.len().to_string());
            assert_ne!(gzip.header("etag"), plain.header("etag"));
            for (name, value) in [
                ("vary", "accept-encoding"),
                ("cache-control", "public, max-age=31536000, immutable"),
                ("content-type", "application/octet-stream"),
            ] {
                assert_eq!((gzip.header(name), plain.header(name)), (value, value));
            }
            for tag in [gzip.header("etag"), plain.header("etag")] {
                assert!(tag.starts_with('"') && tag.ends_with('"'), "strong: {tag}");
                tags.insert(tag.to_owned());
            }
        }
    }
    assert_eq!(tags.len(), 4, "two bundles in two forms: {tags:?}");
    assert_eq!(compressed(&server).await, "2", "once each, whoever asked");

    let plain = server.get("/tile/entries/000").await;
    for encodings in [
        "",
        "identity",
        "br",
        "gzip;q=0",
        "*;q=0",
        "identity, gzip;q=0.9",
        "gzip;q=x",
    ] {
        let answer = taking(&server, "/tile/entries/000", encodings).await;
        assert_eq!(
            (&answer.body, answer.header("content-encoding")),
            (&plain.body, ""),
            "{encodings:?}"
        );
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_eq!(answer.header("etag"), plain.header("etag"));
    }
    for path in [
        "/tile/0/000",
        "/tile/0/002.p/88",
        "/tile/1/000.p/2",
        "/tile/entries/002.p/88",
        "/tile/entries/000.p/255",
        "/checkpoint",
    ] {
        let answer = taking(&server, path, "gzip").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            (answer.header("content-encoding"), answer.header("vary")),
            ("", ""),
            "{path}"
        );
        assert_eq!(answer.body, server.get(path).await.body);
    }
    let beyond = taking(&server, "/tile/entries/002", "gzip").await;
    assert_eq!(beyond.status, StatusCode::NOT_FOUND);

    let before = taking(&server, "/tile/entries/001", "gzip").await;
    let server = server.restart().await;
    assert_eq!(compressed(&server).await, "0");
    for _ in 0..2 {
        let after = taking(&server, "/tile/entries/001", "gzip").await;
        assert_eq!(
            (&after.body, after.header("etag")),
            (&before.body, before.header("etag"))
        );
    }
    assert_eq!(compressed(&server).await, "1", "at the first read");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_says_what_get_says_and_304_what_caches_need() {
    let server = Running::start().await;
    server.grow(0, 257).await;
    let paths = [
        "/checkpoint",
        "/tile/0/000",
        "/tile/0/001.p/1",
        "/tile/entries/000",
        "/tile/entries/001.p/1",
    ];
    for (path, encodings) in paths
        .iter()
        .flat_map(|path| [(path, "identity"), (path, "gzip")])
    {
        let get = taking(&server, path, encodings).await;
        let head = request(&server, &Method::HEAD, path).header("accept-encoding", encodings);
        let head = server.send(head, "").await;
        assert_eq!(
            (head.status, head.body.len()),
            (StatusCode::OK, 0),
            "{path}"
        );
        let but_date = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            headers.remove("date");
            headers
        };
        assert_eq!(but_date(&head), but_date(&get), "{path} {encodings}");
        let Some(etag) = get.headers.get("etag") else {
            assert_eq!(*path, "/checkpoint");
            continue;
        };
        let etag = etag.to_str().unwrap();
        let weak = format!("\"x\", W/{etag}");
        for (method, known) in [
            (Method::GET, etag),
            (Method::HEAD, &weak),
            (Method::GET, "*"),
        ] {
            let conditional = request(&server, &method, path)
                .header("accept-encoding", encodings)
                .header("if-none-match", known);
            let answer = server.send(conditional, "").await;
            assert_eq!(
                (answer.status, answer.body.len()),
                (StatusCode::NOT_MODIFIED, 0),
                "{known}"
            );
            for name in [
                "etag",
                "cache-control",
                "vary",
                "access-control-allow-origin",
            ] {
                assert_eq!(answer.header(name), get.header(name), "{path}: {name}");
            }
            for name in ["content-encoding", "content-type"] {
                assert_eq!(answer.header(name), "", "{path}: {name}");
            }
            let len = answer.header("content-length");
            assert_eq!(len, "", "not that of an empty tile");
        }
        let other = request(&server, &Method::GET, path).header("if-none-match", "\"x\", W/\"y\"");
        assert_eq!(server.send(other, "").await.status, StatusCode::OK);
    }
    // A cache that holds the one form does not hold the other.
    let plain = server.get("/tile/entries/000").await;
    let other_form = request(&server, &Method::GET, "/tile/entries/000")
        .header("accept-encoding", "gzip")
        .header("if-none-match", plain.header("etag"));
    let answer = server.send(other_form, "").await;
    assert_eq!(
        (answer.status, answer.header("content-encoding")),
        (StatusCode::OK, "gzip")
    );
    // What is not there is not there, whatever a cache has.
    let beyond = request(&server, &Method::GET, "/tile/0/001").header("if-none-match", "*");
    assert_eq!(server.send(beyond, "").await.status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_origin_may_read_and_nothing_else() {
    let server = Running::start().await;
    server.grow(0, 256).await;
    let from_page = |method: &Method, path: &str| {
        request(&server, method, path).header("origin", "https://page.example")
    };
    for (path, status) in [
        ("/checkpoint", StatusCode::OK),
        ("/tile/0/000", StatusCode::OK),
        ("/logs/rekor-v2/tile/entries/000", StatusCode::OK),
        ("/tile/0/001", StatusCode::NOT_FOUND),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = server.send(from_page(&method, path), "").await;
            assert_eq!(
                (answer.status, answer.header("access-control-allow-origin")),
                (status, "*"),
                "{path}"
            );
            let exposed = answer.header("access-control-expose-headers");
            assert!(
                ["etag", "content-encoding"]
                    .iter()
                    .all(|name| exposed.contains(name)),
                "{exposed}"
            );
        }
        let ask = |wanted| {
            from_page(&Method::OPTIONS, path)
                .header("access-control-request-method", wanted)
                .header("access-control-request-headers", "if-none-match")
        };
        for wanted in ["GET", "HEAD"] {
            let answer = server.send(ask(wanted), "").await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT);
            for (name, value) in [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-methods", "GET, HEAD"),
                ("access-control-allow-headers", "*"),
            ] {
                assert_eq!(answer.header(name), value);
            }
        }
        for wanted in ["POST", "PUT", "DELETE", "get"] {
            let answer = server.send(ask(wanted), "").await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{wanted}");
        }
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let answer = server.send(from_page(&method, path), "").await;
            assert_eq!(
                answer.status,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
            assert_eq!(answer.header("allow"), "GET,HEAD");
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
    server.stop().await;
}
