//! Wrong command lines and absent servers.

use crate::loadtest;

#[test]
fn what_cannot_be_asked_for_ends_with_status_2() {
    let url = "http://127.0.0.1:1";
    let rekor_v2 = ["submit", "--url", url, "--mode", "rekor-v2", "--count", "1"];
    let vkey = "log.example+c93c3a3b+AaVUZ5wOMXZsw4kZtHwyJZZqXXBKqXnXvBVh8uYpXbRb";
    let rekor_v1 = ["submit", "--url", url, "--mode", "rekor-v1", "--count", "1"];
    let wrong: [&[&str]; 19] = [
        &rekor_v2,
        &[&rekor_v2[..], &["--vkey", "log.example"]].concat(),
        &[&rekor_v2[..], &["--verify", "0", "--log", "main"]].concat(),
        &["submit", "--url", url, "--count", "1", "--vkey", vkey],
        &[&rekor_v1[..], &["--vkey", vkey]].concat(),
        &[&rekor_v1[..], &["--log", "main"]].concat(),
        &[&rekor_v1[..], &["--log-key", "/nonexistent"]].concat(),
        &[&rekor_v1[..], &["--kind", "rekord"]].concat(),
        &["submit", "--url", url, "--count", "1", "--kind", "dsse"],
        &["submit", "--url", url, "--count", "1", "--log-key", "x"],
        &["read", "--url", url],
        &[],
        &["submit"],
        &["submit", "--url", "https://127.0.0.1:1"],
        &["submit", "--url", "127.0.0.1:1"],
        &["submit", "--url", url, "--rate", "0"],
        &["submit", "--url", url, "--duration", "0s"],
        &["submit", "--url", url, "--corpus", "x", "--seed", "1"],
        &[
            "corpus",
            "make",
            "--out",
            "/nonexistent/x",
            "--count",
            "1",
            "--bytes",
            "10",
        ],
    ];
    for args in wrong {
        let ended = loadtest(args);
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_closed_loop_needs_an_end() {
    let server = crate::fake::start(crate::fake::Fault::None, 0);
    let ended = loadtest(&["submit", "--url", &server.url]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("expected --count or --corpus"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_server_that_is_not_there_ends_with_status_3() {
    // Port 1 of loopback: nothing listens there.
    for args in [
        ["submit", "--url", "http://127.0.0.1:1", "--count", "1"],
        ["tiles", "--url", "http://127.0.0.1:1", "--count", "1"],
    ] {
        let ended = loadtest(&args);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("connection refused"),
            "{}",
            ended.stderr
        );
    }
}
