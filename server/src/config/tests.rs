use std::path::Path;
use std::time::Duration;

use super::{Config, FIELDS, File, commented};

fn read(text: &str) -> Result<Config, super::ConfigError> {
    Config::read(File::parse(Path::new("t.toml"), text).expect("TOML"))
}

#[test]
fn a_url_is_enough() {
    let config = read("url = \"http://localhost:3000\"").expect("valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.operator, "localhost");
    assert_eq!(config.limits, crate::limits::Limits::default());
    assert_eq!(config.telemetry.otlp_endpoint, None);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = r#"
        listen = "nowhere"
        nonsense = 1
        admin_listen = 5
        allow_foreign_origin = "yes"
        telemetry = 3
        [limits]
        max_envelope_bytes = "64 bananas"
        max_wait = 10
        max_batch_items = 0
        max_bananas = 3
        [http]
        max_streams = -1
        [logs.UPPER]
        url = "http://x"
        [logs.a]
        url = "http://x/path"
        [logs.b]
        uri = "http://x"
        [banana]
        x = 1
    "#;
    let error = read(text).expect_err("full of mistakes");
    for place in [
        "url: expected a value",
        "listen: expected an address",
        "nonsense: there is no such field",
        "admin_listen: expected a text",
        "allow_foreign_origin: expected true or false",
        "telemetry: expected a section",
        "limits.max_envelope_bytes: expected a size",
        "limits.max_wait: expected a text",
        "limits.max_batch_items: expected a number of at least 1, found 0",
        "limits.max_bananas: there is no such field",
        "http.max_streams: expected",
        "logs.UPPER: expected a log name",
        "logs.a: expected a URL",
        "logs.b: expected a url and nothing else",
        "banana: there is no such field",
    ] {
        assert_eq!(
            error
                .mistakes
                .iter()
                .filter(|mistake| mistake.starts_with(place))
                .count(),
            1,
            "{place}: {error}"
        );
    }
    assert_eq!(error.mistakes.len(), 15, "{error}");
}

#[test]
fn what_contradicts_another_field_is_a_mistake() {
    let error = read(
        "url = \"http://x\"\nlisten = \"127.0.0.1:3001\"\n[limits]\nmax_bytes_in_flight = 1000",
    )
    .expect_err("three");
    assert_eq!(error.mistakes.len(), 3, "{error}");
    for largest in ["max_envelope_bytes", "max_batch_bytes"] {
        let expected = format!(
            "max_bytes_in_flight: expected at least limits.{largest} (67108864), found 1000"
        );
        assert!(error.to_string().contains(&expected), "{error}");
    }
    assert!(
        read("url = \"http://x\"\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"")
            .is_ok(),
        "two free ports"
    );
}

#[test]
fn the_environment_goes_over_the_file() {
    let mut file = File::parse(
        Path::new("t.toml"),
        "url = \"http://x\"\n[limits]\nmax_wait = \"1s\"",
    )
    .expect("TOML");
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    file.overlay([
        set("TREERING_SERVER_LIMITS_MAX_WAIT", "250ms"),
        set("TREERING_SERVER_LIMITS_MAX_BATCH_ITEMS", "7"),
        set("TREERING_SERVER_LIMITS_MAX_ENVELOPE_BYTES", "3MiB"),
        set("TREERING_SERVER_ALLOW_FOREIGN_ORIGIN", "true"),
        set("TREERING_SERVER_LISTEN", "127.0.0.1:9"),
        set("TREERING_SERVER_LOG_LEVEL", "debug"),
        set("HOME", "/"),
    ]);
    let config = Config::read(file.clone()).expect("valid");
    assert_eq!(config.limits.max_wait, Duration::from_millis(250));
    assert_eq!(
        (
            config.limits.max_batch_items,
            config.limits.max_envelope_bytes
        ),
        (7, 3 << 20)
    );
    assert!(config.allow_foreign_origin);
    assert_eq!(config.listen.port(), 9);

    file.overlay([set("TREERING_SERVER_LIMITS_MAX_WAIT", "soon")]);
    let error = Config::read(file).expect_err("no time");
    assert!(
        error
            .to_string()
            .contains("limits.max_wait (from TREERING_SERVER_LIMITS_MAX_WAIT): expected a time"),
        "{error}"
    );
}

#[test]
fn the_commented_file_is_the_default() {
    let text = commented(&[("url", "\"http://localhost:3000\"".to_owned())]);
    let config = read(&text).expect("what init writes");
    assert_eq!(
        config,
        read("url = \"http://localhost:3000\"").expect("valid")
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 110),
        "{text}"
    );
}

/// Sets every field to the default that its comment shows: that must change nothing, and none may be left over.
#[test]
fn every_documented_default_is_true() {
    let all: Vec<(&str, String)> = FIELDS
        .iter()
        .filter(|field| !field.default.is_empty())
        .map(|field| (field.path, field.default.to_owned()))
        .chain([("url", "\"http://localhost:3000\"".to_owned())])
        .collect();
    let config = read(&commented(&all)).expect("defaults are valid");
    assert_eq!(
        config,
        read("url = \"http://localhost:3000\"").expect("valid")
    );
}

/// Gives every documented field a value that no field takes: each must complain, or it is not read.
#[test]
fn every_documented_field_is_read() {
    let wrong: Vec<(&str, String)> = FIELDS
        .iter()
        .map(|field| (field.path, "[1979-05-27]".to_owned()))
        .collect();
    let error = read(&commented(&wrong)).expect_err("all wrong");
    for field in FIELDS {
        let prefix = format!("{}: expected", field.path);
        assert!(
            error
                .mistakes
                .iter()
                .any(|mistake| mistake.starts_with(&prefix)),
            "{} is not read: {error}",
            field.path
        );
    }
    assert_eq!(error.mistakes.len(), FIELDS.len());
}

#[test]
fn a_log_may_have_its_own_url() {
    let config =
        read("url = \"http://x\"\n[logs.two]\nurl = \"https://two.example\"").expect("valid");
    let name = |name| treering_api::log::LogName::new(name).expect("valid");
    assert_eq!(config.url_of(&name("two")).host(), "two.example");
    assert_eq!(config.url_of(&name("one")).host(), "x");
}

#[test]
fn archivista_is_told_its_keys() {
    use super::{KeyFile, UnknownKeys};
    let text = r#"
        url = "http://x"
        [archivista]
        keys = ["a.pem"]
        unknown_keys = "refuse"
        max_held_bytes = "2 MiB"
        hold_for = "1h"
        [[archivista.key]]
        file = "b.pem"
        key_ids = ["awskms:///alias/b"]
    "#;
    let archivista = read(text).expect("valid").archivista;
    let key = |file: &str, ids: &[&str]| KeyFile {
        file: file.into(),
        key_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    let expected = [key("a.pem", &[]), key("b.pem", &["awskms:///alias/b"])];
    assert_eq!(archivista.keys, expected);
    assert_eq!(archivista.unknown_keys, UnknownKeys::Refuse);
    assert_eq!(archivista.max_held_bytes, 2 << 20);
    assert_eq!(archivista.hold_for, Duration::from_secs(3600));

    let mut file = File::parse(Path::new("t.toml"), text).expect("TOML");
    let variable = "TREERING_SERVER_ARCHIVISTA_KEYS".to_owned();
    file.overlay([(variable, "c.pem, d.pem".to_owned())]);
    let archivista = Config::read(file).expect("valid").archivista;
    let files: Vec<_> = archivista.keys.iter().map(|key| &key.file).collect();
    assert_eq!(
        files,
        [Path::new("c.pem"), Path::new("d.pem"), Path::new("b.pem")]
    );
}

#[test]
fn what_archivista_cannot_be_told_is_a_mistake() {
    let many = "\"k\",".repeat(65);
    for (setting, message) in [
        ("keys = [1]", "archivista.keys: expected a list of files"),
        (
            "key = [{ file = \"a\", id = \"b\" }]",
            "archivista.key: expected tables",
        ),
        (
            "key = [{ key_ids = [] }]",
            "archivista.key: expected tables",
        ),
        (
            "unknown_keys = \"keep\"",
            "archivista.unknown_keys: expected \"hold\" or",
        ),
        (
            "hold_for = \"0s\"",
            "archivista.hold_for: expected more than 0s",
        ),
        (
            &format!("keys = [{many}]"),
            "archivista.keys: expected at most 64 keys, found 65",
        ),
    ] {
        let text = format!("url = \"http://x\"\n[archivista]\n{setting}");
        let error = read(&text).expect_err(setting);
        assert!(error.to_string().contains(message), "{setting}: {error}");
    }
}
