use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use treering_api::log::Dialect;
use treering_server::app::AppError;
use treering_server::config::{Config, File};
use treering_server::init::{InitOptions, init};
use treering_tlog::checkpoint;
use treering_tlog::note::VerifierKey;

use super::support::{clock, options};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("a/b");
    let logs = init(&dir, options("https://Log.Example.com:8443"), clock())
        .await
        .unwrap();
    assert_eq!(
        (logs.len(), logs[0].name.as_str(), logs[0].origin.as_str()),
        (1, "rekor-v2", "log.example.com")
    );
    assert_eq!(
        (
            mode(&dir.join("keys")),
            mode(&dir.join("keys/rekor-v2.pem"))
        ),
        (0o700, 0o600)
    );

    let vkey = std::fs::read_to_string(dir.join("rekor-v2.vkey")).unwrap();
    assert!(vkey.ends_with('\n') && vkey.lines().count() == 1);
    let key = VerifierKey::parse(vkey.trim_end()).unwrap();
    let note = std::fs::read(dir.join("published/rekor-v2")).unwrap();
    assert!(
        checkpoint::open(&note, &key)
            .unwrap()
            .checkpoint()
            .size
            .is_empty()
    );

    let root = json(&dir.join("trusted_root.json"));
    assert_eq!(root["tlogs"][0]["baseUrl"], "https://log.example.com:8443");
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    assert_eq!(
        root["tlogs"][0]["logId"]["keyId"],
        base64.encode(key.full_id())
    );
    let spki = base64
        .decode(root["tlogs"][0]["publicKey"]["rawBytes"].as_str().unwrap())
        .unwrap();
    assert_eq!(&spki[12..], key.material());
    let start = root["tlogs"][0]["publicKey"]["validFor"]["start"]
        .as_str()
        .unwrap();
    assert!(start.len() == 20 && start.ends_with('Z'), "{start}");
    assert_eq!(
        json(&dir.join("signing_config.json"))["rekorTlogUrls"][0]["url"],
        "https://log.example.com:8443"
    );

    let text = std::fs::read_to_string(dir.join("treering.toml")).unwrap();
    let config = Config::read(File::parse(Path::new("t"), &text).unwrap()).unwrap();
    let minimal = Config::read(
        File::parse(Path::new("t"), "url = \"https://log.example.com:8443\"").unwrap(),
    )
    .unwrap();
    assert_eq!(config, minimal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_each_dialect_is_made_and_clients_are_told_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let both = InitOptions {
        dialects: vec![Dialect::RekorV2, Dialect::RekorV1],
        origin: Some("my.log/origin".to_owned()),
        allow_foreign_origin: true,
        ..options("http://localhost:3000")
    };
    let logs = init(folder.path(), both, clock()).await.unwrap();
    let names: Vec<_> = logs
        .iter()
        .map(|log| (log.name.as_str(), log.origin.as_str()))
        .collect();
    let expected = [
        ("rekor-v2", "my.log/origin"),
        ("rekor-v1", "localhost/logs/rekor-v1"),
    ];
    assert_eq!(names, expected);
    let pem = std::fs::read_to_string(folder.path().join("rekor-v1.pub")).unwrap();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
    let root = json(&folder.path().join("trusted_root.json"));
    assert_eq!(root["tlogs"].as_array().unwrap().len(), 2);
    for (file, version) in [
        ("signing_config.json", 2),
        ("signing_config.rekor-v1.json", 1),
    ] {
        let config = json(&folder.path().join(file));
        let urls = config["rekorTlogUrls"].as_array().unwrap();
        assert_eq!(
            (urls.len(), &urls[0]["majorApiVersion"]),
            (1, &version.into()),
            "{file}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dialects_are_given_once_and_not_never() {
    for (dialects, found) in [
        (vec![], "none"),
        (vec![Dialect::RekorV1, Dialect::RekorV1], "rekor-v1 twice"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("log");
        let wrong = InitOptions {
            dialects,
            ..options("http://localhost:3000")
        };
        let error = init(&dir, wrong, clock()).await.unwrap_err().to_string();
        assert!(error.contains(found), "{error}");
        assert!(!dir.exists(), "nothing was made");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_a_log_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), options("http://localhost"), clock())
        .await
        .unwrap();
    let key = std::fs::read(folder.path().join("keys/rekor-v2.pem")).unwrap();
    let error = init(folder.path(), options("http://other"), clock())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected a folder that holds no log")
            || error.to_string().contains("a folder that holds no log"),
        "{error}"
    );
    assert_eq!(
        std::fs::read(folder.path().join("keys/rekor-v2.pem")).unwrap(),
        key
    );
    let config = std::fs::read_to_string(folder.path().join("treering.toml")).unwrap();
    assert!(config.contains("url = \"http://localhost\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_origin_needs_consent() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("log");
    let foreign = InitOptions {
        origin: Some("my.log/origin".to_owned()),
        ..options("http://localhost:3000")
    };
    let error = init(&dir, foreign.clone(), clock()).await.unwrap_err();
    assert!(
        matches!(error, AppError::Refused(_))
            && error.to_string().contains("--allow-foreign-origin"),
        "{error}"
    );
    assert!(!dir.exists(), "nothing was made");
    let bad = InitOptions {
        origin: Some("two words".to_owned()),
        allow_foreign_origin: true,
        ..foreign.clone()
    };
    assert!(
        init(&dir, bad, clock())
            .await
            .unwrap_err()
            .to_string()
            .contains("origin"),
        "not a name for a key"
    );
    let logs = init(
        &dir,
        InitOptions {
            allow_foreign_origin: true,
            ..foreign
        },
        clock(),
    )
    .await
    .unwrap();
    assert_eq!(logs[0].origin, "my.log/origin");
    assert!(
        std::fs::read_to_string(dir.join("treering.toml"))
            .unwrap()
            .contains("\nallow_foreign_origin = true\n")
    );
}
