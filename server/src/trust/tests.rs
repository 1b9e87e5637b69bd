use treering_api::log::{Dialect, LogName};
use treering_tlog::note::{KeyName, VerifierKey};

use super::{SIGNING_CONFIG, Services, TRUSTED_ROOT, Trust, TrustedLog};
use crate::config::ServerUrl;

/// The public key of RFC 8410 §10.1, as it stands there and without its frame.
const RFC_8410_SPKI: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
const RFC_8410_RAW: &str = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

fn log(name: &str, dialect: Dialect, url: &str, end: Option<u64>) -> TrustedLog {
    let url = ServerUrl::parse(url).expect("a URL");
    let key = hex::decode(RFC_8410_RAW)
        .expect("hex")
        .try_into()
        .expect("32 bytes");
    let vkey = VerifierKey::ed25519(KeyName::new(url.host()).expect("a name"), key).expect("a key");
    TrustedLog {
        name: LogName::new(name).expect("a name"),
        dialect,
        vkey,
        rekor_v1_key: None,
        url,
        start: 1_767_225_600,
        end,
    }
}

fn parsed(trust: &Trust, name: &str) -> serde_json::Value {
    serde_json::from_slice(&trust.file(name).expect(name)).expect("JSON")
}

#[test]
fn a_server_without_other_services() {
    let logs = [log(
        "rekor-v2",
        Dialect::RekorV2,
        "http://localhost:3000",
        None,
    )];
    let trust = Trust::new(&logs, "example", &Services::default());
    let root = parsed(&trust, TRUSTED_ROOT);
    assert_eq!(root["tlogs"][0]["publicKey"]["rawBytes"], RFC_8410_SPKI);
    assert_eq!(
        root["tlogs"][0]["publicKey"]["validFor"],
        serde_json::json!({ "start": "2026-01-01T00:00:00Z" })
    );
    assert_eq!(root["tlogs"][0]["baseUrl"], "http://localhost:3000");
    for member in ["certificateAuthorities", "ctlogs", "timestampAuthorities"] {
        assert_eq!(root[member], serde_json::json!([]), "{member}");
    }
    let config = parsed(&trust, SIGNING_CONFIG);
    assert_eq!(config["rekorTlogUrls"][0]["majorApiVersion"], 2);
    assert_eq!(config["rekorTlogUrls"][0]["operator"], "example");
    assert!(
        config.get("tsaUrls").is_none() && config.get("tsaConfig").is_none(),
        "{config}"
    );
    let vkey = trust.file("rekor-v2.vkey").expect("the log's vkey");
    assert_eq!(vkey, format!("{}\n", logs[0].vkey));
    assert!(trust.file("rekor-v3.vkey").is_none());
}

#[test]
fn a_frozen_log_is_trusted_to_its_end_and_not_signed_with() {
    let logs = [
        log(
            "old",
            Dialect::RekorV2,
            "https://old.example",
            Some(1_767_225_601),
        ),
        log("new", Dialect::RekorV2, "https://new.example", None),
        log("other", Dialect::RekorV1, "https://new.example", None),
    ];
    let trust = Trust::new(&logs, "example", &Services::default());
    let root = parsed(&trust, TRUSTED_ROOT);
    assert_eq!(root["tlogs"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        root["tlogs"][0]["publicKey"]["validFor"]["end"],
        "2026-01-01T00:00:01Z"
    );
    let config = parsed(&trust, SIGNING_CONFIG);
    assert_eq!(config["rekorTlogUrls"].as_array().map(Vec::len), Some(1));
    assert_eq!(config["rekorTlogUrls"][0]["url"], "https://new.example");
    assert!(trust.file("other.vkey").is_some());
}

#[test]
fn services_are_merged_and_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s.json");
    let service = serde_json::json!({ "url": "https://tsa.example/api/v1/timestamp", "majorApiVersion": 1,
        "validFor": { "start": "2026-01-01T00:00:00Z" }, "operator": "example" });
    let given = serde_json::json!({ "caUrls": [service], "tsaUrls": [service],
        "timestampAuthorities": [{ "certChain": {} }], "certificateAuthorities": [{ "uri": "https://ca" }] });
    std::fs::write(&path, given.to_string()).expect("written");
    let services = Services::read(&path).expect("valid");
    services.save(folder.path()).expect("kept");
    assert_eq!(Services::load(folder.path()).expect("kept"), services);
    let trust = Trust::new(&[], "example", &services);
    let config = parsed(&trust, SIGNING_CONFIG);
    assert_eq!(config["tsaUrls"][0], service);
    assert_eq!(config["tsaConfig"]["selector"], "ANY");
    assert_eq!(config["caUrls"][0], service);
    assert_eq!(
        parsed(&trust, TRUSTED_ROOT)["certificateAuthorities"][0]["uri"],
        "https://ca"
    );

    for wrong in [
        r#"{"caUrl":[]}"#,
        r#"{"caUrls":[1]}"#,
        r#"{"tsaUrls":[{}]}"#,
        "[]",
        r#"{"ctlogs":["x"]}"#,
        r#"{"timestampAuthorities":[{}]}"#,
    ] {
        std::fs::write(&path, wrong).expect("written");
        let error = Services::read(&path).expect_err(wrong);
        assert!(error.contains("expected an object of caUrls"), "{error}");
    }
}
